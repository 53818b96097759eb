"""Publishing samples: against the embedded broker, read back by a consumer of its own."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from io import BytesIO
from typing import Any

import orjson
import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, Message, Producer, TopicPartition

from consumer.config import Kafka
from consumer.demo.broker import ApiKey, EmbeddedBroker
from consumer.demo.encoding import SampleEncoder
from consumer.demo.publishing import Publisher, new_producer, value_of
from consumer.demo.samples import Rules, Sample
from consumer.demo.traffic import orders
from consumer.errors import ConsumerError

PARTITIONS = 4  # of a topic that the embedded broker made because a client asked for it
ENCODER = SampleEncoder("order", schema_id=7)


@pytest.fixture(scope="module")
def broker() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker() as broker:
        yield broker


@pytest.fixture(scope="module")
def producer(broker: EmbeddedBroker) -> Producer:
    return new_producer(Kafka(bootstrap_servers=broker.bootstrap_servers))


@pytest.fixture
def topic(request: pytest.FixtureRequest) -> str:
    """One of the test's own."""
    return str(request.node.name)


def samples_of(topic: str, count: int) -> list[Sample]:
    return list(orders(count, seed=1, accounts=3, now=datetime.now(UTC), rules=Rules(), topic=topic))


def publish(producer: Producer, samples: list[Sample], manifest: BytesIO) -> Publisher:
    with Publisher(producer, ENCODER, manifest) as publisher:
        for sample in samples:
            publisher.publish(sample)
    return publisher


def stored(broker: EmbeddedBroker, topic: str, count: int) -> dict[tuple[int, int], Message]:
    """`count` messages of the topic by partition and offset, and a proof that no more are there."""
    consumer = Consumer(
        {
            "bootstrap.servers": broker.bootstrap_servers,
            "group.id": "reader",
            "fetch.wait.max.ms": 5,
            "check.crcs": True,
        }
    )
    try:
        consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING) for partition in range(PARTITIONS)])
        messages = consumer.consume(count, timeout=10)
        ends = [consumer.get_watermark_offsets(TopicPartition(topic, p), timeout=5)[1] for p in range(PARTITIONS)]
    finally:
        consumer.close()
    assert sum(ends) == len(messages) == count
    return {(message.partition() or 0, message.offset() or 0): message for message in messages}


def lines_of(manifest: BytesIO) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in manifest.getvalue().splitlines()]


def test_every_record_arrives_once_and_the_manifest_says_where(
    broker: EmbeddedBroker, producer: Producer, topic: str
) -> None:
    samples, manifest = samples_of(topic, 400), BytesIO()

    publisher = publish(producer, samples, manifest)

    lines = lines_of(manifest)
    messages = stored(broker, topic, 400)
    assert publisher.acknowledged == 400
    assert {(line["partition"], line["offset"]) for line in lines} == messages.keys()
    by_key = {sample.key: sample for sample in samples}
    for line in lines:
        message = messages[line["partition"], line["offset"]]
        sample = by_key.pop(message.key() or b"")
        assert message.value() == value_of(sample, ENCODER)
        assert message.headers() == sample.headers
        assert line == {
            "topic": topic,
            "partition": message.partition(),
            "offset": message.offset(),
            "event_id": sample.event_id,
            "expect": sample.expect,
        }
    assert by_key == {}


def test_a_tombstone_is_a_null_and_not_an_empty_value(broker: EmbeddedBroker, producer: Producer, topic: str) -> None:
    nothing = Sample(topic, b"k", [], None, event_id=None, expect="skipped:tombstone")
    empty = Sample(topic, b"k", [], None, event_id=None, expect="dead_lettered:undecodable", raw=b"")

    publish(producer, [nothing, empty], BytesIO())

    assert [message.value() for message in stored(broker, topic, 2).values()] == [None, b""]


def test_a_key_goes_where_java_producers_put_it(broker: EmbeddedBroker, producer: Producer, topic: str) -> None:
    """Known answers: `Utils.toPositive(Utils.murmur2(key)) % 4`. Source: Apache Kafka, UtilsTest.testMurmur2."""
    known = {b"21": -973932308, b"foobar": -790332482, b"a-little-bit-long-string": -985981536}
    samples = [Sample(topic, key, [], None, event_id=None, expect=None) for key in known]

    publish(producer, samples, BytesIO())

    found = {message.key(): message.partition() for message in stored(broker, topic, 3).values()}
    assert found == {key: (hashed & 0x7FFFFFFF) % PARTITIONS for key, hashed in known.items()}


def test_a_full_queue_makes_it_wait_and_loses_nothing(broker: EmbeddedBroker, topic: str) -> None:
    manifest = BytesIO()

    kafka = Kafka(bootstrap_servers=broker.bootstrap_servers, properties={"queue.buffering.max.messages": 10})

    publish(new_producer(kafka), samples_of(topic, 300), manifest)

    assert len(lines_of(manifest)) == len(stored(broker, topic, 300)) == 300


def test_a_record_that_the_broker_refuses_is_no_line_and_an_error(
    broker: EmbeddedBroker, producer: Producer, topic: str
) -> None:
    manifest = BytesIO()
    broker.push_errors(ApiKey.PRODUCE, [KafkaError.TOPIC_AUTHORIZATION_FAILED])

    with pytest.raises(ConsumerError, match="TOPIC_AUTHORIZATION_FAILED"):
        publish(producer, samples_of(topic, 1), manifest)

    assert lines_of(manifest) == []


def test_an_error_of_the_caller_is_not_hidden_and_what_was_published_is_still_noted(
    producer: Producer, topic: str
) -> None:
    manifest = BytesIO()
    unfit = Sample(topic, b"k", [], {"status": "PLACED"}, event_id=None, expect=None)

    with pytest.raises(TypeError, match="must be string"):
        publish(producer, [*samples_of(topic, 1), unfit], manifest)

    assert len(lines_of(manifest)) == 1


def test_half_a_record_is_sent_where_a_sample_says_so() -> None:
    sample = samples_of("orders", 1)[0]
    whole = value_of(sample, ENCODER)
    sample.is_cut = True

    half = value_of(sample, ENCODER)

    assert whole is not None
    assert half == whole[: len(whole) // 2]
