"""Cut-over windows: from when, and until when, this consumer is the one that reports an ad account's events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from consumer.config import AdAccount

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Window:
    """Unix milliseconds; None where it is open. Two windows that name the same instant meet without gap or overlap."""

    from_ms: int | None
    """The first instant within."""
    until_ms: int | None
    """The first instant no longer within."""

    def holds(self, time_ms: int) -> bool:
        """Does it hold what happened then?"""
        return (self.from_ms is None or time_ms >= self.from_ms) and (self.until_ms is None or time_ms < self.until_ms)


def windows_of(accounts: Mapping[str, AdAccount]) -> dict[str, Window]:
    """The windows of those ad accounts that have one."""
    return {
        name: Window(_unix_ms(account.active_from), _unix_ms(account.active_until))
        for name, account in accounts.items()
        if account.active_from is not None or account.active_until is not None
    }


def _unix_ms(moment: datetime | None) -> int | None:
    return None if moment is None else (moment - _EPOCH) // _MILLISECOND
