"""Sums receipts exactly, by day and whatever else is asked for; a key that occurs several times counts once."""

from __future__ import annotations

import decimal
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, tzinfo
from decimal import Decimal

from consumer.receipt_form import KeptReceipt

DIMENSIONS = ("day", "currency", "account", "event_name")

_EXACT = decimal.Context(prec=1_000, traps=[decimal.Inexact, decimal.InvalidOperation, decimal.Overflow])
"""Far more digits than any sum needs: it would rather fail than round."""
_DIGEST_BYTES = 16

Group = tuple[str, ...]
"""One text for each dimension asked for; empty where there is none."""


@dataclass(frozen=True, slots=True)
class Sum:
    """What the receipts of one group add up to."""

    group: Group
    events: int
    value: Decimal | None
    """None if none of them has a value."""


class Sums:
    """Keeps one entry for each key, some 0.3 KB; how often a key occurs costs nothing.

    Args:
        by: Some of `DIMENSIONS`, in the order wanted; `currency` must be among them.
        since: Events from then on.
        until: And before then.
        zone: Where days begin.
    """

    def __init__(self, by: tuple[str, ...], *, since: datetime | None, until: datetime | None, zone: tzinfo) -> None:
        self._by = by
        self._since = since
        self._until = until
        self._zone = zone
        self._latest: dict[bytes, tuple[datetime, Group | None, Decimal | None]] = {}
        self._groups: dict[Group, Group] = {}

    def add(self, key: bytes, receipt: KeptReceipt) -> None:
        """Count it, in place of an earlier one with its key."""
        digest = _digest(key)
        known = self._latest.get(digest)
        if known is None or receipt.accepted_at >= known[0]:
            # Out of the range too: it may be what the key's receipt in the range was replaced by.
            group = self._group(receipt) if self._is_within(receipt.event_time) else None
            self._latest[digest] = (receipt.accepted_at, group, receipt.value)

    def remove(self, key: bytes) -> None:
        """What came before with this key was erased."""
        self._latest.pop(_digest(key), None)

    def sums(self) -> Iterator[Sum]:
        """In the order of their groups."""
        found: dict[Group, tuple[int, Decimal | None]] = {}
        for _, group, value in self._latest.values():
            if group is not None:
                events, total = found.get(group, (0, None))
                if value is not None:
                    total = value if total is None else _EXACT.add(total, value)
                found[group] = (events + 1, total)
        return (Sum(group, *found[group]) for group in sorted(found))

    def _is_within(self, time: datetime) -> bool:
        return (self._since is None or time >= self._since) and (self._until is None or time < self._until)

    def _group(self, receipt: KeptReceipt) -> Group:
        every = {
            "day": receipt.event_time.astimezone(self._zone).date().isoformat(),
            "currency": receipt.currency or "",
            "account": receipt.ad_account_id,
            "event_name": receipt.event_name,
        }
        group = tuple(every[dimension] for dimension in self._by)
        return self._groups.setdefault(group, group)


def _digest(key: bytes) -> bytes:
    return hashlib.blake2b(key, digest_size=_DIGEST_BYTES).digest()
