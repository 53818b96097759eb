"""The API as a whole is down: all accounts together ask with one request at a time, and none of them is blamed."""

from __future__ import annotations

from collections import Counter

import pytest

from consumer.delivery.freshness import FRESH_S
from consumer.pinterest.answers import Answer, Throttled, Unavailable
from consumer.records import Batch, HoldCause
from tests.unit.stages.builders import ACCOUNT, NOW_S, assignment_of, batch_of, event_of
from tests.unit.stages.sink_rig import (
    DOWN,
    FORBIDDEN,
    OTHER,
    REFUSED,
    TIMED_OUT,
    UNAUTHORIZED,
    UNREADABLE,
    Rig,
    batches_of,
    judged,
)

ACCOUNTS = [str(number) for number in range(1, 6)]


def in_outage(answer: Answer = DOWN, waiting: int = 3) -> Rig:
    """Five accounts whose first requests all failed; the next is due after 1 s."""
    rig = Rig()
    for account in ACCOUNTS:
        rig.submit(*batches_of(waiting, account))
    for batch in rig.start()[:5]:
        rig.receive(batch, answer)
    for batch in rig.under_way:
        rig.receive(batch, answer)
    return rig


def is_down(rig: Rig) -> bool:
    return rig.sink.api_hold is not None


@pytest.mark.parametrize("answer", [DOWN, TIMED_OUT])
def test_failures_in_a_row_of_several_accounts_are_the_apis(answer: Answer) -> None:
    rig = in_outage(answer)

    hold = rig.sink.api_hold

    assert hold is not None
    assert (hold.cause, hold.since_s, hold.detail) == (HoldCause.UNAVAILABLE, NOW_S, getattr(answer, "detail", ""))
    assert rig.holds() == {}
    assert rig.start(after_s=0.9) == []
    assert len(rig.start(after_s=0.1)) == 1


def test_one_accounts_failures_are_its_own() -> None:
    rig = Rig()
    rig.submit(*batches_of(10))

    for _ in range(10):
        for batch in rig.start(after_s=60):
            rig.receive(batch, DOWN)

    assert not is_down(rig)
    assert rig.holds() == {ACCOUNT: HoldCause.UNAVAILABLE}


def test_a_success_in_between_shows_that_it_is_there() -> None:
    rig = Rig()
    rig.submit(*batches_of(4), *batches_of(4, OTHER))
    started = rig.start()
    for batch in started[:4]:
        rig.receive(batch, DOWN)
    rig.accept(started[4])

    for batch in started[5:]:
        rig.receive(batch, DOWN)

    assert not is_down(rig)


def test_what_nobody_can_read_is_a_sign_neither_of_the_api_nor_against_it() -> None:
    rig = Rig()
    for account in ACCOUNTS:
        rig.submit(*batches_of(1, account))
    *first_four, last = rig.start()
    for batch in first_four:
        rig.receive(batch, DOWN)

    rig.receive(last, UNREADABLE)
    assert not is_down(rig)
    rig.receive(rig.start(after_s=10)[0], DOWN)
    assert is_down(rig)
    rig.receive(rig.under_way[0], UNREADABLE)

    assert is_down(rig)


def test_the_wait_for_the_next_try_doubles_up_to_the_cap() -> None:
    rig = in_outage()

    for wait_s in (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0):
        assert rig.start(after_s=wait_s - 0.01) == []
        probe = rig.start_one(after_s=0.01)
        assert rig.start(after_s=100) == []  # never a second beside it
        rig.receive(probe, DOWN)


def test_a_try_answered_unreadably_is_followed_by_a_longer_wait_as_well() -> None:
    rig = in_outage()
    rig.receive(rig.start_one(after_s=1), UNREADABLE)

    assert rig.start(after_s=1.9) == []
    assert len(rig.start(after_s=0.1)) == 1


def test_each_account_asks_in_turn_whatever_is_oldest() -> None:
    rig = Rig()
    rig.submit(batch_of(event_of(account=ACCOUNT, age_s=FRESH_S + 60), account=ACCOUNT))
    for account in ACCOUNTS:
        rig.submit(*batches_of(1, account))
    for batch in rig.start():
        rig.receive(batch, DOWN)

    asked = []
    for _ in range(18):
        probe = rig.start_one(after_s=60)
        asked.append(probe.ad_account_id)
        rig.receive(probe, DOWN)

    assert asked.count(ACCOUNT) in (2, 3, 4)
    assert all(asked.count(account) in (2, 3, 4) for account in ACCOUNTS)


@pytest.mark.parametrize("sign", ["judged", REFUSED, UNAUTHORIZED, FORBIDDEN, Throttled(5.0)], ids=str)
def test_the_first_sign_of_the_api_ends_it_and_all_are_served_at_once(sign: Answer | str) -> None:
    rig = in_outage()
    for _ in range(4):
        rig.receive(rig.start_one(after_s=60), DOWN)
    probe = rig.start_one(after_s=60)

    rig.receive(probe, judged(probe) if isinstance(sign, str) else sign)

    assert not is_down(rig)
    assert set(rig.holds()) <= {probe.ad_account_id}
    assert {batch.ad_account_id for batch in rig.start()} >= set(ACCOUNTS) - {probe.ad_account_id}


