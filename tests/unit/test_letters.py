"""What survives a replay in a letter's headers, and what is of the last failure."""

from __future__ import annotations

from typing import Any

import pytest

from consumer.letters import OURS, Origin, letter_headers, origin_of, own_headers, said_of
from consumer.records import Assignment, DeadLetterReason, Headers, Letter, Record
from tests.unit.stages.builders import NOW_S, WALL_S, FakeMessage

REPLAYED: Headers = [
    ("traceparent", b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
    ("conversions.custom", b"the producer's own"),
    ("trail", None),
    ("conversions.reason", b"account_held"),
    ("conversions.detail", b"held"),
    ("conversions.stage", b"deliver"),
    ("conversions.topic", b"orders"),
    ("conversions.partition", b"2"),
    ("conversions.offset", b"17"),
    ("conversions.timestamp", b"1749999999000"),
    ("conversions.ad-account-id", b"549000000001"),
    ("conversions.event-id", b"an-event"),
    ("conversions.http-status", b"401"),
    ("conversions.api-code", b"2"),
    ("conversions.attempts", b"9"),
    ("conversions.first-failed-at", b"2025-06-15T00:00:00.000+00:00"),
    ("conversions.failed-at", b"2025-06-15T01:00:00.000+00:00"),
    ("conversions.replays", b"1"),
    ("conversions.group", b"a-group"),
    ("conversions.letter-topic", b"a-group.dead-letter"),
    ("conversions.letter-partition", b"0"),
    ("conversions.letter-offset", b"4"),
]
OWN = REPLAYED[:3]


class Message(FakeMessage):
    def __init__(self, headers: Headers | None, value: bytes | None = b"order") -> None:
        super().__init__(value)
        self._headers = headers

    def headers(self) -> Any:
        return self._headers


def a_letter(headers: Headers | None, topic: str = "orders") -> Letter:
    record = Record(Assignment(topic, 0, 0), 5, Message(headers), 100, NOW_S)
    return Letter(record, DeadLetterReason.INVALID, "map", "why")


def headers_of(letter: Letter, origin: Origin | None = None, **omitted: bool) -> Headers:
    forms = {"is_value_omitted": False, "are_headers_omitted": False} | omitted
    return letter_headers(letter, group="a-group", failed_s=WALL_S, origin=origin, **forms)


def origin_in(headers: Headers) -> Origin:
    origin = origin_of(headers)
    assert isinstance(origin, Origin)
    return origin


def without(name: str) -> Headers:
    return [header for header in REPLAYED if header[0] != f"conversions.{name}"]


def test_the_first_failure_survives_and_the_last_one_replaces_what_was_said_of_others() -> None:
    said = said_of(headers_of(a_letter(REPLAYED, "a-group.replay"), origin_in(REPLAYED)))

    assert said == {
        "topic": "orders",
        "partition": "2",
        "offset": "17",
        "timestamp": "1749999999000",
        "first-failed-at": "2025-06-15T00:00:00.000+00:00",
        "replays": "1",
        "reason": "invalid",
        "detail": "why",
        "stage": "map",
        "group": "a-group",
        "attempts": "0",
        "failed-at": "2025-06-15T15:06:40.000+00:00",
    }


def test_the_producers_own_headers_stay_as_they_were_and_come_first() -> None:
    headers = headers_of(a_letter(REPLAYED, "a-group.replay"), origin_in(REPLAYED))

    assert headers[: len(OWN)] == OWN
    assert own_headers(headers) == OWN


def test_a_record_of_its_own_topic_is_where_it_stands_whatever_its_producer_wrote() -> None:
    said = said_of(headers_of(a_letter(REPLAYED)))

    assert (said["topic"], said["partition"], said["offset"]) == ("orders", "0", "5")
    assert said["first-failed-at"] == said["failed-at"]


def test_the_count_goes_on_also_where_a_record_came_back_by_its_source() -> None:
    assert said_of(headers_of(a_letter([("conversions.replays", b"2")])))["replays"] == "2"


@pytest.mark.parametrize("count", [b"", None, b"-1", b"many", b"\xff", b"1" * 400, "²".encode()])
def test_a_count_that_is_none_counts_as_none(count: bytes | None) -> None:
    assert said_of(headers_of(a_letter([("conversions.replays", count)])))["replays"] == "0"


def test_every_header_of_ours_is_known_as_ours() -> None:
    letter = a_letter(OWN)
    letter = Letter(letter.record, letter.reason, "deliver", "why", "1", "id", http_status=422, api_code=953)

    written = headers_of(letter, is_value_omitted=True, are_headers_omitted=True)

    assert {name for name, _ in written} | {f"conversions.letter-{n}" for n in ("topic", "partition", "offset")} == OURS


@pytest.mark.parametrize(
    ("omits_value", "omits_headers", "own"),
    [(False, False, OWN), (True, False, OWN), (False, True, []), (True, True, [])],
)
def test_what_a_letter_leaves_out_it_says(*, omits_value: bool, omits_headers: bool, own: Headers) -> None:
    headers = headers_of(a_letter(OWN), is_value_omitted=omits_value, are_headers_omitted=omits_headers)

    assert own_headers(headers) == own
    said = said_of(headers)
    assert ("value-omitted" in said, "headers-omitted" in said) == (omits_value, omits_headers)


def test_a_record_without_headers_has_none_that_could_be_left_out() -> None:
    assert "headers-omitted" not in said_of(headers_of(a_letter(None), are_headers_omitted=True))


def test_headers_that_nobody_could_read_are_left_out() -> None:
    letter = a_letter(None)
    letter.record._headers, letter.record._are_headers_read = None, True

    assert said_of(headers_of(letter))["headers-omitted"] == "true"


@pytest.mark.parametrize("name", ["topic", "partition", "offset"])
@pytest.mark.parametrize("content", ["missing", b"", None])
def test_a_replay_must_say_where_it_comes_from(name: str, content: bytes | str | None) -> None:
    headers = without(name)
    if not isinstance(content, str):
        headers.append((f"conversions.{name}", content))

    problem = origin_of(headers)

    assert isinstance(problem, str)
    assert f"conversions.{name}" in problem


@pytest.mark.parametrize("name", ["timestamp", "first-failed-at", "replays"])
def test_a_replay_may_leave_out_the_rest(name: str) -> None:
    said = said_of(headers_of(a_letter(without(name), "a-group.replay"), origin_in(without(name))))

    assert said["offset"] == "17"
    assert said["first-failed-at"] != ""


def test_a_value_left_out_before_is_still_left_out() -> None:
    assert origin_in([*REPLAYED, ("conversions.value-omitted", b"true")]).is_value_omitted
