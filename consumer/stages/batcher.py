"""Batches: gathers events per ad account until there are enough of them, by count, bytes or age.

Pure: time is given. Also keeps one of two events that report the same action back until the first has its verdict.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Set
from dataclasses import dataclass, field

from consumer.records import Assignment, Batch, Event, Record

_ENVELOPE_BYTES = len(b'{"data":[]}')
_EMPTY_BYTES = _ENVELOPE_BYTES - 1  # each event brings a comma, and the last needs none


@dataclass(slots=True)
class _Open:
    """A batch still growing."""

    since_s: float
    events: list[Event] = field(default_factory=list)
    size_bytes: int = _EMPTY_BYTES


class Batcher:
    """One growing batch per account.

    Args:
        max_events: Most events in a request.
        max_bytes: Largest request body.
        linger_s: How long an event may wait for company.
    """

    def __init__(self, *, max_events: int, max_bytes: int, linger_s: float) -> None:
        self._max_events = max_events
        self._max_bytes = max_bytes
        self._linger_s = linger_s
        # In the order they were opened, so the first is the oldest.
        self._open: dict[str, _Open] = {}

    def fits(self, event: Event) -> bool:
        """Would this event fit into a request of its own?"""
        return len(event.body) + _ENVELOPE_BYTES <= self._max_bytes

    def add(self, event: Event, now_s: float) -> list[Batch]:
        """Put an event with its company. Returns the batches that this makes complete."""
        complete: list[Batch] = []
        size_bytes = len(event.body) + 1
        account = event.ad_account_id
        batch = self._open.get(account)
        if batch is not None and batch.size_bytes + size_bytes > self._max_bytes:
            complete.append(self._close(account))
            batch = None
        if batch is None:
            batch = self._open[account] = _Open(now_s)
        batch.events.append(event)
        batch.size_bytes += size_bytes
        if len(batch.events) >= self._max_events:
            complete.append(self._close(account))
        return complete

    def due(self, now_s: float, wants: Callable[[str], bool]) -> list[Batch]:
        """Close the batches that waited long enough, of accounts that could send one now.

        Where the account has batches waiting already, closing another would only make small requests of what could
        grow into a large one.
        """
        ripe: list[str] = []
        for account, batch in self._open.items():
            if now_s - batch.since_s < self._linger_s:
                break
            if wants(account):
                ripe.append(account)
        return [self._close(account) for account in ripe]

    def close(self, account: str) -> Batch | None:
        """Close this account's batch as it is, if it has one."""
        return self._close(account) if account in self._open else None

    def find(self, records: Set[Record]) -> Iterator[Event]:
        """The events of these records that are here."""
        return (event for batch in self._open.values() for event in batch.events if event.record in records)

    def abandon(self, assignments: set[Assignment]) -> list[Event]:
        """Give up the events of these assignments; returns them."""
        gone: list[Event] = []
        for account, batch in list(self._open.items()):
            kept = [event for event in batch.events if event.record.assignment not in assignments]
            if len(kept) == len(batch.events):
                continue
            gone += (event for event in batch.events if event.record.assignment in assignments)
            batch.events = kept
            batch.size_bytes = _EMPTY_BYTES + sum(len(event.body) + 1 for event in kept)
            if not kept:
                del self._open[account]
        return gone

    def _close(self, account: str) -> Batch:
        return Batch(account, tuple(self._open.pop(account).events))


class Repeats:
    """Lets one event per action through; its copies wait for the verdict on it.

    A copy is only superfluous once the first is *accepted*: were it dropped before, a rejection of the first would
    lose the conversion.
    """

    def __init__(self) -> None:
        self._copies: dict[tuple[str, str, str, str | None], deque[Event] | None] = {}

    def admit(self, event: Event) -> bool:
        """Is this the first of its action in hand? If not, it is kept here."""
        key = event.key
        if key not in self._copies:
            self._copies[key] = None
            return True
        copies = self._copies[key]
        if copies is None:
            self._copies[key] = deque([event])
        else:
            copies.append(event)
        return False

    def superfluous(self, event: Event) -> list[Event]:
        """The event was accepted: its copies, which are now to be skipped."""
        return list(self._copies.pop(event.key, None) or ())

    def next_in_line(self, event: Event) -> Event | None:
        """The event was not accepted: the copy that takes its place, already admitted, or `None`."""
        copies = self._copies.pop(event.key, None)
        if not copies:
            return None
        successor = copies.popleft()
        self._copies[event.key] = copies or None
        return successor

    def find(self, records: Set[Record]) -> Iterator[Event]:
        """The copies of these records that are here."""
        return (event for copies in self._copies.values() if copies for event in copies if event.record in records)

    def abandon(self, assignments: set[Assignment]) -> list[Event]:
        """Give up the waiting copies of these assignments; returns them."""
        gone: list[Event] = []
        for key, copies in self._copies.items():
            if copies:
                gone += (event for event in copies if event.record.assignment in assignments)
                self._copies[key] = deque(e for e in copies if e.record.assignment not in assignments) or None
        return gone
