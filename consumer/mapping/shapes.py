"""What a writer's schema says of the values that a path can meet. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from functools import cached_property
from typing import Any


class Kind(StrEnum):
    """What a decoded value is in Python."""

    NULL = "null"
    FLAG = "a boolean"
    INTEGER = "an integer"
    DOUBLE = "a floating-point number"
    DECIMAL = "a decimal"
    TEXT = "a string"
    UUID = "a UUID"
    BYTES = "bytes"
    INSTANT = "a timestamp"
    LOCAL_INSTANT = "a local timestamp"
    DAY = "a date"
    TIME = "a time of day"
    RECORD = "a record"
    MAP = "a map"
    LIST = "an array"


# As fastavro reads them: "Logical types" of its manual. Those that it does not know keep their underlying type.
_PLAIN = {
    "null": Kind.NULL, "boolean": Kind.FLAG, "int": Kind.INTEGER, "long": Kind.INTEGER, "float": Kind.DOUBLE,
    "double": Kind.DOUBLE, "string": Kind.TEXT, "bytes": Kind.BYTES, "fixed": Kind.BYTES, "enum": Kind.TEXT,
    "record": Kind.RECORD, "error": Kind.RECORD, "map": Kind.MAP, "array": Kind.LIST,
}  # fmt: skip
_LOGICAL = {
    ("int", "date"): Kind.DAY,
    ("int", "time-millis"): Kind.TIME,
    ("long", "time-micros"): Kind.TIME,
    ("long", "timestamp-millis"): Kind.INSTANT,
    ("long", "timestamp-micros"): Kind.INSTANT,
    ("long", "local-timestamp-millis"): Kind.LOCAL_INSTANT,
    ("long", "local-timestamp-micros"): Kind.LOCAL_INSTANT,
    ("bytes", "decimal"): Kind.DECIMAL,
    ("fixed", "decimal"): Kind.DECIMAL,
    ("string", "uuid"): Kind.UUID,
}


class Shape:
    """Everything that may stand in one place: the branches of a union, or the one type that it has.

    Types are looked into only where a path leads, so a type that holds itself does no harm.
    """

    __slots__ = ("__dict__", "_branches", "_named")

    def __init__(self, schema: Any, named: Mapping[str, Any]) -> None:
        """`schema` as fastavro has parsed it; `named`: its named types."""
        self._named = named
        self._branches = [self._defined(branch) for branch in (schema if isinstance(schema, list) else [schema])]

    @cached_property
    def kinds(self) -> frozenset[Kind]:
        """What values may be."""
        return frozenset(map(_kind, self._branches))

    @property
    def is_optional(self) -> bool:
        return Kind.NULL in self.kinds

    @property
    def is_one_record(self) -> bool:
        """Has every record that may stand here the same fields?"""
        return len(self._of(Kind.RECORD)) == 1

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Of the fields of all records that may stand here."""
        records = self._of(Kind.RECORD)
        return tuple(dict.fromkeys(field["name"] for record in records for field in record["fields"]))

    @cached_property
    def symbols(self) -> tuple[str, ...]:
        """Of the enums that may stand here."""
        enums = [branch for branch in self._branches if isinstance(branch, dict) and branch["type"] == "enum"]
        return tuple(dict.fromkeys(symbol for enum in enums for symbol in enum["symbols"]))

    def optional(self) -> Shape:
        """This, or nothing."""
        return self if self.is_optional else Shape([*self._branches, "null"], self._named)

    def present(self) -> Shape:
        """This without null."""
        return Shape([branch for branch in self._branches if _kind(branch) is not Kind.NULL], self._named)

    def listed(self) -> Shape:
        """An array of these."""
        return Shape({"type": "array", "items": self._branches}, self._named).optional()

    def field(self, name: str) -> Shape | None:
        """What may stand in a field, None if no record or map has it."""
        records = self._of(Kind.RECORD)
        found = [field["type"] for record in records for field in record["fields"] if field["name"] == name]
        maps = [branch["values"] for branch in self._of(Kind.MAP)]
        # Where only some have it, it may be absent, as any entry of a map may.
        absent = ["null"] if maps or len(found) < len(records) else []
        return self._any(found + maps + absent) if found or maps else None

    def item(self) -> Shape | None:
        """What may stand in an array, None if there is none."""
        items = [branch["items"] for branch in self._of(Kind.LIST)]
        return self._any(items) if items else None

    def _of(self, kind: Kind) -> list[Any]:
        return [branch for branch in self._branches if _kind(branch) is kind]

    def _any(self, schemas: list[Any]) -> Shape:
        union: list[Any] = []
        for schema in schemas:
            union += schema if isinstance(schema, list) else [schema]
        return Shape(union, self._named)

    def _defined(self, schema: Any) -> Any:
        return self._named.get(schema, schema) if isinstance(schema, str) else schema


class _Anything(Shape):
    """Of values that no schema tells of."""

    def __init__(self) -> None:
        super().__init__([], {})

    @cached_property
    def kinds(self) -> frozenset[Kind]:
        return frozenset(Kind)

    def optional(self) -> Shape:
        return self

    def present(self) -> Shape:
        return self

    def listed(self) -> Shape:
        return self

    def field(self, name: str) -> Shape:  # noqa: ARG002
        return self

    def item(self) -> Shape:
        return self


ANYTHING: Shape = _Anything()


def _kind(schema: Any) -> Kind:
    if not isinstance(schema, dict):
        return _PLAIN[schema]
    underlying: Any = schema["type"]
    if isinstance(underlying, dict):  # a type in parentheses
        return _kind(underlying)
    return _LOGICAL.get((underlying, schema.get("logicalType", "")), _PLAIN[underlying])
