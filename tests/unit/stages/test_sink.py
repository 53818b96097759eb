"""Which batch is sent when, and what each kind of answer means for its events, its account and all the others."""

from __future__ import annotations

from collections import Counter

import pytest

from consumer.delivery.freshness import FRESH_S
from consumer.pinterest.answers import Answer, Judged, Throttled, Unauthorized, Unavailable
from consumer.records import Abandoned, Accepted, Expired, HoldCause, Rejected, Verdict
from tests.unit.stages.builders import ACCOUNT, NOW_S, WALL_S, assignment_of, batch_of, event_of
from tests.unit.stages.sink_rig import (
    DOWN,
    FORBIDDEN,
    MAX_AGE_S,
    OTHER,
    REFUSED,
    TIMED_OUT,
    UNAUTHORIZED,
    UNREADABLE,
    Rig,
    batches_of,
    judged,
    outcomes,
)

# --- what an answer means for the events --------------------------------------------------------------------


def test_each_event_gets_the_outcome_that_stands_in_its_place() -> None:
    rig = Rig()
    rig.submit(batch_of(event_of("a"), event_of("b")))
    batch = rig.start_one()
    accepted, rejected = Accepted("ignored a field"), Rejected("Invalid event_time", http_status=422, api_code=953)

    verdicts = rig.receive(batch, Judged((accepted, rejected)))

    assert verdicts == [Verdict(batch.events[0], accepted, 1), Verdict(batch.events[1], rejected, 1)]
    assert rig.sink.in_flight == 0
    assert rig.start(3_600) == []


@pytest.mark.parametrize("answer", [UNREADABLE, TIMED_OUT, DOWN, Throttled(None), UNAUTHORIZED, FORBIDDEN])
def test_what_says_nothing_of_the_events_sends_the_same_ones_again(answer: Answer) -> None:
    rig = Rig()
    rig.submit(batch_of(event_of("a"), event_of("b")))
    batch = rig.start_one()

    assert rig.receive(batch, answer) == []

    again = rig.start_one(after_s=60)
    assert again.events == batch.events
    (verdict, _) = rig.receive(again, judged(again))
    assert (verdict.attempts, verdict.first_failed_s) == (2, WALL_S)


def test_the_first_failure_is_remembered_through_all_others() -> None:
    rig = Rig()
    rig.submit(batch_of())
    for answer in (DOWN, UNAUTHORIZED, Throttled(None), TIMED_OUT):
        rig.receive(rig.start_one(after_s=120), answer)

    (verdict,) = rig.receive(rig.start_one(after_s=120), REFUSED)

    assert (verdict.attempts, verdict.first_failed_s) == (5, WALL_S + 120)


def test_an_answer_to_what_was_not_started_is_a_defect() -> None:
    with pytest.raises(KeyError):
        Rig().receive(batch_of(), judged(batch_of()))


# --- permits ------------------------------------------------------------------------------------------------


def test_one_account_has_half_of_the_permits_at_most() -> None:
    rig = Rig()
    rig.submit(*batches_of(10))

    assert len(rig.start()) == 4

    assert rig.start() == []


def test_two_accounts_share_all_of_them() -> None:
    rig = Rig()
    rig.submit(*batches_of(10), *batches_of(10, OTHER))

    started = rig.start()

    assert Counter(batch.ad_account_id for batch in started) == {ACCOUNT: 4, OTHER: 4}
    assert rig.sink.in_flight == 8


def test_no_more_accounts_are_served_than_there_are_permits() -> None:
    rig = Rig()
    for number in range(20):
        rig.submit(*batches_of(2, account=str(number)))

    assert len(rig.start()) == 8


def test_a_single_permit_serves_everybody_in_turn() -> None:
    rig = Rig(max_in_flight=1)
    rig.submit(*batches_of(2), *batches_of(2, OTHER))

    for _ in range(4):
        rig.accept(rig.start_one())

    assert rig.start() == []


def test_a_permit_is_free_again_with_the_answer() -> None:
    rig = Rig()
    rig.submit(*batches_of(6))
    first, *_ = rig.start()

    rig.accept(first)

    assert len(rig.start()) == 1


# --- order --------------------------------------------------------------------------------------------------


def test_the_batch_with_the_oldest_event_goes_first() -> None:
    rig = Rig(max_in_flight=1)
    young, old = event_of("young", age_s=10), event_of("old", age_s=500)
    rig.submit(batch_of(event_of("middle", age_s=300)), batch_of(young, old), batch_of(event_of("a", age_s=20)))

    order = []
    while started := rig.start():
        order.append(started[0].events[0].event_id)
        rig.accept(*started)

    assert order == ["young", "middle", "a"]


