"""Everything around a consumer under test: brokers, registry, emulator, sample records, and a view from outside."""

from __future__ import annotations

import json
import signal
import urllib.request
from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import takewhile
from pathlib import Path
from types import TracebackType
from typing import Any

from consumer.demo.registry import EmbeddedRegistry
from consumer.stages.offsets import SettledMap
from tests.harness.cluster import FAST_GROUP, Cluster, unique
from tests.harness.ledger import (
    AcceptedEvent,
    Position,
    Produced,
    ReadLetter,
    Settlement,
    committed_offsets,
    end_offsets,
    read_letters,
    read_manifest,
    read_record,
    settlement,
)
from tests.harness.processes import Child, Children, eventually, free_port
from tests.harness.watcher import Commit, Watcher

PARTITIONS = 3


class World:
    """Two topics, a group of its own, and an emulator that takes its time.

    Args:
        cluster: Embedded or real.
        children: Ends what is started here.
        folder: For manifests and records.
        latency_ms: Of the emulator: long enough that batches are in flight when something happens.
        accounts: Merchants, each with an ad account.
        partitions: Of each topic.
        topic_settings: Of the two topics, where the cluster has such.
        has_dead_letter_topic: Create it at once?
        group: Name of the consumer group, where it matters.
    """

    def __init__(
        self,
        cluster: Cluster,
        children: Children,
        folder: Path,
        *,
        latency_ms: str = "100-400",
        accounts: int = 5,
        partitions: int = PARTITIONS,
        topic_settings: Mapping[str, str] | None = None,
        has_dead_letter_topic: bool = True,
        group: str | None = None,
    ) -> None:
        self.cluster = cluster
        self.group = group or unique("conversions")
        self.topics = {"orders": unique("orders"), "visits": unique("visits")}
        self.dead_letter_topic = f"{self.group}.dead-letter"
        self.more_of_topics: dict[str, object] = {}
        """Further keys of each topic in the consumer's configuration."""
        self.accounts = {f"merchant-{n}": f"5497{n:014}" for n in range(1, accounts + 1)}
        self._partitions = partitions
        self._children = children
        self._folder = folder
        self._latency_ms = latency_ms
        self._config = folder / "config.yaml"
        self._record = folder / "accepted.jsonl"
        self._manifests: list[Path] = []
        self.registry = EmbeddedRegistry()
        self._api = ""
        for topic in self.topics.values():
            cluster.create_topic(topic, partitions, topic_settings)
        if has_dead_letter_topic:
            self.create_dead_letter_topic()

    def create_dead_letter_topic(self, settings: Mapping[str, str] | None = None) -> None:
        self.cluster.create_topic(self.dead_letter_topic, 1, settings)

    def __enter__(self) -> World:
        self.registry.__enter__()
        self.start_emulator()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.registry.__exit__(kind, error, trace)

    # --- the cast ------------------------------------------------------------------------------------------

    def start_emulator(self) -> Child:
        port = free_port()
        self._api = f"http://127.0.0.1:{port}"
        emulator = self._children.consumer(
            "emulator",
            *("emulator", "--port", str(port), "--record", str(self._record), "--latency-ms", self._latency_ms),
        )
        emulator.wait_for_output("emulator listening", within_s=60)
        return emulator

    def environment(self, **settings: object) -> dict[str, str]:
        """Settings of a consumer of this world; `kafka__start_at="latest"` and the like change or add some."""
        properties = {**self.cluster.fetching, **FAST_GROUP, **dict(settings.pop("properties", None) or {})}  # type: ignore[call-overload]
        if settings.get("kafka__group_protocol") == "consumer":
            properties = {name: value for name, value in properties.items() if name not in FAST_GROUP}
        given: dict[str, object] = {
            "kafka__bootstrap_servers": self.cluster.bootstrap_servers,
            "kafka__group_id": self.group,
            "kafka__properties": properties,
            "schema_registry__url": self.registry.url,
            "pinterest__base_url": f"{self._api}/v5",
            "pinterest__access_token": "a-token-for-tests",
            "dedup__browser_tag": "present",
            "routing__table": self.accounts,
            "batch__max_events": 50,
            "batch__linger_s": 0.1,
            "delivery__retry_base_s": 0.05,
            "delivery__hold_probe_s": 0.2,
            "health__host": "127.0.0.1",
            "health__port": 0,
            **settings,
        }
        topics = {
            name: {"mapping": kind.removesuffix("s"), **self.more_of_topics} for kind, name in self.topics.items()
        }
        self._config.write_text(json.dumps({"topics": topics}), encoding="utf-8")  # JSON is YAML
        return {"CONVERSIONS_CONFIG": str(self._config)} | {
            f"CONVERSIONS_{name.upper()}": json.dumps(value) if isinstance(value, (dict, list)) else str(value)
            for name, value in given.items()
        }

    def consumer(self, name: str = "consumer", **settings: object) -> Child:
        """Start a consumer and wait until it has begun."""
        child = self._children.consumer(name, "run", environment=self.environment(**settings))
        child.wait_for_output("started", within_s=60)
        return child

    def produce(self, kind: str, count: int, *, seed: int = 1) -> None:
        """Write sample records; returns once the brokers have them."""
        manifest = self.new_manifest(f"{kind}-{seed}")
        producer = self._children.consumer(
            f"produce-{manifest.stem}",
            *("produce", "--topic", self.topics[kind], "--count", str(count), "--seed", str(seed)),
            *("--accounts", str(len(self.accounts)), "--manifest", str(manifest), "--allow-remote"),
            environment=self.environment(),
        )
        assert producer.wait(within_s=120) == 0, producer.tail()

    def new_manifest(self, name: str) -> Path:
        """Where a producer is to note what it writes; what stands there counts as produced."""
        manifest = self._folder / f"{name}-{len(self._manifests)}.manifest"
        self._manifests.append(manifest)
        return manifest

    def set_faults(self, *faults: Mapping[str, Any]) -> None:
        """From now on the emulator misbehaves like this, and not as before."""
        request = urllib.request.Request(  # noqa: S310 - the emulator's own address
            f"{self._api}/_emulator/faults", data=json.dumps(faults).encode(), method="PUT"
        )
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
            assert answer.status == 200

    def faults(self) -> list[tuple[dict[str, Any], int]]:
        """Those in force, and how many requests each has struck."""
        with urllib.request.urlopen(f"{self._api}/_emulator/faults", timeout=10) as answer:  # noqa: S310
            return [(each["fault"], each["strikes"]) for each in json.loads(answer.read())]

    def api_address(self, scheme: str = "http") -> str:
        return f"{scheme}{self._api.removeprefix('http')}/v5"

    def emulator_stats(self) -> dict[str, Any]:
        with urllib.request.urlopen(f"{self._api}/_emulator/stats", timeout=10) as answer:  # noqa: S310
            stats: dict[str, Any] = json.loads(answer.read())
            return stats

    # --- seen from outside ---------------------------------------------------------------------------------

    def manifest(self) -> list[Produced]:
        return [line for path in self._manifests for line in read_manifest(path)]

    def record(self) -> list[AcceptedEvent]:
        return read_record(self._record)

    def letters(self) -> list[ReadLetter]:
        return read_letters(self.cluster.bootstrap_servers, self.dead_letter_topic)

    def settlement(self) -> Settlement:
        return settlement(self.manifest(), self.record(), self.letters())

    def committed(self) -> dict[tuple[str, int], int]:
        return {
            (topic, partition): offset
            for topic in self.topics.values()
            for partition, offset in committed_offsets(self.cluster.bootstrap_servers, self.group, topic).items()
        }

    def ends(self) -> dict[tuple[str, int], int]:
        return {
            (topic, partition): offset
            for topic in self.topics.values()
            for partition, offset in end_offsets(self.cluster.bootstrap_servers, topic).items()
        }

    def watcher(self, *, every_s: float = 0.02) -> Watcher:
        partitions = [(topic, partition) for topic in self.topics.values() for partition in range(self._partitions)]
        return Watcher(self.cluster.bootstrap_servers, self.group, partitions, every_s=every_s)

    def page(self, consumer: Child, path: str) -> str:
        """A page of a running consumer's health port."""
        port = json.loads(next(line for line in consumer.stderr().splitlines() if '"started"' in line))["health_port"]
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
            text: str = answer.read().decode()
            return text

    def metric(self, consumer: Child, name: str) -> float:
        """The first value of a metric, scraped from a running consumer; nought if it has none yet."""
        lines = self.page(consumer, "/metrics").splitlines()
        values = (line.rpartition(" ")[2] for line in lines if line.startswith((f"{name} ", f"{name}{{")))
        return float(next(values, 0))

    # --- waiting -------------------------------------------------------------------------------------------

    def wait_until_committed_to_the_end(self, *consumers: Child, within_s: float = 60) -> None:
        ends = self.ends()

        def is_there() -> bool:
            for consumer in consumers:
                assert consumer.exit_code is None, consumer.tail()
            return self.committed() == ends

        eventually(
            is_there,
            within_s=within_s,
            what=lambda: (
                f"commits at the ends {ends}; they are at {self.committed()}; "
                + "; ".join(consumer.tail(10) for consumer in consumers)
            ),
            every_s=0.1,
        )

    def wait_for_a_hole(self, consumer: Child) -> None:
        """Until requests are in flight and something is accepted above something that is not: the awkward moment."""
        manifest = {line.event_id: line for line in self.manifest() if line.expect == "accepted"}

        def is_awkward() -> bool:
            if not self.emulator_stats()["in_flight"]:
                return False
            accepted = {manifest[e.event_id].position for e in self.record() if e.event_id in manifest}
            return any(
                has_hole(p, manifest.values(), accepted) for p in {line.position[:2] for line in manifest.values()}
            )

        consumer.wait_until(is_awkward, within_s=30, what="a hole with requests in flight")


