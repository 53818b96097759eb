"""Limits that fastavro lacks: how deep data may nest, and how many values a few bytes may claim to hold."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

MAX_DEPTH = 256
"""Deepest nesting of data, unions and names counted. fastavro recurses in C without a limit: some thousand
levels, which a message of a few kilobytes can claim, end the process."""
MAX_VALUES = 250_000
"""Most values in one datum, fields and items and what holds them, a union's choice too: some 60 MB of Python's objects
at the worst. Three bytes can promise 2**62 items of no size, and records of records of nothing double at each level."""


def kind_of(schema: Any) -> Any:
    if isinstance(schema, dict):
        return schema["type"]
    return "union" if isinstance(schema, list) else schema


class Extent(NamedTuple):
    """How far data by one schema can go."""

    depth: float
    """Deepest nesting; infinite of a type that can hold itself."""
    least_bytes: float
    """Length of the shortest datum."""
    density: float
    """The most values per byte, or a little more than that; infinite where there are values that take no bytes."""


_NOTHING = Extent(0, 0, math.inf)


def extent_of(schema: Any, named: dict[str, Any]) -> Extent:
    """Measure a schema. Each named type is looked at once, however often it is used."""
    known: dict[str, Extent] = {}

    def extent(schema: Any) -> Extent:
        match kind_of(schema):
            case "null":
                return _NOTHING
            case "fixed":
                return Extent(0, schema["size"], 1 / schema["size"]) if schema["size"] > 0 else _NOTHING
            case "float":
                return Extent(0, 4, 1 / 4)
            case "double":
                return Extent(0, 8, 1 / 8)
            case "union":
                branches = [extent(branch) for branch in schema]
                # The union's own value has a byte to itself, which it shares with a null.
                densest = max((2 if e is _NOTHING else e.density for e in branches), default=0)
                shortest = min((e.least_bytes for e in branches), default=0)
                return Extent(1 + max((e.depth for e in branches), default=0), 1 + shortest, max(1, densest))
            case "array":
                items = extent(schema["items"])
                return Extent(1 + items.depth, 1, max(1, items.density))
            case "map":
                values = extent(schema["values"])
                return Extent(1 + values.depth, 1, max(2, values.density))
            case "record" | "error":
                name = schema["name"]
                if name not in known:
                    known[name] = Extent(math.inf, 0, math.inf)  # of what it holds by its own name
                    known[name] = _extent_of_record([extent(field["type"]) for field in schema["fields"]])
                return known[name]
            case kind if kind in named:
                inner = extent(named[kind])
                return inner._replace(depth=1 + inner.depth)
            case _:
                return Extent(0, 1, 1)

    return extent(schema)


def _extent_of_record(fields: list[Extent]) -> Extent:
    least_bytes = sum(field.least_bytes for field in fields)
    density = max(field.density for field in fields) + 1 / least_bytes if least_bytes else math.inf
    return Extent(1 + max((field.depth for field in fields), default=0), least_bytes, density)


def read_zigzag(value: bytes, at: int) -> tuple[int, int]:
    """The number at `at` and where it ends. Raises IndexError at the end of the bytes."""
    number = shift = 0
    while True:
        byte = value[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return (number >> 1) ^ -(number & 1), at
        shift += 7
        if shift > 63:
            raise ValueError


class Walk:
    """Steps over one datum without building it, within the limits that fastavro lacks."""

    def __init__(self, value: bytes, named: dict[str, Any]) -> None:
        self._value = value
        self._named = named
        self._values_left = MAX_VALUES

    def end_of(self, schema: Any, at: int, depth: int = 0) -> int:
        """Where the datum at `at` ends. Raises MemoryError beyond a limit, IndexError or ValueError if it is none."""
        self._values_left -= 1
        if depth > MAX_DEPTH or self._values_left < 0:
            raise MemoryError
        match kind_of(schema):
            case "null":
                return at
            case "boolean":
                return at + 1
            case "int" | "long" | "enum":
                return read_zigzag(self._value, at)[1]
            case "float":
                return at + 4
            case "double":
                return at + 8
            case "fixed":
                return at + int(schema["size"])
            case "bytes" | "string":
                length, at = read_zigzag(self._value, at)
                return at + not_negative(length)
            case "union":
                index, at = read_zigzag(self._value, at)
                return self.end_of(schema[not_negative(index)], at, depth + 1)
            case "record" | "error":
                for field in schema["fields"]:
                    at = self.end_of(field["type"], at, depth + 1)
                return at
            case "array":
                return self._end_of_blocks([schema["items"]], at, depth)
            case "map":
                return self._end_of_blocks(["string", schema["values"]], at, depth)
            case name:
                self._values_left += 1  # a name is no value
                return self.end_of(self._named[name], at, depth + 1)

    def _end_of_blocks(self, parts: list[Any], at: int, depth: int) -> int:
        while True:
            count, at = read_zigzag(self._value, at)
            if count == 0:
                return at
            if count < 0:  # then the size of the block in bytes follows
                count, at = -count, read_zigzag(self._value, at)[1]
            for _ in range(count):
                for part in parts:
                    at = self.end_of(part, at, depth + 1)


def not_negative(number: int) -> int:
    if number < 0:
        raise ValueError
    return number
