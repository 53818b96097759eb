"""Shares: how much of the limits one ad account takes up, so that none fills them at the others' expense.

Counted are events from the moment they are mapped until there is a verdict on them, wherever they are meanwhile.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from consumer.config import Limits
from consumer.records import Assignment, Event

_PART = 4
"""An account may have one of so many parts of the limits in hand."""


@dataclass(slots=True)
class _Held:
    events: int = 0
    size_bytes: int = 0
    by_assignment: Counter[Assignment] = field(default_factory=Counter)


class Shares:
    """What is in hand of each ad account. There are no shares while only one was ever seen.

    Args:
        limits: Of what may be in hand altogether.
    """

    def __init__(self, limits: Limits) -> None:
        self._most_events = limits.max_events // _PART
        self._most_bytes = limits.max_bytes // _PART
        self._accounts: dict[str, _Held] = {}
        self._slowed: set[str] = set()

    def enter(self, event: Event) -> None:
        """An event was made of a record."""
        held = self._accounts.get(event.ad_account_id)
        if held is None:
            held = self._accounts[event.ad_account_id] = _Held()
        held.events += 1
        held.size_bytes += event.record.size_bytes
        held.by_assignment[event.record.assignment] += 1

    def leave(self, event: Event) -> None:
        """There is a verdict on it."""
        held = self._accounts[event.ad_account_id]
        held.events -= 1
        held.size_bytes -= event.record.size_bytes
        assignment = event.record.assignment
        held.by_assignment[assignment] -= 1
        if not held.by_assignment[assignment]:
            del held.by_assignment[assignment]

    def excess(self) -> dict[str, int]:
        """How many events each account has beyond its share, of those that have."""
        if len(self._accounts) < 2:
            return {}
        found = {name: self._beyond(held) for name, held in self._accounts.items()}
        return {name: events for name, events in found.items() if events > 0}

    def _beyond(self, held: _Held) -> int:
        by_count = held.events - self._most_events
        if held.size_bytes <= self._most_bytes:
            return by_count
        by_bytes = -(-held.events * (held.size_bytes - self._most_bytes) // held.size_bytes)
        return max(by_count, by_bytes)

    def slowed(self, parked: Collection[str]) -> set[str]:
        """The accounts that have their share, so that no more of them should be read.

        They must come down to half of it before reading goes on, as each pause throws away what was prefetched; but
        those in `parked`, whose excess goes to the dead-letter topic, need only keep to it.
        """
        self._slowed = self.excess().keys() | {
            name for name in self._slowed if name not in parked and self._is_above_half(self._accounts[name])
        }
        return self._slowed

    def assignments_of(self, names: Iterable[str]) -> set[Assignment]:
        """Where the events come from that are in hand of these accounts; some may have ended meanwhile."""
        return {assignment for name in names for assignment in self._accounts[name].by_assignment}

    def _is_above_half(self, held: _Held) -> bool:
        return held.events > self._most_events // 2 or held.size_bytes > self._most_bytes // 2
