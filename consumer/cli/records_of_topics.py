"""Which records a command is given for a topic, and by which mapping and schema they are read."""

from __future__ import annotations

from consumer.by_topic import PATTERN_MARK
from consumer.config import Config, Topic
from consumer.errors import ConfigError
from consumer.json_records import JsonRecords
from consumer.mapping.catalogue import Catalogue
from consumer.mapping.language import MappingFile


def topic_named(config: Config, name: str) -> Topic:
    """The settings of a configured topic.

    Raises:
        ConfigError: It is not configured.
    """
    if name not in config.topics or name.startswith(PATTERN_MARK):
        raise ConfigError([f"--topic: `{name}` is not configured; take one of {', '.join(sorted(config.topics))}"])
    return config.topics[name]


def mapping_of(config: Config, topic: str, record: str | None) -> MappingFile:
    """The mapping of the records that a command is given for a topic.

    Args:
        config: The configuration.
        topic: Name of one of its topics.
        record: Full name of the record, where the topic has several.

    Raises:
        ConfigError: There is no such topic or record, or a mapping file cannot be used.
    """
    settings, catalogue = topic_named(config, topic), Catalogue(config.topics)
    if not settings.records:
        (mapping,) = catalogue.mappings_of(topic)
        return mapping
    found = None if record is None else catalogue.mapping_for(topic, record)
    if not isinstance(found, MappingFile):
        mapped = [name for name, mapping in settings.records.items() if mapping in settings.mappings]
        raise ConfigError([f"--record: topic `{topic}` has records of several types; take one of {', '.join(mapped)}"])
    return found


def records_by(mapping: MappingFile) -> JsonRecords:
    """How JSON for a mapping is read: by the schema that it names.

    Raises:
        ConfigError: It names none, or one that cannot be used.
    """
    if mapping.schema is None:
        raise ConfigError([f"{mapping.file}: say `schema`, the file with the Avro schema of these records"])
    return JsonRecords(mapping.schema)
