"""Records whose mapping and whose writer's schema do not go together: kept, unsettled, until an operator restarts.

Going on without a vanished field would send events without their value, or under other ids; dead letters would have
to be replayed by the million. So reading of the partition stops, and once the mapping fits it begins again there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set

from consumer.records import Assignment, HoldCause, Record


class SchemaHolds:
    """The records that wait, and why."""

    def __init__(self) -> None:
        self._records: list[Record] = []
        self._problems: dict[tuple[str, str], tuple[str, ...]] = {}

    @property
    def problems(self) -> Mapping[tuple[str, str], tuple[str, ...]]:
        """By topic and full name of the record: what its schema lacks."""
        return self._problems

    @property
    def holds(self) -> dict[HoldCause, int]:
        """Assignments held back, by cause."""
        held = self.held()
        return {HoldCause.SCHEMA_INCOMPATIBLE: len(held)} if held else {}

    def add(self, record: Record, topic: str, schema_name: str, problems: tuple[str, ...]) -> None:
        """Keep a record; `topic` is the one whose mapping it takes."""
        self._records.append(record)
        self._problems.setdefault((topic, schema_name), problems)

    def held(self) -> set[Assignment]:
        """Assignments that are to be read no further."""
        return {record.assignment for record in self._records}

    def find(self, records: Set[Record]) -> Iterator[Record]:
        """Those of these records that are here."""
        return (record for record in self._records if record in records)

    def abandon(self, assignments: set[Assignment]) -> list[Record]:
        """Give up the records of these assignments; returns them."""
        gone = [record for record in self._records if record.assignment in assignments]
        self._records = [record for record in self._records if record.assignment not in assignments]
        return gone
