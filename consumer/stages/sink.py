"""Delivers: which batch is sent when, and what its answer means for each event: exactly one verdict per event.

Pure: no socket, time is given. Requests themselves are made by whoever calls `start`, and come back to `receive`.
Events are retried until the API accepts or refuses them; what is wrong with an account or with the API as a whole
is never held against an event.
"""

from __future__ import annotations

import random
from bisect import insort
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from operator import attrgetter
from typing import assert_never

from consumer.config import Delivery
from consumer.pinterest.answers import (
    Ambiguous,
    Answer,
    Forbidden,
    Judged,
    Refused,
    Throttled,
    Unauthorized,
    Unavailable,
)
from consumer.records import (
    Abandoned,
    Assignment,
    Batch,
    DeadLetterReason,
    Event,
    Expired,
    HoldCause,
    Outcome,
    Rejected,
    Verdict,
)
from consumer.timing import full_jitter_s

FRESH_S = 3_600
"""Within an hour of its happening a conversion counts as web or app, later as offline and without de-duplication
(Segment's and Tealium's documentation of the same API), so fresh batches go first."""
MAX_UNREADABLE = 3
"""Requests with the same events that may be answered unreadably before the account is held."""
_TRIPPED_AFTER = 3
"""Failures in a row after which an account is tried with one request at a time."""
_STALE_SHARE = 4
"""One of so many permits is kept for batches past the hour; where there are fewer, one of so many requests."""
_age_of = attrgetter("oldest_s")


@dataclass(frozen=True, slots=True)
class BatchResult:
    """What came back for a batch: crosses from the thread that makes requests to the one that decides."""

    batch: Batch
    answer: Answer


@dataclass(frozen=True, slots=True)
class Hold:
    """An account that is not served for now, since when (monotonic) and what it was told."""

    cause: HoldCause
    since_s: float
    detail: str


@dataclass(slots=True)
class _Account:
    waiting: list[Batch] = field(default_factory=list)
    """The oldest first."""
    in_flight: int = 0
    width: float = 1.0
    """How many requests it may have under way; grows additively on success, halves when throttled."""
    failures: int = 0
    """In a row."""
    not_before_s: float = 0.0
    """Monotonic time before which nothing of it is sent."""
    paused_until_s: float = 0.0
    """How much of that is the server's wish: an answer to an earlier request does not lift it."""
    hold: Hold | None = None


