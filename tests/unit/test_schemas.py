"""The bundled schemas: what they promise to other parties' records, older and newer ones."""

from __future__ import annotations

import copy
import importlib.util
import json
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from typing import Any, get_args

import fastavro
import pytest

from consumer import schemas
from consumer.config import BundledName
from consumer.errors import ContractError
from consumer.schemas import Encoder, bundled_schema

NAMES: tuple[BundledName, ...] = get_args(BundledName)
Schema = Any
MONEY = {"type": "bytes", "logicalType": "decimal", "precision": 18, "scale": 4}

LINE = "product_id variant_id sku item_group_id name brand brand_id category quantity unit_price tax type seller_id"
CLIENT = "ip_address user_agent click_id anonymous_id unauth_id page_url referrer language tag_event_id is_bot"
API = json.loads((Path(__file__).parents[1] / "contract" / "pinterest-openapi-events.json").read_text(encoding="utf-8"))
APP = " ".join(API["components"]["schemas"]["ConversionEventAppInfo"]["properties"])
DEVICE = " ".join(API["components"]["schemas"]["ConversionEventDeviceInfo"]["properties"])
SHARED = {
    "Line": LINE,
    "Client": CLIENT,
    "App": APP,
    "Device": f"{DEVICE} advertising_id limit_ad_tracking advertiser_tracking_enabled",
    "Customer": "customer_id emails phones first_name last_name birth_date gender partner_id address",
    "Address": "city region postal_code country",
    "Consent": "advertising gpc limited_data_processing jurisdiction recorded_at source",
}
FIELDS: dict[BundledName, dict[str, str]] = {
    "order": {
        "Order": "event_id occurred_at placed_at paid_at merchant_id ad_account_id order_id revision status "
        "previous_status origin channel currency totals lines customer client app device consent is_test predicted_ltv "
        "external_measurement_id",
        "Totals": "items_gross discount items_net tax tax_included shipping shipping_tax grand_total",
        **SHARED,
    },
    "visit": {
        "Visit": "event_id occurred_at merchant_id ad_account_id type channel page products category search value "
        "currency video lead customer client app device consent is_test external_measurement_id",
        "Page": "url title referrer",
        "Category": "name path",
        "Search": "term result_count",
        "Video": "id title duration_s position_s percent",
        "Lead": "type form_id",
        **SHARED,
    },
}


def walk(schema: Schema) -> Iterator[dict[str, Any]]:
    """Every schema written as an object, the outermost first."""
    if isinstance(schema, list):
        for branch in schema:
            yield from walk(branch)
    elif isinstance(schema, dict):
        yield schema
        for inner in [schema.get("items"), *(field["type"] for field in schema.get("fields", ()))]:
            yield from walk(inner)


def records_of(schema: Schema) -> dict[str, dict[str, Any]]:
    return {found["name"]: found for found in walk(schema) if found["type"] == "record"}


def enums_of(schema: Schema) -> dict[str, dict[str, Any]]:
    return {found["name"]: found for found in walk(schema) if found["type"] == "enum"}


def fields_of(schema: Schema) -> Iterator[dict[str, Any]]:
    for record in records_of(schema).values():
        yield from record["fields"]


def an_order(**changes: Any) -> dict[str, Any]:
    return {
        "event_id": "bus-1",
        "occurred_at": datetime(2026, 11, 1, 12, 0, 0, 250_000, tzinfo=UTC),
        "order_id": "1001",
        "status": "PLACED",
        **changes,
    }


def a_visit(**changes: Any) -> dict[str, Any]:
    return {
        "event_id": "bus-2",
        "occurred_at": datetime(2026, 11, 1, 12, tzinfo=UTC),
        "type": "PAGE_VISIT",
        **changes,
    }


def a_record(name: BundledName) -> dict[str, Any]:
    return an_order() if name == "order" else a_visit()


