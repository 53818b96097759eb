"""The brokers of the harness are what the other tests take them for."""

from __future__ import annotations

import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition

from tests.harness.cluster import FAST_GROUP, QUIET, Cluster, RealCluster, unique
from tests.harness.kafka import brokers, jars
from tests.harness.kafka.brokers import Brokers
from tests.harness.ledger import committed_offsets, end_offsets, read_letters, read_topic
from tests.harness.processes import Children, eventually, free_port
from tests.harness.watcher import Watcher

WITHIN_S = 20.0

PROTOCOLS = [
    pytest.param({"partition.assignment.strategy": "range", **FAST_GROUP}, id="eager"),
    pytest.param({"partition.assignment.strategy": "cooperative-sticky", **FAST_GROUP}, id="cooperative"),
    pytest.param({"group.protocol": "consumer"}, id="KIP-848"),
]
Settings = dict[str, Any]
HandOver = Callable[[Consumer, list[TopicPartition]], None]


def produce(cluster: Cluster, topic: str, count: int, *, partition: int = 0) -> None:
    producer = Producer({"bootstrap.servers": cluster.bootstrap_servers, **QUIET})
    for number in range(count):
        producer.produce(topic, b"%d" % number, partition=partition)
    assert producer.flush(WITHIN_S) == 0


def produce_in_transactions(cluster: Cluster, topic: str, *transactions: tuple[int, bool]) -> None:
    """Each as many messages as said, then committed or aborted."""
    producer = Producer({"bootstrap.servers": cluster.bootstrap_servers, "transactional.id": unique("writer"), **QUIET})
    producer.init_transactions(WITHIN_S)
    for count, is_committed in transactions:
        producer.begin_transaction()
        for number in range(count):
            producer.produce(topic, b"committed %d" % number if is_committed else b"aborted", partition=0)
        producer.flush(WITHIN_S)
        (producer.commit_transaction if is_committed else producer.abort_transaction)(WITHIN_S)


@contextmanager
def member(
    cluster: Cluster, group: str, topic: str, protocol: Settings, on_revoke: HandOver | None = None
) -> Iterator[Consumer]:
    consumer = Consumer(
        {
            "bootstrap.servers": cluster.bootstrap_servers,
            "group.id": group,
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            **cluster.fetching,
            **QUIET,
            **protocol,
        }
    )
    consumer.subscribe([topic], **({"on_revoke": on_revoke} if on_revoke else {}))
    try:
        yield consumer
    finally:
        consumer.close()


def read(consumer: Consumer, count: int) -> list[tuple[int, bytes]]:
    """Partition and value of the next so many messages."""
    found: list[tuple[int, bytes]] = []

    def is_enough() -> bool:
        found.extend((m.partition() or 0, m.value() or b"") for m in consumer.consume(count, 0.1) if m.error() is None)
        return len(found) >= count

    eventually(is_enough, within_s=WITHIN_S, what=lambda: f"{count} messages; came: {found}")
    return found


def look_twice(watcher: Watcher) -> None:
    """Until a question put after now has been answered: the next answer may belong to an earlier one."""
    enough = watcher.samples + 2
    eventually(lambda: watcher.samples >= enough, within_s=WITHIN_S, what="two more samples")


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_group_reads_what_was_produced_and_every_commit_is_seen_from_outside(
    cluster: Cluster, protocol: Settings
) -> None:
    topic, group = unique("orders"), unique("group")
    cluster.create_topic(topic, 2)
    produce(cluster, topic, 3, partition=0)
    produce(cluster, topic, 2, partition=1)

    with (
        Watcher(cluster.bootstrap_servers, group, [(topic, 0), (topic, 1)]) as watcher,
        member(cluster, group, topic, protocol) as consumer,
    ):
        messages = read(consumer, 5)
        for offset, metadata in ((1, "first"), (1, "another"), (3, "")):
            consumer.commit(offsets=[TopicPartition(topic, 0, offset, metadata)], asynchronous=False)
            look_twice(watcher)

    assert sorted(messages) == [(0, b"0"), (0, b"1"), (0, b"2"), (1, b"0"), (1, b"1")]
    assert [(c.partition, c.offset, c.metadata) for c in watcher.commits] == [
        (0, 1, "first"),
        (0, 1, "another"),
        (0, 3, ""),
    ]
    assert committed_offsets(cluster.bootstrap_servers, group, topic) == {0: 3}


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_two_members_share_the_partitions(cluster: Cluster, protocol: Settings) -> None:
    topic, group = unique("orders"), unique("group")
    cluster.create_topic(topic, 4)

    with member(cluster, group, topic, protocol) as first, member(cluster, group, topic, protocol) as second:
        members = (first, second)

        def shares() -> list[int]:
            for consumer in members:
                consumer.consume(1, 0.02)
            return sorted(len(consumer.assignment()) for consumer in members)

        eventually(lambda: shares() == [2, 2], within_s=WITHIN_S, what="two partitions each")


