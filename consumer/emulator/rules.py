"""What becomes of a request: refused as a whole by the description, or each event processed or failed.

A breach of the described schema names no event and takes all of them with it. What only the documentation's
prose says (identity, hashes, names, times, amounts) fails the one event.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address

import orjson

from consumer.emulator.description import (
    APP_INFO,
    APP_LIMITS,
    CUSTOM_DATA,
    DEVICE_INFO,
    DEVICE_LIMITS,
    HASHED,
    MAX_EVENTS,
    PUBLISHED,
    REQUEST,
    USER_DATA,
    Edition,
    JsonObject,
)
from consumer.emulator.wire import media_type

MAX_AGE_S = 7 * 86_400  # Pinterest states no figure; other vendors report that it refuses older events
ACTION_SOURCES = frozenset({"app_android", "app_ios", "web", "offline"})

JSON = "application/json"

_AMOUNT = re.compile(r"\+?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?", re.ASCII)
_CURRENCY = re.compile(r"[A-Z]{3}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Refused:
    """The request as a whole is not what the description allows."""

    breach: str


def read_events(
    body: bytes | bytearray, content_type: str = JSON, edition: Edition = PUBLISHED
) -> list[JsonObject] | Refused:
    """The events of a request, or the first breach of the description."""
    if media_type(content_type) != JSON:
        return Refused(f"the content type is not {JSON}")
    try:
        request = orjson.loads(body)
    except orjson.JSONDecodeError:
        return Refused("the body is not valid JSON")
    if breach := REQUEST.breach(request):
        return Refused(breach)
    events: list[JsonObject] = request["data"]
    if not events:
        return Refused("'data' is too short")
    if len(events) > MAX_EVENTS:
        return Refused("'data' is too long")
    for event in events:
        if breach := _event_breach(event, edition):
            return Refused(breach)
    return events


def event_error(event: JsonObject, now_s: int, edition: Edition = PUBLISHED) -> str:
    """Why this event cannot be processed, or "". For events that `read_events` let through."""
    if event["event_name"] not in edition.event_names:
        return "Invalid event_name parameter. It is none of the supported event names."
    if event["action_source"] not in ACTION_SOURCES:
        return "Invalid action_source parameter. It is none of app_android, app_ios, web, offline."
    if not event["event_id"].strip():
        return "Invalid event_id parameter. It is empty."
    event_time_s = event["event_time"]
    if not now_s - MAX_AGE_S <= event_time_s <= now_s:
        return (
            f"Invalid event_timestamp parameter. Given timestamp is in the "
            f"{'future' if event_time_s > now_s else 'past'}. "
            f"Current timestamp: {now_s}, Given event_timestamp: {event_time_s}"
        )
    return _user_error(event["user_data"]) or _custom_error(event.get("custom_data", {}))


def _event_breach(event: JsonObject, edition: Edition) -> str | None:
    if breach := edition.event.breach(event):
        return breach
    user = event["user_data"]
    if breach := USER_DATA.breach(user):
        return breach
    for name, hashes in user.items():
        if name in HASHED and (breach := _strings_breach(name, hashes)):
            return breach
    if "custom_data" in event and (breach := _custom_breach(event["custom_data"], edition)):
        return breach
    if "app_info" in event and (breach := _app_breach(event["app_info"])):
        return breach
    return _device_breach(event["device_info"]) if "device_info" in event else None


def _custom_breach(custom: JsonObject, edition: Edition) -> str | None:
    if breach := CUSTOM_DATA.breach(custom):
        return breach
    for content in custom.get("contents", ()):
        if breach := edition.content.breach(content) or edition.content_limits.breach(content):
            return breach
    return _strings_breach("content_ids", custom.get("content_ids", []))


def _app_breach(app: JsonObject) -> str | None:
    return APP_INFO.breach(app) or APP_LIMITS.breach(app)


def _device_breach(device: JsonObject) -> str | None:
    return (
        DEVICE_INFO.breach(device)
        or DEVICE_LIMITS.breach(device)
        or _strings_breach("languages", device.get("languages", []))
    )


def _strings_breach(name: str, items: list[object]) -> str | None:
    for item in items:
        if type(item) is not str:
            return f"an item of '{name}' is not of type 'string'"
    return None


def _user_error(user: JsonObject) -> str:
    hashes = [value for name, values in user.items() if name in HASHED for value in values]
    if not _are_hashes(hashes):
        wrong = next(name for name in user if name in HASHED and not _are_hashes(user[name]))
        return f"Invalid {wrong} parameter. It must hold SHA-256 hashes of 64 lower-case hexadecimal digits."
    if "client_ip_address" in user and not _is_address(user["client_ip_address"]):
        return "Invalid client_ip_address parameter. It is neither an IPv4 nor an IPv6 address."
    if user.get("em") or user.get("hashed_maids"):
        return ""
    if user.get("client_ip_address") and user.get("client_user_agent"):
        return ""
    return "Invalid user_data parameter. It needs em, hashed_maids, or client_ip_address with client_user_agent."


def _are_hashes(values: list[str]) -> bool:
    digits = "".join(values)
    try:
        # `fromhex` skips blanks and takes capitals; there and back only lower-case digits stay the same.
        return set(map(len, values)) <= {64} and bytes.fromhex(digits).hex() == digits
    except ValueError:
        return False


@lru_cache(maxsize=10_000)  # visitors come back within minutes, and reading one takes longer than the other rules
def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return "%" not in text  # names an interface of the machine that wrote it


def _custom_error(custom: JsonObject) -> str:
    """Amounts are strings that the API parses into doubles; nothing in the API takes money or goods back."""
    for name in ("value", "predicted_ltv"):
        if error := _amount_error(name, custom.get(name)):
            return error
    if (currency := custom.get("currency")) is not None and _CURRENCY.fullmatch(currency) is None:
        return "Invalid currency parameter. It is not a code of ISO 4217, three capital letters."
    if custom.get("num_items", 0) < 0:
        return "Invalid num_items parameter. It is negative."
    for content in custom.get("contents", ()):
        if error := _amount_error("item_price", content.get("item_price")):
            return error
        if content.get("quantity", 0) < 0:
            return "Invalid quantity parameter. It is negative."
    return ""


def _amount_error(name: str, amount: str | None) -> str:
    if amount is None or _AMOUNT.fullmatch(amount):
        return ""
    if _AMOUNT.fullmatch(amount.removeprefix("-")):
        return f"Invalid {name} parameter. It is negative."
    return f"Invalid {name} parameter. It is not a number."
