"""What refuses a request as a whole, and what fails one event of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from consumer.emulator.description import NEWER, PUBLISHED, Edition
from consumer.emulator.rules import Refused, event_error, read_events
from tests.unit.emulator.builders import DAY_S, NOW_S, event_of, hashed

EMAIL = hashed("ada@example.com")


def outcome(*events: Any, edition: Edition = PUBLISHED) -> str:
    """The breach of a request with these events, or "" if it is read."""
    found = read_events(json.dumps({"data": events}).encode(), edition=edition)
    return found.breach if isinstance(found, Refused) else ""


def test_reads_the_events_in_order() -> None:
    events = [event_of("A-1"), event_of("A-2")]

    assert read_events(json.dumps({"data": events}).encode()) == events


@pytest.mark.parametrize(
    ("body", "breach"),
    [
        pytest.param(b"", "not valid JSON", id="empty"),
        pytest.param(b"{", "not valid JSON", id="cut off"),
        pytest.param(b'{"data":[NaN]}', "not valid JSON", id="NaN is not JSON"),
        pytest.param(b"\x1f\x8b\x08\x00", "not valid JSON", id="compressed"),
        pytest.param(b"[]", "not of type 'object'", id="not an object"),
        pytest.param(b"{}", "'data' is a required property", id="no data"),
        pytest.param(b'{"data":{}}', "'data' is not of type 'array'", id="data is no array"),
        pytest.param(b'{"data":[]}', "too short", id="no event"),
        pytest.param(b'{"data":[1]}', "not of type 'object'", id="event is no object"),
        pytest.param(b'{"data":[{}],"test":true}', "('test' was unexpected)", id="another key beside data"),
    ],
)
def test_refuses_what_is_no_list_of_events(body: bytes, breach: str) -> None:
    found = read_events(body)

    assert isinstance(found, Refused)
    assert breach in found.breach


@pytest.mark.parametrize("content_type", ["", "text/plain", "application/x-www-form-urlencoded", "application/jsonl"])
def test_refuses_what_is_not_said_to_be_json(content_type: str) -> None:
    found = read_events(json.dumps({"data": [event_of()]}).encode(), content_type)

    assert found == Refused("the content type is not application/json")


@pytest.mark.parametrize("content_type", ["application/json", "application/json; charset=utf-8", "Application/JSON"])
def test_takes_each_way_to_say_json(content_type: str) -> None:
    assert read_events(json.dumps({"data": [event_of()]}).encode(), content_type) == [event_of()]


def test_takes_a_thousand_events_and_not_one_more() -> None:
    event = event_of()

    assert outcome(*[event] * 1_000) == ""
    assert outcome(*[event] * 1_001) == "'data' is too long"


@pytest.mark.parametrize("name", ["event_name", "action_source", "event_time", "event_id", "user_data"])
def test_refuses_a_request_for_a_missing_required_field(name: str) -> None:
    event = event_of()
    del event[name]

    assert outcome(event_of(), event) == f"'{name}' is a required property"


@pytest.mark.parametrize(
    "event",
    [
        pytest.param(event_of(x=1), id="event"),
        pytest.param(event_of(custom_data={"x": 1}), id="custom_data"),
        pytest.param(event_of(custom_data={"contents": [{"id": "p"}, {"x": 1}]}), id="contents"),
        pytest.param(event_of(app_info={"x": 1}), id="app_info"),
        pytest.param(event_of(device_info={"x": 1}), id="device_info"),
    ],
)
def test_refuses_a_request_for_an_unknown_key(event: dict[str, Any]) -> None:
    assert outcome(event_of(), event) == "Additional properties are not allowed ('x' was unexpected)"


@pytest.mark.parametrize(
    ("event", "field"),
    [
        pytest.param(event_of(event_time="1750000000"), "event_time", id="time as a string"),
        pytest.param(event_of(event_time=1750000000.0), "event_time", id="time with a fraction"),
        pytest.param(event_of(event_time=True), "event_time", id="a boolean is no integer"),
        pytest.param(event_of(opt_out="false"), "opt_out", id="boolean as a string"),
        pytest.param(event_of(event_id=7), "event_id", id="id as a number"),
        pytest.param(event_of(user_data=[]), "user_data", id="user_data is no object"),
        pytest.param(event_of(user_data={"em": EMAIL}), "em", id="hash outside an array"),
        pytest.param(event_of(user_data={"em": [EMAIL, 7]}), "em", id="a number among hashes"),
        pytest.param(
            event_of(user_data={"em": [EMAIL], "client_ip_address": None}), "client_ip_address", id="null address"
        ),
        pytest.param(event_of(custom_data={"value": 72.39}), "value", id="value as a number"),
        pytest.param(event_of(custom_data={"num_items": None}), "num_items", id="null count"),
        pytest.param(event_of(custom_data={"content_ids": [1]}), "content_ids", id="content id as a number"),
        pytest.param(event_of(custom_data={"contents": [{"item_price": 9}]}), "item_price", id="price as a number"),
        pytest.param(event_of(app_info={"install_time": "1"}), "install_time", id="install time as a string"),
        pytest.param(event_of(device_info={"languages": ["en", 1]}), "languages", id="language as a number"),
    ],
)
def test_refuses_a_request_for_a_wrong_type(event: dict[str, Any], field: str) -> None:
    breach = outcome(event_of(), event)

    assert f"'{field}'" in breach
    assert "is not of type" in breach


@pytest.mark.parametrize(
    ("name", "limit", "field"),
    [
        pytest.param("app_info", {"app_name": "x" * 201}, "app_name", id="long name"),
        pytest.param("app_info", {"window_width": 30_721}, "window_width", id="wide window"),
        pytest.param("app_info", {"install_time": -1}, "install_time", id="negative time"),
        pytest.param("device_info", {"timezone_abbr": "ABCDEF"}, "timezone_abbr", id="long zone"),
        pytest.param("device_info", {"languages": ["en"] * 101}, "languages", id="many languages"),
        pytest.param("device_info", {"form_factor": "toaster"}, "form_factor", id="unknown choice"),
    ],
)
def test_refuses_a_request_for_a_value_out_of_bounds(name: str, limit: dict[str, Any], field: str) -> None:
    assert f"'{field}'" in outcome({**event_of(), name: limit})


def test_an_object_seen_right_before_is_still_held_to_its_limits() -> None:
    assert outcome(event_of(device_info={"battery_level": 100})) == ""

    assert "'battery_level'" in outcome(event_of(device_info={"battery_level": 101}))


def test_null_is_good_only_where_the_description_says_so() -> None:
    assert outcome({**event_of(), "language": None}) == ""
    assert outcome({**event_of(), "event_id": None}) == "'event_id' is not of type 'string'"


def test_a_breach_never_repeats_a_value() -> None:
    assert "ada" not in outcome(event_of(user_data={"em": "ada@example.com"}))


@pytest.mark.parametrize("name", sorted(PUBLISHED.event_names))
def test_processes_each_of_the_event_names(name: str) -> None:
    assert event_error(event_of(event_name=name), NOW_S) == ""


def test_knows_fifteen_event_names() -> None:
    assert len(PUBLISHED.event_names) == 15


@pytest.mark.parametrize(
    ("event", "named"),
    [
        pytest.param(event_of(event_name="purchase"), "event_name", id="unknown name"),
        pytest.param(event_of(event_name="Checkout"), "event_name", id="name in capitals"),
        pytest.param(event_of(event_id=""), "event_id", id="no id"),
        pytest.param(event_of(event_id=" "), "event_id", id="blank id"),
        pytest.param(event_of(action_source="pos"), "action_source", id="unknown source"),
        pytest.param(event_of(event_time=NOW_S - 7 * DAY_S - 1), "in the past", id="too old"),
        pytest.param(event_of(event_time=NOW_S + 1), "in the future", id="in the future"),
        pytest.param(event_of(event_time=NOW_S * 1_000), "in the future", id="milliseconds"),
        pytest.param(event_of(user_data={"em": ["ada@example.com"]}), "Invalid em", id="clear text"),
        pytest.param(event_of(user_data={"em": [EMAIL.upper()]}), "Invalid em", id="capital digits"),
        pytest.param(event_of(user_data={"em": [EMAIL[:-2]]}), "Invalid em", id="too short a hash"),
        pytest.param(event_of(user_data={"em": [EMAIL[:-2] + "  "]}), "Invalid em", id="blanks in a hash"),
        pytest.param(event_of(user_data={"em": [EMAIL[:-1], EMAIL + "a"]}), "Invalid em", id="63 and 65 digits"),
        pytest.param(event_of(user_data={"em": [EMAIL], "ph": ["4915"]}), "Invalid ph", id="second field"),
        pytest.param(event_of(custom_data={"value": "1,234.50"}), "Invalid value", id="thousands mark"),
        pytest.param(event_of(custom_data={"value": "NaN"}), "Invalid value", id="not a number"),
        pytest.param(
            event_of(custom_data={"value": "-0.01"}), "Invalid value parameter. It is neg", id="negative value"
        ),
        pytest.param(event_of(custom_data={"predicted_ltv": "-1"}), "predicted_ltv", id="negative lifetime value"),
        pytest.param(event_of(custom_data={"contents": [{}, {"item_price": "-1"}]}), "item_price", id="negative price"),
        pytest.param(event_of(custom_data={"contents": [{}, {"quantity": -1}]}), "quantity", id="negative quantity"),
        pytest.param(event_of(custom_data={"num_items": -1}), "num_items", id="negative count"),
        pytest.param(event_of(custom_data={"currency": "eur"}), "Invalid currency", id="currency in small letters"),
        pytest.param(event_of(custom_data={"currency": "€"}), "Invalid currency", id="currency sign"),
        pytest.param(event_of(custom_data={"currency": ""}), "Invalid currency", id="empty currency"),
        pytest.param(event_of(custom_data={"contents": [{"item_price": ""}]}), "Invalid item_price", id="no price"),
    ],
)
def test_fails_the_one_event_for_what_the_schema_cannot_say(event: dict[str, Any], named: str) -> None:
    assert outcome(event) == ""
    assert named in event_error(event, NOW_S)


@pytest.mark.parametrize(
    "event_time",
    [pytest.param(NOW_S, id="this second"), pytest.param(NOW_S - 7 * DAY_S, id="seven days ago")],
)
def test_processes_events_up_to_the_edges_of_time(event_time: int) -> None:
    assert event_error(event_of(event_time=event_time), NOW_S) == ""


@pytest.mark.parametrize(
    ("user_data", "is_identified"),
    [
        pytest.param({"em": [EMAIL]}, True, id="e-mail"),
        pytest.param({"hashed_maids": [EMAIL]}, True, id="advertising id"),
        pytest.param({"client_ip_address": "203.0.113.7", "client_user_agent": "UA"}, True, id="address and agent"),
        pytest.param({}, False, id="nothing"),
        pytest.param({"em": []}, False, id="empty list"),
        pytest.param({"client_ip_address": "203.0.113.7"}, False, id="address alone"),
        pytest.param({"client_user_agent": "UA"}, False, id="agent alone"),
        pytest.param({"ph": [EMAIL], "external_id": [EMAIL], "click_id": "c"}, False, id="phone, id and click"),
    ],
)
def test_an_event_needs_one_of_three_identities(user_data: dict[str, Any], is_identified: bool) -> None:  # noqa: FBT001
    event = event_of(user_data=user_data)

    assert outcome(event) == ""
    assert (event_error(event, NOW_S) == "") is is_identified


@pytest.mark.parametrize("amount", ["0", "0.00", "+1", "72.39", "1e3"])
def test_processes_amounts_from_zero_up(amount: str) -> None:
    event = event_of(custom_data={"value": amount, "predicted_ltv": amount, "contents": [{"item_price": amount}]})

    assert event_error(event, NOW_S) == ""


@pytest.mark.parametrize("nothing", ["value", "currency", "predicted_ltv", "order_id", "opt_out_type"])
def test_processes_null_where_the_description_allows_it(nothing: str) -> None:
    event = event_of(custom_data={nothing: None})

    assert outcome(event) == ""
    assert event_error(event, NOW_S) == ""


@pytest.mark.parametrize("address", ["203.0.113.7", "2001:db8::7", "::ffff:203.0.113.7", "10.0.0.1"])
def test_processes_each_form_of_address(address: str) -> None:
    user_data = {"client_ip_address": address, "client_user_agent": "UA"}

    assert event_error(event_of(user_data=user_data), NOW_S) == ""


@pytest.mark.parametrize(
    "address", ["", "Mozilla/5.0", "203.0.113", "203.0.113.256", "fe80::1%eth0", "203.0.113.7, ::1"]
)
def test_an_address_that_is_none_fails_the_event_even_beside_an_email(address: str) -> None:
    event = event_of(user_data={"em": [EMAIL], "client_ip_address": address, "client_user_agent": "UA"})

    assert outcome(event) == ""
    assert "Invalid client_ip_address" in event_error(event, NOW_S)


NEWER_NAMES = [
    *("app_open", "contact", "customize_product", "find_location", "schedule", "start_trial", "submit_application")
]


@pytest.mark.parametrize("name", NEWER_NAMES)
def test_newer_names_fail_the_event_unless_asked_for(name: str) -> None:
    assert "event_name" in event_error(event_of(event_name=name), NOW_S)
    assert event_error(event_of(event_name=name), NOW_S, NEWER) == ""


@pytest.mark.parametrize(
    ("event", "field"),
    [
        (event_of(advertiser_tracking_enabled=True), "advertiser_tracking_enabled"),
        (event_of(custom_data={"contents": [{"item_brand_id": "x" * 64}]}), "item_brand_id"),
    ],
)
def test_newer_fields_refuse_the_request_unless_asked_for(event: dict[str, Any], field: str) -> None:
    assert outcome(event) == f"Additional properties are not allowed ('{field}' was unexpected)"
    assert outcome(event, edition=NEWER) == ""


@pytest.mark.parametrize(
    "event",
    [
        pytest.param(event_of(advertiser_tracking_enabled="true"), id="not a boolean"),
        pytest.param(event_of(custom_data={"contents": [{"item_brand_id": 7}]}), id="not a string"),
        pytest.param(event_of(custom_data={"contents": [{"item_brand_id": "x" * 65}]}), id="too long"),
        pytest.param(event_of(user_data={"em": [EMAIL]}, x=1), id="still closed"),
    ],
)
def test_newer_fields_are_held_to_their_types(event: dict[str, Any]) -> None:
    assert outcome(event, edition=NEWER) != ""
