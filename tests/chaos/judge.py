"""Judges a run from what was seen outside the replicas, while it runs: what was produced, accepted, written as a letter
and committed. Keeps about 220 bytes a record and looks at each piece of evidence once.

Feed it in this order each time: what was committed, then what was produced, accepted and lettered. What a commit that
was seen relies on must then be known already, or come with a time before the commit.
"""

from __future__ import annotations

import math
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from consumer.stages.offsets import SettledMap
from tests.chaos.tails import SeenLetter
from tests.harness.ledger import Position
from tests.harness.watcher import Commit

ACCEPTED = "accepted"
HELD = "dead_lettered:account_held"
_ALSO_RIGHT: Mapping[str, frozenset[str]] = {
    # An account that was held may have had its events parked.
    ACCEPTED: frozenset({HELD}),
    # Which of the two depends on whether the API named the event or refused its whole batch.
    "dead_lettered:rejected": frozenset({"dead_lettered:refused", HELD}),
}
_NEVER = math.inf
_OFFSETS = 1 << 40
"""More than a partition will ever have here."""


@dataclass(frozen=True, slots=True)
class Violation:
    """A promise that was not kept, with the record that shows it and when."""

    promise: str
    position: Position
    at: float
    """Unix seconds."""
    detail: str

    def __str__(self) -> str:
        topic, partition, offset = self.position
        where = f" {topic}[{partition}]@{offset}:" if topic else ""
        return f"{self.promise}:{where} {self.detail}"


@dataclass(frozen=True, slots=True)
class Repeat:
    """A record that was settled once more: its event accepted again, or a letter of it written again."""

    position: Position
    first_at: float
    """Of the settlement before this one."""
    first_request: int
    """The request that accepted it then, 0 for a letter."""
    again_at: float
    covered_at: float
    """When a commit or its map was first seen to cover it; infinite if that has not been."""
    what: str


@dataclass(slots=True)
class _Partition:
    """A row for each offset up to the highest heard of; what is not known of it is 0 or infinite."""

    number: int
    """How many were heard of before it."""
    expected: array[int] = field(default_factory=lambda: array("H"))
    """Number of the expectation, from 1 on."""
    settled_at: array[float] = field(default_factory=lambda: array("d"))
    """Unix seconds at which, at the earliest, its event was recorded or its letter appended."""
    settled_by: array[int] = field(default_factory=lambda: array("Q"))
    """The request, or 0."""
    covered_at: array[float] = field(default_factory=lambda: array("d"))
    outcome: array[int] = field(default_factory=lambda: array("H"))
    """Number of what became of it."""
    is_covered: bytearray = field(default_factory=bytearray)
    front: int = 0
    """The highest offset committed."""
    end: int = 0
    """One more than the highest offset produced."""

    def reach(self, offset: int) -> None:
        more = offset + 1 - len(self.is_covered)
        if more > 0:
            more += 1_024
            self.expected.extend([0] * more)
            self.settled_at.extend([_NEVER] * more)
            self.settled_by.extend([0] * more)
            self.covered_at.extend([_NEVER] * more)
            self.outcome.extend([0] * more)
            self.is_covered.extend(bytes(more))

    def newly_covered(self, start: int, stop: int) -> Iterator[int]:
        """Offsets that no earlier commit has covered; from now on they are."""
        if stop > start:
            self.reach(stop - 1)
        offset = self.is_covered.find(0, start, stop)
        while offset >= 0:
            self.is_covered[offset] = 1
            yield offset
            offset = self.is_covered.find(0, offset + 1, stop)


