"""Partitions change hands: replicas restarted one after another, hand-overs that last too long, odd callbacks."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition

from consumer.records import Assignment, CommitPoint
from consumer.stages.source import Source
from consumer.timing import ManualClock
from consumer.watchdog import Pulse
from tests.faults.group import (
    COOPERATIVE,
    POLL_INTERVAL_MS,
    PROTOCOLS,
    REPLICAS,
    TIMEOUT_S,
    Group,
    Once,
    Proofs,
    Stand,
    a_group,
    bring_to_an_awkward_moment,
    wait_for_all,
    wait_until_committed,
)
from tests.harness.cluster import RealCluster
from tests.harness.world import stop

ONCE = Once()


# --- rolling restarts --------------------------------------------------------------------------------------


def roll(group: Group) -> None:
    """As a deployment does: each replica ends in good order, and the next waits until its successor has begun."""
    group.struck_at = time.time()
    for replica in list(group.replicas):
        group.replace(replica)


@pytest.mark.real_kafka
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_three_replicas_restarted_one_after_another_lose_nothing_and_repeat_nothing(
    stand: Stand, protocol: str
) -> None:
    ONCE.proofs("a rolling restart", lambda: suffer_a_rolling_restart(stand))[protocol, 3].holds()


def suffer_a_rolling_restart(stand: Stand) -> Proofs:
    groups = {(protocol, 3): stand[protocol, 3] for protocol in PROTOCOLS}
    bring_to_an_awkward_moment(groups.values(), count=900)
    with ThreadPoolExecutor(len(groups)) as pool:
        list(pool.map(roll, groups.values()))
    wait_until_committed(groups.values())
    return {shape: group.proof() for shape, group in groups.items()}


@pytest.mark.real_kafka
def test_three_static_replicas_restarted_one_after_another_lose_nothing_repeat_nothing_and_move_no_partition(
    real_kafka: RealCluster, tmp_path: Path
) -> None:
    pods: dict[str, object] = {"properties": {"session.timeout.ms": 30_000, "max.poll.interval.ms": 30_000}}
    with a_group(real_kafka, tmp_path, COOPERATIVE, 0) as group:
        for number in range(3):
            group.start(kafka__instance_id=f"pod-{number}", **pods)
        bring_to_an_awkward_moment([group], count=900)
        revoked = [replica.stderr().count('"partitions_revoked"') for replica in group.replicas]
        first, second, third = group.replicas

        for number, replica in enumerate((first, second)):
            group.replace(replica, kafka__instance_id=f"pod-{number}", **pods)
        wait_until_committed([group])
        proof = group.proof()
        for replica in group.replicas:
            stop(replica)

    proof.holds()
    assert third.stderr().count('"partitions_revoked"') - revoked[2] <= 1, "only its own end moves its partitions"


# --- a hand-over that lasts longer than the group waits ----------------------------------------------------


@pytest.mark.real_kafka
@pytest.mark.parametrize("replicas", REPLICAS)
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_hand_over_longer_than_the_poll_interval_loses_nothing(stand: Stand, protocol: str, replicas: int) -> None:
    """librdkafka then leaves the group by itself, in the middle of a rebalance, and reports that as it can."""
    proof = ONCE.proofs("a long hand-over", lambda: suffer_a_long_hand_over(stand))[protocol, replicas]

    proof.holds(repeats=12 * 10 * replicas)


def suffer_a_long_hand_over(stand: Stand) -> Proofs:
    slow_ms = (POLL_INTERVAL_MS + TIMEOUT_S * 1_000) / 2
    bring_to_an_awkward_moment(stand.values(), count=600)
    for group in stand.values():
        group.struck_at = time.time()
        group.world.set_faults({"kind": "delay", "ms": slow_ms, "count": 6 * len(group.replicas)})
    wait_for_all(is_slow, list(stand.values()), what="slow requests")
    with ThreadPoolExecutor(len(stand)) as pool:
        joined = list(pool.map(Group.start, stand.values()))
    wait_until_committed(stand.values())
    proofs = {shape: group.proof() for shape, group in stand.items()}
    for group, replica in zip(stand.values(), joined, strict=True):
        group.world.set_faults()
        group.replicas.remove(replica)
        stop(replica)
    return proofs


def is_slow(group: Group) -> bool:
    return all(strikes >= 2 for _, strikes in group.world.faults())


# --- callbacks, as librdkafka may make them ----------------------------------------------------------------


@dataclass
class Heard:
    """A listener that notes what it is told, and hands over as the pipeline does."""

    said: list[tuple[str, list[Assignment]]] = field(default_factory=list)
    on_revoked: Callable[[Assignment], None] = lambda _: None

    def assigned(self, assignments: list[Assignment]) -> None:
        self.said.append(("assigned", assignments))

    def revoked(self, assignments: list[Assignment]) -> None:
        self.said.append(("revoked", assignments))
        for assignment in assignments:
            self.on_revoked(assignment)

    def lost(self, assignments: list[Assignment]) -> None:
        self.said.append(("lost", assignments))


class Client:
    """librdkafka's consumer as far as callbacks call it. `refuses` is how it answers what is to be committed."""

    def __init__(self) -> None:
        self.refuses: int | None = None
        self.committed_offsets: list[int] = []
        self.assigned: list[list[int]] = []

    def committed(self, partitions: list[TopicPartition], *, timeout: float) -> list[TopicPartition]:
        del timeout
        return [TopicPartition(p.topic, p.partition, 5) for p in partitions]

    def get_watermark_offsets(self, partition: TopicPartition, *, timeout: float) -> tuple[int, int]:
        del partition, timeout
        return 0, 100

    def assign(self, partitions: list[TopicPartition]) -> None:
        self.assigned.append([p.partition for p in partitions])

    incremental_assign = assign

    def resume(self, partitions: list[TopicPartition]) -> None:
        """Nothing is paused here."""

    def store_offsets(self, *, offsets: list[TopicPartition]) -> None:
        if self.refuses is not None:
            raise KafkaException(KafkaError(self.refuses))
        self.committed_offsets += [p.offset for p in offsets]

    def commit(self, **_: Any) -> None:
        """What was stored."""


