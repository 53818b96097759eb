"""The keys that `config.py` declares, by path: what kind each is, how it is spelt, which one was probably meant."""

from __future__ import annotations

import re
import types
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from enum import Enum, auto
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from consumer.config import Config
from consumer.yaml_file import KeyPath, dotted

PREFIX = "CONVERSIONS_"
ANY_NAME = "<name>"
"""Stands in a path for a name that the operator chooses, such as a topic's."""


class Kind(Enum):
    """How a key is said."""

    SECTION = auto()
    NAMED_SECTIONS = auto()
    """A section for each name that the operator chooses."""
    COLLECTION = auto()
    """A list, or a mapping of plain values: one JSON value in the environment."""
    SECRET = auto()
    PLAIN = auto()


@dataclass(frozen=True, slots=True)
class Key:
    """One key that can be set."""

    path: KeyPath
    field: FieldInfo
    kind: Kind


def kind_of(annotation: Any) -> Kind:
    """What a field's annotation says of the way its value is given."""
    bare = _without_none(annotation)
    if isinstance(bare, type) and issubclass(bare, BaseModel):
        return Kind.SECTION
    if get_origin(bare) is dict:
        return Kind.NAMED_SECTIONS if kind_of(get_args(bare)[1]) is Kind.SECTION else Kind.COLLECTION
    if get_origin(bare) is list:
        return Kind.COLLECTION
    return Kind.SECRET if bare is SecretStr else Kind.PLAIN


def section_in(annotation: Any) -> type[BaseModel]:
    """The section's class, of an annotation whose kind is a section or named sections."""
    bare = _without_none(annotation)
    section: type[BaseModel] = get_args(bare)[1] if get_origin(bare) is dict else bare
    return section


def secret_behind(section: type[BaseModel], key: str) -> str | None:
    """The secret that `<secret>_file` gives by a file's path, if `key` is of that form."""
    secret = key.removesuffix("_file")
    declared = section.model_fields.get(secret)
    if secret == key or declared is None or key in section.model_fields:
        return None
    return secret if kind_of(declared.annotation) is Kind.SECRET else None


def other_form(section: type[BaseModel], key: str) -> str | None:
    """The other key of a pair `<secret>` and `<secret>_file`, where a section declares both: only one may be said."""
    for secret, file in ((key, f"{key}_file"), (key.removesuffix("_file"), key)):
        if secret != file and {secret, file} <= section.model_fields.keys():
            is_secret = kind_of(section.model_fields[secret].annotation) is Kind.SECRET
            return (file if key == secret else secret) if is_secret else None
    return None


def _without_none(annotation: Any) -> Any:
    if get_origin(annotation) is Annotated:
        return _without_none(get_args(annotation)[0])
    if get_origin(annotation) in {Union, types.UnionType}:
        members = [member for member in get_args(annotation) if member is not type(None)]
        return _without_none(members[0]) if len(members) == 1 else annotation
    return annotation


def keys(section: type[BaseModel] = Config, path: KeyPath = ()) -> Iterator[Key]:
    """Every key below `section`, in the order of declaration; sections themselves are not keys."""
    for name, field in section.model_fields.items():
        at = (*path, name)
        match kind_of(field.annotation):
            case Kind.SECTION:
                yield from keys(section_in(field.annotation), at)
            case Kind.NAMED_SECTIONS:
                yield from keys(section_in(field.annotation), (*at, ANY_NAME))
            case kind:
                yield Key(at, field, kind)


def environment_name(path: KeyPath) -> str:
    """The environment variable that sets a path."""
    return PREFIX + "__".join(part if part == ANY_NAME else re.sub(r"\W", "_", part) for part in path).upper()


def nearest(path: KeyPath) -> KeyPath | None:
    """The key that was probably meant by a path that is none, if one is near enough."""
    known = [_named_as(key.path, path) for key in keys()]
    by_text = {dotted(candidate): candidate for candidate in known} | {
        candidate[0]: candidate[:1] for candidate in known
    }
    if close := get_close_matches(dotted(path), by_text, n=1, cutoff=0.75):
        return by_text[close[0]]
    siblings = {candidate[-1]: candidate for candidate in known if candidate[:-1] == path[:-1]}
    if close := get_close_matches(path[-1], siblings, n=1, cutoff=0.6):
        return siblings[close[0]]
    elsewhere = [candidate for candidate in known if candidate[-1] == path[-1]]
    return elsewhere[0] if len(elsewhere) == 1 else None


def _named_as(known: KeyPath, said: KeyPath) -> KeyPath:
    """`known` with the operator's own names put in where it leaves them open."""
    return tuple(said[at] if part == ANY_NAME and at < len(said) else part for at, part in enumerate(known))
