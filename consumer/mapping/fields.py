"""Typed reading of a decoded record: the absent takes the bundled schema's default, the wrongly typed is noted."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

UNKNOWN = "UNKNOWN"
"""The default symbol of every enum of the bundled schemas."""

MAX_AMOUNT_DIGITS = 15
"""Digits before the point of the largest amount; Avro's decimal(18, 4) has 14. Keeps every later sum exact."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_NOTHING: Mapping[str, Any] = {}


class Fields:
    """One record, or a record within it, by field name.

    No method raises, whatever the record holds. A value of another type than the bundled schema's reads as
    absent and adds a line to `problems`, which all parts of one record share; it names the field's path and the
    type found, never the value. Whoever maps must not trust an answer while there are problems.
    """

    __slots__ = ("_path", "_values", "problems")

    def __init__(self, values: Mapping[str, Any], problems: list[str], path: str = "") -> None:
        self._values = values
        self._path = path
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
        """A decimal, finite and below 10**15; money in floating point is refused, as it is already wrong."""
        value = self._values.get(name)
        if value is None:
            return None
        if not isinstance(value, Decimal):
            self._note(name, value, "a decimal")
            return None
        if not value.is_finite() or abs(value.adjusted()) >= MAX_AMOUNT_DIGITS:
            # A zero may carry any exponent; without it it is an ordinary one.
            if value.is_zero():
                return Decimal(0)
            self.problems.append(f"{self._path}{name}: not an amount, its digits or exponent are out of range")
            return None
        return value

    def instant_ms(self, name: str) -> int | None:
        """Unix milliseconds of a timestamp, also from a writer without the logical type."""
        value = self._values.get(name)
        if value is None:
            return None
        if isinstance(value, datetime):
            if value.tzinfo is UTC or value.utcoffset() is not None:
                return (value - _EPOCH) // _MILLISECOND
            self.problems.append(f"{self._path}{name}: a local time, which needs its zone")
            return None
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        self._note(name, value, "a timestamp")
        return None

    def part(self, name: str) -> Fields:
        """A record within this one; an absent one reads as one whose fields are all absent."""
        value = self._values.get(name)
        if isinstance(value, dict):
            return Fields(value, self.problems, f"{self._path}{name}.")
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
                parts.append(Fields(item, self.problems, f"{self._path}{name}[{index}]."))
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
