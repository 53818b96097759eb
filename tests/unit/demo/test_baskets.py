"""Sample baskets: their sums agree, or a mapping's revenue could not be checked against them."""

from __future__ import annotations

import random
from decimal import Decimal

import pytest

from consumer.demo.baskets import MARKETS, Basket, fill_baskets
from consumer.demo.shoppers import COUNTRIES

PER_COUNTRY = 60
BASKETS = fill_baskets(PER_COUNTRY, random.Random(1))


def of_all_countries() -> list[tuple[str, Basket]]:
    return [(country, basket) for country, baskets in BASKETS.items() for basket in baskets]


def test_every_shopper_finds_baskets_at_home() -> None:
    assert {country.code for country in COUNTRIES} == MARKETS.keys() == BASKETS.keys()


def test_the_lines_add_up_to_the_totals() -> None:
    for country, basket in of_all_countries():
        unit = Decimal(1).scaleb(-MARKETS[country].digits)
        paid_for = [line for line in basket.lines if line["type"] != "BUNDLE_CHILD"]
        totals = basket.totals
        assert totals["items_gross"] == sum((line["unit_price"] * line["quantity"]).quantize(unit) for line in paid_for)
        assert totals["items_net"] == totals["items_gross"] - totals["discount"]
        added_tax = 0 if totals["tax_included"] else totals["tax"]
        assert totals["grand_total"] == totals["items_net"] + totals["shipping"] + added_tax


def test_the_lines_taxes_add_up_to_that_on_the_goods() -> None:
    for country, basket in of_all_countries():
        market, totals = MARKETS[country], basket.totals
        if totals["shipping_tax"] is not None:
            taxes = sum(line["tax"] for line in basket.lines if line["type"] != "BUNDLE_CHILD")
            rounding = len(basket.lines) * Decimal(1).scaleb(-market.digits)
            assert abs(taxes - (totals["tax"] - totals["shipping_tax"])) <= rounding


def test_goods_are_valued_without_tax_shipping_and_gift_cards() -> None:
    for _, basket in of_all_countries():
        totals = basket.totals
        if totals["shipping_tax"] is not None:
            included = totals["tax"] - totals["shipping_tax"] if totals["tax_included"] else 0
            gift_cards = sum(line["unit_price"] for line in basket.lines if line["type"] == "GIFT_CARD")
            assert basket.goods_value == totals["items_net"] - included - gift_cards > 0


@pytest.mark.parametrize(("country", "digits"), [("JP", 0), ("DE", 2), ("KW", 3)])
def test_amounts_have_the_digits_of_their_currency(country: str, digits: int) -> None:
    for basket in BASKETS[country]:
        amounts = [amount for amount in basket.totals.values() if isinstance(amount, Decimal)]
        amounts += [line["unit_price"] for line in basket.lines]
        assert all(amount == amount.quantize(Decimal(1).scaleb(-digits)) for amount in amounts)


def test_the_awkward_baskets_come_as_well() -> None:
    lines = [line for _, basket in of_all_countries() for line in basket.lines]

    assert {line["type"] for line in lines} == {"PRODUCT", "BUNDLE_PARENT", "BUNDLE_CHILD", "GIFT_CARD"}
    assert any(line["quantity"] % 1 for line in lines)
    assert any(basket.totals["shipping_tax"] is None for _, basket in of_all_countries())
