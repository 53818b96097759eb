"""Money: what an order was worth and a single item cost, on both tax bases."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from consumer.mapping.value import TAX_ESTIMATED
from tests.unit.mapping.builders import a_line, an_order, mapped, problems_of

INCLUDED = {"items_gross": "120", "items_net": "120", "tax": "24", "shipping_tax": "4", "tax_included": True}
ADDED = {"items_gross": "100", "items_net": "100", "tax": "24", "shipping_tax": "4", "tax_included": False}


def totals(amounts: dict[str, Any], **changes: Any) -> dict[str, Any]:
    merged = {**dict.fromkeys(("items_gross", "items_net", "tax")), **amounts, **changes}
    return {name: Decimal(value) if isinstance(value, str) else value for name, value in merged.items()}


def worth(order: dict[str, Any], basis: str = "net") -> tuple[str | None, list[str | None], tuple[str, ...]]:
    """Value, price of each item, what was clipped."""
    outcome = mapped(order, events={"value_basis": basis})
    custom_data = outcome.payload["custom_data"]
    prices = [content.get("item_price") for content in custom_data.get("contents", [])]
    return custom_data.get("value"), prices, outcome.clipped


@pytest.mark.parametrize(
    ("amounts", "basis", "price", "value", "item"),
    [
        pytest.param(INCLUDED, "net", "120", "100.00", "100.00", id="tax taken off"),
        pytest.param(ADDED, "net", "100", "100.00", "100.00", id="no tax in it"),
        pytest.param(INCLUDED, "gross", "120", "120.00", "120.00", id="tax left in"),
        pytest.param(ADDED, "gross", "100", "120.00", "120.00", id="tax put on"),
        pytest.param({**ADDED, "tax_included": None}, "net", "100", "100.00", "100.00", id="unknown is not included"),
    ],
)
def test_value_and_prices_are_on_the_chosen_tax_basis(
    amounts: dict[str, Any], basis: str, price: str, value: str, item: str
) -> None:
    order = an_order(totals=totals(amounts), lines=[a_line(unit_price=Decimal(price))])

    assert worth(order, basis) == (value, [item], ())


@pytest.mark.parametrize(
    ("changes", "line_tax", "value", "is_estimate"),
    [
        pytest.param({"shipping_tax": "4"}, "19", "100.00", False, id="tax on shipping known"),
        pytest.param({"shipping": "0"}, None, "96.00", False, id="shipping was free, so all tax is the goods'"),
        pytest.param({"shipping": "24"}, "20", "100.00", False, id="taxes of the lines"),
        pytest.param({"shipping": "24"}, None, "100.00", True, id="in proportion"),
        pytest.param({}, None, "96.00", True, id="shipping unknown, all tax taken"),
        pytest.param({"tax": None}, None, "120.00", True, id="no tax known"),
        pytest.param({"tax": "0"}, None, "120.00", False, id="no tax"),
    ],
)
def test_the_tax_on_the_goods_is_found_or_estimated(
    changes: dict[str, Any], line_tax: str | None, value: str, *, is_estimate: bool
) -> None:
    line = a_line(unit_price=Decimal(120), tax=None if line_tax is None else Decimal(line_tax))
    order = an_order(totals=totals({**INCLUDED, "shipping_tax": None}, **changes), lines=[line])

    found, _, clipped = worth(order)

    assert found == value
    assert clipped == ((TAX_ESTIMATED,) if is_estimate else ())


def test_value_is_after_discount_and_item_price_before() -> None:
    amounts = totals(ADDED, items_gross="100", discount="10", items_net="90")

    assert worth(an_order(totals=amounts, lines=[a_line(unit_price=Decimal(100))])) == ("90.00", ["100.00"], ())


def test_tax_of_a_discounted_line_is_taken_off_its_undiscounted_price() -> None:
    """120 with 20 % tax costs 100 without, however much was taken off afterwards."""
    amounts = totals(INCLUDED, items_gross="120", discount="12", items_net="108", tax="18", shipping_tax="0")
    line = a_line(unit_price=Decimal(120), tax=Decimal(18))

    assert worth(an_order(totals=amounts, lines=[line])) == ("90.00", ["100.00"], ())


def test_each_line_keeps_its_own_rate_of_tax() -> None:
    amounts = totals(INCLUDED, items_gross="227", items_net="227", tax="27", shipping_tax="0")
    lines = [a_line(unit_price=Decimal(120), tax=Decimal(20)), a_line(unit_price=Decimal(107), tax=Decimal(7))]

    assert worth(an_order(totals=amounts, lines=lines)) == ("200.00", ["100.00", "100.00"], ())


def test_a_line_whose_tax_cannot_be_true_takes_the_orders_rate() -> None:
    line = a_line(unit_price=Decimal(120), tax=Decimal(119))

    assert worth(an_order(totals=totals(INCLUDED), lines=[line]))[1] == ["100.00"]


def test_the_price_is_that_of_one_unit() -> None:
    amounts = totals(INCLUDED, items_gross="360", items_net="360", tax="60", shipping_tax="0")
    line = a_line(unit_price=Decimal(120), quantity=Decimal(3), tax=Decimal(60))

    assert worth(an_order(totals=amounts, lines=[line])) == ("300.00", ["100.00"], ())


@pytest.mark.parametrize("kind", ["GIFT_CARD", "FEE"])
@pytest.mark.parametrize(
    ("gross", "net"),
    [pytest.param("150", "150", id="totals of all lines"), pytest.param("100", "100", id="totals of the goods alone")],
)
def test_gift_cards_and_fees_are_no_goods(kind: str, gross: str, net: str) -> None:
    lines = [
        a_line(unit_price=Decimal(100)),
        a_line(variant_id="extra", type=kind, unit_price=Decimal(25), quantity=Decimal(2)),
    ]
    amounts = totals(ADDED, items_gross=gross, items_net=net)

    assert worth(an_order(totals=amounts, lines=lines)) == ("100.00", ["100.00"], ())


def test_the_tax_on_a_fee_is_not_the_goods() -> None:
    amounts = totals(INCLUDED, items_gross="132", items_net="132", tax="22", shipping_tax="0")
    lines = [a_line(unit_price=Decimal(120)), a_line(type="FEE", unit_price=Decimal(12), tax=Decimal(2))]

    assert worth(an_order(totals=amounts, lines=lines))[0] == "100.00"


@pytest.mark.parametrize(
    ("amounts", "value"),
    [
        pytest.param({"items_gross": "100", "discount": "10"}, "90.00", id="from the gross and the discount"),
        pytest.param({"items_gross": "100", "discount": "-10"}, "90.00", id="discount written as negative"),
        pytest.param({"items_gross": "100"}, "100.00", id="no discount"),
        pytest.param({"grand_total": "100"}, None, id="the grand total is no value"),
    ],
)
def test_a_missing_net_follows_from_the_others_or_there_is_no_value(amounts: dict[str, Any], value: str | None) -> None:
    assert worth(an_order(totals=totals(amounts)))[0] == value


def test_the_sum_of_item_prices_is_not_the_value() -> None:
    """Asked for by the API: item prices are before discount, the value is after."""
    amounts = totals(ADDED, items_gross="100", discount="50", items_net="50")

    value, prices, _ = worth(an_order(totals=amounts, lines=[a_line(unit_price=Decimal(100))]))

    assert (value, prices) == ("50.00", ["100.00"])


@pytest.mark.parametrize(("currency", "value"), [("JPY", "1234"), ("KWD", "1234.457"), ("AUD", "1234.46")])
def test_values_are_rounded_to_the_currency(currency: str, value: str) -> None:
    amounts = totals({"items_net": "1234.4567"})

    found, _, _ = worth(an_order(totals=amounts, currency=currency))

    assert found == value


def test_more_gift_cards_than_goods_is_not_a_value() -> None:
    order = an_order(totals=totals({"items_net": "10", "items_gross": "10"}), lines=[a_line(type="GIFT_CARD")])

    assert problems_of(order)[0].startswith("totals.items_net: ")


def test_tax_that_is_more_than_the_goods_is_not_a_value() -> None:
    order = an_order(totals=totals(INCLUDED, tax="500"))

    assert problems_of(order)[0].startswith("totals.items_net: ")


@pytest.mark.parametrize(
    ("gross", "net", "lines", "value"),
    [
        pytest.param("50", "45", [a_line(type="GIFT_CARD", unit_price=Decimal(50))], "0.00", id="a gift card alone"),
        pytest.param(
            "150",
            "0",
            [a_line(unit_price=Decimal(100)), a_line(type="GIFT_CARD", unit_price=Decimal(50))],
            "0.00",
            id="everything given away",
        ),
    ],
)
def test_a_discount_on_gift_cards_is_taken_out_with_them(
    gross: str, net: str, lines: list[dict[str, Any]], value: str
) -> None:
    order = an_order(totals=totals({"items_gross": gross, "items_net": net}), lines=lines)

    assert worth(order)[0] == value


def test_a_sum_below_nought_is_no_measure_of_a_discount() -> None:
    card = a_line(type="GIFT_CARD", unit_price=Decimal(10))

    problems = problems_of(an_order(totals=totals({"items_gross": "-10", "items_net": "5"}), lines=[card]))

    assert [problem.partition(":")[0] for problem in problems] == ["totals.items_net"]
