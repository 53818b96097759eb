"""Members come and go while batches are in flight: under every protocol, nothing is lost and nothing repeated."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.cluster import Cluster
from tests.harness.ledger import Settlement
from tests.harness.processes import Child, Children
from tests.harness.world import World, premature_commits, stop

COOPERATIVE = {"kafka__assignment_strategy": "cooperative-sticky"}
EAGER = {"kafka__assignment_strategy": "range"}
KIP_848 = {"kafka__group_protocol": "consumer"}


@pytest.fixture
def world(cluster: Cluster, children: Children, tmp_path: Path) -> Iterator[World]:
    with World(cluster, children, tmp_path) as world:
        yield world


def owned(consumer: Child) -> int:
    """How many partitions it says it owns, by its last word about it."""
    counts = [json.loads(line)["owned"] for line in consumer.stderr().splitlines() if '"owned"' in line]
    return int(counts[-1]) if counts else 0


@pytest.mark.parametrize(
    "protocol",
    [
        pytest.param(COOPERATIVE, id="cooperative"),
        pytest.param(EAGER, id="eager"),
        pytest.param(KIP_848, id="kip848"),
    ],
)
def test_members_join_and_leave_with_requests_in_flight(world: World, protocol: dict[str, str]) -> None:
    world.produce("orders", 2_500)
    world.produce("visits", 2_500)
    slowly: dict[str, object] = {**protocol, "delivery__max_in_flight": 2, "batch__max_events": 40}
    with world.watcher() as watcher:
        first = world.consumer("first", **slowly)
        world.wait_for_a_hole(first)
        second = world.consumer("second", **slowly)
        second.wait_until(lambda: owned(second) > 0, within_s=30, what="partitions for the second")
        third = world.consumer("third", **slowly)
        third.wait_until(lambda: owned(third) > 0, within_s=30, what="partitions for the third")

        world.wait_for_a_hole(second)
        ledgers = [stop(first)]
        world.wait_for_a_hole(third)
        ledgers.append(stop(second))
        world.wait_until_committed_to_the_end(third)
        ledgers.append(stop(third))

    found = world.settlement()
    assert found.lost == []
    assert found.unexpected == []
    assert all(ledger["balanced"] for ledger in ledgers)
    assert premature_commits(watcher.commits, world.manifest(), world.record(), world.letters()) == []
    # Apache Kafka takes commits until the members have joined again; the embedded broker refuses them from the first
    # word of a classic rebalance on, so there a little is repeated.
    if protocol is KIP_848 or world.cluster.supports_eager_commit_in_rebalance:
        assert found.duplicates == []


def test_a_static_member_that_restarts_moves_no_partitions(world: World) -> None:
    session: dict[str, object] = {"properties": {"session.timeout.ms": 8_000}}
    first = world.consumer("first", kafka__instance_id="pod-0", **session)
    second = world.consumer("second", kafka__instance_id="pod-1", **session)
    first.wait_until(lambda: owned(first) == 3 and owned(second) == 3, within_s=60, what="three partitions each")
    assert "partitions_revoked" not in second.stderr()
    world.produce("orders", 400)

    stop(first)
    again = world.consumer("again", kafka__instance_id="pod-0", **session)
    again.wait_until(lambda: owned(again) == 3, within_s=30, what="the same three partitions")

    world.wait_until_committed_to_the_end(again, second)
    assert "partitions_revoked" not in second.stderr()
    assert owned(second) == 3
    stop(again)
    stop(second)
    assert world.settlement() == Settlement()


def test_a_frozen_member_loses_its_partitions_and_commits_nothing_when_it_wakes(world: World) -> None:
    world.produce("orders", 1_000)
    settings: dict[str, object] = {"properties": {"session.timeout.ms": 3_000, "max.poll.interval.ms": 3_000}}
    with world.watcher() as watcher:
        frozen = world.consumer("frozen", **settings)
        world.wait_for_a_hole(frozen)
        frozen.send(signal.SIGSTOP)
        other = world.consumer("other", **settings)
        world.wait_until_committed_to_the_end(other)

        frozen.send(signal.SIGCONT)
        frozen.wait_for_output("partitions_lost", within_s=30)
        stop(frozen)
        stop(other)

    found = world.settlement()
    assert found.lost == []
    assert found.unexpected == []
    assert premature_commits(watcher.commits, world.manifest(), world.record(), world.letters()) == []
    for topic, partition in world.ends():
        offsets = [commit.offset for commit in watcher.commits_of(topic, partition)]
        assert offsets == sorted(offsets), "a commit went back"
