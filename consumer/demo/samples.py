"""What a sample is, and the settings that decide what becomes of one."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar

from consumer.config import NOT_ADVERTISED, Config
from consumer.demo.baskets import Basket
from consumer.demo.shoppers import Shopper
from consumer.records import DeadLetterReason, SkipReason

Fields = dict[str, Any]
Headers = list[tuple[str, str | bytes | None]]  # as the client library declares it
_T = TypeVar("_T")

ACCEPTED = "accepted"


def skipped(reason: SkipReason) -> str:
    return f"skipped:{reason}"


def dead_lettered(reason: DeadLetterReason) -> str:
    return f"dead_lettered:{reason}"


@dataclass(eq=False, slots=True)
class Sample:
    """One Kafka record to be, and what must become of it."""

    topic: str
    key: bytes | None
    headers: Headers
    fields: Fields | None
    """Ready for Avro; None for a tombstone, and where `raw` stands instead."""
    event_id: str | None
    """Pinterest's id of the event, where the record has the makings of one; None if nobody can say."""
    expect: str | None
    """`accepted`, `skipped:<reason>`, `dead_lettered:<reason>`, or None if unknown."""
    raw: bytes | None = None
    """Bytes to send as they are."""
    is_cut: bool = False
    """Send only the first half of what `fields` encode to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The part of a configuration that decides what becomes of a record."""

    has_browser_tag: bool = False
    checkout_on: str = "PLACED"
    max_age_s: int = 7 * 86_400
    future_tolerance_s: int = 300
    table: Mapping[str, str] = field(default_factory=dict)
    """Merchant → ad account or `none`."""
    default_takes_all: bool = True
    """Is there an account for merchants that the table does not name?"""
    unknown_merchant: str = "dead_letter"

    @classmethod
    def of(cls, config: Config) -> Rules:
        routing = config.routing
        return cls(
            has_browser_tag=config.dedup.browser_tag == "present",
            checkout_on=config.events.checkout_on,
            max_age_s=config.events.max_age_s,
            future_tolerance_s=config.events.future_tolerance_s,
            table=routing.table,
            default_takes_all=routing.default_ad_account_id is not None,
            unknown_merchant=routing.unknown_merchant,
        )

    def fate_of(self, merchant: str) -> str:
        """What becomes of this merchant's best record."""
        account = self.table.get(merchant)
        if account == NOT_ADVERTISED:
            return skipped(SkipReason.NOT_ADVERTISED)
        if account is not None or self.default_takes_all:
            return ACCEPTED
        if self.unknown_merchant == "skip":
            return skipped(SkipReason.NOT_ADVERTISED)
        return dead_lettered(DeadLetterReason.UNROUTABLE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What samples are made from; one per run."""

    chance: random.Random
    now: datetime
    run: str
    """Part of every id, so that no two runs make the same."""
    rules: Rules
    shoppers: Sequence[Shopper]
    shoppers_in_eea: Sequence[Shopper]
    baskets: Mapping[str, Sequence[Basket]]

    def draw_shopper(self) -> Shopper:
        return _draw(self.chance, self.shoppers)

    def draw_shopper_in_eea(self) -> Shopper:
        return _draw(self.chance, self.shoppers_in_eea)

    def draw_basket(self, shopper: Shopper) -> Basket:
        return _draw(self.chance, self.baskets[shopper.country.code])

    def draw_recent_time(self) -> datetime:
        """From a second to five minutes ago."""
        return self.now - timedelta(seconds=1 + 299 * self.chance.random())


def _draw(chance: random.Random, pool: Sequence[_T]) -> _T:
    return pool[int(chance.random() * len(pool))]  # three times as fast as random.choice
