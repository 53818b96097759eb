"""Who stands at the front of each partition, for how long, and when that is told."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass, field

import pytest
from structlog.testing import capture_logs

from consumer.fronts import Fronts
from consumer.records import HoldCause, Record, Wait
from consumer.whereabouts import Place
from tests.unit.stages.builders import NOW_S, assignment_of, record_of

ORDERS = assignment_of(0)
VISITS = assignment_of(3, topic="visits")
STUCK_AFTER_S = 300.0


@dataclass
class Stages:
    """Finds every record in the same place, and keeps what it was asked for."""

    place: Place = field(default_factory=lambda: Place(HoldCause.UNAUTHORIZED, "549000000001"))
    searches: list[tuple[Record, ...]] = field(default_factory=list)

    def find(self, wanted: Set[Record]) -> dict[Record, Place]:
        self.searches.append(tuple(wanted))
        return dict.fromkeys(wanted, self.place)


def fronts_of(stages: Stages) -> Fronts:
    return Fronts(stages.find, stuck_after_s=STUCK_AFTER_S)


def test_it_is_told_who_stands_there_since_when_and_why() -> None:
    fronts = fronts_of(Stages())
    record = record_of(ORDERS, 17)

    fronts.look([(ORDERS, record)], NOW_S + 2)
    fronts.look([(ORDERS, record)], NOW_S + 12)

    assert fronts.told(NOW_S + 12) == {
        "orders[0]": {
            "offset": 17,
            "for_s": 10.0,
            "taken_s_ago": 12.0,
            "ad_account_id": "549000000001",
            "because": "unauthorized",
        }
    }


def test_another_at_the_front_begins_anew() -> None:
    fronts = fronts_of(Stages())
    fronts.look([(ORDERS, record_of(ORDERS, 17))], NOW_S)
    fronts.look([(ORDERS, record_of(ORDERS, 18))], NOW_S + 10)

    (told,) = fronts.told(NOW_S + 11).values()

    assert (told["offset"], told["for_s"]) == (18, 1.0)


def test_a_partition_that_came_back_begins_anew_at_the_same_offset() -> None:
    fronts = fronts_of(Stages())
    fronts.look([(ORDERS, record_of(ORDERS, 17))], NOW_S)
    again = assignment_of(0)
    fronts.look([(again, record_of(again, 17))], NOW_S + 10)

    (told,) = fronts.told(NOW_S + 10).values()

    assert told["for_s"] == 0.0


def test_where_nothing_is_unsettled_nobody_stands() -> None:
    fronts = fronts_of(Stages())
    fronts.look([(ORDERS, record_of(ORDERS, 17))], NOW_S)

    fronts.look([], NOW_S + 1)

    assert fronts.told(NOW_S + 1) == {}
    assert fronts.oldest_taken_s() is None


def test_the_oldest_is_the_one_taken_first() -> None:
    fronts = fronts_of(Stages())
    earlier = record_of(VISITS, 3)
    earlier.taken_s = NOW_S - 50

    fronts.look([(ORDERS, record_of(ORDERS, 17)), (VISITS, earlier)], NOW_S)

    assert fronts.oldest_taken_s() == NOW_S - 50


# --- searching ----------------------------------------------------------------------------------------------


def test_the_stages_are_not_searched_for_those_that_just_came() -> None:
    """On the happy path the front moves with every picture."""
    stages = Stages()
    fronts = fronts_of(stages)

    for number in range(50):
        fronts.look([(ORDERS, record_of(ORDERS, number))], NOW_S + number / 5)

    assert stages.searches == []


def test_the_stages_are_searched_once_a_second_at_most_and_seldom_for_the_same() -> None:
    stages = Stages()
    fronts = fronts_of(stages)
    first, second = record_of(ORDERS, 17), record_of(VISITS, 3)
    searched_at: list[int] = []

    for picture in range(51):  # five a second; the second record comes with the third of them
        both = [(ORDERS, first), (VISITS, second)] if picture >= 3 else [(ORDERS, first)]
        before = len(stages.searches)
        fronts.look(both, NOW_S + picture / 5)
        searched_at += [picture] * (len(stages.searches) - before)

    assert stages.searches == [(first,), (second,), (first,), (second,)]
    assert searched_at == [5, 10, 30, 35]


# --- telling ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("place", "level"),
    [
        pytest.param(Place(HoldCause.UNAUTHORIZED, "549000000001"), "warning", id="held"),
        pytest.param(Place(Wait.NOWHERE), "error", id="in no stage at all: a defect"),
    ],
)
def test_one_that_does_not_move_is_told_once_and_once_more_when_it_is_gone(place: Place, level: str) -> None:
    fronts = fronts_of(Stages(place))
    record = record_of(ORDERS, 17)

    with capture_logs() as lines:
        for second in range(400):
            fronts.look([(ORDERS, record)], NOW_S + second)
        fronts.look([(ORDERS, record_of(ORDERS, 18))], NOW_S + 400)
        fronts.look([(ORDERS, record_of(ORDERS, 19))], NOW_S + 401)

    assert lines == [
        {
            "event": "partition_stuck",
            "log_level": level,
            "topic": "orders",
            "partition": 0,
            "offset": 17,
            "for_s": 300,
            "because": place.because.value,
            "ad_account_id": place.ad_account_id,
        },
        {
            "event": "partition_moved_on",
            "log_level": "info",
            "topic": "orders",
            "partition": 0,
            "offset": 17,
            "for_s": 400,
        },
    ]


def test_why_it_stands_is_looked_up_anew_when_it_is_told() -> None:
    stages = Stages(Place(Wait.SCHEMA))
    fronts = fronts_of(stages)
    record = record_of(ORDERS, 17)
    fronts.look([(ORDERS, record)], NOW_S)
    fronts.look([(ORDERS, record)], NOW_S + 299)
    stages.place = Place(HoldCause.UNAUTHORIZED, "549000000001")

    with capture_logs() as lines:
        fronts.look([(ORDERS, record)], NOW_S + 300)

    assert [line["because"] for line in lines] == ["unauthorized"]


def test_one_that_moves_in_time_is_not_spoken_of() -> None:
    fronts = fronts_of(Stages())

    with capture_logs() as lines:
        for second in range(900):
            fronts.look([(ORDERS, record_of(ORDERS, second // 299))] if second % 299 == 0 else [], NOW_S + second)

    assert lines == []


def test_each_partition_is_told_of_by_itself() -> None:
    fronts = fronts_of(Stages())
    records = [(ORDERS, record_of(ORDERS, 17)), (VISITS, record_of(VISITS, 3))]

    with capture_logs() as lines:
        fronts.look(records, NOW_S)
        fronts.look(records, NOW_S + 300)
        fronts.look(records[:1], NOW_S + 301)

    assert [(line["event"], line["topic"]) for line in lines] == [
        ("partition_stuck", "orders"),
        ("partition_stuck", "visits"),
        ("partition_moved_on", "visits"),
    ]
