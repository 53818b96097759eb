"""Mappings compiled for schemas that are not ours: what they find, and what they say of paths that are not there."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from fastavro import parse_schema

from consumer.mapping.compiler import Compiled, compile_mapping
from consumer.mapping.language import read_mapping
from consumer.mapping.shapes import ANYTHING, Shape

MAPPING = """\
version: 1
root: after
skip:
  - {reason: not_a_conversion, when: {path: $.op, is: d}}
  - {reason: origin_excluded, when: {path: tags, in: [draft, copy]}}
event_name: {constant: checkout}
event_id:
  shared: {template: "{shop?}:{number}"}
event_time: {path: created, zone: Europe/Berlin}
action_source: {path: source, table: {pos: offline, ios: app_ios}, otherwise: web}
landing_url: "notes[name=landing].value"
consent:
  advertising: {path: accepts, table: {"true": granted, "false": denied}}
user_data:
  em: {all: [email, "contacts[*].email"]}
  country: country
custom_data:
  order_id: number
  currency: currency
  value: {path: cents, unit: minor}
lines:
  each: items
  where: {path: quantity, above: 0}
  id: [sku, product]
  quantity: quantity
  unit_price: price
"""


def record(name: str, /, **fields: Any) -> dict[str, Any]:
    return {"type": "record", "name": name, "fields": [{"name": key, "type": kind} for key, kind in fields.items()]}


def listed(kind: Any) -> dict[str, Any]:
    return {"type": "array", "items": kind}


AFTER: dict[str, Any] = {
    "number": "long",
    "shop": ["null", "string"],
    "created": {"type": "long", "logicalType": "local-timestamp-millis"},
    "source": "string",
    "accepts": ["null", "boolean"],
    "tags": ["null", "string"],
    "email": ["null", "string"],
    "contacts": listed(record("Contact", email="string")),
    "notes": listed(record("Note", name="string", value="string")),
    "country": ["null", "string"],
    "currency": "string",
    "cents": "long",
    "items": listed(record("Item", sku=["null", "string"], product="string", quantity="int", price="string")),
}
ROW = {
    "number": 1001,
    "shop": None,
    "created": datetime(2026, 7, 1, 12, 0),  # noqa: DTZ001 - the column has no zone
    "source": "pos",
    "accepts": True,
    "tags": None,
    "email": " a@example.com ",
    "contacts": [{"email": "b@example.com"}, {"email": ""}],
    "notes": [{"name": "gift", "value": "no"}, {"name": "landing", "value": "https://shop.example/?epik=x"}],
    "country": "DE",
    "currency": "JPY",
    "cents": 1999,
    "items": [
        {"sku": None, "product": "shirt", "quantity": 2, "price": "59.50"},
        {"sku": "returned", "product": "shirt", "quantity": 0, "price": "1"},
    ],
}


def compiled(tmp_path: Path, *, text: str = MAPPING, **changes: Any) -> Compiled:
    """For the envelope; `changes` are other types of fields, `...` takes a field away."""
    fields = {name: kind for name, kind in (AFTER | changes).items() if kind is not ...}
    named: dict[str, Any] = {}
    schema = parse_schema(record("Envelope", op="string", after=["null", record("Row", **fields)]), named)
    return compile_mapping(_read(tmp_path, text), Shape(schema, named), settings={"events.checkout_on": "PLACED"})


def _read(tmp_path: Path, text: str) -> Any:
    file = tmp_path / "m.yaml"
    file.write_text(text, encoding="utf-8")
    return read_mapping(file)


@pytest.mark.parametrize("knows_schema", [True, False], ids=["by its schema", "whatever comes"])
def test_facts_are_found_in_an_envelope_of_a_foreign_table(tmp_path: Path, *, knows_schema: bool) -> None:
    found = (
        compiled(tmp_path)
        if knows_schema
        else compile_mapping(_read(tmp_path, MAPPING), ANYTHING, settings={"events.checkout_on": "PLACED"})
    )
    problems: list[str] = []
    whole = {"op": "u", "after": ROW}

    row = found.enter(whole, problems)
    name = found.decide(row, whole, problems)
    said = found.circumstances(row, whole, problems)
    matter = found.matter(row, whole, problems)
    person = found.person(row, whole, problems)
    surroundings = found.surroundings(row, whole, problems)

    assert (problems, found.findings) == ([], ())
    assert (name, said.action_source, said.consent, said.country) == ("checkout", "offline", "granted", "DE")
    assert said.event_time_ms == int(datetime(2026, 7, 1, 10, 0, tzinfo=UTC).timestamp()) * 1_000
    assert (matter.shared_id, matter.order_id, matter.value) == (":1001", "1001", Decimal(1999))
    assert [(line.identifier, line.quantity, line.unit_price) for line in matter.lines] == [
        ("shirt", Decimal(2), Decimal("59.50"))
    ]
    assert person.emails == ["a@example.com", "b@example.com"]
    assert surroundings.landing_url == "https://shop.example/?epik=x"


def test_an_empty_envelope_is_no_record(tmp_path: Path) -> None:
    assert compiled(tmp_path).enter({"op": "d", "after": None}, []) is None


@pytest.mark.parametrize(
    ("whole", "changes", "reason"),
    [({"op": "d"}, {}, "not_a_conversion"), ({"op": "u"}, {"tags": "copy"}, "origin_excluded")],
)
def test_rules_skip_in_the_order_of_the_file(
    tmp_path: Path, whole: dict[str, str], changes: dict[str, str], reason: str
) -> None:
    found, row = compiled(tmp_path), ROW | changes

    assert found.decide(row, whole | {"after": row}, []) == reason


@pytest.mark.parametrize(
    ("changes", "target", "is_vital"),
    [
        pytest.param({"currency": ...}, "custom_data.currency", True, id="currency gone"),
        pytest.param({"accepts": ...}, "consent.advertising", True, id="consent gone"),
        pytest.param({"number": ...}, "event_id.shared", True, id="id gone"),
        pytest.param({"shop": ...}, "event_id.shared", False, id="what may be absent from the id gone"),
        pytest.param({"created": "bytes"}, "event_time", True, id="time of another type"),
        pytest.param({"contacts": ...}, "user_data.em", False, id="an identifier gone"),
        pytest.param({"notes": ...}, "landing_url", False, id="a page gone"),
        pytest.param({"items": "string"}, "lines.each", True, id="no array"),
    ],
)
def test_paths_that_a_schema_does_not_bear_out_are_told(
    tmp_path: Path, changes: dict[str, Any], target: str, *, is_vital: bool
) -> None:
    found = {finding.target: finding.is_vital for finding in compiled(tmp_path, **changes).findings}

    assert found[target] is is_vital


def test_one_of_several_alternatives_is_enough(tmp_path: Path) -> None:
    text = MAPPING.replace("  currency: currency", "  currency: [currency, presentment_currency]")

    findings = compiled(tmp_path, text=text).findings

    assert [(finding.target, finding.is_vital) for finding in findings] == [("custom_data.currency", False)]


def test_of_alternatives_that_are_all_gone_each_is_vital(tmp_path: Path) -> None:
    text = MAPPING.replace("  currency: currency", "  currency: [currency, presentment_currency]")

    findings = compiled(tmp_path, text=text, currency=...).findings

    assert [(finding.target, finding.is_vital) for finding in findings] == [("custom_data.currency", True)] * 2


@pytest.mark.parametrize("changes", [{"cents": ...}, {"country": ...}])
def test_a_path_that_may_be_absent_is_not_missed(tmp_path: Path, changes: dict[str, Any]) -> None:
    text = MAPPING.replace("path: cents", 'path: "cents?"').replace("country: country", "country: country?")

    assert compiled(tmp_path, text=text, **changes).findings == ()


def test_a_field_that_only_ever_is_null_is_absent(tmp_path: Path) -> None:
    (finding,) = compiled(tmp_path, country="null").findings

    assert (finding.problem, finding.is_vital) == ("after.country: the schema has only null there", True)


@pytest.mark.parametrize(
    ("changes", "is_told"),
    [
        pytest.param({"email": ..., "contacts": ...}, True, id="no e-mail left"),
        pytest.param({"email": ...}, False, id="one of two left"),
        pytest.param({"email": ..., "contacts": ..., "maid": "string"}, False, id="an advertising id"),
        pytest.param({"email": ..., "contacts": ..., "ip": "string"}, True, id="half of an address"),
        pytest.param({"email": ..., "contacts": ..., "ip": "string", "agent": "string"}, False, id="an address"),
    ],
)
def test_somebody_must_be_recognisable(tmp_path: Path, changes: dict[str, Any], *, is_told: bool) -> None:
    others = "\n  hashed_maids: maid?\n  client_ip_address: ip?\n  client_user_agent: agent?"
    text = MAPPING.replace("  country: country", f"  country: country{others}")

    findings = compiled(tmp_path, text=text, **changes).findings

    assert any(finding.target == "user_data" and finding.is_vital for finding in findings) is is_told


def test_the_nearest_field_is_named(tmp_path: Path) -> None:
    text = MAPPING.replace("  country: country", "  country: contry")

    (finding,) = compiled(tmp_path, text=text).findings

    assert finding.problem.endswith("did you mean `country`?")


def test_texts_of_a_file_reach_the_code_as_literals_only(tmp_path: Path) -> None:
    hostile = "'); raise SystemExit(1) #" + '"' + "{}\\"
    text = MAPPING.replace("{pos: offline", "{'" + hostile.replace("'", "''") + "': offline")

    found = compiled(tmp_path, text=text)

    assert found.circumstances(ROW | {"source": hostile}, {"op": "u"}, []).action_source == "offline"


def test_ids_may_be_numbers_beside_arrays_of_texts(tmp_path: Path) -> None:
    text = MAPPING.replace("  country: country", "  country: country\n  ph: phones\n  partner_id: number")
    found = compiled(tmp_path, text=text, phones={"type": "array", "items": "string"})
    problems: list[str] = []

    person = found.person(ROW | {"phones": [" 030 1 ", ""]}, {"op": "u"}, problems)

    assert (person.phones, person.partner_id, problems) == (["030 1"], "1001", [])


KEPT = record("Kept", mail=["null", "string"], mails=listed("string"))
BOXES = listed(record("Box", kept=["null", KEPT], items=["null", listed(["null", record("Thing", mail="string")])]))
MAIL, OTHER = "a@b.example", "c@d.example"


@pytest.mark.parametrize("knows_schema", [True, False], ids=["by its schema", "whatever comes"])
@pytest.mark.parametrize(
    ("path", "boxes", "found"),
    [
        ("boxes[*].kept.mail", [{"kept": None}, {"kept": {"mail": None}}, {"kept": {"mail": MAIL}}], [MAIL]),
        ("boxes[*].kept.mails[0]", [{"kept": {"mails": []}}, {"kept": {"mails": [MAIL]}}], [MAIL]),
        ("boxes[*].kept.mails", [{"kept": {"mails": [MAIL, OTHER]}}], [MAIL, OTHER]),
        (
            "boxes[*].items[*].mail",
            [{"items": None}, {"items": [None, {"mail": MAIL}]}, {"items": [{"mail": OTHER}]}],
            [MAIL, OTHER],
        ),
    ],
)
def test_of_every_item_what_is_absent_is_left_out(
    tmp_path: Path, path: str, boxes: list[dict[str, Any]], found: list[str], *, knows_schema: bool
) -> None:
    text = MAPPING.replace("  country: country", f'  country: country\n  external_id: "{path}"')
    whole = [{"kept": None, "items": None} | box for box in boxes]
    made = (
        compiled(tmp_path, text=text, boxes=BOXES)
        if knows_schema
        else compile_mapping(_read(tmp_path, text), ANYTHING, settings={"events.checkout_on": "PLACED"})
    )
    problems: list[str] = []

    person = made.person(ROW | {"boxes": whole}, {"op": "u"}, problems)

    assert (person.external_ids, problems, made.findings) == (found, [], ())


def test_lines_may_lie_in_arrays_of_arrays(tmp_path: Path) -> None:
    text = MAPPING.replace("each: items", 'each: "parcels[*].items"')
    parcels = listed(record("Parcel", items=["null", AFTER["items"]]))
    made = compiled(tmp_path, text=text, parcels=parcels, items=...)
    problems: list[str] = []

    matter = made.matter(ROW | {"parcels": [{"items": ROW["items"]}, {"items": None}]}, {"op": "u"}, problems)

    assert (len(matter.lines), problems, made.findings) == (1, [], ())


@pytest.mark.parametrize("note", [{"key": "string", "value": "string"}, {"name": "long", "value": "string"}])
def test_what_is_searched_for_must_be_a_field_of_text(tmp_path: Path, note: dict[str, str]) -> None:
    text = MAPPING.replace("{path: accepts,", '{path: "notes[name=consent].value",')

    found = compiled(tmp_path, text=text, notes=listed(record("Note", **note))).findings

    assert {finding.target: finding.is_vital for finding in found}["consent.advertising"]


def test_consent_that_conditions_ask_for_is_vital_in_a_list_too(tmp_path: Path) -> None:
    rule = '  advertising: {path: accepts, table: {"true": granted, "false": denied}}'
    rules = (
        "  advertising:\n"
        "    - {when: {path: scopes, has: ads}, then: {constant: granted}}\n"
        "    - {when: {path: scopes, present: true}, then: {constant: denied}}"
    )

    findings = compiled(tmp_path, text=MAPPING.replace(rule, rules)).findings

    assert [(finding.target, finding.is_vital) for finding in findings] == [("consent.advertising", True)]


@pytest.mark.parametrize("knows_schema", [True, False], ids=["by its schema", "whatever comes"])
@pytest.mark.parametrize(
    ("kind", "cents", "value"),
    [("long", 1999, "19.99"), ("string", "1999", "19.99"), ("double", 1999.0, "19.99"), ("string", "19.99", None)],
)
def test_a_unit_that_is_said_counts_whatever_the_type(
    tmp_path: Path, kind: str, cents: Any, value: str | None, *, knows_schema: bool
) -> None:
    made = (
        compiled(tmp_path, cents=kind)
        if knows_schema
        else compile_mapping(_read(tmp_path, MAPPING), ANYTHING, settings={"events.checkout_on": "PLACED"})
    )
    problems: list[str] = []

    matter = made.matter(ROW | {"currency": "EUR", "cents": cents}, {"op": "u"}, problems)

    assert matter.value == (None if value is None else Decimal(value))
    assert (problems == []) is (value is not None)


@pytest.mark.parametrize(
    ("was", "becomes", "target"),
    [
        ("{path: cents, unit: minor}", "cents", "custom_data.value"),
        ("{path: created, zone: Europe/Berlin}", "created", "event_time"),
        ("landing_url:", "language: contacts\nlanding_url:", "language"),
        ("  country: country", "  country: country\n  ph: contacts", "user_data.ph"),
    ],
)
def test_what_could_never_be_read_is_told_beforehand(tmp_path: Path, was: str, becomes: str, target: str) -> None:
    found = compiled(tmp_path, text=MAPPING.replace(was, becomes)).findings

    assert [(finding.target, finding.is_vital) for finding in found] == [(target, True)]


@pytest.mark.parametrize("accepts", [True, False])
def test_a_table_may_ask_the_first_of_several_booleans(tmp_path: Path, *, accepts: bool) -> None:
    text = MAPPING.replace("{path: accepts,", "{first: [opted, accepts],")
    made = compiled(tmp_path, text=text, opted=["null", "boolean"])

    said = made.circumstances(ROW | {"opted": None, "accepts": accepts}, {"op": "u"}, [])

    assert (said.consent, made.findings) == ("granted" if accepts else "denied", ())


def test_a_time_may_be_put_together_of_two_fields(tmp_path: Path) -> None:
    text = MAPPING.replace("{path: created, zone: Europe/Berlin}", '{template: "{day}T{hour}Z"}')
    made = compiled(tmp_path, text=text, day="string", hour="string")

    said = made.circumstances(ROW | {"day": "2026-07-01", "hour": "10:00"}, {"op": "u"}, [])

    assert said.event_time_ms == int(datetime(2026, 7, 1, 10, 0, tzinfo=UTC).timestamp()) * 1_000


def test_facts_of_a_device_may_come_from_anywhere(tmp_path: Path) -> None:
    facts = "{model: d.model, os_version: $.op, os_family: {constant: ios}, cpu_cores: {constant: 4}}"
    made = compiled(tmp_path, text=f"{MAPPING}device_info: {facts}\n", d=["null", record("D", model="string")])

    found = made.surroundings(ROW | {"d": None}, {"op": "u"}, []).device

    assert found == {"os_version": "u", "os_family": "ios", "cpu_cores": 4}


@pytest.mark.parametrize(
    ("written", "row", "found"),
    [
        pytest.param('{template: "shop-{number}"}', {}, ["shop-1001"], id="a template"),
        pytest.param('{template: "{shop}-{number}"}', {}, [], id="a template without what it needs"),
        pytest.param("{path: source, table: {pos: till}}", {}, ["till"], id="a table"),
        pytest.param("{path: source, table: {pos: till}}", {"source": "web"}, [], id="a table without the word"),
        pytest.param("{path: source, table: {web: w}, otherwise: till}", {}, ["till"], id="a table for all others"),
    ],
)
def test_where_several_may_be_one_that_is_made_is_one_of_them(
    tmp_path: Path, written: str, row: dict[str, Any], found: list[str]
) -> None:
    text = MAPPING.replace("  country: country", f"  country: country\n  external_id: {written}")

    person = compiled(tmp_path, text=text).person(ROW | row, {"op": "u"}, [])

    assert person.external_ids == found


@pytest.mark.parametrize(
    ("name", "kind", "value"),
    [
        pytest.param("cents", "bytes", b"\1", id="money"),
        pytest.param("currency", "boolean", True, id="currency"),
        pytest.param("contacts", "string", "b@example.com", id="an array"),
        pytest.param("notes", "long", 7, id="an array that is searched"),
        pytest.param("items", "string", "shirt", id="the lines"),
        pytest.param("tags", {"type": "array", "items": "string"}, ["copy"], id="what a rule asks for"),
        pytest.param("accepts", {"type": "array", "items": "string"}, ["yes"], id="consent"),
    ],
)
def test_values_of_a_type_that_does_not_do_are_problems_whether_a_schema_tells_or_not(
    tmp_path: Path, name: str, kind: Any, value: Any
) -> None:
    """Else money would vanish from events where a producer has changed its type."""
    row = ROW | {name: value}
    by_schema = compiled(tmp_path, **{name: kind})
    whatever = compile_mapping(_read(tmp_path, MAPPING), ANYTHING, settings={"events.checkout_on": "PLACED"})

    told = [problems_of(found, row) for found in (by_schema, whatever)]

    assert all(any(problem.startswith(f"after.{name}") for problem in problems) for problems in told), told
    assert any(name in finding.problem and finding.is_vital for finding in by_schema.findings)


def problems_of(found: Compiled, row: dict[str, Any]) -> list[str]:
    problems: list[str] = []
    whole = {"op": "u", "after": row}
    for function in (found.decide, found.circumstances, found.matter, found.person, found.surroundings):
        function(row, whole, problems)
    return problems
