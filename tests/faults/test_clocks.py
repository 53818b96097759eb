"""The machine's clock jumps, as after a leap or a wrong time server. Delays and commits go by the monotonic one."""

from __future__ import annotations

import pytest

from consumer.pinterest.answers import Unavailable
from tests.unit.stages.builders import assignment_of
from tests.unit.test_pipeline import CONFIG, Rig

HOUR_S = 3_600


def jump(rig: Rig, seconds: float) -> None:
    """The wall clock alone: what has begun goes on."""
    rig.clock._wall_s += seconds


@pytest.mark.parametrize("seconds", [HOUR_S, -HOUR_S, 30 * 24 * HOUR_S, -30 * 24 * HOUR_S])
def test_a_jump_while_requests_are_under_way_changes_nothing_for_them(seconds: int) -> None:
    rig = Rig()
    orders = assignment_of(0)
    rig.assign(orders)
    rig.give(orders, 0, "A-0")
    rig.turn()

    jump(rig, seconds)
    rig.answer(rig.world.requests[0])
    rig.turn()

    assert rig.source.last_commit(orders) == 1
    assert rig.ledger["total"]["accepted"] == 1
    assert rig.ledger["balanced"]


@pytest.mark.parametrize("seconds", [HOUR_S, -HOUR_S])
def test_a_back_off_lasts_as_long_as_it_was_meant_to(seconds: int) -> None:
    rig = Rig()
    orders = assignment_of(0)
    rig.assign(orders)
    rig.give(orders, 0, "A-0")
    rig.turn()
    rig.answer(rig.world.requests[0], Unavailable("HTTP 503", 10.0))
    rig.turn()

    jump(rig, seconds)
    rig.clock.advance(8)
    rig.turn()
    assert len(rig.world.requests) == 1, "too early"
    rig.clock.advance(3)
    rig.turn()
    rig.answer(rig.world.requests[1])
    rig.turn()

    assert rig.source.last_commit(orders) == 1


def test_a_clock_far_behind_dead_letters_what_seems_to_be_of_the_future() -> None:
    rig = Rig()
    orders = assignment_of(0)
    rig.assign(orders)
    rig.give(orders, 0, "A-0")

    jump(rig, -60 - CONFIG.events.future_tolerance_s - 1)
    rig.turn()

    assert [letter.reason.value for letter in rig.letters.sent] == ["in_future"]


def test_a_clock_far_ahead_skips_what_seems_to_be_too_old() -> None:
    rig = Rig()
    orders = assignment_of(0)
    rig.assign(orders)
    rig.give(orders, 0, "A-0")

    jump(rig, CONFIG.events.max_age_s)
    rig.turn()

    assert rig.ledger["total"]["skipped"] == {"too_old": 1}
