"""The form that an event takes by the operator's settings."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import pytest

from consumer.mapping.compose import _FLAT_APP, _FLAT_DEVICE
from consumer.pinterest import events
from consumer.pinterest.events import NEWER_EVENT_NAMES
from consumer.records import SkipReason
from tests.unit.mapping.builders import (
    ACCOUNT,
    ADVERTISING_ID,
    OTHER_ACCOUNT,
    a_line,
    a_visit,
    an_order,
    event_of,
    mapped,
    outcome_of,
    skip_of,
)

BOTH = pytest.mark.parametrize("make", [an_order, a_visit], ids=["order", "visit"])
APP = {"app_id": "429047995", "app_name": "Shop", "app_version": "7.9", "app_package_name": "com.example.shop"}
DEVICE = {
    "brand": "Apple", "carrier": "Telco", "model": "iPhone X", "type": "iPhone", "os_version": "18.1",
    "os_family": "ios", "network_type": "WIFI", "locale": "de_AT",
}  # fmt: skip
FLAT = {"app_fields": "flat"}
NEWER = {"newer_fields": True}


def in_an_app(make: Any, **changes: Any) -> dict[str, Any]:
    record: dict[str, Any] = make(channel="APP_IOS", app=APP, device=DEVICE | changes)
    return record


@BOTH
def test_app_and_device_are_nested_unless_flat_is_asked_for(make: Any) -> None:
    event = event_of(in_an_app(make))

    assert event["app_info"] == APP
    assert event["device_info"] == DEVICE | {"network_type": "wifi"}
    assert not event.keys() & (events._FLAT.keys() | {"wifi"})


@BOTH
def test_the_flat_form_has_what_it_knows_and_nothing_nested(make: Any) -> None:
    event = event_of(in_an_app(make), events=FLAT)

    assert {name: event[name] for name in event.keys() & (events._FLAT.keys() | {"wifi"})} == {
        "app_id": "429047995",
        "app_name": "Shop",
        "app_version": "7.9",
        "device_brand": "Apple",
        "device_carrier": "Telco",
        "device_model": "iPhone X",
        "device_type": "iPhone",
        "os_version": "18.1",
        "wifi": True,
    }
    assert not event.keys() & {"app_info", "device_info"}


def test_every_flat_name_is_filled() -> None:
    assert {*_FLAT_APP.values(), *_FLAT_DEVICE.values()} == events._FLAT.keys()


@pytest.mark.parametrize(
    ("network", "wifi"), [("cellular_4g", False), ("ETHERNET", False), ("UNKNOWN", None), (None, None)]
)
def test_the_flat_form_tells_of_the_network_only_whether_it_is_wifi(network: str | None, *, wifi: bool | None) -> None:
    assert event_of(in_an_app(a_visit, network_type=network), events=FLAT).get("wifi") is wifi


@BOTH
def test_a_till_tells_nothing_of_its_device_in_either_form(make: Any) -> None:
    record = make(channel="POS", app=APP, device=DEVICE)

    assert not event_of(record, events=FLAT).keys() & (events._FLAT.keys() | {"wifi"})


@BOTH
def test_partners_are_named_where_that_is_agreed(make: Any) -> None:
    agreed = {"partner_name": "ss-example", "named_partner": "ss-example", "external_measurement_vendor_id": 3}

    event = event_of(make(external_measurement_id="m-1"), events=agreed)
    silent = event_of(make(external_measurement_id=None), events=agreed)

    assert event["partner_name"] == "ss-example"
    assert event["custom_data"]["np"] == "ss-example"
    assert event["custom_data"]["external_measurement_id"] == "m-1"
    assert event["custom_data"]["external_measurement_vendor_id"] == 3
    assert not silent["custom_data"].keys() & {"external_measurement_id", "external_measurement_vendor_id"}
    assert "np" not in event_of(make()).get("custom_data", {})


@pytest.mark.parametrize("name", sorted(NEWER_EVENT_NAMES))
def test_a_newer_type_counts_only_where_asked_for(name: str) -> None:
    visit = a_visit(type=name.upper())

    assert skip_of(visit) is SkipReason.NOT_A_CONVERSION
    assert event_of(visit, events=NEWER)["event_name"] == name


def test_newer_fields_are_sent_only_where_asked_for() -> None:
    visit = in_an_app(a_visit, advertiser_tracking_enabled=True) | {"products": [a_line(brand_id="b-7")]}

    older, newer = event_of(visit), event_of(visit, events=NEWER)

    assert "advertiser_tracking_enabled" not in older
    assert newer["advertiser_tracking_enabled"] is True
    assert "item_brand_id" not in older["custom_data"]["contents"][0]
    assert newer["custom_data"]["contents"][0]["item_brand_id"] == "b-7"


@BOTH
def test_who_refused_tracking_on_ios_is_opted_out_and_lends_no_advertising_id(make: Any) -> None:
    device = {"advertising_id": ADVERTISING_ID, "advertiser_tracking_enabled": False}

    event = event_of(make(channel="APP_IOS", device=device))

    assert event["opt_out"] is True
    assert "hashed_maids" not in event["user_data"]


@BOTH
def test_denied_consent_is_sent_with_opt_out_where_that_is_lawful_and_wanted(make: Any) -> None:
    privacy = {"denied": "opt_out"}

    def living_in(country: str | None) -> dict[str, Any]:
        record: dict[str, Any] = make(
            consent={"advertising": "DENIED"}, customer={"emails": ["a@example.com"], "address": {"country": country}}
        )
        return record

    assert event_of(living_in("AU"), privacy=privacy)["opt_out"] is True
    assert skip_of(living_in("AU")) is SkipReason.NO_CONSENT
    for refused in ("DE", "GB", "CH", None):
        assert skip_of(living_in(refused), privacy=privacy) is SkipReason.NO_CONSENT
    unknown = privacy | {"consent_unknown_countries": "other"}
    assert skip_of(living_in(None), privacy=unknown) is SkipReason.NO_CONSENT
    assert "opt_out" not in event_of(living_in("US"), privacy=privacy)
    assert event_of(living_in("US"), privacy=privacy)["custom_data"]["opt_out_type"] == "LDP"


@BOTH
def test_only_the_allowed_fields_of_a_person_leave(make: Any) -> None:
    event = event_of(make(customer={"first_name": "Kim", "partner_id": "ramp-1"}), privacy={"fields": ["em"]})

    assert event["user_data"].keys() == {"em"}


@BOTH
def test_without_its_identity_an_event_is_nobodys(make: Any) -> None:
    assert skip_of(make(), privacy={"fields": ["ph", "external_id"]}) is SkipReason.NO_IDENTITY


@BOTH
def test_an_account_that_is_switched_off_gets_nothing(make: Any) -> None:
    accounts = {ACCOUNT: {"mode": "off"}, OTHER_ACCOUNT: {"mode": "live"}}

    assert skip_of(make(), ad_accounts=accounts) is SkipReason.ACCOUNT_OFF
    assert skip_of(make(), ad_accounts={OTHER_ACCOUNT: {"mode": "off"}}) is None


@BOTH
def test_ids_of_partners_and_of_pinterests_cookie(make: Any) -> None:
    event = event_of(
        make(customer={"customer_id": "K-1", "partner_id": "XY1000bIVBVah9ium"}, client={"unauth_id": "dWlkPTEyMw"})
    )

    assert event["user_data"]["partner_id"] == "XY1000bIVBVah9ium"
    assert event["user_data"]["external_id"] == [sha256(text).hexdigest() for text in (b"K-1", b"dWlkPTEyMw")]


@BOTH
def test_a_partners_id_that_is_an_address_does_not_leave(make: Any) -> None:
    outcome = mapped(make(customer={"partner_id": "ada@example.com"}))

    assert "partner_id" not in outcome.payload["user_data"]
    assert "partner_id" in outcome.clipped


@BOTH
def test_what_may_not_leave_is_not_told_as_clipped(make: Any) -> None:
    customer = {"customer_id": "0", "address": {"region": "nowhere", "country": "AU"}}

    assert mapped(make(customer=customer), privacy={"fields": ["em"]}).clipped == ()


def test_the_click_id_is_found_in_either_url() -> None:
    visit = a_visit(client={"page_url": "https://www.example.com/?epik=dj0yJnU9abc"})

    assert event_of(visit)["user_data"]["click_id"] == "dj0yJnU9abc"


@pytest.mark.parametrize(
    ("currency", "count", "value", "price"),
    [
        pytest.param("EUR", "minor", "19.99", "24.99", id="cents"),
        pytest.param("JPY", "minor", "1999", "2499", id="yen"),
        pytest.param("KWD", "minor", "1.999", "2.499", id="fils"),
        pytest.param("EUR", "major", "1999.00", "2499.00", id="euros"),
    ],
)
def test_whole_numbers_are_worth_what_the_operator_says(currency: str, count: str, value: str, price: str) -> None:
    order = an_order(
        currency=currency,
        totals={"items_gross": 2499, "items_net": 1999, "tax": 0},
        lines=[a_line(unit_price=2499, quantity=1)],
    )

    custom_data = event_of(order, events={"integer_amounts": count})["custom_data"]

    assert (custom_data["value"], custom_data["contents"][0]["item_price"]) == (value, price)


def test_doubles_are_worth_what_they_were_meant_to_be() -> None:
    order = an_order(
        totals={"items_gross": 0.1 + 0.2, "items_net": 1.005, "tax": 0.0},
        lines=[a_line(unit_price=19.99, quantity=2.0)],
    )

    custom_data = event_of(order)["custom_data"]

    assert (custom_data["value"], custom_data["contents"][0]["item_price"]) == ("1.01", "19.99")


def test_whole_numbers_of_unsaid_meaning_are_refused_with_the_remedy() -> None:
    problems = outcome_of(an_order(totals={"items_net": 1999})).problems  # type: ignore[union-attr]

    assert problems == (
        "totals.items_net: a whole number; say what it counts with `unit` or events.integer_amounts, and the currency",
    )


@BOTH
def test_goods_made_for_somebody_do_not_tell_for_whom(make: Any) -> None:
    line = a_line(name="Mug for ada@example.com", brand="Potter", category="Gifts > +61 2 5550 0143")
    lines = {"lines" if make is an_order else "products": [line]}

    outcome = mapped(make(**lines))

    (content,) = outcome.payload["custom_data"]["contents"]
    assert (content.keys() & {"item_name", "item_category"}, content["item_brand"]) == (set(), "Potter")
    assert {"contents.item_name", "contents.item_category"} <= set(outcome.clipped)


def test_what_was_clipped_is_told_once() -> None:
    assert mapped(in_an_app(a_visit, locale="x" * 36)).clipped == ("device_info.locale",)