def test_the_last_commit_before_the_end_is_seen(cluster: Cluster) -> None:
    topic, group = unique("orders"), unique("group")
    cluster.create_topic(topic, 1)
    client = Consumer({"bootstrap.servers": cluster.bootstrap_servers, "group.id": group, **QUIET})

    with Watcher(cluster.bootstrap_servers, group, [(topic, 0)], every_s=3_600) as watcher:
        client.commit(offsets=[TopicPartition(topic, 0, 7, "last")], asynchronous=False)

    assert [(c.offset, c.metadata) for c in watcher.commits_of(topic, 0)] == [(7, "last")]
    assert watcher.commits[0].seen_at <= time.time()
    client.close()


def test_a_topic_is_read_back_to_its_end_with_everything_in_order(cluster: Cluster) -> None:
    topic = unique("orders")
    cluster.create_topic(topic, 3)
    produce(cluster, topic, 700, partition=0)
    produce(cluster, topic, 2, partition=2)

    messages = read_topic(cluster.bootstrap_servers, topic)

    assert [(m.partition(), m.offset()) for m in messages] == [*((0, n) for n in range(700)), (2, 0), (2, 1)]
    assert end_offsets(cluster.bootstrap_servers, topic) == {0: 700, 1: 0, 2: 2}


def test_letters_are_read_with_their_reason_and_the_original_headers_apart(cluster: Cluster) -> None:
    topic = unique("dead-letter")
    cluster.create_topic(topic, 1)
    producer = Producer({"bootstrap.servers": cluster.bootstrap_servers, **QUIET})
    ours = {"reason": "invalid", "topic": "orders", "partition": "3", "offset": "41"}
    headers = [("traceparent", b"00-aa"), *((f"conversions.{name}", text.encode()) for name, text in ours.items())]
    producer.produce(topic, None, b"key", headers=[*headers, ("traceparent", None)])
    producer.flush(WITHIN_S)

    (letter,) = read_letters(cluster.bootstrap_servers, topic)

    assert (letter.key, letter.value, letter.why) == (b"key", None, ours)
    assert letter.headers == (("traceparent", b"00-aa"), ("traceparent", None))
    assert letter.origin == ("orders", 3, 41)


def test_a_dead_letter_topic_that_was_never_created_holds_nothing(cluster: Cluster) -> None:
    assert read_letters(cluster.bootstrap_servers, unique("dead-letter")) == []


def test_deleted_records_are_out_of_reach(cluster: Cluster) -> None:
    topic = unique("orders")
    cluster.create_topic(topic, 1)
    produce(cluster, topic, 5)

    cluster.delete_records(topic, 0, 3)

    assert [message.offset() for message in read_topic(cluster.bootstrap_servers, topic)] == [3, 4]


def test_transactions_hide_what_was_aborted_where_a_cluster_claims_it(cluster: Cluster) -> None:
    topic = unique("orders")
    cluster.create_topic(topic, 1)

    produce_in_transactions(cluster, topic, (2, True), (3, False))

    values = [message.value() for message in read_topic(cluster.bootstrap_servers, topic)]
    assert (b"aborted" not in values) == cluster.supports_transactions
    assert values[:2] == [b"committed 0", b"committed 1"]
    assert end_offsets(cluster.bootstrap_servers, topic) == {0: 7}  # a marker behind each


def test_offsets_are_found_by_time_where_a_cluster_claims_it(cluster: Cluster) -> None:
    topic = unique("orders")
    cluster.create_topic(topic, 1)
    produce(cluster, topic, 3)
    client = Consumer({"bootstrap.servers": cluster.bootstrap_servers, "group.id": "tests", **QUIET})

    (found,) = client.offsets_for_times([TopicPartition(topic, 0, 1_000)], timeout=WITHIN_S)

    assert (found.offset == 0) == cluster.supports_offsets_for_times
    client.close()


def test_a_commit_at_an_eager_hand_over_is_taken_where_a_cluster_claims_it(cluster: Cluster) -> None:
    topic, group = unique("orders"), unique("group")
    cluster.create_topic(topic, 2)
    eager: Settings = {"partition.assignment.strategy": "range", **FAST_GROUP}
    answers: list[KafkaError | None] = []

    def hand_over(consumer: Consumer, partitions: list[TopicPartition]) -> None:
        offsets = [TopicPartition(place.topic, place.partition, 1) for place in partitions]
        consumer.commit(offsets=offsets, asynchronous=True)

    answering = {**eager, "on_commit": lambda error, _: answers.append(error)}
    with member(cluster, group, topic, answering, on_revoke=hand_over) as first:
        eventually(lambda: first.consume(1, 0.02) or first.assignment(), within_s=WITHIN_S, what="an assignment")
        with member(cluster, group, topic, eager) as second:
            eventually(
                lambda: (first.consume(1, 0.02), second.consume(1, 0.02), second.assignment())[-1],
                within_s=WITHIN_S,
                what="a hand-over",
            )

        assert (answers[0] is None) == cluster.supports_eager_commit_in_rebalance