def test_batches_past_the_hour_keep_a_quarter_of_the_permits_and_fresh_ones_the_rest() -> None:
    rig = Rig()
    for account in "123456789":
        rig.submit(*batches_of(1, account, age_s=FRESH_S + 1), *batches_of(1, account, age_s=FRESH_S - 60))

    started = rig.start()

    assert Counter(batch.oldest_s < WALL_S - FRESH_S for batch in started) == {True: 2, False: 6}


def test_the_quarter_is_free_again_with_the_answers() -> None:
    rig = Rig()
    for account in "123456789":
        rig.submit(*batches_of(1, account, age_s=FRESH_S + 1), *batches_of(1, account, age_s=60))
    for batch in rig.start():
        if batch.oldest_s < WALL_S - FRESH_S:
            rig.accept(batch)

    assert [batch.oldest_s < WALL_S - FRESH_S for batch in rig.start()] == [True, True]


@pytest.mark.parametrize("age_s", [FRESH_S + 1, FRESH_S])
def test_either_kind_alone_has_all_permits(age_s: int) -> None:
    rig = Rig()
    for account in "123456789":
        rig.submit(*batches_of(1, account, age_s=age_s))

    assert len(rig.start()) == 8


@pytest.mark.parametrize("permits", [1, 2, 3])
def test_where_there_are_too_few_permits_to_keep_one_it_is_one_request_in_four(permits: int) -> None:
    rig = Rig(max_in_flight=permits)
    for account in "12345678":
        rig.submit(*batches_of(2, account, age_s=FRESH_S + 1), *batches_of(2, account, age_s=60))

    order = []
    for _ in range(16):
        (*started,) = rig.start()
        order += [batch.oldest_s < WALL_S - FRESH_S for batch in started]
        rig.accept(*started)

    assert order[:16] == [False, False, False, True] * 4


# --- one account's trouble ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "cause"), [(UNAUTHORIZED, HoldCause.UNAUTHORIZED), (FORBIDDEN, HoldCause.FORBIDDEN)]
)
def test_a_refused_account_is_held_and_no_other(answer: Answer, cause: HoldCause) -> None:
    rig = Rig()
    rig.submit(*batches_of(10), *batches_of(10, OTHER))
    for batch in rig.start():
        if batch.ad_account_id == ACCOUNT:
            rig.receive(batch, answer)
        else:
            rig.accept(batch)

    started = rig.start(after_s=29.9)

    assert rig.holds() == {ACCOUNT: cause}
    assert {batch.ad_account_id for batch in started} == {OTHER}


def test_a_held_account_is_tried_with_one_request_and_served_again_once_that_succeeds() -> None:
    rig = Rig()
    rig.submit(*batches_of(10))
    for batch in rig.start():
        rig.receive(batch, UNAUTHORIZED)

    probe = rig.start_one(after_s=30)
    rig.receive(probe, UNAUTHORIZED)
    assert rig.start(after_s=29.9) == []
    probe = rig.start_one(after_s=0.1)
    assert rig.start() == []
    rig.accept(probe)

    assert rig.holds() == {}
    assert len(rig.start()) == 4


def test_an_account_refused_for_the_first_time_is_tried_with_one_request_as_well() -> None:
    rig = Rig()
    rig.submit(*batches_of(10))
    *others, last = rig.start()
    rig.accept(*others)

    rig.receive(last, UNAUTHORIZED)

    assert len(rig.start(after_s=30)) == 1


def test_a_hold_knows_since_when_and_what_was_said() -> None:
    rig = Rig()
    rig.submit(batch_of())
    rig.receive(rig.start_one(), UNAUTHORIZED)
    rig.receive(rig.start_one(after_s=30), Unauthorized("no token for ad account 1"))

    ((account, hold),) = rig.sink.holds()

    assert (account, hold.since_s, hold.detail) == (ACCOUNT, NOW_S, "no token for ad account 1")


def test_another_cause_begins_another_hold() -> None:
    rig = Rig()
    rig.submit(batch_of())
    rig.receive(rig.start_one(), UNAUTHORIZED)
    rig.receive(rig.start_one(after_s=30), FORBIDDEN)

    ((_, hold),) = rig.sink.holds()

    assert (hold.cause, hold.since_s) == (HoldCause.FORBIDDEN, NOW_S + 30)


