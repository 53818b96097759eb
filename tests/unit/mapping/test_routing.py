"""Which ad account a record goes to."""

from __future__ import annotations

from typing import Any

import pytest

from consumer.mapping.routing import ACCOUNT_HEADER
from consumer.records import DeadLetterReason, Headers, Invalid, Mapped, SkipReason
from tests.unit.mapping.builders import ACCOUNT, OTHER_ACCOUNT, a_visit, an_order, mapped, outcome_of, skip_of

TABLE = {"table": {"merchant-1": ACCOUNT, "merchant-2": OTHER_ACCOUNT, "merchant-3": "none"}}
STRANGER = "549000000666"


def header(account: str | None) -> Headers:
    return [("traceparent", b"00"), (ACCOUNT_HEADER, None if account is None else account.encode())]


@pytest.mark.parametrize(
    ("merchant", "account"),
    [("merchant-1", ACCOUNT), ("merchant-2", OTHER_ACCOUNT)],
)
@pytest.mark.parametrize("make", [an_order, a_visit], ids=["order", "visit"])
def test_the_table_knows_the_merchants_account(make: Any, merchant: str, account: str) -> None:
    assert mapped(make(merchant_id=merchant), routing=TABLE).ad_account_id == account


def test_a_merchant_that_does_not_advertise_is_skipped() -> None:
    assert skip_of(an_order(merchant_id="merchant-3"), routing=TABLE) is SkipReason.NOT_ADVERTISED


@pytest.mark.parametrize("merchant", ["merchant-9", None, " "])
def test_an_unknown_merchant_is_a_dead_letter_or_skipped(merchant: str | None) -> None:
    order = an_order(merchant_id=merchant)

    outcome = outcome_of(order, routing=TABLE)

    assert isinstance(outcome, Invalid)
    assert outcome.reason is DeadLetterReason.UNROUTABLE
    assert skip_of(order, routing=TABLE | {"unknown_merchant": "skip"}) is SkipReason.NOT_ADVERTISED


def test_a_default_takes_those_that_the_table_does_not_name() -> None:
    routing = TABLE | {"default_ad_account_id": OTHER_ACCOUNT, "allow_default": True}

    assert mapped(an_order(merchant_id="merchant-9"), routing=routing).ad_account_id == OTHER_ACCOUNT
    assert mapped(an_order(merchant_id="merchant-1"), routing=routing).ad_account_id == ACCOUNT
    assert skip_of(an_order(merchant_id="merchant-3"), routing=routing) is SkipReason.NOT_ADVERTISED


def test_the_header_comes_before_the_field_and_the_field_before_the_table() -> None:
    routing = TABLE | {"accounts": ["549000000003"]}
    order = an_order(merchant_id="merchant-1", ad_account_id="549000000003")

    assert mapped(order, routing=routing).ad_account_id == "549000000003"
    assert mapped(order, routing=routing, headers=header(OTHER_ACCOUNT)).ad_account_id == OTHER_ACCOUNT


def test_the_last_of_several_headers_counts() -> None:
    assert (
        mapped(an_order(), routing=TABLE, headers=header(ACCOUNT) + header(OTHER_ACCOUNT)).ad_account_id
        == OTHER_ACCOUNT
    )


@pytest.mark.parametrize("account", [STRANGER, "none", "", "merchant-1", None])
def test_an_account_that_is_not_listed_is_not_taken_from_a_header(account: str | None) -> None:
    outcome = outcome_of(an_order(), routing=TABLE, headers=header(account))

    assert isinstance(outcome, Invalid)
    assert outcome.reason is DeadLetterReason.UNROUTABLE


@pytest.mark.parametrize("account", [STRANGER, "none", "merchant-1"])
def test_an_account_that_is_not_listed_is_not_taken_from_a_record(account: str) -> None:
    outcome = outcome_of(an_order(ad_account_id=account), routing=TABLE)

    assert isinstance(outcome, Invalid)
    assert outcome.reason is DeadLetterReason.UNROUTABLE
    assert account not in str(outcome.problems)


def test_a_header_that_is_no_text_names_nobody() -> None:
    assert isinstance(outcome_of(an_order(), headers=[(ACCOUNT_HEADER, b"\xff\xfe")]), Invalid)


def test_a_default_may_be_named_by_records() -> None:
    assert isinstance(outcome_of(an_order(ad_account_id=ACCOUNT)), Mapped)
