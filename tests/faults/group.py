"""A running consumer group of some replicas, and what became of its records while something was done to it."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count as numbers
from pathlib import Path
from typing import Any

from confluent_kafka.admin import AdminClient

from consumer.stages.offsets import SettledMap
from tests.faults.samples import write
from tests.harness.cluster import QUIET, Cluster, unique
from tests.harness.ledger import AcceptedEvent, Produced
from tests.harness.processes import Child, Children, eventually
from tests.harness.watcher import Commit, Watcher
from tests.harness.world import World, has_hole, premature_commits, stop

COOPERATIVE = "cooperative"
EAGER = "eager"
KIP_848 = "KIP-848"
PROTOCOLS: dict[str, dict[str, object]] = {
    COOPERATIVE: {"kafka__assignment_strategy": "cooperative-sticky"},
    EAGER: {"kafka__assignment_strategy": "range"},
    KIP_848: {"kafka__group_protocol": "consumer"},
}
"""How a group may share its partitions, by the names that docs/delivery.md gives them."""

REPLICAS = (1, 3)
PARTITIONS = 6
"""Three of each topic."""
OFFSETS_PARTITIONS = 4
"""`offsets.topic.num.partitions` of the harness's brokers."""
CLOSED = {"kind": "status", "status": 503}
SLOW = {"kind": "delay", "ms": 2_000}
LOOK_EVERY_S = 0.1
SETTLED_WITHIN_S = 120.0


TIMEOUT_S = 11.0
SESSION_S = 5.0
"""Long enough for a machine that has many processes to start; under KIP-848 the harness's brokers say 3 s."""
POLL_INTERVAL_MS = 9_000
SLOWLY: dict[str, object] = {
    "delivery__max_in_flight": 4,
    "batch__max_events": 10,
    "delivery__request_timeout_s": TIMEOUT_S,
    "shutdown__drain_s": 13,
    "delivery__retry_cap_s": 0.5,
    "properties": {"session.timeout.ms": int(SESSION_S * 1_000), "max.poll.interval.ms": POLL_INTERVAL_MS},
}
"""Small batches, few at a time: for seconds there is something in flight, and something else is not sent yet."""


@dataclass(frozen=True, slots=True)
class Proof:
    """What was seen from outside between writing some records and their last commit."""

    lost: list[Produced]
    repeats: list[str]
    """Accepted, or dead-lettered, more often than they should; only what was not so before."""
    unexpected: list[str]
    premature: list[str]
    """Commits that had passed a record before its outcome."""
    repeats_of_committed: list[str]
    """Events that were sent once more after a commit, seen before the fault, had covered them."""
    went_back: list[str]
    """Partitions whose committed offset went down."""
    unbalanced: list[str]
    """Replicas whose ledger does not balance."""
    written: list[Produced]
    """What this is about."""

    def given_up(self, reason: str | None, is_struck: Callable[[Produced], bool]) -> list[str]:
        """The outcomes of events that were to be accepted, and must have been dead-lettered for this reason."""
        return [
            f"{line.topic}[{line.partition}]@{line.offset}: expected accepted, was dead_lettered:{reason}"
            for line in self.written
            if reason is not None and line.expect == "accepted" and is_struck(line)
        ]

    def holds(self, *, repeats: int = 0, given_up: Iterable[str] = (), may_go_back: bool = False) -> None:
        """Fail unless nothing was lost, no more than so many were repeated, and just these were dead-lettered besides.

        Args:
            repeats: Most events that Pinterest may have got twice.
            given_up: Outcomes other than the manifest's, as `given_up` tells them.
            may_go_back: Has somebody else set the offsets?
        """
        assert self.lost == []
        assert sorted(self.unexpected) == sorted(given_up)
        assert self.premature == []
        assert self.repeats_of_committed == []
        assert len(self.repeats) <= repeats, self.repeats
        assert self.unbalanced == []
        assert may_go_back or self.went_back == []


