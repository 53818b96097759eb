"""A repeat needs a cause: a request without a true answer, or something cut off before it could be committed."""

from __future__ import annotations

import pytest

from tests.chaos.judge import Repeat
from tests.chaos.repeats import REACH_S, RECOVERY_S, WAKING_S, Answers, Done, cause_of, causes, windows_of
from tests.chaos.schedule import TIMEOUT_S, Fault

NEVER = float("inf")
CUT_S = 100.0


def repeat(first_at: float, again_at: float, covered_at: float = NEVER, request: int = 1) -> Repeat:
    return Repeat(("orders", 0, 0), first_at, request, again_at, covered_at, "accepted, then accepted")


def done(fault: Fault, began_at: float = CUT_S, ended_at: float | None = None) -> Done:
    ended_at = began_at if ended_at is None else ended_at
    return Done(fault, fault.value, "somebody", began_at, ended_at, ended_at)


@pytest.fixture
def answers() -> Answers:
    """Requests 1 to 3, answered truly and at once."""
    answers = Answers()
    answers.recorded([1, 2, 3])
    answers.answered(
        {"request": number, "received_at": 10.0, "answered_at": 10.3, "accepted": 5, "true": True}
        for number in (1, 2, 3)
    )
    return answers


@pytest.mark.parametrize("fault", [Fault.STOP, Fault.SCALE_UP, Fault.API, Fault.EMULATOR_RESTART, Fault.REGISTRY_DOWN])
def test_a_stop_or_a_rebalance_explains_no_repeat(answers: Answers, fault: Fault) -> None:
    over = done(fault, CUT_S, CUT_S + 4)

    assert cause_of(repeat(CUT_S - 0.5, CUT_S + 5), windows_of([over]), answers) is None


def test_without_any_fault_there_is_no_cause(answers: Answers) -> None:
    assert cause_of(repeat(99.0, 105.0), windows_of([]), answers) is None


@pytest.mark.parametrize("fault", [Fault.KILL, Fault.FREEZE, Fault.BROKER_KILL, Fault.BROKER_FREEZE])
def test_what_was_accepted_just_before_a_cut_and_not_committed_may_come_again(answers: Answers, fault: Fault) -> None:
    cut = done(fault, CUT_S, CUT_S + 10)

    assert cause_of(repeat(CUT_S - 0.5, CUT_S + 5), windows_of([cut]), answers) == fault.value


def test_what_was_in_flight_at_a_kill_may_come_again(answers: Answers) -> None:
    assert cause_of(repeat(CUT_S + 0.2, CUT_S + 5), windows_of([done(Fault.KILL)]), answers) == "kill"


@pytest.mark.parametrize(
    "seen",
    [
        pytest.param(repeat(CUT_S - 0.5, CUT_S + 5, covered_at=CUT_S - 0.1), id="it was committed before"),
        pytest.param(repeat(CUT_S - REACH_S - 1, CUT_S + 5), id="it was accepted long before"),
        pytest.param(repeat(CUT_S + TIMEOUT_S + 1, CUT_S + 9), id="it was first sent afterwards"),
        pytest.param(repeat(CUT_S - 2, CUT_S - 1), id="it came again before"),
        pytest.param(repeat(CUT_S - 1, CUT_S + 9, covered_at=CUT_S + 8), id="its next owner had committed it"),
    ],
)
def test_a_kill_does_not_explain_what_it_did_not_cut_off(answers: Answers, seen: Repeat) -> None:
    assert cause_of(seen, windows_of([done(Fault.KILL)]), answers) is None


def test_brokers_that_were_out_before_a_kill_may_have_kept_commits_back(answers: Answers) -> None:
    outage = done(Fault.BROKER_FREEZE, CUT_S - 20, CUT_S - 15)
    seen = repeat(CUT_S - 14, CUT_S + 5)

    assert cause_of(seen, windows_of([done(Fault.KILL)]), answers) is None
    assert cause_of(seen, windows_of([done(Fault.KILL), outage]), answers) is not None


