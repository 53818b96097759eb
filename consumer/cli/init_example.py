"""One invented record of a schema, nobody's, with all that a mapping drafted by `conversions init` asks for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from consumer.avro_json import named_types
from consumer.cli.init_answers import AccountTable, Answers, Consent
from consumer.cli.init_targets import chosen
from consumer.config import NOT_ADVERTISED
from consumer.mapping.known_names import CANCELLED_AT, CHANNEL
from consumer.mapping.paths import Field, Match, Path
from consumer.mapping.recognition import Recognised
from consumer.mapping.targets import TARGETS, Takes

_MOMENT = datetime(2026, 11, 1, 10, tzinfo=UTC)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_BIRTHDAY = date(1990, 2, 1)
_MERCHANT = "merchant-1"
_UUID = "00000000-0000-4000-8000-000000001001"
_ITEM = "[]"
_LONGEST = {"int": 2**31, "long": 2**63}
_SCALES = {"minor": 2, "micros": 6}
_TICKS = {"millis": timedelta(milliseconds=1), "micros": timedelta(microseconds=1)}

_TEXTS = {
    "event_source_url": "https://shop.example.com/shirts",
    "landing_url": "https://shop.example.com/?epik=dj0yJnU9",
    "language": "de-DE",
    "event_id.shared": "tag-1001",
    "event_id.own": "msg-1001",
    "consent.jurisdiction": "DE",
    "user_data.em": "ada@example.com",
    "user_data.ph": "+49 30 901820",
    "user_data.fn": "Ada",
    "user_data.ln": "Lovelace",
    "user_data.ge": "f",
    "user_data.ct": "Berlin",
    "user_data.st": "BE",
    "user_data.zp": "10115",
    "user_data.country": "DE",
    "user_data.external_id": "K-4711",
    "user_data.browser_id": "b-81f0",
    "user_data.client_ip_address": "203.0.113.7",
    "user_data.client_user_agent": "Mozilla/5.0 (X11; Linux x86_64)",
    "user_data.click_id": "dj0yJnU9abc",
    "user_data.hashed_maids": "EA7583CD-A667-48BC-B806-42ECB2B48606",
    "custom_data.order_id": "A-1001",
    "custom_data.currency": "EUR",
    "lines.id": "shirt-m",
    "lines.item_name": "Shirt",
    "lines.type": "product",
}
_AMOUNTS = {
    "totals.items_gross": "119.00",
    "totals.discount": "11.90",
    "totals.items_net": "107.10",
    "totals.tax": "18.05",
    "totals.shipping": "5.95",
    "totals.shipping_tax": "0.95",
    "custom_data.value": "90.00",
    "lines.unit_price": "59.50",
    "lines.quantity": "2",
    "lines.tax": "17.10",
}
"""Of one sale, so that its sums come out."""


@dataclass(frozen=True, slots=True)
class Amount:
    """Money, and the digits behind the point of a whole number that counts it."""

    value: Decimal
    scale: int


@dataclass(frozen=True, slots=True)
class Example:
    """A record as `conversions map` reads it, and when it is mapped."""

    record: dict[str, Any]
    now: datetime


def invented(schema: dict[str, Any], found: Recognised, answers: Answers) -> Example:
    """A record that happened after the cut-over, with consent, of the state that counts.

    Args:
        schema: As it stands in its file.
        found: Where its values stand.
        answers: To the questions.
    """
    moment = _MOMENT
    if answers.cut_over is not None:
        moment = answers.cut_over.astimezone(UTC).replace(microsecond=0) + timedelta(minutes=1)
    wanted = dict(_wanted(found, answers, moment))
    return Example(_Inventor(schema, wanted, moment).record(), moment + timedelta(minutes=5))


_At = tuple[str, ...]


def _wanted(found: Recognised, answers: Answers, moment: datetime) -> Iterator[tuple[_At, Any]]:
    """What must stand where."""
    root = () if found.root is None else _steps(found.root)
    line = (*root, *_steps(found.lines[0].path), _ITEM) if found.lines else root
    for key, candidates in chosen(answers.event, found).items():
        place = candidates[0]
        base = line if TARGETS[key].section == "lines" else root
        yield (*base, *_steps(place.path)), _sample(key, place.unit or answers.integer_amounts, moment)
    for hint, value in ((CANCELLED_AT, ""), (CHANNEL, "web")):
        for place in found.hints.get(hint, ())[:1]:
            yield (*root, *_steps(place.path)), value
    if found.root is not None:
        yield ("op",), "c"
    if answers.counting is not None:
        yield from _said(root, answers.counting.path, answers.counting.words[0])
    if isinstance(answers.consent, Consent):
        yield from _said(root, answers.consent.path, answers.consent.granted[0])
    if isinstance(answers.accounts, AccountTable):
        advertised = [name for name, account in answers.accounts.accounts.items() if account != NOT_ADVERTISED]
        yield from _said(root, answers.accounts.merchant, next(iter(advertised), _MERCHANT))
    elif "routing.merchant_id" in found.targets:
        yield from _said(root, found.targets["routing.merchant_id"][0].path, _MERCHANT)


def _said(root: _At, path: Path, word: str) -> Iterator[tuple[_At, Any]]:
    base = () if path.is_absolute else root
    yield (*base, *_steps(path)), word
    for number, step in enumerate(path.steps):
        if isinstance(step, Match):
            yield (*base, *_steps(Path(path.steps[:number])), _ITEM, step.name), step.value


def _steps(path: Path) -> _At:
    return tuple(step.name if isinstance(step, Field) else _ITEM for step in path.steps)


def _sample(key: str, unit: str | None, moment: datetime) -> Any:
    match TARGETS[key].takes:
        case Takes.TIME:
            return moment
        case Takes.DAY:
            return _BIRTHDAY
        case Takes.AMOUNT:
            return Amount(Decimal(_AMOUNTS.get(key, "10.00")), _SCALES.get(unit or "", 0))
        case Takes.QUANTITY:
            return Amount(Decimal(_AMOUNTS[key]), 0)
        case Takes.FLAG:
            return key in ("totals.tax_included", "advertiser_tracking_enabled")
        case _:
            return _TEXTS.get(key)


class _Inventor:
    """Walks through a schema. What nobody asked for is left out where it may be, else it is anything."""

    def __init__(self, schema: dict[str, Any], wanted: Mapping[_At, Any], moment: datetime) -> None:
        self._schema, self._named, self._moment = schema, named_types(schema), moment
        self._wanted = {at: value for at, value in wanted.items() if value is not None}
        self._around: list[int] = []
        """Which records are being made, from the outermost to the innermost: the `id` of their schemas."""
        self._ways = {at[:size] for at in self._wanted for size in range(len(at) + 1)}

    def record(self) -> dict[str, Any]:
        return self._record(self._schema, ())

    def _record(self, schema: dict[str, Any], at: _At) -> dict[str, Any]:
        if id(schema) in self._around and at not in self._ways:
            return {}  # it has no end, and lacks fields, as reading the record will say
        self._around.append(id(schema))
        record = {
            field["name"]: self._value(field["type"], (*at, field["name"]))
            for field in schema["fields"]
            if "default" not in field or (*at, field["name"]) in self._ways
        }
        self._around.pop()
        return record

    def _value(self, schema: Any, at: _At) -> Any:
        if isinstance(schema, list):
            branches = [branch for branch in schema if branch != "null"]
            is_null = "null" in schema and (at not in self._ways or not branches)
            return None if is_null else self._value(self._branch(branches), at)
        if isinstance(schema, str):
            return self._value(self._named[schema], at) if schema in self._named else self._simple(schema, {}, at)
        match kind := schema["type"]:
            case "record":
                return self._record(schema, at)
            case "enum":
                return self._symbol(schema["symbols"], at)
            case "array":
                inner = (*at, _ITEM)
                several = [self._value(schema["items"], inner)] if inner in self._ways else []
                return [self._simple("string", {}, at)] if at in self._wanted else several
            case "map":
                names = [way[len(at)] for way in self._ways if way[: len(at)] == at and len(way) == len(at) + 1]
                return {name: self._value(schema["values"], (*at, name)) for name in names}
            case str() if kind not in self._named:
                return self._simple(kind, schema, at)
            case _:
                return self._value(kind, at)

    def _branch(self, branches: list[Any]) -> Any:
        """The first that is not one of the records around it; one that is may have no end."""
        outside = (
            each for each in branches if not (isinstance(each, str) and id(self._named.get(each)) in self._around)
        )
        return next(outside, branches[0])

    def _symbol(self, symbols: list[str], at: _At) -> str:
        wanted = str(self._wanted.get(at, "")).lower()
        return next((symbol for symbol in symbols if symbol.lower() == wanted), symbols[0])

    def _simple(self, kind: str, schema: dict[str, Any], at: _At) -> Any:
        wanted, logical = self._wanted.get(at), schema.get("logicalType", "")
        match kind:
            case "boolean":
                return wanted in (True, "true")
            case "string":
                return _UUID if logical == "uuid" else _text(wanted)
            case "int" | "long":
                return self._integer(kind, logical, wanted)
            case "float" | "double":
                return float(wanted.value) if isinstance(wanted, Amount) else 1.0
            case "bytes" if logical == "decimal":
                amount = wanted.value if isinstance(wanted, Amount) else Decimal(1)
                return str(round(amount, schema.get("scale", 0)))
            case "bytes":
                return ""
            case "null":
                return None
            case _:
                return None  # it cannot be written as JSON, as reading the record will say

    def _integer(self, kind: str, logical: str, wanted: Any) -> int | str:
        unit = logical.rpartition("-")[2]
        moment = wanted if isinstance(wanted, datetime) else self._moment
        if logical == "date":
            return _BIRTHDAY.isoformat()
        if logical.startswith("timestamp-") and unit in _TICKS:
            return moment.isoformat().replace("+00:00", "Z")
        if logical.startswith("local-timestamp-") or isinstance(wanted, datetime):
            tick = timedelta(seconds=1) if kind == "int" else _TICKS.get(unit, _TICKS["millis"])
            return (moment - _EPOCH) // tick
        if isinstance(wanted, Amount):
            return int(wanted.value.scaleb(wanted.scale))
        number = int("".join(filter(str.isdigit, str(wanted))) or 1)
        return number if number < _LONGEST[kind] else 1


def _text(wanted: Any) -> str:
    match wanted:
        case None:
            return "example"
        case Amount(value):
            return str(value)
        case datetime():
            return wanted.isoformat().replace("+00:00", "Z")
        case date():
            return wanted.isoformat()
        case _:
            return str(wanted)
