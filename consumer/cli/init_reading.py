"""Reads single answers to `conversions init`, typed on the command line or at a prompt."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from difflib import get_close_matches

from pydantic import TypeAdapter, ValidationError

from consumer.cli.init_answers import OneAccount
from consumer.config import NOT_ADVERTISED, AdAccountId

NO = "no"


class Refused(Exception):  # noqa: N818 - whoever asks makes a question or a problem of it
    """An answer makes no sense; says why, without repeating it."""


def one_of(*known: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in known:
            raise Refused(nearest(text, known))
        return text

    return read


def nearest(text: str, known: Sequence[str]) -> str:
    near = get_close_matches(text, list(known), n=1)
    return f"did you mean `{near[0]}`?" if near else f"known are {', '.join(known)}"


def words(text: str) -> tuple[str, ...]:
    found = tuple(word.strip() for word in text.split(",") if word.strip())
    if not found:
        raise Refused("must have at least one word")
    return found


def in_words(text: str) -> str:
    if len(text.split()) < 2:
        raise Refused("must be a sentence that an auditor could read")
    return text


def time_or_no(text: str) -> datetime | str:
    if text == NO:
        return text
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise Refused("must be an ISO 8601 time as in 2026-11-01T00:00:00Z, or no") from None
    if time.tzinfo is None:
        raise Refused("needs its zone, as in 2026-11-01T00:00:00Z")
    return time


def accounts(text: str) -> OneAccount | dict[str, str]:
    """`549…`, or `merchant-1=549…,merchant-2=none`."""
    table: dict[str, str] = {}
    for part in words(text):
        merchant, is_pair, account = part.rpartition("=")
        if account != NOT_ADVERTISED or not is_pair:
            _is_account(account)
        if not is_pair and part == text:
            return OneAccount(account)
        if not merchant or merchant in table:
            raise Refused("must be one ad account, or MERCHANT=ACCOUNT for each merchant, once")
        table[merchant] = account
    return table


def _is_account(text: str) -> None:
    try:
        TypeAdapter(AdAccountId).validate_python(text)
    except ValidationError:
        raise Refused(
            "an ad account is its number, of at most 18 digits; Ads Manager shows it in its address"
        ) from None
