"""Records as people write them in JSON, one a line, read by an Avro schema.

Decimals, dates and timestamps are strings (`"12.30"`, `"1990-02-01"`, `"2026-11-01T10:00:00Z"`), since JSON's numbers
bend money and its other types are none of these; bytes are base64. A union's value stands bare and takes the first
branch that fits. A field that is left out takes the schema's default. This is not Avro's own JSON encoding, which wants
every value of a union wrapped.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from difflib import get_close_matches
from typing import Any

from consumer.errors import ConfigError

Schema = dict[str, Any] | list[Any] | str

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def from_json(schema: dict[str, Any], value: object) -> dict[str, Any]:
    """A record ready for fastavro: `Decimal`, `date` and aware `datetime` where the schema says so.

    Args:
        schema: A record's schema as it stands in its file.
        value: What `json.loads` or `orjson.loads` made of the line.

    Raises:
        ConfigError: One problem for everything that does not fit; each names the path and the shape found, never the
            value.
    """
    reading = _Reading(schema)
    record = reading.read(schema, value, "")
    if reading.problems:
        raise ConfigError(reading.problems)
    if not isinstance(record, dict):
        raise ConfigError(["the schema is not a record's"])
    return record


def named_types(schema: Any, namespace: str = "") -> dict[str, dict[str, Any]]:
    """Every type that a schema defines, by its full name and, as references may be, by its bare one."""
    if isinstance(schema, list):
        return {name: named for branch in schema for name, named in named_types(branch, namespace).items()}
    if not isinstance(schema, dict):
        return {}
    found = {}
    namespace = schema.get("namespace", namespace)
    if "name" in schema and schema.get("type") in {"record", "enum", "fixed"}:
        name = schema["name"]
        found[name] = schema
        found[name if "." in name or not namespace else f"{namespace}.{name}"] = schema
    inner = [field["type"] for field in schema.get("fields", ())]
    return found | named_types([*inner, *(schema.get(name) for name in ("items", "values", "type"))], namespace)


class _Reading:
    """One pass over one value."""

    def __init__(self, schema: Schema) -> None:
        self.problems: list[str] = []
        self._named = named_types(schema)

    def read(self, schema: Schema, value: object, path: str) -> Any:
        """The value in Avro's terms; what does not fit adds to `problems` and reads as None."""
        if isinstance(schema, list):
            return self._union(schema, value, path)
        if isinstance(schema, str):
            named = self._named.get(schema)
            return self._simple(schema, {}, value, path) if named is None else self.read(named, value, path)
        kind = schema["type"]
        match kind:
            case "record":
                return self._record(schema, value, path)
            case "enum":
                return self._enum(schema, value, path)
            case "array":
                if not isinstance(value, list):
                    return self._refuse(path, value, "an array")
                return [self.read(schema["items"], item, f"{path}[{index}]") for index, item in enumerate(value)]
            case "map":
                if not isinstance(value, dict):
                    return self._refuse(path, value, "an object")
                return {name: self.read(schema["values"], item, _join(path, name)) for name, item in value.items()}
            case str() if kind not in self._named:
                return self._simple(kind, schema, value, path)
            case _:
                return self.read(kind, value, path)

    def _record(self, schema: dict[str, Any], value: object, path: str) -> dict[str, Any] | None:
        if not isinstance(value, dict):
            self._refuse(path, value, "an object")
            return None
        fields = {field["name"]: field for field in schema["fields"]}
        for name in value:
            if name not in fields:
                near = get_close_matches(name, fields, n=1)
                hint = f"did you mean `{near[0]}`?" if near else f"`{schema['name']}` has no such field"
                self.problems.append(f"{_join(path, name)}: unknown; {hint}")
        record = {}
        for name, field in fields.items():
            if name in value:
                record[name] = self.read(field["type"], value[name], _join(path, name))
            elif "default" in field:
                record[name] = self._default(field["type"], field["default"])
            else:
                self.problems.append(f"{_join(path, name)}: missing, and has no default")
        return record

    def _union(self, branches: list[Any], value: object, path: str) -> Any:
        outer, complaints = self.problems, []
        for branch in branches:
            self.problems = []
            read = self.read(branch, value, path)
            found, self.problems = self.problems, outer
            if not found:
                return read
            if branch != "null":
                complaints.append(found)
        if len(complaints) == 1:
            outer += complaints[0]
        else:
            self._refuse(path, value, "something that fits a branch of the union")
        return None

    def _enum(self, schema: dict[str, Any], value: object, path: str) -> Any:
        if not isinstance(value, str):
            return self._refuse(path, value, "an enum symbol")
        if value not in schema["symbols"]:
            return self._refuse(path, value, f"one of {', '.join(schema['symbols'])}")
        return value

    def _simple(self, kind: str, schema: dict[str, Any], value: object, path: str) -> Any:
        reader = _LOGICAL.get((kind, schema.get("logicalType"))) or _PRIMITIVES.get(kind)
        if reader is None:
            self.problems.append(f"{path or 'record'}: of the Avro type {kind}, which cannot be written as JSON here")
            return None
        wanted, read = reader
        try:
            return read(value, schema)
        except (TypeError, ValueError, ArithmeticError):
            return self._refuse(path, value, wanted)

    def _default(self, schema: Schema, default: object) -> Any:
        """A default of the schema, which Avro writes in terms of its own: a union's is of the first branch."""
        if isinstance(schema, list):
            return self._default(schema[0], default)
        if isinstance(schema, str):
            schema = self._named.get(schema, {"type": schema})
        kind = schema["type"]
        if kind == "record" and isinstance(default, dict):
            return {
                field["name"]: self._default(field["type"], default.get(field["name"], field.get("default")))
                for field in schema["fields"]
            }
        if kind == "bytes" and isinstance(default, str):
            raw = default.encode("latin-1")  # Avro 1.12 specification, "Complex types", field default values
            if schema.get("logicalType") != "decimal":
                return raw
            return Decimal(int.from_bytes(raw, "big", signed=True)).scaleb(-schema.get("scale", 0))
        return default

    def _refuse(self, path: str, value: object, wanted: str) -> None:
        self.problems.append(f"{path or 'record'}: {_kind(value)} where {wanted} is expected")


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _kind(value: object) -> str:
    for kind, word in _KINDS:
        if isinstance(value, kind):
            return word
    return "null" if value is None else type(value).__name__


