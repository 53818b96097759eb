"""Reading a record by type: defaults for what is absent, a note for what is wrong, never an exception."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from consumer.mapping.fields import Fields

SYMBOLS = frozenset({"PLACED"})
READERS: dict[str, Callable[[Fields], Any]] = {
    "text": lambda fields: fields.text("f"),
    "texts": lambda fields: fields.texts("f"),
    "symbol": lambda fields: fields.symbol("f", SYMBOLS),
    "flag": lambda fields: fields.flag("f"),
    "number": lambda fields: fields.number("f"),
    "amount": lambda fields: fields.amount("f"),
    "instant_ms": lambda fields: fields.instant_ms("f"),
    "part": lambda fields: fields.part("f").text("g"),
    "parts": lambda fields: fields.parts("f"),
}
DEFAULTS = dict.fromkeys(READERS) | {"texts": [], "symbol": "UNKNOWN", "parts": []}


def read(reader: str, value: Any) -> tuple[Any, list[str]]:
    problems: list[str] = []
    return READERS[reader](Fields({"f": value}, problems, "part.")), problems


@pytest.mark.parametrize("reader", READERS)
def test_null_and_absence_take_the_default(reader: str) -> None:
    assert read(reader, None) == (DEFAULTS[reader], [])
    assert READERS[reader](Fields({}, [])) == DEFAULTS[reader]


@pytest.mark.parametrize(
    ("reader", "value", "found"),
    [
        pytest.param("text", " a ", "a", id="text without blanks around"),
        pytest.param("text", "  ", None, id="blank text"),
        pytest.param("text", UUID(int=7), "00000000-0000-0000-0000-000000000007", id="uuid"),
        pytest.param("texts", ["a", " ", None, "é "], ["a", "é"], id="texts"),
        pytest.param("symbol", "PLACED", "PLACED", id="symbol"),
        pytest.param("symbol", "INVENTED_LATER", "UNKNOWN", id="unknown symbol"),
        pytest.param("flag", False, False, id="flag"),
        pytest.param("number", 7, 7, id="number"),
        pytest.param("amount", Decimal("1.50"), Decimal("1.50"), id="amount"),
        pytest.param("amount", Decimal("0E+40"), Decimal(0), id="nought of any exponent"),
        pytest.param("instant_ms", 1_500, 1_500, id="milliseconds"),
        pytest.param("instant_ms", datetime(1970, 1, 1, 0, 0, 1, 999, UTC), 1_000, id="time"),
        pytest.param(
            "instant_ms", datetime(1970, 1, 1, 1, tzinfo=timezone(timedelta(hours=1))), 0, id="time elsewhere"
        ),
        pytest.param("instant_ms", datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC), -1_000, id="time before 1970"),
        pytest.param("part", {"g": "a"}, "a", id="record"),
    ],
)
def test_values_of_the_right_type_are_read(reader: str, value: Any, found: Any) -> None:
    assert read(reader, value) == (found, [])


@pytest.mark.parametrize(
    ("reader", "value", "problem"),
    [
        pytest.param("text", 7, "part.f: an integer where a string is expected", id="number for text"),
        pytest.param("text", b"a", "part.f: bytes where a string is expected", id="bytes for text"),
        pytest.param(
            "text", "\ud800", "part.f: not Unicode text, it has half of a surrogate pair", id="half a character"
        ),
        pytest.param("texts", "a", "part.f: a string where an array of strings is expected", id="text for texts"),
        pytest.param("texts", ["a", 7], "part.f[1]: an integer where a string is expected", id="number among texts"),
        pytest.param("texts", 0, "part.f: an integer where an array of strings is expected", id="nought for texts"),
        pytest.param("symbol", 1, "part.f: an integer where an enum symbol is expected", id="index for symbol"),
        pytest.param("flag", 1, "part.f: an integer where a boolean is expected", id="number for flag"),
        pytest.param("flag", "true", "part.f: a string where a boolean is expected", id="word for flag"),
        pytest.param("number", True, "part.f: a boolean where an integer is expected", id="flag for number"),
        pytest.param(
            "amount", 1.5, "part.f: a floating-point number where a decimal is expected", id="float for amount"
        ),
        pytest.param(
            "amount", Decimal("NaN"), "part.f: not an amount, its digits or exponent are out of range", id="NaN"
        ),
        pytest.param(
            "amount", Decimal("1E+15"), "part.f: not an amount, its digits or exponent are out of range", id="huge"
        ),
        pytest.param("instant_ms", datetime(2026, 1, 1), "part.f: a local time, which needs its zone", id="local"),  # noqa: DTZ001
        pytest.param(
            "instant_ms", date(2026, 1, 1), "part.f: a date where a timestamp is expected", id="date for time"
        ),
        pytest.param("instant_ms", True, "part.f: a boolean where a timestamp is expected", id="flag for time"),
        pytest.param("part", [], "part.f: an array where a record is expected", id="array for record"),
        pytest.param("parts", {}, "part.f: a record where an array of records is expected", id="record for array"),
        pytest.param("parts", [None], "part.f[0]: null where a record is expected", id="null for a record"),
    ],
)
def test_values_of_a_wrong_type_are_noted_and_read_as_absent(reader: str, value: Any, problem: str) -> None:
    found, problems = read(reader, value)

    assert problems == [problem]
    if reader != "texts":
        assert found == DEFAULTS[reader]


def test_parts_name_their_path_and_share_the_notes() -> None:
    problems: list[str] = []
    order = Fields({"lines": [{}, {"tax": {"amount": 1}}]}, problems)

    order.parts("lines")[1].part("tax").text("amount")

    assert problems == ["lines[1].tax.amount: an integer where a string is expected"]
    assert order.problems is problems
