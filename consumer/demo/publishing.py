"""Sends samples to Kafka, and notes in a manifest where each went and what must become of it."""

from __future__ import annotations

from functools import partial
from types import TracebackType
from typing import Any, BinaryIO, Protocol

import orjson
from confluent_kafka import KafkaError, Producer

from consumer.config import Kafka
from consumer.demo.samples import Fields, Sample
from consumer.errors import ConsumerError
from consumer.kafka_settings import producer_properties

_POLL_EVERY = 200
_FULL_WAIT_S = 0.1


class Encodes(Protocol):
    def encode(self, fields: Fields) -> bytes: ...


def new_producer(kafka: Kafka) -> Producer:
    """A producer for samples: idempotent, or a retry could store a record that the manifest does not know.

    It partitions as Java producers do, so that a key's partition is the one that a shop's own producer would take.
    """
    return Producer({"partitioner": "murmur2_random", **producer_properties(kafka)})


class Publisher:
    """Use it as a context manager: leaving waits until the broker has acknowledged everything or refused it.

    The manifest gets one JSON line per record, in the order of the acknowledgements: `topic`, `partition`, `offset`,
    `event_id` and `expect`. What is not in it is not known to be in the topic.

    Raises:
        ConsumerError: From `publish` or on leaving: the broker did not take a record.
    """

    def __init__(self, producer: Producer, encoder: Encodes, manifest: BinaryIO | None = None) -> None:
        self._producer = producer
        self._encoder = encoder
        self._manifest = manifest
        self._failure: KafkaError | None = None
        self._published = 0
        self.acknowledged = 0
        """How many records the broker has."""

    def publish(self, sample: Sample) -> None:
        """Hand one sample over; waits while librdkafka's queue is full."""
        delivered = partial(self._note, sample.event_id, sample.expect)
        value = value_of(sample, self._encoder)
        while True:
            self._raise_failure()
            try:
                self._producer.produce(
                    sample.topic, value, key=sample.key, headers=sample.headers, on_delivery=delivered
                )
                break
            except BufferError:
                self._producer.poll(_FULL_WAIT_S)
        self._published += 1
        if self._published % _POLL_EVERY == 0:
            self._producer.poll(0)

    def __enter__(self) -> Publisher:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._producer.flush()  # ends by itself: each record is acknowledged or given up after delivery.timeout.ms
        if self._manifest is not None:
            self._manifest.flush()
        if kind is None:
            self._raise_failure()

    def _note(self, event_id: str | None, expect: str | None, error: KafkaError | None, message: Any) -> None:
        if error is not None:
            self._failure = self._failure or error
            return
        self.acknowledged += 1
        if self._manifest is not None:
            line = {
                "topic": message.topic(),
                "partition": message.partition(),
                "offset": message.offset(),
                "event_id": event_id,
                "expect": expect,
            }
            self._manifest.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise ConsumerError(
                f"Kafka did not take a record: {self._failure.name()}; {self.acknowledged} before it are acknowledged, "
                "look after the brokers and the topic and produce again"
            )


def value_of(sample: Sample, encoder: Encodes) -> bytes | None:
    """The bytes to send; None for a tombstone."""
    if sample.fields is None:
        return sample.raw
    encoded = encoder.encode(sample.fields)
    return encoded[: len(encoded) // 2] if sample.is_cut else encoded
