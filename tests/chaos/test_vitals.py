"""What grows is told of; what is warm and flat is not."""

from __future__ import annotations

import os
import random

import pytest

from tests.chaos.vitals import MOST_DESCRIPTORS, MOST_RSS_MIB, Sample, Vitals, growth_mib_per_min, look_at

MINUTE_S = 60.0


def samples(minutes: float, *, rss_mib: float = 90.0, mib_per_min: float = 0.0, descriptors: int = 40) -> list[Sample]:
    chance = random.Random(1)
    return [
        Sample(at_s, rss_mib + mib_per_min * at_s / 60 + chance.uniform(-1, 1), descriptors, descriptors // 2)
        for at_s in map(float, range(0, int(minutes * MINUTE_S), 2))
    ]


def problems(given: list[Sample]) -> list[str]:
    vitals = Vitals()
    for sample in given:
        vitals.note("replica-1", sample)
    return vitals.problems()


def test_a_process_that_stays_as_it_is_has_no_problem() -> None:
    assert problems(samples(30)) == []


def test_memory_that_grows_is_a_problem() -> None:
    (problem,) = problems(samples(30, mib_per_min=3))

    assert problem.startswith("replica-1: memory grows by 3.")


def test_what_a_process_takes_to_get_warm_is_not_growth() -> None:
    warming = [Sample(at_s, 30 + at_s / 2, 40, 20) for at_s in map(float, range(0, 120, 2))]
    warm = [Sample(120 + sample.at_s, 90, 40, 20) for sample in samples(20)]

    assert problems([*warming, *warm]) == []


def test_a_short_life_tells_nothing_of_growth() -> None:
    assert growth_mib_per_min(samples(15, mib_per_min=50)) is None


@pytest.mark.parametrize(
    ("given", "told"),
    [
        pytest.param(samples(1, rss_mib=MOST_RSS_MIB + 10), "MiB resident", id="memory"),
        pytest.param(samples(1, descriptors=MOST_DESCRIPTORS + 1), "open descriptors", id="descriptors"),
    ],
)
def test_too_much_is_a_problem_at_once(given: list[Sample], told: str) -> None:
    (problem,) = problems(given)

    assert told in problem


def test_a_process_is_seen_as_it_is_and_one_that_is_gone_is_not_seen() -> None:
    seen = look_at(os.getpid(), at_s=1.0)

    assert seen is not None
    assert seen.rss_mib > 5
    assert seen.descriptors >= 3
    assert look_at(2**22 + 1, at_s=1.0) is None  # beyond the largest process id of Linux