def reread(fields: dict[str, Any], *, writer: Schema, reader: Schema | None = None) -> dict[str, Any]:
    """The fields after a journey through Avro; without a reader's schema as the writer meant them."""
    encoded = BytesIO(Encoder(writer, schema_id=None).encode(fields))
    parsed_reader = None if reader is None else fastavro.parse_schema(copy.deepcopy(reader))
    found = fastavro.schemaless_reader(encoded, fastavro.parse_schema(copy.deepcopy(writer)), parsed_reader)
    assert isinstance(found, dict)
    assert encoded.read() == b""
    return found


# --- what stands in the files --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_the_fields_are_those_that_mappings_rely_on(name: BundledName) -> None:
    found = {
        record: {f["name"] for f in schema["fields"]} for record, schema in records_of(bundled_schema(name)).items()
    }

    assert found == {record: set(fields.split()) for record, fields in FIELDS[name].items()}


@pytest.mark.parametrize("name", NAMES)
def test_every_field_and_type_says_what_it_is(name: BundledName) -> None:
    schema = bundled_schema(name)

    silent = [
        thing["name"]
        for thing in (*fields_of(schema), *records_of(schema).values(), *enums_of(schema).values())
        if not thing.get("doc", "").endswith(".")
    ]

    assert silent == []


@pytest.mark.parametrize("name", NAMES)
def test_an_enum_has_a_symbol_for_what_is_not_known_yet(name: BundledName) -> None:
    assert {
        (enum["default"], enum["symbols"].count("UNKNOWN")) for enum in enums_of(bundled_schema(name)).values()
    } == {("UNKNOWN", 1)}


@pytest.mark.parametrize(
    ("name", "required"),
    [
        ("order", {"event_id", "occurred_at", "order_id", "status"}),
        ("visit", {"event_id", "occurred_at", "type"}),
    ],
)
def test_a_record_needs_hardly_more_than_its_id(name: BundledName, required: set[str]) -> None:
    assert {field["name"] for field in fields_of(bundled_schema(name)) if "default" not in field} == required


@pytest.mark.parametrize("name", NAMES)
def test_an_optional_field_may_be_null_or_is_empty_or_false(name: BundledName) -> None:
    optional = [field for field in fields_of(bundled_schema(name)) if "default" in field]

    assert {repr(field["default"]) for field in optional} == {"None", "[]", "False"}
    assert [f["name"] for f in optional if f["default"] is None and f["type"][0] != "null"] == []


@pytest.mark.parametrize("name", NAMES)
def test_money_and_quantities_are_exact(name: BundledName) -> None:
    decimals = [found for found in walk(bundled_schema(name)) if found.get("logicalType") == "decimal"]

    assert decimals == [MONEY] * len(decimals)
    assert len(decimals) >= 4
    assert not any(found["type"] in {"float", "double"} for found in walk(bundled_schema(name)))


def test_both_files_mean_the_same_by_the_same_name() -> None:
    order, visit = ({**records_of(s), **enums_of(s)} for s in (bundled_schema("order"), bundled_schema("visit")))

    shared = order.keys() & visit.keys()

    assert shared == {*SHARED, "LineType", "Channel", "AdvertisingConsent"}
    assert {name: order[name] for name in shared} == {name: visit[name] for name in shared}


def test_an_installed_package_brings_its_own_copy(tmp_path: Path) -> None:
    module = tmp_path / "schemas.py"
    module.write_text(Path(schemas.__file__).read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / "bundled").mkdir()
    (tmp_path / "bundled" / "order.avsc").write_text('{"type": "record", "name": "Own"}', encoding="utf-8")
    spec = importlib.util.spec_from_file_location("installed_schemas", module)
    assert spec is not None
    assert spec.loader is not None
    installed = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(installed)

    assert installed.bundled_schema("order")["name"] == "Own"


# --- writing -------------------------------------------------------------------------------------------------


