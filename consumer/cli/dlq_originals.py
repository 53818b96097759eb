"""Fetches the record that a letter only refers to from its own topic, if it still stands there."""

from __future__ import annotations

import time
from types import TracebackType

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka import Message as KafkaMessage

from consumer.cli.dlq_topics import said_by
from consumer.config import Config
from consumer.errors import ConsumerError
from consumer.kafka_settings import reader_properties
from consumer.letters import Origin
from consumer.logs import kafka_logger
from consumer.records import Message

_ANSWER_WITHIN_S = 10.0
_NO_SUCH = {
    KafkaError.UNKNOWN_TOPIC_OR_PART,
    KafkaError._UNKNOWN_TOPIC,  # noqa: SLF001 - librdkafka's own codes begin with an underscore
    KafkaError._UNKNOWN_PARTITION,  # noqa: SLF001
}


class Originals:
    """Reads single records; joins no group, commits nothing. A context manager."""

    def __init__(self, settings: Config) -> None:
        # One record is wanted at a time: what else comes along is thrown away.
        narrow = {"queued.min.messages": 1, "fetch.message.max.bytes": 65_536}
        self._consumer = Consumer(reader_properties(settings) | narrow, logger=kafka_logger())

    def __enter__(self) -> Originals:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._consumer.close()

    def of(self, origin: Origin) -> Message | None:
        """The record at that position; None if it is gone, or if another one stands there now.

        Raises:
            ConsumerError: The brokers do not say.
        """
        place = TopicPartition(origin.topic, origin.partition, origin.offset)
        try:
            start, end = self._consumer.get_watermark_offsets(place, timeout=_ANSWER_WITHIN_S)
            if not start <= origin.offset < end:
                return None
            self._consumer.assign([place])
            message = self._next(origin)
        except KafkaException as error:
            if error.args[0].code() in _NO_SUCH:
                return None
            raise ConsumerError(f"{origin.topic} cannot be read: {said_by(error)}") from error
        finally:
            self._consumer.unassign()
        is_the_one = message is not None and message.offset() == origin.offset and _time_of(message) == origin.timestamp
        return message if is_the_one else None

    def _next(self, origin: Origin) -> KafkaMessage | None:
        """The first one from there on; None if none is left."""
        deadline_s = time.monotonic() + _ANSWER_WITHIN_S
        while time.monotonic() < deadline_s:
            message = self._consumer.poll(0.1)
            if message is None:
                continue
            error = message.error()
            if error is None:
                return message
            if error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001
                return None
            raise KafkaException(error)
        raise ConsumerError(f"{origin.topic}: nothing came for {_ANSWER_WITHIN_S:.0f} s; are its brokers well?")


def _time_of(message: KafkaMessage) -> str:
    """As the letter's header has it: a topic that was made anew has other records at the same offsets."""
    return str(message.timestamp()[1])
