"""What the API takes as an event: checks a finished one before it is sent, so that no bad one sinks a whole request.

One event that breaks the description makes the API refuse the request with all its events. Here what is required and
wrong is a problem of this event alone; what is optional and breaks a limit is shortened or left out, and the conversion
survives.

Source of fields and limits: Pinterest API v5 description, schemas `ConversionEvents` with
`ConversionEventsUserDataProperties`, `ConversionEventAppInfo` and `ConversionEventDeviceInfo`. All but `user_data`
forbid unknown fields.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

EVENT_NAMES = frozenset({
    "add_payment_info", "add_to_cart", "add_to_wishlist", "app_install", "checkout", "custom", "initiate_checkout",
    "lead", "page_visit", "search", "signup", "subscribe", "view_category", "view_content", "watch_video",
})  # fmt: skip
NEWER_EVENT_NAMES = frozenset({
    "app_open", "contact", "customize_product", "find_location", "schedule", "start_trial", "submit_application",
})  # fmt: skip
"""In Pinterest's guide to tracking conversions and in Segment's integration, not in the description 5.23.0."""

ACTION_SOURCES = frozenset({"app_android", "app_ios", "web", "offline"})
MAX_EVENT_ID = 256
"""Characters. The description of events states none; that of Pinterest's measurement events says 256 of the same id."""

HASHED = frozenset({"em", "ph", "ge", "db", "ln", "fn", "ct", "st", "zp", "country", "external_id", "hashed_maids"})
"""Fields of `user_data` that hold SHA-256 hashes, each an array."""

CLEAR = frozenset({"client_ip_address", "client_user_agent", "click_id", "partner_id"})
"""Fields of `user_data` that the API takes as they are."""

_HASH = re.compile(r"[0-9a-f]{64}")
_AMOUNT = re.compile(r"[0-9]+(?:\.[0-9]+)?")
_CURRENCY = re.compile(r"[A-Z]{3}")
_LANGUAGE = re.compile(r"[a-z]{2}")
_SOME = re.compile(r"(?s).+")
_MAX_INT64 = 2**63 - 1


@dataclass(frozen=True, slots=True)
class _Limit:
    """`most`: characters of a text, entries of a list, or the largest integer; integers are never below nought."""

    kind: type
    most: int = _MAX_INT64
    is_cut: bool = True
    """May a text be cut? Half an id or half a locale is worse than none."""
    choices: frozenset[str] | None = None
    shape: re.Pattern[str] | None = None
    """Of a text, or of each text in a list."""
    is_free: bool = field(init=False)
    """Any value of the kind will do."""

    def __post_init__(self) -> None:
        is_free = self.kind is not int and self.most == _MAX_INT64 and self.choices is None and self.shape is None
        object.__setattr__(self, "is_free", is_free)


_TEXT, _COUNT, _FLAG, _TEXTS = _Limit(str), _Limit(int), _Limit(bool), _Limit(list, shape=_SOME)
_MONEY = _Limit(str, is_cut=False, shape=_AMOUNT)
_PIXELS, _GIGABYTES = _Limit(int, 30_720), _Limit(int, 1_048_576)
_LABEL, _NAME = _Limit(str, 100), _Limit(str, 200)
_IDENTIFIER = _Limit(str, 200, is_cut=False)


def _one_of(choices: str) -> _Limit:
    return _Limit(str, choices=frozenset(choices.split()))


