"""Examples beside a mapping: read, compared, and told about without showing a person's data."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from consumer.errors import ConfigError
from consumer.mapping.examples import differences, read_examples

SOUND: dict[str, Any] = {
    "about": "a placed order",
    "now": "2026-11-01T10:01:00Z",
    "record": {},
    "expect": {"skipped": "bot"},
}
HASH = hashlib.sha256(b"ada@example.com").hexdigest()
ANSWER = {
    "ad_account_id": "549000000001",
    "event": {"user_data": {"em": [HASH]}, "custom_data": {"value": "12.30", "currency": "EUR"}},
}


def problems_of(tmp_path: Path, content: Any) -> list[str]:
    file = tmp_path / "examples.json"
    file.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    with pytest.raises(ConfigError) as refused:
        read_examples(file)
    return [problem.removeprefix(f"{file}") for problem in refused.value.problems]


def test_examples_are_read_with_their_time(tmp_path: Path) -> None:
    file = tmp_path / "examples.json"
    file.write_text(json.dumps([SOUND]), encoding="utf-8")

    (example,) = read_examples(file)

    assert (example.about, example.now_s) == ("a placed order", 1_793_527_260.0)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        pytest.param("[{,", ":1: is not JSON", id="no JSON"),
        pytest.param([], ": must be an array of examples", id="none"),
        pytest.param([SOUND | {"expected": {}}], ": example 1: must be an object with about, expect, now", id="a"),
        pytest.param([SOUND, SOUND | {"now": "today"}], ": example 2: `now` must be an ISO 8601 time", id="no time"),
        pytest.param([SOUND | {"now": "2026-11-01T10:00:00"}], ": example 1: `now` needs its zone", id="no zone"),
        pytest.param([SOUND | {"expect": {}}], ": example 1: `expect` must be", id="expects nothing"),
    ],
)
def test_what_is_no_example_is_told(tmp_path: Path, content: Any, told: str) -> None:
    (problem,) = problems_of(tmp_path, content)

    assert problem.startswith(told)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        read_examples(tmp_path / "none.json")


@pytest.mark.parametrize(
    "expected",
    [
        {},
        {"event": {"custom_data": {"value": "12.30"}}},
        {"event": {"user_data": {"em": ["sha256:ada@example.com"], "ph": None}}},
    ],
)
def test_what_is_said_must_be_there_and_more_may_be(expected: dict[str, Any]) -> None:
    assert list(differences(expected, ANSWER)) == []


@pytest.mark.parametrize(
    ("expected", "told"),
    [
        (
            {"event": {"custom_data": {"value": "12.31"}}},
            'event.custom_data.value: "12.31" is expected, and there is "12.30"',
        ),
        (
            {"event": {"custom_data": {"order_id": "7"}}},
            'event.custom_data.order_id: "7" is expected, and there is nothing',
        ),
        (
            {"event": {"custom_data": {"currency": None}}},
            'event.custom_data.currency: nothing is expected, and there is "EUR"',
        ),
        (
            {"event": {"user_data": {"em": ["sha256:bob@example.com"]}}},
            'event.user_data.em[0]: "sha256:bob@example.com" is expected, and there is something else',
        ),
        ({"event": {"user_data": {"em": []}}}, "event.user_data.em: [] is expected, and there is something else"),
        ({"skipped": "bot"}, 'skipped: "bot" is expected, and there is nothing'),
    ],
)
def test_a_difference_names_its_place_and_shows_nobody(expected: dict[str, Any], told: str) -> None:
    (difference,) = differences(expected, ANSWER)

    assert difference == told
    assert HASH not in difference
