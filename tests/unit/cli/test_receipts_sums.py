"""Sums are exact, repeats count once, days begin where they are asked to, and currencies are never mixed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from consumer.cli.receipts_sums import Sum, Sums
from consumer.receipt_form import ACCEPTED, KeptReceipt

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
BY_DAY = ("day", "currency")


def receipt_of(
    value: str | None = "10.00",
    *,
    currency: str | None = "EUR",
    account: str = "549755885175",
    event_name: str = "checkout",
    event_time: datetime = NOON,
    accepted_s: float = 0,
) -> KeptReceipt:
    return KeptReceipt(
        ad_account_id=account,
        event_name=event_name,
        event_id="an-id",
        order_id=None,
        value=None if value is None else Decimal(value),
        currency=currency,
        event_time=event_time,
        verdict=ACCEPTED,
        accepted_at=NOON + timedelta(seconds=accepted_s),
        topic="orders",
        partition=0,
        offset=0,
        build="0.1.0",
        mapping="a-digest",
    )


def sums_of(
    *receipts: tuple[bytes, KeptReceipt],
    by: tuple[str, ...] = BY_DAY,
    since: datetime | None = None,
    until: datetime | None = None,
    zone: tzinfo = UTC,
) -> list[Sum]:
    sums = Sums(by, since=since, until=until, zone=zone)
    for key, receipt in receipts:
        sums.add(key, receipt)
    return list(sums.sums())


def test_values_add_up_exactly_however_many_and_however_large() -> None:
    values = ["0.10", "0.20", "99999999999999999999999999999999.99", "0.0000000001"]

    (found,) = sums_of(*((str(n).encode(), receipt_of(value)) for n, value in enumerate(values)))

    assert found == Sum(("2026-11-24", "EUR"), 4, Decimal("100000000000000000000000000000000.2900000001"))


def test_a_key_counts_once_by_its_latest_acceptance_in_whatever_order_it_is_read() -> None:
    latest, earlier = receipt_of("7.00", accepted_s=2), receipt_of("5.00", accepted_s=1)

    for order in ([latest, earlier], [earlier, latest]):
        (found,) = sums_of(*((b"key", receipt) for receipt in order))
        assert (found.events, found.value) == (1, Decimal("7.00"))


def test_of_two_at_the_same_time_the_one_read_last_counts() -> None:
    (found,) = sums_of((b"key", receipt_of("5.00")), (b"key", receipt_of("7.00")))

    assert (found.events, found.value) == (1, Decimal("7.00"))


def test_a_repeat_that_lies_out_of_the_range_replaces_the_one_within() -> None:
    within = receipt_of(accepted_s=1)
    outside = receipt_of(event_time=NOON + timedelta(days=9), accepted_s=2)

    for order in ([within, outside], [outside, within]):
        assert sums_of(*((b"key", receipt) for receipt in order), until=NOON + timedelta(days=1)) == []


def test_currencies_stand_apart() -> None:
    found = sums_of((b"1", receipt_of("10.00")), (b"2", receipt_of("1000", currency="JPY")))

    assert found == [
        Sum(("2026-11-24", "EUR"), 1, Decimal("10.00")),
        Sum(("2026-11-24", "JPY"), 1, Decimal(1000)),
    ]


def test_events_without_a_value_are_counted_with_none() -> None:
    found = sums_of((b"1", receipt_of(None, currency=None)), (b"2", receipt_of(None, currency=None)))

    assert found == [Sum(("2026-11-24", ""), 2, None)]


def test_every_dimension_groups_in_the_order_asked_for() -> None:
    receipts = [
        (b"1", receipt_of(account="2", event_name="lead")),
        (b"2", receipt_of(account="1")),
        (b"3", receipt_of(account="1")),
    ]

    found = sums_of(*receipts, by=("account", "event_name", "currency"))

    assert [(each.group, each.events) for each in found] == [(("1", "checkout", "EUR"), 2), (("2", "lead", "EUR"), 1)]


@pytest.mark.parametrize(
    ("zone", "day"), [("UTC", "2026-11-24"), ("Asia/Tokyo", "2026-11-25"), ("America/Los_Angeles", "2026-11-24")]
)
def test_the_day_is_that_of_the_zone(zone: str, day: str) -> None:
    late = receipt_of(event_time=datetime(2026, 11, 24, 20, tzinfo=UTC))

    (found,) = sums_of((b"1", late), zone=ZoneInfo(zone))

    assert found.group[0] == day


def test_a_range_has_its_beginning_and_not_its_end() -> None:
    receipts = [(str(n).encode(), receipt_of(event_time=NOON + timedelta(hours=n))) for n in range(4)]

    (found,) = sums_of(*receipts, since=NOON + timedelta(hours=1), until=NOON + timedelta(hours=3))

    assert found.events == 2
