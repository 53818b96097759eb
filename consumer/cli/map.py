"""`conversions map`: what would become of given records, without brokers, registry or Pinterest."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, assert_never

import orjson
import typer

from consumer.avro_json import from_json
from consumer.config import Config
from consumer.config_sources import load_config
from consumer.errors import ConfigError
from consumer.records import DeadLetterReason, Decoded, Invalid, MapOutcome, Mapped, Skipped, SkipReason
from consumer.schemas import bundled_schema
from consumer.stages.mapper import Mapper
from consumer.timing import SystemClock


def map_command(
    topic: Annotated[str, typer.Option(help="Topic of the configuration whose mapping applies.")],
    file: Annotated[str, typer.Argument(metavar="FILE", help="Records as JSON lines, `-` for standard input.")],
    *,
    explain: Annotated[
        bool, typer.Option("--explain", help="Also say which rule decided, and what was shortened or left out.")
    ] = False,
    config: Annotated[Path | None, typer.Option(help="Configuration file.")] = None,
) -> None:
    """Map records given as JSON lines, and print one JSON line for each: the event, or why there is none."""
    settings = load_config(config, offline=True)
    if topic not in settings.topics:
        known = ", ".join(sorted(settings.topics))
        raise ConfigError([f"--topic: `{topic}` is not configured; take one of {known}"])
    schema = bundled_schema(settings.topics[topic].mapping)
    mapper, clock = Mapper(settings), SystemClock()
    for number, line in _lines(file):
        decoded = Decoded(f"{schema['namespace']}.{schema['name']}", _record(schema, line, number))
        outcome = mapper.map(topic, decoded, [], clock.wall_s())
        answer = _answer(outcome)
        if explain:
            answer |= _explanation(outcome, settings)
        sys.stdout.buffer.write(orjson.dumps(answer) + b"\n")
    sys.stdout.flush()


def _lines(file: str) -> Iterator[tuple[int, bytes]]:
    """Lines that are not blank, with their numbers from 1; split at line feeds alone, as JSON text may hold others."""
    try:
        content = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        raise ConfigError([f"FILE cannot be read: {error.strerror}"]) from None
    for number, line in enumerate(content.split(b"\n"), 1):
        if line.strip():
            yield number, line


def _record(schema: dict[str, Any], line: bytes, number: int) -> dict[str, Any]:
    try:
        return from_json(schema, orjson.loads(line))
    except orjson.JSONDecodeError:
        raise ConfigError([f"line {number} is not JSON; give one JSON object per line"]) from None
    except ConfigError as error:
        raise ConfigError([f"line {number}: {problem}" for problem in error.problems]) from None


def _answer(outcome: MapOutcome) -> dict[str, Any]:
    match outcome:
        case Mapped():
            return {"ad_account_id": outcome.ad_account_id, "event": outcome.payload}
        case Skipped(reason):
            return {"skipped": reason}
        case Invalid(problems, DeadLetterReason.INVALID):
            return {"invalid": list(problems)}
        case Invalid(problems, reason):
            return {"invalid": [f"{reason}: {problem}" for problem in problems]}
        case _:
            assert_never(outcome)


def _explanation(outcome: MapOutcome, settings: Config) -> dict[str, Any]:
    match outcome:
        case Mapped():
            return {"rule": "no rule kept it back", "clipped": list(outcome.clipped)}
        case Skipped(reason):
            return {"rule": _rule_behind(reason, settings)}
        case Invalid(_, reason):
            return {"rule": _DEAD_LETTER_RULES[reason]}
        case _:
            assert_never(outcome)


def _rule_behind(reason: SkipReason, settings: Config) -> str:
    events = settings.events
    return _SKIP_RULES[reason].format(checkout_on=events.checkout_on, max_age_s=events.max_age_s)


_SKIP_RULES = {
    SkipReason.TEST_ORDER: "is_test is true",
    SkipReason.BOT: "client.is_bot is true, or the user agent is that of Pinterest's crawler",
    SkipReason.NOT_A_CONVERSION: "the order's status is not {checkout_on} (events.checkout_on); or the visit's type is "
    "UNKNOWN, or one that needs events.newer_fields",
    SkipReason.NOT_A_TRANSITION: "previous_status is {checkout_on} already",
    SkipReason.ORIGIN_EXCLUDED: "origin is neither NEW nor unknown",
    SkipReason.CHANNEL_EXCLUDED: "channel is MARKETPLACE or IMPORT",
    SkipReason.NOT_ADVERTISED: "the merchant is `none` in routing.table, or not there (routing.unknown_merchant: skip)",
    SkipReason.ACCOUNT_OFF: "the ad account it goes to has `mode: off` in ad_accounts",
    SkipReason.OUTSIDE_CUTOVER: "it happened before active_from, or not before active_until, of its ad account",
    SkipReason.NO_CONSENT: "the law of consent.jurisdiction, else of customer.address.country, asks for more consent",
    SkipReason.TOO_OLD: "it happened more than {max_age_s} s ago (events.max_age_s)",
    SkipReason.NO_SHARED_ID: "client.tag_event_id is absent, and the browser has the tag as well (dedup.browser_tag)",
    SkipReason.SUPPRESSED: "an e-mail address, telephone number or external id of it is in privacy.suppress_file",
    SkipReason.NO_IDENTITY: "neither e-mail, nor advertising id, nor both public address and user agent are left",
}
_DEAD_LETTER_RULES = {
    DeadLetterReason.INVALID: "what is required is missing, or a field has a wrong type or value",
    DeadLetterReason.UNROUTABLE: "no ad account: header, field, routing.table, then routing.default_ad_account_id",
    DeadLetterReason.IN_FUTURE: "it lies ahead of now by more than events.future_tolerance_s",
}
