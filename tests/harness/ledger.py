"""What became of every record, told from outside: the manifest of what was produced, the record of what the API
accepted, the dead-letter topic as it is, and Kafka's own offsets. Shares no code with the consumer.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from tests.harness.processes import eventually

ANSWER_WITHIN_S = 20.0
PREFIX = "conversions."

Position = tuple[str, int, int]
"""Topic, partition, offset."""


@dataclass(frozen=True, slots=True)
class Produced:
    """One line of the manifest. `expect` is `accepted`, `skipped:<reason>` or `dead_lettered:<reason>`."""

    topic: str
    partition: int
    offset: int
    event_id: str | None
    expect: str

    @property
    def position(self) -> Position:
        return (self.topic, self.partition, self.offset)


@dataclass(frozen=True, slots=True)
class AcceptedEvent:
    """One line of the emulator's record."""

    ad_account_id: str
    request: Any
    received_at: Any
    test: bool
    event: Mapping[str, Any]

    @property
    def event_id(self) -> str:
        return str(self.event["event_id"])


@dataclass(frozen=True, slots=True)
class ReadLetter:
    """One message of the dead-letter topic. `why` holds our headers without their prefix, `headers` the others."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]
    why: Mapping[str, str]

    @property
    def origin(self) -> Position:
        return (self.why["topic"], int(self.why["partition"]), int(self.why["offset"]))


@dataclass(frozen=True, slots=True)
class Settlement:
    """How what happened differs from what was expected; all three are empty when it does not."""

    lost: list[Produced] = field(default_factory=list)
    """Should have been accepted or dead-lettered, and was neither."""
    duplicates: list[str] = field(default_factory=list)
    """Accepted, or dead-lettered, more often than it was produced to be."""
    unexpected: list[str] = field(default_factory=list)
    """Another outcome than expected, or an outcome of something never produced."""


def read_manifest(file: Path) -> list[Produced]:
    return [
        Produced(line["topic"], line["partition"], line["offset"], line["event_id"], line["expect"])
        for line in _whole_lines(file)
    ]


def read_record(file: Path) -> list[AcceptedEvent]:
    """May be asked while the emulator still writes: a line it has not finished is left out."""
    return [
        AcceptedEvent(line["ad_account_id"], line["request"], line["received_at"], line["test"], line["event"])
        for line in _whole_lines(file)
    ]


def settlement(
    manifest: Iterable[Produced],
    record: Iterable[AcceptedEvent],
    letters: Iterable[ReadLetter],
    *,
    in_test_mode: bool = False,
) -> Settlement:
    """Compare. Events are matched by id, letters by the position they name.

    Args:
        manifest: What was produced; the same event id may stand there several times.
        record: What the API accepted.
        letters: What the dead-letter topic holds.
        in_test_mode: Count events sent with `test=true` instead of real ones; of these nothing is kept by the API.
    """
    produced = list(manifest)
    taken = Counter(event.event_id for event in record if event.test == in_test_mode)
    dead: dict[Position, list[str]] = {}
    for letter in letters:
        dead.setdefault(letter.origin, []).append(letter.why["reason"])

    to_accept = Counter(one.event_id for one in produced if one.expect == "accepted")
    result = Settlement()
    for one in produced:
        reasons = dead.get(one.position, [])
        if one.expect == "accepted" and not taken[one.event_id or ""] and not reasons:
            result.lost.append(one)
        if one.expect.startswith("dead_lettered:") and not reasons:
            result.lost.append(one)
        if len(reasons) > 1:
            result.duplicates.append(f"{len(reasons)} letters of {_named(one.position)}")
        result.unexpected.extend(
            f"{_named(one.position)}: expected {one.expect}, was dead_lettered:{reason}"
            for reason in sorted(set(reasons))
            if one.expect != f"dead_lettered:{reason}"
        )
    for event_id, times in sorted(taken.items()):
        if event_id not in to_accept:
            result.unexpected.append(f"event {event_id}: accepted")
        elif times > to_accept[event_id]:
            result.duplicates.append(f"event {event_id}: accepted {times} times")
    known = {one.position for one in produced}
    result.unexpected.extend(f"letter of {_named(place)}: never produced" for place in sorted(dead.keys() - known))
    return result


def read_letters(bootstrap_servers: str, topic: str) -> list[ReadLetter]:
    """Everything that can be read of the topic now, partition by partition; nothing if there is no such topic."""
    return [_letter(message) for message in read_topic(bootstrap_servers, topic)]


def read_topic(bootstrap_servers: str, topic: str) -> list[Message]:
    """All messages up to each partition's end, without aborted ones, in the order of each partition."""
    client = _client(bootstrap_servers)
    try:
        unfinished = {place.partition for place in _partitions(client, topic)}
        client.assign([TopicPartition(topic, partition, 0) for partition in unfinished])
        messages: list[Message] = []

        def is_at_the_end() -> bool:
            for message in client.consume(500, 0.05):  # waits that long unless so many come
                error = message.error()
                if error is None:
                    messages.append(message)
                elif error.code() == KafkaError._PARTITION_EOF:
                    unfinished.discard(message.partition())
                else:
                    raise KafkaException(error)
            return not unfinished

        eventually(is_at_the_end, within_s=ANSWER_WITHIN_S, what=lambda: f"the end of {topic}{sorted(unfinished)}")
        return sorted(messages, key=lambda message: (message.partition() or 0, message.offset() or 0))
    finally:
        client.close()


