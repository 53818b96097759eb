"""The eleven components by which Pinterest scores the quality of events, and which of them an event carries.

Source: Pinterest API v5 description, schema `QualityComponents`, of `conversion_eqs/list`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

COMPONENTS = (
    "hashed_email", "hashed_maid", "ip_address", "user_agent", "click_id_epik", "advertiser_external_id",
    "external_event_id", "order_id", "order_value", "product_id", "source_url",
)  # fmt: skip

_OF_PERSON = (
    ("em", 1 << 0), ("hashed_maids", 1 << 1), ("client_ip_address", 1 << 2), ("client_user_agent", 1 << 3),
    ("click_id", 1 << 4), ("external_id", 1 << 5),
)  # fmt: skip
_OF_PURCHASE = (("order_id", 1 << 7), ("value", 1 << 8), ("content_ids", 1 << 9))
_EVENT_ID, _SOURCE_URL = 1 << 6, 1 << 10


def components_of(event: dict[str, Any]) -> int:
    """Which components a checked event carries: the bit 2**i stands for `COMPONENTS[i]`.

    A number, as events are counted by what they carry, and few combinations occur.
    """
    carried = _EVENT_ID  # required of every event
    user_data = event["user_data"]
    for name, bit in _OF_PERSON:
        if name in user_data:
            carried |= bit
    if (custom_data := event.get("custom_data")) is not None:
        for name, bit in _OF_PURCHASE:
            if name in custom_data:
                carried |= bit
    if "event_source_url" in event:
        carried |= _SOURCE_URL
    return carried


def names_of(carried: int) -> Iterator[str]:
    """The components that a number of `components_of` stands for."""
    return (name for place, name in enumerate(COMPONENTS) if carried >> place & 1)