def test_a_hold_ends_with_the_last_event_that_was_under_way() -> None:
    rig = Rig()
    leaving = assignment_of(0)
    rig.submit(batch_of(event_of("a", assignment=leaving)), batch_of(event_of("b")))
    first, second = rig.start()
    rig.receive(first, Throttled(600.0))
    rig.sink.abandon({event.record.assignment for event in first.events})
    assert rig.holds() == {ACCOUNT: HoldCause.THROTTLED}

    rig.accept(second)

    assert rig.holds() == {}


def test_a_hold_ends_with_the_last_event_that_grew_too_old() -> None:
    rig = Rig()
    rig.submit(*batches_of(1, age_s=MAX_AGE_S - 20))
    rig.receive(rig.start_one(), UNAUTHORIZED)

    _, verdicts = rig.sink.start(NOW_S + 30, WALL_S + 30)

    assert [type(verdict.outcome) for verdict in verdicts] == [Expired]
    assert rig.holds() == {}


def test_a_refused_request_says_that_nothing_is_wrong_with_the_account() -> None:
    rig = Rig()
    rig.submit(batch_of())
    rig.receive(rig.start_one(), UNAUTHORIZED)

    rig.receive(rig.start_one(after_s=30), REFUSED)

    assert rig.holds() == {}


# --- too many requests --------------------------------------------------------------------------------------


def test_the_server_says_how_long_to_wait() -> None:
    rig = Rig()
    rig.submit(*batches_of(2), *batches_of(1, OTHER))
    for batch in rig.start():
        rig.receive(batch, Throttled(120.0) if batch.ad_account_id == ACCOUNT else judged(batch))

    assert rig.holds() == {ACCOUNT: HoldCause.THROTTLED}
    assert rig.start(after_s=119.9) == []
    assert len(rig.start(after_s=0.1)) == 1


def test_without_a_word_of_the_server_the_wait_is_drawn_and_doubles() -> None:
    rig = Rig(max_in_flight=1)
    rig.submit(batch_of())

    for wait_s in (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0):
        rig.receive(rig.start_one(), Throttled(None))
        assert rig.start(after_s=wait_s - 0.01) == []
        rig.elapsed_s += 0.01


@pytest.mark.parametrize(
    "late", [Throttled(None), Throttled(1.0), DOWN, Unavailable("HTTP 503", 1.0), TIMED_OUT, REFUSED, UNAUTHORIZED]
)
def test_an_answer_to_an_earlier_request_does_not_shorten_the_wait(late: Answer) -> None:
    rig = Rig()
    rig.submit(*batches_of(2))
    first, second = rig.start()
    rig.receive(first, Throttled(600.0))

    rig.receive(second, late)

    assert rig.start(after_s=599) == []
    assert rig.start(after_s=1) != []


def test_a_success_that_was_under_way_neither_ends_the_wait_nor_hides_it() -> None:
    rig = Rig()
    rig.submit(*batches_of(3))
    first, second, third = rig.start()
    rig.receive(first, Throttled(600.0))
    rig.receive(second, Unavailable("HTTP 503", 300.0))

    rig.accept(third)

    assert rig.holds() != {}
    assert rig.start(after_s=599) == []
    rig.accept(*rig.start(after_s=1))
    assert rig.holds() == {}


def test_each_throttling_halves_what_an_account_may_have_under_way() -> None:
    rig = Rig(max_in_flight=16)
    rig.submit(*batches_of(60))
    widths = []

    started = rig.start()
    for _ in range(4):
        rig.receive(started.pop(), Throttled(1.0))
        for batch in started:
            rig.receive(batch, REFUSED)  # says nothing of the pace
        started = rig.start(after_s=1)
        widths.append(len(started))

    assert widths == [4, 2, 1, 1]


def test_each_success_adds_a_part_of_a_request() -> None:
    rig = Rig(max_in_flight=16)
    rig.submit(*batches_of(60))
    started = rig.start()
    for batch in started:
        rig.receive(batch, Throttled(1.0))
    probe = rig.start_one(after_s=1)

    widths = []
    started = [probe]
    for _ in range(4):
        rig.accept(*started)
        started = rig.start()
        widths.append(len(started))

    assert widths == [2, 2, 3, 4]  # 1 + 1; and 1/2 + 1/2.5 is 2.9; and 1/2.9 + 1/3.24 is 3.6; and so on


