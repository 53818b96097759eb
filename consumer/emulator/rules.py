"""What becomes of a request: refused as a whole by the description, or each event processed or failed.

A breach of the described schema names no event and takes all of them with it. What only the documentation's
prose says (identity, hashes, names, times, amounts) fails the one event.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import orjson

from consumer.emulator.description import (
    APP_INFO,
    APP_LIMITS,
    CONTENT,
    CUSTOM_DATA,
    DEVICE_INFO,
    DEVICE_LIMITS,
    EVENT,
    HASHED,
    MAX_EVENTS,
    REQUEST,
    USER_DATA,
    JsonObject,
)

MAX_AGE_S = 7 * 86_400  # Pinterest states no figure; other vendors report that it refuses older events
EVENT_NAMES = frozenset(
    {
        "add_payment_info",
        "add_to_cart",
        "add_to_wishlist",
        "app_install",
        "checkout",
        "custom",
        "initiate_checkout",
        "lead",
        "page_visit",
        "search",
        "signup",
        "subscribe",
        "view_category",
        "view_content",
        "watch_video",
    }
)
ACTION_SOURCES = frozenset({"app_android", "app_ios", "web", "offline"})

_NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Refused:
    """The request as a whole is not what the description allows."""

    breach: str


def read_events(body: bytes | bytearray) -> list[JsonObject] | Refused:
    """The events of a request, or the first breach of the description."""
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
        if breach := _event_breach(event):
            return Refused(breach)
    return events


def event_error(event: JsonObject, now_s: int) -> str:
    """Why this event cannot be processed, or "". For events that `read_events` let through."""
    if event["event_name"] not in EVENT_NAMES:
        return "Invalid event_name parameter. It is none of the supported event names."
    if event["action_source"] not in ACTION_SOURCES:
        return "Invalid action_source parameter. It is none of app_android, app_ios, web, offline."
    event_time_s = event["event_time"]
    if not now_s - MAX_AGE_S <= event_time_s <= now_s:
        return (
            f"Invalid event_timestamp parameter. Given timestamp is in the "
            f"{'future' if event_time_s > now_s else 'past'}. "
            f"Current timestamp: {now_s}, Given event_timestamp: {event_time_s}"
        )
    return _user_error(event["user_data"]) or _money_error(event.get("custom_data", {}))


def event_warning(event: JsonObject) -> str:
    """What is ignored in an event that is processed, or "". Unknown keys get this far in `user_data` alone."""
    if event["user_data"].keys() <= USER_DATA.types.keys():
        return ""
    unknown = sorted(event["user_data"].keys() - USER_DATA.types.keys())
    return f"Ignored non-standard fields of user_data: {', '.join(unknown)}"


def _event_breach(event: JsonObject) -> str | None:
    if breach := EVENT.breach(event):
        return breach
    user = event["user_data"]
    if breach := USER_DATA.breach(user):
        return breach
    for name, hashes in user.items():
        if name in HASHED and (breach := _strings_breach(name, hashes)):
            return breach
    if "custom_data" in event and (breach := _custom_breach(event["custom_data"])):
        return breach
    if "app_info" in event and (breach := _app_breach(event["app_info"])):
        return breach
    return _device_breach(event["device_info"]) if "device_info" in event else None


def _custom_breach(custom: JsonObject) -> str | None:
    if breach := CUSTOM_DATA.breach(custom):
        return breach
    for content in custom.get("contents", ()):
        if breach := CONTENT.breach(content):
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


def _money_error(custom: JsonObject) -> str:
    """Amounts are strings that the API parses into doubles."""
    for name in ("value", "predicted_ltv"):
        if (amount := custom.get(name)) is not None and _NUMBER.fullmatch(amount) is None:
            return f"Invalid {name} parameter. It is not a number."
    for content in custom.get("contents", ()):
        if (price := content.get("item_price")) is not None and _NUMBER.fullmatch(price) is None:
            return "Invalid item_price parameter. It is not a number."
    return ""
