"""What would become of a record under one configuration, as far as that is known before anything is sent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import assert_never

from consumer.config import Config
from consumer.records import (
    DeadLetterReason,
    Decoded,
    Event,
    HoldCause,
    Incompatible,
    Invalid,
    Mapped,
    Record,
    Skipped,
)
from consumer.stages.batcher import Batcher
from consumer.stages.mapper import Mapper, serialise
from consumer.timing import SystemClock

_NO_TIME = 0
"""Of a message's timestamp: the message has none. Source: confluent-kafka, `TIMESTAMP_NOT_AVAILABLE`."""


@dataclass(frozen=True, slots=True)
class Sent:
    """It would go to Pinterest."""

    mapped: Mapped
    event: Event
    is_test: bool
    """Would Pinterest record nothing of it?"""
    is_on_hold: bool = False
    """Would it wait until its account's mode is another?"""


Content = Decoded | Skipped | Invalid
"""Of a record, or what becomes of it without."""
Outcome = Sent | Skipped | Invalid | Incompatible


class Judge:
    """Maps the records of one topic, and weighs what they become.

    Raises:
        ConfigError: A mapping file cannot be read, or makes no sense.
    """

    def __init__(self, settings: Config, topic: str) -> None:
        self.mapper = Mapper(settings)
        self._settings = settings
        self._topic = topic
        batch = settings.batch
        self._batcher = Batcher(max_events=batch.max_events, max_bytes=batch.max_bytes, linger_s=batch.linger_s)
        self._clock = SystemClock()

    def outcome(self, record: Record, content: Content) -> Outcome:
        """As of the time at which the record was written: the consumer would have met it then."""
        if not isinstance(content, Decoded):
            return content
        headers = record.headers()
        if headers is None:
            return Invalid(("the name of a header is not UTF-8",), DeadLetterReason.UNDECODABLE)
        mapped = self.mapper.map(self._topic, content, headers, self._time_s_of(record))
        if not isinstance(mapped, Mapped):
            return mapped
        event = serialise(record, mapped)
        if not self._batcher.fits(event):
            return Invalid(("the event takes more bytes than batch.max_bytes",), DeadLetterReason.OVERSIZED)
        account = mapped.ad_account_id
        return Sent(mapped, event, self._settings.is_test(account), account in self._settings.accounts_on_hold)

    def _time_s_of(self, record: Record) -> float:
        kind, milliseconds = record.message.timestamp()
        return self._clock.wall_s() if kind == _NO_TIME else milliseconds / 1_000


def label_of(outcome: Outcome) -> str:
    """In words, with the reason."""
    match outcome:
        case Sent():
            return "sent"
        case Skipped(reason):
            return f"skipped: {reason}"
        case Invalid(_, reason):
            return f"dead letter: {reason}"
        case Incompatible():
            return f"held: {HoldCause.SCHEMA_INCOMPATIBLE}"
        case _:
            assert_never(outcome)
