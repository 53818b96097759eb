"""The books: which records are in hand, what became of the others, and what of it may be committed.

Every record that is taken is entered here and leaves by one of four ways: accepted, skipped, dead-lettered, or
abandoned with its assignment. What concerns an assignment that has ended changes nothing any more.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from consumer.config import Limits
from consumer.ledger import Entry, Ledger
from consumer.records import Assignment, CommitPoint, DeadLetterReason, Event, Record, SkipReason
from consumer.shares import Shares
from consumer.stages.offsets import MAX_METADATA_CHARS, SettledMap, Tracker
from consumer.tallies import InHand, Tallies

_FULL = 0.75
_ROOMY = 0.5


class Books:
    """A tracker and a ledger entry for each assignment that is ours, and what all of them hold together.

    Args:
        limits: Of what may be in hand.
    """

    def __init__(self, limits: Limits) -> None:
        self.in_hand = InHand(limits.max_events, limits.max_bytes)
        self.ledger = Ledger()
        self.tallies = Tallies()
        self.shares = Shares(limits)
        self.stretched: set[Assignment] = set()
        """Assignments with too much settled above what is not: too many offsets, or too many stretches of them for the
        map to fit into a commit. No new work on these until there is room again."""
        self._max_span = limits.max_span
        self._trackers: dict[Assignment, Tracker] = {}
        self._points: dict[Assignment, tuple[tuple[int, int], CommitPoint]] = {}

    def __contains__(self, assignment: Assignment) -> bool:
        return assignment in self._trackers

    def __iter__(self) -> Iterator[Assignment]:
        return iter(self._trackers)

    def __len__(self) -> int:
        return len(self._trackers)

    # --- assignments ---------------------------------------------------------------------------------------

    def open(self, assignment: Assignment) -> None:
        """Begin to track, with what a former owner's commit says of it."""
        carried = SettledMap.decode(assignment.metadata, assignment.start_offset)
        self._trackers[assignment] = Tracker(assignment.start_offset, carried)
        self.ledger.open(assignment)

    def close(self, assignments: set[Assignment]) -> None:
        """End them. Whatever is still in hand of them by now, nobody has accounted for."""
        self.post()
        for assignment in assignments:
            del self._trackers[assignment]
            self._points.pop(assignment, None)
            self.stretched.discard(assignment)
            self.ledger.close(assignment)

    # --- records come in -----------------------------------------------------------------------------------

    def jump(self, assignment: Assignment, offset: int, *, is_expired: bool) -> None:
        """Nothing is to be read below this offset."""
        jumped = self._trackers[assignment].skip_to(offset)
        if is_expired:
            self.ledger.of(assignment).expired += jumped
        else:
            self.ledger.of(assignment).note_gap(jumped, offset)

    def take(self, record: Record) -> bool:
        """Enter a record. True if a former owner had it settled already."""
        assignment = record.assignment
        tracker, entry = self._trackers[assignment], self.ledger.of(assignment)
        if jumped := tracker.skip_to(record.offset):
            entry.note_gap(jumped, record.offset)
        tracker.take(record.offset, record)
        entry.consumed += 1
        self.tallies.consumed[assignment.topic] += 1
        self.in_hand.add(record.size_bytes)
        return tracker.was_settled_before(record.offset, record.message.leader_epoch())

    # --- and leave -----------------------------------------------------------------------------------------

    def accepted(self, event: Event, wall_s: float) -> None:
        """Pinterest has acknowledged it."""
        if (entry := self._settled(event.record)) is not None:
            entry.accepted += 1
            self.tallies.accept(event, wall_s)

    def skipped(self, record: Record, reason: SkipReason, event_name: str = "") -> None:
        """On purpose there is no accepted event of it."""
        if (entry := self._settled(record)) is not None:
            entry.skipped[reason] += 1
            self.tallies.skipped[record.assignment.topic, event_name, reason] += 1

    def dead_lettered(self, record: Record, reason: DeadLetterReason) -> None:
        """Its letter is safe."""
        if (entry := self._settled(record)) is not None:
            entry.dead_lettered[reason] += 1
            self.tallies.dead_lettered[record.assignment.topic, reason] += 1

    def abandoned(self, record: Record) -> None:
        """Nothing is under way for it, and nothing will be: its memory is free, its offset stays unsettled."""
        self.in_hand.remove(record.size_bytes)
        if record.assignment in self._trackers:
            self.left_under_way(record)

    def left_under_way(self, record: Record) -> None:
        """Its assignment ends before its answer comes. The answer will find nobody, and then free the memory."""
        self._trackers[record.assignment].abandon(record.offset)
        self.ledger.of(record.assignment).abandoned += 1
        self.tallies.abandoned[record.assignment.topic] += 1

    def came_late(self, record: Record) -> None:
        """An answer for an assignment that has ended: the next owner of the partition judges again."""
        self.in_hand.remove(record.size_bytes)
        self.ledger.late += 1

    def _settled(self, record: Record) -> Entry | None:
        tracker = self._trackers.get(record.assignment)
        if tracker is None:
            self.came_late(record)
            return None
        self.in_hand.remove(record.size_bytes)
        tracker.settle(record.offset, record.message.leader_epoch())
        return self.ledger.of(record.assignment)

    # --- what may be said of them --------------------------------------------------------------------------

    def commit_points(self, assignments: Iterable[Assignment]) -> list[CommitPoint]:
        """Up to where everything is settled, with the map of what is settled above as far as it fits."""
        return [self._commit_point(assignment) for assignment in assignments]

    def _commit_point(self, assignment: Assignment) -> CommitPoint:
        tracker = self._trackers[assignment]
        known = self._points.get(assignment)
        if known is not None and known[0] == tracker.state:
            return known[1]
        metadata = tracker.settled_map().encode()
        used = max(len(metadata) / MAX_METADATA_CHARS, tracker.span / self._max_span)
        if used > _FULL:
            self.stretched.add(assignment)
        elif used < _ROOMY:
            self.stretched.discard(assignment)
        point = CommitPoint(assignment, tracker.committable, metadata)
        self._points[assignment] = (tracker.state, point)
        return point

    def fronts(self) -> list[tuple[Assignment, Record | None]]:
        """Each assignment with its lowest record that is not settled, if there is one."""
        return [(assignment, tracker.front) for assignment, tracker in self._trackers.items()]

    def lower_halves(self) -> dict[Assignment, int]:
        """Of the stretched assignments, the offset in the middle of what is stretched."""
        return {a: (self._trackers[a].committable + self._trackers[a].next_offset) // 2 for a in self.stretched}

    def post(self) -> None:
        """Bring the ledger's figures up to what the trackers count."""
        for assignment, tracker in self._trackers.items():
            entry = self.ledger.of(assignment)
            entry.in_hand = tracker.in_hand
            entry.span = tracker.next_offset - tracker.start_offset
