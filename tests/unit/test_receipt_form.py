"""A receipt is read as it was written, its key is nobody else's, and it holds nothing about a person."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from consumer import __version__
from consumer.receipt_form import ACCEPTED, ACCEPTED_WITH_WARNING, KeptReceipt, kept, key_of, value_of
from consumer.records import Receipt
from tests.unit.stages.builders import ACCOUNT, event_of, record_of

ACCEPTED_S = 1_790_000_000.25
MEMBERS = {
    "topic", "partition", "offset", "event_time", "value", "currency", "order_id", "verdict", "accepted_at", "build",
    "mapping",
}  # fmt: skip


def receipt_of(*, has_warning: bool = False, **changes: Any) -> Receipt:
    event = event_of(**{"order_id": "A-1", **changes})
    event.record = record_of(event.record.assignment, 41)
    return Receipt(event, ACCEPTED_S, has_warning)


def test_it_is_read_as_it_was_written() -> None:
    receipt = receipt_of()

    found = kept(key_of(receipt), value_of(receipt, "a-digest"))

    assert found == KeptReceipt(
        ad_account_id=ACCOUNT,
        event_name="checkout",
        event_id="merchant-1:A-1:checkout",
        order_id="A-1",
        value=Decimal("72.39"),
        currency="EUR",
        event_time=datetime.fromtimestamp(receipt.event.event_time_s, UTC),
        verdict=ACCEPTED,
        accepted_at=datetime.fromtimestamp(ACCEPTED_S, UTC),
        topic="orders",
        partition=0,
        offset=41,
        build=__version__,
        mapping="a-digest",
    )


def test_its_members_are_these_alone_whatever_the_event_holds() -> None:
    receipt = receipt_of(body=b'{"user_data":{"client_ip_address":"203.0.113.7","em":["..."]}}')

    value = value_of(receipt, "a-digest")

    assert json.loads(value).keys() == MEMBERS
    assert b"203.0.113.7" not in value + key_of(receipt)


@pytest.mark.parametrize(
    "value", ["0.10", "72.390", "100", "-5.00", "1E+3", "1E-7", "123456789012345678901234567890.123456789"]
)
def test_money_stays_exactly_what_it_was(value: str) -> None:
    receipt = receipt_of(value=Decimal(value))

    told = json.loads(value_of(receipt, ""))["value"]

    assert Decimal(told) == Decimal(value)
    assert "E" not in told
    found = kept(key_of(receipt), value_of(receipt, ""))
    assert found is not None
    assert found.value == Decimal(value)


def test_a_warning_is_told_of_without_its_text() -> None:
    value = json.loads(value_of(receipt_of(has_warning=True), ""))

    assert value["verdict"] == ACCEPTED_WITH_WARNING


def test_an_event_without_order_or_value_has_neither() -> None:
    receipt = receipt_of(event_name="page_visit", order_id=None, value=None, currency=None)

    found = kept(key_of(receipt), value_of(receipt, ""))

    assert found is not None
    assert (found.order_id, found.value, found.currency) == (None, None, None)


@pytest.mark.parametrize(
    "other",
    [
        pytest.param({"account": "549000000002"}, id="account"),
        pytest.param({"event_name": "lead"}, id="event name"),
        pytest.param({"event_id": "merchant-1:A-2:checkout"}, id="event id"),
    ],
)
def test_each_part_of_the_key_makes_another_key(other: dict[str, Any]) -> None:
    assert key_of(receipt_of(**other)) != key_of(receipt_of())


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param(("a", "b:c"), ("a:b", "c"), id="colon"),
        pytest.param(("a", 'b","c'), ('a","b', "c"), id="the key's own separator"),
        pytest.param(("a", "b\\"), ("a\\", "b"), id="backslash"),
        pytest.param(("a", "b\0c"), ("a\0b", "c"), id="null"),
    ],
)
def test_no_character_of_an_id_makes_two_keys_alike(first: tuple[str, str], second: tuple[str, str]) -> None:
    keys = [key_of(receipt_of(event_name=name, event_id=event_id)) for name, event_id in (first, second)]

    assert keys[0] != keys[1]
    assert [json.loads(key)[1:] for key in keys] == [list(first), list(second)]


def test_another_record_of_the_same_action_has_the_same_key() -> None:
    again = receipt_of(age_s=5, value=Decimal(1), order_id="A-9")

    assert key_of(again) == key_of(receipt_of())


SOUND: dict[str, Any] = json.loads(value_of(receipt_of(), ""))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        pytest.param(None, SOUND, id="no key"),
        pytest.param(b"A-1", SOUND, id="a key of another kind"),
        pytest.param(b'["1","checkout"]', SOUND, id="too short a key"),
        pytest.param(b'"abc"', SOUND, id="a text of three characters as a key"),
        pytest.param(b'{"a":1,"b":2,"c":3}', SOUND, id="an object of three as a key"),
        pytest.param(b'[1,"checkout","x"]', SOUND, id="a number in the key"),
        pytest.param(b'["1","checkout","x"]', None, id="null"),
        pytest.param(b'["1","checkout","x"]', [], id="a list"),
        pytest.param(b'["1","checkout","x"]', SOUND | {"value": 72.39}, id="money as a number"),
        pytest.param(b'["1","checkout","x"]', SOUND | {"value": "NaN"}, id="no number at all"),
        pytest.param(b'["1","checkout","x"]', SOUND | {"event_time": "2026-11-24T10:00:00"}, id="no zone"),
        pytest.param(b'["1","checkout","x"]', SOUND | {"offset": "41"}, id="an offset in text"),
        pytest.param(b'["1","checkout","x"]', SOUND | {"order_id": 1}, id="an order id that is a number"),
        pytest.param(b'["1","checkout","x"]', SOUND | {"currency": ["EUR"]}, id="a currency in a list"),
        pytest.param(b'["1","checkout","x"]', {n: v for n, v in SOUND.items() if n != "mapping"}, id="one missing"),
    ],
)
def test_what_is_no_receipt_is_not_taken_for_one(key: bytes | None, value: Any) -> None:
    assert kept(key, json.dumps(value).encode()) is None


def test_members_that_a_later_release_adds_are_passed_over() -> None:
    receipt = receipt_of()

    found = kept(key_of(receipt), json.dumps(SOUND | {"later": 1}).encode())

    assert found is not None
