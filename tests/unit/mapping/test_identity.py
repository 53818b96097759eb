"""Who it was: which identifiers an event carries, hashed or in clear."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from typing import Any

import pytest

from tests.unit.mapping.builders import ADVERTISING_ID, BROWSER, NOW, a_visit, an_order, event_of, mapped

BOTH = pytest.mark.parametrize("make", [an_order, a_visit], ids=["order", "visit"])


def hashes(*texts: str) -> list[str]:
    return [sha256(text.encode()).hexdigest() for text in texts]


def a_person(**changes: Any) -> dict[str, Any]:
    person = {
        "customer_id": "C-42",
        "emails": ["Shopper@example.com"],
        "phones": ["02 5550 0143"],
        "first_name": "Zoë",
        "last_name": "O'Malley",
        "birth_date": date(1990, 2, 1),
        "gender": "f",
        "address": {"city": "Alice Springs", "region": "NT", "postal_code": "0870", "country": "AU"},
    }
    return {**person, **changes}


CLIENT = {
    "ip_address": "203.0.113.7",
    "user_agent": BROWSER,
    "click_id": "dj0yJnU9",
    "anonymous_id": "Browser-1",
    "page_url": "https://www.example.com/?epik=fromTheUrl",
    "language": "en-AU",
}
DEVICE = {"advertising_id": ADVERTISING_ID.upper(), "model": "Model 1"}
IN_CLEAR = {"client_ip_address": "203.0.113.7", "client_user_agent": BROWSER, "click_id": "dj0yJnU9"}
OF_THE_PERSON = {
    "em": hashes("shopper@example.com"),
    "ph": hashes("61255500143"),
    "fn": hashes("zoë"),
    "ln": hashes("o'malley"),
    "ct": hashes("alicesprings"),
    "st": hashes("nt"),
    "zp": hashes("0870"),
    "country": hashes("au"),
}


@BOTH
def test_a_shopper_on_the_web(make: Any) -> None:
    event = event_of(make(customer=a_person(), client=CLIENT))

    assert event["user_data"] == OF_THE_PERSON | IN_CLEAR | {"external_id": hashes("C-42", "Browser-1")}
    assert event["language"] == "en"


@BOTH
def test_a_shopper_in_an_app(make: Any) -> None:
    app = {"app_id": "429047995", "app_name": "Example"}

    event = event_of(make(channel="APP_IOS", customer=a_person(), client=CLIENT, device=DEVICE, app=app))

    assert event["user_data"]["hashed_maids"] == hashes(ADVERTISING_ID)
    assert event["app_info"] == app
    assert event["device_info"] == {"model": "Model 1"}
    assert "event_source_url" not in event


@BOTH
@pytest.mark.parametrize("channel", ["POS", "CALL_CENTER"])
def test_a_customer_at_a_till_has_no_browser_and_no_device(make: Any, channel: str) -> None:
    event = event_of(make(channel=channel, customer=a_person(), client=CLIENT, device=DEVICE, app={"app_name": "Till"}))

    assert event["user_data"] == OF_THE_PERSON | {"external_id": hashes("C-42")}
    assert event.keys() <= {"event_name", "action_source", "event_time", "event_id", "user_data", "custom_data"}


@BOTH
def test_birth_date_and_gender_are_not_sent(make: Any) -> None:
    assert not {"db", "ge"} & event_of(make(customer=a_person()))["user_data"].keys()


WITH_BIRTH_AND_GENDER = {"privacy": {"fields": ["em", "db", "ge"]}}


@BOTH
@pytest.mark.parametrize(
    "birth_date",
    [
        pytest.param(date(1990, 2, 1), id="date"),
        pytest.param("1990-02-01", id="text"),
        pytest.param(datetime(1990, 2, 1, 23, 30, tzinfo=UTC), id="timestamp"),
        pytest.param(7_336, id="days since 1970"),
        pytest.param(sha256(b"19900201").hexdigest(), id="hashed"),
    ],
)
def test_birth_date_and_gender_are_sent_where_they_are_asked_for(make: Any, birth_date: Any) -> None:
    person = a_person(birth_date=birth_date, gender="Female")

    user_data = event_of(make(customer=person), **WITH_BIRTH_AND_GENDER)["user_data"]

    assert (user_data["db"], user_data["ge"]) == (hashes("19900201"), hashes("f"))


def test_a_day_of_birth_that_cannot_be_and_an_unknown_gender_are_told() -> None:
    person = a_person(birth_date=NOW.date() + timedelta(days=1), gender="g")

    outcome = mapped(an_order(customer=person), **WITH_BIRTH_AND_GENDER)

    assert outcome.clipped == ("db", "ge")
    assert not {"db", "ge"} & outcome.payload["user_data"].keys()


def test_what_may_not_leave_is_not_looked_at() -> None:
    person = a_person(birth_date=1.5, gender=7, first_name=["Zoë"], phones="+61255500143")

    assert event_of(an_order(customer=person), privacy={"fields": ["em"]})["user_data"].keys() >= {"em"}


def test_a_country_by_name_is_the_home_of_all_that_depends_on_it() -> None:
    address = {"city": "Köln", "region": "Nordrhein-Westfalen", "postal_code": "D-50667", "country": "Germany"}
    order = an_order(
        customer=a_person(phones=["0221 901820"], address=address), consent={"advertising": "GRANTED"}
    )  # fmt: skip

    user_data = event_of(order)["user_data"]

    assert (user_data["country"], user_data["ph"]) == (hashes("de"), hashes("49221901820"))
    assert (user_data["st"], user_data["zp"]) == (hashes("nw"), hashes("50667"))


def test_several_addresses_are_one_each() -> None:
    person = a_person(emails=["a@example.com", " A@Example.com", "b@example.com", ""])

    assert event_of(an_order(customer=person))["user_data"]["em"] == hashes("a@example.com", "b@example.com")


def test_what_cannot_be_used_is_left_out_and_told() -> None:
    person = a_person(
        emails=["shopper@example.com", "nobody"],
        phones=["12"],
        address={"city": "!", "region": "New South Wales", "postal_code": "-", "country": "AU"},
    )
    client = {"ip_address": "192.168.0.1", "language": "english", "page_url": "app://home"}

    outcome = mapped(an_order(customer=person, client=client, device={"advertising_id": "0000-00"}))

    assert set(outcome.clipped) == {
        "em", "ph", "ct", "st", "zp", "client_ip_address", "language", "event_source_url", "hashed_maids"
    }  # fmt: skip
    assert outcome.payload["user_data"].keys() == {"em", "fn", "ln", "country", "external_id", "client_user_agent"}


def test_blank_is_absent_and_nothing_to_tell() -> None:
    person = a_person(first_name=" ", phones=[""], address={"city": "", "region": " ", "country": "AU"})

    outcome = mapped(an_order(customer=person))

    assert outcome.clipped == ()
    assert not {"fn", "ph", "ct", "st"} & outcome.payload["user_data"].keys()


def test_a_national_number_is_of_the_jurisdictions_country_where_the_address_has_none() -> None:
    order = an_order(
        customer=a_person(phones=["020 7946 0123"], address=None),
        consent={"advertising": "GRANTED", "jurisdiction": "GB"},
    )

    assert event_of(order)["user_data"]["ph"] == hashes("442079460123")


@pytest.mark.parametrize(
    ("client", "click_id"),
    [
        pytest.param({"click_id": "AbC", "page_url": "https://www.example.com/?epik=XyZ"}, "AbC", id="cookie first"),
        pytest.param({"page_url": "https://www.example.com/?a=1&epik=Xy%3DZ#top"}, "Xy=Z", id="then the URL"),
        pytest.param({"page_url": "https://www.example.com/?epik="}, None, id="empty"),
        pytest.param({"page_url": "https://www.example.com/#epik=XyZ"}, None, id="fragment is no query"),
    ],
)
def test_the_click_id_stays_as_it_is(client: dict[str, Any], click_id: str | None) -> None:
    assert event_of(an_order(client=client))["user_data"].get("click_id") == click_id


@pytest.mark.parametrize(
    ("tag", "language"),
    [
        ("de", "de"),
        ("en-US", "en"),
        ("EN_us", "en"),
        ("zh-Hant-TW", "zh"),
        ("de-AT,de;q=0.9,en;q=0.8", "de"),
        ("fil", None),
    ],
)
def test_the_language_has_two_letters(tag: str, language: str | None) -> None:
    assert event_of(an_order(client={"language": tag})).get("language") == language


def test_facts_of_the_device_are_cut_to_what_the_api_takes() -> None:
    device = {
        "os_family": "IOS",
        "form_factor": "CellPhone",
        "network_type": "5G",
        "languages": ["en-AU", "en", "fil"],
        "battery_level": 250,
        "model": "x" * 101,
        "screen_width": 1_170,
        "advertising_id": None,
    }

    outcome = mapped(an_order(device=device))

    assert outcome.payload["device_info"] == {
        "os_family": "ios",
        "form_factor": "cellphone",
        "languages": ["en"],
        "model": "x" * 100,
        "screen_width": 1_170,
    }
    assert set(outcome.clipped) == {
        "device_info.network_type", "device_info.languages", "device_info.battery_level", "device_info.model"
    }  # fmt: skip
