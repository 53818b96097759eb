"""Reads one decoded value as what its target takes: the absent and the blank are None, the wrongly typed is noted.

No function raises, whatever the value is. One of a type that does not do reads as absent and adds a line to `problems`,
which names the path and the type found, never the value; whoever maps must not trust an answer while there are
problems. What a mapping compiles to calls these, unless the writer's schema leaves nothing to ask.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from consumer.pinterest.currencies import currency_code, is_currency, minor_digits

MAX_AMOUNT_DIGITS = 15
"""Digits before the point of the largest amount; Avro's decimal(18, 4) has 14. Keeps every later sum exact."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)
_FIRST_DAY = EPOCH.date()
_MOST_DAYS = 700_000  # what a date can hold, before and after 1970
_NUMBER = re.compile(r"[+-]?\d{1,30}(?:\.\d{1,30})?")
_MOST_DIGITS = 40  # of a whole number taken as an id
_MICROS = 6


def text(value: Any, path: str, problems: list[str]) -> str | None:
    """Without white space around it; a whole number, as many ids are, by its digits."""
    if type(value) is str:
        return (value.strip() or None) if value.isascii() else _plain(value, path, problems)
    if value is None:
        return None
    if isinstance(value, UUID):  # what fastavro makes of a string with the logical type uuid
        return str(value)
    if type(value) is int and abs(value) < 10**_MOST_DIGITS:
        return str(value)
    _note(value, "a string", path, problems)
    return None


def texts(value: Any, path: str, problems: list[str]) -> list[str]:
    """One text or an array of them, without the blank ones."""
    if not value and (value is None or type(value) is list):
        return []
    if not isinstance(value, list):
        one = text(value, path, problems)
        return [] if one is None else [one]
    found = (text(item, f"{path}[{index}]", problems) for index, item in enumerate(value))
    return [each for each in found if each is not None]


def word(value: Any, path: str, problems: list[str]) -> str | None:
    """What a table is asked for: a symbol or text as it stands, yes and no as `true` and `false`."""
    if value is True or value is False:
        return "true" if value else "false"
    return text(value, path, problems)


def choice(value: Any, known: frozenset[str], path: str, problems: list[str]) -> str | None:
    """One of a few words, in upper or lower case; others are absent."""
    found = word(value, path, problems)
    return found.lower() if found is not None and found.lower() in known else None


def flag(value: Any, path: str, problems: list[str]) -> bool | None:
    if value is None or value is True or value is False:
        return value
    _note(value, "a boolean", path, problems)
    return None


def count(value: Any, path: str, problems: list[str]) -> int | None:
    if value is None or type(value) is int:
        return value
    _note(value, "an integer", path, problems)
    return None


def amount(value: Any, scale: int | None, path: str, problems: list[str]) -> Decimal | None:
    """An amount of money, finite and below 10**15.

    A floating-point number counts as its shortest decimal representation, which is what whoever wrote it meant; a
    whole number has `scale` digits behind the point, and is a problem if that is not known.
    """
    if type(value) is not int:
        return quantity(value, path, problems)
    if scale is None:
        refuse(
            path,
            "a whole number; say what it counts with `unit` or events.integer_amounts, and the currency",
            problems,
        )
        return None
    return _bounded(Decimal(value).scaleb(-scale), path, problems)


def counted(value: Any, scale: int | None, path: str, problems: list[str]) -> Decimal | None:
    """The same of an amount that counts such units in whatever type: of text, too, `1999` is 19.99 EUR."""
    number = quantity(value, path, problems)
    if number is None:
        return None
    if scale is None:
        refuse(path, "counts the smallest units of a currency, and there is none", problems)
        return None
    if number != number.to_integral_value():
        refuse(path, "has a fraction, and is said to count whole units", problems)
        return None
    return _bounded(number.scaleb(-scale), path, problems)


def quantity(value: Any, path: str, problems: list[str]) -> Decimal | None:
    """How many or how much, finite and below 10**15; whole numbers are what they are."""
    if value is None:
        return None
    if type(value) is Decimal:
        return _bounded(value, path, problems)
    if type(value) is int:
        return _bounded(Decimal(value), path, problems)
    if isinstance(value, float):
        return _bounded(Decimal(repr(value)), path, problems)
    if isinstance(value, str):
        plain = value.strip()
        if not plain:
            return None
        if plain.isascii() and _NUMBER.fullmatch(plain):
            return _bounded(Decimal(plain), path, problems)
        refuse(path, "text that is no number as in 1234.50", problems)
        return None
    _note(value, "a decimal", path, problems)
    return None


def _bounded(value: Decimal, path: str, problems: list[str]) -> Decimal | None:
    if value.is_finite() and abs(value.adjusted()) < MAX_AMOUNT_DIGITS:
        return value
    # A zero may carry any exponent; without it it is an ordinary one.
    if value.is_zero():
        return Decimal(0)
    refuse(path, "not an amount, its digits or exponent are out of range", problems)
    return None


def scale_of(unit: str | None, currency: Any) -> int | None:
    """How many digits of a whole number stand behind the point, by what it counts: `minor`, `major` or `micros`.

    None: it cannot be told.
    """
    if unit != "minor":
        return {None: None, "major": 0, "micros": _MICROS}[unit]
    code = currency_code(currency) if isinstance(currency, str) else None
    return minor_digits(code) if code is not None and is_currency(code) else None


