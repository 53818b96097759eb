"""The mapper as a whole: no content makes it raise, no identifier leaves unhashed, no event breaks the description."""

from __future__ import annotations

import json
import tracemalloc
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from consumer.avro_json import from_json
from consumer.records import Assignment, Decoded, Invalid, MapOutcome, Mapped, Record, Skipped
from consumer.schemas import bundled_schema
from consumer.stages.mapper import Mapper, serialise
from tests.unit.mapping.builders import (
    ACCOUNT,
    ADVERTISING_ID,
    BROWSER,
    MINUTE_AGO,
    NOW_S,
    a_config,
    a_line,
    a_visit,
    an_order,
    mapped,
    outcome_of,
)

DESCRIPTION = json.loads(
    (Path(__file__).parents[2] / "contract" / "pinterest-openapi-events.json").read_text(encoding="utf-8")
)
REQUESTS = Draft202012Validator({**DESCRIPTION, "$ref": "#/components/schemas/ConversionEvents"})
MAPPER = Mapper(a_config(privacy={"consent_unknown_countries": "other"}, events={"value_basis": "gross"}))
BOTH = pytest.mark.parametrize("make", [an_order, a_visit], ids=["order", "visit"])


# --- whatever the content ----------------------------------------------------------------------------------

ODD_TEXTS = st.sampled_from(
    [
        "",
        " ",
        "\0",
        "\ud800",
        "AU",
        "US-CA",
        "WEB",
        "PLACED",
        "NaN",
        "x" * 300,
        "ß",
        "İ",
        "٣",
        "https://[",
        "http://a?b=%ff",
    ]
)
ODD_AMOUNTS = st.sampled_from(
    [Decimal(text) for text in ("0", "-1", "1E+14", "9E+14", "1E-14", "0E-40", "NaN", "sNaN", "-Infinity", "1E+999999")]
)
ODD_TIMES = st.sampled_from(
    [
        MINUTE_AGO,
        datetime.min.replace(tzinfo=UTC),
        datetime.max.replace(tzinfo=UTC),
        datetime(2026, 1, 1),  # noqa: DTZ001
        date(2026, 1, 1),
        10**400,
        -1,
        int(NOW_S * 1_000),
    ]
)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.binary(max_size=4)
    | ODD_TEXTS
    | ODD_AMOUNTS
    | ODD_TIMES
)


