"""How long until retention takes what is still needed, and that it is told in time, but not for moments."""

from __future__ import annotations

from collections.abc import Iterable, MutableMapping
from typing import Any

import pytest
from structlog.testing import capture_logs

from consumer.records import Assignment, Record
from consumer.runway import Runway
from consumer.topic_facts import Facts, TopicFacts, Unknown
from tests.unit.stages.builders import NOW_S, WALL_S, FakeMessage, assignment_of

HOUR_S = 3_600
RETENTION_S = 100 * HOUR_S
KEPT = TopicFacts(is_compacted=False, retention_s=RETENTION_S)
ORDERS = assignment_of(0)


class Written(FakeMessage):
    """A message with the time that stands on it."""

    def __init__(self, written_s: float, kind: int = 1) -> None:
        super().__init__()
        self._timestamp = (kind, int(written_s * 1_000))

    def timestamp(self) -> tuple[int, int]:
        return self._timestamp


def written(age_s: float, assignment: Assignment = ORDERS, *, kind: int = 1) -> Record:
    return Record(assignment, 7, Written(WALL_S - age_s, kind), 100, NOW_S)


class Ends:
    """Which assignments have more to be read."""

    def __init__(self) -> None:
        self.has_more = False

    def __call__(self, _: Assignment) -> bool:
        return self.has_more


def runway_of(facts: Facts = KEPT, ends: Ends | None = None) -> Runway:
    return Runway(lambda _: facts, ends or Ends())


def look(runway: Runway, fronts: Iterable[tuple[Assignment, Record | None]], after_s: float = 0) -> float | None:
    runway.look(fronts, NOW_S + after_s, WALL_S + after_s)
    return runway.shortest_s


@pytest.mark.parametrize("other", [assignment_of(1), assignment_of(2, topic="visits")], ids=str)
@pytest.mark.parametrize("ages_h", [(10, 30), (30, 10)])
def test_it_is_what_retention_leaves_of_the_oldest_that_is_needed(other: Assignment, ages_h: tuple[int, int]) -> None:
    fronts = [(ORDERS, written(ages_h[0] * HOUR_S)), (other, written(ages_h[1] * HOUR_S, other))]

    assert look(runway_of(), fronts) == 70 * HOUR_S


@pytest.mark.parametrize(
    "facts",
    [
        pytest.param(TopicFacts(is_compacted=True, retention_s=None), id="kept without an end"),
        pytest.param(Unknown("TOPIC_AUTHORIZATION_FAILED"), id="nobody says"),
        pytest.param(None, id="not answered yet"),
    ],
)
def test_without_a_known_retention_there_is_none(facts: Facts) -> None:
    assert look(runway_of(facts), [(ORDERS, written(10 * HOUR_S))]) is None


def test_a_record_without_a_time_says_nothing() -> None:
    assert look(runway_of(), [(ORDERS, written(10 * HOUR_S, kind=0))]) is None


def test_where_all_is_settled_and_read_all_of_it_is_left_however_old_the_last_record() -> None:
    runway = runway_of()
    look(runway, [(ORDERS, written(90 * HOUR_S))])

    assert look(runway, [(ORDERS, None)], after_s=20) == RETENTION_S


def test_what_is_not_read_yet_is_taken_for_as_old_as_what_was_needed_last() -> None:
    """As where the limits are full of other partitions' records and this one is paused."""
    ends = Ends()
    runway = runway_of(ends=ends)
    look(runway, [(ORDERS, written(10 * HOUR_S))])
    ends.has_more = True

    assert look(runway, [(ORDERS, None)], after_s=HOUR_S) == RETENTION_S - 11 * HOUR_S


def test_of_a_partition_that_nothing_was_read_of_nothing_is_known() -> None:
    ends = Ends()
    ends.has_more = True

    assert look(runway_of(ends=ends), [(ORDERS, None)]) is None


def test_it_is_measured_now_and_then_only() -> None:
    runway = runway_of()
    look(runway, [(ORDERS, written(10 * HOUR_S))])

    assert look(runway, [(ORDERS, written(50 * HOUR_S))], after_s=9) == 90 * HOUR_S
    assert look(runway, [(ORDERS, written(50 * HOUR_S))], after_s=10) != 90 * HOUR_S


# --- telling ------------------------------------------------------------------------------------------------


def told(runway: Runway, ages_s: Iterable[float]) -> list[MutableMapping[str, Any]]:
    """One look every ten seconds, at a record that is so old then."""
    with capture_logs() as lines:
        for number, age_s in enumerate(ages_s):
            after_s = number * 10
            look(runway, [(ORDERS, written(age_s - after_s))], after_s=after_s)
    return lines


@pytest.mark.parametrize(
    ("age_s", "level"),
    [
        (75 * HOUR_S, None),
        (75 * HOUR_S + 1, "warning"),
        (90 * HOUR_S, "warning"),
        (90 * HOUR_S + 1, "error"),
        (101 * HOUR_S, "error"),
    ],
)
def test_little_that_lasts_is_a_warning_and_very_little_an_error(age_s: float, level: str | None) -> None:
    lines = told(runway_of(), [age_s] * 20)

    assert [(line["event"], line["log_level"]) for line in lines] == ([("retention_near", level)] if level else [])


def test_it_is_told_where_and_how_much_is_left() -> None:
    (line,) = told(runway_of(), [80 * HOUR_S] * 7)

    assert line == {
        "event": "retention_near",
        "log_level": "warning",
        "partition": "orders[0]",
        "runway_s": 20 * HOUR_S,
        "retention_s": RETENTION_S,
    }


def test_a_group_that_starts_from_the_logs_beginning_is_near_its_end_for_a_moment_only() -> None:
    assert told(runway_of(), [100 * HOUR_S] * 6 + [10 * HOUR_S] * 20) == []


def test_what_gets_worse_is_told_again_and_what_is_well_again_too() -> None:
    lines = told(runway_of(), [80 * HOUR_S] * 10 + [95 * HOUR_S] * 10 + [HOUR_S] * 2 + [80 * HOUR_S] * 10)

    assert [(line["event"], line["log_level"]) for line in lines] == [
        ("retention_near", "warning"),
        ("retention_near", "error"),
        ("retention_far_again", "info"),
        ("retention_near", "warning"),
    ]


def test_a_topic_that_leaves_us_is_spoken_of_no_more() -> None:
    runway = runway_of()
    told(runway, [80 * HOUR_S] * 10)

    with capture_logs() as lines:
        look(runway, [], after_s=200)

    assert [line["event"] for line in lines] == ["retention_far_again"]
    assert runway.shortest_s is None
