"""Records are decoded by the registry's word: each schema is asked for once, and silence ends the reading."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from consumer.cli.preview_reading import RecordReader
from consumer.config import Config
from consumer.demo.registry import EmbeddedRegistry, Fault
from consumer.errors import ConsumerError
from consumer.records import DeadLetterReason, Decoded, Invalid, Skipped, SkipReason
from consumer.registry import register_schema
from consumer.schemas import Encoder
from tests.unit.mapping.builders import a_config
from tests.unit.mapping.foreign import NAME, SCHEMA
from tests.unit.stages.builders import FakeMessage

FIELDS = {"number": 7, "placed": 1_750_000_000_000, "currency": "EUR", "goods": Decimal("12.30")}


class Placed(FakeMessage):
    """A message at an offset of partition 3."""

    def __init__(self, value: bytes | None, offset: int = 0) -> None:
        super().__init__(value)
        self._offset = offset

    def partition(self) -> int | None:
        return 3

    def offset(self) -> int | None:
        return self._offset


@pytest.fixture
def registry() -> Iterator[EmbeddedRegistry]:
    with EmbeddedRegistry() as registry:
        yield registry


def config_of(registry: EmbeddedRegistry) -> Config:
    return a_config(schema_registry={"url": registry.url, "timeout_s": 2})


def contents(config: Config, *values: bytes | None) -> list[Decoded | Skipped | Invalid]:
    with RecordReader(config, "orders") as reader:
        return [content for _, content in reader.read(Placed(value) for value in values)]


def look_ups(registry: EmbeddedRegistry) -> list[str]:
    return [request for request in registry.requests if request.startswith("GET")]


def test_a_schema_is_asked_for_once_and_its_records_are_read(registry: EmbeddedRegistry) -> None:
    config = config_of(registry)
    schema_id = register_schema(config.schema_registry, "orders-value", SCHEMA)
    value = Encoder(SCHEMA, schema_id=schema_id).encode(FIELDS)

    found = contents(config, value, value, value)

    assert [isinstance(each, Decoded) and each.schema_name for each in found] == [NAME] * 3
    assert [isinstance(each, Decoded) and each.fields["goods"] for each in found] == [Decimal("12.30")] * 3
    assert look_ups(registry) == [f"GET /schemas/ids/{schema_id}"]


def test_records_know_where_they_stand(registry: EmbeddedRegistry) -> None:
    with RecordReader(config_of(registry), "orders") as reader:
        ((record, _),) = reader.read([Placed(None, offset=41)])

    assert (record.assignment.topic, record.assignment.partition, record.offset) == ("orders", 3, 41)


def test_a_schema_that_nobody_knows_ends_nothing(registry: EmbeddedRegistry) -> None:
    unknown = b"\0\0\0\0\x63" + b"anything"

    found = contents(config_of(registry), unknown, unknown, None)

    refused = Invalid(("the registry knows no schema 99",), DeadLetterReason.SCHEMA_UNKNOWN)
    assert found == [refused, refused, Skipped(SkipReason.TOMBSTONE)]


def test_a_schema_that_is_of_no_use_is_told(registry: EmbeddedRegistry) -> None:
    registry.faults.append(Fault(200, json.dumps({"schema": "{}", "schemaType": "JSON"}).encode()))

    (found,) = contents(config_of(registry), b"\0\0\0\0\x01" + b"anything")

    assert isinstance(found, Invalid)
    assert found.reason is DeadLetterReason.UNDECODABLE
    assert found.problems[0].startswith("schema 1: ")


def test_what_is_no_record_is_told_without_asking_anybody(registry: EmbeddedRegistry) -> None:
    (found,) = contents(config_of(registry), b'{"plain": "JSON"}')

    assert found == Invalid(("not in the Confluent wire format: looks like JSON text",), DeadLetterReason.UNDECODABLE)
    assert look_ups(registry) == []


def test_a_registry_that_does_not_answer_ends_the_reading(registry: EmbeddedRegistry) -> None:
    registry.faults.append(Fault(503))

    with pytest.raises(ConsumerError, match="the schema registry cannot be asked for schema 1: it answered 503"):
        contents(config_of(registry), b"\0\0\0\0\x01" + b"anything")


def test_bare_avro_needs_no_registry(tmp_path: Path) -> None:
    (tmp_path / "order.avsc").write_text(json.dumps(SCHEMA), encoding="utf-8")
    topic: dict[str, Any] = {"mapping": "order", "wire_format": "avro", "schema_file": str(tmp_path / "order.avsc")}
    config = a_config(schema_registry={}, topics={"orders": topic})

    (found,) = contents(config, Encoder(SCHEMA, schema_id=None).encode(FIELDS))

    assert isinstance(found, Decoded)
    assert found.fields["number"] == 7
