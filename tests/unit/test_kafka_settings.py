"""Properties for each kind of client; librdkafka itself is asked whether it has anything to say against them."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient

from consumer.config import Config
from consumer.kafka_settings import (
    CONSUMER_ONLY,
    PRODUCER_ONLY,
    client_properties,
    consumer_properties,
    producer_properties,
)

# Of every kind of value one that librdkafka takes.
SUITABLE = {
    "check.crcs": "true",
    "compression.codec": "gzip",
    "compression.level": "5",
    "compression.type": "gzip",
    "fetch.max.bytes": "52428800",
    "group.protocol.type": "consumer",
    "max.poll.interval.ms": "400000",
    "linger.ms": "5",
    "partitioner": "murmur2_random",
    "queue.buffering.max.ms": "5",
    "queue.buffering.backpressure.threshold": "1",
    "queued.min.messages": "1000",
    "session.timeout.ms": "45000",
    "transaction.timeout.ms": "60000",
}
# librdkafka warns of these in the right client too: experimental, of no effect, or for another group protocol.
WARNED_OF_ANYWAY = {"enable.gapless.guarantee", "produce.offset.report", "queuing.strategy", "group.remote.assignor"}


def config(**kafka: Any) -> Config:
    return Config.model_validate(
        {"kafka": {"bootstrap_servers": "127.0.0.1:1", **kafka}, "schema_registry": {"url": "http://localhost:8081"}}
    )


@pytest.fixture
def complaints() -> Iterator[tuple[logging.Logger, list[str]]]:
    """A logger for librdkafka, and what it said of the configuration."""
    lines: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if "CONF" in record.getMessage():
                lines.append(record.getMessage())

    logger = logging.getLogger("test_kafka_settings")
    handler = Keep()
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    yield logger, lines
    logger.removeHandler(handler)


def test_librdkafka_has_nothing_against_any_kind_of_client(complaints: tuple[logging.Logger, list[str]]) -> None:
    logger, lines = complaints
    every = CONSUMER_ONLY | PRODUCER_ONLY
    settings = config(properties={name: SUITABLE.get(name, "1000") for name in every - WARNED_OF_ANYWAY})

    consumer = Consumer(consumer_properties(settings), logger=logger)
    producer = Producer(producer_properties(settings.kafka), logger=logger)
    admin = AdminClient(client_properties(settings.kafka), logger=logger)
    consumer.poll(0)
    producer.poll(0)
    admin.poll(0)
    consumer.close()

    assert lines == []


@pytest.mark.parametrize("name", sorted(CONSUMER_ONLY))
def test_what_suits_a_consumer_alone_reaches_no_other(name: str) -> None:
    settings = config(properties={name: "7"})

    assert consumer_properties(settings)[name] == "7"
    assert producer_properties(settings.kafka).get(name) is None
    assert client_properties(settings.kafka).get(name) is None


@pytest.mark.parametrize("name", sorted(PRODUCER_ONLY))
def test_what_suits_a_producer_alone_reaches_no_other(name: str) -> None:
    settings = config(properties={name: "7"})

    assert "7" in producer_properties(settings.kafka).values()
    assert "7" not in consumer_properties(settings).values()
    assert "7" not in client_properties(settings.kafka).values()


def test_offsets_are_ours_alone_and_a_missing_position_is_no_reset() -> None:
    properties = consumer_properties(config())

    assert properties["enable.auto.commit"] == properties["enable.auto.offset.store"] == "false"
    assert properties["auto.offset.reset"] == "error"
    assert properties["enable.partition.eof"] == "true"
    assert properties["isolation.level"] == "read_committed"


def test_a_letter_is_acknowledged_by_every_replica_and_written_once() -> None:
    properties = producer_properties(config().kafka)

    assert (properties["acks"], properties["enable.idempotence"]) == ("all", "true")


def test_the_classic_protocol_alone_has_a_strategy() -> None:
    assert consumer_properties(config())["partition.assignment.strategy"] == "cooperative-sticky"
    assert "partition.assignment.strategy" not in consumer_properties(config(group_protocol="consumer"))


def test_a_static_member_has_a_name() -> None:
    assert "group.instance.id" not in consumer_properties(config())
    assert consumer_properties(config(instance_id="pod-0"))["group.instance.id"] == "pod-0"


def test_a_rehearsal_joins_a_group_of_its_own() -> None:
    settings = Config.model_validate(config().model_dump() | {"pinterest": {"test": True}})

    assert consumer_properties(settings)["group.id"] == "pinterest-conversions-test"


def test_security_has_keys_of_its_own() -> None:
    settings = config(
        security_protocol="SASL_SSL",
        sasl_mechanism="SCRAM-SHA-512",
        sasl_username="conversions",
        sasl_password="p",
        ssl_ca_file="/etc/ca.pem",
    )

    properties = client_properties(settings.kafka)

    assert {
        name: value for name, value in properties.items() if name.startswith(("s", "ssl")) and "soc" not in name
    } == {
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": "conversions",
        "sasl.password": "p",
        "ssl.ca.location": "/etc/ca.pem",
    }


@pytest.mark.parametrize(
    ("name", "ours"),
    [("compression.codec", "compression.type"), ("message.timeout.ms", "delivery.timeout.ms")],
)
def test_the_operators_word_replaces_ours_by_whatever_name(name: str, ours: str) -> None:
    properties = producer_properties(config(properties={name: "7"}).kafka)

    assert properties[ours] == "7"
    assert name not in properties


def test_booleans_are_in_librdkafkas_spelling() -> None:
    assert (
        client_properties(config(properties={"allow.auto.create.topics": True}).kafka)["allow.auto.create.topics"]
        == "true"
    )


def test_a_topic_that_is_made_while_we_run_is_noticed_soon_or_as_the_operator_says() -> None:
    soon = consumer_properties(config())
    late = consumer_properties(config(properties={"topic.metadata.refresh.interval.ms": 300_000}))

    assert int(soon["topic.metadata.refresh.interval.ms"]) <= 30_000
    assert late["topic.metadata.refresh.interval.ms"] == "300000"