_KINDS: tuple[tuple[type, str], ...] = (
    (bool, "a boolean"),
    (int, "an integer"),
    (float, "a fraction"),
    (str, "a string"),
    (list, "an array"),
    (dict, "an object"),
)

# Readers of single values: what they want, in words, and a function that raises TypeError, ValueError or
# ArithmeticError if it is something else. The functions get the schema as well, for its precision and scale.
_Reader = tuple[str, Callable[[Any, dict[str, Any]], Any]]


def _of(*kinds: type) -> Callable[[Any, dict[str, Any]], Any]:
    def read(value: Any, _: dict[str, Any]) -> Any:
        if type(value) not in kinds:
            raise ValueError
        return value

    return read


def _integer(bits: int) -> Callable[[Any, dict[str, Any]], int]:
    def read(value: Any, _: dict[str, Any]) -> int:
        if type(value) is not int or not -(2 ** (bits - 1)) <= value < 2 ** (bits - 1):
            raise ValueError
        return value

    return read


def _bytes(value: Any, _: dict[str, Any]) -> bytes:
    return base64.b64decode(value, validate=True)


def _decimal(value: Any, schema: dict[str, Any]) -> Decimal:
    if not isinstance(value, str):
        raise TypeError
    amount = Decimal(value)
    exact: Decimal = round(amount, schema.get("scale", 0))
    if exact != amount or len(exact.as_tuple().digits) > schema["precision"]:
        raise ValueError
    return exact


def _date(value: Any, _: dict[str, Any]) -> date:
    return date.fromisoformat(value)


def _timestamp(unit: timedelta) -> Callable[[Any, dict[str, Any]], datetime]:
    def read(value: Any, _: dict[str, Any]) -> datetime:
        since = datetime.fromisoformat(value) - _EPOCH  # TypeError of a time without its zone
        return _EPOCH + since // unit * unit

    return read


_PRIMITIVES: dict[str, _Reader] = {
    "null": ("null", _of(type(None))),
    "boolean": ("a boolean", _of(bool)),
    "int": ("an integer of 32 bits", _integer(32)),
    "long": ("an integer of 64 bits", _integer(64)),
    "float": ("a number", _of(int, float)),
    "double": ("a number", _of(int, float)),
    "string": ("a string", _of(str)),
    "bytes": ("bytes as a base64 string", _bytes),
}
_ISO_TIME = 'an ISO 8601 time with its zone, as in "2026-11-01T10:00:00Z",'
_LOGICAL: dict[tuple[str, str | None], _Reader] = {
    ("bytes", "decimal"): ("a decimal as a string within the schema's precision and scale", _decimal),
    ("int", "date"): ('an ISO 8601 date, as in "1990-02-01",', _date),
    ("long", "timestamp-millis"): (_ISO_TIME, _timestamp(timedelta(milliseconds=1))),
    ("long", "timestamp-micros"): (_ISO_TIME, _timestamp(timedelta(microseconds=1))),
}