def test_what_an_account_was_blamed_for_before_is_taken_back() -> None:
    rig = Rig()
    rig.submit(*batches_of(6, age_s=900), *batches_of(6, OTHER))
    started = rig.start()
    for batch in started:
        if batch.ad_account_id == ACCOUNT:
            rig.receive(batch, DOWN)
    assert rig.holds() == {ACCOUNT: HoldCause.UNAVAILABLE}
    rig.elapsed_s += 1

    for batch in rig.under_way:
        rig.receive(batch, DOWN)
    assert rig.holds() == {}
    rig.accept(rig.start_one(after_s=8))

    assert Counter(batch.ad_account_id for batch in rig.start()) == {ACCOUNT: 4, OTHER: 1}


def test_who_asked_in_vain_is_no_longer_put_last_when_it_is_over() -> None:
    rig = Rig(max_in_flight=2)
    rig.submit(*batches_of(4, age_s=900), *batches_of(4, OTHER, age_s=20))
    while not is_down(rig):
        for batch in rig.start(after_s=60):
            rig.receive(batch, DOWN)
    probe = rig.start_one(after_s=60)
    while probe.ad_account_id == ACCOUNT:
        rig.receive(probe, DOWN)
        probe = rig.start_one(after_s=60)

    rig.accept(probe)

    assert [batch.ad_account_id for batch in rig.start(after_s=60)] == [ACCOUNT, OTHER]


def test_an_answer_to_an_earlier_request_may_be_the_sign() -> None:
    rig = Rig()
    for account in ACCOUNTS:
        rig.submit(*batches_of(3, account))
    *failing, last = rig.start()[:6]
    for batch in failing:
        rig.receive(batch, DOWN)
    assert is_down(rig)

    rig.accept(last)

    assert not is_down(rig)
    assert len(rig.start()) > 1


def test_nothing_is_concluded_of_any_event_however_long_it_lasts() -> None:
    rig = in_outage(waiting=3)
    answers: list[Answer] = [DOWN, TIMED_OUT, UNREADABLE, Unavailable("HTTP 503", 7.0)]

    for turn in range(100):
        for batch in rig.start(after_s=60):
            assert rig.receive(batch, answers[turn % 4]) == []

    verdicts = [v for _ in range(50) for batch in rig.start(after_s=60) for v in rig.receive(batch, judged(batch))]
    assert len(verdicts) == 15


def test_what_accounts_were_told_meanwhile_is_kept_but_not_told_of_as_theirs() -> None:
    rig = in_outage()
    probe = rig.start_one(after_s=1)
    rig.receive(probe, Unavailable("HTTP 503", 500.0))
    assert rig.holds() == {}

    rig.accept(rig.start_one(after_s=60))

    assert rig.holds() == {probe.ad_account_id: HoldCause.UNAVAILABLE}
    assert probe.ad_account_id not in {batch.ad_account_id for batch in rig.start(after_s=400)}


def test_a_hold_from_before_is_still_told_of() -> None:
    rig = Rig()
    rig.submit(batch_of())
    rig.receive(rig.start_one(), UNAUTHORIZED)
    rig.elapsed_s += 1
    for account in ACCOUNTS:
        rig.submit(*batches_of(1, account))
    for batch in rig.start():
        rig.receive(batch, DOWN)

    assert is_down(rig)
    assert rig.holds() == {ACCOUNT: HoldCause.UNAUTHORIZED}


def test_no_new_batch_is_wanted_meanwhile_but_of_all_that_could_ask() -> None:
    rig = in_outage(waiting=1)
    assert not rig.sink.wants("unheard of")

    rig.sink.abandon({event.record.assignment for batch in _waiting(rig) for event in batch.events})

    assert not is_down(rig)  # nobody is left to find out
    assert rig.sink.wants("unheard of")
    rig.submit(batch_of(event_of(assignment=assignment_of(7))))
    rig.accept(rig.start_one(after_s=60))
    assert not is_down(rig)


def _waiting(rig: Rig) -> list[Batch]:
    return [batch for account in rig.sink._accounts.values() for batch in account.waiting]


def test_whose_try_nobody_could_read_is_not_put_last_for_ever() -> None:
    rig = Rig()
    rig.submit(*batches_of(4, "1", age_s=900), *batches_of(4, "2", age_s=900))
    for batch in rig.start():
        rig.receive(batch, DOWN)
    rig.submit(*batches_of(1, "9", age_s=1_800))  # failed at nothing before
    probe = rig.start_one(after_s=60)
    assert probe.ad_account_id == "9"
    rig.receive(probe, UNREADABLE)
    assert rig.sink._accounts["9"].failed_probes == 1

    rig.accept(rig.start_one(after_s=60))

    assert rig.sink.api_hold is None
    assert {account.failed_probes for account in rig.sink._accounts.values()} == {0}


def test_an_outage_does_not_absolve_an_account_whose_token_was_refused() -> None:
    rig = Rig()
    rig.submit(*batches_of(1, "bad-token"))
    rig.receive(rig.start_one(), UNAUTHORIZED)
    rig.submit(*batches_of(4, "1"), *batches_of(4, "2"))
    rig.elapsed_s += 31

    for batch in rig.start():
        rig.receive(batch, DOWN)

    assert rig.sink.api_hold is not None
    assert rig.holds()["bad-token"] is HoldCause.UNAUTHORIZED
