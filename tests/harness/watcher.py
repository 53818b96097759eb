"""Watches a group's commits from outside, while the consumer under test runs, with a client of its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from types import TracebackType

from confluent_kafka import Consumer, KafkaException, TopicPartition

from tests.harness.processes import eventually

ANSWER_WITHIN_S = 2.0


@dataclass(frozen=True, slots=True)
class Commit:
    """What one partition's committed offset and its metadata had become when the watcher looked."""

    topic: str
    partition: int
    offset: int
    metadata: str | None
    seen_at: float
    """Unix seconds when the answer had come: the commit is older than this, by one sample at most."""


class Watcher:
    """Samples until it leaves its `with` block, then once more. Commits between two samples go unseen.

    Any client may ask what a group committed, without joining it.
    """

    def __init__(
        self,
        bootstrap_servers: str,
        group: str,
        partitions: Iterable[tuple[str, int]],
        *,
        every_s: float = 0.02,
    ) -> None:
        self._client = Consumer({"bootstrap.servers": bootstrap_servers, "group.id": group, "log_level": 2})
        self._asked = [TopicPartition(topic, partition) for topic, partition in partitions]
        self._every_s = every_s
        self._last: dict[tuple[str, int], tuple[int, str | None]] = {}
        self._commits: list[Commit] = []
        self._samples = 0
        self._missed = 0
        self._failure: BaseException | None = None
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name=f"watcher of {group}", daemon=True)

    def __enter__(self) -> Watcher:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_over.set()
        self._thread.join()
        self._client.close()
        if self._failure is not None:
            raise self._failure

    @property
    def commits(self) -> list[Commit]:
        """Every change seen so far, in the order seen; each partition's first sight of a commit included."""
        return list(self._commits)

    def take(self) -> list[Commit]:
        """The changes seen since it was last asked, which are forgotten: for runs too long to keep them all."""
        taken = list(self._commits)
        del self._commits[: len(taken)]  # others may have been added at the end meanwhile
        return taken

    @property
    def samples(self) -> int:
        """How often the brokers answered."""
        return self._samples

    @property
    def missed(self) -> int:
        """How often they did not, as during an outage."""
        return self._missed

    def commits_of(self, topic: str, partition: int) -> list[Commit]:
        return [seen for seen in self.commits if (seen.topic, seen.partition) == (topic, partition)]

    def wait_for(self, topic: str, partition: int, offset: int, *, within_s: float) -> Commit:
        """The first commit seen of this partition at or beyond `offset`."""
        return eventually(
            lambda: next((seen for seen in self.commits_of(topic, partition) if seen.offset >= offset), None),
            within_s=within_s,
            what=lambda: f"a commit of {topic}[{partition}] at {offset}; seen: {self.commits_of(topic, partition)}",
        )

    def _watch(self) -> None:
        try:
            while not self._is_over.wait(self._every_s):
                self._sample()
            self._sample()
        except BaseException as failure:  # noqa: BLE001 - raised again where the test can see it
            self._failure = failure

    def _sample(self) -> None:
        try:
            answers = self._client.committed(self._asked, timeout=ANSWER_WITHIN_S)
        except KafkaException:
            self._missed += 1
            return
        if any(answer.error for answer in answers):
            self._missed += 1
            return
        seen_at = time.time()
        self._samples += 1
        for answer in answers:
            position, now = (answer.topic, answer.partition), (answer.offset, answer.metadata)
            if answer.offset >= 0 and self._last.get(position) != now:
                self._last[position] = now
                self._commits.append(Commit(*position, *now, seen_at=seen_at))
