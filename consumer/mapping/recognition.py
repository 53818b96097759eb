"""Recognises, by name and type, where in the records of a schema the values that a mapping asks for may stand. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

from consumer.mapping.evaluation import ACCEPTED
from consumer.mapping.known_names import FILLERS, KNOWN_HINTS, KNOWN_LINES, KNOWN_NAMES, NEUTRAL, UNITS, Known
from consumer.mapping.paths import Every, Field, Path
from consumer.mapping.shapes import Kind, Shape
from consumer.mapping.targets import Takes

MAX_DEPTH = 6
MAX_PLACES = 5_000
"""A type may hold itself: its fields are looked at as far as people nest them, and no further."""

_WORD = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+")


@dataclass(frozen=True, slots=True)
class Place:
    """A field of the records."""

    path: Path
    words: tuple[str, ...]
    """Of all names on the way, in lower case."""
    shape: Shape
    is_repeated: bool = False
    """Does its path lead through the items of an array?"""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A place whose name and type are those of a target."""

    path: Path
    shape: Shape
    unit: str | None = None
    """What whole numbers of money count, if the name says it: `minor` or `micros`."""

    @property
    def needs_unit(self) -> bool:
        return self.unit is None and Kind.INTEGER in self.shape.kinds


@dataclass(frozen=True, slots=True)
class Recognised:
    """Where things may stand, the likeliest place first; what was not recognised is absent."""

    root: Path | None
    """Of the record within an envelope of change data capture."""
    shape: Shape
    """Of the record that all paths but those of lines start from."""
    targets: Mapping[str, tuple[Candidate, ...]]
    """By key."""
    hints: Mapping[str, tuple[Candidate, ...]]
    """By the names of `known_names.py`."""
    lines: tuple[Candidate, ...]
    """Arrays of what was bought; the targets of lines are those of the first."""


def recognised(top: Shape) -> Recognised:
    """What can be told of the records of a schema by its names alone.

    Source of the envelope's form: Debezium documentation, "Change event values".
    """
    root, shape = _entered(top)
    places = places_in(shape)
    lines = tuple(_arrays(places))
    item = lines[0].shape.item() if lines else None
    within = [] if item is None else places_in(item)
    targets = {
        key: found
        for key, known in KNOWN_NAMES.items()
        if (found := _candidates(within if key.startswith("lines.") else places, known))
    }
    hints = {name: found for name, known in KNOWN_HINTS.items() if (found := _candidates(places, known))}
    return Recognised(root, shape, targets, hints, lines)


def shape_at(path: Path, top: Shape, record: Shape) -> Shape | None:
    """What may stand where a path leads; None if it leads nowhere."""
    shape: Shape | None = top if path.is_absolute else record
    for step in path.steps:
        if shape is None:
            return None
        shape = shape.field(step.name) if isinstance(step, Field) else shape.item()
    return shape


def places_in(shape: Shape) -> list[Place]:
    """Every field, those nearer to the top first."""
    found: list[Place] = []
    level = [Place(Path(()), (), shape)]
    for _ in range(MAX_DEPTH):
        inner = (inner for place in level for inner in _within(place))
        level = list(islice(inner, MAX_PLACES - len(found)))
        found += level
    return found


def words_in(name: str) -> tuple[str, ...]:
    """The words of `orderNumber`, `order_number` and `ORDER-NUMBER`."""
    return tuple(word.lower() for word in _WORD.findall(name))


def _entered(top: Shape) -> tuple[Path | None, Shape]:
    after = top.field("after")
    if after is None or not after.names or not {"before", "op"} <= set(top.names):
        return None, top
    return Path((Field("after"),)), after.present()


def _within(place: Place) -> Iterator[Place]:
    holder, steps, is_repeated = place.shape, place.path.steps, place.is_repeated
    if not holder.names and (item := holder.item()) is not None:
        holder, steps, is_repeated = item, (*steps, Every()), True
    for name in holder.names:
        if (shape := holder.field(name)) is not None:
            yield Place(Path((*steps, Field(name))), (*place.words, *words_in(name)), shape, is_repeated)


def _arrays(places: list[Place]) -> Iterator[Candidate]:
    """Those of records that may be what was bought; all stand at the top or in something like an order."""
    named = Known(Takes.TEXT, KNOWN_LINES, ("cart", "basket"))
    ranked = [
        (rank, place)
        for place in places
        if not place.is_repeated
        and (item := place.shape.item()) is not None
        and item.names
        and (rank := _rank(place.words, named)) is not None
    ]
    for _, place in sorted(ranked, key=lambda each: each[0]):
        yield Candidate(place.path, place.shape)


def _candidates(places: list[Place], known: Known) -> tuple[Candidate, ...]:
    ranked = []
    for place in places:
        if not _is_readable(place, known.takes):
            continue
        words, unit = _measured(place.words) if known.takes is Takes.AMOUNT else (place.words, None)
        if (rank := _rank(words, known)) is not None:
            ranked.append(
                (rank, Candidate(place.path, place.shape, unit if Kind.INTEGER in place.shape.kinds else None))
            )
    return tuple(candidate for _, candidate in sorted(ranked, key=lambda each: each[0]))


def _is_readable(place: Place, takes: Takes) -> bool:
    """Will every value that is there do?"""
    kinds = place.shape.kinds - {Kind.NULL}
    if takes is Takes.TEXTS and kinds == {Kind.LIST}:
        item = place.shape.item()
        return item is not None and item.kinds <= ACCEPTED[Takes.TEXT]
    if place.is_repeated and takes is not Takes.TEXTS:
        return False
    return bool(kinds) and kinds <= ACCEPTED[takes]


def _measured(words: tuple[str, ...]) -> tuple[tuple[str, ...], str | None]:
    """The name of an amount without what is said of its unit and form, and the unit."""
    unit = None
    while len(words) > 1 and words[-1] in FILLERS | UNITS.keys():
        unit = unit or UNITS.get(words[-1])
        words = words[:-1]
    return words, unit


def _rank(words: tuple[str, ...], known: Known) -> tuple[int, int] | None:
    """How likely these words name it, lower is likelier: by what stands before the name, then by the name."""
    for start in range(len(words)):
        name, before = "".join(words[start:]), words[:start]
        rank = _rank_of(name, before, known)
        if rank is not None:
            return rank
    return None


def _rank_of(name: str, before: tuple[str, ...], known: Known) -> tuple[int, int] | None:
    context = [word for word in before if word not in NEUTRAL]
    if any(word not in known.within for word in context):
        return None
    depth = max((known.within.index(word) + 1 for word in context), default=0)
    if name in known.names:
        return depth, known.names.index(name)
    if name in known.alone and not before:
        return depth, len(known.names) + known.alone.index(name)
    if name in known.inner and context:
        return depth, len(known.names) + known.inner.index(name)
    return None
