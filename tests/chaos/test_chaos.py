"""One short run of `make chaos`, the same at each time: enough to notice what broke, too short to prove much."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.chaos.report import Progress, table
from tests.chaos.run import Run
from tests.chaos.schedule import Fault, make_schedule
from tests.harness.kafka.brokers import Brokers

SEED, SECONDS, RATE_PER_S = 198, 36.0, 150.0

pytestmark = [pytest.mark.real_kafka, pytest.mark.timeout(400)]


def test_a_short_run_with_the_gravest_faults_breaks_no_promise(three_brokers: Brokers, tmp_path: Path) -> None:
    schedule = make_schedule(SEED, SECONDS)
    gravest = {Fault.STOP, Fault.KILL, Fault.FREEZE, Fault.BROKER_KILL, Fault.EMULATOR_RESTART, Fault.API}
    assert {step.fault for step in schedule.steps} >= gravest

    found = Run(schedule, RATE_PER_S, tmp_path, Progress(sys.stdout)).play(three_brokers)

    assert found.violations == [], table(schedule, found)
    assert len(found.done) == len(schedule.steps)
    assert found.outcomes["accepted"] > SECONDS * RATE_PER_S / 2
    assert found.commits > len(schedule.steps)