def contents_of(schema: Any, named: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Values where the schema has fields: mostly of the right shape, so that much is reached, at times of any other."""
    if isinstance(schema, list):
        return st.one_of([contents_of(branch, named) for branch in schema])
    if isinstance(schema, str):
        schema = named.get(schema, {"type": schema})
    match schema["type"]:
        case "record":
            named[schema["name"]] = schema
            fields = {field["name"]: contents_of(field["type"], named) for field in schema["fields"]}
            right: st.SearchStrategy[Any] = st.fixed_dictionaries({}, optional=fields)
        case "array":
            right = st.lists(contents_of(schema["items"], named), max_size=2)
        case "enum":
            named[schema["name"]] = schema
            right = st.sampled_from(schema["symbols"])
        case "boolean":
            right = st.booleans()
        case "string":
            right = st.text(max_size=8) | ODD_TEXTS
        case "bytes":
            right = st.decimals(-1_000, 1_000, allow_nan=False, places=4) | ODD_AMOUNTS
        case _:
            right = st.integers() | ODD_TIMES
    return st.one_of(right, right, right, right, SCALARS)


def records_of(schema: Any) -> st.SearchStrategy[dict[str, Any]]:
    named: dict[str, Any] = {schema["name"]: schema}
    fields = {field["name"]: contents_of(field["type"], named) for field in schema["fields"]}
    return st.fixed_dictionaries({}, optional=fields)


def check_outcome(outcome: MapOutcome) -> None:
    match outcome:
        case Mapped():
            REQUESTS.validate({"data": [json.loads(orjson.dumps(outcome.payload))]})
        case Invalid():
            assert outcome.problems
        case Skipped():
            pass


@settings(max_examples=150, deadline=None)
@given(records_of(bundled_schema("order")))
def test_no_order_makes_it_raise(changes: dict[str, Any]) -> None:
    check_outcome(MAPPER.map("orders", Decoded("any", changes), [], NOW_S))
    check_outcome(MAPPER.map("orders", Decoded("any", an_order() | changes), [], NOW_S))


@settings(max_examples=150, deadline=None)
@given(records_of(bundled_schema("visit")))
def test_no_visit_makes_it_raise(changes: dict[str, Any]) -> None:
    check_outcome(MAPPER.map("visits", Decoded("any", changes), [], NOW_S))
    check_outcome(MAPPER.map("visits", Decoded("any", a_visit() | changes), [], NOW_S))


@BOTH
@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_one_odd_field_does_not_make_it_raise(make: Any, data: st.DataObject) -> None:
    record = full(make)
    part: Any = record
    while True:
        name = data.draw(st.sampled_from(sorted(part) if isinstance(part, dict) else list(range(len(part)))))
        if not isinstance(part[name], dict | list) or not part[name] or data.draw(st.booleans()):
            break
        part = part[name]
    part[name] = data.draw(SCALARS | st.lists(SCALARS, max_size=2) | st.dictionaries(st.text(max_size=2), SCALARS))

    outcome = outcome_of(record)

    check_outcome(outcome)


def full(make: Any) -> dict[str, Any]:
    """Something in every field that is read."""
    record: dict[str, Any] = make(
        currency="AUD",
        customer={"phones": ["+61 2 5550 0143"], "first_name": "Zoë", "last_name": "Ng", "address": {"city": "Perth"}},
        client={"page_url": "https://www.example.com/?a=b", "language": "en", "click_id": "epik", "is_bot": False},
        app={"app_id": "1", "install_time": 1_700_000_000},
        device={"advertising_id": ADVERTISING_ID, "limit_ad_tracking": False, "languages": ["en"], "screen_width": 9},
        consent={"advertising": "GRANTED", "gpc": False, "jurisdiction": "AU"},
        is_test=False,
    )
    if "type" in record:
        return record | {
            "products": [a_line(tax=Decimal(1))],
            "category": {"name": "a", "path": "a > b"},
            "search": {"term": "shirt"},
            "value": Decimal(5),
        }
    record["lines"] = [a_line(tax=Decimal(1)), a_line(type="FEE")]
    record["totals"] |= {"tax": Decimal(3), "tax_included": True, "shipping": Decimal(1), "discount": Decimal(0)}
    return record


@BOTH
def test_wrong_types_are_named_even_where_a_question_said_no(make: Any) -> None:
    outcome = outcome_of(make(is_test="yes", channel="IMPORT"))

    assert outcome == Invalid(("is_test: a string where a boolean is expected",))


def test_all_problems_are_told_at_once() -> None:
    outcome = outcome_of(an_order(currency=7, totals={"tax": "1,5", "tax_included": True}, lines=[{"quantity": "one"}]))

    assert isinstance(outcome, Invalid)
    assert {problem.partition(":")[0] for problem in outcome.problems} == {
        "currency",
        "totals.tax",
        "lines[0].quantity",
    }


def test_an_unknown_topic_is_a_dead_letter() -> None:
    assert isinstance(Mapper(a_config()).map("returns", Decoded("any", an_order()), [], NOW_S), Invalid)


def test_an_event_in_hand_keeps_no_more_memory_than_is_counted_for_it() -> None:
    """`limits.max_bytes` would mean nothing if each body kept the buffer that it was written to."""
    event, record = mapped(an_order()), a_record()
    serialise(record, event)
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        bodies = [serialise(record, event).body for _ in range(100)]
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert (after - before) / len(bodies) < len(bodies[0]) + 200


# --- schemas of other ages -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("make", "name"), [(an_order, "order"), (a_visit, "visit")])
def test_an_absent_field_counts_as_the_bundled_schemas_default(make: Any, name: Any) -> None:
    bare = {field: make()[field] for field in ("event_id", "occurred_at", "customer")}
    bare |= {"order_id": "1", "status": "PLACED"} if name == "order" else {"type": "PAGE_VISIT"}
    defaulted = from_json(bundled_schema(name), bare | {"occurred_at": MINUTE_AGO.isoformat()})

    assert mapped(bare).payload == mapped(defaulted).payload


@BOTH
def test_a_newer_schemas_fields_are_ignored(make: Any) -> None:
    newer = make(wishes=["a"], client={"screen": {"width": 1}}, customer={"middle_name": 7})

    assert mapped(newer).payload == mapped(make()).payload


@BOTH
def test_times_may_come_without_their_logical_type(make: Any) -> None:
    in_ms = int(MINUTE_AGO.timestamp() * 1_000)
    record = make(occurred_at=in_ms)
    if "placed_at" in record:
        record["placed_at"] = in_ms

    assert mapped(record).payload == mapped(make()).payload


# --- what leaves it --------------------------------------------------------------------------------------------

LETTERS = st.text("bcdfghjklmnpqrstvwxyz", min_size=7, max_size=12)
DIGITS = st.text("0123456789", min_size=6, max_size=6)
WRAPPINGS = st.sampled_from(
    [
        "{}",
        " {} ",
        "https://www.example.com/?q={}",
        "https://www.example.com/a/{}/b#{}",
        "https://{}@www.example.com/{}",
    ]
)


@BOTH
@settings(max_examples=200, deadline=None)
@given(names=st.lists(LETTERS, min_size=6, max_size=6, unique=True), digits=DIGITS, wrapping=WRAPPINGS)
def test_identifiers_leave_only_as_hashes(make: Any, names: list[str], digits: str, wrapping: str) -> None:
    first, last, city, customer_id, anonymous_id, mailbox = names
    email, phone = f"{mailbox}@example.com", f"+6125{digits}0"
    leaky = wrapping.format(email, email)
    record = make(
        customer={
            "customer_id": customer_id,
            "emails": [email.upper()],
            "phones": [phone],
            "first_name": first.title(),
            "last_name": last,
            "address": {"city": city, "postal_code": f"Z1{digits}", "region": "SA", "country": "AU"},
        },
        client={
            "anonymous_id": anonymous_id,
            "page_url": f"https://www.example.com/?p={phone}&firstname={first}&x={email}",
        },
        page={"url": leaky, "title": leaky},
        search={"term": f"{leaky} {phone}"},
        video={"title": email},
        device={"advertising_id": f"{ADVERTISING_ID[:-6]}{digits}"},
    )

    payload = mapped(record).payload

    text = orjson.dumps(payload).decode().lower()
    for identifier in (email, mailbox, phone[1:], first, last, city, customer_id, anonymous_id, ADVERTISING_ID[:-6]):
        assert identifier not in text
    assert {"em", "ph", "fn", "ln", "ct", "zp", "st", "external_id", "hashed_maids"} <= payload["user_data"].keys()


@BOTH
def test_events_keep_to_the_description(make: Any) -> None:
    for channel in ("WEB", "APP_IOS", "POS"):
        outcome = outcome_of(full(make) | {"channel": channel})

        assert isinstance(outcome, Mapped)
        check_outcome(outcome)


def test_mapping_changes_nothing_of_the_record() -> None:
    order = full(an_order)
    before = repr(order)

    outcome_of(order)

    assert repr(order) == before


# --- serialising -------------------------------------------------------------------------------------------------


def a_record() -> Record:
    return Record(Assignment("orders", 0, 0), 7, message=None, size_bytes=1, taken_s=0.0)  # type: ignore[arg-type]


def test_an_order_is_serialised_once_with_what_the_pipeline_needs_of_it() -> None:
    outcome, record = mapped(an_order()), a_record()

    event = serialise(record, outcome)

    assert json.loads(event.body) == outcome.payload
    assert event.record is record
    assert event.key == (ACCOUNT, "checkout", "merchant-1:1001:checkout", "1001")
    assert (event.action_source, event.event_time_s) == ("web", int(NOW_S) - 60)
    assert (event.value, event.currency) == (Decimal("30.00"), "AUD")


def test_a_visit_without_custom_data_is_serialised_as_well() -> None:
    event = serialise(a_record(), mapped(a_visit(client={"user_agent": BROWSER})))

    assert (event.order_id, event.value, event.currency) == (None, None, None)
    assert event.event_time_s == int(MINUTE_AGO.timestamp())
