"""When an order makes a checkout, with which id and time, and what it carries."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from consumer.records import SkipReason
from tests.unit.mapping.builders import MINUTE_AGO, NOW, NOW_S, a_line, an_order, event_of, mapped, problems_of, skip_of

OTHER_STATUSES = (
    "UNKNOWN", "CREATED", "AUTHORIZED", "PARTIALLY_PAID", "PAID", "FULFILLED", "CANCELLED", "REFUNDED",
    "PARTIALLY_REFUNDED", "CHARGEBACK", "FRAUD_REJECTED", "INVENTED_LATER", None,
)  # fmt: skip


def test_an_order_becomes_a_checkout() -> None:
    event = event_of(an_order(client={"click_id": "dj0yJnU9", "language": "en-AU"}, predicted_ltv=Decimal("99.5")))

    assert event.keys() == {
        "event_name", "action_source", "event_time", "event_id", "user_data", "custom_data", "language"
    }  # fmt: skip
    assert (event["event_name"], event["action_source"]) == ("checkout", "web")
    assert event["event_time"] == NOW_S - 60
    assert event["event_id"] == "merchant-1:1001:checkout"
    assert event["custom_data"] == {
        "order_id": "1001",
        "currency": "AUD",
        "value": "30.00",
        "predicted_ltv": "99.50",
        "num_items": 1,
        "content_ids": ["shirt-m"],
        "contents": [{"id": "shirt-m", "item_price": "30.00", "quantity": 1}],
    }


@pytest.mark.parametrize("status", OTHER_STATUSES)
def test_only_one_status_makes_a_checkout(status: str | None) -> None:
    assert skip_of(an_order(status=status)) is SkipReason.NOT_A_CONVERSION


@pytest.mark.parametrize("status", ["PLACED", "AUTHORIZED", "PAID", "FULFILLED"])
def test_which_status_is_a_setting(status: str) -> None:
    assert skip_of(an_order(status=status), events={"checkout_on": status}) is None


@pytest.mark.parametrize(
    ("previous", "skip"),
    [
        pytest.param("CREATED", None, id="came into it"),
        pytest.param("PLACED", SkipReason.NOT_A_TRANSITION, id="was in it"),
        pytest.param(None, None, id="nobody knows"),
        pytest.param("UNKNOWN", None, id="unknown"),
        pytest.param("INVENTED_LATER", None, id="symbol of a newer schema"),
    ],
)
def test_only_the_transition_sends(previous: str | None, skip: SkipReason | None) -> None:
    assert skip_of(an_order(previous_status=previous)) is skip


@pytest.mark.parametrize(
    ("origin", "is_sent"),
    [("NEW", True), ("UNKNOWN", True), (None, True), ("RENEWAL", False), ("EXCHANGE", False), ("REPLACEMENT", False)],
)
def test_only_new_orders_are_conversions(origin: str | None, *, is_sent: bool) -> None:
    assert skip_of(an_order(origin=origin)) is (None if is_sent else SkipReason.ORIGIN_EXCLUDED)


def test_the_time_is_when_it_was_placed_not_when_the_state_changed() -> None:
    order = an_order(occurred_at=NOW, placed_at=NOW - timedelta(hours=3, milliseconds=1))

    assert event_of(order)["event_time"] == NOW_S - 3 * 3_600 - 1


def test_without_a_time_of_placing_the_change_of_state_is_the_time() -> None:
    assert event_of(an_order(placed_at=None, occurred_at=MINUTE_AGO))["event_time"] == NOW_S - 60


def test_the_id_is_the_same_for_every_message_about_an_order() -> None:
    first = an_order(event_id="a", revision=1, client={"tag_event_id": "tag-1"})
    again = an_order(event_id="b", revision=2, occurred_at=NOW, client={"tag_event_id": None})

    assert event_of(first)["event_id"] == event_of(again)["event_id"] == "merchant-1:1001:checkout"


def test_merchants_may_number_their_orders_alike() -> None:
    assert event_of(an_order(merchant_id="merchant-2"))["event_id"] == "merchant-2:1001:checkout"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        pytest.param({"order_id": None}, "order_id", id="no order id"),
        pytest.param({"order_id": "  "}, "order_id", id="blank order id"),
        pytest.param({"placed_at": None, "occurred_at": None}, "placed_at or occurred_at", id="no time"),
        pytest.param({"currency": None}, "currency", id="value without currency"),
        pytest.param({"currency": "dollars"}, "currency", id="no currency code"),
        pytest.param({"totals": None, "currency": "A$"}, "currency", id="wrong code without a value"),
        pytest.param({"totals": {"items_net": Decimal(-1)}}, "totals.items_net", id="negative value"),
        pytest.param({"order_id": "9" * 300}, "event_id", id="id too long"),
    ],
)
def test_an_order_that_lacks_what_is_required_is_invalid(changes: dict[str, Any], field: str) -> None:
    assert [problem.partition(":")[0] for problem in problems_of(an_order(**changes))] == [field]


def test_problems_never_repeat_the_value() -> None:
    assert "dollars" not in str(problems_of(an_order(currency="dollars")))


def test_an_order_without_totals_is_a_conversion_without_value() -> None:
    custom_data = event_of(an_order(totals=None))["custom_data"]

    assert "value" not in custom_data
    assert custom_data["order_id"] == "1001"


def test_an_order_of_gift_cards_alone_has_no_contents() -> None:
    custom_data = event_of(an_order(lines=[a_line(type="GIFT_CARD")]))["custom_data"]

    assert custom_data == {"order_id": "1001", "currency": "AUD", "value": "0.00"}


def test_a_negative_lifetime_value_is_left_out() -> None:
    outcome = mapped(an_order(predicted_ltv=Decimal(-5)))

    assert "predicted_ltv" not in outcome.payload["custom_data"]
    assert outcome.clipped == ("predicted_ltv",)


def test_a_line_without_id_price_or_words_still_counts() -> None:
    line = {"quantity": Decimal(2)}

    custom_data = event_of(an_order(lines=[line]))["custom_data"]

    assert custom_data["contents"] == [{"quantity": 2}]
    assert "content_ids" not in custom_data


@pytest.mark.parametrize("currency", ["aud", " AUD ", "Aud"])
def test_a_currency_is_known_in_any_case(currency: str) -> None:
    assert event_of(an_order(currency=currency))["custom_data"]["currency"] == "AUD"
