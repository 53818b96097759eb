"""What a mapping has found in one record, before anything is decided, normalised or hashed.

Absent and blank are None, or an empty list. Which field of the record a fact came from is the mapping's business.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

# Made for every event: not frozen, as frozen dataclasses cost about three times as much to make.


@dataclass(slots=True)
class Circumstances:
    """What decides whether, where to and under which law an event is sent."""

    event_time_ms: int | None
    """Unix milliseconds."""
    action_source: str | None
    merchant_id: str | None
    ad_account_id: str | None
    consent: str | None
    """`granted` or `denied`."""
    global_privacy_control: bool | None
    limited_data_processing: bool | None
    jurisdiction: str | None
    country: str | None
    """Of the person's address."""
    limit_ad_tracking: bool | None
    advertiser_tracking_enabled: bool | None
    user_agent: str | None


@dataclass(slots=True)
class Person:
    """Who it was, as the shop knows them."""

    emails: list[str]
    phones: list[str]
    first_name: str | None
    last_name: str | None
    birth_date: date | str | None
    gender: str | None
    city: str | None
    region: str | None
    postal_code: str | None
    external_ids: list[str]
    partner_id: str | None


@dataclass(slots=True)
class Surroundings:
    """With what it was done. Of an offline event these are the till's or the agent's, and not asked for."""

    ip_address: str | None
    click_id: str | None
    browser_ids: list[str]
    advertising_id: str | None
    page_url: str | None
    landing_url: str | None
    language: str | None
    app: dict[str, Any]
    """Facts by their names in the API."""
    device: dict[str, Any]


@dataclass(slots=True)
class Totals:
    """Money of a whole order, in its currency."""

    items_gross: Decimal | None
    discount: Decimal | None
    items_net: Decimal | None
    tax: Decimal | None
    tax_included: bool | None
    shipping: Decimal | None
    shipping_tax: Decimal | None


@dataclass(slots=True)
class LineFacts:
    """One line of an order, or one product of a visit."""

    identifier: str | None
    name: str | None
    category: str | None
    brand: str | None
    brand_id: str | None
    quantity: Decimal | None
    unit_price: Decimal | None
    tax: Decimal | None
    type: str | None


@dataclass(slots=True)
class Matter:
    """What it was about, and what it was worth."""

    shared_id: str | None
    own_id: str | None
    order_id: str | None
    currency: str | None
    value: Decimal | None
    totals: Totals | None
    """None if the mapping does not work the value out from them."""
    lines: list[LineFacts]
    predicted_ltv: Decimal | None
    search_string: str | None
    content_name: str | None
    content_category: str | None
    content_brand: str | None
    external_measurement_id: str | None
