"""A record is settled by its letter only once the dead-letter topic has acknowledged it."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Producer

from tests.harness.cluster import Cluster, RealCluster
from tests.harness.ledger import Settlement
from tests.harness.processes import Children
from tests.harness.world import World, premature_commits, stop

INVALID_RECORD = 87  # Kafka protocol guide, "Error Codes"


@pytest.fixture
def world(real_kafka: RealCluster, children: Children, tmp_path: Path) -> Iterator[World]:
    with World(real_kafka, children, tmp_path, latency_ms="5-20", has_dead_letter_topic=False) as world:
        yield world


def first_failures(world: World) -> dict[tuple[str, int], int]:
    """The lowest offset of each partition that must become a letter."""
    firsts: dict[tuple[str, int], int] = {}
    for line in world.manifest():
        if line.expect.startswith("dead_lettered:"):
            place = (line.topic, line.partition)
            firsts[place] = min(line.offset, firsts.get(place, line.offset))
    return firsts


def test_without_its_topic_nothing_is_committed_past_a_failed_record(world: World) -> None:
    world.produce("orders", 300)
    firsts = first_failures(world)
    assert firsts
    with world.watcher() as watcher:
        consumer = world.consumer()
        consumer.wait_for_output("dead_letter_topic_refuses", within_s=60)
        consumer.wait_until(lambda: world.committed().items() >= firsts.items(), within_s=60, what="commits up to them")
        consumer.wait_until(
            lambda: world.metric(consumer, "pinterest_conversions_holds") > 0,
            within_s=10,
            what="the hold in the metrics",
        )

        world.create_dead_letter_topic()
        world.wait_until_committed_to_the_end(consumer)
        ledger = stop(consumer)

    before = [
        commit for commit in watcher.commits if commit.offset > firsts.get((commit.topic, commit.partition), 1 << 60)
    ]
    assert before, "the commits after the topic's creation were not seen"
    assert premature_commits(watcher.commits, world.manifest(), world.record(), world.letters()) == []
    assert world.settlement() == Settlement()
    assert ledger["balanced"]


def test_a_letter_too_large_for_its_topic_becomes_a_pointer_to_the_record(world: World) -> None:
    world.create_dead_letter_topic({"max.message.bytes": "2000"})
    topic = world.topics["orders"]
    producer = Producer({"bootstrap.servers": world.cluster.bootstrap_servers})
    producer.produce(topic, b"not avro", key=b"a small one", partition=0)
    noise = random.Random(1).randbytes(3_000)  # nothing that compression could make small
    producer.produce(topic, noise, key=b"a large one", partition=0)
    producer.produce(topic, b"not avro", key=b"long headers", partition=0, headers=[("trail", noise)])
    assert producer.flush(20) == 0
    consumer = world.consumer()

    world.wait_until_committed_to_the_end(consumer)
    stop(consumer)

    small, large, trailed = sorted(world.letters(), key=lambda letter: letter.origin)
    assert (small.value, small.why.get("value-omitted")) == (b"not avro", None)
    assert (large.key, large.value, large.why["value-omitted"]) == (b"a large one", None, "true")
    assert (large.why["topic"], large.why["partition"], large.why["offset"]) == (topic, "0", "1")
    assert (trailed.value, trailed.headers, trailed.why.get("value-omitted")) == (b"not avro", (), None)
    assert [each.why.get("headers-omitted") for each in (small, large, trailed)] == [None, None, "true"]


def test_tombstones_are_skipped_and_passed(cluster: Cluster, children: Children, tmp_path: Path) -> None:
    with World(cluster, children, tmp_path, latency_ms="5-20") as world:
        producer = Producer({"bootstrap.servers": cluster.bootstrap_servers})
        for partition in range(3):
            producer.produce(world.topics["visits"], None, key=b"somebody", partition=partition)
        assert producer.flush(20) == 0
        consumer = world.consumer()

        world.wait_until_committed_to_the_end(consumer)
        ledger = stop(consumer)

    assert ledger["total"]["skipped"] == {"tombstone": 3}
    assert world.letters() == []
