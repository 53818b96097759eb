"""Grand totals are read as the mapping reads amounts, and an id counts as shared where the mapping says so."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from consumer.cli.preview_facts import NO_FACTS, Facts, FactsReader
from consumer.config import Config
from consumer.json_records import JsonRecords
from consumer.mapping.paths import Path as MappingPath
from consumer.mapping.paths import parse_path
from consumer.records import Decoded
from consumer.stages.mapper import Mapper
from tests.unit.mapping.builders import a_config, a_visit, an_order
from tests.unit.mapping.foreign import MAPPING, RECORD, SCHEMA, write_mapping

BOTH_TOTALS = {"grand_total": Decimal("113.05"), "items_net": Decimal("90.00")}
CENTS = {**SCHEMA, "fields": [*SCHEMA["fields"], {"name": "total", "type": "long"}, {"name": "net", "type": "long"}]}


def path_of(text: str) -> MappingPath:
    path = parse_path(text)
    assert isinstance(path, MappingPath)
    return path


def reader(config: Config, topic: str = "orders", path: str | None = None) -> FactsReader:
    return FactsReader(config, topic, Mapper(config), None if path is None else path_of(path))


def facts_of(fields: dict[str, Any], topic: str = "orders", path: str | None = None) -> Facts:
    return reader(a_config(), topic, path).of(Decoded("any", fields))


def of_another_schema(tmp_path: Path, mapping: str, path: str | None) -> tuple[FactsReader, Decoded]:
    """A reader, and a record of a schema with whole numbers in it."""
    file = write_mapping(tmp_path, mapping, CENTS)
    config = a_config(topics={"shop.orders": {"mapping": str(file)}})
    decoded = JsonRecords(tmp_path / "order.avsc").record({**RECORD, "total": 11_305, "net": 9_000})
    return reader(config, "shop.orders", path), decoded


def test_the_grand_total_of_bundled_orders_is_known() -> None:
    assert facts_of(an_order(totals=BOTH_TOTALS)).grand_total == Decimal("113.05")


def test_it_is_where_the_reader_is_told_to_look() -> None:
    assert facts_of(an_order(totals=BOTH_TOTALS), path="totals.items_net").grand_total == Decimal("90.00")


@pytest.mark.parametrize("totals", [{}, {"grand_total": None}, {"grand_total": "much"}, None])
def test_where_a_record_names_none_there_is_none(totals: Any) -> None:
    assert facts_of(an_order(totals=totals)).grand_total is None


def test_of_other_mappings_none_is_known_unless_it_is_named(tmp_path: Path) -> None:
    unnamed, decoded = of_another_schema(tmp_path, MAPPING, None)

    assert unnamed.of(decoded) == Facts(has_shared_id=True)


def test_whole_numbers_count_what_they_count_in_the_mapping(tmp_path: Path) -> None:
    in_cents, decoded = of_another_schema(
        tmp_path, MAPPING.replace("value: goods", "value: {path: net, unit: minor}"), "total"
    )

    assert in_cents.of(decoded).grand_total == Decimal("113.05")
    assert not in_cents.lacks


def test_whole_numbers_that_count_nobody_knows_what_are_none(tmp_path: Path) -> None:
    unsaid, decoded = of_another_schema(tmp_path, MAPPING, "total")

    assert unsaid.of(decoded).grand_total is None


def test_a_path_that_no_schema_has_is_told_once_with_the_name_that_is_meant(tmp_path: Path) -> None:
    misspelt, decoded = of_another_schema(tmp_path, MAPPING, "totel")

    found = [misspelt.of(decoded).grand_total for _ in range(2)]

    assert found == [None, None]
    assert list(misspelt.lacks) == ["totel: the schema has no such field; did you mean `total`?"]


def test_an_older_schema_of_bundled_orders_needs_no_grand_total(tmp_path: Path) -> None:
    schema = json.loads((Path(__file__).parents[3] / "schemas" / "order.avsc").read_text(encoding="utf-8"))
    schema["fields"] = [field for field in schema["fields"] if field["name"] != "totals"]
    (tmp_path / "order.avsc").write_text(json.dumps(schema), encoding="utf-8")
    order = {"event_id": "e-1", "occurred_at": "2026-11-01T10:00:00Z", "order_id": "A-1", "status": "PLACED"}
    of_orders = reader(a_config())

    facts = of_orders.of(JsonRecords(tmp_path / "order.avsc").record(order))

    assert facts == Facts(has_shared_id=True)
    assert not of_orders.lacks


@pytest.mark.parametrize(("tag_event_id", "is_shared"), [("tag-1", True), (None, False)])
def test_an_id_is_shared_where_the_record_has_the_tags(tag_event_id: str | None, is_shared: bool) -> None:  # noqa: FBT001
    visit = a_visit(client={"tag_event_id": tag_event_id})

    assert facts_of(visit, "visits").has_shared_id is is_shared


def test_of_a_record_without_a_mapping_nothing_is_known() -> None:
    config = a_config(topics={"orders": {"records": {"com.acme.Other": "order"}}})

    assert reader(config).of(Decoded("com.acme.Unnamed", an_order())) is NO_FACTS
