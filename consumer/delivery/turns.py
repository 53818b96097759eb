"""Whose turn it is: accounts with waiting batches, those with the fewest requests under way first, then the oldest.

So an account whose requests take long holds few permits, however much of it waits: while it holds one, the others
that hold none go first. Choosing costs the logarithm of the number of accounts: each is filed again only when it
changed, or when time alone may have changed it; earlier entries of it are void, and dropped when they come up.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from heapq import heapify, heappop, heappush
from itertools import count
from typing import NamedTuple, TypeVar

from consumer.delivery.account import Account
from consumer.records import Batch


class _Entry(NamedTuple):
    in_flight: int
    failed_probes: int
    oldest_s: int
    ticket: int
    account: Account
    batch: Batch


class _Alarm(NamedTuple):
    at_s: float
    ticket: int
    account: Account


_Filed = TypeVar("_Filed", _Entry, _Alarm)


class Turns:
    """Tell it of every change of an account."""

    def __init__(self) -> None:
        self._accounts: dict[str, Account] = {}
        self._changed: dict[Account, None] = {}
        self._fresh: list[_Entry] = []
        self._stale: list[_Entry] = []
        self._alarms: list[_Alarm] = []
        self._tickets = count(1)

    @property
    def accounts(self) -> Collection[Account]:
        """Those with waiting batches."""
        return self._accounts.values()

    def changed(self, account: Account) -> None:
        """Something of this account is not as it was when this was last said."""
        self._changed[account] = None
        if account.waiting:
            self._accounts[account.name] = account
        else:
            self._accounts.pop(account.name, None)

    def choose(self, now_s: float, wall_s: float, *, prefers_stale: bool) -> tuple[Account, Batch] | None:
        """Who goes next, and with which batch. It stays where it is until its account is said to have changed."""
        self._file_again(now_s, wall_s)
        fresh, stale = _first(self._fresh), _first(self._stale)
        tops = [top for top in ((stale, fresh) if prefers_stale else (fresh, stale)) if top is not None]
        # In an outage of the API it is whoever failed least; else nobody has failed, and the first of both stays it.
        chosen = min(tops, key=lambda top: top.failed_probes, default=None)
        return None if chosen is None else (chosen.account, chosen.batch)

    def _file_again(self, now_s: float, wall_s: float) -> None:
        while self._alarms and self._alarms[0].at_s <= now_s:
            alarm = heappop(self._alarms)
            if alarm.ticket == alarm.account.ticket:
                self._changed[alarm.account] = None
        for account in self._changed:
            self._file(account, now_s, wall_s)
        self._changed.clear()

    def _file(self, account: Account, now_s: float, wall_s: float) -> None:
        ticket = account.ticket = next(self._tickets)
        if not account.waiting:
            return
        fresh, stale, changes_s = account.ready(now_s, wall_s)
        standing = (account.in_flight, account.failed_probes)
        if fresh is not None:
            self._push(self._fresh, _Entry(*standing, fresh.oldest_s, ticket, account, fresh))
        if stale is not None:
            self._push(self._stale, _Entry(*standing, stale.oldest_s, ticket, account, stale))
        if changes_s < math.inf:
            self._push(self._alarms, _Alarm(changes_s, ticket, account))

    def _push(self, heap: list[_Filed], filed: _Filed) -> None:
        heappush(heap, filed)
        if len(heap) > 64 + 2 * len(self._accounts):  # at least half of it is void
            heap[:] = [each for each in heap if each.ticket == each.account.ticket]
            heapify(heap)


def _first(heap: list[_Entry]) -> _Entry | None:
    while heap and heap[0].ticket != heap[0].account.ticket:
        heappop(heap)
    return heap[0] if heap else None
