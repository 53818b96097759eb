"""What a mapping says of one target: where its value comes from, and when. Nothing here looks at a record."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from consumer.mapping.paths import Path


@dataclass(frozen=True, slots=True)
class Constant:
    """The same for every record."""

    text: str


@dataclass(frozen=True, slots=True)
class Setting:
    """What the configuration says under `section.key`."""

    key: str


@dataclass(frozen=True, slots=True)
class Template:
    """Text with values in it. Without one that it needs there is no text at all; an optional one counts as empty."""

    parts: tuple[str | Path, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """Text by text. What is not in the table is absent, unless there is something for all others."""

    of: Expression
    entries: tuple[tuple[str, str], ...]
    otherwise: str | None


@dataclass(frozen=True, slots=True)
class Local:
    """Times without a zone, which are of this one (a name of the IANA database)."""

    of: Expression
    zone: str


@dataclass(frozen=True, slots=True)
class Counted:
    """Whole numbers that count units of money other than the currency's own: `minor`, `major` or `micros`."""

    of: Expression
    unit: str


@dataclass(frozen=True, slots=True)
class First:
    """The first that is there, and not blank."""

    of: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class All:
    """Everything that is there, for targets that take several values."""

    of: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class If:
    """A value only where a condition holds."""

    condition: Condition
    then: Expression


@dataclass(frozen=True, slots=True)
class Call:
    """What a Python function makes of the values at these paths."""

    function: Callable[..., Any]
    name: str
    arguments: tuple[Path, ...]


Expression = Path | Constant | Setting | Template | Table | Local | Counted | First | All | If | Call


@dataclass(frozen=True, slots=True)
class IsTrue:
    """The value is a boolean, and true."""

    of: Expression


@dataclass(frozen=True, slots=True)
class OneOf:
    """The value is one of these texts; a boolean counts as `true` or `false`."""

    of: Expression
    values: tuple[Constant | Setting, ...]


@dataclass(frozen=True, slots=True)
class Has:
    """The value is an array, and this text is in it."""

    of: Expression
    value: Constant | Setting


@dataclass(frozen=True, slots=True)
class Present:
    """There is a value, and it is not blank or an empty array."""

    of: Expression


@dataclass(frozen=True, slots=True)
class Compared:
    """The value is a number above or below another."""

    of: Expression
    is_above: bool
    bound: str


@dataclass(frozen=True, slots=True)
class Not:
    of: Condition


@dataclass(frozen=True, slots=True)
class Both:
    """All of these hold."""

    of: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Either:
    """At least one of these holds."""

    of: tuple[Condition, ...]


Condition = IsTrue | OneOf | Has | Present | Compared | Not | Both | Either


def needed_paths(expression: Expression) -> Iterator[Path]:
    """Paths of which there must be a value for the expression to have one, alternatives among them."""
    match expression:
        case Template(parts):
            yield from (part for part in parts if isinstance(part, Path) and not part.is_optional)
        case First(of) | All(of):
            for each in of:
                yield from needed_paths(each)
        case If(_, then):
            yield from needed_paths(then)
        case _:
            yield from paths_in(expression)


def paths_in(part: Expression | Condition) -> Iterator[Path]:
    """Every path that is looked at, in the order of the file."""
    match part:
        case Path():
            yield part
        case Constant() | Setting():
            return
        case Template(parts):
            yield from (part for part in parts if isinstance(part, Path))
        case Call(_, _, arguments):
            yield from arguments
        case If(condition, then):
            yield from paths_in(condition)
            yield from paths_in(then)
        case First(of) | All(of) | Both(of) | Either(of):
            for each in of:
                yield from paths_in(each)
        case (
            Table(of)
            | Local(of)
            | Counted(of)
            | IsTrue(of)
            | OneOf(of)
            | Has(of)
            | Present(of)
            | Compared(of)
            | Not(of)
        ):
            yield from paths_in(of)
