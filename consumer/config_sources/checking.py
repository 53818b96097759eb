"""Checks what the sources said against the models, and words what is wrong.

Everything is told at once, each problem with the place where it was said and the remedy. A message names the shape
of what was found, never the value: it may be a secret, or one in the wrong place.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Collection, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from consumer.config import Config
from consumer.config_sources.keys import Kind, environment_name, kind_of, section_in
from consumer.yaml_file import KeyPath, dotted

PLACEHOLDERS: dict[KeyPath, str] = {
    ("kafka", "bootstrap_servers"): "offline.invalid:9092",
    ("schema_registry", "url"): "http://offline.invalid",
}
"""For what must be said before anything can be connected to."""

Place = Callable[[KeyPath], str | None]


def checked(
    values: dict[str, Any], place: Place, meant: Collection[KeyPath]
) -> tuple[Config, list[str]] | tuple[None, list[str]]:
    """The configuration, or every problem.

    Args:
        values: What was said, in the shape of the configuration file, unknown keys left out.
        place: Says where a path was said, None if nowhere.
        meant: Keys that were misspelt, as far as one can tell, and reported: not said to be missing as well.
    """
    problems: list[str] = []
    broken: set[KeyPath] = set()
    # Models stop at the first thing wrong with a section and never come to what sections say against each other.
    # So what is broken is left out, and the rest checked again, until nothing new is found.
    while True:
        try:
            config = Config.model_validate(_without(values, broken))
        except ValidationError as error:
            details = error.errors(include_url=False)
        else:
            return (None, problems) if broken else (config, [])
        by_path: dict[KeyPath, list[ErrorDetails]] = {}
        for detail in details:
            by_path.setdefault(_path_of(detail["loc"]), []).append(detail)
        new = by_path.keys() - broken
        for at, found in by_path.items():
            if at in new and not (found[0]["type"] == "missing" and at in meant):
                problems += _worded(at, found, place, broken)
        broken |= new
        if not new or () in new:
            return None, problems


def shape_of(value: Any) -> str:
    """What a value looks like, without showing it."""
    match value:
        case bool():
            return "true or false"
        case str():
            size = f"{len(value)} character{'s' * (len(value) != 1)}"
            return f"{'digits' if value.isdecimal() else 'text'} of {size}" if value else "empty text"
        case Mapping():
            return f"a mapping of {len(value)}"
        case list():
            return f"a list of {len(value)}"
        case _:
            return "nothing" if value is None else f"a value of type {type(value).__name__}"


def _worded(at: KeyPath, found: list[ErrorDetails], place: Place, broken: Collection[KeyPath]) -> list[str]:
    """The problems of one path; of a union, each member has said what it wants."""
    first = found[0]
    if first["type"] == "missing":
        return [f"{dotted(at)} is needed: set it in the file, or as {environment_name(at)}"]
    if first["type"] == "value_error":
        lines = first["msg"].removeprefix("Value error, ").splitlines()
        return [problem for line in lines for problem in _about(at, line, place, broken)]
    wanted = (re.sub(r"^\w+ should |, unable to.*", "", detail["msg"]) for detail in found)
    should = " or ".join(dict.fromkeys(wanted))
    return [f"{place(at) or dotted(at)}: should {should}; found {shape_of(first['input'])}"]


def _about(at: KeyPath, message: str, place: Place, broken: Collection[KeyPath]) -> list[str]:
    """A message of ours, with the places of the keys it names in backticks; none if one of them is known broken."""
    named = [(*at, *key.split(".")) for key in re.findall(r"`([a-z_.]+)", message)]
    if any(path in broken for path in named):
        return []
    places = dict.fromkeys(said for path in named if _path_of(path) == path and (said := place(path)))
    about = f"{place(at) or dotted(at)}: " if at else ""
    return [about + message + (f" (said at {', '.join(places)})" if places else "")]


def _without(values: dict[str, Any], broken: Collection[KeyPath]) -> dict[str, Any]:
    sound = copy.deepcopy(values)
    for at in broken:
        inner, (*above, key) = sound, at
        for part in above:
            if not isinstance(inner.get(part), dict):  # an item of a list: leave out the list
                key = part
                break
            inner = inner[part]
        inner.pop(key, None)
        if at in PLACEHOLDERS:
            inner[key] = PLACEHOLDERS[at]
    return sound


def _path_of(location: tuple[int | str, ...]) -> KeyPath:
    """The key that an error is about, without what pydantic adds: which member of a union it tried."""
    path: KeyPath = ()
    kind = Kind.SECTION
    section: type[BaseModel] = Config
    for part in map(str, location):
        if kind is Kind.NAMED_SECTIONS:
            path, kind = (*path, part), Kind.SECTION
        elif kind is Kind.SECTION and part in section.model_fields:
            annotation = section.model_fields[part].annotation
            path, kind = (*path, part), kind_of(annotation)
            if kind in {Kind.SECTION, Kind.NAMED_SECTIONS}:
                section = section_in(annotation)
        elif kind is Kind.COLLECTION:
            return (*path, part)
        else:
            break
    return path
