"""The bundled Avro schemas of orders and visits, and writing records with a schema."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import fastavro

from consumer.config import BundledName
from consumer.errors import ConfigError, ContractError

_FIELD = re.compile(r" on field (\w+)$")


def bundled_schema(name: BundledName) -> dict[str, Any]:
    """The schema as it stands in its file, parsed as JSON and nothing more; the caller owns the copy."""
    return read_schema(_directory() / f"{name}.avsc")


def mapping_file(name: BundledName) -> Path:
    """The bundled mapping of records of this schema."""
    return _directory() / f"{name}.yaml"


def read_schema(file: Path) -> dict[str, Any]:
    """The schema of a record as it stands in a file, parsed as JSON and nothing more.

    Raises:
        ConfigError: The file cannot be read, or is not JSON of the form of a record's schema.
    """
    try:
        schema = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError([f"{file}: cannot be read: {error.strerror}"]) from None
    except (ValueError, RecursionError):
        raise ConfigError([f"{file}: is not JSON; it should be an Avro schema"]) from None
    if not isinstance(schema, dict) or schema.get("type") != "record":
        raise ConfigError([f"{file}: is not the Avro schema of a record"])
    return schema


def _directory() -> Path:
    # A wheel carries the files inside the package; a source tree shows them at its top, where people look.
    installed = Path(__file__).with_name("bundled")
    return installed if installed.is_dir() else Path(__file__).parent.parent / "schemas"


def frame(schema_id: int | None) -> bytes:
    """What stands before the Avro of a record: a zero byte and the schema's id, or nothing for bare Avro.

    Source: Confluent Schema Registry documentation, "Wire format".
    """
    return b"" if schema_id is None else b"\0" + schema_id.to_bytes(4, "big")


class Encoder:
    """Writes records of one schema, either framed for a Confluent registry or bare."""

    def __init__(self, schema: Mapping[str, Any], *, schema_id: int | None) -> None:
        """`schema_id` is the registry's id of the schema, None for bare Avro."""
        self._schema = fastavro.parse_schema(dict(schema))
        self._frame = frame(schema_id)

    def encode(self, fields: Mapping[str, Any]) -> bytes:
        """Avro binary of `fields`: decimals as `Decimal`, times as aware `datetime`, absent ones by default.

        Raises:
            ContractError: The fields do not fit the schema.
        """
        buffer = BytesIO()
        buffer.write(self._frame)
        try:
            fastavro.schemaless_writer(buffer, self._schema, fields)
        except (ValueError, TypeError, KeyError, OverflowError, AttributeError) as error:
            # fastavro quotes the value, which may be a person's: only the field's name goes on.
            field = _FIELD.search(str(error))
            where = f"field `{field[1]}`" if field else "a field"
            raise ContractError(f"{where} does not fit the Avro schema; compare it with the schema file") from None
        return buffer.getvalue()
