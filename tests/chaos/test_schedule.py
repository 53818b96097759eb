"""A schedule comes from its seed alone, and asks for nothing that could not be done."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest

from consumer.emulator import parse_faults
from tests.chaos.schedule import (
    OF_ALL_ACCOUNTS,
    OF_ONE_ACCOUNT,
    QUIET_S,
    STEADY,
    Fault,
    Protocol,
    Schedule,
    make_schedule,
)

SEEDS = range(1, 41)
LONG_S = 1_800.0


@pytest.mark.parametrize("seed", [1, 7, 2**40])
def test_the_same_seed_and_seconds_give_the_same_schedule(seed: int) -> None:
    assert make_schedule(seed, 300) == make_schedule(seed, 300)


def test_other_seeds_give_other_schedules() -> None:
    schedules = {tuple(make_schedule(seed, 60).lines())[1:] for seed in SEEDS}

    assert len(schedules) == len(SEEDS)


def test_a_protocol_that_is_asked_for_changes_nothing_else() -> None:
    drawn = make_schedule(1, 300)

    asked = make_schedule(1, 300, protocol=Protocol.KIP_848)

    assert asked == Schedule(drawn.seed, drawn.seconds, Protocol.KIP_848, drawn.steps)


def test_a_long_run_meets_every_fault_and_some_seed_every_protocol() -> None:
    steps = make_schedule(1, LONG_S).steps

    assert {step.fault for step in steps} == set(Fault)
    assert [api for api in (*OF_ONE_ACCOUNT, *OF_ALL_ACCOUNTS) if all(step.api != api for step in steps)] == []
    assert {make_schedule(seed, 60).protocol for seed in SEEDS} == set(Protocol)


@pytest.mark.parametrize("seed", SEEDS)
def test_steps_are_in_order_and_end_before_the_stream_does(seed: int) -> None:
    steps = make_schedule(seed, 120).steps

    assert len(steps) >= 10
    assert [step.at_s for step in steps] == sorted(step.at_s for step in steps)
    assert min(step.at_s for step in steps) >= QUIET_S
    assert max(step.ends_s for step in steps) <= 120 - QUIET_S


@pytest.mark.parametrize("seed", SEEDS)
def test_two_brokers_are_never_out_at_once(seed: int) -> None:
    out = [step for step in make_schedule(seed, LONG_S).steps if step.target.startswith("broker")]

    assert all(later.at_s > earlier.ends_s for earlier, later in pairwise(out))


@pytest.mark.parametrize("seed", SEEDS)
def test_nobody_is_hit_twice_at_once_and_one_replica_is_never_ended(seed: int) -> None:
    steps = make_schedule(seed, LONG_S).steps

    for target in {step.target for step in steps}:
        hits = [step for step in steps if step.target == target]
        assert all(later.at_s > earlier.ends_s for earlier, later in pairwise(hits)), target
    assert {step.fault for step in steps if step.target == STEADY} == {Fault.FREEZE}


def test_it_is_printed_as_one_json_object_a_line() -> None:
    schedule = make_schedule(1, 60)

    first, *others = [json.loads(line) for line in schedule.lines()]

    assert first == {"seed": 1, "seconds": 60, "protocol": schedule.protocol}
    assert [(each["at_s"], each["fault"], each["target"]) for each in others] == [
        (step.at_s, step.fault, step.target) for step in schedule.steps
    ]


def test_the_emulator_understands_what_it_is_to_do() -> None:
    faults = [dict(api) for api in (*OF_ONE_ACCOUNT, *OF_ALL_ACCOUNTS)]

    assert len(parse_faults(faults)) == len(faults)
