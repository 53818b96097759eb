"""Records with nothing wrong about them, and a mapper for them; each test changes what it is about."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from consumer.config import Config
from consumer.records import Decoded, Headers, Invalid, MapOutcome, Mapped, Skipped, SkipReason
from consumer.stages.mapper import Mapper

NOW_S = 1_750_000_000.0
NOW = datetime.fromtimestamp(NOW_S, UTC)
MINUTE_AGO = NOW - timedelta(minutes=1)
ACCOUNT, OTHER_ACCOUNT = "549000000001", "549000000002"

BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
ADVERTISING_ID = "cdda802e-fb9c-47ad-9866-0794d394c912"


def a_config(**sections: Any) -> Config:
    """Sections as in the file; without any, every record goes to `ACCOUNT`."""
    return Config.model_validate(
        {
            "kafka": {"bootstrap_servers": "127.0.0.1:9092"},
            "schema_registry": {"url": "http://127.0.0.1:8081"},
            "routing": {"default_ad_account_id": ACCOUNT},
            **sections,
        }
    )


def an_order(**changes: Any) -> dict[str, Any]:
    """A paid basket of a web shop, in a country without a consent rule of its own; one line, no tax."""
    return _changed(
        {
            "event_id": "order-1001-1",
            "occurred_at": MINUTE_AGO,
            "placed_at": MINUTE_AGO,
            "merchant_id": "merchant-1",
            "order_id": "1001",
            "status": "PLACED",
            "previous_status": "CREATED",
            "origin": "NEW",
            "channel": "WEB",
            "currency": "AUD",
            "totals": {"items_gross": Decimal("30.00"), "items_net": Decimal("30.00"), "tax": Decimal(0)},
            "lines": [a_line()],
            "customer": {"emails": ["shopper@example.com"], "address": {"country": "AU"}},
            "client": {"ip_address": "203.0.113.7", "user_agent": BROWSER},
        },
        changes,
    )


def a_visit(**changes: Any) -> dict[str, Any]:
    return _changed(
        {
            "event_id": "visit-1",
            "occurred_at": MINUTE_AGO,
            "merchant_id": "merchant-1",
            "type": "PAGE_VISIT",
            "channel": "WEB",
            "page": {"url": "https://www.example.com/shirts"},
            "customer": {"emails": ["shopper@example.com"], "address": {"country": "AU"}},
            "client": {"ip_address": "203.0.113.7", "user_agent": BROWSER},
        },
        changes,
    )


def a_line(**changes: Any) -> dict[str, Any]:
    return _changed(
        {"variant_id": "shirt-m", "quantity": Decimal(1), "unit_price": Decimal("30.00"), "type": "PRODUCT"}, changes
    )


def outcome_of(record: dict[str, Any], *, headers: Headers | None = None, **sections: Any) -> MapOutcome:
    """What becomes of a record under a configuration with these sections; a visit is known by its `type`."""
    topic = "visits" if "type" in record else "orders"
    return Mapper(a_config(**sections)).map(topic, Decoded("any", record), headers or [], NOW_S)


def event_of(record: dict[str, Any], **sections: Any) -> dict[str, Any]:
    return mapped(record, **sections).payload


def mapped(record: dict[str, Any], **sections: Any) -> Mapped:
    outcome = outcome_of(record, **sections)
    assert isinstance(outcome, Mapped), outcome
    return outcome


def skip_of(record: dict[str, Any], **sections: Any) -> SkipReason | None:
    """Why it is skipped, None if it is mapped."""
    outcome = outcome_of(record, **sections)
    assert not isinstance(outcome, Invalid), outcome
    return outcome.reason if isinstance(outcome, Skipped) else None


def problems_of(record: dict[str, Any], **sections: Any) -> tuple[str, ...]:
    outcome = outcome_of(record, **sections)
    assert isinstance(outcome, Invalid), outcome
    return outcome.problems


def _changed(record: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """With `changes`; a record within it is changed field by field, and `...` takes a field away."""
    result = dict(record)
    for name, value in changes.items():
        if value is ...:
            result.pop(name, None)
        elif isinstance(value, dict) and isinstance(result.get(name), dict):
            result[name] = _changed(result[name], value)
        else:
            result[name] = value
    return result
