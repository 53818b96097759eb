"""`conversions map`: what would become of given records, without brokers, registry or Pinterest."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import orjson
import typer

from consumer.cli.records_of_topics import mapping_of, records_by
from consumer.config_sources import load_config
from consumer.errors import ConfigError
from consumer.json_records import JsonRecords
from consumer.mapping.examples import answer_of
from consumer.mapping.explaining import fields_of, rule_behind
from consumer.records import Decoded, Mapped
from consumer.stages.mapper import Mapper
from consumer.timing import SystemClock


def map_command(
    topic: Annotated[str, typer.Option(help="Topic of the configuration whose mapping applies.")],
    file: Annotated[str, typer.Argument(metavar="FILE", help="Records as JSON lines, `-` for standard input.")],
    *,
    record: Annotated[
        str | None, typer.Option(help="Full name of the records' type, where the topic has several.", metavar="NAME")
    ] = None,
    explain: Annotated[
        bool,
        typer.Option(
            "--explain",
            help="Also say which rule decided, and of each target where it came from, what it looks like (never the "
            "value) and where it went, or why it did not.",
        ),
    ] = False,
    config: Annotated[Path | None, typer.Option(help="Configuration file.")] = None,
) -> None:
    """Map records given as JSON lines, and print one JSON line for each: the event, or why there is none."""
    settings = load_config(config, offline=True)
    mapping = mapping_of(settings, topic, record)
    records = records_by(mapping)
    mapper, clock = Mapper(settings), SystemClock()
    compiled = mapper.compile(mapping, records.record_schema)
    for number, line in _lines(file):
        decoded = _record(records, line, number)
        outcome = mapper.map(topic, decoded, [], clock.wall_s())
        answer = answer_of(outcome)
        if explain:
            answer["rule"] = rule_behind(outcome, mapping, compiled.paths, settings)
        if explain and isinstance(outcome, Mapped):
            entered = compiled.enter(decoded.fields, [])
            answer["fields"] = list(fields_of(outcome, mapping, entered, decoded.fields, settings))
            answer["clipped"] = list(outcome.clipped)
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


def _record(records: JsonRecords, line: bytes, number: int) -> Decoded:
    try:
        return records.record(orjson.loads(line))
    except orjson.JSONDecodeError:
        raise ConfigError([f"line {number} is not JSON; give one JSON object per line"]) from None
    except ConfigError as error:
        raise ConfigError([f"line {number}: {problem}" for problem in error.problems]) from None
