"""Invented goods for sample traffic: baskets whose lines, taxes and totals agree, in several currencies."""

from __future__ import annotations

import random
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

Fields = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Market:
    """How a country prices: `rate` is what a euro's worth costs there, `digits` the currency's (ISO 4217)."""

    currency: str
    digits: int
    rate: Decimal
    tax: Decimal
    tax_included: bool


MARKETS = {
    "DE": Market("EUR", 2, Decimal(1), Decimal("0.19"), True),
    "FR": Market("EUR", 2, Decimal(1), Decimal("0.20"), True),
    "NL": Market("EUR", 2, Decimal(1), Decimal("0.21"), True),
    "SE": Market("SEK", 2, Decimal(11), Decimal("0.25"), True),
    "GB": Market("GBP", 2, Decimal("0.9"), Decimal("0.20"), True),
    "CH": Market("CHF", 2, Decimal("0.95"), Decimal("0.081"), True),
    "US": Market("USD", 2, Decimal("1.1"), Decimal("0.0725"), False),
    "CA": Market("CAD", 2, Decimal("1.6"), Decimal("0.13"), False),
    "AU": Market("AUD", 2, Decimal("1.8"), Decimal("0.10"), True),
    "JP": Market("JPY", 0, Decimal(170), Decimal("0.10"), True),
    "KW": Market("KWD", 3, Decimal("0.36"), Decimal(0), False),
}

_PRODUCTS = (
    # (name, brand, category, price in euros, sold by length)
    ("Linen shirt", "Example & Sons", "Clothing > Shirts", Decimal("49.90"), False),
    ("Teapot, 1 l", "Sample Ware", "Home > Kitchen > Tea", Decimal("34.50"), False),
    ("Oak side table", "Sample Ware", "Home > Furniture", Decimal("189.00"), False),
    ("Curtain fabric", "Example Mills", "Home > Textiles", Decimal("17.25"), True),
    ("Running shoes", "Example & Sons", "Clothing > Shoes", Decimal("119.99"), False),
    ("Notebook, ruled", "Sample Press", "Stationery", Decimal("4.95"), False),
)


@dataclass(frozen=True, slots=True)
class Basket:
    """What somebody buys. The dictionaries and lists are shared between records: copy before changing."""

    currency: str
    lines: list[Fields]
    totals: Fields
    goods_value: Decimal
    """What the goods cost without tax, shipping and gift cards."""
    first_line: list[Fields]


def fill_baskets(per_country: int, chance: random.Random) -> dict[str, list[Basket]]:
    """`per_country` baskets for each country that has a market, by the country's code."""
    return {
        country: [_fill(market, number, chance) for number in range(per_country)] for country, market in MARKETS.items()
    }


def _fill(market: Market, number: int, chance: random.Random) -> Basket:
    picked = chance.sample(_PRODUCTS, chance.randint(1, 4))
    paid_part = Decimal("0.9") if number % 4 == 0 else Decimal(1)
    lines = [_line(market, product, paid_part, chance) for product in picked]
    goods_gross = _sum_of(lines, market)
    if number % 9 == 0:
        lines += _bundle_children(lines[0])
    # A gift card is money in another shape: neither taxed when it is bought nor discounted.
    gift_card = _money(25 * market.rate, market) if number % 11 == 0 else Decimal(0)
    if gift_card:
        lines.append(_gift_card_line(gift_card))
    goods_net = _money(goods_gross * paid_part, market)
    shipping = _money(Decimal("4.90") * market.rate, market) if number % 3 else Decimal(0)
    goods_tax, shipping_tax = _tax_on(goods_net, market), _tax_on(shipping, market)
    added_tax = Decimal(0) if market.tax_included else goods_tax + shipping_tax
    return Basket(
        currency=market.currency,
        lines=lines,
        totals={
            "items_gross": goods_gross + gift_card,
            "discount": goods_gross - goods_net,
            "items_net": goods_net + gift_card,
            "tax": goods_tax + shipping_tax,
            "tax_included": market.tax_included,
            "shipping": shipping,
            # Many shops do not tell the tax on shipping apart.
            "shipping_tax": shipping_tax if number % 5 else None,
            "grand_total": goods_net + gift_card + shipping + added_tax,
        },
        goods_value=goods_net - goods_tax if market.tax_included else goods_net,
        first_line=lines[:1],
    )


def _line(
    market: Market, product: tuple[str, str, str, Decimal, bool], paid_part: Decimal, chance: random.Random
) -> Fields:
    """Its price before discount, its tax on what is paid of it."""
    name, brand, category, price, is_by_length = product
    number = next(number for number, known in enumerate(_PRODUCTS, 1) if known[0] == name)
    unit_price = _money(price * market.rate, market)
    quantity = Decimal("2.5") if is_by_length else Decimal(chance.choice((1, 1, 1, 2, 3)))
    return {
        "product_id": f"product-{number}",
        "variant_id": f"product-{number}-{chance.choice('abc')}",
        "sku": f"SKU-{number:04d}",
        "item_group_id": f"product-{number}",
        "name": name,
        "brand": brand,
        "category": category,
        "quantity": quantity,
        "unit_price": unit_price,
        "tax": _tax_on(unit_price * quantity * paid_part, market),
        "type": "PRODUCT",
    }


def _bundle_children(parent: Fields) -> list[Fields]:
    """Makes the line a bundle; what it contains is listed as well and paid for by the parent."""
    parent["type"] = "BUNDLE_PARENT"
    return [{**parent, "variant_id": f"{parent['variant_id']}-{part}", "type": "BUNDLE_CHILD"} for part in (1, 2)]


def _gift_card_line(price: Decimal) -> Fields:
    return {
        "product_id": "gift-card",
        "name": "Gift card",
        "quantity": Decimal(1),
        "unit_price": price,
        "tax": Decimal(0),
        "type": "GIFT_CARD",
    }


def _sum_of(lines: list[Fields], market: Market) -> Decimal:
    return sum((_money(line["unit_price"] * line["quantity"], market) for line in lines), Decimal(0))


def _tax_on(amount: Decimal, market: Market) -> Decimal:
    return _money(amount * market.tax / (1 + market.tax if market.tax_included else 1), market)


def _money(amount: Decimal, market: Market) -> Decimal:
    return amount.quantize(Decimal(1).scaleb(-market.digits))