class Sink:
    """Accounts, their waiting batches, and the permits for requests under way.

    Args:
        settings: Permits and delays.
        max_age_s: Events older than this are not worth a request any more.
        chance: For jitter.
        is_live: Is this assignment still ours? Events of others are not sent again.
    """

    def __init__(
        self,
        settings: Delivery,
        *,
        max_age_s: int,
        chance: random.Random,
        is_live: Callable[[Assignment], bool],
    ) -> None:
        self._settings = settings
        self._max_age_s = max_age_s
        self._chance = chance
        self._is_live = is_live
        self._accounts: dict[str, _Account] = {}
        self._queued: dict[str, _Account] = {}  # those with waiting batches, so that choosing looks at no others
        self._in_flight: set[Batch] = set()
        self._stale_in_flight: set[Batch] = set()
        self._fresh_in_a_row = 0

    # --- towards the API -----------------------------------------------------------------------------------

    def wants(self, ad_account_id: str) -> bool:
        """Could a new batch of this account be sent soon, because none is waiting?"""
        account = self._accounts.get(ad_account_id)
        return account is None or (not account.waiting and account.in_flight < self._width(account))

    def submit(self, batch: Batch) -> None:
        """Take over a new batch."""
        account = self._accounts.get(batch.ad_account_id)
        if account is None:
            account = self._accounts[batch.ad_account_id] = _Account(width=float(self._most_per_account))
        self._queue(account, batch)

    def start(self, now_s: float, wall_s: float) -> tuple[list[Batch], list[Verdict]]:
        """What to send now: batches to make requests of, and verdicts on events that grew too old meanwhile."""
        started: list[Batch] = []
        verdicts: list[Verdict] = []
        while len(self._in_flight) < self._settings.max_in_flight:
            chosen = self._choose(now_s, wall_s)
            if chosen is None:
                break
            account, batch = chosen
            self._unqueue(account, batch)
            batch, expired = self._without_expired(batch, wall_s)
            verdicts += expired
            if not batch.events:
                continue
            account.in_flight += 1
            self._in_flight.add(batch)
            if wall_s - batch.oldest_s > FRESH_S:
                self._stale_in_flight.add(batch)
                self._fresh_in_a_row = 0
            else:
                self._fresh_in_a_row += 1
            started.append(batch)
        return started, verdicts

    def _choose(self, now_s: float, wall_s: float) -> tuple[_Account, Batch] | None:
        """The oldest batch that may go; those past the hour have a quarter of the permits for themselves."""
        fresh: tuple[int, _Account, Batch] | None = None
        stale: tuple[int, _Account, Batch] | None = None
        for account in self._queued.values():
            if now_s < account.not_before_s or (account.in_flight and account.in_flight >= self._width(account)):
                continue
            for batch in account.waiting:
                if batch.not_before_s > now_s:
                    continue
                oldest_s = batch.oldest_s
                if wall_s - oldest_s <= FRESH_S:
                    if fresh is None or oldest_s < fresh[0]:
                        fresh = (oldest_s, account, batch)
                    break
                if stale is None or oldest_s < stale[0]:
                    stale = (oldest_s, account, batch)
        best = (stale if self._is_turn_of_stale() else None) or fresh or stale
        return best[1:] if best is not None else None

    def _is_turn_of_stale(self) -> bool:
        kept = self._settings.max_in_flight // _STALE_SHARE
        return len(self._stale_in_flight) < kept if kept else self._fresh_in_a_row >= _STALE_SHARE - 1

    def _without_expired(self, batch: Batch, wall_s: float) -> tuple[Batch, list[Verdict]]:
        earliest_s = wall_s - self._max_age_s
        if batch.oldest_s >= earliest_s:
            return batch, []
        kept = tuple(event for event in batch.events if event.event_time_s >= earliest_s)
        expired = (event for event in batch.events if event.event_time_s < earliest_s)
        return replace(batch, events=kept), [_verdict(batch, event, Expired()) for event in expired]

    # --- back from the API ---------------------------------------------------------------------------------

    def receive(self, result: BatchResult, now_s: float, wall_s: float) -> list[Verdict]:
        """Take in the answer to a batch that `start` gave out.

        Returns:
            Verdicts on those of its events that are done with. The others wait here for another request.
        """
        batch, answer = result.batch, result.answer
        self._in_flight.remove(batch)
        self._stale_in_flight.discard(batch)
        account = self._accounts[batch.ad_account_id]
        account.in_flight -= 1
        tried = replace(batch, attempts=batch.attempts + 1)
        match answer:
            case Judged(outcomes):
                self._spoke(account, now_s)
                account.width = min(self._most_per_account, account.width + 1 / account.width)
                return [_verdict(tried, event, outcome) for event, outcome in zip(batch.events, outcomes, strict=True)]
            case Refused(detail, http_status, api_code):
                self._spoke(account, now_s)
                tried = _failed(tried, wall_s)
                if len(batch.events) == 1:
                    reason = DeadLetterReason.OVERSIZED if http_status == 413 else DeadLetterReason.REFUSED
                    return [_verdict(tried, batch.events[0], Rejected(detail, reason, http_status, api_code))]
                return self._again(account, *_halves(tried))
            case Unauthorized(detail):
                return self._hold(account, tried, HoldCause.UNAUTHORIZED, detail, now_s, wall_s)
            case Forbidden(detail):
                return self._hold(account, tried, HoldCause.FORBIDDEN, detail, now_s, wall_s)
            case Throttled(delay_s):
                account.width = max(1.0, account.width / 2)
                account.failures += 1
                _pause(account, now_s + (delay_s if delay_s is not None else self._back_off_s(account.failures)))
                account.hold = _held(account, HoldCause.THROTTLED, now_s, "HTTP 429")
                return self._again(account, _failed(tried, wall_s))
            case Unavailable(detail, delay_s):
                if delay_s is not None:
                    _pause(account, now_s + delay_s)
                    account.hold = _held(account, HoldCause.UNAVAILABLE, now_s, detail)
                return self._later(account, tried, HoldCause.UNAVAILABLE, detail, now_s, wall_s)
            case Ambiguous(detail, is_unreadable):
                tried = replace(tried, unreadable=tried.unreadable + is_unreadable)
                if tried.unreadable >= MAX_UNREADABLE:
                    return self._hold(account, tried, HoldCause.AMBIGUOUS, detail, now_s, wall_s)
                return self._later(account, tried, HoldCause.AMBIGUOUS, detail, now_s, wall_s)
            case _:
                assert_never(answer)

    def abandon(self, assignments: set[Assignment]) -> list[Verdict]:
        """Give up what waits here of these assignments. What is in flight is still to be received."""
        verdicts: list[Verdict] = []
        for account in list(self._queued.values()):
            for batch in list(account.waiting):
                kept, gone = _split(batch, lambda event: event.record.assignment not in assignments)
                if gone:
                    verdicts += (_verdict(batch, event, Abandoned()) for event in gone)
                    self._unqueue(account, batch)
                    if kept is not None:
                        self._queue(account, kept)
            _forget_hold(account)
        return verdicts

    # --- seen from outside ---------------------------------------------------------------------------------

    @property
    def in_flight(self) -> int:
        """Requests under way."""
        return len(self._in_flight)

    def under_way(self, assignments: set[Assignment]) -> list[Event]:
        """The events of these assignments that requests under way carry."""
        return [e for batch in self._in_flight for e in batch.events if e.record.assignment in assignments]

    def holds(self) -> Iterator[tuple[str, Hold]]:
        """The accounts that are not served for now."""
        return ((name, account.hold) for name, account in self._accounts.items() if account.hold is not None)

    # --- within ------------------------------------------------------------------------------------------------

    @property
    def _most_per_account(self) -> int:
        """One account uses at most half of the permits, so that it cannot starve the others."""
        return max(1, self._settings.max_in_flight // 2)

    def _width(self, account: _Account) -> int:
        # After several failures in a row, and while held, one request at a time finds out whether it is over.
        if account.failures >= _TRIPPED_AFTER or (account.hold and account.hold.cause is not HoldCause.THROTTLED):
            return 1
        return int(account.width)

    def _spoke(self, account: _Account, now_s: float) -> None:
        """The API looked at this account's events, whatever it said of them: nothing is wrong with the account."""
        account.failures = 0
        account.not_before_s = account.paused_until_s
        if now_s >= account.paused_until_s:
            account.hold = None

    def _hold(
        self, account: _Account, batch: Batch, cause: HoldCause, detail: str, now_s: float, wall_s: float
    ) -> list[Verdict]:
        account.failures += 1
        account.hold = _held(account, cause, now_s, detail)
        account.not_before_s = max(account.not_before_s, now_s + self._settings.hold_probe_s)
        return self._again(account, _failed(batch, wall_s))

    def _later(
        self, account: _Account, batch: Batch, cause: HoldCause, detail: str, now_s: float, wall_s: float
    ) -> list[Verdict]:
        """Back off: the batch alone at first, the account as a whole after some failures in a row."""
        account.failures += 1
        not_before_s = now_s + self._back_off_s(max(batch.attempts, account.failures))
        if account.failures >= _TRIPPED_AFTER:
            account.not_before_s = max(account.not_before_s, not_before_s)
            account.hold = _held(account, cause, now_s, detail)
        return self._again(account, replace(_failed(batch, wall_s), not_before_s=not_before_s))

    def _again(self, account: _Account, *batches: Batch) -> list[Verdict]:
        """Let batches wait for another request, but for events that are no longer ours to send."""
        verdicts: list[Verdict] = []
        for batch in batches:
            kept, gone = _split(batch, lambda event: self._is_live(event.record.assignment))
            verdicts += (_verdict(batch, event, Abandoned()) for event in gone)
            if kept is not None:
                self._queue(account, kept)
        _forget_hold(account)
        return verdicts

    def _queue(self, account: _Account, batch: Batch) -> None:
        insort(account.waiting, batch, key=_age_of)
        self._queued[batch.ad_account_id] = account

    def _unqueue(self, account: _Account, batch: Batch) -> None:
        account.waiting.remove(batch)
        if not account.waiting:
            del self._queued[batch.ad_account_id]

    def _back_off_s(self, failures: int) -> float:
        settings = self._settings
        return full_jitter_s(
            failures - 1, base_s=settings.retry_base_s, cap_s=settings.retry_cap_s, chance=self._chance
        )


def _pause(account: _Account, until_s: float) -> None:
    account.paused_until_s = max(account.paused_until_s, until_s)
    account.not_before_s = max(account.not_before_s, until_s)


def _held(account: _Account, cause: HoldCause, now_s: float, detail: str) -> Hold:
    """The hold, since when its cause began."""
    held = account.hold
    return Hold(cause, held.since_s if held is not None and held.cause is cause else now_s, detail)


def _forget_hold(account: _Account) -> None:
    """Without an event that could find out whether it is over, a hold would be told of for ever."""
    if not account.waiting and not account.in_flight:
        account.hold = None


def _halves(batch: Batch) -> tuple[Batch, Batch]:
    middle = len(batch.events) // 2
    return replace(batch, events=batch.events[:middle]), replace(batch, events=batch.events[middle:])


def _split(batch: Batch, keep: Callable[[Event], bool]) -> tuple[Batch | None, list[Event]]:
    kept = tuple(event for event in batch.events if keep(event))
    if len(kept) == len(batch.events):
        return batch, []
    gone = [event for event in batch.events if not keep(event)]
    return (replace(batch, events=kept) if kept else None), gone


def _failed(batch: Batch, wall_s: float) -> Batch:
    return batch if batch.first_failed_s is not None else replace(batch, first_failed_s=wall_s)


def _verdict(batch: Batch, event: Event, outcome: Outcome) -> Verdict:
    return Verdict(event, outcome, batch.attempts, batch.first_failed_s)
