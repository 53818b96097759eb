"""Where reading starts, and offsets that hold no record: retention, compaction, transactions."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from confluent_kafka import Producer

from tests.harness.cluster import Cluster, RealCluster
from tests.harness.ledger import Settlement, read_topic
from tests.harness.processes import Children, eventually
from tests.harness.world import World, stop


@pytest.fixture
def world(cluster: Cluster, children: Children, tmp_path: Path) -> Iterator[World]:
    with World(cluster, children, tmp_path, latency_ms="5-20") as world:
        yield world


@pytest.fixture
def real_world(real_kafka: RealCluster, children: Children, tmp_path: Path) -> Iterator[World]:
    with World(real_kafka, children, tmp_path, latency_ms="5-20") as world:
        yield world


def to_accept(world: World) -> set[str | None]:
    return {line.event_id for line in world.manifest() if line.expect == "accepted"}


def test_a_partition_without_a_commit_starts_at_the_end_if_told_so(world: World) -> None:
    world.produce("orders", 100, seed=1)
    before = to_accept(world)
    consumer = world.consumer(kafka__start_at="latest")
    # The start itself is committed, or records that come while nobody reads would never be read.
    world.wait_until_committed_to_the_end(consumer)
    stop(consumer)
    world.produce("orders", 100, seed=2)

    second = world.consumer("second", kafka__start_at="latest")
    world.wait_until_committed_to_the_end(second)
    stop(second)

    accepted = {event.event_id for event in world.record()}
    assert not accepted & before
    assert accepted == to_accept(world) - before


def test_a_partition_without_a_commit_starts_at_a_time(real_world: World) -> None:
    world = real_world
    world.produce("orders", 60, seed=1)
    before = to_accept(world)
    since = datetime.now(UTC)
    world.produce("orders", 60, seed=2)
    consumer = world.consumer(kafka__start_at=since.isoformat())

    world.wait_until_committed_to_the_end(consumer)
    stop(consumer)

    accepted = {event.event_id for event in world.record()}
    assert accepted == to_accept(world) - before


def test_records_that_retention_took_are_counted_and_reading_goes_on(world: World) -> None:
    world.produce("orders", 60, seed=1)
    consumer = world.consumer()
    world.wait_until_committed_to_the_end(consumer)
    stop(consumer)
    world.produce("orders", 300, seed=2)
    topic = world.topics["orders"]
    committed = world.committed()[topic, 0]

    world.cluster.delete_records(topic, 0, committed + 20)
    second = world.consumer("second")
    world.wait_until_committed_to_the_end(second)
    ledger = stop(second)

    assert ledger["balanced"]
    assert ledger["partitions"][f"{topic}[0]"]["expired"] == 20
    assert ledger["total"]["gaps"] == 0
    assert '"records_expired"' in second.stderr()
    lost = {line.position for line in world.settlement().lost}
    assert lost
    assert all(committed <= offset < committed + 20 for lost_topic, _, offset in lost if lost_topic == topic)


def test_the_commit_reaches_the_end_across_aborted_transactions(real_world: World) -> None:
    world = real_world
    world.produce("orders", 50)
    topic = world.topics["orders"]
    transactional = Producer({"bootstrap.servers": world.cluster.bootstrap_servers, "transactional.id": topic})
    transactional.init_transactions(20)
    for value in (b"never to be seen", b"nor this"):
        transactional.begin_transaction()
        for partition in range(3):
            transactional.produce(topic, value, partition=partition)
        assert transactional.flush(20) == 0  # or the abort would drop what was not sent yet
        transactional.abort_transaction(20)
    # The markers are written after the abort was answered: per partition two aborted records and two markers.
    eventually(lambda: sum(world.ends().values()) == 50 + 3 * 4, within_s=20, what="the transactions' markers")
    world.more_of_topics["transactional"] = True
    consumer = world.consumer()

    world.wait_until_committed_to_the_end(consumer)
    ledger = stop(consumer)

    assert world.settlement() == Settlement()
    assert ledger["balanced"]
    assert ledger["total"]["consumed"] == 50
    assert ledger["total"]["gaps"] == 3 * 4
    assert ledger["missing_offsets"] == {}


def test_the_commit_reaches_the_end_across_the_holes_of_compaction(
    real_kafka: RealCluster, children: Children, tmp_path: Path
) -> None:
    compacting = {
        "cleanup.policy": "compact",
        "segment.ms": "100",
        "min.cleanable.dirty.ratio": "0.01",
        "max.compaction.lag.ms": "100",
        "delete.retention.ms": "100",
    }
    with World(real_kafka, children, tmp_path, latency_ms="5-20", topic_settings=compacting) as world:
        world.produce("orders", 200, seed=1)
        written = sum(world.ends().values())
        world.produce("orders", 200, seed=1)  # the same keys again
        topic = world.topics["orders"]

        def has_holes() -> bool:
            filler = Producer({"bootstrap.servers": world.cluster.bootstrap_servers})
            for partition in range(3):
                filler.produce(topic, None, key=b"filler", partition=partition)  # rolls the segment
            filler.flush()
            return len(read_topic(world.cluster.bootstrap_servers, topic)) < sum(world.ends().values()) - written // 4

        eventually(has_holes, within_s=90, what="compaction", every_s=1.0)
        consumer = world.consumer()

        world.wait_until_committed_to_the_end(consumer)
        ledger = stop(consumer)

    assert ledger["balanced"]
    assert ledger["total"]["gaps"] > 0
    assert ledger["missing_offsets"] == {}
    assert ledger["total"]["consumed"] + ledger["total"]["gaps"] == sum(world.ends().values())
