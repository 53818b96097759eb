"""Finds out what became of every record, from outside the consumer: by manifest, emulator's record and dead letters."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, TopicPartition

from consumer.demo.samples import ACCEPTED

_TIMEOUT_S = 10.0

Position = tuple[str, int, int]
"""Topic, partition, offset."""


@dataclass(slots=True)
class Audit:
    """The outcome of a run. A record has exactly one of the first three outcomes, or is lost."""

    produced: int = 0
    accepted: int = 0
    skipped: int = 0
    dead_lettered: int = 0
    lost: int = 0
    """Neither accepted nor dead-lettered although it should have been, or not committed past."""
    duplicates: int = 0
    """Events accepted again, and letters written again."""
    unexpected: int = 0
    """Records whose outcome is not the one that the manifest expects."""
    batches: int = 0
    """Requests with at least one accepted event."""
    outcomes: Counter[str] = field(default_factory=Counter)
    """By what the manifest expected, of those that came out so."""


def audit(
    manifest: Iterable[dict[str, Any]],
    record: Iterable[dict[str, Any]],
    letters: Iterable[tuple[Position, str]],
    committed: dict[tuple[str, int], int],
) -> Audit:
    """Match what was produced with what arrived.

    Args:
        manifest: Lines of `conversions produce --manifest`.
        record: Lines of `conversions emulator --record`.
        letters: Original position and reason of each dead letter.
        committed: The group's offset of each partition.
    """
    result = Audit()
    arrivals: Counter[str] = Counter()
    requests: set[int] = set()
    for line in record:
        if not line["test"]:
            arrivals[line["event"]["event_id"]] += 1
            requests.add(line["request"])
    reasons: dict[Position, str] = {}
    for position, reason in letters:
        result.duplicates += position in reasons
        reasons[position] = reason
    for line in manifest:
        result.produced += 1
        expect: str = line["expect"]
        position = (line["topic"], line["partition"], line["offset"])
        if arrivals[line["event_id"]]:
            result.accepted += 1
            outcome = ACCEPTED
        elif position in reasons:
            result.dead_lettered += 1
            outcome = f"dead_lettered:{reasons[position]}"
        elif expect.startswith("skipped:") and position[2] < committed.get(position[:2], 0):
            result.skipped += 1
            outcome = expect
        else:
            result.lost += 1
            continue
        if outcome == expect:
            result.outcomes[outcome] += 1
        else:
            result.unexpected += 1
    result.duplicates += sum(count - 1 for count in arrivals.values())
    result.batches = len(requests)
    return result


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """A file of JSON lines; a last line still being written is left out."""
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            if line.endswith("\n"):
                yield json.loads(line)


def read_letters(bootstrap_servers: str, topic: str, partitions: int) -> Iterator[tuple[Position, str]]:
    """Everything in the dead-letter topic: the original position and the reason of each."""
    reader = _reader(bootstrap_servers, "letters")
    try:
        starts = [TopicPartition(topic, partition, 0) for partition in range(partitions)]
        remaining = sum(reader.get_watermark_offsets(start, timeout=_TIMEOUT_S)[1] for start in starts)
        reader.assign(starts)
        while remaining:
            for message in reader.consume(min(remaining, 1_000), _TIMEOUT_S):
                if message.error() is None:
                    remaining -= 1
                    headers = {name: str(value, "utf-8") for name, value in _headers(message) if value is not None}
                    position = (
                        headers["conversions.topic"],
                        int(headers["conversions.partition"]),
                        int(headers["conversions.offset"]),
                    )
                    yield position, headers["conversions.reason"]
    finally:
        reader.close()


def _headers(message: Any) -> list[tuple[str, bytes | None]]:
    return message.headers() or []


class Progress:
    """Asks the broker how far a group has come.

    Args:
        bootstrap_servers: Of the broker.
        group_id: The group to look at; nobody joins it.
        partitions: By topic.
    """

    def __init__(self, bootstrap_servers: str, group_id: str, partitions: dict[str, int]) -> None:
        self._reader = _reader(bootstrap_servers, group_id)
        self._partitions = [TopicPartition(topic, p) for topic, count in partitions.items() for p in range(count)]

    def committed(self) -> dict[tuple[str, int], int]:
        """The group's committed offsets; 0 where there is none."""
        answers = self._reader.committed(self._partitions, timeout=_TIMEOUT_S)
        return {(answer.topic, answer.partition): max(0, answer.offset) for answer in answers}

    def ends(self) -> dict[tuple[str, int], int]:
        """Where each partition ends."""
        return {
            (p.topic, p.partition): self._reader.get_watermark_offsets(p, timeout=_TIMEOUT_S)[1]
            for p in self._partitions
        }

    def close(self) -> None:
        """Disconnect."""
        self._reader.close()


def _reader(bootstrap_servers: str, group_id: str) -> Consumer:
    return Consumer({"bootstrap.servers": bootstrap_servers, "group.id": group_id, "enable.auto.commit": "false"})
