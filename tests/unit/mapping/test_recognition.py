"""Fields are recognised by name and type together; what only looks like one of the person or the order is not."""

from __future__ import annotations

from typing import Any

import pytest

from consumer.mapping.known_names import (
    CANCELLED_AT,
    CHANNEL,
    IS_BOT,
    IS_TEST,
    KNOWN_HINTS,
    KNOWN_NAMES,
    NEWSLETTER,
    STATE,
    STATE_BEFORE,
)
from consumer.mapping.language import read_mapping
from consumer.mapping.paths import Path, parse_path
from consumer.mapping.recognition import MAX_PLACES, places_in, recognised, shape_at, words_in
from consumer.mapping.shapes import Kind
from consumer.mapping.targets import TARGETS
from consumer.schemas import mapping_file
from tests.unit.mapping.shops import KNOWN, MILLIS, SCHEMAS, a_record, an_array, an_enum, optional, shape_of


def likeliest(schema: dict[str, Any]) -> dict[str, str]:
    return {key: str(found[0].path) for key, found in recognised(shape_of(schema)).targets.items()}


def of(key: str, schema: dict[str, Any]) -> list[str]:
    return [str(candidate.path) for candidate in recognised(shape_of(schema)).targets.get(key, ())]


@pytest.mark.parametrize("name", KNOWN)
def test_all_that_a_shop_says_is_recognised_and_nothing_else(name: str) -> None:
    assert likeliest(SCHEMAS[name]) == KNOWN[name]


def test_the_bundled_schema_is_recognised_as_its_mapping_reads_it() -> None:
    mapping = read_mapping(mapping_file("order"))
    plain = {key: str(path) for key, path in mapping.targets.items() if isinstance(path, Path)}
    asked = {"routing.ad_account_id"}

    found = likeliest(SCHEMAS["order"])

    assert {key: found.get(key) for key in plain.keys() - asked} == {key: plain[key] for key in plain.keys() - asked}
    assert found["event_time"] == "placed_at"
    assert found["lines.id"] == "variant_id"


@pytest.mark.parametrize(
    ("name", "hints"),
    [
        ("order", {STATE: "status", STATE_BEFORE: "previous_status", CHANNEL: "channel", IS_TEST: "is_test",
                   IS_BOT: "client.is_bot"}),
        ("shopify", {CHANNEL: "source_name", IS_TEST: "test", CANCELLED_AT: "cancelled_at"}),
        ("commerce", {STATE: "orderStatus", NEWSLETTER: "acceptsMarketing"}),
    ],
)  # fmt: skip
def test_what_decides_whether_a_record_counts_is_hinted_at(name: str, hints: dict[str, str]) -> None:
    found = recognised(shape_of(SCHEMAS[name])).hints

    assert {hint: str(candidates[0].path) for hint, candidates in found.items()} == hints


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("order_number", ("order", "number")),
        ("orderNumber", ("order", "number")),
        ("ORDER_NUMBER", ("order", "number")),
        ("clientIPAddress", ("client", "ip", "address")),
        ("address1", ("address", "1")),
    ],
)
def test_words_are_told_apart_in_every_spelling(name: str, words: tuple[str, ...]) -> None:
    assert words_in(name) == words


@pytest.mark.parametrize("name", ["email", "e_mail", "eMail", "EMAIL_ADDRESS", "contactEmail", "customer_mail"])
def test_an_address_goes_by_many_names(name: str) -> None:
    assert of("user_data.em", a_record("R", **{name: "string"})) == [name]


@pytest.mark.parametrize(
    ("key", "fields"),
    [
        ("user_data.click_id", {"gclid": "string"}),
        ("user_data.click_id", {"google_click_id": "string"}),
        ("user_data.em", {"merchant_email": "string"}),
        ("user_data.em", {"seller": a_record("Seller", email="string")}),
        ("user_data.st", {"state": "string"}),
        ("custom_data.order_id", {"customer": a_record("Customer", id="string")}),
        ("consent.advertising", {"accepts_marketing": "boolean", "newsletter": "boolean"}),
        ("custom_data.value", {"item_value": "double"}),
    ],
)
def test_what_only_sounds_alike_is_left_alone(key: str, fields: dict[str, Any]) -> None:
    assert of(key, a_record("R", **fields)) == []


@pytest.mark.parametrize(
    ("key", "name", "schema"),
    [
        ("user_data.em", "email", "boolean"),
        ("user_data.em", "email", a_record("Email", verified="boolean")),
        ("event_time", "created_at", "double"),
        ("totals.tax_included", "tax_included", "string"),
        ("custom_data.currency", "currency", "double"),
        ("user_data.em", "email", ["string", "double"]),
        ("user_data.em", "emails", an_array("double")),
    ],
)
def test_a_name_of_the_wrong_type_is_not_taken(key: str, name: str, schema: Any) -> None:
    assert of(key, a_record("R", **{name: schema})) == []


