"""What an order was worth: goods after discount, without shipping, on the tax basis that the operator chose.

With I = `totals.items_net` without the lines that are no goods (gift cards, fees), and T = the tax on the goods:

    value_basis   tax_included   value
    net           yes            I - T
    net           no             I
    gross         yes            I
    gross         no             I + T

T is `tax` - `shipping_tax`. Without `shipping_tax` it is the sum of the lines' taxes; without those, `tax` in
proportion of items to shipping, which is an estimate and reported as `tax_estimated`. An unknown `tax_included`
counts as no.

Prices of single items are before discount and on the same basis: each keeps its own line's ratio of tax.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from consumer.mapping.facts import Totals
from consumer.mapping.lines import Line, Lines
from consumer.mapping.reading import MAX_AMOUNT_DIGITS

TAX_ESTIMATED = "tax_estimated"
"""Stands among the names of clipped fields when the tax on the goods had to be estimated."""

_NOTHING = Decimal(0)
_ONE = Decimal(1)
# Beyond these a ratio of prices with and without tax is bad data, and the order's own serves better.
_LOWEST_RATIO, _HIGHEST_RATIO = Decimal("0.4"), Decimal("2.5")


class Worth:
    """The value of one order, and what a single item cost."""

    __slots__ = ("_adds", "_discounted", "_ratio", "_removes", "is_absurd", "value")

    def __init__(self, totals: Totals, lines: Lines, *, is_gross: bool, clipped: list[str]) -> None:
        is_included = bool(totals.tax_included)
        self._removes = is_included and not is_gross
        self._adds = is_gross and not is_included
        self._ratio = _ONE
        self._discounted = _ONE
        self.value: Decimal | None = None
        """None if the totals do not say, or contradict themselves."""
        self.is_absurd = False
        """Is the value below nought, or beyond any amount, once all that is not goods is taken out?"""
        before, after = _items(totals)
        if after is None:
            return
        if before is not None and before > 0 and after > 0:
            self._discounted = after / before
        not_goods = _not_goods(lines, before)
        taken_out = _sum(line.gross for line in not_goods)
        if taken_out > after and before is not None and before > 0:
            taken_out *= after / before  # so the discount was given on these as well
        items = after - taken_out
        if self._removes or self._adds:
            tax = _tax_on_goods(totals, lines, not_goods, items, clipped)
            value = items - tax if self._removes else items + tax
            if items > 0:
                self._ratio = _plausible(value / items, _ONE)
        else:
            value = items
        if value < 0 or value.adjusted() >= MAX_AMOUNT_DIGITS:
            self.is_absurd = True
            return
        self.value = value

    def price_of(self, line: Line) -> Decimal | None:
        """Of one unit, before discount."""
        price = line.facts.unit_price
        if price is None or not (self._removes or self._adds):
            return price
        paid = price * line.quantity * self._discounted
        tax = line.facts.tax
        if tax is None or paid <= 0:
            return price * self._ratio
        return price * _plausible((paid - tax if self._removes else paid + tax) / paid, self._ratio)


def _items(totals: Totals) -> tuple[Decimal | None, Decimal | None]:
    """All lines before and after discount; each follows from the other and the discount."""
    before, after, discount = totals.items_gross, totals.items_net, totals.discount
    if after is None and before is not None:
        after = before - abs(discount or _NOTHING)
    elif before is None and after is not None:
        before = after + abs(discount or _NOTHING)
    return before, after


def _not_goods(lines: Lines, before: Decimal | None) -> list[Line]:
    """The lines to take out of the totals: none if the totals are the goods' alone already."""
    if not lines.others or before is None:
        return lines.others
    return [] if before == _sum(line.gross for line in lines.goods) else lines.others


def _tax_on_goods(totals: Totals, lines: Lines, not_goods: list[Line], items: Decimal, clipped: list[str]) -> Decimal:
    tax, shipping, shipping_tax = totals.tax, totals.shipping, totals.shipping_tax
    if shipping is not None and shipping.is_zero() and shipping_tax is None:
        shipping_tax = shipping
    if tax is not None:
        tax -= _sum(line.facts.tax for line in not_goods)
    if tax is not None and (shipping_tax is not None or tax.is_zero()):
        return tax - (shipping_tax or _NOTHING)
    if lines.goods and all(line.facts.tax is not None for line in lines.goods):
        return _sum(line.facts.tax for line in lines.goods)
    clipped.append(TAX_ESTIMATED)
    if tax is None:
        return _NOTHING
    return tax * items / (items + shipping) if items > 0 and shipping is not None and shipping > 0 else tax


def _sum(amounts: Iterable[Decimal | None]) -> Decimal:
    return sum((amount for amount in amounts if amount is not None), _NOTHING)


def _plausible(ratio: Decimal, otherwise: Decimal) -> Decimal:
    return ratio if _LOWEST_RATIO <= ratio <= _HIGHEST_RATIO else otherwise
