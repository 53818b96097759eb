"""Reads a topic from its start to its end, as it was when the reading began; no group is joined, nothing committed."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from consumer.config import Config
from consumer.errors import ConsumerError
from consumer.kafka_settings import reader_properties
from consumer.logs import kafka_logger

_ANSWER_WITHIN_S = 10.0
_SILENCE_S = 30.0
_WAIT_S = 0.1
_AT_ONCE = 1_000
_TELL_EVERY_S = 5.0


@dataclass(frozen=True, slots=True)
class Span:
    """A part of a topic."""

    partition: int | None = None
    """None for all."""
    from_offset: int = 0
    until_offset: int | None = None

    def of(self, ends: Mapping[int, tuple[int, int]]) -> dict[int, tuple[int, int]]:
        """Of partitions from a first offset to the one behind the last, what is meant of them and not empty."""
        meant = {
            partition: (max(start, self.from_offset), end if self.until_offset is None else min(end, self.until_offset))
            for partition, (start, end) in ends.items()
            if self.partition in (None, partition)
        }
        return {partition: (start, end) for partition, (start, end) in meant.items() if start < end}


_ALL = Span()


def read_topic(
    config: Config, topic: str, span: Span = _ALL, *, is_stopped: Callable[[], bool] = lambda: False
) -> Iterator[Message]:
    """Every message, in the order of each partition; what is written meanwhile may be among them or not.

    Of a long topic, standard error tells now and then how far it is. Once `is_stopped`, nothing more comes.

    Raises:
        ConsumerError: There is no such topic, it may not be read, or the brokers fell silent.
    """
    consumer = Consumer(reader_properties(config), logger=kafka_logger())
    try:
        yield from _read(consumer, topic, span, is_stopped)
    except KafkaException as error:
        cause: KafkaError = error.args[0]
        raise ConsumerError(f"{topic} cannot be read: {cause.str()} ({cause.name()})") from error
    finally:
        consumer.close()


def _read(consumer: Consumer, topic: str, span: Span, is_stopped: Callable[[], bool]) -> Iterator[Message]:
    ends = span.of(_ends(consumer, topic))
    unfinished = set(ends)
    progress = _Progress(topic, sum(end - start for start, end in ends.values()))
    consumer.assign([TopicPartition(topic, partition, start) for partition, (start, _) in ends.items()])
    heard_s = time.monotonic()
    while unfinished and not is_stopped():
        # It waits that long unless so many come, also at the end.
        messages = consumer.consume(_AT_ONCE, _WAIT_S)
        if messages:
            heard_s = time.monotonic()
        elif time.monotonic() - heard_s > _SILENCE_S:
            raise ConsumerError(f"{topic}: nothing came for {_SILENCE_S:.0f} s, before its end; are its brokers well?")
        for message in messages:
            partition, offset = message.partition(), message.offset()
            error = message.error()
            if error is None:
                progress.read_one()
                yield message
                if offset is not None and partition is not None and offset >= ends[partition][1] - 1:
                    unfinished.discard(partition)
            elif error.code() == KafkaError._PARTITION_EOF and partition is not None:  # noqa: SLF001 - librdkafka's own
                unfinished.discard(partition)
            else:
                raise KafkaException(error)
        progress.tell()


def _ends(consumer: Consumer, topic: str) -> dict[int, tuple[int, int]]:
    """Partition → first offset, and the one that the next message will get."""
    # All topics are asked for: asking for one may create it.
    found = consumer.list_topics(timeout=_ANSWER_WITHIN_S).topics.get(topic)
    if found is None or found.error is not None:
        raise ConsumerError(f"{topic} does not exist, or DESCRIBE is not allowed")
    ends = {}
    for partition in found.partitions:
        start, end = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=_ANSWER_WITHIN_S)
        ends[partition] = (start, end)
    return ends


class _Progress:
    """Tells on standard error, for people who wait."""

    def __init__(self, topic: str, offsets: int) -> None:
        self._topic = topic
        self._offsets = offsets
        self._read = 0
        self._tell_s = time.monotonic() + _TELL_EVERY_S

    def read_one(self) -> None:
        self._read += 1

    def tell(self) -> None:
        if time.monotonic() >= self._tell_s:
            self._tell_s = time.monotonic() + _TELL_EVERY_S
            print(f"{self._topic}: {self._read:,} of some {self._offsets:,} messages read", file=sys.stderr)
