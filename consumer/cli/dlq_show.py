"""Prints single letters. What a person could be recognised by is told only if it was asked for."""

from __future__ import annotations

import asyncio
import base64
from datetime import date, datetime
from typing import Any

import orjson

from consumer.cli.dlq_letters import DeadLetter
from consumer.config import Config
from consumer.records import Assignment, Decoded, Message, Record, SchemaNeeded, SchemaRef, Undecodable
from consumer.registry import Registry, SchemaFound
from consumer.stages.decoder import Decoder


def as_document(letter: DeadLetter) -> dict[str, Any]:
    """Where it stands, what it says, and how large its parts are."""
    topic, partition, offset = letter.position
    return {
        "topic": topic,
        "partition": partition,
        "offset": offset,
        "headers": dict(letter.said),
        "key_bytes": _size(letter.key),
        "value_bytes": _size(letter.value),
        "producer_headers": len(letter.own),
        "producer_headers_bytes": sum(len(name) + len(value or b"") for name, value in letter.own),
    }


class PersonalData:
    """Reads what a letter repeats of its record, with the schemas of the configuration and its registry."""

    def __init__(self, settings: Config) -> None:
        self._settings = settings
        self._decoder = Decoder(settings.topics)

    def of(self, letter: DeadLetter, message: Message) -> dict[str, Any]:
        """Key, headers and value of a letter; `message` is the letter itself."""
        return {
            "key": _as_text(letter.key),
            "producer_header_list": [[name, _as_text(value)] for name, value in letter.own],
            "value": self._value(letter, message),
        }

    def _value(self, letter: DeadLetter, message: Message) -> Any:
        if letter.value is None:
            return None
        source = letter.origin.topic
        if source not in self._settings.topics:
            return {"unreadable": "its topic is not in `topics`", "bytes": _as_text(letter.value)}
        record = Record(Assignment(source, letter.origin.partition, 0), letter.origin.offset, message, 0, 0.0)
        outcome = self._decoder.decode(record)
        if isinstance(outcome, SchemaNeeded):
            problem = self._learn(outcome.ref)
            outcome = Undecodable(problem) if problem else self._decoder.decode(record)
        if isinstance(outcome, Decoded):
            return orjson.loads(orjson.dumps(outcome.fields, default=_plain, option=orjson.OPT_NON_STR_KEYS))
        detail = outcome.detail if isinstance(outcome, Undecodable) else "its schema is not known"
        return {"unreadable": detail, "bytes": _as_text(letter.value)}

    def _learn(self, ref: SchemaRef) -> str:
        """Ask the registry; what went wrong, or nothing."""
        answer = asyncio.run(self._fetch(ref))
        if isinstance(answer, SchemaFound):
            refused = self._decoder.learn(ref, answer.schema, answer.references)
            return "" if refused is None else refused.detail
        return f"the registry does not give its schema, {ref}"

    async def _fetch(self, ref: SchemaRef) -> object:
        registry = Registry(self._settings.schema_registry)
        try:
            return await registry.fetch(ref)
        finally:
            await registry.aclose()


def _size(content: bytes | None) -> int | None:
    return None if content is None else len(content)


def _as_text(content: bytes | None) -> str | None:
    """As UTF-8, or else as base64, which says so."""
    if content is None:
        return None
    try:
        return content.decode()
    except UnicodeDecodeError:
        return f"base64:{base64.b64encode(content).decode()}"


def _plain(value: Any) -> Any:
    """What JSON has no form for, as `conversions produce` would take it."""
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, date | datetime):
        return value.isoformat()
    return str(value)
