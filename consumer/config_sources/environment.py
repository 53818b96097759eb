"""Reads `CONVERSIONS_<SECTION>__<KEY>` out of the environment into the shape of the configuration file."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

from consumer.config import Config
from consumer.config_sources.keys import (
    PREFIX,
    Kind,
    environment_name,
    keys,
    kind_of,
    secret_behind,
    section_in,
)
from consumer.yaml_file import KeyPath

_JSON_EXAMPLES = {
    Kind.SECTION: '{"key": "value"}',
    Kind.NAMED_SECTIONS: '{"name": {"key": "value"}}',
    Kind.COLLECTION: '["one"] or {"key": "value"}',
}


@dataclass(slots=True)
class Environment:
    """What the environment says."""

    values: dict[str, Any] = field(default_factory=dict)
    names: dict[KeyPath, str] = field(default_factory=dict)
    """The variable that said each path."""
    unknown: list[KeyPath] = field(default_factory=list)
    """Paths, also among `names`, that are no settings."""
    problems: list[str] = field(default_factory=list)

    def place(self, at: KeyPath) -> str:
        """The variable that said a path, and what lies deeper, inside its JSON."""
        for size in range(len(at), 0, -1):
            if name := self.names.get(at[:size]):
                return ": ".join((name, *at[size:]))
        return environment_name(at)

    def spell(self, at: KeyPath) -> str:
        """How a key is said here."""
        return environment_name(at)


def read_environment(environ: Mapping[str, str], in_file: Mapping[str, Any]) -> Environment:
    """Everything in `environ` that is ours; empty values say nothing, as deployments leave them behind.

    Names without `__` after the prefix are not ours: Kubernetes sets `CONVERSIONS_SERVICE_HOST` and the like for a
    Service called `conversions`.

    Args:
        environ: The variables.
        in_file: What the file says; the names that the operator chose there, such as topics, are found again.
    """
    found = Environment(values=_bundled_unless_said(in_file))
    bundled = set(found.values)
    ours = [name for name in environ if name.startswith(PREFIX) and "__" in name[len(PREFIX) :]]
    # The shallow before the deep: a key of a topic overrides the JSON that sets the whole topic.
    for name in sorted(ours, key=lambda name: (name.count("__"), name)):
        if environ[name].strip():
            _take(name, environ[name], in_file, found)
    for section in bundled - {path[0] for path in found.names}:
        del found.values[section]
    return found


def ignored_names(environ: Mapping[str, str]) -> list[tuple[str, str]]:
    """Variables that are ours but for a single underscore, each with the name that was probably meant."""
    names = [environment_name(key.path) for key in keys()]
    meant = {name.replace("__", "_"): name for name in names}
    return [(name, meant[name]) for name in sorted(environ) if name in meant]


def _bundled_unless_said(in_file: Mapping[str, Any]) -> dict[str, Any]:
    """Defaults of sections that the operator names, in the shape of a file: the environment changes them by key."""
    bundled = {}
    for name, declared in Config.model_fields.items():
        if kind_of(declared.annotation) is Kind.NAMED_SECTIONS and not in_file.get(name):
            sections: dict[str, BaseModel] = declared.get_default(call_default_factory=True)
            bundled[name] = {key: section.model_dump(exclude_unset=True) for key, section in sections.items()}
    return bundled


def _take(name: str, text: str, in_file: Mapping[str, Any], found: Environment) -> None:
    path, kind = _resolve(name[len(PREFIX) :].split("__"), (in_file, found.values))
    found.names[path] = name
    if kind is None:
        collection, above = _resolve_parent(path)
        if above is Kind.COLLECTION:
            found.problems.append(f"{name}: set the whole as JSON in {environment_name(collection)}")
        else:
            found.unknown.append(path)
        return
    values = found.values
    for part in path[:-1]:
        if not isinstance(values.get(part), dict):
            values[part] = {}
        values = values[part]
    values[path[-1]] = _parsed(name, text, kind, found.problems)


def _resolve(segments: Iterable[str], said: Iterable[Mapping[str, Any]]) -> tuple[KeyPath, Kind | None]:
    """The path that a variable's name means, and what kind of key is there; None if there is no such key."""
    path: KeyPath = ()
    section: type[BaseModel] = Config
    kind: Kind | None = Kind.SECTION
    for segment in segments:
        if kind is Kind.NAMED_SECTIONS:
            path = (*path, _chosen(segment, [name for values in said for name in values.get(path[-1]) or ()]))
            kind = Kind.SECTION
            continue
        key = segment.lower()
        path = (*path, key)
        if kind is not Kind.SECTION:
            kind = None
        elif (declared := section.model_fields.get(key)) is None:
            kind = Kind.PLAIN if secret_behind(section, key) else None
        else:
            kind = kind_of(declared.annotation)
            if kind in {Kind.SECTION, Kind.NAMED_SECTIONS}:
                section = section_in(declared.annotation)
    return path, kind


def _resolve_parent(path: KeyPath) -> tuple[KeyPath, Kind | None]:
    """The nearest part of a path that is a key."""
    for size in range(len(path) - 1, 0, -1):
        part, kind = _resolve(path[:size], ())
        if kind is not None:
            return part, kind
    return (), None


def _chosen(segment: str, known: Iterable[str]) -> str:
    """The operator's own name that a segment means: `SHOP_ORDERS` finds `shop.orders`; a new one is in lower case."""
    for name in known:
        if segment in {name, re.sub(r"\W", "_", name).upper()}:
            return name
    return segment.lower() if segment.isupper() else segment


def _parsed(name: str, text: str, kind: Kind, problems: list[str]) -> Any:
    """The value in the shape of a file: text, or what the JSON holds, with its numbers as text."""
    if kind not in _JSON_EXAMPLES:
        return text

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        values = dict(pairs)
        if len(values) < len(pairs):
            problems.append(f"{name}: a key is said twice in its JSON; keep one")
        return values

    try:
        return json.loads(text, object_pairs_hook=unique, parse_int=str, parse_float=str)
    except json.JSONDecodeError as error:
        problems.append(f"{name}: must be JSON, such as {_JSON_EXAMPLES[kind]}; character {error.pos + 1} is not")
        return None
