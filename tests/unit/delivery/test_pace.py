"""A fixed cap: never more in any minute, evenly spread, and no slower than it must be."""

from __future__ import annotations

from bisect import bisect_left

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.delivery.pace import Pace


def greedy(pace: Pace, count: int, start_s: float = 1_000.0) -> list[float]:
    """Every request as early as it may go."""
    times: list[float] = []
    now_s = start_s
    for _ in range(count):
        now_s = max(now_s, pace.earliest_s)
        pace.spend(now_s)
        times.append(now_s)
    return times


def most_in_a_minute(times: list[float]) -> int:
    return max(bisect_left(times, start_s + 60.0) - index for index, start_s in enumerate(times))


@pytest.mark.parametrize("cap", [1, 2, 7, 59, 60, 61, 119, 120, 600, 5_000])
def test_a_cap_is_never_exceeded_in_any_minute_and_nearly_used(cap: int) -> None:
    times = greedy(Pace(cap), 3 * cap + 5)

    assert most_in_a_minute(times) <= cap
    assert len(times) * 60 / (times[-1] - times[0]) >= 0.98 * cap


@given(cap=st.integers(1, 400), waits_s=st.lists(st.floats(0, 90), max_size=300))
def test_it_is_not_exceeded_however_requests_come(cap: int, waits_s: list[float]) -> None:
    pace, now_s, times = Pace(cap), 1_000.0, []
    for wait_s in waits_s:
        now_s = max(now_s + wait_s if wait_s > 45 else now_s, pace.earliest_s)
        pace.spend(now_s)
        times.append(now_s)

    assert not times or most_in_a_minute(times) <= cap


@pytest.mark.parametrize(("cap", "burst"), [(1, 1), (30, 1), (119, 1), (120, 2), (600, 10)])
def test_after_a_rest_a_second_s_worth_goes_at_once(cap: int, burst: int) -> None:
    pace = Pace(cap)
    greedy(pace, 500)

    times = greedy(pace, burst + 1, start_s=1e6)

    assert times[:burst] == pytest.approx([1e6] * burst, rel=0, abs=1e-6)
    assert times[burst] >= 1e6 + 60 / cap


def test_nothing_waits_before_the_first_request() -> None:
    assert Pace(1).earliest_s < 0