def test_a_record_comes_back_as_it_was_written() -> None:
    order = an_order(
        totals={"items_net": Decimal("12.3400"), "tax_included": True},
        lines=[{"quantity": Decimal("2.5"), "type": "PRODUCT"}],
        customer={"emails": ["jo@example.com"], "birth_date": date(1990, 2, 28)},
    )

    found = reread(order, writer=bundled_schema("order"))

    assert found["occurred_at"] == order["occurred_at"]
    assert (found["totals"]["items_net"], found["totals"]["tax_included"]) == (Decimal("12.34"), True)
    assert (found["lines"][0]["quantity"], found["lines"][0]["type"]) == (Decimal("2.5"), "PRODUCT")
    assert (found["customer"]["emails"], found["customer"]["birth_date"]) == (["jo@example.com"], date(1990, 2, 28))


def test_absent_fields_take_their_defaults() -> None:
    found = reread(an_order(), writer=bundled_schema("order"))

    absent = {name: value for name, value in found.items() if name not in an_order()}
    assert absent.pop("lines") == []
    assert absent.pop("is_test") is False
    assert set(absent.values()) == {None}


@pytest.mark.parametrize(
    ("schema_id", "frame"),
    [
        pytest.param(258, b"\0\0\0\1\2", id="Confluent: zero byte, id in four bytes, big-endian"),
        pytest.param(None, b"", id="bare"),
    ],
)
def test_the_frame_stands_before_the_avro(schema_id: int | None, frame: bytes) -> None:
    bare = BytesIO()
    fastavro.schemaless_writer(bare, bundled_schema("visit"), a_visit())

    assert Encoder(bundled_schema("visit"), schema_id=schema_id).encode(a_visit()) == frame + bare.getvalue()


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        pytest.param("order_id", 8_441, "field `order_id` does not fit", id="wrong type"),
        pytest.param("customer", {"emails": "jo@example.com"}, "field `customer` does not fit", id="further down"),
        pytest.param("revision", 10**20, "field `revision` does not fit", id="beyond 64 bits"),
        pytest.param("predicted_ltv", Decimal("0.84411"), "a field does not fit", id="finer than the scale"),
    ],
)
def test_an_unfit_record_is_refused_without_showing_the_value(field: str, value: Any, says: str) -> None:
    encoder = Encoder(bundled_schema("order"), schema_id=1)

    with pytest.raises(ContractError) as refused:
        encoder.encode(an_order(**{field: value}))

    assert says in str(refused.value)
    assert not any(leak in str(refused.value) for leak in ("8441", "jo@", "10000", "string"))
    assert refused.value.__suppress_context__


# --- evolution -----------------------------------------------------------------------------------------------


def older(schema: Schema) -> Schema:
    """A writer from before every optional field was thought of."""
    return {**schema, "fields": [field for field in schema["fields"] if "default" not in field]}


def older_inside(schema: Schema) -> Schema:
    """A writer whose inner records have nothing but their first field."""
    changed = copy.deepcopy(schema)
    for record in list(walk(changed))[1:]:
        if record["type"] == "record":
            del record["fields"][1:]
    return changed


def newer(schema: Schema) -> Schema:
    """A writer with a further field in every record and a further symbol in every enum."""
    changed = copy.deepcopy(schema)
    for found in list(walk(changed)):
        if found["type"] == "record":
            found["fields"].insert(1, {"name": "of_tomorrow", "type": ["null", "string"], "default": None})
        elif found["type"] == "enum":
            found["symbols"].insert(1, "OF_TOMORROW")
    return changed


def reordered(schema: Schema) -> Schema:
    """A writer with the same fields, the first one last."""
    return {**schema, "fields": [*schema["fields"][1:], schema["fields"][0]]}


COMPATIBLE = [older, older_inside, newer, reordered]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("change", COMPATIBLE, ids=lambda change: change.__name__)
def test_our_schema_reads_what_other_versions_write(name: BundledName, change: Callable[[Schema], Schema]) -> None:
    ours = bundled_schema(name)
    theirs = change(copy.deepcopy(ours))

    found = reread(a_record(name), writer=theirs, reader=ours)

    assert conflicts(reader=ours, writer=theirs) == []
    assert found == reread(a_record(name), writer=ours)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("change", COMPATIBLE, ids=lambda change: change.__name__)
