"""Dead-letters: writes a failed record, byte for byte, to the dead-letter topic, with headers that say why.

A record counts as settled only once every in-sync replica has its letter. What is wrong with the topic holds the
record here for another try; what is wrong with the letter (too large) makes the letter smaller.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Set
from dataclasses import dataclass, field
from enum import IntEnum
from itertools import chain
from typing import Any, Literal

from confluent_kafka import KafkaError, KafkaException, Producer

from consumer.errors import ConfigError, FatalError
from consumer.letters import letter_headers, origin_for
from consumer.records import Assignment, Headers, HoldCause, Letter, Record
from consumer.timing import Clock

_TOO_LARGE = frozenset({KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.INVALID_MSG_SIZE})
_RETRY_S = 1.0


@dataclass(frozen=True, slots=True)
class LetterTopics:
    """Where letters go, by the topic of their record; of a replayed one by the topic where it first failed."""

    default: str
    by_source: Mapping[str, str] = field(default_factory=dict)
    """Of the topics whose letters go elsewhere."""
    replays: str | None = None
    """The topic of what is tried again."""

    def of(self, source: str) -> str:
        return self.by_source.get(source, self.default)


class _Form(IntEnum):
    """What a letter repeats of its record; each form leaves out more."""

    WHOLE = 0
    WITHOUT_HEADERS = 1
    POINTER = 2
    """The key alone."""
    REFERENCE = 3
    """Nothing."""


@dataclass(eq=False, slots=True)
class _Posting:
    """A letter on its way, and how much of its record is still meant to be written."""

    letter: Letter
    failed_s: float
    """Unix seconds at which the record was given up."""
    form: _Form
    not_before_s: float = 0.0


class DeadLetters:
    """The producer of letters. Used by one thread; `poll` serves its callbacks.

    Args:
        properties: Of librdkafka's producer, with acks=all.
        topics: Where letters go.
        payload: Do they repeat their records, or only refer to them?
        group: The consumer group that gave up, for the header.
        clock: For the spacing of retries.
        alarm: Told once whenever letters start to be refused: by which topic, and the client's error name.
        is_ours: Is this assignment still ours? Letters of others are not tried again: the next owner writes its own.

    Raises:
        ConfigError: librdkafka refuses a property.
    """

    def __init__(
        self,
        properties: dict[str, Any],
        *,
        topics: LetterTopics,
        payload: Literal["original", "reference"] = "original",
        group: str,
        clock: Clock,
        alarm: Callable[[str, str], None],
        is_ours: Callable[[Assignment], bool],
    ) -> None:
        try:
            # One letter a request: brokers refuse a batch as a whole, and a large letter must not harm small ones.
            self._producer = Producer({**properties, "batch.num.messages": 1})
        except KafkaException as error:
            raise ConfigError([f"kafka: the producer refuses its settings: {error.args[0].str()}"]) from error
        self._topics = topics
        self._form = _Form.REFERENCE if payload == "reference" else _Form.WHOLE
        self._group = group
        self._clock = clock
        self._alarm = alarm
        self._is_ours = is_ours
        self._on_the_way: set[_Posting] = set()
        self._retries: deque[_Posting] = deque()
        self._done: list[Letter] = []
        self.hold: HoldCause | None = None
        """Set while the topic refuses letters."""

    def send(self, letter: Letter) -> None:
        """Write a letter; it comes back from `poll` once it is safe."""
        self._produce(_Posting(letter, self._clock.wall_s(), self._form))

    def poll(self) -> list[Letter]:
        """Serve the producer.

        Returns:
            The letters that nobody needs to wait for any longer: those that are safe since the last call, and those
            that were to be tried again but whose assignment has ended.

        Raises:
            FatalError: The producer gave up.
        """
        now_s = self._clock.monotonic_s()
        while self._retries and self._retries[0].not_before_s <= now_s:
            posting = self._retries.popleft()
            if self._is_ours(posting.letter.record.assignment):
                self._produce(posting)
            else:
                self._done.append(posting.letter)
        try:
            self._producer.poll(0)
        except KafkaException as error:
            raise FatalError(f"the producer of dead letters gave up: {error.args[0].name()}") from error
        done, self._done = self._done, []
        return done

    @property
    def waiting(self) -> int:
        """Letters not yet safe."""
        return len(self._on_the_way) + len(self._retries)

    def under_way(self, assignments: set[Assignment]) -> list[Letter]:
        """The letters for records of these assignments that the producer has and did not answer yet."""
        return [p.letter for p in self._on_the_way if p.letter.record.assignment in assignments]

    def find(self, records: Set[Record]) -> Iterator[Letter]:
        """The letters for these records that are here."""
        postings = chain(self._on_the_way, self._retries)
        return (posting.letter for posting in postings if posting.letter.record in records)

    def abandon(self, assignments: set[Assignment]) -> list[Letter]:
        """Give up the letters of these assignments that wait for another try; returns them."""
        gone = [p.letter for p in self._retries if p.letter.record.assignment in assignments]
        self._retries = deque(p for p in self._retries if p.letter.record.assignment not in assignments)
        if not self.waiting:
            self.hold = None  # nothing is left that could find out whether it is over
        return gone

    def close(self) -> None:
        """Drop what is not written yet; its records were not settled, so they are read again."""
        self._producer.purge()

    def _produce(self, posting: _Posting) -> None:
        form, message = posting.form, posting.letter.record.message
        topic, headers = self._addressed(posting)
        self._on_the_way.add(posting)
        try:
            self._producer.produce(
                topic,
                key=message.key() if form < _Form.REFERENCE else None,
                value=message.value() if form < _Form.POINTER else None,
                headers=headers,  # type: ignore[arg-type]  # a list is invariant, and header values may be text too
                on_delivery=lambda error, _: self._delivered(posting, topic, error),
            )
        except BufferError:
            self._failed(posting, topic, None)
        except KafkaException as error:
            self._failed(posting, topic, error.args[0])

    def _addressed(self, posting: _Posting) -> tuple[str, Headers]:
        """Where the letter goes, and with what headers."""
        record, form = posting.letter.record, posting.form
        is_replayed = record.assignment.topic == self._topics.replays
        origin = origin_for(record.headers(), self._group) if is_replayed else None
        if isinstance(origin, str):  # whatever it is, it first failed here, and no replay sends another group's
            origin = None
        headers = letter_headers(
            posting.letter,
            group=self._group,
            failed_s=posting.failed_s,
            origin=origin,
            is_value_omitted=(form >= _Form.POINTER and record.message.value() is not None)
            or (origin is not None and origin.is_value_omitted),
            are_headers_omitted=form > _Form.WHOLE,
        )
        return self._topics.of(record.assignment.topic if origin is None else origin.topic), headers

    def _delivered(self, posting: _Posting, topic: str, error: KafkaError | None) -> None:
        if error is not None:
            self._failed(posting, topic, error)
            return
        self._on_the_way.remove(posting)
        self.hold = None
        self._done.append(posting.letter)

    def _failed(self, posting: _Posting, topic: str, error: KafkaError | None) -> None:
        if error is not None and (error.fatal() or error.code() == KafkaError._FATAL):  # noqa: SLF001 - librdkafka's own
            raise FatalError(f"the producer of dead letters gave up: {error.name()}")
        self._on_the_way.remove(posting)
        if error is not None and error.code() in _TOO_LARGE and posting.form < _Form.POINTER:
            posting.form = _Form(posting.form + 1)
        else:
            posting.not_before_s = self._clock.monotonic_s() + _RETRY_S
            if error is not None and self.hold is None:
                self.hold = HoldCause.DEAD_LETTER_TOPIC
                self._alarm(topic, error.name())
        self._retries.append(posting)
