"""Delivers: which batch is sent when, and what its answer means for each event: exactly one verdict per event.

Pure: no socket, time is given. Requests themselves are made by whoever calls `start`, and come back to `receive`.
Events are retried until the API accepts or refuses them; what is wrong with an account or with the API as a whole
is never held against an event. What is decided here is decided by the parts in `delivery/`.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, replace
from itertools import islice
from typing import assert_never

from consumer.config import Delivery
from consumer.delivery import bisection
from consumer.delivery.account import TRIPPED_AFTER, Account
from consumer.delivery.breaker import Breaker
from consumer.delivery.freshness import is_stale, may_count_twice
from consumer.delivery.pace import Pace
from consumer.delivery.parking import Parking
from consumer.delivery.permits import Permits
from consumer.delivery.tempo import Tempo
from consumer.delivery.turns import Turns
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
    Accepted,
    Assignment,
    Batch,
    DeadLetterReason,
    Event,
    Expired,
    Hold,
    HoldCause,
    Outcome,
    Record,
    Rejected,
    Verdict,
    Wait,
)
from consumer.timing import full_jitter_s

MAX_UNREADABLE = 3
"""Requests with the same events that may be answered unreadably before the account is held."""
_SHORT_WISH_S = 1.0
_ON_HOLD = "its mode in ad_accounts is `hold`; to go on, set another and restart"
_OUTCOME_UNKNOWN = Rejected(
    "no usable answer, so Pinterest may have counted it, and could not tell a second one from the first "
    "(delivery.ambiguous_offline)",
    DeadLetterReason.OUTCOME_UNKNOWN,
)


@dataclass(frozen=True, slots=True)
class BatchResult:
    """What came back for a batch: crosses from the thread that makes requests to the one that decides."""

    batch: Batch
    answer: Answer


class Sink:
    """Accounts, their waiting batches, and the permits for requests under way.

    Args:
        settings: Permits and delays.
        max_age_s: Events older than this are not worth a request any more.
        chance: For jitter.
        is_live: Is this assignment still ours? Events of others are not sent again.
        caps: Requests a minute of accounts with a cap of their own.
        most_parked: Events that may be parked in a row without another being accepted.
        on_hold: Accounts of which nothing is sent, as the operator wishes.
    """

    def __init__(
        self,
        settings: Delivery,
        *,
        max_age_s: int,
        chance: random.Random,
        is_live: Callable[[Assignment], bool],
        caps: Mapping[str, int],
        most_parked: int,
        on_hold: Iterable[str] = (),
    ) -> None:
        self._settings = settings
        self._max_age_s = max_age_s
        self._chance = chance
        self._is_live = is_live
        self._caps = caps
        # One account uses at most half of the permits, so that it cannot starve the others.
        self._most_per_account = max(1, settings.max_in_flight // 2)
        self._accounts: dict[str, Account] = {}
        self._turns = Turns()
        self._breaker = Breaker(self._back_off_s)
        self._permits = Permits(settings.max_in_flight)
        self._tempo = Tempo()
        self._parking = Parking(most_parked)
        for name in on_hold:
            self._account(name).stop(_ON_HOLD)

    # --- towards the API -----------------------------------------------------------------------------------

    def wants(self, ad_account_id: str) -> bool:
        """Could a new batch of this account be sent soon, because none is waiting?"""
        if self.api_hold is not None:
            return False
        account = self._accounts.get(ad_account_id)
        return account is None or (not account.waiting and account.in_flight < account.allowed)

    def submit(self, batch: Batch) -> None:
        """Take over a new batch."""
        self._queue(self._account(batch.ad_account_id), batch)

    def _account(self, name: str) -> Account:
        account = self._accounts.get(name)
        if account is None:
            cap = self._caps.get(name, self._settings.requests_per_minute)
            account = Account(name, self._most_per_account, Pace(cap) if cap is not None else None, self._tempo)
            self._accounts[name] = account
        return account

    def start(self, now_s: float, wall_s: float) -> tuple[list[Batch], list[Verdict]]:
        """What to send now: batches to make requests of, and verdicts on events that grew too old meanwhile."""
        started: list[Batch] = []
        verdicts: list[Verdict] = []
        most = self._breaker.permits(self._settings.max_in_flight, now_s)
        while len(self._permits) < most:
            chosen = self._turns.choose(now_s, wall_s, prefers_stale=self._permits.is_turn_of_stale)
            if chosen is None:
                break
            account, batch = chosen
            self._unqueue(account, batch)
            batch, expired = self._without_expired(batch, wall_s)
            verdicts += expired
            if not batch.events:
                account.forget_hold_if_idle()
                continue
            account.start(now_s)
            self._permits.take(batch, now_s, is_stale=is_stale(batch.oldest_s, wall_s))
            started.append(batch)
        return started, verdicts

    def _without_expired(self, batch: Batch, wall_s: float) -> tuple[Batch, list[Verdict]]:
        earliest_s = wall_s - self._max_age_s
        if batch.oldest_s >= earliest_s:
            return batch, []
        kept, expired = _split(batch, lambda event: event.event_time_s >= earliest_s)
        return kept, _verdicts(batch, expired, Expired())

    # --- back from the API ---------------------------------------------------------------------------------

    def receive(self, result: BatchResult, now_s: float, wall_s: float) -> list[Verdict]:
        """Take in the answer to a batch that `start` gave out.

        Returns:
            Verdicts on those of its events that are done with. The others wait here for another request.
        """
        batch, answer = result.batch, result.answer
        started_s = self._permits.give_back(batch)
        account = self._accounts[batch.ad_account_id]
        account.in_flight -= 1
        self._turns.changed(account)
        self._listen(account, answer, now_s)
        if isinstance(answer, Judged | Refused | Ambiguous):  # other answers come without a look at the events
            self._tempo.note(account.name, now_s - started_s)
        if isinstance(answer, Judged):
            self._parking.earn(sum(isinstance(outcome, Accepted) for outcome in answer.outcomes), now_s)
            account.spoke(now_s)
            account.widen()
            account.forget_hold_if_idle()
            attempts, first_failed_s = batch.attempts + 1, batch.first_failed_s
            judged = zip(batch.events, answer.outcomes, strict=True)
            return [Verdict(event, outcome, attempts, first_failed_s) for event, outcome in judged]
        first_failed_s = wall_s if batch.first_failed_s is None else batch.first_failed_s
        tried = replace(batch, attempts=batch.attempts + 1, first_failed_s=first_failed_s)
        verdicts = self._not_judged(account, tried, answer, now_s, wall_s)
        account.forget_hold_if_idle()
        return verdicts

    def _listen(self, account: Account, answer: Answer, now_s: float) -> None:
        """Is the API as a whole there? Its outage is not held against the accounts whose requests told of it."""
        was_down, failed = self._breaker.hold is not None, self._breaker.failed
        self._breaker.hear(account.name, answer, now_s)
        if was_down is (self._breaker.hold is not None):
            return
        for each in self._accounts.values():
            if each.failed_probes or each.name in failed or each.name in self._breaker.failed:
                each.absolve(now_s)
                self._turns.changed(each)

    def _not_judged(self, account: Account, tried: Batch, answer: Answer, now_s: float, wall_s: float) -> list[Verdict]:
        """What becomes of a batch that just failed, and of its account."""
        match answer:
            case Refused():
                account.spoke(now_s)
                return self._refused(account, tried, answer)
            case Unauthorized(detail):
                return self._hold(account, tried, HoldCause.UNAUTHORIZED, now_s, detail)
            case Forbidden(detail):
                return self._hold(account, tried, HoldCause.FORBIDDEN, now_s, detail)
            case Throttled(delay_s):
                account.narrow()
                account.fail(now_s, is_silent=False)
                wish_s = delay_s or 0.0
                if wish_s < _SHORT_WISH_S:  # to ask again at once would only be throttled again
                    wish_s = max(wish_s, self._back_off_s(account.failures))
                account.pause(now_s + wish_s)
                account.hold_for(HoldCause.THROTTLED, now_s, "HTTP 429")
                return self._again(account, tried)
            case Unavailable(detail, delay_s):
                if delay_s is not None:
                    account.pause(now_s + delay_s)
                    account.hold_for(HoldCause.UNAVAILABLE, now_s, detail)
                return self._later(account, tried, HoldCause.UNAVAILABLE, now_s, detail)
            case Ambiguous(detail, is_unreadable, is_refusal):
                tried = replace(tried, unreadable=tried.unreadable + is_unreadable)
                is_hopeless = tried.unreadable >= MAX_UNREADABLE
                verdicts: list[Verdict] = []
                if self._settings.ambiguous_offline == "dead_letter" and not is_refusal:
                    tried, doubtful = _split(tried, lambda event: not may_count_twice(event, wall_s))
                    verdicts = _verdicts(tried, doubtful, _OUTCOME_UNKNOWN)
                if is_hopeless:
                    return verdicts + self._hold(account, tried, HoldCause.AMBIGUOUS, now_s, detail)
                return verdicts + self._later(account, tried, HoldCause.AMBIGUOUS, now_s, detail)
            case Judged():
                raise AssertionError("judged events are done with")
            case _:
                assert_never(answer)

    def _refused(self, account: Account, tried: Batch, refused: Refused) -> list[Verdict]:
        """Halve it and look further, or give a verdict on it, and on its other pieces once the search is given up."""
        narrowed = bisection.narrow(tried, refused, budget=self._settings.bisect_requests)
        if isinstance(narrowed, Rejected):
            verdicts = _verdicts(tried, tried.events, narrowed)
        else:
            verdicts = [verdict for piece in narrowed for verdict in self._again(account, piece)]
        if tried.search is not None and tried.search.given_up is not None:
            for piece in [batch for batch in account.waiting if batch.search is tried.search]:
                self._unqueue(account, piece)
                verdicts += _verdicts(piece, piece.events, tried.search.given_up)
        return verdicts

    def abandon(self, assignments: set[Assignment]) -> list[Verdict]:
        """Give up what waits here of these assignments. What is in flight is still to be received."""
        verdicts: list[Verdict] = []
        for account in tuple(self._turns.accounts):
            for batch in list(account.waiting):
                kept, gone = _split(batch, lambda event: event.record.assignment not in assignments)
                if gone:
                    verdicts += _verdicts(batch, gone, Abandoned())
                    self._unqueue(account, batch)
                    self._queue(account, kept)
            account.forget_hold_if_idle()
        return verdicts

    # --- parking -------------------------------------------------------------------------------------------

    def out(self, now_s: float) -> set[str]:
        """The accounts that are held for a cause of their own, or silent for so long that it comes to the same."""
        if self.api_hold is not None:
            return set()
        hold_s = self._settings.hold_s
        return {account.name for account in self._turns.accounts if account.is_out(now_s, hold_s)}

    def parkable(self, now_s: float) -> set[str]:
        """Those of them whose events may be parked now, as others are accepted."""
        return {name for name in self.out(now_s) if self._may_park(self._accounts[name], now_s)}

    def waiting_of(self, ad_account_id: str) -> int:
        """How many events of this account wait here."""
        account = self._accounts.get(ad_account_id)
        return 0 if account is None else sum(len(batch.events) for batch in account.waiting)

    def park(self, excess: Mapping[str, int], below: Mapping[Assignment, int], now_s: float) -> list[Verdict]:
        """Give up events of held accounts, the oldest first, to be replayed once these are well again.

        Args:
            excess: How many events each account has in hand beyond its share.
            below: Offsets up to which nothing of a held account shall hold back the commits of its partition.
            now_s: Monotonic time.
        """
        verdicts: list[Verdict] = []
        for name in self.parkable(now_s):
            account = self._accounts[name]
            in_the_way = self._park(
                account, lambda event: event.record.offset < below.get(event.record.assignment, 0), math.inf, now_s
            )
            beyond = excess.get(name, 0) - len(in_the_way)
            verdicts += in_the_way + self._park(account, lambda _: True, beyond, now_s)
            account.forget_hold_if_idle()
        return verdicts

    def _park(self, account: Account, wanted: Callable[[Event], bool], most: float, now_s: float) -> list[Verdict]:
        if (hold := account.hold) is None:
            return []
        verdicts: list[Verdict] = []
        for batch in list(account.waiting):
            left = int(min(most - len(verdicts), self._may_park(account, now_s)))
            if left <= 0:
                break
            parked = frozenset(islice(filter(wanted, batch.events), left))
            if not parked:
                continue
            kept, gone = _split(batch, lambda event: event not in parked)  # noqa: B023 - used up at once
            outcome = Rejected(f"its ad account is held: {hold.detail}", DeadLetterReason.ACCOUNT_HELD)
            verdicts += _verdicts(batch, gone, outcome)
            self._parking.spend(len(gone))
            self._unqueue(account, batch)
            self._queue(account, kept)
        return verdicts

    def _may_park(self, account: Account, now_s: float) -> int:
        """How many of its events."""
        if account.hold is None or not account.is_out(now_s, self._settings.hold_s):
            return 0
        return self._parking.allows(account.hold.since_s, now_s)

    # --- seen from outside ---------------------------------------------------------------------------------

    @property
    def in_flight(self) -> int:
        """Requests under way."""
        return len(self._permits)

    def under_way(self, assignments: set[Assignment]) -> list[Event]:
        """The events of these assignments that requests under way carry."""
        return [e for batch in self._permits.under_way for e in batch.events if e.record.assignment in assignments]

    @property
    def api_hold(self) -> Hold | None:
        """Set while the API as a whole is taken for down and something waits that could find out."""
        if self._breaker.hold is None or self._permits.under_way:
            return self._breaker.hold
        could_ask = any(not account.is_stopped for account in self._turns.accounts)
        return self._breaker.hold if could_ask else None

    def find(self, records: Set[Record]) -> Iterator[tuple[Event, HoldCause | Wait]]:
        """The events of these records that are here, and why each waits."""
        api = self.api_hold
        for batch in self._permits.under_way:
            hold = self._accounts[batch.ad_account_id].hold or api
            why = Wait.IN_FLIGHT if hold is None else hold.cause
            yield from ((event, why) for event in batch.events if event.record in records)
        for account in self._turns.accounts:
            hold = account.hold or api
            why = Wait.QUEUED if hold is None else hold.cause
            yield from ((event, why) for batch in account.waiting for event in batch.events if event.record in records)

    def holds(self) -> Iterator[tuple[str, Hold]]:
        """The accounts that are not served for now; what befell one in an outage of the API is not its own."""
        api = self.api_hold
        for name, account in self._accounts.items():
            hold = account.hold
            if hold is not None and (api is None or hold.cause is not api.cause or hold.since_s < api.since_s):
                yield name, hold

    # --- within ------------------------------------------------------------------------------------------------

    def _hold(self, account: Account, batch: Batch, cause: HoldCause, now_s: float, detail: str) -> list[Verdict]:
        """The account waits; and the batch for itself, as others of the account may be taken all the while."""
        account.fail(now_s)
        probe_s = now_s + self._settings.hold_probe_s
        account.wait(probe_s)
        account.hold_for(cause, now_s, detail)
        return self._again(account, replace(batch, not_before_s=probe_s))

    def _later(self, account: Account, batch: Batch, cause: HoldCause, now_s: float, detail: str) -> list[Verdict]:
        """Back off: the batch alone at first, the account as a whole after some failures in a row."""
        if self._breaker.hold is not None:
            account.failed_probes += 1
            return self._again(account, batch)
        account.fail(now_s)
        not_before_s = now_s + self._back_off_s(max(batch.attempts, account.failures))
        if account.failures >= TRIPPED_AFTER:
            account.wait(not_before_s)
            account.hold_for(cause, now_s, detail)
        return self._again(account, replace(batch, not_before_s=not_before_s))

    def _again(self, account: Account, batch: Batch) -> list[Verdict]:
        """Let a batch wait for another request, but for events that are no longer ours to send."""
        kept, gone = _split(batch, lambda event: self._is_live(event.record.assignment))
        verdicts = _verdicts(batch, gone, Abandoned())
        if batch.search is not None and batch.search.given_up is not None:
            return verdicts + _verdicts(kept, kept.events, batch.search.given_up)
        self._queue(account, kept)
        return verdicts

    def _queue(self, account: Account, batch: Batch) -> None:
        if batch.events:
            account.queue(batch)
        self._turns.changed(account)

    def _unqueue(self, account: Account, batch: Batch) -> None:
        account.unqueue(batch)
        self._turns.changed(account)

    def _back_off_s(self, failures: int) -> float:
        settings = self._settings
        return full_jitter_s(
            failures - 1, base_s=settings.retry_base_s, cap_s=settings.retry_cap_s, chance=self._chance
        )


def _split(batch: Batch, keep: Callable[[Event], bool]) -> tuple[Batch, tuple[Event, ...]]:
    """The batch with the events to keep, perhaps none, and the others."""
    gone = tuple(event for event in batch.events if not keep(event))
    if not gone:
        return batch, ()
    return replace(batch, events=tuple(event for event in batch.events if keep(event))), gone


def _verdicts(batch: Batch, events: tuple[Event, ...], outcome: Outcome) -> list[Verdict]:
    return [Verdict(event, outcome, batch.attempts, batch.first_failed_s) for event in events]