@dataclass
class Group:
    """Replicas of one consumer group in a world of their own.

    Args:
        world: Topics, registry, emulator.
        protocol: One of `PROTOCOLS`.
    """

    world: World
    protocol: str = COOPERATIVE
    replicas: list[Child] = field(default_factory=list)
    slice: list[Produced] = field(default_factory=list)
    """What was written last."""
    struck_at: float = 0.0
    _started: int = 0
    _watcher: Watcher | None = None
    _before: tuple[frozenset[str], frozenset[str]] = (frozenset(), frozenset())

    def start(self, **settings: object) -> Child:
        """One replica more; returns once it has begun."""
        self._started += 1
        chosen = {**SLOWLY, **PROTOCOLS[self.protocol], **settings}
        replica = self.world.consumer(f"replica-{self._started}", **chosen)
        self.replicas.append(replica)
        return replica

    def replace(self, replica: Child, **settings: object) -> Child:
        """End one in good order, and start another in its place."""
        self.replicas.remove(replica)
        assert stop(replica)["balanced"]
        return self.start(**settings)

    def has_settled_down(self) -> bool:
        """Every partition has its owner, and every replica a partition."""
        shares = [owned(replica) for replica in self.replicas]
        return sum(shares) == PARTITIONS and all(shares)

    def write(self, count: int) -> None:
        self.slice = [*write(self.world, "orders", count // 2), *write(self.world, "visits", count // 2)]

    # --- the awkward moment --------------------------------------------------------------------------------

    def is_at_an_awkward_moment(self) -> bool:
        """Are requests under way, and is something of what was written last accepted above something that is not?"""
        if not self.world.emulator_stats()["in_flight"]:
            return False
        wanted = {line.event_id: line for line in self.slice if line.expect == "accepted"}
        accepted = {wanted[e.event_id].position for e in self.world.record() if e.event_id in wanted}
        partitions = {line.position[:2] for line in wanted.values()}
        return any(has_hole(partition, wanted.values(), accepted) for partition in partitions)

    def busiest(self) -> Child:
        """The replica that has most in hand."""
        return max(self.replicas, key=lambda child: self.world.metric(child, "pinterest_conversions_events_in_hand"))

    def one_with_records_in_hand(self) -> Child:
        """A replica to do something to."""
        self.struck_at = time.time()
        return self.busiest()

    # --- from outside --------------------------------------------------------------------------------------

    def wait_until_members_are(self, count: int) -> None:
        """By the word of the broker: it expels a member that is silent for longer than its session."""
        client = AdminClient({"bootstrap.servers": self.world.cluster.bootstrap_servers, **QUIET})
        seen: list[int] = []

        def are_so_many() -> bool:
            answer = client.describe_consumer_groups([self.world.group], request_timeout=20)[self.world.group]
            seen.append(len(answer.result(20).members))
            return seen[-1] == count

        eventually(are_so_many, within_s=30, what=lambda: f"{count} members, not {seen[-1]}", every_s=LOOK_EVERY_S)

    def watch(self) -> None:
        """From now on until `proof`."""
        partitions = [(topic, partition) for topic in self.world.topics.values() for partition in range(3)]
        self._watcher = Watcher(
            self.world.cluster.bootstrap_servers, self.world.group, partitions, every_s=LOOK_EVERY_S
        )
        self._watcher.__enter__()
        found = self.world.settlement()
        self._before = frozenset(found.duplicates), frozenset(found.unexpected)

    def has_committed_all(self) -> bool:
        assert self._watcher is not None
        for replica in self.replicas:
            assert replica.exit_code is None, replica.tail()
        reached = {(commit.topic, commit.partition): commit.offset for commit in self._watcher.commits}
        return reached.items() >= {key: end for key, end in self.ends().items() if end}.items()

    def ends(self) -> dict[tuple[str, int], int]:
        ends: dict[tuple[str, int], int] = {}
        for line in self.world.manifest():
            ends[line.position[:2]] = max(ends.get(line.position[:2], 0), line.offset + 1)
        return ends

    def proof(self) -> Proof:
        """Stop watching, and judge."""
        assert self._watcher is not None
        self._watcher.__exit__(None, None, None)
        commits, self._watcher = self._watcher.commits, None
        manifest, record, letters = self.world.manifest(), self.world.record(), self.world.letters()
        found = self.world.settlement()
        earlier = [commit for commit in commits if commit.seen_at <= self.struck_at]
        return Proof(
            lost=found.lost,
            repeats=[said for said in found.duplicates if said not in self._before[0]],
            unexpected=[said for said in found.unexpected if said not in self._before[1]],
            premature=premature_commits(commits, manifest, record, letters),
            repeats_of_committed=_sent_after_their_commit(earlier, self.slice, record),
            went_back=_went_back(commits),
            unbalanced=[replica.name for replica in self.replicas if not self.ledger(replica)["balanced"]],
            written=self.slice,
        )

    def ledger(self, replica: Child) -> dict[str, Any]:
        ledger: dict[str, Any] = json.loads(self.world.page(replica, "/ledger"))
        return ledger


def owned(replica: Child) -> int:
    """How many partitions it says it owns, by its last word about it."""
    counts = [json.loads(line)["owned"] for line in replica.stderr().splitlines() if '"owned"' in line]
    return int(counts[-1]) if counts else 0


@contextmanager
def a_group(cluster: Cluster, folder: Path, protocol: str, replicas: int) -> Iterator[Group]:
    """A group whose replicas have begun, but may not have found each other yet. All of it ends with the block."""
    group_id = a_name_of_the_first_coordinator()
    with (
        Children(folder) as children,
        World(cluster, children, folder, latency_ms="200-700", group=group_id) as world,
    ):
        group = Group(world, protocol)
        for _ in range(replicas):
            group.start()
        yield group


def a_name_of_the_first_coordinator() -> str:
    """All groups have the same coordinator: what befalls it befalls them all.

    Source: Apache Kafka, `GroupCoordinator.partitionFor`: Java's hash of the group's name, by partitions.
    """
    names = (unique("conversions") for _ in numbers())
    return next(name for name in names if _java_hash(name) % OFFSETS_PARTITIONS == 0)


def _java_hash(text: str) -> int:
    """Of the last bits alone, which is all that a remainder by a power of two asks for."""
    hashed = 0
    for letter in text:
        hashed = (31 * hashed + ord(letter)) & 0x7FFF_FFFF
    return hashed


def bring_to_an_awkward_moment(groups: Iterable[Group], *, count: int) -> None:
    """Write to all of them, and return while all have requests under way and holes at the same time."""
    groups = list(groups)
    for group in groups:
        group.world.set_faults(CLOSED)  # or the first would be through before the last begins
    begin(groups, count=count)
    for group in groups:
        group.world.set_faults(SLOW)
    wait_for_all(Group.is_at_an_awkward_moment, groups, what="a hole with requests in flight, in every group at once")
    for group in groups:
        group.world.set_faults()


def begin(groups: Iterable[Group], *, count: int) -> None:
    """Watch all of them, and write to them."""
    groups = list(groups)
    wait_for_all(Group.has_settled_down, groups, what="an owner for every partition")
    for group in groups:
        group.watch()
    for group in groups:
        group.write(count)


def wait_until_committed(groups: Iterable[Group]) -> None:
    wait_for_all(Group.has_committed_all, list(groups), what="commits at the ends")


def wait_for_all(condition: Callable[[Group], bool], groups: list[Group], *, what: str) -> None:
    def told() -> str:
        late = [group for group in groups if not condition(group)]
        tails = (replica.tail(12) for group in late for replica in group.replicas)
        return f"{what}: not in {[f'{g.protocol}, {len(g.replicas)}' for g in late]}; " + "\n".join(tails)

    eventually(lambda: all(map(condition, groups)), within_s=SETTLED_WITHIN_S, what=told, every_s=LOOK_EVERY_S)


def _sent_after_their_commit(
    commits: Iterable[Commit], written: Iterable[Produced], record: Iterable[AcceptedEvent]
) -> list[str]:
    """What came twice before it was committed is none of it: its first answer may have been lost."""
    times = Counter(line.event_id for line in written)
    waiting = {line.position: line for line in written if line.expect == "accepted" and times[line.event_id] == 1}
    covered_at: dict[str | None, float] = {}
    for commit in commits:
        settled = SettledMap.decode(commit.metadata, commit.offset)
        ranges = (range(commit.offset), *(settled.ranges if settled else ()))
        for position, line in waiting.items():
            if position[:2] == (commit.topic, commit.partition) and any(line.offset in each for each in ranges):
                covered_at.setdefault(line.event_id, commit.seen_at)
    return [
        f"{event.event_id} at {event.received_at}"
        for event in record
        if float(event.received_at) > covered_at.get(event.event_id, float("inf"))
    ]


def _went_back(commits: Iterable[Commit]) -> list[str]:
    last: dict[tuple[str, int], int] = {}
    found = []
    for commit in commits:
        key = (commit.topic, commit.partition)
        if commit.offset < last.get(key, 0):
            found.append(f"{commit} after {last[key]}")
        last[key] = commit.offset
    return found


Stand = dict[tuple[str, int], Group]
"""Groups by protocol and number of replicas."""


Proofs = dict[tuple[str, int], Proof]


class Once:
    """What is done to many groups at once and looked at by many tests: the first does it, and all see how it ended."""

    def __init__(self) -> None:
        self._found: dict[str, Proofs] = {}
        self._failed: dict[str, Exception] = {}

    def proofs(self, name: str, find: Callable[[], Proofs]) -> Proofs:
        if failure := self._failed.get(name):
            raise AssertionError(f"{name} failed already, see the first test of it") from failure
        if name not in self._found:
            try:
                self._found[name] = find()
            except Exception as failure:
                self._failed[name] = failure
                raise
        return self._found[name]
