"""Which mapping the records of a topic take, by their type; every mapping file is read once."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from consumer.config import BUNDLED_MAPPINGS, SKIP_RECORDS, Topic
from consumer.errors import ConfigError
from consumer.mapping.language import MappingFile, read_mapping
from consumer.records import Invalid, Skipped, SkipReason
from consumer.schemas import mapping_file

_NO_TOPIC = Invalid(("topic: has no mapping; add it to `topics`, or leave its records alone",))
_SKIPPED = Skipped(SkipReason.NOT_A_CONVERSION)


class Catalogue:
    """The mappings of every configured topic.

    Raises:
        ConfigError: Everything that is wrong with any of the files.
    """

    def __init__(self, topics: Mapping[str, Topic]) -> None:
        self._topics = topics
        self._files = _read_all({name for topic in topics.values() for name in topic.mappings})

    def mapping_for(self, topic: str, record_name: str) -> MappingFile | Skipped | Invalid:
        """The mapping of a record, or what becomes of it without one.

        Args:
            topic: Where the record comes from.
            record_name: The full name of the Avro record that it was written as.
        """
        if topic not in self._topics:
            return _NO_TOPIC
        settings = self._topics[topic]
        name = settings.mapping or settings.records.get(record_name, settings.other)
        if name == "dead_letter":
            why = f"the record's type {record_name} is not in `topics.{topic}.records`; add it, or set `other: skip`"
            return Invalid((why,))
        return _SKIPPED if name == SKIP_RECORDS else self._files[name]

    def mappings_of(self, topic: str) -> tuple[MappingFile, ...]:
        """All that records of a configured topic may take."""
        return tuple(self._files[name] for name in self._topics[topic].mappings)


def file_of(name: str) -> Path:
    """Where the mapping of this name in the configuration stands."""
    bundled = next((known for known in BUNDLED_MAPPINGS if known == name), None)
    return Path(name) if bundled is None else mapping_file(bundled)


def _read_all(names: set[str]) -> dict[str, MappingFile]:
    read, problems = {}, []
    for name in sorted(names):
        try:
            read[name] = read_mapping(file_of(name))
        except ConfigError as error:
            problems += error.problems
    if problems:
        raise ConfigError(problems)
    return read