def test_other_versions_read_what_our_schema_writes(name: BundledName, change: Callable[[Schema], Schema]) -> None:
    ours = bundled_schema(name)
    theirs = change(copy.deepcopy(ours))

    found = reread(a_record(name), writer=ours, reader=theirs)

    assert conflicts(reader=theirs, writer=ours) == []
    assert {key: found[key] for key in a_record(name)} == a_record(name)


def test_a_newer_writers_symbols_are_read_as_unknown() -> None:
    ours = bundled_schema("order")
    tomorrow = "OF_TOMORROW"
    written = an_order(
        status=tomorrow,
        previous_status=tomorrow,
        channel=tomorrow,
        lines=[{"type": tomorrow, "of_tomorrow": "x"}],
        consent={"advertising": tomorrow},
        of_tomorrow="x",
    )

    found = reread(written, writer=newer(ours), reader=ours)

    assert {found["status"], found["previous_status"], found["channel"]} == {"UNKNOWN"}
    assert (found["lines"][0]["type"], found["consent"]["advertising"]) == ("UNKNOWN", "UNKNOWN")
    assert "of_tomorrow" not in found | found["lines"][0]


def without_order_id(schema: Schema) -> Schema:
    return {**schema, "fields": [field for field in schema["fields"] if field["name"] != "order_id"]}


def with_text_for_a_time(schema: Schema) -> Schema:
    return _retyped(schema, "occurred_at", "string")


def with_text_for_money(schema: Schema) -> Schema:
    return _retyped(schema, "predicted_ltv", ["null", "string"])


def with_money_to_two_places(schema: Schema) -> Schema:
    return _retyped(schema, "predicted_ltv", ["null", {**MONEY, "scale": 2}])


def _retyped(schema: Schema, name: str, to: Schema) -> Schema:
    return {**schema, "fields": [{**f, "type": to} if f["name"] == name else f for f in schema["fields"]]}


@pytest.mark.parametrize(
    "change",
    [without_order_id, with_text_for_a_time, with_text_for_money, with_money_to_two_places],
    ids=lambda change: change.__name__,
)
def test_a_breaking_change_is_seen_as_one(change: Callable[[Schema], Schema]) -> None:
    ours = bundled_schema("order")

    assert len(conflicts(reader=ours, writer=change(ours))) == 1


def conflicts(*, reader: Schema, writer: Schema) -> list[str]:
    """Where data of the writer cannot be read. Source: Apache Avro 1.12 specification, "Schema Resolution"."""
    return list(_conflicts(fastavro.schema.expand_schema(reader), fastavro.schema.expand_schema(writer), "record"))


def _conflicts(reader: Schema, writer: Schema, path: str) -> Iterator[str]:
    if isinstance(writer, list):
        for branch in writer:
            yield from _conflicts(reader, branch, path)
    elif isinstance(reader, list):
        found = [list(_conflicts(branch, writer, path)) for branch in reader]
        if all(found):
            yield f"{path}: fits no branch"
    elif _kind(reader) != _kind(writer):
        yield f"{path}: {_kind(writer)} read as {_kind(reader)}"
    elif isinstance(reader, dict) and reader["type"] == "record":
        written = {field["name"]: field["type"] for field in writer["fields"]}
        for field in reader["fields"]:
            inner = f"{path}.{field['name']}"
            if field["name"] in written:
                yield from _conflicts(field["type"], written[field["name"]], inner)
            elif "default" not in field:
                yield f"{inner}: not written and without a default"
    elif isinstance(reader, dict) and reader["type"] == "array":
        yield from _conflicts(reader["items"], writer["items"], f"{path}[]")
    elif isinstance(reader, dict) and reader["type"] == "enum":
        unknown = set(writer["symbols"]) - set(reader["symbols"])
        if unknown and "default" not in reader:
            yield f"{path}: {sorted(unknown)} unknown"


def _kind(schema: Schema) -> tuple[Any, ...]:
    """What has to agree for both to be the same type; promotions are not used here."""
    if not isinstance(schema, dict):
        return (schema,)
    return tuple(schema.get(key) for key in ("type", "name", "logicalType", "precision", "scale"))
