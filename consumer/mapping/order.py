"""From an order's change of state to a checkout: the bundled mapping of orders.

One checkout per order, when it reaches the status `events.checkout_on`; its time is when the order was placed, its id
made of the merchant's and the order's, so that every change, redelivery and replay of an order gives the same id.
"""

from __future__ import annotations

from consumer.mapping.compose import amount_of, compose, currency_of
from consumer.mapping.fields import UNKNOWN, Fields
from consumer.mapping.lines import contents_of, read_lines
from consumer.mapping.rules import Rules, Terms
from consumer.mapping.value import Worth
from consumer.pinterest.currencies import money
from consumer.records import Headers, Invalid, MapOutcome, Mapped, Skipped, SkipReason

_STATUSES = frozenset({
    "CREATED", "PLACED", "AUTHORIZED", "PARTIALLY_PAID", "PAID", "FULFILLED", "CANCELLED", "REFUNDED",
    "PARTIALLY_REFUNDED", "CHARGEBACK", "FRAUD_REJECTED",
})  # fmt: skip
_ORIGINS = frozenset({"NEW", "RENEWAL", "EXCHANGE", "REPLACEMENT"})
_SENT_ORIGINS = frozenset({"NEW", UNKNOWN})


def map_order(order: Fields, headers: Headers, now_s: float, rules: Rules) -> MapOutcome:
    """The outcome for one `Order`; see `Mapper` for what it still checks."""
    client = order.part("client")
    if (excluded := rules.exclusion(order, client)) is not None:
        return excluded
    status = order.symbol("status", _STATUSES)
    if status != rules.checkout_on:
        return Skipped(SkipReason.NOT_A_CONVERSION)
    if order.symbol("previous_status", _STATUSES) == status:
        return Skipped(SkipReason.NOT_A_TRANSITION)
    if order.symbol("origin", _ORIGINS) not in _SENT_ORIGINS:
        return Skipped(SkipReason.ORIGIN_EXCLUDED)
    happened = "occurred_at" if order.instant_ms("placed_at") is None else "placed_at"
    terms = rules.terms(order, headers, happened, now_s)
    if not isinstance(terms, Terms):
        return terms
    return _checkout(order, client, terms, rules)


def event_id_of(merchant_id: str | None, order_id: str) -> str:
    """The id that the browser's tag must give the same checkout: `{merchant_id}:{order_id}:checkout`."""
    return f"{merchant_id or ''}:{order_id}:checkout"


def _checkout(order: Fields, client: Fields, terms: Terms, rules: Rules) -> Mapped | Invalid:
    order_id = order.text("order_id")
    if order_id is None:
        order.missing("order_id")
        return Invalid(())
    clipped: list[str] = []
    lines = read_lines(order, "lines")
    worth = Worth(order.part("totals"), lines, is_gross=rules.is_gross, clipped=clipped)
    currency = currency_of(order, worth.value)
    if order.problems:
        return Invalid(())
    custom_data = contents_of(lines, currency, worth.price_of, clipped, is_newer=terms.shape.newer_fields)
    custom_data["order_id"] = order_id
    if currency is not None:
        custom_data["currency"] = currency
        if worth.value is not None:
            custom_data["value"] = money(worth.value, currency)
    custom_data |= amount_of(order.amount("predicted_ltv"), currency, "predicted_ltv", clipped)
    event = compose(
        order,
        terms,
        event_name="checkout",
        event_id=event_id_of(order.text("merchant_id"), order_id),
        page_url=client.text("page_url"),
        custom_data=custom_data,
        clipped=clipped,
    )
    return Mapped(terms.route.ad_account_id, event, tuple(clipped))
