"""`conversions dlq`: looks at dead letters, and sends them on their way again."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Annotated, Any, Literal

import orjson
import typer

from consumer.cli.dlq_options import (
    Accounts,
    ConfigFile,
    DeadLetterTopic,
    Reasons,
    Since,
    Topics,
    Until,
    choice_of,
    letter_topics,
)
from consumer.cli.dlq_originals import Originals
from consumer.cli.dlq_plan import Plan
from consumer.cli.dlq_reading import Letters, replayed
from consumer.cli.dlq_replay import Replay, stop_on_signals
from consumer.cli.dlq_run import prepare, write
from consumer.cli.dlq_show import PersonalData, as_document
from consumer.cli.dlq_summary import Summary, tally_as_text
from consumer.cli.dlq_topics import LetterTopics
from consumer.cli.dlq_writing import Ends, ReplayWriter
from consumer.config import Config
from consumer.config_sources import load_config
from consumer.errors import ConfigError
from consumer.logs import configure_logs

group = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

_TO_SOURCE = """\
conversions: --to-source: EVERY consumer of these topics sees the records again, as if they had happened again:
conversions: shipments, mails, stock. Nothing remembers what was written so: a second run writes it all again."""


@group.callback()
def dead_letters() -> None:
    """Count dead letters, look at some, replay them. What they are: docs/dead-letters.md.

    \b
    Examples:
      conversions dlq list
      conversions dlq show --reason invalid --first 3
      conversions dlq replay --reason account_held          what would be replayed?
      conversions dlq replay --reason account_held --yes    replay it
    """


@group.command("list")
def list_command(
    *,
    config: ConfigFile = None,
    reason: Reasons = None,
    account: Accounts = None,
    topic: Topics = None,
    since: Since = None,
    until: Until = None,
    dead_letter_topic: DeadLetterTopic = None,
    as_format: Annotated[Literal["table", "json"], typer.Option("--format", help="How to print them.")] = "table",
) -> None:
    """Count letters by reason, ad account and original topic: how many, since when, how many were replayed already.

    Nothing personal is printed. No group is joined.

    Exit codes: 0 done; 1 a topic could not be read; 2 bad usage or configuration.
    """
    settings = _settings(config)
    choice = choice_of(settings, reasons=reason, accounts=account, topics=topic, since=since, until=until)
    letters = Letters(settings, letter_topics(settings, dead_letter_topic), choice)
    known = replayed(settings, has_topic=LetterTopics(settings).has_replay_topic)
    summary = Summary()
    for letter, _ in letters:
        summary.add(letter, is_replayed=letter.origin in known)
    if as_format == "json":
        print(orjson.dumps(summary.as_json(), option=orjson.OPT_INDENT_2).decode())
    else:
        print(summary.as_text(), end="")
    letters.complain()


@group.command("show")
def show_command(
    *,
    config: ConfigFile = None,
    partition: Annotated[
        int | None, typer.Option(min=0, metavar="P", help="The letter's own partition, not its record's.")
    ] = None,
    offset: Annotated[int | None, typer.Option(min=0, metavar="O", help="The letter's own offset.")] = None,
    first: Annotated[int | None, typer.Option(min=1, metavar="N", help="So many that fit the other options.")] = None,
    reason: Reasons = None,
    account: Accounts = None,
    topic: Topics = None,
    since: Since = None,
    until: Until = None,
    dead_letter_topic: DeadLetterTopic = None,
    personal_data: Annotated[
        bool,
        typer.Option("--personal-data", help="Also print the record: key, the producer's headers, value as JSON."),
    ] = False,
) -> None:
    """Print letters as JSON: where they are, their `conversions.*` headers, and how large their parts are.

    Of the record itself nothing is printed without --personal-data; with it, mind where the output goes.

    \b
    Examples:
      conversions dlq show --partition 0 --offset 17
      conversions dlq show --reason invalid --since 2h --first 3

    Exit codes: 0 found; 1 none found, or a topic could not be read; 2 bad usage or configuration.
    """
    if (first is None) == (partition is None) or (partition is None) != (offset is None):
        raise ConfigError(["say which letters: --partition and --offset, or --first"])
    settings = _settings(config)
    choice = choice_of(settings, reasons=reason, accounts=account, topics=topic, since=since, until=until)
    if offset is not None:
        choice = replace(choice, partition=partition, from_offset=offset, until_offset=offset + 1)
    letters = Letters(settings, letter_topics(settings, dead_letter_topic), choice)
    personal = PersonalData(settings) if personal_data else None
    documents: list[dict[str, Any]] = []
    for letter, message in letters:
        documents.append(as_document(letter) | ({} if personal is None else personal.of(letter, message)))
        if len(documents) == first:
            break
    for document in documents:
        print(orjson.dumps(document, option=orjson.OPT_INDENT_2).decode())
    if not documents:
        letters.complain()
        print("conversions: no such letter", file=sys.stderr)
        raise typer.Exit(1)


@group.command("replay")
def replay_command(
    *,
    config: ConfigFile = None,
    reason: Reasons = None,
    account: Accounts = None,
    topic: Topics = None,
    since: Since = None,
    until: Until = None,
    dead_letter_topic: DeadLetterTopic = None,
    partition: Annotated[
        int | None, typer.Option(min=0, metavar="P", help="Only letters in this partition of their own topic.")
    ] = None,
    from_offset: Annotated[int, typer.Option(min=0, metavar="O", help="Only letters from this offset on.")] = 0,
    until_offset: Annotated[
        int | None, typer.Option(min=0, metavar="O", help="Only letters below this offset.", show_default=False)
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do it; without this, only say what would be done.")] = False,
    rate: Annotated[float, typer.Option(min=0.1, metavar="N", help="Most letters a second.")] = 500.0,
    max_replays: Annotated[
        int, typer.Option(min=1, metavar="N", help="Leave out what was replayed so often, and failed again.")
    ] = 3,
    create_topic: Annotated[
        bool, typer.Option("--create-topic", help="Create the replay topic if there is none.")
    ] = False,
    to_source: Annotated[
        bool, typer.Option("--to-source", help="Write to the original topics, where OTHERS READ AS WELL.")
    ] = False,
) -> None:
    """Write letters to the replay topic, which the consumer group reads beside its own topics.

    A dry run, unless --yes. A letter is replayed once: what stands in the replay topic is left out, so that a run
    that was cut off is simply repeated. A record that fails again becomes a new letter, which can be replayed again.
    Let only one run at a time: a second one is noticed and stopped, but may have written letters twice by then.

    \b
    Examples:
      conversions dlq replay --reason account_held --account 549755885175
      conversions dlq replay --reason account_held --account 549755885175 --yes
      conversions dlq replay --since 2026-11-24T08:00:00Z --until 2026-11-24T10:00:00Z --yes --rate 100

    Exit codes: 0 done; 1 cut off, or some letters could not be replayed; 2 bad usage or configuration.
    """
    settings = _settings(config)
    choice = choice_of(settings, reasons=reason, accounts=account, topics=topic, since=since, until=until)
    choice = replace(choice, partition=partition, from_offset=from_offset, until_offset=until_offset)
    topics = LetterTopics(settings)
    where = letter_topics(settings, dead_letter_topic)
    remembered_from = None
    if to_source:
        print(_TO_SOURCE, file=sys.stderr)
    else:
        remembered_from = prepare(settings, topics, is_for_real=yes, may_create=create_topic)
    # Before the topic is read: what is written by others from now on will be noticed.
    ends = None if to_source else Ends(topics.replay_ends)
    plan = Plan(
        replayed=replayed(settings, has_topic=topics.has_replay_topic),
        topics=settings.topics,
        max_replays=max_replays,
        named=choice.reasons,
        remembered_from=remembered_from,
    )
    with Originals(settings) as originals, stop_on_signals() as stop:
        letters = Letters(settings, where, choice, is_stopped=lambda: stop.is_asked)
        replay = Replay(letters, plan, originals, None if to_source else settings.replay_topic)
        tally = replay.count(stop)
        print(tally_as_text(tally, None if to_source else settings.replay_topic), end="")
        letters.complain()
        if stop.is_asked:
            print("conversions: stopped, before anything was written", file=sys.stderr)
            raise typer.Exit(1)
        if yes:
            then = "go on as told above: another run from the start would write letters again"
            writer = ReplayWriter(
                settings.kafka,
                rate=rate,
                total=tally.replays.total(),
                ends=ends,
                then=then if to_source else "run it again",
            )
            on = topics.partitions_of(where, choice.partition)
            tally = write(replay, writer, stop, resume=[(*each, from_offset) for each in on] if to_source else [])
    if not yes and tally.replays:
        print("Nothing was written: this was a dry run. To do it, add --yes.")
    if tally.has_failures:
        print("conversions: not every letter can be replayed; see above", file=sys.stderr)
    if stop.is_asked or tally.has_failures:
        raise typer.Exit(1)


def _settings(config: Any) -> Config:
    settings = load_config(config)
    configure_logs("error", settings.log.format)
    return settings
