"""Avro data read by its writer's schema, safe against schemas and bytes that are wrong or hostile."""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from decimal import Context, Decimal
from io import BytesIO
from typing import Any

from fastavro import parse_schema, schemaless_reader
from fastavro.read import LOGICAL_READERS
from fastavro.schema import SchemaParseException, fingerprint, to_parsing_canonical_form

from consumer.avro_guard import MAX_DEPTH, MAX_VALUES, Walk, extent_of, kind_of, not_negative, read_zigzag
from consumer.records import Decoded, RecordSchema, Undecodable

MAX_DECIMAL_BYTES = 64
"""Longest decimal, some 150 digits: turning a megabyte into a Decimal takes seconds."""

_EXACT = Context(prec=3 * MAX_DECIMAL_BYTES)
_ESSENTIAL = (
    *("type", "name", "namespace", "items", "values", "symbols", "size"),
    *("logicalType", "precision", "scale"),
)


def parse_writer_schema(schema: Any, references: Sequence[Any] = ()) -> WriterSchema | Undecodable:
    """Parse a schema once, for any number of data.

    Args:
        schema: The schema as JSON values: a record, or a union of records.
        references: Schemas whose named types it uses, each after those that it uses itself.

    Returns:
        Undecodable if fastavro refuses it, or if it describes something other than records.
    """
    named: dict[str, Any] = {}
    try:
        for reference in references:
            parse_schema(_essentials(reference), named)
        # A record is written as its fields and nothing else, so a record of one field reads whatever stands alone.
        # fastavro keeps the referenced types by a parsed record, but not by a bare union or name.
        field = {"name": "datum", "type": _essentials(schema)}
        enclosed: Any = parse_schema({"type": "record", "name": "__datum", "fields": [field]}, named)
        return WriterSchema(enclosed, named)
    except RecursionError:
        return Undecodable("unusable schema: nested too deeply")
    except (SchemaParseException, ValueError, KeyError, TypeError, AttributeError) as error:
        return Undecodable(f"unusable schema: {type(error).__name__} {error}"[:200])


def fingerprint_of(schema: Any) -> str:
    """What single-object encoding names a schema by: eight bytes in hexadecimal, in the order they are written in.

    Args:
        schema: The schema as JSON values, one that `parse_writer_schema` takes.

    Source: Apache Avro specification, "Schema Fingerprints" and "Single-object encoding": CRC-64-AVRO of the parsing
    canonical form, little-endian; fastavro's text has the bytes in that order.
    """
    return str(fingerprint(to_parsing_canonical_form(_essentials(schema)), "CRC-64-AVRO"))


class WriterSchema:
    """What data was written by. Takes the schema parsed as the type of a record's only field, and all named types."""

    def __init__(self, enclosed: Any, named: dict[str, Any]) -> None:
        self._enclosed = enclosed
        self._named = named
        self._datum = enclosed["fields"][0]["type"]
        self._is_union = isinstance(self._datum, list)
        branches = self._datum if self._is_union else [self._datum]
        self._names = [_record_name(branch, named) for branch in branches]
        self._schemas = [RecordSchema(branch, named) for branch in branches]
        if not any(self._names):
            raise ValueError("it describes no record")
        extent = extent_of(self._datum, named)
        is_bounded = extent.depth <= MAX_DEPTH and extent.density < math.inf
        self._longest_sure_bytes = MAX_VALUES / extent.density if is_bounded else -1
        """A datum no longer than this keeps within the limits, whatever its bytes are."""

    @property
    def name(self) -> str:
        """Full name of the record, or of all that it may be."""
        return " | ".join(name for name in self._names if name)

    @property
    def records(self) -> list[RecordSchema]:
        """The records that data may be."""
        return [schema for name, schema in zip(self._names, self._schemas, strict=True) if name is not None]

    def read(self, value: bytes, start: int) -> Decoded | Undecodable:
        """Read the datum that fills `value` from `start` to its end; logical types become Python values."""
        stream = BytesIO(value)
        stream.seek(start)
        try:
            branch = not_negative(read_zigzag(value, start)[0]) if self._is_union else 0
            name, schema = self._names[branch], self._schemas[branch]
            if len(value) > self._longest_sure_bytes:
                Walk(value, self._named).end_of(self._datum, start)
            read: Any = schemaless_reader(stream, self._enclosed)
        except UnicodeDecodeError:
            return self._undecodable("a string that is not UTF-8")
        except (EOFError, IndexError, StopIteration, struct.error):
            return self._undecodable("cut short, or a choice that the schema does not have")
        except (ValueError, ArithmeticError, TypeError, KeyError):
            return self._undecodable("a value outside the range of its type")
        except (MemoryError, RecursionError):
            return self._undecodable("deeper nested or larger than can be held")
        if stream.tell() != len(value):
            return self._undecodable("bytes left over after it")
        if name is None:
            return self._undecodable("something other than a record")
        return Decoded(name, read["datum"], schema)

    def _undecodable(self, found: str) -> Undecodable:
        return Undecodable(f"not a {self.name}: {found}")


def _essentials(schema: Any) -> Any:
    """The schema without what reading does not need: fastavro refuses defaults that other writers let pass.

    Being plain Python it also refuses, by a RecursionError, nesting that would exhaust fastavro's stack.
    """
    if isinstance(schema, list):
        return [_essentials(branch) for branch in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {key: _essentials(schema[key]) for key in _ESSENTIAL if key in schema}
    if "fields" in schema:
        kept["fields"] = [{"name": field["name"], "type": _essentials(field["type"])} for field in schema["fields"]]
    return kept


def _record_name(schema: Any, named: dict[str, Any]) -> str | None:
    definition = named.get(schema, schema) if isinstance(schema, str) else schema
    return str(definition["name"]) if kind_of(definition) in ("record", "error") else None


def _read_decimal(data: bytes, writer_schema: Any = None, reader_schema: Any = None) -> Decimal:  # noqa: ARG001
    if len(data) > MAX_DECIMAL_BYTES:
        raise ValueError
    unscaled = int.from_bytes(data, "big", signed=True)
    return Decimal(unscaled).scaleb(-writer_schema.get("scale", 0), _EXACT)


# fastavro's own reader rounds a number with more digits than the schema's precision, silently; some writers
# (Kafka Connect) do not hold to it. Replacing a reader is a documented use: "Custom Logical Types" of its manual.
LOGICAL_READERS["bytes-decimal"] = LOGICAL_READERS["fixed-decimal"] = _read_decimal
