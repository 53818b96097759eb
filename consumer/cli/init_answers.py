"""What `conversions init` knows once its questions are answered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from consumer.mapping.paths import Path

CHECKOUT = "checkout"


@dataclass(frozen=True, slots=True)
class Counting:
    """The records that count are those with one of these words in this field."""

    path: Path
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Consent:
    """The field that says it, and its words for yes and no."""

    path: Path
    granted: tuple[str, ...]
    denied: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NotRequired:
    """Nobody has to be asked."""

    basis: str
    """In law, in words."""


@dataclass(frozen=True, slots=True)
class OneAccount:
    """Every record's."""

    ad_account_id: str


@dataclass(frozen=True, slots=True)
class AccountTable:
    """By what stands in a field."""

    merchant: Path
    accounts: Mapping[str, str]
    """Merchant → ad account, or `none`."""


@dataclass(frozen=True, slots=True)
class Answers:
    """All of them."""

    browser_tag: str
    event: str
    counting: Counting | None
    """None: every record counts."""
    value_basis: str
    tax_included: str | None
    """`true` or `false`; None if a field says it, or nothing rests on it."""
    integer_amounts: str | None
    """`minor` or `major`; None if no whole number is in doubt."""
    consent: Consent | NotRequired
    accounts: OneAccount | AccountTable
    cut_over: datetime | None
    """Until then another integration reports."""
