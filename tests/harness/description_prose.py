"""What Pinterest's description says of an event in sentences only, without a schema that would enforce it.

Source: Pinterest API v5 description 5.23.0, the `description` texts of `ConversionEvents` and of what it refers to.
"""

from __future__ import annotations

import ipaddress
import math
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

EVENT_NAMES = frozenset({
    "add_payment_info", "add_to_cart", "add_to_wishlist", "app_install", "checkout", "custom", "initiate_checkout",
    "lead", "page_visit", "search", "signup", "subscribe", "view_category", "view_content", "watch_video",
})  # fmt: skip
ACTION_SOURCES = frozenset({"app_android", "app_ios", "web", "offline"})

# In Pinterest's guide to tracking conversions; the description 5.23.0 has none of them.
NEWER_EVENT_NAMES = frozenset({
    "app_open", "contact", "customize_product", "find_location", "schedule", "start_trial", "submit_application",
})  # fmt: skip
NEWER_IN_EVENT: dict[str, Any] = {"advertiser_tracking_enabled": {"type": "boolean"}}
NEWER_IN_CONTENT: dict[str, Any] = {"item_brand_id": {"type": "string", "maxLength": 64}}

_CLOCKS_DIFFER_S = 5.0
_HASH = re.compile(r"[0-9a-f]{64}")
_HASH_OF_NOTHING = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
_MONEY = re.compile(r"[0-9]+(\.[0-9]+)?")
_CURRENCY = re.compile(r"[A-Z]{3}")
_LANGUAGE = re.compile(r"[a-z]{2}")
_PARTNER = re.compile(r"ss-[a-z0-9_-]+")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")

Told = tuple[str, str, str]
"""Where, which rule, what shape."""


def told_in_prose(event: dict[str, Any], *, now_s: float, newer_event_names: frozenset[str]) -> Iterator[Told]:
    """What is wrong with an event that the schemas allow.

    Args:
        event: Valid by the formal part.
        now_s: Unix seconds at which it is received.
        newer_event_names: Allowed beside those of the description.
    """
    if event["event_name"] not in EVENT_NAMES | newer_event_names:
        yield "event_name", "one of the listed names", shape_of(event["event_name"])
    if event["action_source"] not in ACTION_SOURCES:
        yield "action_source", "one of the listed sources", shape_of(event["action_source"])
    if not 1_000_000_000 <= event["event_time"] <= now_s + _CLOCKS_DIFFER_S:
        yield "event_time", "Unix seconds of something that has happened", shape_of(event["event_time"])
    if not event["event_id"].strip():
        yield "event_id", "a unique id", shape_of(event["event_id"])
    yield from _user_data(event["user_data"])
    yield from _custom_data(event.get("custom_data", {}))
    yield from _shaped(event, "language", _LANGUAGE, "two letters of ISO 639-1, lower case")
    yield from _shaped(event, "partner_name", _PARTNER, "ss-partnername, lower case")
    if (url := event.get("event_source_url")) is not None and not _is_web_page(url):
        yield "event_source_url", "the URL of a web page", shape_of(url)
    for index, language in enumerate(event.get("device_info", {}).get("languages", ())):
        if not _LANGUAGE.fullmatch(language):
            yield f"device_info.languages[{index}]", "ISO 639-1", shape_of(language)


def _user_data(user: dict[str, Any]) -> Iterator[Told]:
    for name, value in user.items():
        if isinstance(value, list):  # all arrays of `user_data` are of hashes
            if not value:
                yield f"user_data.{name}", "hashes, or no key at all", "an empty array"
            for index, text in enumerate(value):
                if not _HASH.fullmatch(text) or text == _HASH_OF_NOTHING:
                    yield f"user_data.{name}[{index}]", "SHA-256 of something, 64 lower-case digits", shape_of(text)
        elif value == "":
            yield f"user_data.{name}", "something, or no key at all", shape_of(value)
    address = user.get("client_ip_address")
    if address is not None and not _is_address(address):
        yield "user_data.client_ip_address", "IPv4 or IPv6", shape_of(address)


def _custom_data(custom: dict[str, Any]) -> Iterator[Told]:
    yield from _shaped(custom, "currency", _CURRENCY, "ISO 4217", path="custom_data.")
    contents = custom.get("contents", [])
    amounts = [(f"custom_data.{name}", custom.get(name)) for name in ("value", "predicted_ltv")]
    amounts += [
        (f"custom_data.contents[{i}].item_price", content.get("item_price")) for i, content in enumerate(contents)
    ]
    for where, amount in amounts:
        if amount is None:
            continue
        if not _MONEY.fullmatch(amount) or not math.isfinite(float(amount)):
            yield where, "a string that parses to a double", shape_of(amount)
        if custom.get("currency") is None:
            yield where, "an amount needs a currency, or it counts in the advertiser's", "none"
    if custom.get("opt_out_type") not in (None, "LDP"):
        yield "custom_data.opt_out_type", "LDP", shape_of(custom["opt_out_type"])
    counts = [("custom_data.num_items", custom.get("num_items"))]
    counts += [(f"custom_data.contents[{i}].quantity", content.get("quantity")) for i, content in enumerate(contents)]
    for where, count in counts:
        if count is not None and count < 1:
            yield where, "an amount of products", shape_of(count)


def _shaped(part: dict[str, Any], name: str, pattern: re.Pattern[str], rule: str, *, path: str = "") -> Iterator[Told]:
    text = part.get(name)
    if text is not None and not pattern.fullmatch(text):
        yield path + name, rule, shape_of(text)


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return "%" not in text  # a zone names an interface of one machine (RFC 4007, 11)


def _is_web_page(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.netloc)


def shape_of(value: Any) -> str:
    """What kind of value it is and how large, without any of it. Keys are named if they look like names of fields."""
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int():
            return (
                f"an integer of {len(str(abs(value)))} digits" if abs(value) < 10**30 else "an integer beyond 30 digits"
            )
        case float():
            return "a number with a point"
        case str():
            return f"a string of {len(value)} characters"
        case list():
            return f"an array of {len(value)}"
        case dict():
            names = sorted(key for key in value if _NAME.fullmatch(key))
            others = f" and {len(value) - len(names)} others" if len(names) < len(value) else ""
            return f"an object of {', '.join(names) or 'nothing'}{others}"
    return f"a {type(value).__name__}"
