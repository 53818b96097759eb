"""What is counted while records move, and the picture of it that other threads may look at."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from consumer.records import Accepted, Batch, DeadLetterReason, Event, HoldCause, Record, SkipReason, Verdict


class InHand:
    """How much is in hand, against the limits: records read and not settled, with the events made of them.

    Args:
        max_events: Most records.
        max_bytes: Most bytes, raw and serialised together.
    """

    def __init__(self, max_events: int, max_bytes: int) -> None:
        self._max_events = max_events
        self._max_bytes = max_bytes
        self.events = 0
        self.size_bytes = 0

    def add(self, size_bytes: int) -> None:
        """A record was taken."""
        self.events += 1
        self.size_bytes += size_bytes

    def grow(self, record: Record, size_bytes: int) -> None:
        """Something was made of a record, that is kept beside it."""
        record.size_bytes += size_bytes
        self.size_bytes += size_bytes

    def remove(self, size_bytes: int) -> None:
        """A record is done with."""
        self.events -= 1
        self.size_bytes -= size_bytes

    @property
    def room(self) -> int:
        """How many records more may be taken, if they are about as large as those in hand."""
        left_bytes = self._max_bytes - self.size_bytes
        if left_bytes <= 0 or self.events >= self._max_events:
            return 0
        by_bytes = left_bytes * self.events // self.size_bytes if self.size_bytes else self._max_events
        return max(1, min(self._max_events - self.events, by_bytes))

    @property
    def is_full(self) -> bool:
        """Nothing more may be taken."""
        return self.room == 0

    @property
    def is_half_empty(self) -> bool:
        """Reading may start again after a pause."""
        return self.events <= self._max_events // 2 and self.size_bytes <= self._max_bytes // 2


@dataclass(slots=True)
class Histogram:
    """How many values fell at or below each of a few bounds, and what all of them add up to."""

    bounds: tuple[float, ...]
    counts: list[int] = field(default_factory=list)
    """Values above the bound before and up to this one; the last is for those beyond all bounds."""
    total: float = 0.0

    def __post_init__(self) -> None:
        self.counts = list(self.counts) or [0] * (len(self.bounds) + 1)

    def observe(self, value: float) -> None:
        """Count a value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    def copy(self) -> Histogram:
        """As it stands now."""
        return Histogram(self.bounds, self.counts, self.total)


AGE_BOUNDS_S = (
    1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 1_800.0, 2_700.0, 3_600.0, 7_200.0, 21_600.0, 86_400.0, 259_200.0,
    604_800.0,
)  # fmt: skip
"""Seconds to weeks, and close around the hour after which Pinterest takes events for offline ones."""
DURATION_BOUNDS_S = (
    0.1, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 900.0, 3_600.0, 21_600.0,
)  # fmt: skip
"""Close around what a batch usually waits and a request usually takes, then as far as a long hold."""
BATCH_BOUNDS = (1.0, 2.0, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 750.0, 999.0, 1_000.0)
"""Up to the most that Pinterest takes in one request; the last is for full ones alone."""


