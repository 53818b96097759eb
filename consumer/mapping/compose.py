"""From the facts of one record to an event as the API takes it, yet unchecked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from consumer.mapping.facts import Circumstances, Matter, Person, Surroundings
from consumer.mapping.identity import user_data_of
from consumer.mapping.lines import Line, contents_of, sorted_lines
from consumer.mapping.reading import missing, refuse
from consumer.mapping.rules import Terms
from consumer.mapping.scrub import clean_url, holds_contact, looks_personal
from consumer.mapping.value import Worth
from consumer.pinterest.currencies import currency_code, is_currency, money

_LANGUAGE = re.compile(r"[A-Za-z]{2}(?![A-Za-z])")
_LIMITED = "LDP"  # the only opt_out_type that Pinterest processes
CONTACT_IN_ID = "holds what looks like an e-mail address or telephone number, and ids go to Pinterest in clear"
_IN_LOWER_CASE = ("os_family", "form_factor", "network_type")

# What the older, flat form has of the newer one's facts, and under which names.
_FLAT_APP = {"app_id": "app_id", "app_name": "app_name", "app_version": "app_version"}
_FLAT_DEVICE = {
    "brand": "device_brand", "carrier": "device_carrier", "model": "device_model", "type": "device_type",
    "os_version": "os_version",
}  # fmt: skip


def compose(
    event_name: str,
    said: Circumstances,
    person: Person,
    surroundings: Surroundings | None,
    custom_data: dict[str, Any],
    event_id: str,
    terms: Terms,
    clipped: list[str],
) -> dict[str, Any]:
    """An event; `surroundings` are None of an offline one, `custom_data` becomes part of it."""
    shape = terms.shape
    if terms.permission.is_limited:
        custom_data["opt_out_type"] = _LIMITED
    if shape.named_partner is not None:
        custom_data["np"] = shape.named_partner
    event: dict[str, Any] = {
        "event_name": event_name,
        "action_source": terms.action_source,
        "event_time": terms.event_time_s,
        "event_id": event_id,
        "user_data": user_data_of(person, surroundings, said, terms, clipped),
    }
    if custom_data:
        event["custom_data"] = custom_data
    if shape.partner_name is not None:
        event["partner_name"] = shape.partner_name
    if terms.is_opted_out:
        event["opt_out"] = True
    if surroundings is not None:
        _surround(event, surroundings, said, terms, clipped)
    return event


def custom_data_of(
    event_name: str, matter: Matter, terms: Terms, paths: Mapping[str, str], problems: list[str], clipped: list[str]
) -> dict[str, Any]:
    """What it was about and worth. What is required and absent or absurd is noted in `problems`."""
    if matter.order_id is None and event_name == "checkout" and paths["custom_data.order_id"] != "custom_data.order_id":
        missing(paths["custom_data.order_id"], problems)
    lines = sorted_lines(matter.lines)
    value, price_of = matter.value, _as_it_stands
    if matter.totals is not None:
        worth = Worth(matter.totals, lines, is_gross=terms.shape.value_basis == "gross", clipped=clipped)
        value, price_of = worth.value, worth.price_of
        if worth.is_absurd:
            why = "less gift cards, fees and tax it is below nought, or beyond any amount"
            refuse(paths["totals.items_net"], why, problems)
    currency = _currency(matter.currency, value, paths["custom_data.currency"], problems)
    data = contents_of(lines, currency, price_of, clipped, is_newer=terms.shape.newer_fields)
    if matter.order_id is not None:
        data["order_id"] = matter.order_id
        if holds_contact(matter.order_id):
            refuse(paths["custom_data.order_id"], CONTACT_IN_ID, problems)
    if currency is not None:
        data["currency"] = currency
    for name, amount in (("value", value), ("predicted_ltv", matter.predicted_ltv)):
        if amount is None:
            continue
        if currency is None or amount < 0:
            clipped.append(name)
        else:
            data[name] = money(amount, currency)
    _add_texts(data, matter, clipped)
    if matter.external_measurement_id is not None and holds_contact(matter.external_measurement_id):
        clipped.append("external_measurement_id")
    elif matter.external_measurement_id is not None:
        data["external_measurement_id"] = matter.external_measurement_id
        if terms.shape.external_measurement_vendor_id is not None:
            data["external_measurement_vendor_id"] = terms.shape.external_measurement_vendor_id
    return data


def _as_it_stands(line: Line) -> Decimal | None:
    return line.facts.unit_price


def _currency(text: str | None, value: Decimal | None, path: str, problems: list[str]) -> str | None:
    """The record's currency, if it has the shape of one; an amount without it is a problem, never the advertiser's."""
    currency = currency_code(text)
    if currency is None:
        if value is not None:
            refuse(path, "missing, although there is a value; name the ISO 4217 code", problems)
    elif not is_currency(currency):
        refuse(path, f"{len(currency)} characters that are no ISO 4217 code, three letters A to Z", problems)
        return None
    return currency


def _add_texts(data: dict[str, Any], matter: Matter, clipped: list[str]) -> None:
    """Those in which somebody left an e-mail address or telephone number are dropped."""
    for name, text in (
        ("search_string", matter.search_string),
        ("content_name", matter.content_name),
        ("content_category", matter.content_category),
        ("content_brand", matter.content_brand),
    ):
        if text is None:
            continue
        if looks_personal(text):
            clipped.append(name)
        else:
            data[name] = text


def _surround(
    event: dict[str, Any], surroundings: Surroundings, said: Circumstances, terms: Terms, clipped: list[str]
) -> None:
    """Page, language, app and device."""
    if surroundings.page_url is not None and not terms.is_app:
        if (url := clean_url(surroundings.page_url)) is not None:
            event["event_source_url"] = url
        else:
            clipped.append("event_source_url")
    if surroundings.language is not None:
        if (language := _language(surroundings.language)) is not None:
            event["language"] = language
        else:
            clipped.append("language")
    if terms.shape.newer_fields and terms.is_app and said.advertiser_tracking_enabled is not None:
        event["advertiser_tracking_enabled"] = said.advertiser_tracking_enabled
    app, device = _without_contacts(surroundings.app, clipped), _without_contacts(surroundings.device, clipped)
    if terms.shape.app_fields == "flat":
        event |= _flat(app, device)
        return
    if app:
        event["app_info"] = app
    if device:
        event["device_info"] = _device_info(device)


def _without_contacts(facts: dict[str, Any], clipped: list[str]) -> dict[str, Any]:
    if not facts:
        return facts
    for name in [name for name, value in facts.items() if isinstance(value, str) and holds_contact(value)]:
        clipped.append(name)
        del facts[name]
    return facts


def _language(tag: str) -> str | None:
    """The two-letter language of a tag such as `de-AT`, or of the first one of an Accept-Language header."""
    found = _LANGUAGE.match(tag)
    return found[0].lower() if found else None


def _flat(app: Mapping[str, Any], device: Mapping[str, Any]) -> dict[str, Any]:
    """The older form. It knows fewer facts, and says of the network only whether it is wifi."""
    facts = {target: app[name] for name, target in _FLAT_APP.items() if name in app}
    facts |= {target: device[name] for name, target in _FLAT_DEVICE.items() if name in device}
    network = device.get("network_type")
    if network is not None and network.lower() != "unknown":
        facts["wifi"] = network.lower() == "wifi"
    return facts


def _device_info(device: dict[str, Any]) -> dict[str, Any]:
    for name in _IN_LOWER_CASE:
        if name in device:
            device[name] = device[name].lower()
    if "languages" in device:
        device["languages"] = list(dict.fromkeys(_language(tag) or tag for tag in device["languages"]))
    return device
