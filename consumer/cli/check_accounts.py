"""What `conversions check --connectivity` learns from Pinterest: one event of nobody's, sent with `test=true`."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Sequence
from typing import assert_never

import orjson

from consumer.cli.check_settings import accounts_of
from consumer.cli.findings import Finding, fail, ok, warn
from consumer.config import Config
from consumer.errors import ConfigError
from consumer.pinterest.answers import (
    Ambiguous,
    Answer,
    Forbidden,
    Judged,
    Refused,
    Throttled,
    Unauthorized,
    Unavailable,
)
from consumer.pinterest.auth import ConfiguredTokens
from consumer.pinterest.client import ConversionsClient
from consumer.records import Accepted

_PAUSE_S = 0.15  # Pinterest allows ten test calls a second


def account_findings(config: Config, accounts: Sequence[str] | None = None) -> list[Finding]:
    """Ask for these ad accounts, or for all that a record can be routed to. Pinterest checks the event and records
    nothing."""
    return asyncio.run(_ask(config, accounts_of(config) if accounts is None else accounts))


async def _ask(config: Config, accounts: Sequence[str]) -> list[Finding]:
    settings = config.pinterest.model_copy(update={"test": True})
    try:
        client = ConversionsClient(
            settings, ConfiguredTokens(settings), timeout_s=config.delivery.request_timeout_s, max_in_flight=1
        )
    except ConfigError as error:
        return [fail("accounts", problem) for problem in error.problems]
    findings = []
    try:
        for account in accounts:
            findings.append(_finding(account, await client.send(account, [_event_of_nobody()])))
            await asyncio.sleep(_PAUSE_S)
    finally:
        await client.aclose()
    return findings


def _event_of_nobody() -> bytes:
    now_s = int(time.time())
    return orjson.dumps(
        {
            "event_name": "page_visit",
            "action_source": "web",
            "event_time": now_s,
            "event_id": f"conversions-check-{now_s}",
            "user_data": {"em": [hashlib.sha256(b"nobody@example.com").hexdigest()]},
        }
    )


def _finding(account: str, answer: Answer) -> Finding:
    about = "accounts"
    match answer:
        case Judged(outcomes) if all(isinstance(outcome, Accepted) for outcome in outcomes):
            return ok(about, f"{account} takes events with this token")
        case Judged(outcomes):
            return warn(about, f"{account} answers, but does not like the event of this check: {outcomes[0]}")
        case Refused(detail):
            return warn(about, f"{account} answers, but refuses the request of this check: {detail}")
        case Unauthorized(detail):
            return fail(about, f"{account}: {detail}; make a new conversion token in Ads Manager")
        case Forbidden(detail):
            return fail(
                about, f"{account}: {detail}; the token's user needs a role on this account, or the id is wrong"
            )
        case Throttled():
            return warn(about, f"{account}: throttled (HTTP 429); ask again later")
        case Unavailable(detail) | Ambiguous(detail):
            return fail(about, f"{account}: {detail}; check pinterest.base_url and what lies in between")
        case _:
            assert_never(answer)
