"""A short name for what decides the mapping: two events with the same one were made by the same rules."""

from __future__ import annotations

import hashlib
from typing import Any

import orjson

from consumer import __version__
from consumer.by_topic import PATTERN_MARK
from consumer.config import BUNDLED_MAPPINGS, Config
from consumer.errors import ConfigError
from consumer.mapping.catalogue import file_of

_LENGTH = 16
_OF_TOPICS = {"mapping", "records", "other"}


def mapping_digest(config: Config) -> str:
    """The first 16 hexadecimal digits of a SHA-256 over the mapping code's release and the settings that shape events.

    The settings are which mapping the records of each topic take, the mapping files that do not come along with the
    release, byte for byte, and the sections `events`, `privacy`, `routing` and `dedup` with their defaults, as JSON
    with sorted keys; where the order of a list means nothing, it is sorted too. How records are read, batched and sent
    changes nothing of an event, and nothing of this; nor does where the suppression list is.

    Raises:
        ConfigError: A mapping file cannot be read.
    """
    decides = {
        "release": __version__,
        "topics": {name: topic.model_dump(include=_OF_TOPICS) for name, topic in config.topics.items()},
        "patterns": "\n".join(name for name in config.topics if name.startswith(PATTERN_MARK)),  # in their order
        "files": {name: _content(name) for topic in config.topics.values() for name in topic.mappings},
        **config.model_dump(
            mode="json",
            include={"events", "privacy", "routing", "dedup"},
            exclude={"privacy": {"suppress_file"}},
        ),
    }
    text = orjson.dumps(_in_order(decides), option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(text).hexdigest()[:_LENGTH]


def _content(mapping: str) -> str | None:
    """A digest of a mapping file; None of those that the release stands for."""
    if mapping in BUNDLED_MAPPINGS:
        return None
    try:
        return hashlib.sha256(file_of(mapping).read_bytes()).hexdigest()
    except OSError as error:
        raise ConfigError([f"{mapping}: cannot be read: {error.strerror}"]) from None


def _in_order(value: Any) -> Any:
    match value:
        case dict():
            return {key: _in_order(inner) for key, inner in value.items()}
        case list():
            return sorted(value)  # names only, in all of these sections
        case _:
            return value
