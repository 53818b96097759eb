"""From what a visitor did to the Pinterest event of the same name: the bundled mapping of visits.

Its id is the one that the browser's tag sent for the same action, else the message's own id on the bus.
"""

from __future__ import annotations

from typing import Any

from consumer.mapping.compose import amount_of, compose, currency_of
from consumer.mapping.fields import UNKNOWN, Fields
from consumer.mapping.lines import Lines, contents_of, read_lines
from consumer.mapping.rules import Rules, Terms
from consumer.mapping.scrub import looks_personal
from consumer.pinterest.events import NEWER_EVENT_NAMES
from consumer.records import Headers, Invalid, MapOutcome, Mapped, Skipped, SkipReason

_TYPES = frozenset({
    "PAGE_VISIT", "VIEW_CONTENT", "VIEW_CATEGORY", "SEARCH", "ADD_TO_CART", "ADD_TO_WISHLIST", "INITIATE_CHECKOUT",
    "ADD_PAYMENT_INFO", "LEAD", "SIGNUP", "SUBSCRIBE", "WATCH_VIDEO", "APP_INSTALL", "CUSTOM",
})  # fmt: skip
_ALL_TYPES = _TYPES | {name.upper() for name in NEWER_EVENT_NAMES}


def map_visit(visit: Fields, headers: Headers, now_s: float, rules: Rules) -> MapOutcome:
    """The outcome for one `Visit`; see `Mapper` for what it still checks."""
    client = visit.part("client")
    if (excluded := rules.exclusion(visit, client)) is not None:
        return excluded
    kind = visit.symbol("type", _ALL_TYPES if rules.shape.newer_fields else _TYPES)
    if kind == UNKNOWN:
        return Skipped(SkipReason.NOT_A_CONVERSION)
    terms = rules.terms(visit, headers, "occurred_at", now_s)
    if not isinstance(terms, Terms):
        return terms
    shared_id = client.text("tag_event_id")
    # Only web pages carry the tag; there an id of our own would be counted beside the tag's.
    if shared_id is None and rules.needs_shared_id and terms.action_source == "web":
        return Skipped(SkipReason.NO_SHARED_ID)
    event_id = shared_id or visit.text("event_id")
    if event_id is None:
        visit.missing("event_id")
        return Invalid(())
    return _event(visit, client, kind.lower(), event_id, terms)


def _event(visit: Fields, client: Fields, event_name: str, event_id: str, terms: Terms) -> Mapped | Invalid:
    clipped: list[str] = []
    lines = read_lines(visit, "products")
    value = visit.amount("value")
    currency = currency_of(visit, value)
    if visit.problems:
        return Invalid(())
    custom_data = contents_of(lines, currency, lambda line: line.unit_price, clipped, is_newer=terms.shape.newer_fields)
    custom_data |= amount_of(value, currency, "value", clipped)
    if currency is not None:
        custom_data["currency"] = currency
    custom_data |= _what_it_was_about(visit, lines, clipped)
    event = compose(
        visit,
        terms,
        event_name=event_name,
        event_id=event_id,
        page_url=visit.part("page").text("url") or client.text("page_url"),
        custom_data=custom_data,
        clipped=clipped,
    )
    return Mapped(terms.route.ad_account_id, event, tuple(clipped))


def _what_it_was_about(visit: Fields, lines: Lines, clipped: list[str]) -> dict[str, Any]:
    """Search term, name, category and brand; texts in which somebody left an e-mail address or number are dropped."""
    only = lines.goods[0].source if len(lines.goods) == 1 else None
    category = visit.part("category")
    about = {
        "search_string": visit.part("search").text("term"),
        "content_name": visit.part("video").text("title")
        or (only and only.text("name"))
        or visit.part("page").text("title"),
        "content_category": category.text("path")
        or category.text("name")
        or (only and only.text("category"))
        or visit.part("lead").text("type"),
        "content_brand": only and only.text("brand"),
    }
    found: dict[str, Any] = {}
    for name, text in about.items():
        if not text:
            continue
        if looks_personal(text):
            clipped.append(name)
        else:
            found[name] = text
    return found
