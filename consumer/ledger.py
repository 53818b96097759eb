"""The ledger: what became of every record, per assignment, so that a loss shows as a balance that does not come out.

Each figure is counted where it happens: taken by the source, settled by outcome, in hand from the unsettled offsets.
None is computed from the others, or the balance could never be wrong.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from consumer.records import Assignment, DeadLetterReason, SkipReason


class Gap(NamedTuple):
    """Offsets of one partition that held no record."""

    offsets: int
    before_offset: int
    """The offset behind the highest of them."""


@dataclass(slots=True)
class Entry:
    """The figures of one assignment."""

    consumed: int = 0
    accepted: int = 0
    skipped: Counter[SkipReason] = field(default_factory=Counter)
    dead_lettered: Counter[DeadLetterReason] = field(default_factory=Counter)
    abandoned: int = 0
    in_hand: int = 0
    """As counted from the unsettled offsets; nought once the assignment has ended."""
    gaps: int = 0
    gap_before: int = -1
    """The offset behind the highest gap."""
    expired: int = 0
    span: int = 0
    """Offsets between the first and the next expected one."""

    def note_gap(self, offsets: int, before_offset: int) -> None:
        """So many offsets below this one held no record."""
        self.gaps += offsets
        self.gap_before = before_offset

    @property
    def imbalance(self) -> int:
        """Records that nobody can account for; anything but nought is a defect."""
        settled = self.accepted + self.skipped.total() + self.dead_lettered.total()
        return abs(self.consumed - settled - self.abandoned - self.in_hand) + abs(
            self.span - self.consumed - self.gaps - self.expired
        )

    def add(self, other: Entry) -> None:
        """Add the figures of another assignment to these."""
        self.consumed += other.consumed
        self.accepted += other.accepted
        self.skipped += other.skipped
        self.dead_lettered += other.dead_lettered
        self.abandoned += other.abandoned
        self.in_hand += other.in_hand
        self.gaps += other.gaps
        self.gap_before = max(self.gap_before, other.gap_before)
        self.expired += other.expired
        self.span += other.span

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "consumed": self.consumed,
            "accepted": self.accepted,
            "skipped": {reason.value: count for reason, count in self.skipped.items()},
            "dead_lettered": {reason.value: count for reason, count in self.dead_lettered.items()},
            "abandoned": self.abandoned,
            "in_hand": self.in_hand,
            "gaps": self.gaps,
            "expired": self.expired,
            "imbalance": self.imbalance,
        }


class Ledger:
    """The entries of the assignments we have, and the sum of those we had."""

    def __init__(self) -> None:
        self._open: dict[Assignment, Entry] = {}
        self._closed: dict[tuple[str, int], Entry] = {}
        self._closed_imbalance = 0
        self.late = 0
        """Verdicts that came after their assignment had ended, and changed nothing."""

    def open(self, assignment: Assignment) -> None:
        """Begin an entry."""
        self._open[assignment] = Entry()

    def of(self, assignment: Assignment) -> Entry:
        """The entry of an assignment that is ours."""
        return self._open[assignment]

    def close(self, assignment: Assignment) -> None:
        """End an entry: nothing of it is in hand any more."""
        entry = self._open.pop(assignment)
        # Kept apart from the sum, where the errors of two entries could cancel each other out.
        self._closed_imbalance += entry.imbalance
        self._closed.setdefault((assignment.topic, assignment.partition), Entry()).add(entry)

    @property
    def imbalance(self) -> int:
        """Over all entries, open and closed."""
        return self._closed_imbalance + sum(entry.imbalance for entry in self._open.values())

    def gaps(self) -> dict[tuple[str, int], Gap]:
        """By partition."""
        found = {key: Gap(entry.gaps, entry.gap_before) for key, entry in self._closed.items()}
        for assignment, entry in self._open.items():
            key = (assignment.topic, assignment.partition)
            before = found.get(key, Gap(0, -1))
            found[key] = Gap(before.offsets + entry.gaps, max(before.before_offset, entry.gap_before))
        return found

    def as_dict(self) -> dict[str, Any]:
        """The whole, by partition and in total. `balanced` is the verdict."""
        partitions: dict[tuple[str, int], Entry] = {}
        for key, entry in self._closed.items():
            partitions.setdefault(key, Entry()).add(entry)
        for assignment, entry in self._open.items():
            partitions.setdefault((assignment.topic, assignment.partition), Entry()).add(entry)
        total = Entry()
        for entry in partitions.values():
            total.add(entry)
        return {
            "balanced": self.imbalance == 0,
            "total": {**total.as_dict(), "imbalance": self.imbalance},
            "late_verdicts": self.late,
            "partitions": {
                f"{topic}[{partition}]": entry.as_dict() for (topic, partition), entry in sorted(partitions.items())
            },
        }
