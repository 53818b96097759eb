"""Which ad account a record's event goes to: its header, its field, then the table of merchants, then the default."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from consumer.config import NOT_ADVERTISED, Routing
from consumer.records import DeadLetterReason, Headers, Invalid, Skipped, SkipReason

ACCOUNT_HEADER = "pinterest-ad-account-id"
"""A Kafka header by which a producer names the ad account; UTF-8 digits. The last of several counts."""


@dataclass(frozen=True, slots=True)
class Route:
    """The account, and what named it: `header`, `field`, `table` or `default`."""

    ad_account_id: str
    named_by: str


class Router:
    """The routing table, ready for use."""

    def __init__(self, routing: Routing) -> None:
        self._table = routing.table
        self._default = routing.default_ad_account_id
        self._skips_unknown = routing.unknown_merchant == "skip"
        known: Iterable[str | None] = (*routing.accounts, *routing.table.values(), routing.default_ad_account_id)
        self._listed = frozenset(account for account in known if account not in (None, NOT_ADVERTISED))

    def route(
        self, merchant: str | None, account: str | None, headers: Headers, paths: Mapping[str, str]
    ) -> Route | Skipped | Invalid:
        """What a record says of its account wins over the table, but only if that account is listed.

        Otherwise whoever can write to the topic could direct a shop's revenue to an account of his own.

        Args:
            merchant: Whose record it is, by itself.
            account: The ad account that it names, if any.
            headers: Of its message.
            paths: By target, where the record says so; for messages.
        """
        for name, value in reversed(headers):
            if name == ACCOUNT_HEADER:
                return self._named((value or b"").decode("utf-8", "replace"), "header", f"header {ACCOUNT_HEADER}")
        if account is not None:
            return self._named(account, "field", paths["routing.ad_account_id"])
        account = None if merchant is None else self._table.get(merchant)
        if account == NOT_ADVERTISED:
            return Skipped(SkipReason.NOT_ADVERTISED)
        if account is not None:
            return Route(account, "table")
        if self._default is not None:
            return Route(self._default, "default")
        if self._skips_unknown:
            return Skipped(SkipReason.NOT_ADVERTISED)
        found = "absent" if merchant is None else "not in routing.table"
        return _unroutable(f"{paths['routing.merchant_id']}: {found}, and there is no routing.default_ad_account_id")

    def _named(self, account: str, named_by: str, where: str) -> Route | Invalid:
        if account in self._listed:
            return Route(account, named_by)
        return _unroutable(f"{where}: names an ad account that is not listed; add it to routing.accounts")


def _unroutable(problem: str) -> Invalid:
    return Invalid((problem,), DeadLetterReason.UNROUTABLE)
