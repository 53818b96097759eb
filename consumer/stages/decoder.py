"""Decodes: wire format, schema id and Avro → a record's fields. Pure but for what it has learnt of schemas."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from consumer.avro import WriterSchema, parse_writer_schema
from consumer.config import Topic
from consumer.errors import ConfigError
from consumer.records import Decoded, Record, SchemaNeeded, SchemaRef, Undecodable

_CONFLUENT_HEADER = struct.Struct(">bi")  # "Wire format" of Confluent's manual: a zero byte, an int32 big-endian
_OTHER_FORMATS = {
    b"\x01": "looks like the Confluent format with a GUID",
    b"\x03": "looks like an AWS Glue frame",
    b"\xc3": "looks like an Avro single-object frame",
    b"{": "looks like JSON text",
}


class Decoder:
    """Holds the schemas learnt so far, for ever: a registry never gives an id to another schema.

    Args:
        topics: How each topic writes its records, by name.

    Raises:
        ConfigError: A schema of a bare Avro topic cannot be read or used.
    """

    def __init__(self, topics: Mapping[str, Topic]) -> None:
        self._by_ref: dict[SchemaRef, WriterSchema | Undecodable] = {}
        self._by_topic: dict[str, WriterSchema | None] = {}
        """The schema of each bare Avro topic; None where every record names its own."""
        problems = []
        for name, topic in topics.items():
            schema = None if topic.schema_file is None else _read_schema_file(topic.schema_file)
            if isinstance(schema, str):
                problems.append(f"topics.{name}.schema_file: {schema}")
            else:
                self._by_topic[name] = schema
        if problems:
            raise ConfigError(problems)

    def decode(self, record: Record, topic: str | None = None) -> Decoded | SchemaNeeded | Undecodable:
        """Read the record's value, which is not null; a null one is a tombstone and never comes here.

        Args:
            record: With its value.
            topic: Whose format it is in, if not in that of the topic it was read from: that of a replayed one.
        """
        value = record.message.value()
        if value is None:
            raise ValueError("a tombstone is settled before it is decoded")
        schema = self._by_topic[record.assignment.topic if topic is None else topic]
        if schema is not None:
            return schema.read(value, 0)
        framed = read_confluent_frame(value)
        if isinstance(framed, Undecodable):
            return framed
        ref, start = framed
        match self._by_ref.get(ref):
            case None:
                return SchemaNeeded(ref)
            case Undecodable() as refused:
                return refused
            case known:
                return known.read(value, start)

    def learn(self, ref: SchemaRef, schema: Any, references: Sequence[Any] = ()) -> Undecodable | None:
        """Take what the registry answered: JSON values, the references each after those that it uses itself.

        Returns:
            None, or what from now on becomes of all records of this schema, because no data can be read by it.
        """
        parsed = parse_writer_schema(schema, references)
        if isinstance(parsed, Undecodable):
            return self.refuse(ref, parsed.detail)
        self._by_ref[ref] = parsed
        return None

    def refuse(self, ref: SchemaRef, detail: str) -> Undecodable:
        """From now on nothing of this schema can be decoded, for the reason given."""
        refused = Undecodable(f"schema {ref.id}: {detail}")
        self._by_ref[ref] = refused
        return refused


def read_confluent_frame(value: bytes) -> tuple[SchemaRef, int] | Undecodable:
    """The schema that the value names, and where its datum starts."""
    if len(value) < _CONFLUENT_HEADER.size:
        return Undecodable("too short to name a schema")
    magic, schema_id = _CONFLUENT_HEADER.unpack_from(value)
    if magic != 0:
        hint = _OTHER_FORMATS.get(value[:1], "an unknown format")
        return Undecodable(f"not in the Confluent wire format: {hint}")
    if schema_id < 0:
        # Some registries answer an id that is no int32 like a wrong URL, and a wrong URL means waiting.
        return Undecodable("names a schema by a number that no registry gives")
    return SchemaRef(schema_id), _CONFLUENT_HEADER.size


def _read_schema_file(path: Path) -> WriterSchema | str:
    """The schema, or what is wrong with its file."""
    try:
        schema = json.loads(path.read_bytes())
    except OSError as error:
        return f"cannot be read ({type(error).__name__}): {path}"
    except (ValueError, RecursionError):
        return f"is not JSON: {path}"
    parsed = parse_writer_schema(schema)
    return f"{parsed.detail}: {path}" if isinstance(parsed, Undecodable) else parsed
