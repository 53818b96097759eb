"""Records given as JSON by people, read as those of a topic are: written as Avro, then read by their schema."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

from fastavro.schema import SchemaParseException

from consumer.avro import parse_writer_schema
from consumer.avro_json import from_json
from consumer.errors import ConfigError, ContractError
from consumer.records import Decoded, RecordSchema, Undecodable
from consumer.schemas import Encoder, read_schema


class JsonRecords:
    """Of one schema.

    Args:
        file: The Avro schema of a record, on its own: every type that it uses is defined in it.

    Raises:
        ConfigError: It cannot be read, or no record can be read by it.
    """

    def __init__(self, file: Path) -> None:
        self.schema = read_schema(file)
        parsed = parse_writer_schema(self.schema)
        if isinstance(parsed, Undecodable):
            raise ConfigError([f"{file}: {parsed.detail}"])
        self._written = parsed
        self._file = file

    @property
    def name(self) -> str:
        """Full name of the record."""
        return self._written.name

    @property
    def record_schema(self) -> RecordSchema:
        """What its records are written by."""
        (schema,) = self._written.records
        return schema

    @cached_property
    def _encoder(self) -> Encoder:
        # Only here: what records are read by may be more lenient than what they can be written by.
        try:
            return Encoder(self.schema, schema_id=None)
        except (SchemaParseException, ValueError, KeyError, TypeError) as error:
            raise ConfigError([f"{self._file}: no record can be written by it: {type(error).__name__}"]) from None

    def record(self, value: Any) -> Decoded:
        """One record.

        Args:
            value: As `json.loads` made it; `avro_json.py` says how each type is written.

        Raises:
            ConfigError: It does not fit the schema; each problem names the field and the shape found.
        """
        try:
            decoded = self._written.read(self._encoder.encode(from_json(self.schema, value)), 0)
        except ContractError as error:
            raise ConfigError([str(error)]) from None
        if isinstance(decoded, Undecodable):
            raise ConfigError([decoded.detail])
        return decoded
