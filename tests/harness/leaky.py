"""The consumer with a Kafka client that loses messages: `LEAK=<partition>:<offset> python -m tests.harness.leaky run`.

What an exception inside `consume` does to a batch that was fetched already, and any defect of the client may do: a
message is taken from the broker, handed to nobody, and nothing is raised. Of the first topic of that partition number.
"""

from __future__ import annotations

import os
from typing import Any

from confluent_kafka import Consumer, Message

from consumer.cli import main
from consumer.stages import source

PARTITION, OFFSET = map(int, os.environ["LEAK"].split(":"))


class LeakyConsumer(Consumer):
    """Fetches everything, and destroys one message on the way to its caller."""

    def consume(self, *arguments: Any, **named: Any) -> list[Message]:
        messages = super().consume(*arguments, **named)
        return [m for m in messages if m.error() is not None or (m.partition(), m.offset()) != (PARTITION, OFFSET)]


if __name__ == "__main__":
    setattr(source, "Consumer", LeakyConsumer)  # noqa: B010 - what the module imports is not its to export
    main()
