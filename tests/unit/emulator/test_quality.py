"""The event quality score: counted from what was accepted, and from nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.unit.emulator.builders import ACCOUNT, DAY_S, NOW_S, Rig, event_of, hashed

EMAIL = [hashed("ada@example.com")]
EVERYTHING: dict[str, Any] = {
    "user_data": {
        "em": EMAIL,
        "hashed_maids": EMAIL,
        "external_id": EMAIL,
        "client_ip_address": "203.0.113.7",
        "client_user_agent": "UA",
        "click_id": "c",
    },
    "custom_data": {"order_id": "A-1", "value": "1.00", "content_ids": ["P-1"]},
    "event_source_url": "https://shop.example/thanks",
}
COMPONENTS = {
    *("hashed_email", "hashed_maid", "ip_address", "user_agent", "click_id_epik", "advertiser_external_id"),
    *("external_event_id", "order_id", "order_value", "product_id", "source_url"),
}


def scores(rig: Rig, query: str = "lookback_period=1d", account: str = ACCOUNT) -> Any:
    answer = rig.call(
        "GET", f"/ad_accounts/{account}/conversion_eqs?{query}", headers={"Authorization": "Bearer secret"}
    )
    assert answer.status_code == 200
    return answer.json()


def coverage(score: dict[str, Any], event_name: str = "checkout") -> dict[str, float]:
    return {name: by_name[event_name]["coverage"] for name, by_name in score["quality_components"].items()}


def test_an_account_without_events_has_no_score(rig: Rig) -> None:
    assert scores(rig) == []


def test_tells_what_share_of_the_events_has_each_of_the_eleven(rig: Rig) -> None:
    rig.post(event_of(**EVERYTHING), event_of(custom_data=None), event_of(custom_data=None))

    (score,) = scores(rig)

    assert coverage(score) == {
        **dict.fromkeys(COMPONENTS, 33.33),
        "hashed_email": 100,
        "external_event_id": 100,
    }
    assert score["quality_components"]["external_event_id"]["checkout"]["overlap"] == 0
    assert (score["ingestion_source"], score["source_platform"], score["lookback_period"]) == (
        "CONVERSIONS_API",
        "WEB",
        "1d",
    )


@pytest.mark.parametrize(
    ("change", "component"),
    [
        ({"user_data": {"em": EMAIL}}, "hashed_email"),
        ({"user_data": {"hashed_maids": EMAIL}}, "hashed_maid"),
        ({"user_data": {"em": EMAIL, "client_ip_address": "203.0.113.7"}}, "ip_address"),
        ({"user_data": {"em": EMAIL, "client_user_agent": "UA"}}, "user_agent"),
        ({"user_data": {"em": EMAIL, "click_id": "c"}}, "click_id_epik"),
        ({"user_data": {"em": EMAIL, "external_id": EMAIL}}, "advertiser_external_id"),
        ({"custom_data": {"order_id": "A-1"}}, "order_id"),
        ({"custom_data": {"value": "0"}}, "order_value"),
        ({"custom_data": {"content_ids": ["P-1"]}}, "product_id"),
        ({"custom_data": {"contents": [{"quantity": 1}, {"id": "P-1"}]}}, "product_id"),
        ({"event_source_url": "https://shop.example/"}, "source_url"),
    ],
)
def test_each_component_is_read_where_it_stands(rig: Rig, change: dict[str, Any], component: str) -> None:
    rig.post(event_of(**{"custom_data": None, **change}))

    (score,) = scores(rig)

    found = {name for name, percent in coverage(score).items() if percent}
    assert component in found
    assert found <= {component, "hashed_email", "external_event_id"}


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"click_id": None, "em": EMAIL}, id="null"),
        pytest.param({"click_id": "", "em": EMAIL}, id="empty text"),
        pytest.param({"hashed_maids": [], "em": EMAIL}, id="empty list"),
    ],
)
def test_what_is_empty_covers_nothing(rig: Rig, change: dict[str, Any]) -> None:
    rig.post(event_of(user_data=change, custom_data={"order_id": None, "contents": [{"id": ""}]}))

    (score,) = scores(rig)

    assert {name for name, percent in coverage(score).items() if percent} == {"hashed_email", "external_event_id"}


def test_counts_what_was_accepted_and_no_test(rig: Rig) -> None:
    rig.post(event_of(**EVERYTHING), query="?test=true")
    rig.post(event_of(user_data={}), event_of(event_name="lead"))
    rig.post(event_of(), account="549000000002")

    (score,) = scores(rig)

    assert set(score["quality_components"]["hashed_email"]) == {"lead"}


def test_event_names_are_told_apart(rig: Rig) -> None:
    rig.post(event_of(), event_of(event_name="page_visit", custom_data=None))

    (score,) = scores(rig)

    assert score["quality_components"]["order_id"] == {"checkout": {"coverage": 100}, "page_visit": {"coverage": 0}}


@pytest.mark.parametrize(
    ("query", "platforms"),
    [
        ("", ["WEB", "MOBILE_ANDROID", "MOBILE_IOS", "OFFLINE"]),
        ("&source_platform=WEB", ["WEB"]),
        ("&source_platform=MOBILE", ["MOBILE"]),
        ("&source_platform=MOBILE_IOS", ["MOBILE_IOS"]),
        ("&source_platform=PINTEREST_WEB", []),
        ("&ingestion_source=TAG", []),
        ("&ingestion_source=CONVERSIONS_API&source_platform=OFFLINE", ["OFFLINE"]),
    ],
)
def test_platforms_are_told_apart_and_may_be_asked_for(rig: Rig, query: str, platforms: list[str]) -> None:
    rig.post(*(event_of(action_source=source) for source in ("offline", "app_ios", "web", "app_android")))

    found = scores(rig, f"lookback_period=14d{query}")

    assert [score["source_platform"] for score in found] == platforms


def test_the_platform_mobile_is_both(rig: Rig) -> None:
    rig.post(event_of(action_source="app_ios"), event_of(action_source="app_android", custom_data=None))

    (score,) = scores(rig, "lookback_period=1d&source_platform=MOBILE")

    assert coverage(score)["order_id"] == 50


def test_looks_back_so_far_and_no_farther(rig: Rig) -> None:
    rig.post(event_of())
    rig.time.now_s += DAY_S
    assert (len(scores(rig, "lookback_period=1d")), len(scores(rig, "lookback_period=14d"))) == (0, 1)
    rig.time.now_s += 12 * DAY_S
    assert len(scores(rig, "lookback_period=14d")) == 1
    rig.time.now_s += DAY_S
    assert scores(rig, "lookback_period=14d") == []


def test_hours_beyond_the_longest_lookback_are_forgotten(rig: Rig) -> None:
    for day in range(20):
        rig.time.now_s = NOW_S + day * DAY_S
        rig.post(event_of(event_time=int(rig.time.now_s)))

    assert len(rig.emulator._quality._hours[ACCOUNT]) == 14


@pytest.mark.parametrize(
    ("user_data", "status"),
    [
        pytest.param({"em": EMAIL}, "NEEDS_IMPROVEMENT", id="one of six"),
        pytest.param({"em": EMAIL, "click_id": "c"}, "FAIR", id="two of six"),
        pytest.param({"em": EMAIL, "click_id": "c", "external_id": EMAIL}, "GOOD", id="three of six"),
    ],
)
def test_the_status_goes_by_the_identifiers(rig: Rig, user_data: dict[str, Any], status: str) -> None:
    rig.post(event_of(user_data=user_data))

    (score,) = scores(rig)

    assert score["overall_status"] == status


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("", "'lookback_period' is a required property"),
        ("lookback_period=7d", "'lookback_period' is not one of"),
        ("lookback_period=1d&source_platform=web", "'source_platform' is not one of"),
        ("lookback_period=1d&ingestion_source=API", "'ingestion_source' is not one of"),
    ],
)
def test_refuses_what_the_description_does_not_list(rig: Rig, query: str, named: str) -> None:
    answer = rig.call("GET", f"/ad_accounts/{ACCOUNT}/conversion_eqs?{query}", headers={"Authorization": "Bearer t"})

    assert answer.status_code == 400
    assert named in answer.json()["message"]


@pytest.mark.parametrize(("account", "status"), [("abc", 400), ("1" * 19, 400), ("549000000009", 403)])
def test_accounts_are_checked_as_for_events(rig_with: Callable[..., Rig], account: str, status: int) -> None:
    rig = rig_with(forbidden=frozenset({"549000000009"}))

    answer = rig.call(
        "GET", f"/ad_accounts/{account}/conversion_eqs?lookback_period=1d", headers={"Authorization": "Bearer t"}
    )

    assert answer.status_code == status
