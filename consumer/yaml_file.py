"""Reads a YAML file into plain dictionaries, lists and text, and remembers on which line each key stands.

Every scalar is text: what it means is decided by the key it belongs to. So an account's id needs no quotes, a
password of digits stays as it is typed, `no` is a country where a country is asked for, and the same value written
in the environment means the same.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from consumer.errors import ConfigError

KeyPath = tuple[str, ...]

_NULL = "tag:yaml.org,2002:null"
_PLAIN_TAGS = frozenset(f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "timestamp", "value"))


@dataclass(slots=True)
class YamlFile:
    """What a file says."""

    path: Path
    values: dict[str, Any] = field(default_factory=dict)
    lines: dict[KeyPath, int] = field(default_factory=dict)
    """Line of every key and of every item of a list, which goes by its number; counted from 1."""
    problems: list[str] = field(default_factory=list)

    def place(self, at: KeyPath) -> str:
        """Where a path stands, as an editor finds it, and the path."""
        line = next((self.lines[at[:size]] for size in range(len(at), 0, -1) if at[:size] in self.lines), None)
        return f"{self.path}: {shown(at)}" if line is None else f"{self.path}:{line}: {shown(at)}"

    def spell(self, at: KeyPath) -> str:
        """How a key is said here."""
        return dotted(at)


def dotted(path: KeyPath) -> str:
    """A path as it reads in the file."""
    return ".".join(path)


def read_yaml(path: Path, *, example: str) -> YamlFile:
    """The file's one document, which is a mapping or empty.

    `example` says what a file of this kind begins with, to whoever wrote something else.

    Problems within the document, such as a key said twice, are listed in the result.

    Raises:
        ConfigError: The file cannot be read, or is not one YAML mapping.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ConfigError([f"{path}: cannot be read: {error.strerror}"]) from None
    except UnicodeDecodeError:
        raise ConfigError([f"{path}: is not UTF-8 text"]) from None
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        raise ConfigError([f"{path}{_line_of(error)}: is not YAML: {_unquoted(error.problem)}"]) from None
    except yaml.YAMLError:  # a character that YAML does not allow; its own message shows the text around it
        raise ConfigError([f"{path}: holds a control character that YAML does not allow"]) from None
    file = YamlFile(path)
    if root is None:
        return file
    if not isinstance(root, yaml.MappingNode):
        raise ConfigError([f"{path}: must be a mapping of sections, such as {example}"])
    file.values = _mapping(root, (), file, within=())
    return file


def _line_of(error: yaml.MarkedYAMLError) -> str:
    mark = error.problem_mark or error.context_mark
    return "" if mark is None else f":{mark.line + 1}"


def _unquoted(problem: str | None) -> str:
    """What the parser complains of, without what it quotes: that may be a password with a `*` or `%` in front."""
    return re.sub(r"""(['"]).*\1""", "a character or name", problem or "no sense can be made of it")


def _value(node: yaml.Node, at: KeyPath, file: YamlFile, *, within: tuple[yaml.Node, ...]) -> Any:
    if any(node is outer for outer in within):
        file.problems.append(f"{file.place(at)} contains itself through an alias; write it out")
        return None
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, at, file, within=within)
    if isinstance(node, yaml.SequenceNode):
        return [_item(item, (*at, str(number)), file, within=(*within, node)) for number, item in enumerate(node.value)]
    if node.tag == _NULL:
        return None
    if node.tag not in _PLAIN_TAGS:
        file.problems.append(f"{file.place(at)} has a YAML tag; write a plain value, in quotes if it has a `!`")
        return None
    return node.value


def _item(node: yaml.Node, at: KeyPath, file: YamlFile, *, within: tuple[yaml.Node, ...]) -> Any:
    file.lines[at] = node.start_mark.line + 1
    return _value(node, at, file, within=within)


def _mapping(node: yaml.MappingNode, at: KeyPath, file: YamlFile, *, within: tuple[yaml.Node, ...]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for key_node, value_node in node.value:
        line = key_node.start_mark.line + 1
        if not isinstance(key_node, yaml.ScalarNode):
            file.problems.append(f"{file.path}:{line}: a key must be a plain word")
            continue
        key = key_node.value
        if key in values:
            first = file.lines[(*at, key)]
            file.problems.append(
                f"{file.path}:{line}: {shown((*at, key))} is said twice, first on line {first}; keep one"
            )
            continue
        file.lines[(*at, key)] = line
        values[key] = _value(value_node, (*at, key), file, within=(*within, node))
    return values


def shown(path: KeyPath) -> str:
    """A path the operator wrote, cut where it stops looking like one: `password:secret` is a key to YAML."""
    return dotted(
        tuple(part if re.fullmatch(r"[\w.\-]*", part) else re.split(r"[^\w.\-]", part)[0] + "…" for part in path)
    )
