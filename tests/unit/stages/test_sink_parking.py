"""What is parked of a held account: so much as is in the way, the oldest first, and only while others are accepted."""

from __future__ import annotations

import pytest

from consumer.pinterest.answers import Answer, Throttled
from consumer.records import Batch, DeadLetterReason, Event, HoldCause, Rejected, Verdict
from tests.unit.stages.builders import ACCOUNT, NOW_S, assignment_of, batch_of, event_of
from tests.unit.stages.sink_rig import DOWN, FORBIDDEN, OTHER, TIMED_OUT, UNAUTHORIZED, Rig, batches_of

HERE, THERE = assignment_of(0), assignment_of(1)


def held_event(number: int, *, age_s: int = 60, offset: int = 0, there: bool = False) -> Event:
    event = event_of(str(number), age_s=age_s, assignment=THERE if there else HERE)
    event.record.offset = offset
    return event


def fail(rig: Rig, answer: Answer, *batches: Batch) -> None:
    """The first request of the account fails; what else there is waits."""
    rig.submit(*(batches or batches_of(3)))
    for batch in rig.start():
        rig.receive(batch, answer)


def accept_another(rig: Rig, events: int = 1, after_s: float = 1.0) -> None:
    rig.submit(batch_of(*(event_of(f"o{n}", account=OTHER) for n in range(events)), account=OTHER))
    rig.elapsed_s += after_s
    for batch in rig.start():
        if batch.ad_account_id == OTHER:
            rig.accept(batch)
        else:
            rig.receive(batch, FORBIDDEN)


def park(rig: Rig, excess: int = 0, below: int = 0) -> list[Verdict]:
    return rig.sink.park({ACCOUNT: excess}, {HERE: below}, NOW_S + rig.elapsed_s)


def ids(verdicts: list[Verdict]) -> list[str]:
    return [verdict.event.event_id for verdict in verdicts]


@pytest.mark.parametrize("answer", [UNAUTHORIZED, FORBIDDEN])
def test_the_oldest_beyond_the_share_are_parked(answer: Answer) -> None:
    rig = Rig(hold_probe_s=600)
    batches = [batch_of(held_event(n, age_s=100 - n), held_event(n + 10, age_s=100 - n)) for n in range(3)]
    fail(rig, answer, *batches)
    accept_another(rig)

    verdicts = park(rig, excess=3)

    assert ids(verdicts) == ["0", "10", "1"]
    assert {verdict.outcome for verdict in verdicts} == {
        Rejected(f"its ad account is held: {answer.detail}", DeadLetterReason.ACCOUNT_HELD)  # type: ignore[union-attr]
    }
    assert ids(park(rig, excess=99)) == ["11", "2", "12"]


def test_a_letter_tells_how_often_the_event_was_tried() -> None:
    rig = Rig(hold_probe_s=600)
    fail(rig, FORBIDDEN, *batches_of(1))
    accept_another(rig)

    (verdict,) = park(rig, excess=1)

    assert verdict.attempts == 1
    assert verdict.first_failed_s is not None


def test_what_holds_back_the_commits_of_a_partition_is_parked_whatever_the_share() -> None:
    rig = Rig(hold_probe_s=600)
    events = [held_event(n, offset=n) for n in range(6)]
    elsewhere = held_event(9, offset=0, there=True)
    fail(rig, FORBIDDEN, batch_of(*events, elsewhere))
    accept_another(rig)

    assert ids(park(rig, below=3)) == ["0", "1", "2"]


def test_the_one_counts_towards_the_other() -> None:
    rig = Rig(hold_probe_s=600)
    fail(rig, FORBIDDEN, batch_of(*(held_event(n, offset=n) for n in range(6))))
    accept_another(rig)

    assert ids(park(rig, excess=4, below=3)) == ["0", "1", "2", "3"]


def test_nothing_is_parked_of_an_account_that_is_well() -> None:
    rig = Rig()
    rig.submit(*batches_of(3))
    accept_another(rig)

    assert park(rig, excess=3, below=99) == []


def test_nothing_is_parked_while_no_other_is_accepted() -> None:
    rig = Rig(hold_probe_s=600)
    fail(rig, FORBIDDEN)

    assert park(rig, excess=3, below=99) == []


def test_nothing_is_parked_when_the_last_acceptance_is_older_than_the_hold() -> None:
    rig = Rig(hold_probe_s=600)
    accept_another(rig)
    fail(rig, UNAUTHORIZED)

    assert park(rig, excess=3, below=99) == []


def test_each_acceptance_pays_for_twenty() -> None:
    rig = Rig(hold_probe_s=600)
    fail(rig, FORBIDDEN, batch_of(*(held_event(n) for n in range(50))))
    accept_another(rig, events=2)

    assert len(park(rig, excess=50)) == 40
    assert park(rig, excess=50) == []


def test_a_throttled_account_is_never_parked() -> None:
    rig = Rig(hold_s=10)
    fail(rig, Throttled(3_600.0))
    accept_another(rig, after_s=1_000)

    assert park(rig, excess=3, below=99) == []


@pytest.mark.parametrize("answer", [DOWN, TIMED_OUT])
def test_a_failing_account_is_parked_only_after_nothing_was_heard_of_it_for_long(answer: Answer) -> None:
    rig = Rig(hold_s=100, retry_base_s=0.001, retry_cap_s=0.001)
    fail(rig, answer, *batches_of(3))
    accept_another(rig)
    for _ in range(10):
        for batch in rig.start(after_s=9):
            rig.receive(batch, answer)
    accept_another_only(rig)
    assert park(rig, excess=1) == []

    rig.elapsed_s += 10
    accept_another_only(rig)

    assert len(park(rig, excess=1)) == 1


def accept_another_only(rig: Rig) -> None:
    """While a request of the held account is under way."""
    rig.submit(batch_of(event_of("o", account=OTHER), account=OTHER))
    for batch in rig.start():
        if batch.ad_account_id == OTHER:
            rig.accept(batch)


def test_nothing_is_parked_in_an_outage_of_the_api() -> None:
    rig = Rig(hold_probe_s=600)
    fail(rig, FORBIDDEN)
    accept_another(rig)
    rig.submit(*(batch for n in range(6) for batch in batches_of(1, f"54900000001{n}")))
    for batch in rig.start():
        rig.receive(batch, DOWN)
    assert rig.sink.api_hold is not None

    assert park(rig, excess=3, below=99) == []


def test_what_is_under_way_is_not_parked() -> None:
    rig = Rig(hold_probe_s=5)
    fail(rig, FORBIDDEN, *batches_of(1))
    rig.submit(batch_of(event_of("o", account=OTHER), account=OTHER))
    rig.elapsed_s += 6
    for batch in rig.start():
        if batch.ad_account_id == OTHER:
            rig.accept(batch)

    assert park(rig, excess=1, below=99) == []


def test_when_all_is_parked_nobody_is_held_any_more() -> None:
    rig = Rig(hold_probe_s=600)
    fail(rig, FORBIDDEN, *batches_of(2))
    accept_another(rig)
    assert rig.holds() == {ACCOUNT: HoldCause.FORBIDDEN}

    park(rig, excess=99)

    assert rig.holds() == {}
