"""Which lines count, how many units they are, and how they are listed."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.unit.mapping.builders import a_line, an_order, event_of, mapped


def listed(*lines: dict[str, Any]) -> tuple[list[str | None], int | None]:
    """Ids in the order of the contents, and the number of items."""
    custom_data = event_of(an_order(lines=list(lines)))["custom_data"]
    contents = custom_data.get("contents", [])
    return [content.get("id") for content in contents], custom_data.get("num_items")


@pytest.mark.parametrize(
    ("quantity", "units"),
    [("1", 1), ("3", 3), ("3.0000", 3), ("0.4", 1), ("2.5", 3), ("1000000", 1_000_000), (None, 1)],
)
def test_units_are_whole(quantity: str | None, units: int) -> None:
    line = a_line(quantity=None if quantity is None else Decimal(quantity))

    custom_data = event_of(an_order(lines=[line]))["custom_data"]

    assert custom_data["contents"][0]["quantity"] == units
    assert custom_data["num_items"] == units


def test_items_are_units_not_lines() -> None:
    assert listed(a_line(quantity=Decimal(2)), a_line(variant_id="b", quantity=Decimal("0.5"))) == (["shirt-m", "b"], 3)


@pytest.mark.parametrize("quantity", ["0", "-1"])
def test_what_was_not_bought_does_not_count(quantity: str) -> None:
    assert listed(a_line(variant_id="returned", quantity=Decimal(quantity)), a_line()) == (["shirt-m"], 1)


PARENT = a_line(variant_id="set", type="BUNDLE_PARENT")
CHILDREN = [a_line(variant_id="cup", type="BUNDLE_CHILD"), a_line(variant_id="pot", type="BUNDLE_CHILD")]


def test_a_bundle_is_its_parent() -> None:
    assert listed(CHILDREN[0], PARENT, CHILDREN[1], a_line()) == (["set", "shirt-m"], 2)


def test_a_bundle_without_parent_is_its_children() -> None:
    assert listed(*CHILDREN, a_line()) == (["shirt-m", "cup", "pot"], 3)


@pytest.mark.parametrize("kind", ["GIFT_CARD", "FEE"])
def test_gift_cards_and_fees_are_not_listed(kind: str) -> None:
    assert listed(a_line(variant_id="extra", type=kind), a_line()) == (["shirt-m"], 1)


@pytest.mark.parametrize("kind", ["PRODUCT", "UNKNOWN", None, "INVENTED_LATER"])
def test_lines_of_unknown_type_are_products(kind: str | None) -> None:
    assert listed(a_line(type=kind)) == (["shirt-m"], 1)


@pytest.mark.parametrize(
    ("ids", "found"),
    [
        pytest.param({"variant_id": "v", "product_id": "p", "sku": "s"}, "v", id="variant first"),
        pytest.param({"variant_id": None, "product_id": "p", "sku": "s"}, "p", id="then product"),
        pytest.param({"variant_id": " ", "product_id": None, "sku": "s"}, "s", id="then sku"),
        pytest.param({"variant_id": None, "item_group_id": "g"}, None, id="never the group"),
    ],
)
def test_the_id_is_that_of_the_catalogue(ids: dict[str, Any], found: str | None) -> None:
    assert listed(a_line(**ids)) == ([found], 1)


def test_ids_are_named_once() -> None:
    custom_data = event_of(an_order(lines=[a_line(), a_line(unit_price=Decimal(20))]))["custom_data"]

    assert custom_data["content_ids"] == ["shirt-m"]
    assert len(custom_data["contents"]) == 2


def test_a_negative_price_is_left_out() -> None:
    outcome = mapped(an_order(lines=[a_line(unit_price=Decimal(-1))]))

    assert "item_price" not in outcome.payload["custom_data"]["contents"][0]
    assert outcome.clipped == ("contents.item_price",)
