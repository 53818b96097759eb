"""The questions that orders and visits share, and the order in which they are asked."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from consumer.records import DeadLetterReason, Invalid, SkipReason
from tests.unit.mapping.builders import (
    ADVERTISING_ID,
    NOW,
    NOW_S,
    a_visit,
    an_order,
    event_of,
    outcome_of,
    skip_of,
)

BOTH = pytest.mark.parametrize("make", [an_order, a_visit], ids=["order", "visit"])
WEEK = timedelta(days=7)


@BOTH
def test_rehearsals_are_skipped(make: Any) -> None:
    assert skip_of(make(is_test=True)) is SkipReason.TEST_ORDER


@BOTH
@pytest.mark.parametrize(
    ("client", "skip"),
    [
        pytest.param({"is_bot": True}, SkipReason.BOT, id="known as one"),
        pytest.param({"user_agent": "Mozilla/5.0 (compatible; Pinterestbot/1.0)"}, SkipReason.BOT, id="Pinterest's"),
        pytest.param({"user_agent": "PINTERESTBOT"}, SkipReason.BOT, id="in upper case"),
        pytest.param({"is_bot": False}, None, id="none"),
        pytest.param({"is_bot": None}, None, id="nobody knows"),
        pytest.param({"user_agent": "Mozilla/5.0 [Pinterest/iOS]"}, None, id="Pinterest's app is people"),
    ],
)
def test_bots_are_skipped(make: Any, client: dict[str, Any], skip: SkipReason | None) -> None:
    assert skip_of(make(client=client)) is skip


@BOTH
@pytest.mark.parametrize(
    ("channel", "source"),
    [
        ("WEB", "web"),
        ("UNKNOWN", "web"),
        (None, "web"),
        ("INVENTED_LATER", "web"),
        ("APP_IOS", "app_ios"),
        ("APP_ANDROID", "app_android"),
        ("POS", "offline"),
        ("CALL_CENTER", "offline"),
    ],
)
def test_the_channel_is_the_action_source(make: Any, channel: str | None, source: str) -> None:
    assert event_of(make(channel=channel))["action_source"] == source


@BOTH
@pytest.mark.parametrize("channel", ["MARKETPLACE", "IMPORT"])
def test_channels_of_other_peoples_sales_are_skipped(make: Any, channel: str) -> None:
    assert skip_of(make(channel=channel)) is SkipReason.CHANNEL_EXCLUDED


def happening(make: Any, moment: datetime) -> dict[str, Any]:
    record: dict[str, Any] = make(occurred_at=moment)
    return record | {"placed_at": moment} if "placed_at" in record else record


@BOTH
@pytest.mark.parametrize(
    ("age", "skip"),
    [
        pytest.param(WEEK, None, id="just young enough"),
        pytest.param(WEEK + timedelta(seconds=1), SkipReason.TOO_OLD, id="a second too old"),
        pytest.param(timedelta(days=20_000), SkipReason.TOO_OLD, id="before 1970"),
    ],
)
def test_old_events_are_skipped(make: Any, age: timedelta, skip: SkipReason | None) -> None:
    assert skip_of(happening(make, NOW - age)) is skip


def test_how_old_is_a_setting() -> None:
    order = happening(an_order, NOW - timedelta(hours=2))

    assert skip_of(order, events={"max_age_s": 3_600}) is SkipReason.TOO_OLD


@BOTH
def test_a_clock_a_little_fast_is_set_back_to_now(make: Any) -> None:
    assert event_of(happening(make, NOW + timedelta(seconds=300)))["event_time"] == NOW_S


@BOTH
def test_the_future_is_a_dead_letter(make: Any) -> None:
    outcome = outcome_of(happening(make, NOW + timedelta(seconds=301)))

    assert isinstance(outcome, Invalid)
    assert outcome.reason is DeadLetterReason.IN_FUTURE
    assert outcome.problems[0].startswith(("occurred_at: ", "placed_at or occurred_at: "))


def test_how_far_ahead_is_a_setting() -> None:
    order = happening(an_order, NOW + timedelta(seconds=1))

    outcome = outcome_of(order, events={"future_tolerance_s": 0})

    assert isinstance(outcome, Invalid)


@BOTH
def test_a_device_that_limits_tracking_lends_no_id_and_says_so(make: Any) -> None:
    device = {"advertising_id": ADVERTISING_ID, "limit_ad_tracking": True}

    event = event_of(make(channel="APP_IOS", device=device))

    assert event["opt_out"] is True
    assert "hashed_maids" not in event["user_data"]
    assert "opt_out" not in event_of(make(channel="APP_IOS", device=device | {"limit_ad_tracking": False}))
    assert "opt_out" not in event_of(make(channel="WEB", device=device))


@BOTH
def test_where_consent_is_asked_for_limited_tracking_is_a_refusal(make: Any) -> None:
    person = {"consent": {"advertising": "GRANTED", "jurisdiction": "DE"}, "channel": "APP_IOS"}

    assert skip_of(make(**person, device={"limit_ad_tracking": True})) is SkipReason.NO_CONSENT
    assert skip_of(make(**person, device={"limit_ad_tracking": False})) is None


NO_ONE = {"customer": {"emails": []}, "client": {"ip_address": None}}
TROUBLES: list[tuple[str, dict[str, Any]]] = [
    (SkipReason.TEST_ORDER, {"is_test": True}),
    (SkipReason.BOT, {"client": {"is_bot": True}}),
    (SkipReason.NOT_A_CONVERSION, {"status": "PAID"}),
    (SkipReason.NOT_A_TRANSITION, {"previous_status": "PLACED"}),
    (SkipReason.ORIGIN_EXCLUDED, {"origin": "RENEWAL"}),
    (SkipReason.CHANNEL_EXCLUDED, {"channel": "IMPORT"}),
    (DeadLetterReason.UNROUTABLE, {"ad_account_id": "1"}),
    (SkipReason.NO_CONSENT, {"consent": {"advertising": "DENIED"}}),
    (SkipReason.TOO_OLD, {"placed_at": NOW - 2 * WEEK}),
    (DeadLetterReason.INVALID, {"order_id": None}),
    (SkipReason.NO_IDENTITY, NO_ONE),
]


@pytest.mark.parametrize("first", range(len(TROUBLES)), ids=[reason for reason, _ in TROUBLES])
def test_the_first_question_that_says_no_gives_the_reason(first: int) -> None:
    order = an_order()
    for reason, trouble in reversed(TROUBLES[first:]):
        if reason == SkipReason.NOT_A_TRANSITION and first < 3:
            continue  # not to be had together with another status
        order = _merged(order, trouble)

    outcome = outcome_of(order)

    assert getattr(outcome, "reason", None) == TROUBLES[first][0]


def _merged(record: dict[str, Any], trouble: dict[str, Any]) -> dict[str, Any]:
    merged = {**record}
    for name, value in trouble.items():
        merged[name] = {**record[name], **value} if isinstance(record.get(name), dict) else value
    return merged


@pytest.mark.parametrize(
    ("changes", "skip"),
    [
        pytest.param(NO_ONE, SkipReason.NO_IDENTITY, id="nobody"),
        pytest.param(
            {"customer": {"emails": []}, "client": {"user_agent": None}}, SkipReason.NO_IDENTITY, id="address alone"
        ),
        pytest.param(
            {"customer": {"emails": ["not an address"]}, "client": None}, SkipReason.NO_IDENTITY, id="no e-mail"
        ),
        pytest.param(
            {"customer": {"emails": []}, "client": {"ip_address": "10.0.0.1"}}, SkipReason.NO_IDENTITY, id="private"
        ),
        pytest.param({"customer": {"emails": []}, "channel": "POS"}, SkipReason.NO_IDENTITY, id="the till's address"),
        pytest.param({"customer": {"emails": []}}, None, id="address and browser"),
        pytest.param({"client": None}, None, id="e-mail"),
        pytest.param({**NO_ONE, "device": {"advertising_id": ADVERTISING_ID}}, None, id="advertising id"),
    ],
)
def test_somebody_must_be_recognisable(changes: dict[str, Any], skip: SkipReason | None) -> None:
    assert skip_of(an_order(**changes)) is skip
