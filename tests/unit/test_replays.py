"""A replayed record is read as one of the topic where it first failed, or is told why it cannot be."""

from __future__ import annotations

import pytest

from consumer.records import Assignment, Headers, Record, Undecodable
from consumer.replays import Replays
from tests.unit.stages.builders import NOW_S
from tests.unit.test_letters import REPLAYED, Message, without

REPLAYS = Replays("a-group.replay", {"orders"}, "a-group")


def a_record(headers: Headers | None, topic: str = "a-group.replay", value: bytes | None = b"value") -> Record:
    return Record(Assignment(topic, 0, 0), 5, Message(headers, value), 100, NOW_S)


def test_a_replayed_record_is_read_as_its_original() -> None:
    assert REPLAYS.source_of(a_record(REPLAYED)) == "orders"


def test_any_other_record_is_read_as_one_of_its_topic_whatever_its_headers_say() -> None:
    headers: Headers = [("conversions.topic", b"orders")]
    assert REPLAYS.source_of(a_record(headers, topic="visits")) == "visits"


@pytest.mark.parametrize(
    ("record", "remedy"),
    [
        pytest.param(a_record(None), "conversions dlq replay", id="no headers"),
        pytest.param(a_record(without("topic")), "conversions.topic", id="no topic"),
        pytest.param(a_record(without("offset")), "conversions.offset", id="no offset"),
        pytest.param(a_record([*REPLAYED, ("conversions.topic", b"others")]), "`topics`", id="not configured"),
        pytest.param(a_record(without("group")), "conversions.group", id="no group"),
        pytest.param(a_record([*REPLAYED, ("conversions.group", b"others")]), "kafka.replay_topic", id="another group"),
        pytest.param(a_record(REPLAYED, value=None), "conversions dlq replay", id="no value"),
    ],
)
def test_one_that_cannot_be_read_so_is_told_what_to_do(record: Record, remedy: str) -> None:
    problem = REPLAYS.source_of(record)

    assert isinstance(problem, Undecodable)
    assert remedy in problem.detail
    assert "others" not in problem.detail
