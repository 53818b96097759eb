"""The last check of an event before it is sent."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from consumer.pinterest import events
from consumer.pinterest.events import CLEAR, HASHED, NEWER_EVENT_NAMES, Contract, has_identity

DESCRIPTION = Path(__file__).parents[2] / "contract" / "pinterest-openapi-events.json"
HASH = "0a" * 32

FIELDS = HASHED | CLEAR
CONTRACT = Contract(is_newer=False, fields=FIELDS)
NEWER = Contract(is_newer=True, fields=FIELDS)


def an_event(**changes: Any) -> dict[str, Any]:
    event = {
        "event_name": "checkout",
        "action_source": "web",
        "event_time": 1_750_000_000,
        "event_id": "merchant-1:1001:checkout",
        "user_data": {"em": [HASH]},
        **changes,
    }
    return {name: value for name, value in event.items() if value is not ...}


def schema(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(DESCRIPTION.read_text(encoding="utf-8"))["components"]["schemas"][name]
    return found


def test_a_good_event_stays_as_it_is() -> None:
    event = an_event(
        custom_data={"value": "12.30", "currency": "EUR", "contents": [{"id": "a", "quantity": 1}]}, language="de"
    )
    before = json.dumps(event)

    assert CONTRACT.check(event) == ([], [])
    assert json.dumps(event) == before


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        pytest.param({"event_name": ...}, "event_name", id="without name"),
        pytest.param({"event_name": "purchase"}, "event_name", id="name of another platform"),
        pytest.param({"action_source": "pos"}, "action_source", id="unknown source"),
        pytest.param({"event_time": ...}, "event_time", id="without time"),
        pytest.param({"event_time": 1_750_000_000.5}, "event_time", id="fraction of a second"),
        pytest.param({"event_time": True}, "event_time", id="time that is a boolean"),
        pytest.param({"event_time": -1}, "event_time", id="before 1970"),
        pytest.param({"event_id": ""}, "event_id", id="blank id"),
        pytest.param({"event_id": "x" * 257}, "event_id", id="id too long to be one"),
        pytest.param({"user_data": ...}, "user_data", id="without user data"),
        pytest.param({"user_data": {"em": ["shopper@example.com"]}}, "user_data.em", id="address in clear"),
        pytest.param({"user_data": {"em": [HASH.upper()]}}, "user_data.em", id="hash in upper case"),
        pytest.param({"user_data": {"ph": HASH}}, "user_data.ph", id="hash without its array"),
        pytest.param({"event_name": "start_trial"}, "event_name", id="name newer than the API"),
        pytest.param({"custom_data": {"value": "1.00"}}, "custom_data.value", id="value without currency"),
        pytest.param(
            {"custom_data": {"value": "1.00", "currency": "euro"}}, "custom_data.value", id="currency that is none"
        ),
        pytest.param({"custom_data": {"contents": ["a"]}}, "contents", id="content that is no object"),
    ],
)
def test_what_is_required_and_wrong_is_a_problem(changes: dict[str, Any], field: str) -> None:
    problems, _ = CONTRACT.check(an_event(**changes))

    assert [problem.partition(":")[0] for problem in problems] == [field]
    assert "shopper@" not in problems[0]


def test_an_id_of_256_characters_is_taken() -> None:
    assert CONTRACT.check(an_event(event_id="x" * 256)) == ([], [])


@pytest.mark.parametrize(
    ("part", "value", "left", "name"),
    [
        pytest.param("app_info", {"app_name": "x" * 201}, {"app_name": "x" * 200}, "app_info.app_name", id="cut"),
        pytest.param("app_info", {"app_id": "x" * 201}, None, "app_info.app_id", id="half an id is none"),
        pytest.param("device_info", {"locale": "x" * 36}, None, "device_info.locale", id="half a locale is none"),
        pytest.param("device_info", {"battery_level": 101}, None, "device_info.battery_level", id="out of range"),
        pytest.param("device_info", {"screen_width": -1}, None, "device_info.screen_width", id="below nought"),
        pytest.param("device_info", {"form_factor": "phone"}, None, "device_info.form_factor", id="no such choice"),
        pytest.param("device_info", {"colour": "red"}, None, "device_info.colour", id="unknown field"),
        pytest.param("device_info", {"model": 7}, None, "device_info.model", id="wrong type"),
        pytest.param(
            "device_info", {"languages": ["en", "eng"]}, {"languages": ["en"]}, "device_info.languages", id="one of two"
        ),
        pytest.param(
            "device_info",
            {"languages": ["en"] * 101},
            {"languages": ["en"] * 100},
            "device_info.languages",
            id="too many",
        ),
        pytest.param("custom_data", {"value": "1e3"}, None, "custom_data.value", id="exponent"),
        pytest.param("custom_data", {"category_name": "x"}, None, "custom_data.category_name", id="known elsewhere"),
        pytest.param(
            "custom_data", {"content_ids": ["a", ""]}, {"content_ids": ["a"]}, "custom_data.content_ids", id="blank id"
        ),
        pytest.param("custom_data", {"opt_out_type": "GDPR"}, None, "custom_data.opt_out_type", id="no such opt-out"),
        pytest.param("wifi", "yes", None, "wifi", id="word for a flag"),
        pytest.param("app_name", "x" * 201, "x" * 200, "app_name", id="cut in the flat form too"),
        pytest.param("language", "en-US", None, "language", id="locale for a language"),
        pytest.param("advertiser_tracking_enabled", True, None, "advertiser_tracking_enabled", id="newer than the API"),
    ],
)
def test_an_optional_field_beyond_its_limit_is_cut_or_left_out(part: str, value: Any, left: Any, name: str) -> None:
    event = an_event(**{part: value})

    problems, clipped = CONTRACT.check(event)

    assert (problems, clipped) == ([], [name])
    assert event.get(part) == left


def test_contents_are_limited_one_by_one() -> None:
    event = an_event(custom_data={"contents": [{"id": "a", "item_brand_id": "b"}, {"id": "c", "item_price": "free"}]})

    _, clipped = CONTRACT.check(event)

    assert clipped == ["contents.item_brand_id", "contents.item_price"]
    assert event["custom_data"]["contents"] == [{"id": "a"}, {"id": "c"}]


def test_unknown_user_data_is_left_out_as_nobody_else_would_notice() -> None:
    event = an_event(user_data={"em": [HASH], "email": "shopper@example.com", "click_id": None, "ph": []})

    _, clipped = CONTRACT.check(event)

    assert event["user_data"] == {"em": [HASH]}
    assert clipped == ["user_data.email", "user_data.click_id"]


@pytest.mark.parametrize(
    ("user_data", "is_enough"),
    [
        pytest.param({"em": [HASH]}, True, id="e-mail"),
        pytest.param({"hashed_maids": [HASH]}, True, id="advertising id"),
        pytest.param(
            {"client_ip_address": "203.0.113.7", "client_user_agent": "Browser"}, True, id="address and agent"
        ),
        pytest.param({"client_ip_address": "203.0.113.7"}, False, id="address alone"),
        pytest.param({"client_user_agent": "Browser"}, False, id="user agent alone"),
        pytest.param(
            {"ph": [HASH], "external_id": [HASH], "click_id": "epik"}, False, id="phone, external id, click id"
        ),
        pytest.param({}, False, id="nothing"),
    ],
)
def test_identity_is_what_the_description_says(user_data: dict[str, Any], *, is_enough: bool) -> None:
    assert has_identity(user_data) is is_enough


@pytest.mark.parametrize(
    ("name", "limits"),
    [("ConversionEventAppInfo", events._APP_INFO), ("ConversionEventDeviceInfo", events._DEVICE_INFO)],
)
def test_limits_of_app_and_device_are_those_of_the_description(name: str, limits: dict[str, Any]) -> None:
    kinds = {"string": str, "integer": int, "array": list}
    described = schema(name)["properties"]

    assert limits.keys() == described.keys()
    for field, limit in limits.items():
        told = described[field]
        assert limit.kind is kinds[told["type"]], field
        assert limit.choices == (frozenset(told["enum"]) if "enum" in told else None), field
        most = told.get("maxLength", told.get("maximum", told.get("maxItems", events._MAX_INT64)))
        assert limit.most == most, field


def test_fields_are_those_of_the_description() -> None:
    event = schema("ConversionEvents")["properties"]["data"]["items"]
    custom_data = event["properties"]["custom_data"]["properties"]
    user_data = schema("ConversionEventsUserDataProperties")["properties"]

    assert events._EVENT.keys() | events._FLAT.keys() == event["properties"].keys()
    assert set(events._REQUIRED) == set(event["required"])
    assert events._CUSTOM_DATA.keys() == custom_data.keys()
    assert events._CONTENT.keys() == custom_data["contents"]["items"]["properties"].keys()
    assert user_data.keys() == events.HASHED | events.CLEAR
    assert {name for name, told in user_data.items() if told["type"] == "array"} == events.HASHED


def test_newer_names_pass_where_they_are_asked_for() -> None:
    event = an_event(
        event_name="start_trial",
        advertiser_tracking_enabled=False,
        custom_data={"contents": [{"item_brand_id": "b" * 64}, {"id": "a", "item_brand_id": "b" * 65}]},
    )

    assert NEWER.check(event) == ([], ["contents.item_brand_id"])
    assert event["advertiser_tracking_enabled"] is False
    assert event["custom_data"]["contents"] == [{"item_brand_id": "b" * 64}, {"id": "a"}]


def test_newer_names_are_not_in_the_description() -> None:
    assert not NEWER_EVENT_NAMES & events.EVENT_NAMES


def test_one_fact_is_told_in_one_form() -> None:
    event = an_event(app_id="1", device_model="Pixel", wifi=True, app_info={"app_id": "1"})

    _, clipped = CONTRACT.check(event)

    assert sorted(clipped) == ["app_id", "device_model"]
    assert (event.keys() & {"app_id", "device_model"}, event["wifi"]) == (set(), True)


def test_only_the_allowed_fields_of_a_person_leave() -> None:
    event = an_event(user_data={"em": [HASH], "db": [HASH], "click_id": "epik"})

    assert Contract(is_newer=False, fields=frozenset({"em"})).check(event) == ([], [])
    assert event["user_data"] == {"em": [HASH]}
