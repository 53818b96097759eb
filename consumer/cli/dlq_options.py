"""The options by which `conversions dlq` chooses letters, as people write them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from consumer.cli.ages import age_of
from consumer.cli.dlq_letters import Choice
from consumer.config import Config
from consumer.errors import ConfigError
from consumer.records import DeadLetterReason

ConfigFile = Annotated[
    Path | None, typer.Option(help="YAML file; without it CONVERSIONS_CONFIG names one.", show_default=False)
]
Reasons = Annotated[
    list[str] | None, typer.Option("--reason", metavar="REASON", help="Only of this reason; repeatable.")
]
Accounts = Annotated[
    list[str] | None, typer.Option("--account", metavar="ID", help="Only of this ad account; repeatable.")
]
Topics = Annotated[
    list[str] | None,
    typer.Option("--topic", metavar="TOPIC", help="Only of records that stood in this topic; repeatable."),
]
Since = Annotated[
    str | None,
    typer.Option(metavar="TIME", help="Given up from then on: ISO 8601 with its zone, or 30m, 2h, 1d: so long ago."),
]
Until = Annotated[str | None, typer.Option(metavar="TIME", help="Given up before then, written like --since.")]
DeadLetterTopic = Annotated[
    str | None,
    typer.Option(metavar="TOPIC", help="Only in this dead-letter topic, where there are several.", show_default=False),
]


def choice_of(
    settings: Config,
    *,
    reasons: Sequence[str] | None = None,
    accounts: Sequence[str] | None = None,
    topics: Sequence[str] | None = None,
    since: str | None = None,
    until: str | None = None,
    now: datetime | None = None,
) -> Choice:
    """The letters of the configured group that these options mean.

    Raises:
        ConfigError: Every option that means nothing.
    """
    problems: list[str] = []
    known = [reason.value for reason in DeadLetterReason]
    if unknown := set(reasons or ()) - set(known):
        problems.append(f"--reason: {len(unknown)} of them are none of {', '.join(known)}")
    if not all(account.isascii() and account.isdigit() for account in accounts or ()):
        problems.append("--account: must be an ad account's id, 1 to 18 digits")
    moments = {
        option: _moment(option, text, now or datetime.now(UTC), problems)
        for option, text in (("--since", since), ("--until", until))
    }
    if problems:
        raise ConfigError(problems)
    return Choice(
        group=settings.group_id,
        reasons=frozenset(DeadLetterReason(reason) for reason in reasons or ()),
        accounts=frozenset(accounts or ()),
        topics=frozenset(topics or ()),
        since=moments["--since"],
        until=moments["--until"],
    )


def letter_topics(settings: Config, chosen: str | None) -> Collection[str]:
    """The dead-letter topics to be read.

    Raises:
        ConfigError: The one chosen is none.
    """
    if chosen is None:
        return settings.dead_letter_topics
    if chosen not in settings.dead_letter_topics:
        listed = ", ".join(settings.dead_letter_topics)
        raise ConfigError([f"--dead-letter-topic: is no dead-letter topic of this configuration; take one of {listed}"])
    return (chosen,)


def _moment(option: str, text: str | None, now: datetime, problems: list[str]) -> datetime | None:
    if text is None:
        return None
    if (age := age_of(text)) is not None:
        return now - age
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        problems.append(f"{option}: must be ISO 8601 with its zone, as 2026-11-01T08:00:00Z, or an age, as 2h")
        return None
    return moment