class Rig:
    def __init__(self, *, is_incremental: bool = True) -> None:
        self.client, self.heard, clock = Client(), Heard(), ManualClock()
        self.source = Source(
            {"group.id": "a-group", "log_level": 0},
            topics=["orders"],
            start_at="earliest",
            is_incremental=is_incremental,
            clock=clock,
            pulse=Pulse(clock),
        )
        self.source._consumer.close()
        self.source._consumer = cast("Any", self.client)
        self.source._listener = self.heard

    def assign(self, *partitions: int) -> list[Assignment]:
        self.source._on_assign(cast("Any", self.client), [TopicPartition("orders", p) for p in partitions])
        return self.heard.said[-1][1]

    def revoke(self, *partitions: int) -> None:
        self.source._on_revoke(cast("Any", self.client), [TopicPartition("orders", p) for p in partitions])

    def lose(self, *partitions: int) -> None:
        self.source._on_lost(cast("Any", self.client), [TopicPartition("orders", p) for p in partitions])


@pytest.mark.parametrize("is_incremental", [True, False])
def test_a_member_that_gets_nothing_is_a_member(*, is_incremental: bool) -> None:
    rig = Rig(is_incremental=is_incremental)

    rig.assign()

    rig.source._raise_failure()
    assert rig.heard.said == [("assigned", [])]
    assert rig.client.assigned == ([] if is_incremental else [[]])


def test_a_revoke_of_partitions_that_were_never_ours_tells_nobody_and_harms_nothing() -> None:
    rig = Rig()
    (ours,) = rig.assign(0)

    rig.revoke(7, 8)
    rig.lose(9)

    rig.source._raise_failure()
    assert rig.heard.said == [("assigned", [ours])]
    rig.source.commit([CommitPoint(ours, 6, "")])
    assert rig.client.committed_offsets == [6]


def test_a_loss_reported_as_a_revoke_commits_nothing_and_stops_nothing() -> None:
    rig = Rig()
    (before,) = rig.assign(0)
    rig.heard.on_revoked = lambda assignment: rig.source.commit([CommitPoint(assignment, 9, "")], is_final=True)
    rig.client.refuses = KafkaError.UNKNOWN_MEMBER_ID

    rig.revoke(0)

    rig.source._raise_failure()
    assert rig.client.committed_offsets == []
    assert rig.source.commit_failures == 1
    rig.client.refuses = None
    (after,) = rig.assign(0)
    rig.source.commit([CommitPoint(before, 9, "")])
    assert rig.client.committed_offsets == [], "the end of the old assignment is not that of the new one"
    rig.source.commit([CommitPoint(after, 7, "")])
    assert rig.client.committed_offsets == [7]


def test_a_loss_reported_by_nothing_but_a_new_assignment_is_a_loss() -> None:
    rig = Rig()
    (before,) = rig.assign(0)
    handed_over: list[Assignment] = []
    rig.heard.on_revoked = handed_over.append

    (after,) = rig.assign(0)

    rig.source._raise_failure()
    assert [said for said, _ in rig.heard.said] == ["assigned", "lost", "assigned"]
    assert handed_over == []
    rig.source.commit([CommitPoint(before, 9, "")])
    assert rig.client.committed_offsets == []
    assert after is not before


def test_after_a_loss_nothing_is_committed() -> None:
    rig = Rig()
    (ours,) = rig.assign(0)

    rig.lose(0)
    rig.source.commit([CommitPoint(ours, 9, "")], is_final=True)

    assert rig.client.committed_offsets == []
    assert [said for said, _ in rig.heard.said] == ["assigned", "lost"]
