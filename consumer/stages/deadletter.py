"""Dead-letters: writes a failed record, byte for byte, to the dead-letter topic, with headers that say why.

A record counts as settled only once every in-sync replica has its letter. What is wrong with the topic holds the
record here for another try; what is wrong with the letter (too large) makes the letter smaller.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Set
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, Literal

from consumer.acknowledged import Acknowledged, Written
from consumer.letters import letter_headers, origin_for
from consumer.records import Assignment, HoldCause, Letter, Record
from consumer.timing import Clock


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

    @property
    def record(self) -> Record:
        return self.letter.record

    def shrink(self) -> bool:
        """Leave out more. False if there is nothing more to leave out."""
        if self.form >= _Form.POINTER:
            return False
        self.form = _Form(self.form + 1)
        return True


class DeadLetters:
    """The producer of letters. Used by one thread; `poll` serves its callbacks.

    Args:
        properties: Of librdkafka's producer, with acks=all and idempotence.
        topics: Where letters go.
        payload: Do they repeat their records, or only refer to them?
        group: The consumer group that gave up, for the header.
        clock: For the spacing of retries.
        alarm: Told once whenever a topic starts to refuse letters: which, and the client's error name.
        is_ours: Is this assignment still ours, even if about to leave? Letters of others are not tried again: the next
            owner writes its own.

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
        self._topics = topics
        self._form = _Form.REFERENCE if payload == "reference" else _Form.WHOLE
        self._group = group
        self._clock = clock
        self._producer = Acknowledged[_Posting](
            # One letter a request: brokers refuse a batch as a whole, and a large letter must not harm small ones.
            {**properties, "batch.num.messages": 1},
            write=self._write,
            clock=clock,
            alarm=alarm,
            is_ours=is_ours,
            shrink=_Posting.shrink,
        )

    def send(self, letter: Letter) -> None:
        """Write a letter; it comes back from `poll` once it is safe.

        Raises:
            FatalError: The producer gave up.
        """
        self._producer.send(_Posting(letter, self._clock.wall_s(), self._form))

    def poll(self) -> tuple[list[Letter], list[Letter]]:
        """Serve the producer.

        Returns:
            The letters that are safe since the last call; and those that were refused since, after their assignment
            had ended, and are not tried again.

        Raises:
            FatalError: The producer gave up.
        """
        safe, given_up = self._producer.poll()
        return _letters(safe), _letters(given_up)

    @property
    def hold(self) -> HoldCause | None:
        """Set while a topic refuses letters."""
        return HoldCause.DEAD_LETTER_TOPIC if self._producer.is_refusing else None

    @property
    def waiting(self) -> int:
        """Letters not yet safe."""
        return self._producer.waiting

    def under_way(self, assignments: set[Assignment]) -> list[Letter]:
        """The letters for records of these assignments that are not safe yet."""
        return _letters(self._producer.under_way(assignments))

    def find(self, records: Set[Record]) -> Iterator[Letter]:
        """The letters for these records that are here."""
        return (posting.letter for posting in self._producer.find(records))

    def abandon(self, assignments: set[Assignment]) -> list[Letter]:
        """Give up the letters of these assignments that wait for another try; returns them."""
        return _letters(self._producer.abandon(assignments))

    def close(self) -> None:
        """Drop what is not written yet; its records were not settled, so they are read again."""
        self._producer.close()

    def _write(self, posting: _Posting) -> Written:
        record, form = posting.record, posting.form
        message = record.message
        is_replayed = record.assignment.topic == self._topics.replays
        origin = origin_for(record.headers(), self._group) if is_replayed else None
        if isinstance(origin, str):  # whatever it is, it first failed here, and no replay sends another group's
            origin = None
        headers = letter_headers(
            posting.letter,
            group=self._group,
            failed_s=posting.failed_s,
            origin=origin,
            is_value_omitted=(form >= _Form.POINTER and message.value() is not None)
            or (origin is not None and origin.is_value_omitted),
            are_headers_omitted=form > _Form.WHOLE,
        )
        return Written(
            self._topics.of(record.assignment.topic if origin is None else origin.topic),
            key=message.key() if form < _Form.REFERENCE else None,
            value=message.value() if form < _Form.POINTER else None,
            headers=headers,
        )


def _letters(postings: list[_Posting]) -> list[Letter]:
    return [posting.letter for posting in postings]