_EVENT = {
    "event_name": _TEXT, "action_source": _TEXT, "event_time": _COUNT, "event_id": _TEXT, "user_data": _Limit(dict),
    "custom_data": _Limit(dict), "event_source_url": _TEXT, "opt_out": _FLAG, "partner_name": _TEXT,
    "language": _Limit(str, shape=_LANGUAGE), "wifi": _FLAG, "app_info": _Limit(dict), "device_info": _Limit(dict),
}  # fmt: skip
_FLAT = {
    "app_id": _IDENTIFIER, "app_name": _NAME, "app_version": _LABEL, "device_brand": _LABEL, "device_carrier": _LABEL,
    "device_model": _LABEL, "device_type": _LABEL, "os_version": _LABEL,
}  # fmt: skip
"""The older form of facts that `app_info` and `device_info` hold as well; its limits are those of the newer form."""
_CUSTOM_DATA = {
    "value": _MONEY, "currency": _Limit(str, shape=_CURRENCY), "order_id": _TEXT, "content_ids": _TEXTS,
    "contents": _Limit(list), "num_items": _COUNT, "search_string": _TEXT, "content_name": _TEXT,
    "content_category": _TEXT, "content_brand": _TEXT, "predicted_ltv": _MONEY, "opt_out_type": _one_of("LDP"),
    "np": _TEXT, "external_measurement_id": _TEXT, "external_measurement_vendor_id": _COUNT,
}  # fmt: skip
_CONTENT = {
    "id": _TEXT, "item_name": _TEXT, "item_category": _TEXT, "item_brand": _TEXT, "item_price": _MONEY,
    "quantity": _COUNT,
}  # fmt: skip
_APP_INFO = {
    "app_id": _IDENTIFIER, "app_name": _NAME, "app_package_name": _IDENTIFIER, "app_store": _LABEL,
    "app_version": _LABEL, "install_time": _COUNT, "user_agent": _Limit(str, 16_384), "window_height": _PIXELS,
    "window_width": _PIXELS,
}  # fmt: skip
_DEVICE_INFO = {
    "battery_level": _Limit(int, 100), "brand": _LABEL, "carrier": _LABEL, "cpu_cores": _Limit(int, 1_152),
    "external_storage_free_space": _GIGABYTES, "external_storage_size": _GIGABYTES,
    "form_factor": _one_of("desktop laptop cellphone tablet smartwatch tv vr console other"),
    "kernel_version": _LABEL, "languages": _Limit(list, 100, shape=_LANGUAGE),
    "locale": _Limit(str, 35, is_cut=False), "model": _LABEL,
    "network_type": _one_of(
        "wifi cellular_2g cellular_3g cellular_4g cellular_5g cellular_6g ethernet unknown"
    ),
    "os_family": _one_of("ios android macos windows linux bsd other"),
    "os_name": _LABEL, "os_release_name": _LABEL, "os_version": _LABEL, "screen_density": _Limit(int, 100_000),
    "screen_height": _PIXELS, "screen_width": _PIXELS, "storage_free_space": _GIGABYTES,
    "storage_size": _GIGABYTES, "timezone": _Limit(str, 40, is_cut=False),
    "timezone_abbr": _Limit(str, 5, is_cut=False), "type": _LABEL,
}  # fmt: skip
_NEWER_IN_EVENT = {"advertiser_tracking_enabled": _FLAG}
_NEWER_IN_CONTENT = {"item_brand_id": _Limit(str, 64, is_cut=False)}
FIELD_NAMES = (
    HASHED
    | CLEAR
    | frozenset(
        name
        for fields in (
            _EVENT,
            _FLAT,
            _CUSTOM_DATA,
            _CONTENT,
            _APP_INFO,
            _DEVICE_INFO,
            _NEWER_IN_EVENT,
            _NEWER_IN_CONTENT,
        )
        for name in fields
    )
)
"""Of all fields that the API knows, wherever they stand."""
_REQUIRED = ("event_name", "action_source", "event_time", "event_id", "user_data")


def has_identity(user_data: dict[str, Any]) -> bool:
    """Can anybody be recognised by it? Telephone, external id or click id alone do not do.

    Source: description of `ConversionEventsUserData`. Its formal `anyOf` asks for nothing, since OpenAPI 3.0 ignores
    what stands beside a `$ref`.
    """
    return bool(
        user_data.get("em")
        or user_data.get("hashed_maids")
        or (user_data.get("client_ip_address") and user_data.get("client_user_agent"))
    )


