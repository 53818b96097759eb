"""What our own accepted events carry of the eleven components: read from the `/coverage` pages of running consumers."""

from __future__ import annotations

import ssl
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import assert_never

import orjson

from consumer.errors import ContractError
from consumer.pinterest.components import COMPONENTS
from consumer.pinterest.single_request import NoReply, NotSent, Reply, Requests

MAX_PAGE_BYTES = 16 * 1024 * 1024
EVENTS = "events"

Counts = dict[str, dict[str, dict[str, int]]]
"""By ad account and event name: how many `EVENTS` there were, and how many of them carried each component."""


@dataclass(frozen=True, slots=True)
class NoPage:
    """A consumer could not be asked, and why."""

    detail: str


def ask_consumer(url: str, context: ssl.SSLContext, *, timeout_s: float) -> Counts | NoPage:
    """What the consumer whose health port is at this address has counted since its start."""
    outcome = Requests(context, timeout_s, MAX_PAGE_BYTES).get(f"{url}/coverage", {})
    match outcome:
        case Reply(status=200, body=body):
            try:
                return read_page(body)
            except ContractError as error:
                return NoPage(f"{error}; is it the health port of a consumer?")
        case Reply(status=status):
            return NoPage(f"HTTP {status} in place of /coverage; is it the health port of a consumer?")
        case NotSent(detail) | NoReply(detail):
            return NoPage(f"{detail}; does the consumer run, and is it its health.port?")
        case _:
            assert_never(outcome)


def read_page(body: bytes) -> Counts:
    """Read a `/coverage` page.

    Raises:
        ContractError: It is something else.
    """
    try:
        page = orjson.loads(body)
        return {
            _name(account): {_name(event_name): _counts(counts) for event_name, counts in by_name.items()}
            for account, by_name in page.items()
        }
    except (orjson.JSONDecodeError, AttributeError):
        raise ContractError("not a page of /coverage") from None


def added(pages: Iterable[Counts]) -> Counts:
    """The counts of several consumers together."""
    total: Counts = {}
    for page in pages:
        for account, by_name in page.items():
            for event_name, counts in by_name.items():
                sums = total.setdefault(account, {}).setdefault(event_name, dict.fromkeys((EVENTS, *COMPONENTS), 0))
                for name in sums:
                    sums[name] += counts[name]
    return total


def percent(counts: Mapping[str, int], component: str) -> float | None:
    """How many in a hundred of the events carry it; None if there are no events, or we do not count it."""
    if component not in COMPONENTS or not counts[EVENTS]:
        return None
    return 100 * counts[component] / counts[EVENTS]


def _name(name: str) -> str:
    if not name.isprintable():  # a terminal would obey it
        raise ContractError("/coverage holds a name that is none")
    return name


def _counts(counts: Mapping[str, object]) -> dict[str, int]:
    found: dict[str, int] = {}
    for name in (EVENTS, *COMPONENTS):
        count = counts.get(name)
        if type(count) is not int or not 0 <= count <= found.get(EVENTS, count):
            raise ContractError(f"/coverage does not count {name} as this version does")
        found[name] = count
    return found
