"""The parts of an event that orders and visits fill alike."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

from consumer.mapping.fields import Fields
from consumer.mapping.identity import user_data_of
from consumer.mapping.rules import Terms
from consumer.mapping.scrub import clean_url
from consumer.pinterest.currencies import currency_code, is_currency, money

_LANGUAGE = re.compile(r"[A-Za-z]{2}(?![A-Za-z])")
_LIMITED = "LDP"  # the only opt_out_type that Pinterest processes

# Fields of the bundled records `App` and `Device`, which are called as in the API.
_APP_TEXTS = ("app_id", "app_name", "app_package_name", "app_store", "app_version", "user_agent")
_APP_NUMBERS = ("install_time", "window_height", "window_width")
_DEVICE_TEXTS = (
    "brand", "carrier", "kernel_version", "model", "os_name", "os_release_name", "os_version", "type", "locale",
    "timezone", "timezone_abbr",
)  # fmt: skip
_DEVICE_SYMBOLS = ("os_family", "form_factor", "network_type")
_DEVICE_NUMBERS = (
    "battery_level", "cpu_cores", "screen_density", "screen_height", "screen_width", "storage_size",
    "storage_free_space", "external_storage_size", "external_storage_free_space",
)  # fmt: skip
# What of them the older, flat form has, and under which names.
_FLAT_APP = {"app_id": "app_id", "app_name": "app_name", "app_version": "app_version"}
_FLAT_DEVICE = {
    "brand": "device_brand", "carrier": "device_carrier", "model": "device_model", "type": "device_type",
    "os_version": "os_version",
}  # fmt: skip


def compose(
    record: Fields,
    terms: Terms,
    *,
    event_name: str,
    event_id: str,
    page_url: str | None,
    custom_data: dict[str, Any],
    clipped: list[str],
) -> dict[str, Any]:
    """An event as the API takes it, yet unchecked; `custom_data` is the mapping's own part and becomes part of it."""
    client, device = record.part("client"), record.part("device")
    shape = terms.shape
    if terms.permission.is_limited:
        custom_data["opt_out_type"] = _LIMITED
    if shape.named_partner is not None:
        custom_data["np"] = shape.named_partner
    if (measurement := record.text("external_measurement_id")) is not None:
        custom_data["external_measurement_id"] = measurement
        if shape.external_measurement_vendor_id is not None:
            custom_data["external_measurement_vendor_id"] = shape.external_measurement_vendor_id
    event: dict[str, Any] = {
        "event_name": event_name,
        "action_source": terms.action_source,
        "event_time": terms.event_time_s,
        "event_id": event_id,
        "user_data": user_data_of(record.part("customer"), client, device, page_url, terms, clipped),
    }
    if custom_data:
        event["custom_data"] = custom_data
    if shape.partner_name is not None:
        event["partner_name"] = shape.partner_name
    if terms.is_opted_out:
        event["opt_out"] = True
    if terms.is_offline:
        return event  # the device is the till's
    if page_url is not None and not terms.is_app:
        if (url := clean_url(page_url)) is not None:
            event["event_source_url"] = url
        else:
            clipped.append("event_source_url")
    if (tag := client.text("language")) is not None:
        if (language := _language(tag)) is not None:
            event["language"] = language
        else:
            clipped.append("language")
    if shape.newer_fields and terms.is_app and (is_allowed := device.flag("advertiser_tracking_enabled")) is not None:
        event["advertiser_tracking_enabled"] = is_allowed
    if shape.app_fields == "flat":
        event |= _flat(record.part("app"), device)
        return event
    if app_info := _app_info(record.part("app")):
        event["app_info"] = app_info
    if device_info := _device_info(device):
        event["device_info"] = device_info
    return event


def currency_of(record: Fields, amount: Decimal | None) -> str | None:
    """The record's currency, if it has the shape of one; an amount without it is a problem, never the advertiser's."""
    currency = currency_code(record.text("currency"))
    if currency is None:
        if amount is not None:
            record.refuse("currency", "missing, although there is a value; name the ISO 4217 code")
    elif not is_currency(currency):
        record.refuse("currency", f"{len(currency)} characters that are no ISO 4217 code, three letters A to Z")
        return None
    return currency


def amount_of(amount: Decimal | None, currency: str | None, name: str, clipped: list[str]) -> dict[str, str]:
    """An optional amount as a field of `custom_data`; one below nought or without a currency is left out."""
    if amount is None:
        return {}
    if currency is None or amount < 0:
        clipped.append(name)
        return {}
    return {name: money(amount, currency)}


def _language(tag: str) -> str | None:
    """The two-letter language of a tag such as `de-AT`, or of the first one of an Accept-Language header."""
    found = _LANGUAGE.match(tag)
    return found[0].lower() if found else None


def _flat(app: Fields, device: Fields) -> dict[str, Any]:
    """The older form. It knows fewer facts, and says of the network only whether it is wifi."""
    facts: dict[str, Any] = {}
    for source, names in ((app, _FLAT_APP), (device, _FLAT_DEVICE)):
        for name, target in names.items():
            if (text := source.text(name)) is not None:
                facts[target] = text
    if (network := device.text("network_type")) is not None and network.lower() != "unknown":
        facts["wifi"] = network.lower() == "wifi"
    return facts


def _app_info(app: Fields) -> dict[str, Any]:
    info: dict[str, Any] = {}
    for name in _APP_TEXTS:
        if (text := app.text(name)) is not None:
            info[name] = text
    _add_numbers(info, app, _APP_NUMBERS)
    return info


def _device_info(device: Fields) -> dict[str, Any]:
    info: dict[str, Any] = {}
    for name in _DEVICE_TEXTS:
        if (text := device.text(name)) is not None:
            info[name] = text
    for name in _DEVICE_SYMBOLS:
        if (text := device.text(name)) is not None:
            info[name] = text.lower()
    _add_numbers(info, device, _DEVICE_NUMBERS)
    if languages := [_language(tag) or tag for tag in device.texts("languages")]:
        info["languages"] = list(dict.fromkeys(languages))
    return info


def _add_numbers(info: dict[str, Any], source: Fields, names: tuple[str, ...]) -> None:
    for name in names:
        if (number := source.number(name)) is not None:
            info[name] = number