def end_offsets(bootstrap_servers: str, topic: str) -> dict[int, int]:
    """Partition → offset that the next message will get."""
    client = _client(bootstrap_servers)
    try:
        ends = {}
        for place in _partitions(client, topic):
            answer = client.get_watermark_offsets(place, timeout=ANSWER_WITHIN_S)
            ends[place.partition] = answer[1]
        return ends
    finally:
        client.close()


def committed_offsets(bootstrap_servers: str, group: str, topic: str) -> dict[int, int]:
    """Partition → committed offset, without those that have none."""
    client = _client(bootstrap_servers, group)
    try:
        answers = client.committed(_partitions(client, topic), timeout=ANSWER_WITHIN_S)
        if failed := [answer for answer in answers if answer.error]:
            raise KafkaException(failed[0].error)
        return {answer.partition: answer.offset for answer in answers if answer.offset >= 0}
    finally:
        client.close()


def _client(bootstrap_servers: str, group: str = "ledger") -> Consumer:
    return Consumer(
        {
            "bootstrap.servers": bootstrap_servers,
            "group.id": group,
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "auto.offset.reset": "earliest",
            "isolation.level": "read_committed",
            "fetch.wait.max.ms": 10,
            "log_level": 2,
        }
    )


def _partitions(client: Consumer, topic: str) -> list[TopicPartition]:
    """None of a topic that does not exist. All topics are asked for: asking for one may create it."""
    found = client.list_topics(timeout=ANSWER_WITHIN_S).topics.get(topic)
    return [TopicPartition(topic, partition) for partition in sorted(found.partitions)] if found else []


def _letter(message: Message) -> ReadLetter:
    headers: list[tuple[str, bytes | None]] = list(message.headers() or [])  # type: ignore[arg-type]  # typed for sending
    why = {name.removeprefix(PREFIX): (content or b"").decode() for name, content in headers if name.startswith(PREFIX)}
    others = tuple((name, content) for name, content in headers if not name.startswith(PREFIX))
    topic, partition, offset = message.topic(), message.partition(), message.offset()
    assert topic is not None
    assert partition is not None
    assert offset is not None
    return ReadLetter(topic, partition, offset, message.key(), message.value(), others, why)


def _whole_lines(file: Path) -> list[dict[str, Any]]:
    if not file.exists():
        return []
    text = file.read_text(encoding="utf-8")
    return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]


def _named(position: Position) -> str:
    topic, partition, offset = position
    return f"{topic}[{partition}]@{offset}"
