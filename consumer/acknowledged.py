"""A producer whose messages settle records: each comes back once every replica in sync has it, and is tried until then.

What is wrong with a topic makes all that is meant for it wait, and one at a time finds out whether it is over. What is
wrong with a message (too large) makes that one smaller.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Set
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, Generic, Protocol, TypeVar

from confluent_kafka import KafkaError, KafkaException, Producer

from consumer.errors import ConfigError, FatalError
from consumer.records import Assignment, Headers, Record
from consumer.timing import Clock

_TOO_LARGE = frozenset({KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.INVALID_MSG_SIZE})
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
    headers: Headers = field(default_factory=list)


@dataclass(eq=False, slots=True)
class _Lane(Generic[ItemT]):
    """What is meant for one topic."""

    topic: str
    on_the_way: set[ItemT] = field(default_factory=set)
    kept: deque[ItemT] = field(default_factory=deque)
    """Those to be tried, or tried again, oldest first."""
    try_s: float = 0.0
    """Monotonic time before which none of them is to be tried."""
    is_refusing: bool = False
    """The last answer was a refusal, and something waits that will find out whether it is over."""

    @property
    def items(self) -> Iterator[ItemT]:
        return chain(self.on_the_way, self.kept)

    def look_whether_any_is_left(self) -> None:
        """With nothing left to try, nobody would ever find out that a refusal is over."""
        if not self.on_the_way and not self.kept:
            self.is_refusing = False


class Acknowledged(Generic[ItemT]):
    """Used by one thread; `poll` serves its callbacks.

    Args:
        properties: Of librdkafka's producer, with acks=all and idempotence.
        write: Makes an item's message, anew for each try. Its topic is always the same one.
        clock: For the spacing of retries.
        alarm: Told once whenever a topic begins to refuse items: which, and the client's error name.
        is_ours: Is this assignment still ours? Items of others are not tried again: the next owner makes its own.
        shrink: Makes an item that is too large smaller. False if that cannot be done, which is the same as None.

    Raises:
        ConfigError: librdkafka refuses a property.
    """

    def __init__(
        self,
        properties: dict[str, Any],
        *,
        write: Callable[[ItemT], Written],
        clock: Clock,
        alarm: Callable[[str, str], None],
        is_ours: Callable[[Assignment], bool],
        shrink: Callable[[ItemT], bool] | None = None,
    ) -> None:
        try:
            self._producer = Producer(properties)
        except KafkaException as error:
            raise ConfigError([f"kafka: the producer refuses its settings: {error.args[0].str()}"]) from error
        self._write = write
        self._clock = clock
        self._alarm = alarm
        self._is_ours = is_ours
        self._shrink = shrink
        self._lanes: dict[str, _Lane[ItemT]] = {}
        self._safe: list[ItemT] = []
        self._given_up: list[ItemT] = []

    def send(self, item: ItemT) -> None:
        """Write an item; it comes back from `poll` once it is safe.

        Raises:
            FatalError: The producer gave up.
        """
        written = self._write(item)
        lane = self._lanes.get(written.topic)
        if lane is None:
            lane = self._lanes[written.topic] = _Lane(written.topic)
        if lane.kept or lane.is_refusing:
            lane.kept.append(item)
        else:
            self._hand_over(lane, item, written)

    def poll(self) -> tuple[list[ItemT], list[ItemT]]:
        """Serve the producer.

        Returns:
            The items that are safe since the last call; and those that were refused since, after their assignment had
            ended, and are not tried again.

        Raises:
            FatalError: The producer gave up.
        """
        now_s = self._clock.monotonic_s()
        for lane in self._lanes.values():
            if lane.kept and now_s >= lane.try_s:
                self._try_again(lane)
        try:
            self._producer.poll(0)
        except KafkaException as error:
            raise FatalError(f"a producer gave up: {error.args[0].name()}") from error
        safe, self._safe = self._safe, []
        given_up, self._given_up = self._given_up, []
        return safe, given_up

    @property
    def is_refusing(self) -> bool:
        """Does a topic refuse what is meant for it?"""
        return any(lane.is_refusing for lane in self._lanes.values())

    @property
    def waiting(self) -> int:
        """Items not yet safe."""
        return sum(len(lane.on_the_way) + len(lane.kept) for lane in self._lanes.values())

    def under_way(self, assignments: set[Assignment]) -> list[ItemT]:
        """The items for records of these assignments that are not safe yet."""
        return [item for item in self._items() if item.record.assignment in assignments]

    def find(self, records: Set[Record]) -> Iterator[ItemT]:
        """The items for these records that are not safe yet."""
        return (item for item in self._items() if item.record in records)

    def abandon(self, assignments: set[Assignment]) -> list[ItemT]:
        """Give up the items of these assignments that the producer does not have; returns them."""
        gone = []
        for lane in self._lanes.values():
            gone += [item for item in lane.kept if item.record.assignment in assignments]
            lane.kept = deque(item for item in lane.kept if item.record.assignment not in assignments)
            lane.look_whether_any_is_left()
        return gone

    def close(self) -> None:
        """Drop what is not written yet; its records were not settled, so they are read again."""
        self._producer.purge()

    def _items(self) -> Iterator[ItemT]:
        return chain.from_iterable(lane.items for lane in self._lanes.values())

    def _try_again(self, lane: _Lane[ItemT]) -> None:
        if not lane.is_refusing:
            while lane.kept and self._hand_over_first(lane):
                pass
        elif not lane.on_the_way:
            # Tens of thousands may be kept, and each refusal costs time.
            self._hand_over_first(lane)

    def _hand_over_first(self, lane: _Lane[ItemT]) -> bool:
        item = lane.kept.popleft()
        return self._hand_over(lane, item, self._write(item))

    def _hand_over(self, lane: _Lane[ItemT], item: ItemT, written: Written) -> bool:
        """Give it to the producer. False if nothing more should be given now."""
        lane.on_the_way.add(item)
        try:
            self._producer.produce(
                written.topic,
                key=written.key,
                value=written.value,
                headers=written.headers,  # type: ignore[arg-type]  # a list is invariant, and header values may be text too
                on_delivery=lambda error, _: self._delivered(lane, item, error),
            )
        except BufferError:  # the producer's own queue is full, which is nobody's refusal
            lane.on_the_way.remove(item)
            lane.kept.appendleft(item)
            return False
        except KafkaException as error:
            self._refused(lane, item, error.args[0])
            return False
        return True

    def _delivered(self, lane: _Lane[ItemT], item: ItemT, error: KafkaError | None) -> None:
        if error is not None:
            self._refused(lane, item, error)
            return
        lane.on_the_way.remove(item)
        lane.is_refusing = False
        self._safe.append(item)

    def _refused(self, lane: _Lane[ItemT], item: ItemT, error: KafkaError) -> None:
        if error.fatal() or error.code() == KafkaError._FATAL:  # noqa: SLF001 - librdkafka's own code
            raise FatalError(f"a producer gave up: {error.name()}")
        lane.on_the_way.remove(item)
        if not self._is_ours(item.record.assignment):
            self._given_up.append(item)
            lane.look_whether_any_is_left()
            return
        if error.code() in _TOO_LARGE and self._shrink is not None and self._shrink(item):
            lane.kept.appendleft(item)
            return
        lane.kept.append(item)
        lane.try_s = self._clock.monotonic_s() + _RETRY_S
        if not lane.is_refusing:
            lane.is_refusing = True
            self._alarm(lane.topic, error.name())
