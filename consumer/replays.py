"""Whose wire format, schema and mapping apply to a record: its topic's, or of a replayed one the original topic's."""

from __future__ import annotations

from collections.abc import Container

from consumer.letters import origin_for
from consumer.records import Record, Undecodable


class Replays:
    """Knows replayed records by the topic they are read from.

    Args:
        topic: Where `conversions dlq replay` writes.
        sources: The configured topics, which a replay may come from.
        group: The consumer group in use; a rehearsal's letters, or another group's, are not ours to send.
    """

    def __init__(self, topic: str, sources: Container[str], group: str) -> None:
        self._topic = topic
        self._group = group
        self._sources = sources

    def is_replayed(self, record: Record) -> bool:
        return record.assignment.topic == self._topic

    def source_of(self, record: Record) -> str | Undecodable:
        """The configured topic that the record is to be read as, or why there is none."""
        if record.assignment.topic != self._topic:
            return record.assignment.topic
        if record.headers() is None:
            return Undecodable("the name of a header is not UTF-8")
        origin = origin_for(record.headers(), self._group)
        if isinstance(origin, str):
            return Undecodable(f"{origin}; put records there with `conversions dlq replay` only")
        if origin.topic not in self._sources:
            return Undecodable("the header conversions.topic names a topic that is not in `topics`; add it there again")
        if record.message.value() is None:
            return Undecodable("there is no value; `conversions dlq replay` fetches it from the original's topic")
        return origin.topic