def test_no_number_of_successes_gives_an_account_more_than_half() -> None:
    rig = Rig()
    rig.submit(*batches_of(60))

    for _ in range(10):
        started = rig.start()
        assert len(started) == 4
        rig.accept(*started)


# --- failures -----------------------------------------------------------------------------------------------


def test_a_batch_that_failed_waits_by_itself_at_first() -> None:
    rig = Rig()
    rig.submit(*batches_of(6))
    first, *_ = rig.start()

    rig.receive(first, DOWN)

    assert rig.holds() == {}
    assert len(rig.start()) == 1  # another batch takes the free permit
    assert first.events[0] not in [event for batch in rig.start(after_s=0.9) for event in batch.events]


def test_the_first_wait_is_one_step_and_the_longest_is_the_cap() -> None:
    rig = Rig()
    rig.submit(batch_of())

    for wait_s in (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0):
        rig.receive(rig.start_one(), DOWN)
        assert rig.start(after_s=wait_s - 0.01) == []
        rig.elapsed_s += 0.01


@pytest.mark.parametrize(
    ("answer", "cause"), [(DOWN, HoldCause.UNAVAILABLE), (TIMED_OUT, HoldCause.AMBIGUOUS)], ids=["503", "timeout"]
)
def test_after_three_failures_in_a_row_one_request_finds_out_whether_it_is_over(
    answer: Answer, cause: HoldCause
) -> None:
    rig = Rig()
    rig.submit(*batches_of(10))
    first, second, third, _ = rig.start()

    rig.receive(first, answer)
    rig.receive(second, answer)
    assert len(rig.start()) == 2
    rig.receive(third, answer)
    assert rig.start() == []
    assert rig.holds() == {ACCOUNT: cause}

    for batch in rig.under_way:
        rig.receive(batch, answer)
    probe = rig.start_one(after_s=60)
    assert rig.start(after_s=60) == []
    rig.accept(probe)
    assert rig.holds() == {}
    assert len(rig.start()) == 4


def test_being_throttled_as_well_makes_a_failing_account_no_wider() -> None:
    rig = Rig()
    rig.submit(*batches_of(10))
    *first_three, last = rig.start()
    for batch in first_three:
        rig.receive(batch, DOWN)

    rig.receive(last, Throttled(60.0))

    assert len(rig.start(after_s=60)) == 1


def test_a_success_in_between_begins_the_row_anew() -> None:
    rig = Rig()
    rig.submit(*batches_of(20))
    for answer in (DOWN, DOWN, None, DOWN, DOWN):
        first, *_ = rig.start() or rig.under_way
        rig.receive(first, answer or judged(first))

    assert rig.holds() == {}


def test_one_accounts_failures_slow_no_other() -> None:
    rig = Rig()
    rig.submit(*batches_of(20), *batches_of(20, OTHER))
    for _ in range(10):
        for batch in rig.start():
            rig.receive(batch, DOWN if batch.ad_account_id == ACCOUNT else judged(batch))

    assert rig.holds() == {ACCOUNT: HoldCause.UNAVAILABLE}
    assert not any(batch.ad_account_id == OTHER for batch in rig.start())  # all of them were sent


def test_the_server_may_ask_for_a_pause_with_its_failure() -> None:
    rig = Rig()
    rig.submit(*batches_of(6))
    first, *_ = rig.start()

    rig.receive(first, Unavailable("HTTP 503", delay_s=90.0))

    assert rig.holds() == {ACCOUNT: HoldCause.UNAVAILABLE}
    assert rig.start(after_s=89.9) == []
    rig.accept(*rig.under_way)
    assert rig.start(after_s=0.1) != []


def test_three_unreadable_answers_to_the_same_events_hold_the_account() -> None:
    rig = Rig()
    rig.submit(batch_of(event_of("a")))
    for _ in range(2):
        rig.receive(rig.start_one(after_s=60), UNREADABLE)
        assert rig.holds() == {}

    rig.receive(rig.start_one(after_s=60), UNREADABLE)

    assert rig.holds() == {ACCOUNT: HoldCause.AMBIGUOUS}
    # Perhaps accepted each time: from here on no oftener than a held account is tried.
    for _ in range(3):
        assert rig.start(after_s=29.9) == []
        rig.receive(rig.start_one(after_s=0.1), UNREADABLE)


def test_timeouts_are_not_unreadable_answers() -> None:
    rig = Rig()
    rig.submit(batch_of())
    for answer in (UNREADABLE, UNREADABLE, TIMED_OUT):
        rig.receive(rig.start_one(after_s=60), answer)

    assert rig.start(after_s=4) != []  # the third back-off, not the 30 s of a held account


