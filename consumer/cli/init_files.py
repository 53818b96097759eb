"""Writes what `conversions init` drafts, and tries the mapping on an invented record."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from consumer.cli.init_answers import Answers
from consumer.cli.init_config import drafted_configuration
from consumer.cli.init_example import Example, invented
from consumer.cli.init_mapping import Names, drafted_mapping
from consumer.config_sources import load_config
from consumer.errors import ConfigError
from consumer.json_records import JsonRecords
from consumer.mapping.examples import answer_of
from consumer.mapping.recognition import Recognised
from consumer.records import Mapped, Skipped
from consumer.stages.mapper import Mapper

_EMAIL = "ada@example.com"


@dataclass(frozen=True, slots=True)
class Files:
    """What is written, and where."""

    directory: Path
    topic: str
    given_schema: Path

    @property
    def config(self) -> Path:
        return self.directory / "config.yaml"

    @property
    def mapping(self) -> Path:
        return self.directory / f"{self.topic}.yaml"

    @property
    def examples(self) -> Path:
        return self.directory / f"{self.topic}.examples.json"

    @property
    def schema(self) -> Path:
        return self.directory / self.given_schema.name

    def refuse_those_there(self, *, is_forced: bool) -> None:
        """Before anything is asked.

        Raises:
            ConfigError: Some are there already, or the topic's name does not do for files.
        """
        if "/" in self.topic or self.mapping == self.config:
            raise ConfigError(["--topic: gives its name to files, so it has no `/` and is not `config`"])
        if is_forced:
            return
        schema = [] if self.has_schema else [self.schema]
        there = [file for file in (self.config, self.mapping, self.examples, *schema) if file.exists()]
        if there:
            raise ConfigError([f"{file} is there already; give another --directory, or --force" for file in there])

    @property
    def has_schema(self) -> bool:
        """Does the schema stand where it is wanted?"""
        return self.schema.exists() and self.schema.samefile(self.given_schema)


def write_draft(files: Files, records: JsonRecords, found: Recognised, answers: Answers) -> bool:
    """Write them all; those that are there are written over.

    Args:
        files: Their names.
        records: Of the schema.
        found: What was recognised in it.
        answers: To the questions.

    Returns:
        Is there an example? Not of a schema with a type that records written as JSON cannot have, nor of one that holds
        itself without end.

    Raises:
        ConfigError: One of them cannot be written.
    """
    example = _readable(invented(records.schema, found, answers), records)
    names = Names(files.schema.name, files.mapping.name, None if example is None else files.examples.name)
    try:
        files.directory.mkdir(parents=True, exist_ok=True)
        if not files.has_schema:
            shutil.copyfile(files.given_schema, files.schema)
        files.mapping.write_text(drafted_mapping(found, answers, names), encoding="utf-8")
        configuration = drafted_configuration(answers, files.topic, str(files.mapping))
        files.config.write_text(configuration, encoding="utf-8")
        if example is not None:
            told = [_example(files, records, example, answers.event)]
            files.examples.write_text(json.dumps(told, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    except OSError as error:
        raise ConfigError([f"--directory: {error.filename} cannot be written: {error.strerror}"]) from None
    return example is not None


def _readable(example: Example, records: JsonRecords) -> Example | None:
    """The example, unless its schema has a type that records written as JSON cannot have, or a record without end."""
    try:
        records.record(example.record)
    except ConfigError:
        return None
    return example


def _example(files: Files, records: JsonRecords, example: Example, event: str) -> dict[str, Any]:
    """The example, and what becomes of it by the mapping as it stands; of one with gaps, that it is such an event."""
    expect: dict[str, Any] = {"event": {"event_name": event}}
    try:
        mapper = Mapper(load_config(files.config, environ={}, offline=True))
        outcome = mapper.map(files.topic, records.record(example.record), [], example.now.timestamp())
    except ConfigError:
        outcome = None
    if isinstance(outcome, Mapped):
        expect = {"event": _told(outcome.payload)}
    elif isinstance(outcome, Skipped):
        expect = answer_of(outcome)
    now = example.now.isoformat().replace("+00:00", "Z")
    return {"about": "an invented record", "now": now, "record": example.record, "expect": expect}


def _told(event: dict[str, Any]) -> dict[str, Any]:
    """What an example says of an event: of the person the address alone, as its text."""
    told: dict[str, Any] = {key: event[key] for key in ("event_name", "event_id", "event_time", "action_source")}
    if event["user_data"].get("em") == [sha256(_EMAIL.encode()).hexdigest()]:
        told["user_data"] = {"em": [f"sha256:{_EMAIL}"]}
    return told | ({"custom_data": event["custom_data"]} if event.get("custom_data") else {})
