"""Records written as JSON, read by a schema."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from io import BytesIO
from typing import Any

import fastavro
import pytest

from consumer.avro_json import from_json
from consumer.errors import ConfigError
from consumer.schemas import bundled_schema

ORDER = {"event_id": "e", "occurred_at": "2026-11-01T10:00:00Z", "order_id": "1001", "status": "PLACED"}
VISIT = {"event_id": "e", "occurred_at": "2026-11-01T10:00:00Z", "type": "PAGE_VISIT"}
MONEY = {"type": "bytes", "logicalType": "decimal", "precision": 6, "scale": 2}


def read(field_type: Any, value: object) -> Any:
    return from_json({"type": "record", "name": "R", "fields": [{"name": "f", "type": field_type}]}, {"f": value})["f"]


def refusal(schema: dict[str, Any], value: object) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        from_json(schema, value)
    return caught.value.problems


@pytest.mark.parametrize(
    ("field_type", "value", "found"),
    [
        pytest.param("null", None, None, id="null"),
        pytest.param("boolean", True, True, id="boolean"),
        pytest.param("int", -5, -5, id="int"),
        pytest.param("long", 2**40, 2**40, id="long"),
        pytest.param("double", 1.5, 1.5, id="double"),
        pytest.param("string", "ä", "ä", id="string"),
        pytest.param("bytes", "AAH/", b"\0\x01\xff", id="bytes"),
        pytest.param(MONEY, "12.3", Decimal("12.30"), id="decimal"),
        pytest.param(MONEY, "-9999.99", Decimal("-9999.99"), id="all digits of a decimal"),
        pytest.param({"type": "int", "logicalType": "date"}, "1990-02-01", date(1990, 2, 1), id="date"),
        pytest.param(
            {"type": "long", "logicalType": "timestamp-millis"},
            "2026-11-01T12:00:00.1239+02:00",
            datetime(2026, 11, 1, 10, 0, 0, 123_000, UTC),
            id="time to the millisecond",
        ),
        pytest.param({"type": "string", "logicalType": "uuid"}, "a", "a", id="logical type that changes nothing"),
        pytest.param({"type": "array", "items": "long"}, [1, 2], [1, 2], id="array"),
        pytest.param({"type": "map", "values": "long"}, {"a": 1}, {"a": 1}, id="map"),
        pytest.param(["null", "long"], 1, 1, id="union"),
        pytest.param(["long", "string", "null"], "1", "1", id="union by the first branch that fits"),
        pytest.param(["null", MONEY, "string"], "1.5", Decimal("1.50"), id="decimal before string"),
        pytest.param(["null", MONEY, "string"], "1.555", "1.555", id="string, as no such decimal"),
        pytest.param({"type": {"type": "long"}}, 1, 1, id="type within a type"),
    ],
)
def test_values_are_read_by_their_type(field_type: Any, value: object, found: Any) -> None:
    assert read(field_type, value) == found


@pytest.mark.parametrize(
    ("field_type", "value", "problem"),
    [
        pytest.param("long", 1.0, "f: a fraction where an integer of 64 bits is expected", id="fraction"),
        pytest.param("long", 2**63, "f: an integer where an integer of 64 bits is expected", id="too long"),
        pytest.param("int", True, "f: a boolean where an integer of 32 bits is expected", id="boolean for int"),
        pytest.param("string", None, "f: null where a string is expected", id="null"),
        pytest.param("bytes", "no base64!", "f: a string where bytes as a base64 string is expected", id="no base64"),
        pytest.param(["null", "long"], "1", "f: a string where an integer of 64 bits is expected", id="only branch"),
        pytest.param(
            ["long", "boolean"],
            "1",
            "f: a string where something that fits a branch of the union is expected",
            id="none",
        ),
        pytest.param({"type": "fixed", "name": "F", "size": 2}, "a", "f: of the Avro type fixed, which", id="fixed"),
    ],
)
def test_values_of_another_type_are_refused(field_type: Any, value: object, problem: str) -> None:
    schema = {"type": "record", "name": "R", "fields": [{"name": "f", "type": field_type}]}

    assert [told[: len(problem)] for told in refusal(schema, {"f": value})] == [problem]


@pytest.mark.parametrize("value", [12.3, 12, "NaN", "1e30", "10000.00", "0.001", "twelve", ""])
def test_money_is_a_string_that_fits(value: object) -> None:
    with pytest.raises(ConfigError, match=r"^f: .* where a decimal as a string"):
        read(MONEY, value)


@pytest.mark.parametrize("value", ["2026-11-01T10:00:00", "yesterday", 1_760_000_000_000, ""])
def test_times_are_iso_8601_with_a_zone(value: object) -> None:
    with pytest.raises(ConfigError, match=r"^f: .* where an ISO 8601 time with its zone"):
        read({"type": "long", "logicalType": "timestamp-millis"}, value)


def test_absent_fields_take_the_schemas_default() -> None:
    order = from_json(bundled_schema("order"), ORDER | {"customer": {"first_name": "Zoë"}, "client": {}})

    assert (order["previous_status"], order["lines"], order["is_test"], order["totals"]) == (None, [], False, None)
    assert order["customer"]["emails"] == []
    assert order["client"]["is_bot"] is False


def test_defaults_are_read_in_avros_own_terms() -> None:
    schema = {
        "type": "record",
        "name": "R",
        "fields": [
            {"name": "raw", "type": "bytes", "default": "\u00ff"},
            {"name": "money", "type": [MONEY, "null"], "default": "\u0004\u00d2"},
            {
                "name": "part",
                "type": {"type": "record", "name": "P", "fields": [{"name": "a", "type": "long", "default": 7}]},
                "default": {},
            },
        ],
    }

    assert from_json(schema, {}) == {"raw": b"\xff", "money": Decimal("12.34"), "part": {"a": 7}}


def test_named_types_are_found_by_either_name() -> None:
    schema = {
        "type": "record",
        "name": "R",
        "namespace": "shop",
        "fields": [
            {"name": "a", "type": {"type": "enum", "name": "E", "symbols": ["X"]}},
            {"name": "b", "type": "E"},
            {"name": "c", "type": ["null", "shop.E"]},
        ],
    }

    assert from_json(schema, {"a": "X", "b": "X", "c": "X"}) == {"a": "X", "b": "X", "c": "X"}
    assert refusal(schema, {"a": "X", "b": "Y", "c": "X"}) == ["b: a string where one of X is expected"]


def test_all_problems_are_told_by_path_and_none_by_value() -> None:
    record = ORDER | {
        "occured_at": 1,
        "order_id": 7,
        "totals": {"tax": 1.5},
        "lines": [{"quantity": "1"}, {"nam": "shirt"}],
        "customer": {"emails": [7], "shoesize": 41},
    }
    del record["event_id"]

    problems = refusal(bundled_schema("order"), record)

    assert problems == [
        "occured_at: unknown; did you mean `occurred_at`?",
        "event_id: missing, and has no default",
        "order_id: an integer where a string is expected",
        "totals.tax: a fraction where a decimal as a string within the schema's precision and scale is expected",
        "lines[1].nam: unknown; did you mean `name`?",
        "customer.shoesize: unknown; `Customer` has no such field",
        "customer.emails[0]: an integer where a string is expected",
    ]


@pytest.mark.parametrize("value", [None, 7, [], "order"])
def test_a_record_is_an_object(value: object) -> None:
    assert refusal(bundled_schema("order"), value)[0].endswith("where an object is expected")


@pytest.mark.parametrize(("name", "record"), [("order", ORDER), ("visit", VISIT)])
def test_what_is_read_can_be_written_and_comes_back(name: Any, record: dict[str, Any]) -> None:
    schema = bundled_schema(name)
    fields = from_json(schema, record | {"customer": {"birth_date": "1990-02-01"}, "currency": "EUR"})
    parsed, buffer = fastavro.parse_schema(schema), BytesIO()

    fastavro.schemaless_writer(buffer, parsed, fields)

    assert fastavro.schemaless_reader(BytesIO(buffer.getvalue()), parsed, None) == fields