@pytest.mark.real_kafka
def test_compaction_makes_holes(real_kafka: RealCluster) -> None:
    topic = unique("compacted")
    eager_to_clean = {"cleanup.policy": "compact", "segment.ms": "50", "min.cleanable.dirty.ratio": "0.01"}
    real_kafka.create_topic(topic, 1, {**eager_to_clean, "max.compaction.lag.ms": "50"})
    producer = Producer({"bootstrap.servers": real_kafka.bootstrap_servers, **QUIET})

    def holes() -> int:
        producer.produce(topic, b"value", b"the same key")
        producer.flush(WITHIN_S)
        offsets = [message.offset() or 0 for message in read_topic(real_kafka.bootstrap_servers, topic)]
        return offsets[-1] + 1 - len(offsets)

    assert eventually(holes, within_s=WITHIN_S, what="a hole", every_s=0.1) > 0


@pytest.mark.real_kafka
def test_three_brokers_outlive_one_that_is_killed_and_one_that_is_frozen(three_brokers: Brokers) -> None:
    cluster = RealCluster(three_brokers.bootstrap_servers)
    cluster.create_topic("orders", 1)
    produce(cluster, "orders", 1)

    three_brokers.kill(1)
    produce(cluster, "orders", 1)
    three_brokers.restart(1)

    assert end_offsets(cluster.bootstrap_servers, "orders") == {0: 2}
    client = Consumer({"bootstrap.servers": three_brokers.address(2), "group.id": "tests", **QUIET})

    three_brokers.freeze(2)
    with pytest.raises(KafkaException):
        client.list_topics(timeout=0.5)
    three_brokers.thaw(2)

    assert "orders" in client.list_topics(timeout=WITHIN_S).topics
    client.close()


def test_a_port_that_somebody_else_took_meanwhile_is_left_to_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, real_kafka: RealCluster
) -> None:
    assert real_kafka  # or there is none to be had
    with socket.create_server(("127.0.0.1", 0)) as somebody:
        taken: int = somebody.getsockname()[1]
        for_clients_then_for_the_controller = [taken, free_port(), free_port(), taken]
        ports = iter(for_clients_then_for_the_controller)
        monkeypatch.setattr(brokers, "free_port", lambda: next(ports, None) or free_port())

        with Brokers(tmp_path) as ours:
            RealCluster(ours.bootstrap_servers).create_topic("orders", 1)

    assert (tmp_path / "attempt-3").exists()


def test_the_jars_are_fetched_once(monkeypatch: pytest.MonkeyPatch, real_kafka: RealCluster) -> None:
    assert real_kafka  # has fetched them, if nobody had before
    monkeypatch.setenv("PATH", "/nowhere")

    assert [jar for jar in jars.kafka_jars() if jar.name.startswith("kafka-clients-")]


def test_without_maven_there_is_a_plain_reason(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(jars, "CACHE", tmp_path)

    with pytest.raises(jars.NoKafkaError, match="no mvn in PATH"):
        jars.kafka_jars()


def test_what_maven_says_of_its_failure_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    a_program(tmp_path / "mvn", "echo no way to the repository; exit 1")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setattr(jars, "CACHE", tmp_path / "cache")

    with pytest.raises(jars.NoKafkaError, match="no way to the repository"):
        jars.kafka_jars()


def test_a_java_too_old_for_a_broker_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    a_program(tmp_path / "bin" / "java", """echo 'openjdk version "11.0.2" 2019-01-15' >&2""")
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))

    with pytest.raises(jars.NoKafkaError, match="is Java 11; brokers need 17"):
        jars.find_java()


@pytest.mark.parametrize(
    ("required", "outcome"), [("0", "1 skipped"), ("1", "1 error")], ids=["skipped", "failed where it is required"]
)
def test_a_test_without_its_kafka_is(required: str, outcome: str, children: Children) -> None:
    test = f"{Path(__file__)}::{test_compaction_makes_holes.__name__}"
    environment = {"JAVA_HOME": "/nowhere", "REQUIRE_REAL": required, "KAFKA_BOOTSTRAP_SERVERS": ""}

    run = children.start("pytest", [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", test], environment)

    run.wait(within_s=60)
    assert outcome in run.stdout()
    assert "no java in JAVA_HOME; brokers need Java 17" in run.stdout()


def a_program(file: Path, script: str) -> None:
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)
