"""`conversions preview`: what real records of a topic would become. Joins no group, commits and sends nothing."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

import orjson
import typer

from consumer.cli.ages import age_of
from consumer.cli.preview_counts import Counts
from consumer.cli.preview_difference import Difference
from consumer.cli.preview_facts import NO_FACTS, OF_BUNDLED_ORDERS, FactsReader
from consumer.cli.preview_outcomes import Content, Judge, Sent
from consumer.cli.preview_reading import RecordReader
from consumer.cli.preview_report import Report, as_json, as_text
from consumer.cli.progress import shown
from consumer.cli.records_of_topics import topic_named
from consumer.cli.topic_reading import extent_since, newest, read_extent, size_of
from consumer.config import Config
from consumer.config_sources import load_config
from consumer.errors import ConfigError
from consumer.logs import configure_logs
from consumer.mapping.paths import Path as MappingPath
from consumer.mapping.paths import parse_path
from consumer.records import Decoded, Record
from consumer.timing import SystemClock

DEFAULT_LIMIT = 100_000
MOST_RECORDS = 10_000_000
"""Keeps sums of amounts below 10**15 exact to the last digit."""


def preview(
    *,
    topic: Annotated[str, typer.Option(help="Topic of the configuration to read.")],
    last: Annotated[str, typer.Option(metavar="AGE", help="How far to go back: 30m, 1h, 2d.")] = "1h",
    against: Annotated[
        str | None,
        typer.Option(
            metavar="MAPPING",
            help="Also map by this one, a file or `order` or `visit`, and tell the difference to the configured one.",
            show_default=False,
        ),
    ] = None,
    record: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="With --against, where a topic has records of several types: full name of the type it maps.",
            show_default=False,
        ),
    ] = None,
    grand_total: Annotated[
        str | None,
        typer.Option(
            metavar="PATH",
            help="Where a record says what it comes to in all, as a path of the mapping language; the value sent is "
            f"told beside it. Of the bundled orders it is {OF_BUNDLED_ORDERS}.",
            show_default=False,
        ),
    ] = None,
    limit: Annotated[
        int,
        typer.Option(
            min=1, max=MOST_RECORDS, help="Most records to read: the newest, of each partition in proportion."
        ),
    ] = DEFAULT_LIMIT,
    output: Annotated[Literal["table", "json"], typer.Option(help="How to print it.")] = "table",
    config: Annotated[
        Path | None, typer.Option(help="YAML file; without it CONVERSIONS_CONFIG names one.", show_default=False)
    ] = None,
) -> None:
    """Map real records of a topic, and tell what the consumer would make of them: sums and counts, nobody's data.

    No consumer group is joined, no offset committed, nothing sent. Read is from the offsets of so long ago to the end
    as it is now. Each record is mapped as of the time that Kafka has for it: its age is what it was when it was
    written, so nothing is too old for having waited since.

    Told are the outcomes by reason, what is wrong with dead letters, the schemas that the mapping does not fit, how
    many events carry each component of Pinterest's quality score, and by currency the sum of the values that would be
    sent, beside that of the grand totals in the same records.

    With --against each record is mapped by another mapping as well, the configuration otherwise the same: told is
    which records become something else, which fields of events differ in how many, and the sums of their values.

    \b
    Examples:
      conversions preview --topic orders --last 1h
      conversions preview --topic orders --last 2d --against order.old.yaml
      conversions preview --topic shop.orders --grand-total total_price --output json

    Exit codes: 0 done; 1 brokers or registry do not answer; 2 bad usage or configuration.
    """
    age, path = _asked(last, grand_total, record, against)
    settings = load_config(config)
    topic_named(settings, topic)
    configure_logs("error", settings.log.format)
    judge = Judge(settings, topic)
    other = None if against is None else Judge(_with_mapping(settings, topic, against, record), topic)
    facts = FactsReader(settings, topic, judge.mapper, path)
    since_s = max(0.0, SystemClock().wall_s() - age.total_seconds())
    offered = extent_since(settings, topic, int(since_s * 1_000))
    chosen = newest(offered, limit)
    messages = shown(read_extent(settings, topic, chosen), size_of(chosen), "reading")
    with RecordReader(settings, topic) as reader:
        counts, difference = _count(reader.read(messages), judge, facts, other)
    report = Report(
        topic=topic,
        since=datetime.fromtimestamp(since_s, UTC),
        offsets=size_of(offered),
        limit=limit,
        counts=counts,
        lacks=[f"{lack.schema_name}: {lack.problem}" for lack in judge.mapper.take_lacks()],
        grand_total_lacks=list(facts.lacks),
        against=against,
        difference=difference,
    )
    if output == "json":
        print(orjson.dumps(as_json(report), option=orjson.OPT_INDENT_2).decode())
    else:
        print(as_text(report), end="")


def _count(
    records: Iterable[tuple[Record, Content]], judge: Judge, facts: FactsReader, other: Judge | None
) -> tuple[Counts, Difference | None]:
    """What all of them would become; and where the other judge's words differ, if there is one."""
    counts, difference = Counts(), Difference()
    for record, content in records:
        outcome = judge.outcome(record, content)
        if isinstance(content, Decoded):
            said = facts.of(content) if isinstance(outcome, Sent) else NO_FACTS
            counts.add(outcome, said, schema_name=content.schema_name)
        else:
            counts.add(outcome)
        if other is not None:
            difference.add(other.outcome(record, content), outcome)
    return counts, None if other is None else difference


def _asked(
    last: str, grand_total: str | None, record: str | None, against: str | None
) -> tuple[timedelta, MappingPath | None]:
    """How far to go back, and where to look for grand totals."""
    age, path = age_of(last), None if grand_total is None else parse_path(grand_total)
    problems = []
    if not age:
        problems.append("--last: must be an age above nought, as 30m, 1h or 2d")
    if isinstance(path, str):
        problems.append(f"--grand-total: {path}")
    if record is not None and against is None:
        problems.append("--record: says which records take the mapping of --against, and there is none")
    if not age or isinstance(path, str) or problems:
        raise ConfigError(problems)
    return age, path


def _with_mapping(settings: Config, topic: str, mapping: str, record: str | None) -> Config:
    """The configuration in which the topic's records, or those of one type, take this mapping."""
    chosen = settings.topics[topic]
    if record in chosen.records:
        changed: dict[str, Any] = {"records": {**chosen.records, record: mapping}}
    elif chosen.records:
        named = ", ".join(chosen.records)
        raise ConfigError([f"--record: topic `{topic}` has records of several types; take one of {named}"])
    elif record is not None:
        raise ConfigError([f"--record: every record of topic `{topic}` takes the one mapping; leave it out"])
    else:
        changed = {"mapping": mapping}
    topics = {**settings.topics, topic: chosen.model_copy(update=changed)}
    return settings.model_copy(update={"topics": topics})
