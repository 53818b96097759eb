"""Dead-letters: writes a failed record, byte for byte, to the dead-letter topic, with headers that say why.

A record counts as settled only once every in-sync replica has its letter. What is wrong with the topic holds the
record here for another try; what is wrong with the letter (too large) makes the letter smaller.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Producer

from consumer.errors import ConfigError, FatalError
from consumer.records import Assignment, Headers, HoldCause, Letter
from consumer.timing import Clock

PREFIX = "conversions."
"""Of every header that is ours; the producer's own headers stay as they were."""
_TOO_LARGE = frozenset({KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.INVALID_MSG_SIZE})
_RETRY_S = 1.0


@dataclass(eq=False, slots=True)
class _Posting:
    """A letter on its way, and how much of it is still meant to be written."""

    letter: Letter
    failed_s: float
    """Unix seconds at which the record was given up."""
    slimmed: int = 0
    """0: whole; 1: without the record's own headers; 2: without its value, a pointer to the original."""
    not_before_s: float = 0.0


class DeadLetters:
    """The producer of letters. Used by one thread; `poll` serves its callbacks.

    Args:
        properties: Of librdkafka's producer, with acks=all.
        topic: Where letters go.
        group: The consumer group that gave up, for the header.
        clock: For the spacing of retries.
        alarm: Told once whenever the topic starts to refuse letters, with the client's error name.
        is_ours: Is this assignment still ours? Letters of others are not tried again: the next owner writes its own.

    Raises:
        ConfigError: librdkafka refuses a property.
    """

    def __init__(
        self,
        properties: dict[str, Any],
        *,
        topic: str,
        group: str,
        clock: Clock,
        alarm: Callable[[str], None],
        is_ours: Callable[[Assignment], bool],
    ) -> None:
        try:
            # One letter a request: brokers refuse a batch as a whole, and a large letter must not harm small ones.
            self._producer = Producer({**properties, "batch.num.messages": 1})
        except KafkaException as error:
            raise ConfigError([f"kafka: the producer refuses its settings: {error.args[0].str()}"]) from error
        self._topic = topic
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
        self._produce(_Posting(letter, self._clock.wall_s()))

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
        letter = posting.letter
        message = letter.record.message
        self._on_the_way.add(posting)
        try:
            self._producer.produce(
                self._topic,
                key=message.key(),
                value=message.value() if posting.slimmed < 2 else None,
                headers=_headers(posting, self._group),
                on_delivery=lambda error, _: self._delivered(posting, error),
            )
        except BufferError:
            self._failed(posting, None)
        except KafkaException as error:
            self._failed(posting, error.args[0])

    def _delivered(self, posting: _Posting, error: KafkaError | None) -> None:
        if error is not None:
            self._failed(posting, error)
            return
        self._on_the_way.remove(posting)
        self.hold = None
        self._done.append(posting.letter)

    def _failed(self, posting: _Posting, error: KafkaError | None) -> None:
        self._on_the_way.remove(posting)
        if error is not None and error.code() in _TOO_LARGE and posting.slimmed < 2:
            posting.slimmed += 1
        else:
            posting.not_before_s = self._clock.monotonic_s() + _RETRY_S
            if error is not None and self.hold is None:
                self.hold = HoldCause.DEAD_LETTER_TOPIC
                self._alarm(error.name())
        self._retries.append(posting)


def _headers(posting: _Posting, group: str) -> list[tuple[str, str | bytes | None]]:
    """The record's own headers, then ours; ours replace those of an earlier failure."""
    letter, slimmed = posting.letter, posting.slimmed
    record, where = letter.record, letter.record.assignment
    ours: dict[str, str] = {
        "reason": letter.reason,
        "detail": letter.detail,
        "stage": letter.stage,
        "topic": where.topic,
        "partition": str(where.partition),
        "offset": str(record.offset),
        "timestamp": str(record.message.timestamp()[1]),
        "group": group,
        "attempts": str(letter.attempts),
        "first-failed-at": _iso(letter.first_failed_s or posting.failed_s),
        "failed-at": _iso(posting.failed_s),
        "replays": "0",
    }
    optional = {
        "ad-account-id": letter.ad_account_id,
        "event-id": letter.event_id,
        "http-status": letter.http_status,
        "api-code": letter.api_code,
        "value-omitted": "true" if slimmed == 2 and record.message.value() is not None else None,
    }
    ours |= {name: str(value) for name, value in optional.items() if value is not None}
    added = {PREFIX + name: value.encode() for name, value in ours.items()}
    original: Headers = [] if slimmed else record.headers() or []
    return [*((name, value) for name, value in original if name not in added), *added.items()]


def _iso(unix_s: float) -> str:
    return datetime.fromtimestamp(unix_s, UTC).isoformat(timespec="milliseconds")
