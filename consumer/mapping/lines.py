"""Lines of an order, or products of a visit: which are goods, how many units, and how the API lists them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from consumer.mapping.facts import LineFacts
from consumer.mapping.scrub import holds_contact, looks_personal
from consumer.pinterest.currencies import money

_NOT_GOODS = frozenset({"gift_card", "fee"})
_ONE = Decimal(1)
_NOTHING = Decimal(0)


@dataclass(slots=True)
class Line:
    """One line as far as it counts; `quantity` is above nought."""

    facts: LineFacts
    quantity: Decimal

    @property
    def units(self) -> int:
        """Pinterest counts whole units: 0.4 kg of cheese is one."""
        return math.ceil(self.quantity)

    @property
    def gross(self) -> Decimal | None:
        """Price of the whole line before discount."""
        return None if self.facts.unit_price is None else self.facts.unit_price * self.quantity


@dataclass(slots=True)
class Lines:
    """`goods` are what conversions are about; `others` (gift cards, fees) stay out of value, contents and count."""

    goods: list[Line]
    others: list[Line]

    @property
    def units(self) -> int:
        return sum(line.units for line in self.goods)


PriceOf = Callable[[Line], Decimal | None]


def sorted_lines(given: list[LineFacts]) -> Lines:
    """Lines without quantity count once, those of nought or less (returned goods) not at all.

    A bundle is listed by its parent where there is one, else by its children; both would count it twice.
    """
    goods: list[Line] = []
    children: list[Line] = []
    others: list[Line] = []
    has_parent = False
    for facts in given:
        line = Line(facts, _ONE if facts.quantity is None else facts.quantity)
        if line.quantity <= 0:
            continue
        if facts.type in _NOT_GOODS:
            others.append(line)
        elif facts.type == "bundle_child":
            children.append(line)
        else:
            has_parent = has_parent or facts.type == "bundle_parent"
            goods.append(line)
    return Lines(goods if has_parent else goods + children, others)


def contents_of(
    lines: Lines, currency: str | None, price_of: PriceOf, clipped: list[str], *, is_newer: bool
) -> dict[str, Any]:
    """`content_ids`, `contents` and `num_items` of `custom_data`; none of them if there are no goods.

    A price needs a currency: Pinterest would take the advertiser's own.
    """
    if not lines.goods:
        return {}
    ids: dict[str, None] = {}
    contents = []
    for line in lines.goods:
        facts = line.facts
        content: dict[str, Any] = {}
        if facts.identifier is not None:
            if holds_contact(facts.identifier):
                clipped.append("contents.id")
            else:
                content["id"] = facts.identifier
                ids[facts.identifier] = None
        for name, text in (("item_name", facts.name), ("item_category", facts.category), ("item_brand", facts.brand)):
            if text is not None:
                if looks_personal(text):  # engraved for somebody
                    clipped.append(f"contents.{name}")
                else:
                    content[name] = text
        if (price := price_of(line)) is not None:
            if currency is None or price < _NOTHING:
                clipped.append("contents.item_price")
            else:
                content["item_price"] = money(price, currency)
        if is_newer and facts.brand_id is not None:
            if holds_contact(facts.brand_id):
                clipped.append("contents.item_brand_id")
            else:
                content["item_brand_id"] = facts.brand_id
        content["quantity"] = line.units
        contents.append(content)
    custom_data: dict[str, Any] = {"contents": contents, "num_items": lines.units}
    if ids:
        custom_data["content_ids"] = list(ids)
    return custom_data
