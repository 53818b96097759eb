"""Reading a record by type: defaults for what is absent, a note for what is wrong, never an exception."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

import pytest

from consumer.mapping.fields import Fields, integer_scale

SYMBOLS = frozenset({"PLACED"})
READERS: dict[str, Callable[[Fields], Any]] = {
    "text": lambda fields: fields.text("f"),
    "texts": lambda fields: fields.texts("f"),
    "symbol": lambda fields: fields.symbol("f", SYMBOLS),
    "flag": lambda fields: fields.flag("f"),
    "number": lambda fields: fields.number("f"),
    "amount": lambda fields: fields.amount("f"),
    "quantity": lambda fields: fields.quantity("f"),
    "instant_ms": lambda fields: fields.instant_ms("f"),
    "day": lambda fields: fields.day("f"),
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
        pytest.param("amount", 19.99, Decimal("19.99"), id="double as whoever wrote it meant it"),
        pytest.param("amount", 0.1 + 0.2, Decimal("0.30000000000000004"), id="double out of a sum"),
        pytest.param("amount", 1e-7, Decimal("1E-7"), id="double with an exponent"),
        pytest.param("quantity", 3, Decimal(3), id="whole quantity"),
        pytest.param("quantity", 0.4, Decimal("0.4"), id="part of one"),
        pytest.param("instant_ms", 1_750_000_000, 1_750_000_000_000, id="seconds"),
        pytest.param("instant_ms", 1_750_000_000_500, 1_750_000_000_500, id="milliseconds"),
        pytest.param("instant_ms", 1_750_000_000_500_999, 1_750_000_000_500, id="microseconds"),
        pytest.param("instant_ms", 1_750_000_000_500_999_999, 1_750_000_000_500, id="nanoseconds"),
        pytest.param("instant_ms", -1_500, -1_500_000, id="seconds before 1970"),
        pytest.param("instant_ms", " 2026-11-04T10:00:00.5Z ", 1_793_786_400_500, id="text"),
        pytest.param("instant_ms", "2026-11-04T10:00:00+01:00", 1_793_782_800_000, id="text with a zone"),
        pytest.param("instant_ms", datetime(1970, 1, 1, 0, 0, 1, 999, UTC), 1_000, id="time"),
        pytest.param(
            "instant_ms", datetime(1970, 1, 1, 1, tzinfo=timezone(timedelta(hours=1))), 0, id="time elsewhere"
        ),
        pytest.param("instant_ms", datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC), -1_000, id="time before 1970"),
        pytest.param("day", date(1990, 2, 1), date(1990, 2, 1), id="day"),
        pytest.param("day", datetime(1990, 2, 1, 23, tzinfo=UTC), date(1990, 2, 1), id="day of a time"),
        pytest.param("day", -1, date(1969, 12, 31), id="days since 1970"),
        pytest.param("day", " 1990-02-01 ", "1990-02-01", id="day as text"),
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
            "amount",
            1999,
            "part.f: a whole number; say with events.integer_amounts what it counts, and give the currency",
            id="integer for amount",
        ),
        pytest.param("amount", True, "part.f: a boolean where a decimal is expected", id="flag for amount"),
        pytest.param("amount", "9.99", "part.f: a string where a decimal is expected", id="text for amount"),
        pytest.param(
            "amount",
            float("inf"),
            "part.f: not an amount, its digits or exponent are out of range",
            id="infinity",
        ),
        pytest.param("quantity", True, "part.f: a boolean where a decimal is expected", id="flag for quantity"),
        pytest.param("instant_ms", "yesterday", "part.f: text that is no time as in ISO 8601", id="word for time"),
        pytest.param(
            "instant_ms", "2026-11-04T10:00:00", "part.f: a local time, which needs its zone", id="text without zone"
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
        pytest.param("day", 10**9, "part.f: an integer where a date is expected", id="seconds for day"),
        pytest.param("day", True, "part.f: a boolean where a date is expected", id="flag for day"),
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


@pytest.mark.parametrize(
    ("count", "currency", "found"),
    [
        pytest.param("minor", "EUR", Decimal("19.99"), id="cents"),
        pytest.param("minor", "JPY", Decimal(1999), id="yen have no smaller unit"),
        pytest.param("minor", "KWD", Decimal("1.999"), id="a dinar has a thousand fils"),
        pytest.param("major", "EUR", Decimal(1999), id="euros"),
        pytest.param("major", None, Decimal(1999), id="whatever the currency"),
        pytest.param("minor", None, None, id="minor units of nothing"),
        pytest.param("minor", "euro", None, id="minor units of no currency"),
        pytest.param(None, "EUR", None, id="unsaid"),
    ],
)
def test_whole_numbers_are_amounts_as_the_operator_says(
    count: Literal["minor", "major"] | None, currency: str | None, found: Decimal | None
) -> None:
    values = {"currency": currency, "totals": {"items_net": 1999}, "lines": [{"unit_price": 1999}]}
    problems: list[str] = []

    order = Fields(values, problems, integers=integer_scale(count, values))

    assert order.part("totals").amount("items_net") == found
    assert order.parts("lines")[0].amount("unit_price") == found
    assert len(problems) == (2 if found is None else 0)


def test_parts_name_their_path_and_share_the_notes() -> None:
    problems: list[str] = []
    order = Fields({"lines": [{}, {"tax": {"amount": 1}}]}, problems)

    order.parts("lines")[1].part("tax").text("amount")

    assert problems == ["lines[1].tax.amount: an integer where a string is expected"]
    assert order.problems is problems
