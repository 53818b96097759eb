"""Reads a topic, or its latest part, to its end as it was when the reading began.

No group is joined, nothing committed.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
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


Extent = dict[int, tuple[int, int]]
"""Partition → the first offset to read, and the one behind the last; none of them empty."""


@dataclass(frozen=True, slots=True)
class Span:
    """A part of a topic."""

    partition: int | None = None
    """None for all."""
    from_offset: int = 0
    until_offset: int | None = None

    def of(self, ends: Mapping[int, tuple[int, int]]) -> Extent:
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
    """Every message, in the order of each partition; none of those that are written meanwhile.

    Of a long topic, standard error tells now and then how far it is. Once `is_stopped`, nothing more comes.

    Raises:
        ConsumerError: There is no such topic, it may not be read, or the brokers fell silent.
    """
    with _reader(config, topic) as consumer:
        extent = span.of(_ends(consumer, topic))
        progress = _Progress(topic, size_of(extent))
        for message in _read(consumer, topic, extent, is_stopped):
            progress.tell_of_one_more()
            yield message


def extent_since(config: Config, topic: str, since_ms: int) -> Extent:
    """What was written since a time, in Unix milliseconds, until now: from the first message of that time or later on.

    Raises:
        ConsumerError: There is no such topic, or the brokers do not say.
    """
    with _reader(config, topic) as consumer:
        ends = _ends(consumer, topic)
        asked = [TopicPartition(topic, partition, since_ms) for partition in ends]
        starts = consumer.offsets_for_times(asked, timeout=_ANSWER_WITHIN_S)
        for each in starts:
            if each.error is not None:
                raise KafkaException(each.error)
        # Below nought: nothing so late stands there.
        found = {each.partition: (each.offset, ends[each.partition][1]) for each in starts if each.offset >= 0}
        return {partition: (start, end) for partition, (start, end) in found.items() if start < end}


def newest(extent: Extent, most: int) -> Extent:
    """At most so many offsets of it: of each partition the latest, in proportion to how many it has."""
    total = size_of(extent)
    if total <= most:
        return extent
    narrowed: Extent = {}
    before = 0
    for partition, (start, end) in extent.items():
        after = before + end - start
        # What is rounded off here is given to those that follow, so that the sum is right.
        share = most * after // total - most * before // total
        if share:
            narrowed[partition] = (end - share, end)
        before = after
    return narrowed


def size_of(extent: Extent) -> int:
    """How many offsets it has; not each need hold a message."""
    return sum(end - start for start, end in extent.values())


def read_extent(config: Config, topic: str, extent: Extent) -> Iterator[Message]:
    """Every message of it, in the order of each partition.

    Raises:
        ConsumerError: As of `read_topic`.
    """
    with _reader(config, topic) as consumer:
        yield from _read(consumer, topic, extent, lambda: False)


@contextmanager
def _reader(config: Config, topic: str) -> Iterator[Consumer]:
    consumer = Consumer(reader_properties(config), logger=kafka_logger())
    try:
        yield consumer
    except KafkaException as error:
        cause: KafkaError = error.args[0]
        raise ConsumerError(f"{topic} cannot be read: {cause.str()} ({cause.name()})") from error
    finally:
        consumer.close()


def _read(consumer: Consumer, topic: str, extent: Extent, is_stopped: Callable[[], bool]) -> Iterator[Message]:
    unfinished = set(extent)
    consumer.assign([TopicPartition(topic, partition, start) for partition, (start, _) in extent.items()])
    heard_s = time.monotonic()
    while unfinished and not is_stopped():
        # It waits that long unless so many come, also at the end.
        messages = consumer.consume(_AT_ONCE, _WAIT_S)
        if messages:
            heard_s = time.monotonic()
        elif time.monotonic() - heard_s > _SILENCE_S:
            raise ConsumerError(f"{topic}: nothing came for {_SILENCE_S:.0f} s, before its end; are its brokers well?")
        for message in messages:
            partition, offset = message.partition() or 0, message.offset() or 0
            error = message.error()
            if error is None:
                end = extent[partition][1]
                if offset < end:
                    yield message
                if offset >= end - 1:
                    unfinished.discard(partition)
            elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - librdkafka's own
                unfinished.discard(partition)
            else:
                raise KafkaException(error)


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

    def tell_of_one_more(self) -> None:
        self._read += 1
        if time.monotonic() >= self._tell_s:
            self._tell_s = time.monotonic() + _TELL_EVERY_S
            print(f"{self._topic}: {self._read:,} of some {self._offsets:,} messages read", file=sys.stderr)
