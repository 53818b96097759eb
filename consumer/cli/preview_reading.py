"""Decodes records outside of the pipeline: asks the registry for a schema, and waits for its answer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Protocol, assert_never

from consumer.cli.preview_outcomes import Content
from consumer.config import Config
from consumer.errors import ConsumerError
from consumer.records import (
    Assignment,
    DeadLetterReason,
    Decoded,
    Invalid,
    Message,
    Record,
    SchemaNeeded,
    SchemaRef,
    Skipped,
    SkipReason,
    Undecodable,
)
from consumer.registry import Registry, RegistryUnreachable, SchemaFound, SchemaRefused, SchemaUnknown
from consumer.stages.decoder import Decoder


class PlacedMessage(Message, Protocol):
    """A message that knows where it stands, as one that was read does."""

    def partition(self) -> int | None: ...

    def offset(self) -> int | None: ...


class RecordReader:
    """Reads messages of one topic; each schema that the registry knows is asked for once. A context manager.

    Args:
        settings: With the topic.
        topic: Where the messages stand.

    Raises:
        ConfigError: A schema file cannot be used, or the registry's address, a credential or a certificate.
    """

    def __init__(self, settings: Config, topic: str) -> None:
        self._settings = settings.schema_registry
        self._topic = topic
        self._decoder = Decoder(settings.topics)
        self._runner = asyncio.Runner()
        self._registry: Registry | None = None
        """There is none to ask where every topic has a schema of its own."""

    def __enter__(self) -> RecordReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._registry is not None:
            self._runner.run(self._registry.aclose())
        self._runner.close()

    def read(self, messages: Iterable[PlacedMessage]) -> Iterator[tuple[Record, Content]]:
        """Each message as a record, with its content, or what becomes of it without.

        Raises:
            ConsumerError: The registry does not answer; a consumer would wait for it.
        """
        assignments: dict[int, Assignment] = {}
        for message in messages:
            partition, offset = message.partition() or 0, message.offset() or 0
            assignment = assignments.setdefault(partition, Assignment(self._topic, partition, offset))
            record = Record(assignment, offset, message, len(message.value() or b""), time.monotonic())
            yield record, self._content_of(record)

    def _content_of(self, record: Record) -> Content:
        if record.message.value() is None:
            return Skipped(SkipReason.TOMBSTONE)
        found = self._decoder.decode(record)
        if isinstance(found, SchemaNeeded):
            found = self._look_up(found.ref) or self._decoder.decode(record)
        match found:
            case Decoded():
                return found
            case Undecodable(detail, reason):
                return Invalid((detail,), reason)
            case SchemaNeeded(ref):
                raise ConsumerError(f"schema {ref.shape} was learnt and is still not known")
            case _:
                assert_never(found)

    def _look_up(self, ref: SchemaRef) -> Undecodable | None:
        """Learn a schema; or what is wrong with its records."""
        if self._registry is None:
            self._registry = Registry(self._settings)
        answer = self._runner.run(self._registry.fetch(ref))
        match answer:
            case SchemaFound(_, schema, references):
                return self._decoder.learn(ref, schema, references)
            case SchemaRefused(_, detail):
                return self._decoder.refuse(ref, detail)
            case SchemaUnknown():
                return Undecodable(f"the registry knows no schema {ref.shape}", DeadLetterReason.SCHEMA_UNKNOWN)
            case RegistryUnreachable(_, detail):
                raise ConsumerError(f"the schema registry cannot be asked for schema {ref.shape}: {detail}")
            case _:
                assert_never(answer)
