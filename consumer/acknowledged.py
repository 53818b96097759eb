"""A producer whose messages settle records: each comes back once every replica in sync has it, and is tried until then.

What is wrong with the topic makes all of them wait, and one at a time finds out whether it is over.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from confluent_kafka import KafkaError, KafkaException, Producer

from consumer.errors import ConfigError, FatalError
from consumer.records import Assignment, Record
from consumer.timing import Clock

_RETRY_S = 1.0


class OfRecord(Protocol):
    """Something that settles a record; told apart from others by identity."""

    @property
    def record(self) -> Record: ...


ItemT = TypeVar("ItemT", bound=OfRecord)


@dataclass(frozen=True, slots=True)
class Written:
    """An item as Kafka gets it."""

    topic: str
    key: bytes | None
    value: bytes | None


class Acknowledged(Generic[ItemT]):
    """Used by one thread; `poll` serves its callbacks.

    Args:
        properties: Of librdkafka's producer, with acks=all and idempotence.
        write: Makes an item's message, anew for each try.
        clock: For the spacing of retries.
        alarm: Told once whenever items begin to be refused, with the client's error name.
        is_ours: Is this assignment still ours? Items of others are not tried again: the next owner makes its own.

    Raises:
        ConfigError: librdkafka refuses a property.
    """

    def __init__(
        self,
        properties: dict[str, Any],
        *,
        write: Callable[[ItemT], Written],
        clock: Clock,
        alarm: Callable[[str], None],
        is_ours: Callable[[Assignment], bool],
    ) -> None:
        try:
            self._producer = Producer(properties)
        except KafkaException as error:
            raise ConfigError([f"kafka: the producer refuses its settings: {error.args[0].str()}"]) from error
        self._write = write
        self._clock = clock
        self._alarm = alarm
        self._is_ours = is_ours
        self._on_the_way: set[ItemT] = set()
        self._kept: deque[ItemT] = deque()
        """Those to be tried, or tried again, oldest first."""
        self._try_s = 0.0
        self._safe: list[ItemT] = []
        self._given_up: list[ItemT] = []
        self.is_refusing = False
        """The last answer was a refusal, and something waits that will find out whether it is over."""

    def send(self, item: ItemT) -> None:
        """Write an item; it comes back from `poll` once it is safe.

        Raises:
            FatalError: The producer gave up.
        """
        if self._kept or self.is_refusing:
            self._kept.append(item)
        else:
            self._hand_over(item)

    def poll(self) -> tuple[list[ItemT], list[ItemT]]:
        """Serve the producer.

        Returns:
            The items that are safe since the last call; and those that were refused since, after their assignment had
            ended, and are not tried again.

        Raises:
            FatalError: The producer gave up.
        """
        if self._kept and self._clock.monotonic_s() >= self._try_s:
            self._try_again()
        try:
            self._producer.poll(0)
        except KafkaException as error:
            raise FatalError(f"a producer gave up: {error.args[0].name()}") from error
        safe, self._safe = self._safe, []
        given_up, self._given_up = self._given_up, []
        return safe, given_up

    @property
    def waiting(self) -> int:
        """Items not yet safe."""
        return len(self._on_the_way) + len(self._kept)

    def under_way(self, assignments: set[Assignment]) -> list[ItemT]:
        """The items for records of these assignments that are not safe yet."""
        return [item for item in (*self._on_the_way, *self._kept) if item.record.assignment in assignments]

    def abandon(self, assignments: set[Assignment]) -> list[ItemT]:
        """Give up the items of these assignments that the producer does not have; returns them."""
        gone = [item for item in self._kept if item.record.assignment in assignments]
        self._kept = deque(item for item in self._kept if item.record.assignment not in assignments)
        self._look_whether_any_is_left()
        return gone

    def close(self) -> None:
        """Drop what is not written yet; its records were not settled, so they are read again."""
        self._producer.purge()

    def _try_again(self) -> None:
        if not self.is_refusing:
            while self._kept and self._hand_over(self._kept.popleft()):
                pass
        elif not self._on_the_way:
            # Tens of thousands may be kept, and each refusal costs time.
            self._hand_over(self._kept.popleft())

    def _hand_over(self, item: ItemT) -> bool:
        """Give it to the producer. False if nothing more should be given now."""
        written = self._write(item)
        self._on_the_way.add(item)
        try:
            self._producer.produce(
                written.topic,
                key=written.key,
                value=written.value,
                on_delivery=lambda error, _: self._delivered(item, error),
            )
        except BufferError:  # the producer's own queue is full, which is nobody's refusal
            self._on_the_way.remove(item)
            self._kept.appendleft(item)
            return False
        except KafkaException as error:
            self._refused(item, error.args[0])
            return False
        return True

    def _delivered(self, item: ItemT, error: KafkaError | None) -> None:
        if error is not None:
            self._refused(item, error)
            return
        self._on_the_way.remove(item)
        self.is_refusing = False
        self._safe.append(item)

    def _refused(self, item: ItemT, error: KafkaError) -> None:
        if error.fatal() or error.code() == KafkaError._FATAL:  # noqa: SLF001 - librdkafka's own code
            raise FatalError(f"a producer gave up: {error.name()}")
        self._on_the_way.remove(item)
        if not self._is_ours(item.record.assignment):
            self._given_up.append(item)
            self._look_whether_any_is_left()
            return
        self._kept.append(item)
        self._try_s = self._clock.monotonic_s() + _RETRY_S
        if not self.is_refusing:
            self.is_refusing = True
            self._alarm(error.name())

    def _look_whether_any_is_left(self) -> None:
        if not self.waiting:
            self.is_refusing = False
