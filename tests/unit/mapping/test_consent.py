"""May it be sent, by the law of where the person lives."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import pytest

from consumer.records import SkipReason
from tests.unit.mapping.builders import a_visit, an_order, event_of, skip_of

BOTH = pytest.mark.parametrize("make", [an_order, a_visit], ids=["order", "visit"])
# Written out again on purpose: the law, not a copy of the code's table.
EEA = "AT BE BG HR CY CZ DK EE FI FR DE GR HU IE IT LV LT LU MT NL PL PT RO SK SI ES SE IS LI NO".split()  # noqa: SIM905
ASKS_FIRST = [*EEA, "GB", "CH", "RE", "UK", "EL"]


def living_in(country: str | None, **consent: Any) -> dict[str, Any]:
    return {"customer": {"address": {"country": country}}, "consent": consent or None}


def hashes(text: str) -> list[str]:
    return [sha256(text.encode()).hexdigest()]


@BOTH
@pytest.mark.parametrize("country", ASKS_FIRST)
def test_where_consent_is_asked_for_only_a_yes_sends(make: Any, country: str) -> None:
    assert skip_of(make(**living_in(country, advertising="GRANTED"))) is None
    for advertising in ("DENIED", "UNKNOWN", "INVENTED_LATER", None):
        assert skip_of(make(**living_in(country, advertising=advertising))) is SkipReason.NO_CONSENT
    assert skip_of(make(**living_in(country))) is SkipReason.NO_CONSENT


@BOTH
@pytest.mark.parametrize("country", ["AU", "CA", "JP", "BR"])
def test_elsewhere_only_a_no_keeps_it_back(make: Any, country: str) -> None:
    assert skip_of(make(**living_in(country, advertising="DENIED"))) is SkipReason.NO_CONSENT
    for advertising in ("GRANTED", "UNKNOWN", None):
        assert skip_of(make(**living_in(country, advertising=advertising))) is None


@BOTH
@pytest.mark.parametrize(
    ("consent", "is_limited"),
    [
        pytest.param({"advertising": "DENIED"}, True, id="denied"),
        pytest.param({"gpc": True}, True, id="Global Privacy Control"),
        pytest.param({"advertising": "GRANTED", "gpc": True}, True, id="granted, yet the browser says no"),
        pytest.param({"limited_data_processing": True}, True, id="opted out of sale"),
        pytest.param({"gpc": False, "limited_data_processing": False}, False, id="nothing of it"),
        pytest.param({"advertising": "GRANTED"}, False, id="granted"),
        pytest.param({}, False, id="unknown"),
    ],
)
def test_in_the_united_states_a_no_limits_the_processing(
    make: Any, consent: dict[str, Any], *, is_limited: bool
) -> None:
    record = make(**living_in("US", **consent))
    record["customer"]["address"]["region"] = "CA"

    event = event_of(record)

    assert event.get("custom_data", {}).get("opt_out_type") == ("LDP" if is_limited else None)
    assert event["user_data"]["country"] == hashes("us")
    assert event["user_data"]["st"] == hashes("ca")
    assert "opt_out" not in event


def test_a_jurisdiction_comes_before_the_address() -> None:
    assert skip_of(an_order(**living_in("US", jurisdiction="DE"))) is SkipReason.NO_CONSENT
    assert skip_of(an_order(**living_in("DE", jurisdiction="AU"))) is None


@pytest.mark.parametrize("jurisdiction", ["US-CA", "us_ca", "US-ca"])
def test_a_jurisdiction_may_name_the_state(jurisdiction: str) -> None:
    event = event_of(a_visit(customer=None, consent={"jurisdiction": jurisdiction, "gpc": True}))

    assert event["custom_data"] == {"opt_out_type": "LDP"}
    assert event["user_data"]["country"] == hashes("us")
    assert event["user_data"]["st"] == hashes("ca")


def test_a_state_of_another_country_is_not_told_beside_a_limit() -> None:
    order = an_order(
        customer={"address": {"country": "AU", "region": "WA"}}, consent={"jurisdiction": "US", "gpc": True}
    )

    user_data = event_of(order)["user_data"]

    assert user_data["country"] == hashes("us")
    assert "st" not in user_data


@pytest.mark.parametrize("name", ["Germany", "DEU", "Deutschland", "Austria", "Czech Republic", "Guadeloupe"])
def test_a_country_by_name_has_the_law_of_its_code(name: str) -> None:
    for consent in ({}, {"jurisdiction": name}):
        assert skip_of(an_order(**living_in(name, **consent))) is SkipReason.NO_CONSENT
        assert skip_of(an_order(**living_in(name, advertising="GRANTED", **consent))) is None


def test_a_jurisdiction_is_read_by_name_with_the_hyphens_in_it() -> None:
    event = event_of(an_order(customer=None, consent={"jurisdiction": "United States", "gpc": True}))

    assert event["user_data"]["country"] == hashes("us")
    assert skip_of(an_order(**living_in("DE", jurisdiction="Guinea-Bissau"))) is None
    assert skip_of(an_order(**living_in("AU", jurisdiction="Guinea-Narnia"))) is SkipReason.NO_CONSENT


@pytest.mark.parametrize("area", ["EEA", "EU", "eu"])
def test_a_jurisdiction_may_be_the_whole_area(area: str) -> None:
    assert skip_of(an_order(**living_in("AU", jurisdiction=area))) is SkipReason.NO_CONSENT
    assert skip_of(an_order(**living_in("AU", jurisdiction=area, advertising="GRANTED"))) is None


UNKNOWN_PLACES = [
    pytest.param(living_in(None), id="no country"),
    pytest.param(living_in("Narnia"), id="name of no country"),
    pytest.param(living_in("ZZ"), id="code of no country"),
    pytest.param(living_in("AU", jurisdiction="GDPR"), id="jurisdiction that cannot be read"),
]


@pytest.mark.parametrize("place", UNKNOWN_PLACES)
def test_an_unknown_country_counts_as_one_that_asks(place: dict[str, Any]) -> None:
    assert skip_of(an_order(**place)) is SkipReason.NO_CONSENT


@pytest.mark.parametrize("place", UNKNOWN_PLACES)
def test_an_unknown_country_may_be_set_to_count_as_another(place: dict[str, Any]) -> None:
    setting = {"privacy": {"consent_unknown_countries": "other"}}
    denied = {**place, "consent": {**(place["consent"] or {}), "advertising": "DENIED"}}

    assert skip_of(an_order(**place), **setting) is None
    assert skip_of(an_order(**denied), **setting) is SkipReason.NO_CONSENT
    assert skip_of(an_order(**living_in("DE")), **setting) is SkipReason.NO_CONSENT


def test_somebody_of_unknown_country_who_opted_out_may_be_american() -> None:
    setting = {"privacy": {"consent_unknown_countries": "other"}}

    assert event_of(an_order(**living_in(None, gpc=True)), **setting)["custom_data"]["opt_out_type"] == "LDP"
    assert "opt_out_type" not in event_of(an_order(**living_in("AU", gpc=True)), **setting)["custom_data"]