# --- events that are not worth a request any more -----------------------------------------------------------


def test_an_event_that_grew_too_old_while_it_waited_is_not_sent() -> None:
    rig = Rig()
    old, young = event_of("old", age_s=MAX_AGE_S - 60), event_of("young")
    rig.submit(batch_of(old, young))

    started, verdicts = rig.sink.start(NOW_S + 61, WALL_S + 61)

    assert verdicts == [Verdict(old, Expired(), 0)]
    assert [batch.events for batch in started] == [(young,)]


def test_an_event_of_just_the_greatest_age_is_sent() -> None:
    rig = Rig()
    just, beyond = event_of("just", age_s=MAX_AGE_S), event_of("beyond", age_s=MAX_AGE_S + 1)
    rig.submit(batch_of(just), batch_of(just, beyond))

    started, verdicts = rig.sink.start(NOW_S, WALL_S)

    assert [batch.events for batch in started] == [(just,), (just,)]
    assert [verdict.event for verdict in verdicts] == [beyond]


def test_a_batch_grown_too_old_as_a_whole_takes_no_permit() -> None:
    rig = Rig(max_in_flight=1)
    rig.submit(*batches_of(3, age_s=MAX_AGE_S + 1), *batches_of(1, OTHER))

    started, verdicts = rig.sink.start(NOW_S, WALL_S)

    assert [batch.ad_account_id for batch in started] == [OTHER]
    rig.accept(*started)
    verdicts += rig.sink.start(NOW_S, WALL_S)[1]
    assert [type(verdict.outcome) for verdict in verdicts] == [Expired] * 3
    assert rig.start() == []


# --- partitions that leave ----------------------------------------------------------------------------------


def test_giving_up_takes_what_waits_of_these_assignments() -> None:
    rig = Rig()
    leaving, staying = assignment_of(0), assignment_of(1)
    rig.submit(
        batch_of(event_of("a", assignment=leaving), event_of("b", assignment=staying)),
        batch_of(event_of("c", assignment=leaving)),
        batch_of(event_of("d", assignment=staying)),
    )

    verdicts = rig.sink.abandon({leaving})

    assert sorted(outcomes(verdicts)) == [("a", Abandoned), ("c", Abandoned)]
    assert sorted(event.event_id for batch in rig.start() for event in batch.events) == ["b", "d"]


def test_what_is_under_way_is_not_given_up() -> None:
    rig = Rig()
    leaving = assignment_of(0)
    rig.submit(batch_of(event_of("a", assignment=leaving), event_of("b", assignment=assignment_of(1))))
    batch = rig.start_one()

    assert rig.sink.abandon({leaving}) == []
    assert [event.event_id for event in rig.sink.under_way({leaving})] == ["a"]
    assert outcomes(rig.receive(batch, judged(batch))) == [("a", Accepted), ("b", Accepted)]


@pytest.mark.parametrize("answer", [UNREADABLE, TIMED_OUT, DOWN, Throttled(None), UNAUTHORIZED, FORBIDDEN, REFUSED])
def test_what_would_be_sent_again_is_given_up_if_it_is_no_longer_ours(answer: Answer) -> None:
    rig = Rig()
    leaving, staying = assignment_of(0), assignment_of(1)
    rig.submit(batch_of(event_of("a", assignment=leaving), event_of("b", assignment=staying)))
    batch = rig.start_one()
    rig.gone.add(leaving)

    verdicts = rig.receive(batch, answer)

    assert outcomes(verdicts) == [("a", Abandoned)]
    assert [event.event_id for event in rig.start_one(after_s=60).events] == ["b"]


# --- what the batcher is told -------------------------------------------------------------------------------


def test_a_new_batch_is_wanted_while_none_waits_and_a_request_is_free() -> None:
    rig = Rig()
    assert rig.sink.wants(ACCOUNT)

    rig.submit(*batches_of(4))
    assert not rig.sink.wants(ACCOUNT)
    assert rig.sink.wants(OTHER)
    started = rig.start()
    assert not rig.sink.wants(ACCOUNT)  # all it may have are under way
    rig.accept(started[0])

    assert rig.sink.wants(ACCOUNT)


def test_no_new_batch_is_wanted_of_a_held_account() -> None:
    rig = Rig()
    rig.submit(batch_of())
    rig.receive(rig.start_one(), UNAUTHORIZED)

    assert not rig.sink.wants(ACCOUNT)