class Judge:
    """See the module's first lines. `finish` tells what is wrong with the whole; `violations` grows meanwhile."""

    def __init__(self) -> None:
        self.violations: list[Violation] = []
        self.repeats: list[Repeat] = []
        self.produced = self.accepted = self.letters = 0
        self.outcomes: Counter[str] = Counter()
        """Records by what became of them, filled by `finish`."""
        self._partitions: dict[tuple[str, int], _Partition] = {}
        self._names: list[str] = [""]
        self._numbers: dict[str, int] = {"": 0}
        self._places: list[tuple[str, int]] = []
        """The partitions, in the order they were heard of."""
        self._place_of: dict[str, int] = {}
        """Of each event: which of the partitions, and the offset in it; one number, as there are millions of them."""
        self._early: dict[str, list[tuple[float, int]]] = {}
        self._suspects: dict[Position, Commit] = {}
        self._backward: list[Commit] = []
        self._latest: dict[Position, tuple[float, int]] = {}

    # --- evidence ------------------------------------------------------------------------------------------

    def committed(self, commits: Iterable[Commit]) -> None:
        """What the watcher saw, in the order seen."""
        for commit in commits:
            partition = self._partition(commit.topic, commit.partition)
            if commit.offset < partition.front:
                self._backward.append(commit)
            settled_map = SettledMap.decode(commit.metadata, commit.offset)
            stretches = [range(partition.front, commit.offset), *(settled_map.ranges if settled_map else ())]
            for stretch in stretches:
                for offset in partition.newly_covered(stretch.start, stretch.stop):
                    partition.covered_at[offset] = commit.seen_at
                    self._suspects[commit.topic, commit.partition, offset] = commit
            partition.front = max(partition.front, commit.offset)

    def took(self, manifest: Iterable[Mapping[str, Any]]) -> None:
        """Lines of the manifest, of each partition in the order of its offsets and without a gap.

        After a broker was lost the client may not be told the offset of a record that its retry found stored already:
        then it is the next one, as nobody else writes to the topics.
        """
        for line in manifest:
            self.produced += 1
            partition = self._partition(line["topic"], line["partition"])
            offset = partition.end if line["offset"] is None else line["offset"]
            position = (line["topic"], line["partition"], offset)
            if offset != partition.end:
                self._accuse("stream with a gap", position, 0.0, f"{partition.end} should have been next")
            partition.reach(offset)
            partition.expected[offset] = self._number(line["expect"])
            partition.end = offset + 1
            event_id = line["event_id"]
            if event_id is None:
                continue
            self._place_of[event_id] = partition.number * _OFFSETS + offset
            for at, request in self._early.pop(event_id, ()):
                self._settle(partition, position, at, request, ACCEPTED)

    def recorded(self, record: Iterable[Mapping[str, Any]], not_before: float) -> None:
        """Lines of the emulator's record, of which none was there at `not_before`, when it was last read to its end."""
        for line in record:
            self.accepted += 1
            event_id: str = line["event"]["event_id"]
            at = max(line["received_at"], not_before)
            if (place := self._place_of.get(event_id)) is None:
                # The replicas may be faster than the acknowledgement to the producer.
                self._early.setdefault(event_id, []).append((at, line["request"]))
            else:
                number, offset = divmod(place, _OFFSETS)
                position = (*self._places[number], offset)
                self._settle(self._partition(*position[:2]), position, at, line["request"], ACCEPTED)

    def lettered(self, letters: Iterable[SeenLetter]) -> None:
        """What was read of the dead-letter topic."""
        for letter in letters:
            self.letters += 1
            partition = self._partition(*letter.origin[:2])
            partition.reach(letter.origin[2])
            self._settle(partition, letter.origin, letter.appended_at, 0, f"dead_lettered:{letter.reason}")

    def weigh(self) -> None:
        """Acquit what commits relied on with good reason; to be called when all evidence of a moment is in."""
        settled = [position for position, commit in self._suspects.items() if self._is_acquitted(position, commit)]
        for position in settled:
            del self._suspects[position]

    @property
    def lag(self) -> int:
        """Offsets known to be produced that no commit seen so far has passed."""
        return sum(max(0, partition.end - partition.front) for partition in self._partitions.values())

    @property
    def suspects(self) -> int:
        """Records that a commit has covered and of which it is not known yet that they were settled."""
        return len(self._suspects)

    # --- verdict -------------------------------------------------------------------------------------------

    def finish(self, now: float) -> None:
        """All evidence is in: what is not explained by now is a violation."""
        self.weigh()
        for position, commit in self._suspects.items():
            self._accuse("premature commit", position, commit.seen_at, f"was not settled when {_told(commit)}")
        self._suspects.clear()
        for event_id, arrivals in self._early.items():
            self._accuse("unexpected", ("", -1, -1), arrivals[0][0], f"event {event_id} was accepted, never produced")
        for (topic, number), partition in self._partitions.items():
            for offset, expected in enumerate(partition.expected):
                if expected:
                    self._conclude(partition, (topic, number, offset), now)

    def went_back(self, is_excused: Any) -> None:
        """Accuse commits that were seen to go back, but those at excused times."""
        for commit in self._backward:
            if not is_excused(commit.seen_at):
                position = (commit.topic, commit.partition, commit.offset)
                self._accuse("commit went back", position, commit.seen_at, _told(commit))

    def _conclude(self, partition: _Partition, position: Position, now: float) -> None:
        offset = position[2]
        expected = self._names[partition.expected[offset]]
        outcome = self._names[partition.outcome[offset]]
        if not outcome and expected.startswith("skipped:") and partition.is_covered[offset]:
            outcome = expected
        if not outcome:
            self._accuse("lost", position, now, f"expected {expected}, and nothing became of it")
        elif outcome != expected and outcome not in _ALSO_RIGHT.get(expected, frozenset()):
            self._accuse("unexpected", position, partition.settled_at[offset], f"expected {expected}, became {outcome}")
        self.outcomes[outcome or "lost"] += 1

    def _settle(self, partition: _Partition, position: Position, at: float, request: int, outcome: str) -> None:
        offset = position[2]
        if partition.outcome[offset]:
            latest = self._latest.get(position, (partition.settled_at[offset], partition.settled_by[offset]))
            self._latest[position] = (at, request)
            self.repeats.append(
                Repeat(
                    position,
                    first_at=latest[0],
                    first_request=latest[1],
                    again_at=at,
                    covered_at=partition.covered_at[offset],
                    what=f"{self._names[partition.outcome[offset]]}, then {outcome}",
                )
            )
            return
        partition.outcome[offset] = self._number(outcome)
        partition.settled_at[offset] = at
        partition.settled_by[offset] = request

    def _is_acquitted(self, position: Position, commit: Commit) -> bool:
        partition, offset = self._partition(*position[:2]), position[2]
        expected = self._names[partition.expected[offset]]
        return expected.startswith("skipped:") or partition.settled_at[offset] <= commit.seen_at

    def _accuse(self, promise: str, position: Position, at: float, detail: str) -> None:
        self.violations.append(Violation(promise, position, at, detail))

    def _partition(self, topic: str, number: int) -> _Partition:
        found = self._partitions.get((topic, number))
        if found is None:
            found = self._partitions[topic, number] = _Partition(len(self._places))
            self._places.append((topic, number))
        return found

    def _number(self, name: str) -> int:
        if name not in self._numbers:
            self._numbers[name] = len(self._names)
            self._names.append(name)
        return self._numbers[name]


def _told(commit: Commit) -> str:
    return f"the commit at {commit.offset} was seen"
