"""Reads the keys of one JSON object by name and type, and collects all problems instead of stopping at the first."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection
from typing import Any

from consumer.emulator.answers import Headers

_HEADER_NAME = re.compile(r"(?!(?i:content-length|transfer-encoding)$)[A-Za-z0-9-]+", re.ASCII)
_HEADER_VALUE = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?", re.ASCII)


class Fields:
    """`where` opens each problem; every key that was asked for is known, the others are refused at the end."""

    def __init__(self, given: dict[str, Any], where: str, problems: list[str]) -> None:
        self._given = given
        self._where = where
        self._problems = problems
        self._known: list[str] = []

    def problem(self, text: str) -> None:
        self._problems.append(f"{self._where}: {text}")

    def text(self, name: str) -> str | None:
        value = self._take(name)
        if value is None or isinstance(value, str):
            return value
        self.problem(f"`{name}` must be a string")
        return None

    def one_of(self, name: str, choices: Collection[str]) -> str | None:
        """A required choice."""
        value = self._take(name)
        if isinstance(value, str) and value in choices:
            return value
        self.problem(f"`{name}` must be one of {', '.join(choices)}")
        return None

    def whole(self, name: str, low: int, high: int, *, is_required: bool = False) -> int | None:
        value = self._take(name)
        if (value is None and not is_required) or (type(value) is int and low <= value <= high):
            return value
        self.problem(f"`{name}` must be {'given: ' if is_required else ''}a whole number from {low} to {high}")
        return None

    def seconds(self, name: str, *, per_unit: float = 1.0) -> float:
        """A required duration of more than nothing and at most an hour, in seconds."""
        value = self._take(name)
        if type(value) in (int, float) and 0 < value * per_unit <= 3_600:
            return float(value * per_unit)
        self.problem(f"`{name}` must be given: a number above 0, at most {3_600 / per_unit:g}")
        return 0.0

    def flag(self, name: str, *, default: bool) -> bool:
        value = self._take(name)
        if value is None:
            return default
        if type(value) is bool:
            return value
        self.problem(f"`{name}` must be true or false")
        return default

    def headers(self, name: str) -> Headers:
        value = self._take(name)
        if value is None:
            return ()
        if isinstance(value, dict) and all(
            _HEADER_NAME.fullmatch(key) and isinstance(text, str) and _HEADER_VALUE.fullmatch(text)
            for key, text in value.items()
        ):
            return tuple(value.items())
        self.problem(
            f"`{name}` must be an object of header names, other than of the body's length, and printable strings"
        )
        return ()

    def refuse_others(self) -> None:
        for name in self._given.keys() - set(self._known):
            near = difflib.get_close_matches(name, self._known, n=1)
            hint = f"did you mean `{near[0]}`?" if near else f"known are {', '.join(self._known)}"
            self.problem(f"`{name}` is not known here; {hint}")

    def _take(self, name: str) -> Any:
        self._known.append(name)
        return self._given.get(name)
