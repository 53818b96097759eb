"""Reads along with what others write: files of JSON lines, and the dead-letter topic."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from confluent_kafka import Consumer, KafkaException, TopicPartition

from tests.harness.ledger import PREFIX, Position

_MOST_LETTERS = 5_000


class FileTail:
    """The whole lines of a file since it was last asked; the file need not be there yet."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read_bytes = 0

    def take(self) -> Iterator[dict[str, Any]]:
        if not self._path.exists():
            return
        with self._path.open("rb") as file:
            file.seek(self._read_bytes)
            for line in file:
                if not line.endswith(b"\n"):
                    return  # still being written, or torn by a kill and to be cut off
                self._read_bytes += len(line)
                yield orjson.loads(line)


@dataclass(frozen=True, slots=True)
class SeenLetter:
    """One message of the dead-letter topic."""

    origin: Position
    reason: str
    appended_at: float
    """Unix seconds at which the broker took it; the topic must have `message.timestamp.type=LogAppendTime`."""


class LetterTail:
    """The letters since it was last asked. Brokers that are out delay them."""

    def __init__(self, bootstrap_servers: str, topic: str, partitions: int) -> None:
        self._client = Consumer(
            {
                "bootstrap.servers": bootstrap_servers,
                "group.id": "letter-tail",
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "log_level": 2,
            }
        )
        self._partitions = [TopicPartition(topic, partition, 0) for partition in range(partitions)]
        self._client.assign(self._partitions)

    def take(self) -> Iterator[SeenLetter]:
        for message in self._client.consume(_MOST_LETTERS, 0.0):
            if (error := message.error()) is not None:
                if error.fatal():
                    raise KafkaException(error)
                continue
            listed: Any = message.headers()
            headers = {name: (value or b"").decode() for name, value in listed if name.startswith(PREFIX)}
            origin = (headers[f"{PREFIX}topic"], int(headers[f"{PREFIX}partition"]), int(headers[f"{PREFIX}offset"]))
            yield SeenLetter(origin, headers[f"{PREFIX}reason"], message.timestamp()[1] / 1_000)

    def is_at_the_end(self) -> bool:
        """Has everything been taken that is in the topic now?"""
        try:
            ends = [self._client.get_watermark_offsets(each, timeout=5)[1] for each in self._partitions]
            places = [max(place.offset, 0) for place in self._client.position(self._partitions)]
        except KafkaException:
            return False
        return places == ends

    def close(self) -> None:
        self._client.close()
