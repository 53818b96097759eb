"""How much an account may have under way, what it could send, and how its trouble ends."""

from __future__ import annotations

import pytest

from consumer.delivery.account import Account
from consumer.delivery.freshness import FRESH_S
from consumer.delivery.tempo import Tempo
from consumer.records import Batch, HoldCause, Search
from tests.unit.stages.builders import NOW_S, WALL_S, batch_of, event_of


def account_of(*batches: Batch, most: int = 4) -> Account:
    account = Account("a", most, pace=None, tempo=Tempo())
    for batch in batches:
        account.queue(batch)
    return account


def aged(age_s: int, *, attempts: int = 0, not_before_s: float = 0.0) -> Batch:
    return batch_of(event_of(age_s=age_s), attempts=attempts, not_before_s=not_before_s)


def test_the_oldest_of_either_kind_could_go() -> None:
    stale, older, younger = aged(FRESH_S + 10), aged(100), aged(50)
    account = account_of(younger, stale, older)

    ready = account.ready(NOW_S, WALL_S)

    assert (ready.fresh, ready.stale) == (older, stale)
    assert ready.changes_s == NOW_S + FRESH_S + 1 - 100


def test_a_fresh_piece_in_the_place_of_an_old_batch_hides_no_stale_one() -> None:
    old = Search(oldest_s=int(WALL_S) - FRESH_S - 500, refusals_left=9)
    piece, stale = batch_of(event_of(age_s=10), search=old), aged(FRESH_S + 10)
    account = account_of(piece, stale)

    ready = account.ready(NOW_S, WALL_S)

    assert (ready.fresh, ready.stale) == (piece, stale)


def test_while_it_finds_out_whether_it_is_over_it_asks_with_what_was_tried_least() -> None:
    tried, untried, waiting = aged(FRESH_S + 10, attempts=3), aged(5, attempts=1), aged(5, not_before_s=NOW_S + 1)
    account = account_of(tried, untried, waiting)
    account.failures = 3

    ready = account.ready(NOW_S, WALL_S)

    assert (ready.fresh, ready.stale) == (untried, None)


def test_it_tells_when_the_first_of_those_that_back_off_may_go() -> None:
    account = account_of(aged(5, not_before_s=NOW_S + 9), aged(7, not_before_s=NOW_S + 4))

    assert account.ready(NOW_S, WALL_S) == (None, None, NOW_S + 4)


@pytest.mark.parametrize(
    ("cause", "allowed"), [(HoldCause.THROTTLED, 4), (HoldCause.UNAUTHORIZED, 1), (HoldCause.AMBIGUOUS, 1)]
)
def test_a_hold_leaves_one_request_at_a_time_but_throttling_narrows_by_itself(cause: HoldCause, allowed: int) -> None:
    account = account_of()

    account.hold_for(cause, NOW_S, "no")

    assert account.allowed == allowed


def test_it_never_grows_wider_than_it_may_nor_narrower_than_one() -> None:
    account = account_of()

    widths = []
    for step in (account.widen, account.narrow, account.narrow, account.narrow, account.widen):
        step()
        widths.append(account.allowed)

    assert widths == [4, 2, 1, 1, 2]


def test_being_absolved_leaves_only_the_servers_own_wish() -> None:
    account = account_of()
    account.failures = account.failed_probes = 5
    account.pause(NOW_S + 10)
    account.wait(NOW_S + 60)
    account.hold_for(HoldCause.UNAVAILABLE, NOW_S, "HTTP 503")

    account.absolve(NOW_S)

    assert (account.failures, account.failed_probes, account.not_before_s) == (0, 0, NOW_S + 10)
    assert account.hold is not None
    account.absolve(NOW_S + 10)
    assert account.hold is None