def instant_ms(value: Any, zone: ZoneInfo | None, path: str, problems: list[str]) -> int | None:
    """Unix milliseconds of a time: a timestamp of any precision, a whole number, or text as in ISO 8601.

    Whole numbers, as writers without the logical type send them and fastavro leaves nanoseconds, tell their unit by
    their size. A time without a zone is of the given one, or a problem.
    """
    if value is None:
        return None
    if isinstance(value, str):
        if not value.strip():
            return None
        try:
            value = datetime.fromisoformat(value.strip())
        except ValueError:
            refuse(path, "text that is no time as in ISO 8601", problems)
            return None
    if isinstance(value, datetime):
        if value.tzinfo is not UTC and value.utcoffset() is None:
            if zone is None:
                refuse(path, "a local time, which needs its zone", problems)
                return None
            value = value.replace(tzinfo=zone)
        since: timedelta = value - EPOCH
        return since // MILLISECOND
    if type(value) is int:
        return _unix_ms(value)
    _note(value, "a timestamp", path, problems)
    return None


def day(value: Any, path: str, problems: list[str]) -> date | str | None:
    """A date, that of a timestamp as written, days since 1970 as writers without the logical type send, or text."""
    if value is None or isinstance(value, str):
        return text(value, path, problems)
    if isinstance(value, date):
        return value.date() if isinstance(value, datetime) else value
    if type(value) is int and abs(value) < _MOST_DAYS:
        return _FIRST_DAY + timedelta(days=value)
    _note(value, "a date", path, problems)
    return None


# --- the steps of a path -----------------------------------------------------------------------------------


def member(value: Any, name: str, path: str, problems: list[str]) -> Any:
    """A field of a record, or an entry of a map; absent of what is absent. `path` is that of `value`."""
    if isinstance(value, dict):
        return value.get(name)
    if value is not None:
        _note(value, "a record", path, problems)
    return None


def item(value: Any, at: int | str, path: str, problems: list[str]) -> Any:
    """One item of an array: by number, or `only` where there is just one."""
    if not isinstance(value, list):
        if value is not None:
            _note(value, "an array", path, problems)
        return None
    if at == "only":
        return value[0] if len(value) == 1 else None
    return value[at] if isinstance(at, int) and at < len(value) else None


def match(value: Any, name: str, wanted: str, path: str, problems: list[str]) -> Any:
    """The first record of an array that has this text in this field."""
    if not isinstance(value, list):
        if value is not None:
            _note(value, "an array", path, problems)
        return None
    return next((each for each in value if isinstance(each, dict) and each.get(name) == wanted), None)


def every(value: Any, step: Callable[[Any], Any], path: str, problems: list[str]) -> list[Any] | None:
    """What the rest of a path finds in each item of an array, without what is null."""
    if not isinstance(value, list):
        if value is not None:
            _note(value, "an array", path, problems)
        return None
    found: list[Any] = []
    for each in value:
        inner = step(each)
        found += inner if isinstance(inner, list) else [inner]
    return [each for each in found if each is not None]


def records(value: Any, path: str, problems: list[str]) -> list[dict[str, Any]]:
    """The records of an array."""
    if value is None:
        return []
    if not isinstance(value, list):
        _note(value, "an array of records", path, problems)
        return []
    for index, each in enumerate(value):
        if not isinstance(each, dict):
            _note(each, "a record", f"{path}[{index}]", problems)
            return []
    return value


def give_number(problems: list[str], since: int, lines: str, number: int) -> None:
    """Say of which line the problems noted since then are: `lines[]` becomes `lines[2]`."""
    numbered = f"{lines[:-1]}{number}]"
    problems[since:] = [problem.replace(lines, numbered, 1) for problem in problems[since:]]


def called(function: Callable[..., Any], name: str, arguments: tuple[Any, ...], problems: list[str]) -> Any:
    """What a mapping's own function makes of values; one that raises makes nothing, and the record is at fault."""
    try:
        return function(*arguments)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is noted, and the record goes to the dead letters
        refuse(name, f"raised {type(error).__name__}", problems)
        return None


def compared(value: Any, bound: Decimal, path: str, problems: list[str], *, is_above: bool) -> bool:
    """Is a number above, or below, another? One that is absent is neither."""
    number = quantity(value, path, problems)
    return number is not None and (number > bound if is_above else number < bound)


def has(value: Any, wanted: frozenset[str], path: str, problems: list[str]) -> bool:
    """Is one of these texts among those of an array?"""
    if value is None:
        return False
    if not isinstance(value, list):
        _note(value, "an array", path, problems)
        return False
    return any(word(each, path, problems) in wanted for each in value)


def is_present(value: Any) -> bool:
    return value is not None and value != [] and not (isinstance(value, str) and not value.strip())


def refuse(path: str, why: str, problems: list[str]) -> None:
    """Note that a value has its type and still cannot be used; `why` must not repeat it."""
    problems.append(f"{path}: {why}")


def missing(path: str, problems: list[str]) -> None:
    """Note that what is required is absent or blank."""
    problems.append(f"{path}: missing or blank, and required")


def _plain(value: str, path: str, problems: list[str]) -> str | None:
    try:
        value.encode()
    except UnicodeEncodeError:
        refuse(path, "not Unicode text, it has half of a surrogate pair", problems)
        return None
    return value.strip() or None


def _note(value: object, wanted: str, path: str, problems: list[str]) -> None:
    problems.append(f"{path}: {_kind(value)} where {wanted} is expected")


def _unix_ms(number: int) -> int:
    """By size: between 1973 and 5138 seconds, milliseconds, microseconds and nanoseconds do not meet."""
    size = abs(number)
    if size < 10**11:
        return number * 1_000
    if size < 10**14:
        return number
    return number // 1_000 if size < 10**17 else number // 1_000_000


def shape_of(value: object) -> str:
    """What a value looks like, for whoever must not see it."""
    match value:
        case str():
            return f"a string of {len(value)}"
        case list():
            return f"an array of {len(value)}"
        case _:
            return _kind(value)


def _kind(value: object) -> str:
    for kind, name in _KINDS:
        if isinstance(value, kind):
            return name
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
