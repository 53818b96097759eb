"""A real Apache Kafka for the tests: `jars.py` obtains it, `brokers.py` runs it."""
