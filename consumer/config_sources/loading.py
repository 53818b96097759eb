"""Puts the file, the environment and the files of secrets together, and has the whole checked."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from pydantic import BaseModel

from consumer.config import Config
from consumer.config_sources.checking import PLACEHOLDERS, checked, shape_of
from consumer.config_sources.environment import read_environment
from consumer.config_sources.keys import Kind, kind_of, nearest, other_form, secret_behind, section_in
from consumer.errors import ConfigError
from consumer.yaml_file import KeyPath, read_yaml

_UNREAD = "not read: offline"


def load_config(path: Path | None = None, *, environ: Mapping[str, str] = os.environ, offline: bool = False) -> Config:
    """The whole configuration, checked.

    Args:
        path: The YAML file; without it the one that `CONVERSIONS_CONFIG` names, if any.
        environ: Where `CONVERSIONS_<SECTION>__<KEY>` is looked up, above the file.
        offline: Nothing will be connected to: brokers and registry need not be said, and secret files are not read.

    Raises:
        ConfigError: Every problem that was found.
    """
    reading = _Reading(offline=offline)
    named = environ.get("CONVERSIONS_CONFIG")
    in_file: dict[str, Any] = {}
    if chosen := path or (Path(named) if named else None):
        try:
            file = read_yaml(chosen, example="`kafka:` with its keys indented below")
        except ConfigError as error:
            # Without the file every key that only it says would seem missing.
            raise ConfigError([*error.problems, *read_environment(environ, {}).problems]) from None
        in_file = file.values
        reading.problems += file.problems
        reading.take(in_file, file)
    environment = read_environment(environ, in_file)
    reading.problems += environment.problems
    for at in environment.unknown:
        reading.refuse_unknown(at, environment)
    reading.take(environment.values, environment)
    return reading.config()


class _Source(Protocol):
    def place(self, at: KeyPath) -> str:
        """Where a path is said, for a person to find."""

    def spell(self, at: KeyPath) -> str:
        """How a path is said in this source."""


class _Reading:
    """What has been said so far, who said it, and what is wrong with it."""

    def __init__(self, *, offline: bool) -> None:
        self.problems: list[str] = []
        self._offline = offline
        self._values: dict[str, Any] = {"kafka": {}}
        self._said: dict[KeyPath, tuple[_Source, KeyPath]] = {}  # by whom, and under which path
        self._meant: set[KeyPath] = set()  # what misspelt keys probably stand for

    def take(self, values: Mapping[str, Any], source: _Source) -> None:
        """Everything that a source says; what earlier ones said of the same keys is overridden."""
        self._take_section(values, Config, (), self._values, source)

    def refuse_unknown(self, at: KeyPath, source: _Source) -> None:
        meant = nearest(at)
        if meant is not None:
            self._meant.add(meant)
        hint = "remove it" if meant is None else f"did you mean {source.spell(meant)}?"
        self.problems.append(f"{source.place(at)} is not a setting; {hint}")

    def config(self) -> Config:
        """The configuration, if nothing was wrong.

        Raises:
            ConfigError: Every problem.
        """
        if self._offline:
            for (section, key), placeholder in PLACEHOLDERS.items():
                self._values.setdefault(section, {}).setdefault(key, placeholder)
        config, problems = checked(self._values, self._place, self._meant)
        if config is None or self.problems:
            raise ConfigError([*self.problems, *problems])
        return config

    def _place(self, at: KeyPath) -> str | None:
        """Where a path was said, if anybody did; the last who did."""
        for size in range(len(at), 0, -1):
            if said := self._said.get(at[:size]):
                source, path = said
                return source.place((*path, *at[size:]))
        return None

    # --- what a source says -------------------------------------------------------------------------------

    def _take_section(
        self, values: Any, section: type[BaseModel], at: KeyPath, target: dict[str, Any], source: _Source
    ) -> None:
        if values is None:  # a heading with nothing below it
            return
        if not isinstance(values, Mapping):
            self.problems.append(f"{source.place(at)}: must be a section with keys below it; found {shape_of(values)}")
            return
        for key, value in values.items():
            path = (*at, key)
            declared = section.model_fields.get(key)
            if declared is None:
                secret = secret_behind(section, key)
                if secret is None:
                    self.refuse_unknown(path, source)
                elif values.get(secret) is not None and value is not None:
                    also = source.spell((*at, secret))
                    self.problems.append(f"{source.place(path)}: {also} is said as well; keep one of them")
                elif value is not None:
                    self._take_secret_file(value, path, (*at, secret), target, source)
                continue
            match kind_of(declared.annotation):
                case Kind.SECTION:
                    self._take_section(value, section_in(declared.annotation), path, target.setdefault(key, {}), source)
                case Kind.NAMED_SECTIONS:
                    self._take_named(value, section_in(declared.annotation), path, target, source)
                case _ if value is not None:  # a key with nothing behind it says nothing
                    if other := other_form(section, key):
                        self._take_either(values, path, (*at, other), target, source)
                    target[key] = value
                    self._said[path] = (source, path)

    def _take_named(
        self, values: Any, section: type[BaseModel], at: KeyPath, target: dict[str, Any], source: _Source
    ) -> None:
        if values is None:
            return
        if not isinstance(values, Mapping):
            self.problems.append(f"{source.place(at)}: must have names below it; found {shape_of(values)}")
            return
        named = target.setdefault(at[-1], {})
        for name, inner in values.items():
            self._said[(*at, name)] = (source, (*at, name))
            self._take_section(inner, section, (*at, name), named.setdefault(name, {}), source)

    def _take_either(
        self, values: Mapping[str, Any], at: KeyPath, other: KeyPath, target: dict[str, Any], source: _Source
    ) -> None:
        """A secret overrides what an earlier source said of it, in whichever form; one source says one of them."""
        if values.get(other[-1]) is None:
            target.pop(other[-1], None)
            self._said.pop(other, None)
        elif at[-1].endswith("_file"):
            self.problems.append(f"{source.place(at)}: {source.spell(other)} is said as well; keep one of them")

    def _take_secret_file(
        self, value: Any, at: KeyPath, secret: KeyPath, target: dict[str, Any], source: _Source
    ) -> None:
        self._said[secret] = (source, at)
        target[secret[-1]] = _UNREAD
        if self._offline:
            return
        try:
            content = Path(str(value)).read_text(encoding="utf-8").strip()
        except OSError as error:
            self.problems.append(f"{source.place(at)}: the file it names cannot be read: {error.strerror}")
        except ValueError:
            self.problems.append(f"{source.place(at)}: the file it names is not UTF-8 text")
        else:
            target[secret[-1]] = content
            if not content:
                self.problems.append(f"{source.place(at)}: the file it names is empty; put the secret there")
