"""What befalls topics and offsets: no topic for dead letters, a log cut short, offsets set."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from tests.faults.group import (
    COOPERATIVE,
    REPLICAS,
    Group,
    Stand,
    a_group,
    begin,
    bring_to_an_awkward_moment,
    wait_for_all,
    wait_until_committed,
)
from tests.harness.cluster import QUIET, RealCluster
from tests.harness.ledger import Settlement
from tests.harness.world import stop

pytestmark = pytest.mark.real_kafka


@pytest.fixture
def idle(real_kafka: RealCluster, tmp_path: Path) -> Iterator[Group]:
    """A group of its own, with no replica yet."""
    with a_group(real_kafka, tmp_path, COOPERATIVE, 0) as group:
        yield group


def admin(group: Group) -> AdminClient:
    return AdminClient({"bootstrap.servers": group.world.cluster.bootstrap_servers, **QUIET})


def is_refused(group: Group) -> bool:
    """Does some replica say that its letters are not taken?"""
    return any("dead_letter_topic_refuses" in replica.stderr() for replica in group.replicas)


@pytest.mark.parametrize("replicas", REPLICAS)
def test_without_a_dead_letter_topic_everything_waits_that_needs_it(idle: Group, replicas: int) -> None:
    client = admin(idle)
    client.delete_topics([idle.world.dead_letter_topic])[idle.world.dead_letter_topic].result(20)
    for _ in range(replicas):
        idle.start()
    begin([idle], count=300)
    wait_for_all(is_refused, [idle], what="a refused letter")
    idle.struck_at = time.time()

    idle.world.create_dead_letter_topic()
    wait_until_committed([idle])

    idle.proof().holds()
    for replica in idle.replicas:
        assert stop(replica)["balanced"]


@pytest.mark.parametrize("replicas", REPLICAS)
def test_records_that_vanish_from_their_topic_while_they_are_in_hand_are_delivered(stand: Stand, replicas: int) -> None:
    group = stand[COOPERATIVE, replicas]
    bring_to_an_awkward_moment([group], count=300)
    group.struck_at = time.time()

    for (topic, partition), end in group.ends().items():
        group.world.cluster.delete_records(topic, partition, end)
    wait_until_committed([group])

    group.proof().holds()


def set_offsets(group: Group, offset_of: Callable[[int], int]) -> None:
    places = [TopicPartition(*key, offset_of(end)) for key, end in group.ends().items()]
    wanted = ConsumerGroupTopicPartitions(group.world.group, places)
    client = admin(group)  # kept: the futures of one that is gone never finish
    for done in client.alter_consumer_group_offsets([wanted]).values():
        for place in done.result(20).topic_partitions:
            if place.error is not None:
                raise KafkaException(place.error)


@pytest.mark.parametrize("replicas", REPLICAS)
def test_offsets_set_by_somebody_else_while_the_group_runs_are_refused_by_the_broker(
    stand: Stand, replicas: int
) -> None:
    group = stand[COOPERATIVE, replicas]
    bring_to_an_awkward_moment([group], count=300)
    group.struck_at = time.time()

    with pytest.raises(KafkaException):
        set_offsets(group, lambda _: 0)
    by_hand = Consumer({"bootstrap.servers": group.world.cluster.bootstrap_servers, "group.id": group.world.group})
    with pytest.raises(KafkaException):
        by_hand.commit(offsets=[TopicPartition(*key, 0) for key in group.ends()], asynchronous=False)
    by_hand.close()
    wait_until_committed([group])

    group.proof().holds()


@pytest.mark.parametrize("replicas", REPLICAS)
def test_offsets_set_back_while_the_group_is_stopped_send_everything_again(idle: Group, replicas: int) -> None:
    idle.watch()
    for _ in range(replicas):
        idle.start()
    idle.write(100)
    wait_until_committed([idle])
    idle.proof().holds()
    for replica in list(idle.replicas):
        idle.replicas.remove(replica)
        stop(replica)
    once = len(idle.world.record())

    set_offsets(idle, lambda _: 0)
    for _ in range(replicas):
        idle.start()
    wait_for_all(lambda group: len(group.world.record()) >= 2 * once, [idle], what="every event once more")
    idle.watch()
    wait_until_committed([idle])

    proof = idle.proof()
    assert proof.lost == []
    assert proof.unexpected == []
    assert len(idle.world.record()) == 2 * once
    assert idle.world.settlement() != Settlement()
    for replica in idle.replicas:
        assert stop(replica)["balanced"]
