"""Records and events as the stages hand them on: valid, and told apart by what a test names."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from consumer.records import Assignment, Batch, Event, Record

NOW_S = 1_000.0
"""Monotonic."""
WALL_S = 1_750_000_000.0
"""Unix seconds, at the same moment."""
ACCOUNT = "549000000001"


class FakeMessage:
    """A message as far as stages look at it."""

    def __init__(self, value: bytes | None = b"order", leader_epoch: int | None = None) -> None:
        self._value = value
        self._leader_epoch = leader_epoch

    def key(self) -> bytes | None:
        return None

    def value(self) -> bytes | None:
        return self._value

    def headers(self) -> Any:
        return None

    def timestamp(self) -> tuple[int, int]:
        return (1, int(WALL_S * 1_000))

    def leader_epoch(self) -> int | None:
        return self._leader_epoch


def assignment_of(partition: int = 0, *, topic: str = "orders", start_offset: int = 0) -> Assignment:
    return Assignment(topic, partition, start_offset)


def record_of(assignment: Assignment | None = None, offset: int = 0) -> Record:
    return Record(assignment or assignment_of(), offset, FakeMessage(), 100, NOW_S)


def event_of(
    event_id: str = "merchant-1:A-1:checkout",
    *,
    account: str = ACCOUNT,
    assignment: Assignment | None = None,
    age_s: int = 60,
    body: bytes = b"{}",
    **changes: Any,
) -> Event:
    fields: dict[str, Any] = {
        "event_name": "checkout",
        "action_source": "web",
        "order_id": None,
        "value": Decimal("72.39"),
        "currency": "EUR",
        **changes,
    }
    return Event(
        record=record_of(assignment),
        ad_account_id=account,
        event_id=event_id,
        event_time_s=int(WALL_S) - age_s,
        body=body,
        **fields,
    )


def batch_of(*events: Event, account: str = ACCOUNT, **changes: Any) -> Batch:
    """With one event if none is given."""
    return Batch(account, events or (event_of(account=account),), **changes)
