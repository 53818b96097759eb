"""In which order accounts are served, and that choosing stays cheap however many there are."""

from __future__ import annotations

from typing import Any

import pytest

from consumer.delivery.account import Account, Ready
from consumer.delivery.freshness import FRESH_S
from consumer.delivery.pace import Pace
from consumer.delivery.tempo import Tempo
from consumer.delivery.turns import Turns
from consumer.records import Batch
from tests.unit.stages.builders import NOW_S, WALL_S, batch_of, event_of


def account_of(name: str, *ages_s: int, **changes: Any) -> Account:
    """With one waiting batch for each age."""
    account = Account(name, most=4, pace=None, tempo=Tempo())
    for age_s in ages_s:
        account.queue(batch_of(event_of(account=name, age_s=age_s), account=name))
    for key, value in changes.items():
        setattr(account, key, value)
    return account


def turns_of(*accounts: Account) -> Turns:
    turns = Turns()
    for account in accounts:
        turns.changed(account)
    return turns


def chosen(turns: Turns, after_s: float = 0.0, *, prefers_stale: bool = False) -> str | None:
    found = turns.choose(NOW_S + after_s, WALL_S + after_s, prefers_stale=prefers_stale)
    return None if found is None else found[0].name


@pytest.mark.parametrize(
    ("accounts", "first"),
    [
        pytest.param([account_of("a", 10), account_of("b", 20)], "b", id="the oldest"),
        pytest.param([account_of("a", 10), account_of("b", 20, in_flight=1)], "a", id="the fewest under way"),
        pytest.param([account_of("a", 10), account_of("b", FRESH_S + 1)], "a", id="fresh before stale"),
        pytest.param([account_of("b", FRESH_S + 1)], "b", id="stale if nothing is fresh"),
        pytest.param(
            [account_of("a", 10), account_of("b", 20, not_before_s=NOW_S + 1)], "a", id="who waits does not go"
        ),
        pytest.param([account_of("a", 10), account_of("b", 20, in_flight=4)], "a", id="who has all it may does not go"),
        pytest.param(
            [account_of("a", 10), account_of("b", 20, failed_probes=1)], "a", id="who asked in vain goes later"
        ),
        pytest.param([account_of("a")], None, id="nothing waits"),
    ],
)
def test_who_goes_first(accounts: list[Account], first: str | None) -> None:
    assert chosen(turns_of(*accounts)) == first


def test_stale_ones_go_first_when_it_is_their_turn_unless_they_asked_in_vain() -> None:
    stale, fresh = account_of("stale", FRESH_S + 1), account_of("fresh", 10)
    turns = turns_of(stale, fresh)

    assert chosen(turns, prefers_stale=True) == "stale"
    stale.failed_probes = 1
    turns.changed(stale)
    assert chosen(turns, prefers_stale=True) == "fresh"


def test_time_alone_lets_an_account_go() -> None:
    paused = account_of("paused", 20, not_before_s=NOW_S + 5)
    paced = account_of("paced", 10, pace=Pace(60))
    assert paced.pace is not None
    paced.pace.spend(NOW_S)
    turns = turns_of(paused, paced)

    assert [chosen(turns, after_s) for after_s in (0, 0.9, 1.1, 4.9, 5)] == [None, None, "paced", "paced", "paused"]


def test_a_batch_that_backs_off_lets_a_younger_one_of_its_account_go_and_comes_back() -> None:
    account = account_of("a", 10)
    failed = Batch("a", (event_of(account="a", age_s=50),), not_before_s=NOW_S + 5)
    account.queue(failed)
    turns = turns_of(account)

    now = turns.choose(NOW_S, WALL_S, prefers_stale=False)
    later = turns.choose(NOW_S + 5, WALL_S + 5, prefers_stale=False)

    assert now is not None
    assert later is not None
    assert now[1] is not failed
    assert later[1] is failed


def test_a_batch_grows_stale_while_it_waits() -> None:
    turns = turns_of(account_of("a", FRESH_S - 10), account_of("b", 5))

    assert [chosen(turns, after_s, prefers_stale=True) for after_s in (0, 10, 12)] == ["a", "a", "a"]
    assert [chosen(turns, after_s) for after_s in (12,)] == ["b"]


def test_the_chosen_one_stays_first_until_it_changes() -> None:
    account = account_of("a", 10)
    turns = turns_of(account, account_of("b", 5))

    assert [chosen(turns), chosen(turns)] == ["a", "a"]
    account.unqueue(account.waiting[0])
    turns.changed(account)
    assert chosen(turns) == "b"


def test_what_is_void_does_not_pile_up() -> None:
    accounts = [account_of(str(number), 10) for number in range(10)]
    turns = turns_of(*accounts)

    for _ in range(1_000):
        for account in accounts:
            turns.changed(account)
        chosen(turns)

    assert len(turns._fresh) + len(turns._alarms) < 200


def test_choosing_looks_only_at_accounts_that_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    accounts = [account_of(str(number), number) for number in range(2_000)]
    turns = turns_of(*accounts)
    chosen(turns)
    looked_at: list[str] = []
    ready = Account.ready

    def noted(account: Account, now_s: float, wall_s: float) -> Ready:
        looked_at.append(account.name)
        return ready(account, now_s, wall_s)

    monkeypatch.setattr(Account, "ready", noted)

    turns.changed(accounts[7])
    chosen(turns, after_s=1)

    assert looked_at == ["7"]
