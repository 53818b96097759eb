"""Waits for schemas: keeps the records whose writer's schema is being looked up, and says when to ask again.

Pure: time is given. A registry that cannot be reached holds its records; an id that it does not know is asked for
again for some time, as producers may be ahead of a replica of the registry, and then given up.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Set
from dataclasses import dataclass, field

from consumer.records import Assignment, HoldCause, Record, SchemaRef

_ASK_AGAIN_S = 1.0
_GIVEN_UP_FOR_S = 60.0


@dataclass(slots=True)
class _Wait:
    since_s: float
    records: list[Record] = field(default_factory=list)
    ask_at_s: float | None = None
    """When to ask again; `None` while the registry is being asked."""
    is_unreachable: bool = False


class Lookups:
    """Schemas asked for, with the records that wait for each.

    Args:
        unknown_grace_s: How long an id may be unknown to the registry before its records are given up.
    """

    def __init__(self, *, unknown_grace_s: float) -> None:
        self._unknown_grace_s = unknown_grace_s
        self._waits: dict[SchemaRef, _Wait] = {}
        self._given_up: dict[SchemaRef, float] = {}

    def add(self, ref: SchemaRef, record: Record, now_s: float) -> bool:
        """Let a record wait. False if its schema was given up a moment ago, and so the record is to be too."""
        if self._given_up.get(ref, 0.0) > now_s:
            return False
        self._given_up.pop(ref, None)
        wait = self._waits.setdefault(ref, _Wait(now_s, ask_at_s=now_s))
        wait.records.append(record)
        return True

    def to_ask(self, now_s: float) -> list[SchemaRef]:
        """Which schemas to ask the registry for now."""
        due = [ref for ref, wait in self._waits.items() if wait.ask_at_s is not None and wait.ask_at_s <= now_s]
        for ref in due:
            self._waits[ref].ask_at_s = None
        return due

    def answered(self, ref: SchemaRef) -> list[Record]:
        """The registry has spoken: these records wait no longer."""
        wait = self._waits.pop(ref, None)
        return wait.records if wait is not None else []

    def unknown(self, ref: SchemaRef, now_s: float) -> list[Record]:
        """The registry does not know the schema. Returns the records to give up, none within the grace time."""
        wait = self._waits.get(ref)
        if wait is None:
            return []
        wait.is_unreachable = False
        if now_s - wait.since_s < self._unknown_grace_s:
            wait.ask_at_s = now_s + _ASK_AGAIN_S
            return []
        # Records full of noise name any number of ids: forget those that may be asked for again.
        self._given_up = {other: until_s for other, until_s in self._given_up.items() if until_s > now_s}
        self._given_up[ref] = now_s + _GIVEN_UP_FOR_S
        return self.answered(ref)

    def unreachable(self, ref: SchemaRef, now_s: float) -> None:
        """The registry did not speak: hold. The grace time of an unknown id begins again once it does."""
        if (wait := self._waits.get(ref)) is not None:
            wait.is_unreachable = True
            wait.since_s = now_s
            wait.ask_at_s = now_s + _ASK_AGAIN_S

    def held(self) -> set[Assignment]:
        """Assignments not to be read further, as the registry cannot be reached."""
        return {r.assignment for wait in self._waits.values() if wait.is_unreachable for r in wait.records}

    @property
    def holds(self) -> dict[HoldCause, int]:
        """Assignments held back, by cause."""
        held = self.held()
        return {HoldCause.REGISTRY: len(held)} if held else {}

    def find(self, records: Set[Record]) -> Iterator[tuple[Record, bool]]:
        """Those of these records that are here, and whether the registry cannot be reached for them."""
        for wait in self._waits.values():
            yield from ((record, wait.is_unreachable) for record in wait.records if record in records)

    def abandon(self, assignments: set[Assignment]) -> Iterable[Record]:
        """Give up the records of these assignments; returns them."""
        gone: list[Record] = []
        for ref, wait in list(self._waits.items()):
            gone += (record for record in wait.records if record.assignment in assignments)
            wait.records = [record for record in wait.records if record.assignment not in assignments]
            if not wait.records:
                del self._waits[ref]
        return gone
