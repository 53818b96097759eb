"""Spans of time as people write them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from consumer.cli.ages import age_of


@pytest.mark.parametrize(
    ("text", "age"),
    [
        ("90s", timedelta(seconds=90)),
        ("30m", timedelta(minutes=30)),
        ("1h", timedelta(hours=1)),
        ("2d", timedelta(days=2)),
        ("0h", timedelta(0)),
    ],
)
def test_an_age_is_a_number_and_a_unit(text: str, age: timedelta) -> None:
    assert age_of(text) == age


@pytest.mark.parametrize("text", ["", "1", "h", "1.5h", "-1h", "1w", "1h30m", " 1h", "٣h", "1234567d"])
def test_nothing_else_is_one(text: str) -> None:
    assert age_of(text) is None
