"""Counts where two mappings part over the same records. Pure; keeps names of fields, numbers and sums."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal

from consumer.cli.preview_outcomes import Outcome, Sent, label_of

_NOTHING = Decimal(0)

Change = Literal["gained", "lost", "changed"]
"""What became of a field: it is there now, it is there no longer, or it has another value."""


@dataclass(slots=True)
class Values:
    """The values of all events in one currency."""

    before: Decimal = _NOTHING
    after: Decimal = _NOTHING


@dataclass(slots=True)
class Difference:
    """Between an earlier mapping and a later one."""

    moves: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Records that become something else: from what, to what."""
    sent_by_both: int = 0
    changed_events: int = 0
    """Of these, the events that are not the same."""
    fields: Counter[tuple[str, Change]] = field(default_factory=Counter)
    """Events by path in them, as `user_data.em` or `custom_data.contents[].item_price`, and what became of it."""
    values: dict[str, Values] = field(default_factory=dict)
    """By currency."""

    def add(self, before: Outcome, after: Outcome) -> None:
        """One record, as each of them maps it."""
        was, becomes = label_of(before), label_of(after)
        if was != becomes:
            self.moves[was, becomes] += 1
        if (worth := _worth_of(before)) is not None:
            self.values.setdefault(worth[1], Values()).before += worth[0]
        if (worth := _worth_of(after)) is not None:
            self.values.setdefault(worth[1], Values()).after += worth[0]
        if isinstance(before, Sent) and isinstance(after, Sent):
            self.sent_by_both += 1
            changes = set(_changes(_whole(before), _whole(after)))
            self.changed_events += bool(changes)
            self.fields.update(changes)


def _worth_of(outcome: Outcome) -> tuple[Decimal, str] | None:
    if not isinstance(outcome, Sent) or outcome.event.value is None or outcome.event.currency is None:
        return None
    return outcome.event.value, outcome.event.currency


def _whole(sent: Sent) -> dict[str, Any]:
    return {"ad_account_id": sent.mapped.ad_account_id, **sent.mapped.payload}


def _changes(before: Mapping[str, Any], after: Mapping[str, Any], at: str = "") -> Iterator[tuple[str, Change]]:
    """The paths at which two objects differ, and how."""
    for name in before.keys() | after.keys():
        one, other, path = before.get(name), after.get(name), f"{at}{name}"
        if isinstance(one, Mapping) or isinstance(other, Mapping):
            yield from _changes(one or {}, other or {}, f"{path}.")
        elif one is None:
            yield path, "gained"
        elif other is None:
            yield path, "lost"
        elif _are_as_many_objects(one, other):
            for each, its_other in zip(one, other, strict=True):
                yield from _changes(each, its_other, f"{path}[].")
        elif one != other:
            yield path, "changed"


def _are_as_many_objects(one: Any, other: Any) -> bool:
    """Can they be compared one by one, as the contents of the same order can?"""
    return (
        isinstance(one, list)
        and isinstance(other, list)
        and len(one) == len(other)
        and all(isinstance(each, Mapping) for each in (*one, *other))
    )