@dataclass(slots=True)
class Tallies:
    """Counters since the start, by the labels they are exported with. Added to by one thread only."""

    consumed: Counter[str] = field(default_factory=Counter)
    accepted: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    """By topic, event name and action source."""
    skipped: Counter[tuple[str, str, SkipReason]] = field(default_factory=Counter)
    """By topic, event name where there was an event already, and reason."""
    dead_lettered: Counter[tuple[str, DeadLetterReason]] = field(default_factory=Counter)
    abandoned: Counter[str] = field(default_factory=Counter)
    value: dict[tuple[str, str], Decimal] = field(default_factory=dict)
    """Accepted revenue by event name and currency."""
    answers: Counter[str] = field(default_factory=Counter)
    """Requests by the kind of their answer."""
    retries: Counter[str] = field(default_factory=Counter)
    """Of these, the ones after which some of their events have to be sent again."""
    batch_events: Histogram = field(default_factory=lambda: Histogram(BATCH_BOUNDS))
    """Events in a request."""
    durations: Histogram = field(default_factory=lambda: Histogram(DURATION_BOUNDS_S))
    """Seconds from taking a record to Pinterest's accepting its event."""
    clipped: Counter[str] = field(default_factory=Counter)
    """Optional fields that were shortened or left out, by name."""
    remarks: Counter[str] = field(default_factory=Counter)
    """Pinterest's warnings about accepted events, by the field they name."""
    lacks: Counter[str] = field(default_factory=Counter)
    """Fields that a mapping would like to read and a writer's schema does not have, by topic; once a schema."""
    coverage: Counter[tuple[str, str, int]] = field(default_factory=Counter)
    """Accepted events by ad account, event name and the components they carry (`pinterest/components.py`)."""
    ages: Histogram = field(default_factory=lambda: Histogram(AGE_BOUNDS_S))
    """Seconds from an event's happening to its acceptance."""
    last_accepted_wall_s: float = 0.0

    def accept(self, event: Event, wall_s: float) -> None:
        """Count an accepted event and its worth."""
        self.accepted[event.record.assignment.topic, event.event_name, event.action_source] += 1
        self.last_accepted_wall_s = wall_s
        self.coverage[event.ad_account_id, event.event_name, event.components] += 1
        self.ages.observe(wall_s - event.event_time_s)
        if event.value is not None and event.currency is not None:
            key = (event.event_name, event.currency)
            self.value[key] = self.value.get(key, Decimal(0)) + event.value

    def answered(self, batch: Batch, kind: str, verdicts: Iterable[Verdict], now_s: float) -> None:
        """Count a request, by its answer and what came of it."""
        self.answers[kind] += 1
        self.batch_events.observe(len(batch.events))
        done = 0
        for verdict in verdicts:
            done += 1
            if isinstance(verdict.outcome, Accepted):
                self.durations.observe(now_s - verdict.event.record.taken_s)
        if done < len(batch.events):
            self.retries[kind] += 1

    def clip(self, names: Iterable[str]) -> None:
        """Count fields of one event that were shortened or left out."""
        self.clipped.update(names)

    def copy(self) -> Tallies:
        """As they stand now."""
        return Tallies(
            Counter(self.consumed),
            Counter(self.accepted),
            Counter(self.skipped),
            Counter(self.dead_lettered),
            Counter(self.abandoned),
            dict(self.value),
            Counter(self.answers),
            Counter(self.retries),
            self.batch_events.copy(),
            self.durations.copy(),
            Counter(self.clipped),
            Counter(self.remarks),
            Counter(self.lacks),
            Counter(self.coverage),
            self.ages.copy(),
            self.last_accepted_wall_s,
        )


@dataclass(frozen=True, slots=True)
class Snapshot:
    """How things stood a moment ago. Never changed once made, so any thread may read it."""

    is_member: bool = False
    """Has the group given us an answer yet, be it no partitions?"""
    partitions: int = 0
    paused: int = 0
    in_hand_events: int = 0
    in_hand_bytes: int = 0
    in_flight: int = 0
    letters_waiting: int = 0
    commit_failures: int = 0
    oldest_unsettled_s: float = 0.0
    """How long ago the oldest unsettled record was taken."""
    retention_runway_s: float | None = None
    """How long until retention takes a record that is still needed; `None` if that is not known, or cannot be."""
    missing_offsets: Mapping[tuple[str, int], int] = field(default_factory=dict)
    """By partition: offsets without a record on topics that should have none such."""
    held_accounts: Mapping[HoldCause, int] = field(default_factory=dict)
    holds: Mapping[HoldCause, int] = field(default_factory=dict)
    """What else waits: partitions, or letters, by cause."""
    tallies: Tallies = field(default_factory=Tallies)
    ledger: Mapping[str, Any] = field(default_factory=dict)
