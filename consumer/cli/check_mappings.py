"""What `conversions check` can tell of mappings: whether their schemas bear them out, and their examples come true."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from consumer.avro import parse_writer_schema
from consumer.by_topic import is_match
from consumer.cli.findings import Finding, fail, ok, warn
from consumer.config import Config
from consumer.errors import ConfigError
from consumer.json_records import JsonRecords
from consumer.mapping.catalogue import Catalogue
from consumer.mapping.examples import Example, answer_of, differences, read_examples
from consumer.mapping.language import MappingFile
from consumer.records import Invalid, RecordSchema, Skipped, Undecodable
from consumer.stages.mapper import Mapper


def mapping_findings(config: Config) -> Iterator[Finding]:
    """Every mapping of every topic, each once.

    Raises:
        ConfigError: A mapping file cannot be read, or makes no sense.
    """
    catalogue, mapper = Catalogue(config.topics), Mapper(config)
    topics: dict[str, list[str]] = {}
    files: dict[str, MappingFile] = {}
    for topic in config.topics:
        for mapping in catalogue.mappings_of(topic):
            topics.setdefault(str(mapping.file), []).append(topic)
            files[str(mapping.file)] = mapping
    for name, mapping in files.items():
        yield from _about(mapping, topics[name], mapper)
    for name, settings in config.topics.items():
        for file in (*([] if settings.schema_file is None else [settings.schema_file]), *settings.schema_files):
            yield from _schema_of_topic(name, file, catalogue, mapper)


def subject_findings(config: Config, subject: str, schema: Path) -> list[Finding]:
    """Does the mapping of a subject's records bear a schema that is to be registered under it?

    Raises:
        ConfigError: The schema cannot be used, or no topic has records of this subject.
    """
    records, catalogue, mapper = JsonRecords(schema), Catalogue(config.topics), Mapper(config)
    found: list[Finding] = []
    for topic in _topics_of(config, subject, records.name):
        mapping = catalogue.mapping_for(topic, records.name)
        about = f"subject {subject}"
        if isinstance(mapping, Skipped):
            found.append(ok(about, f"{records.name} is skipped on {topic}"))
        elif isinstance(mapping, Invalid):
            found += (fail(about, problem) for problem in mapping.problems)
        else:
            lacks = list(schema_findings(mapping, records, mapper, about))
            found += lacks or [ok(about, f"{mapping.file.name} has every path that it reads in {records.name}")]
    return found


def _topics_of(config: Config, subject: str, record_name: str) -> list[str]:
    """The topics whose records are registered under a subject, by any of the registry's three naming strategies.

    Source: Confluent Schema Registry documentation, "Subject name strategy".
    """
    written = {subject.removesuffix(end) for end in ("-value", f"-{record_name}") if subject.endswith(end)}
    topics = [said for said in config.topics if any(is_match(said, name) for name in written)]
    if subject == record_name:
        topics = [name for name, topic in config.topics.items() if topic.mapping or record_name in topic.records]
    if not topics:
        known = ", ".join(f"{name}-value" for name in config.topics)
        raise ConfigError([f"--subject: no configured topic has records of `{subject}`; known are {known}"])
    return topics


def _schema_of_topic(topic: str, file: Path, catalogue: Catalogue, mapper: Mapper) -> Iterator[Finding]:
    """Of a topic whose records are written by a schema in a file: does the mapping bear that one?"""
    about = f"schema {file.name}"
    parsed = parse_writer_schema(json.loads(file.read_bytes()))  # it was read once already, by the decoder
    schemas = [] if isinstance(parsed, Undecodable) else parsed.records
    for schema in schemas:
        mapping = catalogue.mapping_for(topic, schema.definition["name"])
        if isinstance(mapping, MappingFile):
            found = list(_lacks(mapping, schema, mapper, about))
            yield from found or [ok(about, f"for {topic}: has every path of {mapping.file.name}")]


def _about(mapping: MappingFile, topics: list[str], mapper: Mapper) -> Iterator[Finding]:
    about, used = f"mapping {mapping.file.name}", f"for {', '.join(topics)}"
    if mapping.schema is None:
        yield warn(about, f"{used}: names no `schema`, so its paths cannot be checked before records come")
        return
    try:
        records = JsonRecords(mapping.schema)
    except ConfigError as error:
        yield from (fail(about, problem) for problem in error.problems)
        return
    found = list(schema_findings(mapping, records, mapper, about))
    yield from found or [ok(about, f"{used}: every path is in {records.name}")]
    if mapping.examples is not None:
        yield from _examples(mapping, mapping.examples, records, mapper, topics[0])


def schema_findings(mapping: MappingFile, records: JsonRecords, mapper: Mapper, about: str) -> Iterator[Finding]:
    """What the schema does not bear out of the mapping; what holds a partition is a failure."""
    return _lacks(mapping, records.record_schema, mapper, about)


def _lacks(mapping: MappingFile, schema: RecordSchema, mapper: Mapper, about: str) -> Iterator[Finding]:
    places = mapping.places
    for finding in mapper.compile(mapping, schema).findings:
        text = f"{places.get(finding.target, f'{mapping.file}: {finding.target}')}: {finding.problem}"
        yield fail(about, text) if finding.is_vital else warn(about, text)


def _examples(mapping: MappingFile, file: Path, records: JsonRecords, mapper: Mapper, topic: str) -> Iterator[Finding]:
    about = f"examples of {mapping.file.name}"
    try:
        examples = read_examples(file)
    except ConfigError as error:
        yield from (fail(about, problem) for problem in error.problems)
        return
    wrong = [fail(about, problem) for each in examples for problem in _untrue(each, records, mapper, topic)]
    yield from wrong or [ok(about, f"{len(examples)} come true")]


def _untrue(example: Example, records: JsonRecords, mapper: Mapper, topic: str) -> Iterator[str]:
    try:
        decoded = records.record(example.record)
    except ConfigError as error:
        yield from (f"{example.about}: {problem}" for problem in error.problems)
        return
    answer = answer_of(mapper.map(topic, decoded, [], example.now_s))
    yield from (f"{example.about}: {difference}" for difference in differences(example.expect, answer))
