"""Decodes: wire format, schema id and Avro → a record's fields. Pure but for what it has learnt of schemas."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from consumer.avro import WriterSchema, fingerprint_of, parse_writer_schema
from consumer.by_topic import ByTopic
from consumer.config import Topic
from consumer.errors import ConfigError
from consumer.frames import FRAME_READERS, FrameReader, inflated
from consumer.records import DeadLetterReason, Decoded, Record, SchemaKind, SchemaNeeded, SchemaRef, Undecodable

_Schemas = dict[SchemaRef, WriterSchema | Undecodable]


@dataclass(frozen=True, slots=True)
class _Framed:
    """A topic whose records name their schemas."""

    read_frame: FrameReader
    schemas: _Schemas
    """Those known: what all topics have learnt, or the topic's own files."""


class Decoder:
    """Holds the schemas learnt so far, for ever: a registry never gives an id to another schema.

    Args:
        topics: How each topic writes its records, by name.

    Raises:
        ConfigError: A schema file of a topic cannot be read or used.
    """

    def __init__(self, topics: Mapping[str, Topic]) -> None:
        self._learnt: _Schemas = {}
        self._topics: ByTopic[_Framed | WriterSchema] = ByTopic()
        """Bare Avro has one schema and no frame."""
        problems: list[str] = []
        for name, topic in topics.items():
            try:
                self._topics[name] = self._format_of(topic)
            except ConfigError as error:
                problems += (f"topics.{name}.{problem}" for problem in error.problems)
        if problems:
            raise ConfigError(problems)

    def _format_of(self, topic: Topic) -> _Framed | WriterSchema:
        if topic.schema_file is not None:
            _, schema = _read_schema_file(topic.schema_file, "schema_file")
            return schema
        return _Framed(
            FRAME_READERS[topic.wire_format],
            _schemas_by_fingerprint(topic.schema_files) if topic.schema_files else self._learnt,
        )

    def decode(self, record: Record, topic: str | None = None) -> Decoded | SchemaNeeded | Undecodable:
        """Read the record's value, which is not null; a null one is a tombstone and never comes here.

        Args:
            record: With its value.
            topic: Whose format it is in, if not in that of the topic it was read from: that of a replayed one.
        """
        value = record.message.value()
        if value is None:
            raise ValueError("a tombstone is settled before it is decoded")
        headers = record.headers()
        if headers is None:
            return Undecodable("the name of a header is not UTF-8")
        format_ = self._topics[record.assignment.topic if topic is None else topic]
        if isinstance(format_, WriterSchema):
            return format_.read(value, 0)
        framed = format_.read_frame(value, headers)
        if isinstance(framed, Undecodable):
            return framed
        ref, start, is_deflated = framed
        schema = format_.schemas.get(ref)
        if not isinstance(schema, WriterSchema):
            return schema or _needed(ref)
        if is_deflated:
            datum = inflated(value, start)
            return datum if isinstance(datum, Undecodable) else schema.read(datum, 0)
        return schema.read(value, start)

    def learn(self, ref: SchemaRef, schema: Any, references: Sequence[Any] = ()) -> Undecodable | None:
        """Take what the registry answered: JSON values, the references each after those that it uses itself.

        Returns:
            None, or what from now on becomes of all records of this schema, because no data can be read by it.
        """
        parsed = parse_writer_schema(schema, references)
        if isinstance(parsed, Undecodable):
            return self.refuse(ref, parsed.detail)
        self._learnt[ref] = parsed
        return None

    def refuse(self, ref: SchemaRef, detail: str) -> Undecodable:
        """From now on nothing of this schema can be decoded, for the reason given."""
        refused = Undecodable(f"schema {ref}: {detail}")
        self._learnt[ref] = refused
        return refused


def _needed(ref: SchemaRef) -> SchemaNeeded | Undecodable:
    if ref.kind is SchemaKind.FINGERPRINT:
        detail = "none of the topic's `schema_files` has the fingerprint that it names its schema by"
        return Undecodable(detail, DeadLetterReason.SCHEMA_UNKNOWN)
    return SchemaNeeded(ref)


def _schemas_by_fingerprint(paths: Sequence[Path]) -> _Schemas:
    """The schemas of a topic in single-object encoding.

    Raises:
        ConfigError: Every file that cannot be used, or that has another's fingerprint. That does not tell what a value
            means (logical types, scales), so two such schemas may read the same bytes differently.
    """
    schemas: _Schemas = {}
    problems = []
    for path in paths:
        try:
            source, schema = _read_schema_file(path, "schema_files")
        except ConfigError as error:
            problems += error.problems
            continue
        ref = SchemaRef(fingerprint_of(source), SchemaKind.FINGERPRINT)
        if schemas.setdefault(ref, schema) is not schema:
            problems.append(f"schema_files: has the {ref} of a file before it, keep one of them: {path}")
    if problems:
        raise ConfigError(problems)
    return schemas


def _read_schema_file(path: Path, key: str) -> tuple[Any, WriterSchema]:
    """The schema as JSON values, and parsed.

    Raises:
        ConfigError: What is wrong with the file; the problem begins with the key.
    """
    try:
        source = json.loads(path.read_bytes())
    except OSError as error:
        raise ConfigError([f"{key}: cannot be read ({type(error).__name__}): {path}"]) from None
    except (ValueError, RecursionError):
        raise ConfigError([f"{key}: is not JSON: {path}"]) from None
    parsed = parse_writer_schema(source)
    if isinstance(parsed, Undecodable):
        raise ConfigError([f"{key}: {parsed.detail}: {path}"])
    return source, parsed
