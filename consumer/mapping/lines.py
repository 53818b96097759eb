"""Lines of an order, or products of a visit: which are goods, how many units, and how the API lists them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from consumer.mapping.fields import Fields
from consumer.mapping.scrub import looks_personal
from consumer.pinterest.currencies import money

_PRODUCT, _BUNDLE_PARENT, _BUNDLE_CHILD = "PRODUCT", "BUNDLE_PARENT", "BUNDLE_CHILD"
_NOT_GOODS = frozenset({"GIFT_CARD", "FEE"})
_TYPES = frozenset({_PRODUCT, _BUNDLE_PARENT, _BUNDLE_CHILD}) | _NOT_GOODS
_ONE = Decimal(1)
_NOTHING = Decimal(0)


@dataclass(slots=True)
class Line:
    """One line as far as it counts; `quantity` is above nought."""

    source: Fields
    quantity: Decimal
    unit_price: Decimal | None
    tax: Decimal | None

    @property
    def units(self) -> int:
        """Pinterest counts whole units: 0.4 kg of cheese is one."""
        return math.ceil(self.quantity)

    @property
    def gross(self) -> Decimal | None:
        """Price of the whole line before discount."""
        return None if self.unit_price is None else self.unit_price * self.quantity


@dataclass(slots=True)
class Lines:
    """`goods` are what conversions are about; `others` (gift cards, fees) stay out of value, contents and count."""

    goods: list[Line]
    others: list[Line]

    @property
    def units(self) -> int:
        return sum(line.units for line in self.goods)


PriceOf = Callable[[Line], Decimal | None]


def read_lines(record: Fields, name: str) -> Lines:
    """Lines without quantity count once, those of nought or less (returned goods) not at all.

    A bundle is listed by its parent where there is one, else by its children; both would count it twice.
    """
    goods: list[Line] = []
    children: list[Line] = []
    others: list[Line] = []
    has_parent = False
    for source in record.parts(name):
        quantity = source.quantity("quantity")
        line = Line(source, _ONE if quantity is None else quantity, source.amount("unit_price"), source.amount("tax"))
        kind = source.symbol("type", _TYPES)
        if line.quantity <= 0:
            continue
        if kind in _NOT_GOODS:
            others.append(line)
        elif kind == _BUNDLE_CHILD:
            children.append(line)
        else:
            has_parent = has_parent or kind == _BUNDLE_PARENT
            goods.append(line)
    return Lines(goods if has_parent else goods + children, others)


def product_id(source: Fields) -> str | None:
    """The id in the catalogue's feed: usually the variant's, of products without variants their own."""
    return source.text("variant_id") or source.text("product_id") or source.text("sku")


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
        source = line.source
        content: dict[str, Any] = {}
        if (identifier := product_id(source)) is not None:
            content["id"] = identifier
            ids[identifier] = None
        for name, target in (("name", "item_name"), ("category", "item_category"), ("brand", "item_brand")):
            if (text := source.text(name)) is not None:
                if looks_personal(text):  # engraved for somebody
                    clipped.append(f"contents.{target}")
                else:
                    content[target] = text
        if (price := price_of(line)) is not None:
            if currency is None or price < _NOTHING:
                clipped.append("contents.item_price")
            else:
                content["item_price"] = money(price, currency)
        if is_newer and (brand_id := source.text("brand_id")) is not None:
            content["item_brand_id"] = brand_id
        content["quantity"] = line.units
        contents.append(content)
    custom_data: dict[str, Any] = {"contents": contents, "num_items": lines.units}
    if ids:
        custom_data["content_ids"] = list(ids)
    return custom_data
