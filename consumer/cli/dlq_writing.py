"""Writes replays: acknowledged by all replicas in sync, at a bounded rate, and never beside another replay."""

from __future__ import annotations

import sys
import time

from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka import Message as KafkaMessage

from consumer.config import Kafka
from consumer.errors import ConsumerError
from consumer.kafka_settings import producer_properties
from consumer.logs import kafka_logger
from consumer.records import Headers

_TELL_EVERY_S = 5.0
_FLUSH_S = 60.0
PARTITION_UA = -1
"""Whichever the key leads to. Source: librdkafka's RD_KAFKA_PARTITION_UA."""


class ReplayWriter:
    """Writes to Kafka until something speaks against it.

    Args:
        kafka: Where.
        rate: Most letters a second.
        total: How many are to be written, for telling how long it will take.
        ends: Partition → the offset that the first write to the replay topic will get. Everything is ours from there
            on, or else somebody else replays at the same time, whom we know nothing of; None if it does not matter.
    """

    def __init__(self, kafka: Kafka, *, rate: float, total: int, ends: dict[int, int] | None) -> None:
        self._producer = Producer(producer_properties(kafka), logger=kafka_logger())
        self._rate = rate
        self._total = total
        self._ends = ends
        self._began_s = self._told_s = time.monotonic()
        self._sent = 0
        self._failure: str | None = None
        self.written = 0
        """Acknowledged by now."""

    def write(
        self, topic: str, *, key: bytes | None, value: bytes | None, headers: Headers, partition: int = PARTITION_UA
    ) -> None:
        """Hand one over, when its turn has come.

        Raises:
            ConsumerError: One of those before could not be written; this one was not handed over.
        """
        self._wait_until(self._began_s + self._sent / self._rate)
        while True:
            self._complain()
            try:
                self._producer.produce(
                    topic,
                    key=key,
                    value=value,
                    headers=headers,  # type: ignore[arg-type]  # a list is invariant, and header values may be text too
                    partition=partition,
                    on_delivery=self._delivered,
                )
            except BufferError:
                self._producer.poll(0.1)
                continue
            except KafkaException as error:
                raise ConsumerError(self._refused(topic, error.args[0])) from error
            self._sent += 1
            return

    def finish(self) -> None:
        """Wait for the acknowledgement of all that was handed over.

        Raises:
            ConsumerError: Some were not acknowledged.
        """
        left = self._producer.flush(_FLUSH_S)
        self._complain()
        if left:
            raise ConsumerError(f"{left:,} of the letters were not acknowledged within {_FLUSH_S:.0f} s; run it again")

    def _wait_until(self, due_s: float) -> None:
        self._producer.poll(0)
        while (wait_s := due_s - time.monotonic()) > 0:
            self._producer.poll(wait_s)
        if (now_s := time.monotonic()) - self._told_s >= _TELL_EVERY_S:
            self._told_s = now_s
            speed = self.written / (now_s - self._began_s)
            left_s = f"{(self._total - self.written) / speed:.0f} s left" if speed else "waiting"
            print(f"{self.written:,} of {self._total:,} letters replayed, {speed:.0f}/s, {left_s}", file=sys.stderr)

    def _delivered(self, error: KafkaError | None, message: KafkaMessage) -> None:
        topic, partition, offset = message.topic() or "", message.partition(), message.offset()
        if error is not None:
            self._failure = self._failure or self._refused(topic, error)
            return
        self.written += 1
        # A repeated request may be acknowledged without an offset.
        if self._ends is None or partition is None or offset is None or offset < 0:
            return
        if offset != self._ends.setdefault(partition, 0):
            self._failure = self._failure or (
                f"{topic}: something else writes there at the same time. If it is another replay, letters may have "
                "been written twice since this one began: let only one run, then run it again"
            )
        self._ends[partition] = offset + 1

    def _complain(self) -> None:
        if self._failure is not None:
            raise ConsumerError(self._failure)

    @staticmethod
    def _refused(topic: str, error: KafkaError) -> str:
        return f"{topic} does not take a letter: {error.str()} ({error.name()}); mend that, then run it again"
