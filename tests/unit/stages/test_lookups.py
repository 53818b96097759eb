"""Records that wait for a schema: when the registry is asked, and when they are given up."""

from __future__ import annotations

import pytest

from consumer.records import HoldCause, SchemaRef
from consumer.stages.lookups import Lookups
from tests.unit.stages.builders import NOW_S, assignment_of, record_of

REF, OTHER_REF = SchemaRef(7), SchemaRef(8)


def lookups_of(unknown_grace_s: float = 60.0) -> Lookups:
    return Lookups(unknown_grace_s=unknown_grace_s)


def test_a_schema_is_asked_for_once_however_many_records_wait() -> None:
    lookups = lookups_of()
    for _ in range(3):
        assert lookups.add(REF, record_of(), NOW_S)
    lookups.add(OTHER_REF, record_of(), NOW_S)

    assert lookups.to_ask(NOW_S) == [REF, OTHER_REF]

    assert lookups.add(REF, record_of(), NOW_S + 5)
    assert lookups.to_ask(NOW_S + 5) == []


def test_an_answer_lets_all_that_waited_go_on_in_the_order_they_came() -> None:
    lookups = lookups_of()
    records = [record_of(offset=offset) for offset in range(3)]
    for record in records:
        lookups.add(REF, record, NOW_S)
    lookups.add(OTHER_REF, record_of(), NOW_S)

    assert lookups.answered(REF) == records

    assert lookups.answered(REF) == []


def test_an_unknown_schema_is_asked_for_again_within_its_grace() -> None:
    lookups = lookups_of(unknown_grace_s=10)
    lookups.add(REF, record_of(), NOW_S)
    lookups.to_ask(NOW_S)

    assert lookups.unknown(REF, NOW_S + 9.9) == []

    assert lookups.to_ask(NOW_S + 10.8) == []
    assert lookups.to_ask(NOW_S + 10.9) == [REF]


def test_after_its_grace_an_unknown_schema_is_given_up_with_all_its_records() -> None:
    lookups = lookups_of(unknown_grace_s=10)
    records = [record_of(offset=offset) for offset in range(2)]
    lookups.add(REF, records[0], NOW_S)
    lookups.add(REF, records[1], NOW_S + 9)

    assert lookups.unknown(REF, NOW_S + 10) == records

    assert lookups.to_ask(NOW_S + 100) == []


def test_records_that_come_soon_after_are_given_up_as_well_and_later_ones_wait_anew() -> None:
    lookups = lookups_of(unknown_grace_s=0)
    lookups.add(REF, record_of(), NOW_S)
    lookups.unknown(REF, NOW_S)

    assert not lookups.add(REF, record_of(), NOW_S + 59.9)
    assert lookups.add(OTHER_REF, record_of(), NOW_S)
    assert lookups.add(REF, record_of(), NOW_S + 60)

    assert REF in lookups.to_ask(NOW_S + 60)


def test_schemas_given_up_long_ago_are_forgotten() -> None:
    lookups = lookups_of(unknown_grace_s=0)
    for number in range(1_000):
        lookups.add(SchemaRef(number), record_of(), NOW_S + number)
        lookups.unknown(SchemaRef(number), NOW_S + number)

    assert len(lookups._given_up) <= 61


def test_a_registry_that_cannot_be_reached_holds_its_assignments() -> None:
    lookups = lookups_of()
    waiting, another = assignment_of(0), assignment_of(1)
    lookups.add(REF, record_of(waiting), NOW_S)
    lookups.add(OTHER_REF, record_of(another), NOW_S)
    lookups.to_ask(NOW_S)

    lookups.unreachable(REF, NOW_S)

    assert lookups.held() == {waiting}
    assert lookups.holds == {HoldCause.REGISTRY: 1}
    assert lookups.to_ask(NOW_S + 0.9) == []
    assert lookups.to_ask(NOW_S + 1.0) == [REF]


@pytest.mark.parametrize("answer", ["found", "unknown"])
def test_a_registry_that_speaks_again_holds_nothing(answer: str) -> None:
    lookups = lookups_of()
    lookups.add(REF, record_of(), NOW_S)
    lookups.unreachable(REF, NOW_S)

    if answer == "found":
        lookups.answered(REF)
    else:
        lookups.unknown(REF, NOW_S + 1)

    assert lookups.held() == set()
    assert lookups.holds == {}


def test_time_without_the_registry_does_not_count_as_grace() -> None:
    lookups = lookups_of(unknown_grace_s=10)
    lookups.add(REF, record_of(), NOW_S)
    lookups.unreachable(REF, NOW_S + 3_600)

    assert lookups.unknown(REF, NOW_S + 3_601) == []

    assert len(lookups.unknown(REF, NOW_S + 3_610)) == 1


def test_giving_up_takes_the_records_of_these_assignments() -> None:
    lookups = lookups_of()
    leaving, staying = assignment_of(0), assignment_of(1)
    gone, stays = record_of(leaving), record_of(staying)
    lookups.add(REF, gone, NOW_S)
    lookups.add(REF, stays, NOW_S)

    assert list(lookups.abandon({leaving})) == [gone]

    assert lookups.answered(REF) == [stays]


def test_a_schema_that_nobody_waits_for_any_more_is_not_asked_for() -> None:
    lookups = lookups_of()
    leaving = assignment_of(0)
    lookups.add(REF, record_of(leaving), NOW_S)
    lookups.unreachable(REF, NOW_S)

    lookups.abandon({leaving})

    assert lookups.to_ask(NOW_S + 60) == []
    assert lookups.held() == set()


@pytest.mark.parametrize("answer", ["found", "unknown", "unreachable"])
def test_an_answer_that_nobody_waits_for_any_more_changes_nothing(answer: str) -> None:
    lookups = lookups_of(unknown_grace_s=0)

    match answer:
        case "found":
            assert lookups.answered(REF) == []
        case "unknown":
            assert lookups.unknown(REF, NOW_S) == []
        case _:
            lookups.unreachable(REF, NOW_S)

    assert lookups.holds == {}
    assert lookups.add(REF, record_of(), NOW_S)
