"""The Python that a mapping is compiled to, as it grows: functions line by line, and the constants they refer to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from consumer.mapping.findings import Findings
from consumer.mapping.paths import Path
from consumer.mapping.shapes import Shape

NOTHING = frozenset({"None", "[]"})
"""Literals of what can never be there: a value, and several."""


@dataclass(frozen=True, slots=True)
class Base:
    """Where paths start from."""

    variable: str
    shape: Shape
    text: str = ""
    """What comes before a path in messages."""


class Function:
    """The text of one function as it grows."""

    def __init__(self, name: str, parameters: str) -> None:
        self.lines = [f"def {name}({parameters}):"]
        self._depth = 1
        self._known: dict[tuple[str, Path], tuple[str, Shape]] = {}
        self._variables = 0

    def line(self, text: str) -> None:
        self.lines.append("    " * self._depth + text)

    def assign(self, expression: str) -> str:
        """Give a value a name; what is a name or a literal keeps it."""
        if expression in ("None", "[]") or expression.isidentifier():
            return expression
        return self.reserve(expression)

    def reserve(self, expression: str) -> str:
        """A name of its own, which may be assigned to again."""
        self._variables += 1
        name = f"v{self._variables}"
        self.line(f"{name} = {expression}")
        return name

    @contextmanager
    def block(self, header: str) -> Iterator[None]:
        """Lines that do not always run: what is found out in them is not known after them."""
        self.line(header)
        known, self._known = self._known, dict(self._known)
        self._depth += 1
        before = len(self.lines)
        yield
        if len(self.lines) == before:
            self.line("pass")
        self._depth -= 1
        self._known = known

    def recall(self, base: Base, path: Path) -> tuple[str, Shape] | None:
        return self._known.get((base.variable, path))

    def remember(self, base: Base, path: Path, variable: str, shape: Shape) -> None:
        self._known[base.variable, path] = (variable, shape)


class Constants:
    """What the generated code refers to by a name, because no literal gives it."""

    def __init__(self) -> None:
        self.by_name: dict[str, Any] = {}

    def refer(self, value: Any) -> str:
        """How the code says this value: by a literal, or by a name."""
        if value is None or isinstance(value, bool | int) or type(value) is str:
            return repr(value)
        for name, known in self.by_name.items():
            if type(known) is type(value) and known == value and repr(known) == repr(value):
                return name
        name = f"k{len(self.by_name) + 1}"
        self.by_name[name] = value
        return name


@dataclass(slots=True)
class Draft:
    """What is being written."""

    top: Base
    """The whole of a record."""
    function: Function = field(init=False)
    """The one at hand."""
    constants: Constants = field(default_factory=Constants)
    findings: Findings = field(default_factory=Findings)


def unless_none(variable: str, expression: str) -> str:
    return f"{expression} if {variable} is not None else None"