def stop(consumer: Child) -> dict[str, Any]:
    """SIGTERM, a clean end, and the ledger it printed."""
    consumer.send(signal.SIGTERM)
    assert consumer.wait(within_s=40) == 0, consumer.tail()
    ledger: dict[str, Any] = json.loads(consumer.stdout()[consumer.stdout().index("{") :])
    return ledger


def has_hole(partition: tuple[str, int], lines: Iterable[Produced], accepted: set[Position]) -> bool:
    here = sorted(line.position for line in lines if line.position[:2] == partition)
    states = [position in accepted for position in here]
    return False in states and True in states[states.index(False) :]


def premature_commits(
    commits: Iterable[Commit],
    manifest: Iterable[Produced],
    record: Iterable[AcceptedEvent],
    letters: Iterable[ReadLetter],
) -> list[str]:
    """Commits, or maps in them, that had passed a record before it was accepted, dead-lettered or due to be skipped.

    Letters carry no time that could be compared, so one that exists at the end counts as written in time; that it is
    acknowledged first is for another test.
    """
    accepted_at: dict[str, float] = {}
    for event in record:
        accepted_at.setdefault(event.event_id, float(event.received_at))
    written = {letter.origin for letter in letters}
    # Once seen settled a record stays so: only what a commit newly covers needs to be looked at.
    unseen: dict[tuple[str, int], dict[int, Produced]] = {}
    for line in sorted(manifest, key=lambda line: line.position):
        unseen.setdefault((line.topic, line.partition), {})[line.offset] = line
    found: list[str] = []
    for commit in commits:
        waiting = unseen.get((commit.topic, commit.partition), {})
        settled_map = SettledMap.decode(commit.metadata, commit.offset)
        covered = list(takewhile(lambda offset: offset < commit.offset, waiting))  # noqa: B023 - used up at once
        covered += [
            offset for each in (settled_map.ranges if settled_map else ()) for offset in each if offset in waiting
        ]
        for line in map(waiting.pop, covered):
            is_settled = (
                line.expect.startswith("skipped:")
                or line.position in written
                or accepted_at.get(line.event_id or "", float("inf")) <= commit.seen_at
            )
            if not is_settled:
                found.append(f"{line.position} was passed by {commit}")
    return found


def repeats_of_the_committed(
    commits: Iterable[Commit],
    manifest: Iterable[Produced],
    record: Iterable[AcceptedEvent],
    letters: Iterable[ReadLetter],
) -> list[str]:
    """Records accepted or dead-lettered twice although one of these commits, or its map, had covered them."""
    last = {(commit.topic, commit.partition): commit for commit in commits}
    accepted = Counter(event.event_id for event in record)
    written = Counter(letter.origin for letter in letters)
    found: list[str] = []
    for line in manifest:
        commit = last.get((line.topic, line.partition))
        if commit is None or accepted[line.event_id or ""] + written[line.position] < 2:
            continue
        settled_map = SettledMap.decode(commit.metadata, commit.offset)
        is_mapped = settled_map is not None and any(line.offset in each for each in settled_map.ranges)
        if line.offset < commit.offset or is_mapped:
            found.append(f"{line.position} was covered by {commit}")
    return found