class Contract:
    """What the API takes, and the last gate before it.

    Args:
        is_newer: Also let the names pass that only Pinterest's guide has. A server that keeps to the description 5.23.0
            refuses the whole request for one of these fields.
        fields: The fields of `user_data` that may leave at all.
    """

    def __init__(self, *, is_newer: bool, fields: frozenset[str]) -> None:
        self._event_names = EVENT_NAMES | NEWER_EVENT_NAMES if is_newer else EVENT_NAMES
        self._event = _EVENT | _FLAT | (_NEWER_IN_EVENT if is_newer else {})
        self._content = _CONTENT | (_NEWER_IN_CONTENT if is_newer else {})
        self._fields = fields

    def check(self, event: dict[str, Any]) -> tuple[list[str], list[str]]:
        """Check an event and cut it, in place, to what the API takes and what may leave.

        Returns:
            Problems, each beginning with a field's name and never holding its value, for which the event must not be
            sent; and the names of optional fields that were shortened or left out because they broke a limit.
        """
        problems: list[str] = []
        clipped: list[str] = []
        self._check_required(event, problems)
        if problems:
            return problems, clipped
        _limit(event, self._event, "", clipped)
        self._check_user_data(event["user_data"], problems, clipped)
        if (custom_data := event.get("custom_data")) is not None:
            self._check_custom_data(custom_data, problems, clipped)
        if "app_info" in event:
            _limit(event["app_info"], _APP_INFO, "app_info.", clipped)
        if "device_info" in event:
            _limit(event["device_info"], _DEVICE_INFO, "device_info.", clipped)
        for name in ("custom_data", "app_info", "device_info"):
            if name in event and not event[name]:
                del event[name]
        if "app_info" in event or "device_info" in event:
            for name in _FLAT.keys() & event.keys():  # one form of a fact, never two that may contradict each other
                del event[name]
                clipped.append(name)
        return problems, clipped

    def _check_required(self, event: dict[str, Any], problems: list[str]) -> None:
        for name in _REQUIRED:
            value = event.get(name)
            if value is None or value == "":
                problems.append(f"{name}: missing, and the API requires it")
            elif type(value) is not _EVENT[name].kind:
                problems.append(f"{name}: {type(value).__name__} in place of {_EVENT[name].kind.__name__}")
        if problems:
            return
        if event["event_name"] not in self._event_names:
            problems.append("event_name: none of the API's event names; newer ones need `events.newer_fields: true`")
        if event["action_source"] not in ACTION_SOURCES:
            problems.append("action_source: none of app_android, app_ios, web, offline")
        if event["event_time"] < 0:
            problems.append("event_time: before 1970")
        if (length := len(event["event_id"])) > MAX_EVENT_ID:
            # Not cut: two actions might share what is left of their ids.
            problems.append(f"event_id: {length} characters, at most {MAX_EVENT_ID}")

    def _check_user_data(self, user_data: dict[str, Any], problems: list[str], clipped: list[str]) -> None:
        """The last gate of personal data: nothing but hashes under a hashed name, nothing that may not leave."""
        for name, value in tuple(user_data.items()):
            if name not in self._fields:
                del user_data[name]
                if name not in HASHED and name not in CLEAR:
                    clipped.append(f"user_data.{name}")
            elif name in HASHED:
                if not isinstance(value, list) or not _are_hashes(value):
                    problems.append(f"user_data.{name}: not an array of SHA-256 hashes in lower-case hexadecimal")
                elif not value:
                    del user_data[name]
            elif not isinstance(value, str):
                del user_data[name]
                clipped.append(f"user_data.{name}")

    def _check_custom_data(self, custom_data: dict[str, Any], problems: list[str], clipped: list[str]) -> None:
        _limit(custom_data, _CUSTOM_DATA, "custom_data.", clipped)
        if "value" in custom_data and "currency" not in custom_data:
            problems.append("custom_data.value: without a currency, and Pinterest would take the advertiser's own")
        for content in custom_data.get("contents", ()):
            if isinstance(content, dict):
                _limit(content, self._content, "contents.", clipped)
            else:
                problems.append(f"contents: {type(content).__name__} in place of an object")


def _are_hashes(values: list[Any]) -> bool:
    for value in values:  # noqa: SIM110 - a generator would cost more than the check, on every event
        if not isinstance(value, str) or not _HASH.fullmatch(value):
            return False
    return True


def _limit(part: dict[str, Any], limits: dict[str, _Limit], path: str, clipped: list[str]) -> None:
    changed: list[tuple[str, Any]] = []
    for name, value in part.items():
        limit = limits.get(name)
        if limit is None:
            changed.append((name, None))
        elif type(value) is not limit.kind or not limit.is_free:
            kept = _within(value, limit)
            if kept is not value:
                changed.append((name, kept))
    for name, kept in changed:
        clipped.append(path + name)
        if kept is None:
            del part[name]
        else:
            part[name] = kept


def _within(value: Any, limit: _Limit) -> Any:
    """The value itself if it keeps the limit, a shortened one, or None to leave it out."""
    if type(value) is not limit.kind:
        return None
    if isinstance(value, str):
        return _text_within(value, limit)
    if isinstance(value, int):
        return value if 0 <= value <= limit.most else None
    if isinstance(value, list) and limit.shape is not None:
        kept = [item for item in value if isinstance(item, str) and limit.shape.fullmatch(item)][: limit.most]
        return value if len(kept) == len(value) else kept or None
    return value


def _text_within(text: str, limit: _Limit) -> str | None:
    if limit.choices is not None and text not in limit.choices:
        return None
    if limit.shape is not None and not limit.shape.fullmatch(text):
        return None
    if len(text) > limit.most:
        return text[: limit.most] if limit.is_cut else None
    return text
