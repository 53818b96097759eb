"""Where a value stands in a record: `customer.emails`, `lines[0].sku`, `note_attributes[name=epik].value`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

_STEP = re.compile(r"(?P<dot>\.)?(?P<name>[A-Za-z_][A-Za-z0-9_-]*)|\[(?P<selector>[^\[\]]+)\]")
_SELECTOR = re.compile(r"""(?P<index>\d{1,6})|(?P<all>\*)|(?P<only>only)|(?P<name>\w+)=(?P<value>.+)|"(?P<key>.+)\"""")


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a record, or an entry of a map."""

    name: str

    def __str__(self) -> str:
        return f".{self.name}" if _STEP.fullmatch(self.name) else f'["{self.name}"]'


@dataclass(frozen=True, slots=True)
class Item:
    """One item of an array: by its number from 0, or the only one that there is."""

    at: int | Literal["only"]

    def __str__(self) -> str:
        return f"[{self.at}]"


@dataclass(frozen=True, slots=True)
class Match:
    """The first item of an array of records that has this text in this field."""

    name: str
    value: str

    def __str__(self) -> str:
        return f"[{self.name}={self.value}]"


@dataclass(frozen=True, slots=True)
class Every:
    """All items of an array, as an array."""

    def __str__(self) -> str:
        return "[*]"


Step = Field | Item | Match | Every


@dataclass(frozen=True, slots=True)
class Path:
    """How to come to a value from the record that the mapping is about."""

    steps: tuple[Step, ...]
    is_absolute: bool = False
    """From the whole of what the message holds, not from the `root` or the line."""
    is_optional: bool = False
    """Is it all the same whether a schema knows it, and in a template, whether there is a value?"""

    def __str__(self) -> str:
        return ("$" if self.is_absolute else "") + "".join(map(str, self.steps)).removeprefix(
            "" if self.is_absolute else "."
        )


def parse_path(text: str) -> Path | str:
    """Read a path as it is written in a mapping, or say what is wrong with it."""
    steps: list[Step] = []
    is_optional = text.endswith("?")
    text = text.removesuffix("?")
    is_absolute = text.startswith("$.")
    at = 1 if is_absolute else 0
    while at < len(text):
        found = _STEP.match(text, at)
        if found is None or ((found["name"] is not None) and (found["dot"] is None) != (at == 0)):
            return f"cannot be read as a path at character {at + 1}; write it as `customer.emails` or `lines[0].sku`"
        at = found.end()
        if found["name"] is not None:
            steps.append(Field(found["name"]))
            continue
        step = _selected(found["selector"])
        if step is None:
            return f'`[{found["selector"]}]` selects nothing; write [0], [*], [only], [name=value] or ["key"]'
        steps.append(step)
    return Path(tuple(steps), is_absolute, is_optional) if steps else "is empty; write the path of a field"


def _selected(text: str) -> Step | None:
    found = _SELECTOR.fullmatch(text)
    if found is None:
        return None
    if found["index"] is not None:
        return Item(int(found["index"]))
    if found["all"] is not None:
        return Every()
    if found["only"] is not None:
        return Item("only")
    return Field(found["key"]) if found["key"] is not None else Match(found["name"], found["value"])