def test_the_likelier_place_comes_first() -> None:
    schema = a_record(
        "R",
        shipping=a_record("Shipping", email="string"),
        billing=a_record("Billing", email="string"),
        customer=a_record("Customer", email="string"),
        mail="string",
    )

    assert of("user_data.em", schema) == ["mail", "customer.email", "billing.email", "shipping.email"]


def test_the_likelier_name_comes_first() -> None:
    assert of("event_time", a_record("R", created_at=MILLIS, placed_at=MILLIS)) == ["placed_at", "created_at"]


def test_several_values_are_found_in_arrays_single_ones_are_not() -> None:
    contact = a_record("Contact", email="string", first_name="string")
    schema = a_record("R", contact=an_array(contact), emails=an_array("string"))

    assert of("user_data.em", schema) == ["emails", "contact[*].email"]
    assert of("user_data.fn", schema) == []


@pytest.mark.parametrize(
    ("name", "schema", "unit", "needs_unit"),
    [
        ("goods_cents", "long", "minor", False),
        ("goodsMicros", "long", "micros", False),
        ("goods", "long", None, True),
        ("goods", "double", None, False),
        ("goods_cents", {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}, None, False),
    ],
)
def test_the_name_of_an_amount_may_say_its_unit(name: str, schema: Any, unit: str | None, *, needs_unit: bool) -> None:
    (found,) = recognised(shape_of(a_record("R", **{name: schema}))).targets["custom_data.value"]

    assert (found.unit, found.needs_unit) == (unit, needs_unit)


def test_money_with_its_currency_is_looked_into() -> None:
    schema = a_record("R", total_price=a_record("Money", cent_amount="long", currency_code="string"))

    assert likeliest(schema) == {
        "custom_data.value": "total_price.cent_amount",
        "custom_data.currency": "total_price.currency_code",
    }


def test_within_an_envelope_paths_start_from_the_row() -> None:
    found = recognised(shape_of(SCHEMAS["debezium"]))

    assert str(found.root) == "after"
    assert "created_at" in found.shape.names


@pytest.mark.parametrize("lacking", ["before", "op"])
def test_a_field_called_after_makes_no_envelope(lacking: str) -> None:
    row = a_record("Row", email="string")
    fields: dict[str, Any] = {"after": row, "before": optional("Row"), "op": "string"}
    del fields[lacking]

    assert recognised(shape_of(a_record("R", **fields))).root is None


def test_targets_of_lines_stand_within_the_array_alone() -> None:
    schema = a_record("R", sku="string", quantity="int", items=an_array(a_record("Item", sku="string", price="double")))

    found = recognised(shape_of(schema))

    assert [str(each.path) for each in found.lines] == ["items"]
    assert {key: [str(each.path) for each in places] for key, places in found.targets.items()} == {
        "lines.id": ["sku"],
        "lines.unit_price": ["price"],
    }


def test_a_type_that_holds_itself_is_looked_into_so_far() -> None:
    names = [f"child_{number}" for number in range(40)]
    schema = a_record("Node", email="string", **{name: optional("Node") for name in names})

    places = places_in(shape_of(schema))

    assert len(places) == MAX_PLACES
    assert of("user_data.em", schema) == ["email"]


@pytest.mark.parametrize(
    ("path", "kinds"),
    [
        ("buyer.contactEmail", {Kind.TEXT, Kind.NULL}),
        ("lineItems[0].qty", {Kind.INTEGER}),
        ("$.adConsent", {Kind.FLAG}),
        ("buyer.age", None),
        ("adConsent.age", None),
    ],
)
def test_a_path_of_somebody_is_followed(path: str, kinds: set[Kind] | None) -> None:
    shape, parsed = shape_of(SCHEMAS["commerce"]), parse_path(path)
    assert isinstance(parsed, Path)

    found = shape_at(parsed, shape, shape)

    assert (None if found is None else found.kinds & {*(kinds or ())}) == kinds


def test_only_what_a_mapping_can_say_is_looked_for() -> None:
    assert KNOWN_NAMES.keys() < TARGETS.keys()
    assert not KNOWN_HINTS.keys() & TARGETS.keys()


def test_the_symbols_of_enums_are_told() -> None:
    shape = shape_of(a_record("R", state=optional(an_enum("State", "NEW", "PAID")), name="string"))

    assert [inner.symbols for name in shape.names if (inner := shape.field(name))] == [("NEW", "PAID"), ()]
