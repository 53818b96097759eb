"""Offsets without a record: told as a loss where there can be no other reason, and only there."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

import pytest
from structlog.testing import capture_logs

from consumer.gaps import Gaps
from consumer.ledger import Gap
from consumer.topic_facts import Facts, TopicFacts, Unknown

NOW_S = 1_000.0
PLAIN = TopicFacts(is_compacted=False, retention_s=604_800)
COMPACTED = TopicFacts(is_compacted=True, retention_s=None)
ORDERS = ("orders", 3)


def told_of(gaps: Gaps, *pictures: tuple[float, int], is_last: bool = False) -> list[MutableMapping[str, Any]]:
    """Look at `orders[3]` with so many gaps at each time."""
    with capture_logs() as lines:
        for after_s, offsets in pictures:
            gaps.look({ORDERS: Gap(offsets, 100 + offsets)}, NOW_S + after_s, is_last=is_last)
    return lines


@pytest.mark.parametrize(
    ("facts", "transactional", "level", "missing"),
    [
        pytest.param(PLAIN, (), "error", 2, id="plain"),
        pytest.param(COMPACTED, (), None, 0, id="compacted"),
        pytest.param(PLAIN, ("orders",), None, 0, id="transactional"),
        pytest.param(PLAIN, ("visits",), "error", 2, id="another one transactional"),
        pytest.param(Unknown("TOPIC_AUTHORIZATION_FAILED"), (), "warning", 0, id="nobody says"),
        pytest.param(Unknown("TOPIC_AUTHORIZATION_FAILED"), ("orders",), None, 0, id="nobody says, but transactional"),
        pytest.param(None, (), None, 0, id="not answered yet"),
    ],
)
def test_a_gap_is_a_loss_where_nothing_else_makes_gaps(
    facts: Facts, transactional: tuple[str, ...], level: str | None, missing: int
) -> None:
    gaps = Gaps(lambda _: facts, lambda topic: topic in transactional)

    lines = told_of(gaps, (0, 2))

    assert [line["log_level"] for line in lines] == ([level] if level else [])
    assert gaps.missing.total() == missing


def test_it_is_told_where_and_how_many() -> None:
    lines = told_of(Gaps(lambda _: PLAIN, lambda _: False), (0, 2))

    assert lines == [
        {
            "event": "offsets_missing",
            "log_level": "error",
            "topic": "orders",
            "partition": 3,
            "offsets": 2,
            "before_offset": 102,
        }
    ]


def test_the_first_is_told_at_once_and_then_at_most_once_a_minute_of_all_since() -> None:
    gaps = Gaps(lambda _: PLAIN, lambda _: False)

    lines = told_of(gaps, (0, 2), (1, 2), (2, 3), (59, 7), (60, 7), (61, 8), (119, 8), (120, 8), (500, 8))

    assert [line["offsets"] for line in lines] == [2, 5, 1]
    assert gaps.missing == {ORDERS: 8}


def test_what_was_held_back_is_told_at_the_end() -> None:
    gaps = Gaps(lambda _: PLAIN, lambda _: False)
    told_of(gaps, (0, 2))

    lines = told_of(gaps, (1, 5), is_last=True)

    assert [line["offsets"] for line in lines] == [3]


def test_partitions_do_not_silence_each_other() -> None:
    gaps = Gaps(lambda _: PLAIN, lambda _: False)
    told_of(gaps, (0, 2))

    with capture_logs() as lines:
        gaps.look({ORDERS: Gap(2, 102), ("orders", 4): Gap(1, 9)}, NOW_S + 1)

    assert [(line["partition"], line["offsets"]) for line in lines] == [(4, 1)]


def test_gaps_found_before_the_brokers_answered_are_told_when_they_do() -> None:
    said: dict[str, TopicFacts] = {}
    gaps = Gaps(said.get, lambda _: False)
    assert told_of(gaps, (0, 2)) == []

    said["orders"] = PLAIN
    lines = told_of(gaps, (1, 2))

    assert [(line["log_level"], line["offsets"]) for line in lines] == [("error", 2)]


def test_gaps_that_no_broker_explained_until_the_end_are_told_all_the_same() -> None:
    lines = told_of(Gaps(lambda _: None, lambda _: False), (0, 2), is_last=True)

    assert [(line["log_level"], line["offsets"]) for line in lines] == [("warning", 2)]


def test_where_there_are_none_nothing_is_told() -> None:
    assert told_of(Gaps(lambda _: PLAIN, lambda _: False), (0, 0), (100, 0), is_last=True) == []
