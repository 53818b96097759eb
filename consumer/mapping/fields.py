"""Typed reading of a decoded record: the absent takes the bundled schema's default, the wrongly typed is noted."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

from consumer.pinterest.currencies import currency_code, is_currency, minor_digits

UNKNOWN = "UNKNOWN"
"""The default symbol of every enum of the bundled schemas."""

MAX_AMOUNT_DIGITS = 15
"""Digits before the point of the largest amount; Avro's decimal(18, 4) has 14. Keeps every later sum exact."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_FIRST_DAY = _EPOCH.date()
_MOST_DAYS = 700_000  # what a date can hold, before and after 1970
_NOTHING: Mapping[str, Any] = {}


class Fields:
    """One record, or a record within it, by field name.

    No method raises, whatever the record holds. A value of another type than the bundled schema's reads as
    absent and adds a line to `problems`, which all parts of one record share; it names the field's path and the
    type found, never the value. Whoever maps must not trust an answer while there are problems.

    `integers` says how many of the digits of a whole number stand behind the point where it is an amount of money;
    None: it cannot be told, and such a number is a problem.
    """

    __slots__ = ("_integers", "_path", "_values", "problems")

    def __init__(
        self, values: Mapping[str, Any], problems: list[str], path: str = "", *, integers: int | None = None
    ) -> None:
        self._values = values
        self._path = path
        self._integers = integers
        self.problems = problems

    def text(self, name: str) -> str | None:
        """Without white space around it; blank counts as absent."""
        value = self._values.get(name)
        if value is None:
            return None
        if isinstance(value, str):
            return (value.strip() or None) if value.isascii() else self._plain(name, value)
        if isinstance(value, UUID):  # what fastavro makes of a string with the logical type uuid
            return str(value)
        self._note(name, value, "a string")
        return None

    def texts(self, name: str) -> list[str]:
        """An array of strings, without the blank ones."""
        value = self._values.get(name)
        if not value and (value is None or isinstance(value, list)):
            return []
        if not isinstance(value, list):
            self._note(name, value, "an array of strings")
            return []
        texts = []
        for index, item in enumerate(value):
            if isinstance(item, str):
                if text := self._plain(f"{name}[{index}]", item):
                    texts.append(text)
            elif item is not None:
                self._note(f"{name}[{index}]", item, "a string")
        return texts

    def symbol(self, name: str, known: frozenset[str]) -> str:
        """A symbol of an enum; one that the bundled schema does not know is UNKNOWN, as Avro's defaults have it."""
        value = self._values.get(name)
        if value is None:
            return UNKNOWN
        if isinstance(value, str):
            return value if value in known else UNKNOWN
        self._note(name, value, "an enum symbol")
        return UNKNOWN

    def flag(self, name: str) -> bool | None:
        value = self._values.get(name)
        if value is None or value is True or value is False:
            return value
        self._note(name, value, "a boolean")
        return None

    def number(self, name: str) -> int | None:
        value = self._values.get(name)
        if value is None:
            return None
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        self._note(name, value, "an integer")
        return None

    def amount(self, name: str) -> Decimal | None:
        """An amount of money, finite and below 10**15.

        A floating-point number counts as its shortest decimal representation, which is what whoever wrote it meant; a
        whole number as `integers` says.
        """
        value = self._values.get(name)
        if value is None or type(value) is Decimal:
            return value if value is None else self._bounded(name, value)
        if type(value) is int:
            if self._integers is not None:
                return self._bounded(name, Decimal(value).scaleb(-self._integers))
            self.refuse(name, "a whole number; say with events.integer_amounts what it counts, and give the currency")
            return None
        return self._any_number(name, value)

    def quantity(self, name: str) -> Decimal | None:
        """How many or how much, finite and below 10**15; whole numbers are what they are."""
        value = self._values.get(name)
        if value is None:
            return None
        return self._bounded(name, Decimal(value)) if type(value) is int else self._any_number(name, value)

    def _any_number(self, name: str, value: object) -> Decimal | None:
        if isinstance(value, float):
            value = Decimal(repr(value))
        if isinstance(value, Decimal):
            return self._bounded(name, value)
        self._note(name, value, "a decimal")
        return None

    def _bounded(self, name: str, value: Decimal) -> Decimal | None:
        if value.is_finite() and abs(value.adjusted()) < MAX_AMOUNT_DIGITS:
            return value
        # A zero may carry any exponent; without it it is an ordinary one.
        if value.is_zero():
            return Decimal(0)
        self.problems.append(f"{self._path}{name}: not an amount, its digits or exponent are out of range")
        return None

    def instant_ms(self, name: str) -> int | None:
        """Unix milliseconds of a time: a timestamp of any precision, a whole number, or text as in ISO 8601.

        Whole numbers, as writers without the logical type send them and fastavro leaves nanoseconds, tell their unit by
        their size.
        """
        value = self._values.get(name)
        if value is None:
            return None
        if isinstance(value, str):
            try:
                value = datetime.fromisoformat(value.strip())
            except ValueError:
                self.refuse(name, "text that is no time as in ISO 8601")
                return None
        if isinstance(value, datetime):
            if value.tzinfo is UTC or value.utcoffset() is not None:
                return (value - _EPOCH) // _MILLISECOND
            self.problems.append(f"{self._path}{name}: a local time, which needs its zone")
            return None
        if isinstance(value, int) and not isinstance(value, bool):
            return _unix_ms(value)
        self._note(name, value, "a timestamp")
        return None

    def day(self, name: str) -> date | str | None:
        """A date, that of a timestamp as written, days since 1970 as writers without the logical type send, or text."""
        value = self._values.get(name)
        if value is None or isinstance(value, str):
            return self.text(name)
        if isinstance(value, date):
            return value.date() if isinstance(value, datetime) else value
        if type(value) is int and abs(value) < _MOST_DAYS:
            return _FIRST_DAY + timedelta(days=value)
        self._note(name, value, "a date")
        return None

    def part(self, name: str) -> Fields:
        """A record within this one; an absent one reads as one whose fields are all absent."""
        value = self._values.get(name)
        if isinstance(value, dict):
            return Fields(value, self.problems, f"{self._path}{name}.", integers=self._integers)
        if value is not None:
            self._note(name, value, "a record")
        return Fields(_NOTHING, self.problems)

    def parts(self, name: str) -> list[Fields]:
        """An array of records."""
        value = self._values.get(name)
        if value is None:
            return []
        if not isinstance(value, list):
            self._note(name, value, "an array of records")
            return []
        parts = []
        for index, item in enumerate(value):
            if isinstance(item, dict):
                path = f"{self._path}{name}[{index}]."
                parts.append(Fields(item, self.problems, path, integers=self._integers))
            else:
                self._note(f"{name}[{index}]", item, "a record")
        return parts

    def missing(self, name: str) -> None:
        """Note that a required field is absent or blank."""
        self.problems.append(f"{self._path}{name}: missing or blank, and required")

    def refuse(self, name: str, why: str) -> None:
        """Note that a field has its type and still cannot be used; `why` must not repeat the value."""
        self.problems.append(f"{self._path}{name}: {why}")

    def _plain(self, name: str, value: str) -> str | None:
        try:
            value.encode()
        except UnicodeEncodeError:
            self.problems.append(f"{self._path}{name}: not Unicode text, it has half of a surrogate pair")
            return None
        return value.strip() or None

    def _note(self, name: str, value: object, wanted: str) -> None:
        self.problems.append(f"{self._path}{name}: {_kind(value)} where {wanted} is expected")


def integer_scale(count: Literal["minor", "major"] | None, values: Mapping[str, Any]) -> int | None:
    """`integers` of a record's `Fields`, by what whole numbers count and the record's own currency."""
    if count != "minor":
        return None if count is None else 0
    given = values.get("currency")
    currency = currency_code(given) if isinstance(given, str) else None
    return minor_digits(currency) if currency is not None and is_currency(currency) else None


def _unix_ms(number: int) -> int:
    """By size: between 1973 and 5138 seconds, milliseconds, microseconds and nanoseconds do not meet."""
    size = abs(number)
    if size < 10**11:
        return number * 1_000
    if size < 10**14:
        return number
    return number // 1_000 if size < 10**17 else number // 1_000_000


def _kind(value: object) -> str:
    for kind, word in _KINDS:
        if isinstance(value, kind):
            return word
    return f"a {type(value).__name__}"


_KINDS: tuple[tuple[type, str], ...] = (
    (bool, "a boolean"),
    (int, "an integer"),
    (float, "a floating-point number"),
    (Decimal, "a decimal"),
    (str, "a string"),
    (bytes, "bytes"),
    (datetime, "a timestamp"),
    (date, "a date"),
    (dict, "a record"),
    (list, "an array"),
    (type(None), "null"),
)
