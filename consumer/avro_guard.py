"""Limits that fastavro lacks: how deep data may nest, and how much a few bytes may claim to hold."""

from __future__ import annotations

import math
from typing import Any

MAX_DEPTH = 256
"""Deepest nesting of data, unions and names counted. fastavro recurses in C without a limit: some thousand
levels, which a message of a few kilobytes can claim, end the process."""
MAX_EMPTY_ITEMS = 1_000
"""Items of no size at all that one datum may claim: three bytes can promise 2**62 of them."""


def kind_of(schema: Any) -> Any:
    if isinstance(schema, dict):
        return schema["type"]
    return "union" if isinstance(schema, list) else schema


def is_hazardous(schema: Any, named: dict[str, Any]) -> bool:
    """Can data by this schema nest too deep, or hold any number of items of no size?"""
    depths: dict[str, float] = {}

    def depth(schema: Any) -> float:
        match kind_of(schema):
            case "union":
                return 1 + max(map(depth, schema), default=0)
            case "array":
                return math.inf if _is_empty(schema["items"], named, frozenset()) else 1 + depth(schema["items"])
            case "map":
                return 1 + depth(schema["values"])
            case "record" | "error":
                name = schema["name"]
                if name not in depths:
                    depths[name] = math.inf  # of what it holds by its own name
                    depths[name] = 1 + max((depth(field["type"]) for field in schema["fields"]), default=0)
                return depths[name]
            case kind if kind in named:
                return 1 + depth(named[kind])
            case _:
                return 0

    return depth(schema) > MAX_DEPTH


def _is_empty(schema: Any, named: dict[str, Any], within: frozenset[str]) -> bool:
    """Does every datum by this schema take no bytes?"""
    match kind_of(schema):
        case "null":
            return True
        case "fixed":
            return bool(schema["size"] <= 0)
        case "record" | "error":
            name = schema["name"]
            return name not in within and all(
                _is_empty(field["type"], named, within | {name}) for field in schema["fields"]
            )
        case kind if kind in named:
            return _is_empty(named[kind], named, within)
        case _:
            return False


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
        # Every item of some size has a byte that no other item has.
        self._items_left = len(value) + MAX_EMPTY_ITEMS

    def end_of(self, schema: Any, at: int, depth: int = 0) -> int:
        """Where the datum at `at` ends. Raises MemoryError beyond a limit, IndexError or ValueError if it is none."""
        if depth > MAX_DEPTH:
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
                return self.end_of(self._named[name], at, depth + 1)

    def _end_of_blocks(self, parts: list[Any], at: int, depth: int) -> int:
        while True:
            count, at = read_zigzag(self._value, at)
            if count == 0:
                return at
            if count < 0:  # then the size of the block in bytes follows
                count, at = -count, read_zigzag(self._value, at)[1]
            self._items_left -= count
            if self._items_left < 0:
                raise MemoryError
            for _ in range(count):
                for part in parts:
                    at = self.end_of(part, at, depth + 1)


def not_negative(number: int) -> int:
    if number < 0:
        raise ValueError
    return number
