"""Writes replays: acknowledged by all replicas in sync, at a bounded rate, and never beside another replay."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka import Message as KafkaMessage

from consumer.config import Kafka
from consumer.errors import ConsumerError
from consumer.kafka_settings import producer_properties
from consumer.logs import kafka_logger
from consumer.records import Headers

_TELL_EVERY_S = 5.0
_FLUSH_S = 60.0
_DEAF_S = 0.1  # while the client waits, signals are not heard
_TOO_LARGE = {KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.INVALID_MSG_SIZE, KafkaError.RECORD_LIST_TOO_LARGE}
PARTITION_UA = -1
"""Whichever the key leads to. Source: librdkafka's RD_KAFKA_PARTITION_UA."""


class Ends:
    """Where the replay topic ends if nobody else writes there: another replay at the same time knows nothing of ours.

    Args:
        ask: Partition → offset that the next message will get; asked at once.
    """

    def __init__(self, ask: Callable[[], dict[int, int]]) -> None:
        self._ask = ask
        self._expected = ask()

    def is_ours_alone(self, partition: int, offset: int | None) -> bool:
        """Take note of a write that was acknowledged; does it stand where it would without anybody else?"""
        expected = self._expected.get(partition, 0)
        # A repeated request may be acknowledged without an offset.
        taken = expected if offset is None or offset < 0 else offset
        self._expected[partition] = taken + 1
        return taken == expected

    def were_ours_alone(self) -> bool:
        """After all writes: did nobody else write, to partitions that we did not write to either?"""
        return all(end <= self._expected.get(partition, 0) for partition, end in self._ask().items())


class Pace:
    """Turns that are at least so long apart as the rate has it; time that was lost is not made up for."""

    def __init__(self, rate: float) -> None:
        self._apart_s = 1 / rate
        self._due_s: float | None = None

    def next_s(self, now_s: float) -> float:
        """When the next turn is."""
        self._due_s = now_s if self._due_s is None else max(now_s, self._due_s + self._apart_s)
        return self._due_s


class ReplayWriter:
    """Writes to Kafka until something speaks against it.

    Args:
        kafka: Where.
        rate: Most letters a second.
        total: How many are to be written, for telling how long it will take.
        ends: Of the replay topic; None if it does not matter who else writes.
        then: What to do once a failure is mended.
    """

    def __init__(self, kafka: Kafka, *, rate: float, total: int, ends: Ends | None, then: str) -> None:
        # Brokers measure a batch as a whole: with one letter in each, a refusal is of that letter alone.
        properties = producer_properties(kafka) | {"batch.num.messages": 1}
        self._producer = Producer(properties, logger=kafka_logger())
        self._pace = Pace(rate)
        self._total = total
        self._ends = ends
        self._then = then
        self._began_s = self._told_s = time.monotonic()
        self._failure: str | None = None
        self.written = 0
        """Acknowledged by now."""
        self.too_large = 0
        """Refused for their size by now."""

    def write(
        self,
        topic: str,
        *,
        key: bytes | None,
        value: bytes | None,
        headers: Headers,
        done: Callable[[], None],
        partition: int = PARTITION_UA,
    ) -> None:
        """Hand one over, when its turn has come; `done` is called once it is acknowledged, or refused for its size.

        Raises:
            ConsumerError: One of those before could not be written; this one was not handed over.
        """
        self._wait_until(self._pace.next_s(time.monotonic()))
        while True:
            self._complain()
            try:
                self._producer.produce(
                    topic,
                    key=key,
                    value=value,
                    headers=headers,  # type: ignore[arg-type]  # a list is invariant, and header values may be text too
                    partition=partition,
                    on_delivery=lambda error, message: self._delivered(topic, error, message, done),
                )
            except BufferError:
                self._producer.poll(0.1)
                continue
            except KafkaException as error:
                self._failed(topic, error.args[0], done)
                self._complain()
            return

    def finish(self) -> None:
        """Wait for the acknowledgement of all that was handed over.

        Raises:
            ConsumerError: Some were not acknowledged, or somebody else wrote meanwhile.
        """
        deadline_s = time.monotonic() + _FLUSH_S
        while (left := self._producer.flush(_DEAF_S)) and time.monotonic() < deadline_s:
            pass
        self._complain()
        if left:
            raise ConsumerError(f"{left:,} of the letters were not acknowledged within {_FLUSH_S:.0f} s; {self._then}")
        if self._ends is not None and not self._ends.were_ours_alone():
            raise ConsumerError(self._not_alone())

    def _wait_until(self, due_s: float) -> None:
        self._producer.poll(0)
        while (wait_s := due_s - time.monotonic()) > 0:
            self._producer.poll(min(wait_s, _DEAF_S))
        if (now_s := time.monotonic()) - self._told_s >= _TELL_EVERY_S:
            self._told_s = now_s
            speed = self.written / (now_s - self._began_s)
            left_s = f"{(self._total - self.written) / speed:.0f} s left" if speed else "waiting"
            print(f"{self.written:,} of {self._total:,} letters replayed, {speed:.0f}/s, {left_s}", file=sys.stderr)

    def _delivered(self, topic: str, error: KafkaError | None, message: KafkaMessage, done: Callable[[], None]) -> None:
        if error is not None:
            self._failed(topic, error, done)
            return
        self.written += 1
        done()
        partition = message.partition()
        if (
            self._ends is not None
            and partition is not None
            and not self._ends.is_ours_alone(partition, message.offset())
        ):
            self._failure = self._failure or self._not_alone()

    def _failed(self, topic: str, error: KafkaError, done: Callable[[], None]) -> None:
        if error.code() in _TOO_LARGE:  # which the next one need not be
            self.too_large += 1
            done()
        else:
            refused = f"{topic} does not take a letter: {error.str()} ({error.name()}); mend that, then {self._then}"
            self._failure = self._failure or refused

    def _complain(self) -> None:
        if self._failure is not None:
            raise ConsumerError(self._failure)

    def _not_alone(self) -> str:
        return (
            "something else writes to the replay topic at the same time. If it is another replay, letters may have "
            f"been written twice since this one began: let only one run, then {self._then}"
        )
