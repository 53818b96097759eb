"""An account that its operator holds: held from the first moment, never tried, parked like one that is refused."""

from __future__ import annotations

import pytest

from consumer.records import Abandoned, Batch, DeadLetterReason, Hold, HoldCause, Rejected, Wait
from tests.unit.stages.builders import ACCOUNT, NOW_S, assignment_of, batch_of, event_of
from tests.unit.stages.sink_rig import DOWN, FORBIDDEN, OTHER, UNAUTHORIZED, Rig, batches_of

THIRD = "549000000003"
FAR_AHEAD_S = 30 * 86_400


@pytest.fixture
def rig() -> Rig:
    return Rig(on_hold=[ACCOUNT])


def hold_of(rig: Rig) -> Hold:
    (hold,) = (hold for name, hold in rig.sink.holds() if name == ACCOUNT)
    return hold


def is_api_down(rig: Rig) -> bool:
    return rig.sink.api_hold is not None


def start_others(rig: Rig) -> list[Batch]:
    started = rig.start()
    assert ACCOUNT not in {batch.ad_account_id for batch in started}
    return started


def test_it_is_held_before_there_is_anything_of_it(rig: Rig) -> None:
    assert rig.holds() == {ACCOUNT: HoldCause.OPERATOR}
    assert "restart" in hold_of(rig).detail


def test_nothing_of_it_is_ever_started(rig: Rig) -> None:
    rig.submit(*batches_of(3), *batches_of(1, OTHER))

    assert [batch.ad_account_id for batch in rig.start()] == [OTHER]
    for _ in range(10):
        assert rig.start(after_s=3_600) == []
    assert rig.start(after_s=FAR_AHEAD_S) == []
    assert rig.sink.waiting_of(ACCOUNT) == 3


def test_neither_another_account_nor_the_end_of_an_outage_sets_it_free(rig: Rig) -> None:
    rig.submit(*batches_of(1))
    rig.submit(*batches_of(3, OTHER), *batches_of(3, THIRD))
    for batch in start_others(rig):
        rig.receive(batch, DOWN)
    assert is_api_down(rig)
    rig.elapsed_s += 600
    while others := start_others(rig):
        rig.accept(*others)

    assert not is_api_down(rig)
    assert rig.holds() == {ACCOUNT: HoldCause.OPERATOR}
    assert rig.start(after_s=FAR_AHEAD_S) == []


def test_an_outage_is_not_told_as_lasting_where_only_events_on_hold_are_left(rig: Rig) -> None:
    """Nothing of it could find out whether it is over, and new batches of the others would wait for that."""
    here = assignment_of(0)
    rig.submit(*batches_of(1))
    for name in (OTHER, THIRD):
        rig.submit(*(batch_of(event_of(str(n), account=name, assignment=here), account=name) for n in range(3)))
    for batch in start_others(rig):
        rig.receive(batch, DOWN)
    assert is_api_down(rig)
    assert not rig.sink.wants(OTHER)

    rig.sink.abandon({here})

    assert not is_api_down(rig)
    assert rig.sink.wants(OTHER)


def test_what_it_has_beyond_its_share_is_parked_while_others_are_accepted(rig: Rig) -> None:
    rig.submit(*batches_of(3))
    assert rig.sink.park({ACCOUNT: 2}, {}, NOW_S) == []
    rig.submit(*batches_of(1, OTHER))
    rig.accept(*start_others(rig))

    verdicts = rig.sink.park({ACCOUNT: 2}, {}, NOW_S)

    assert rig.sink.out(NOW_S) == {ACCOUNT}
    assert [verdict.event.event_id for verdict in verdicts] == ["0", "1"]
    (outcome,) = {verdict.outcome for verdict in verdicts}
    assert isinstance(outcome, Rejected)
    assert outcome.reason is DeadLetterReason.ACCOUNT_HELD
    assert "`hold`" in outcome.detail


def test_when_all_is_parked_it_is_held_all_the_same(rig: Rig) -> None:
    rig.submit(*batches_of(1))
    rig.submit(*batches_of(1, OTHER))
    rig.accept(*start_others(rig))
    rig.sink.park({ACCOUNT: 1}, {}, NOW_S)
    rig.submit(*batches_of(1))

    assert rig.sink.waiting_of(ACCOUNT) == 1
    assert rig.holds() == {ACCOUNT: HoldCause.OPERATOR}
    assert rig.start(after_s=FAR_AHEAD_S) == []


def test_what_waits_is_left_with_its_partition_and_says_why_it_waited(rig: Rig) -> None:
    here = assignment_of(0)
    rig.submit(batch_of(event := event_of("1", assignment=here)))

    assert list(rig.sink.find({event.record})) == [(event, HoldCause.OPERATOR)]
    assert [verdict.outcome for verdict in rig.sink.abandon({here})] == [Abandoned()]
    assert rig.holds() == {ACCOUNT: HoldCause.OPERATOR}


@pytest.mark.parametrize("answer", [FORBIDDEN, UNAUTHORIZED])
def test_others_are_held_and_set_free_as_ever(rig: Rig, answer: object) -> None:
    rig.submit(*batches_of(1, OTHER))
    (batch,) = start_others(rig)
    rig.receive(batch, answer)  # type: ignore[arg-type]
    assert rig.holds()[OTHER] in {HoldCause.FORBIDDEN, HoldCause.UNAUTHORIZED}

    rig.accept(*rig.start(after_s=3_600))

    assert rig.holds() == {ACCOUNT: HoldCause.OPERATOR}


def test_without_a_wish_nobody_is_held() -> None:
    rig = Rig()
    rig.submit(*batches_of(1))

    assert rig.holds() == {}
    assert [why for batch in rig.start() for _, why in rig.sink.find({batch.events[0].record})] == [Wait.IN_FLIGHT]