def test_members_may_be_lost_until_the_brokers_have_recovered(answers: Answers) -> None:
    outage = done(Fault.BROKER_KILL, CUT_S, CUT_S + 4)

    assert cause_of(repeat(CUT_S + 4 + RECOVERY_S - 1, CUT_S + 30), windows_of([outage]), answers) == "broker_kill"
    assert cause_of(repeat(CUT_S + 4 + RECOVERY_S + 1, CUT_S + 40), windows_of([outage]), answers) is None


def test_a_thawed_replica_may_send_what_it_has_until_it_hears_that_others_own_it(answers: Answers) -> None:
    frozen = done(Fault.FREEZE, CUT_S, CUT_S + 10)
    seen = repeat(CUT_S + 7, CUT_S + 10.5, covered_at=CUT_S + 8)

    assert cause_of(seen, windows_of([frozen]), answers) == "freeze, before it heard"


@pytest.mark.parametrize(
    "again_at", [pytest.param(CUT_S + 9, id="before it woke"), pytest.param(CUT_S + 11 + WAKING_S, id="long after")]
)
def test_only_a_thawed_replica_may_send_again_what_was_committed(answers: Answers, again_at: float) -> None:
    frozen = done(Fault.FREEZE, CUT_S, CUT_S + 10)
    seen = repeat(CUT_S + 7, again_at, covered_at=CUT_S + 8)

    assert cause_of(seen, windows_of([frozen]), answers) is None


def test_a_broker_that_stays_away_cuts_off_when_it_goes_and_when_it_comes(answers: Answers) -> None:
    outage = done(Fault.BROKER_KILL, CUT_S, CUT_S + 100)

    assert cause_of(repeat(CUT_S + 5, CUT_S + 20), windows_of([outage]), answers) == "broker_kill"
    assert cause_of(repeat(CUT_S + 50, CUT_S + 60), windows_of([outage]), answers) is None
    assert cause_of(repeat(CUT_S + 99, CUT_S + 110), windows_of([outage]), answers) == "broker_kill"


def test_what_was_committed_before_brokers_were_out_is_not_explained_by_them(answers: Answers) -> None:
    outage = done(Fault.BROKER_KILL, CUT_S, CUT_S + 4)
    seen = repeat(CUT_S - 2, CUT_S + 5, covered_at=CUT_S - 1)

    assert cause_of(seen, windows_of([outage]), answers) is None


@pytest.mark.parametrize(
    "line",
    [
        pytest.param({"received_at": 10.0, "answered_at": 10.2, "accepted": 5, "true": False}, id="an untrue answer"),
        pytest.param({"received_at": 10.0, "answered_at": 15.0, "accepted": 5, "true": True}, id="a late answer"),
        pytest.param(None, id="no answer"),
    ],
)
def test_a_request_without_a_prompt_and_true_answer_explains_its_repeats(line: dict[str, object] | None) -> None:
    answers = Answers()
    answers.recorded([7])
    answers.answered([{"request": 7, **line}] if line is not None else [])

    assert cause_of(repeat(10.0, 12.0, request=7), windows_of([]), answers) is not None


def test_an_untrue_answer_to_a_request_of_which_nothing_was_accepted_explains_nothing() -> None:
    answers = Answers()

    answers.answered([{"request": 7, "received_at": 10.0, "answered_at": 10.1, "accepted": 0, "true": False}])

    assert cause_of(repeat(10.0, 12.0, request=7), windows_of([]), answers) is None


def test_repeats_are_counted_by_cause_and_the_others_named(answers: Answers) -> None:
    explained, unexplained = repeat(CUT_S - 0.5, CUT_S + 5), repeat(50.0, 60.0)

    found, left = causes([explained, explained, unexplained], [done(Fault.KILL)], answers)

    assert found == {"kill": 2}
    assert left == [unexplained]
