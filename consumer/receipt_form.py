"""The form of a receipt in its topic: written by the stage, read by the commands. Nothing in it is about a person.

The key is a JSON array of ad account, event name and event id: whatever characters an id has, no two keys are alike.
The value is a JSON object; money is a decimal in text, times are ISO 8601 in UTC.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

import orjson

from consumer import __version__
from consumer.records import Receipt

ACCEPTED = "accepted"
ACCEPTED_WITH_WARNING = "accepted_with_warning"

_DECIMAL = re.compile(r"-?[0-9]{1,60}(\.[0-9]{1,60})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class KeptReceipt:
    """A receipt as it was read."""

    ad_account_id: str
    event_name: str
    event_id: str
    order_id: str | None
    value: Decimal | None
    currency: str | None
    event_time: datetime
    verdict: str
    accepted_at: datetime
    topic: str
    partition: int
    offset: int
    build: str
    mapping: str


def key_of(receipt: Receipt) -> bytes:
    """Receipts of one key replace each other."""
    event = receipt.event
    return orjson.dumps((event.ad_account_id, event.event_name, event.event_id))


def value_of(receipt: Receipt, mapping: str) -> bytes:
    """The receipt itself; `mapping` is the digest of what decided the mapping."""
    event, where = receipt.event, receipt.record.assignment
    return orjson.dumps(
        {
            "topic": where.topic,
            "partition": where.partition,
            "offset": receipt.record.offset,
            "event_time": _iso(event.event_time_s, "seconds"),
            "value": None if event.value is None else format(event.value, "f"),
            "currency": event.currency,
            "order_id": event.order_id,
            "verdict": ACCEPTED_WITH_WARNING if receipt.has_warning else ACCEPTED,
            "accepted_at": _iso(receipt.wall_s, "milliseconds"),
            "build": __version__,
            "mapping": mapping,
        }
    )


def kept(key: bytes | None, value: bytes | None) -> KeptReceipt | None:
    """Read a message of the topic; `None` if it is no receipt. Members that are not known are passed over."""
    try:
        parts = orjson.loads(key or b"")
        if not isinstance(parts, list):
            return None  # a text or an object of three would be taken apart as well
        account, event_name, event_id = parts
        members = orjson.loads(value or b"")
        amount = members["value"]
        found = KeptReceipt(
            ad_account_id=account,
            event_name=event_name,
            event_id=event_id,
            order_id=members["order_id"],
            value=None if amount is None else _decimal(amount),
            currency=members["currency"],
            event_time=_time(members["event_time"]),
            verdict=members["verdict"],
            accepted_at=_time(members["accepted_at"]),
            topic=members["topic"],
            partition=members["partition"],
            offset=members["offset"],
            build=members["build"],
            mapping=members["mapping"],
        )
    except (ValueError, TypeError, KeyError):  # orjson's own error is a ValueError
        return None
    texts = (account, event_name, event_id, found.verdict, found.topic, found.build, found.mapping)
    numbers = (found.partition, found.offset)
    optional = (found.order_id, found.currency)
    is_sound = (
        all(isinstance(text, str) for text in texts)
        and all(isinstance(number, int) for number in numbers)
        and all(text is None or isinstance(text, str) for text in optional)
    )
    return found if is_sound else None


def _iso(unix_s: float, timespec: str) -> str:
    return datetime.fromtimestamp(unix_s, UTC).isoformat(timespec=timespec).replace("+00:00", "Z")


def _time(text: str) -> datetime:
    time = datetime.fromisoformat(text)
    if time.tzinfo is None:
        raise ValueError("a time without its zone")
    return time


def _decimal(text: str) -> Decimal:
    if not _DECIMAL.fullmatch(text):
        raise ValueError("not a decimal")
    return Decimal(text)
