"""What is past the hour, and what Pinterest would count twice."""

from __future__ import annotations

import pytest

from consumer.delivery.freshness import FRESH_S, is_stale, may_count_twice
from tests.unit.stages.builders import WALL_S, event_of


@pytest.mark.parametrize(("age_s", "stale"), [(0, False), (-60, False), (FRESH_S, False), (FRESH_S + 1, True)])
def test_the_hour_ends_after_its_last_second(age_s: int, *, stale: bool) -> None:
    assert is_stale(int(WALL_S) - age_s, WALL_S) is stale


@pytest.mark.parametrize(
    ("action_source", "age_s", "twice"),
    [
        ("web", 60, False),
        ("app_ios", FRESH_S, False),
        ("app_android", FRESH_S + 1, True),
        ("web", FRESH_S + 1, True),
        ("offline", 1, True),
    ],
)
def test_offline_events_and_late_ones_may_count_twice(action_source: str, age_s: int, *, twice: bool) -> None:
    event = event_of(action_source=action_source, age_s=age_s)

    assert may_count_twice(event, WALL_S) is twice
