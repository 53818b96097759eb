"""A message that was fetched and reached nobody: the ledger has to show it, as nothing else can."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from consumer.config import Kafka
from consumer.kafka_settings import client_properties
from consumer.timing import SystemClock
from consumer.topic_facts import Facts, TopicFacts, Unknown
from consumer.topics import TopicSettings
from tests.harness.cluster import QUIET, Cluster, EmbeddedCluster, RealCluster, unique
from tests.harness.processes import Child, Children, eventually
from tests.harness.world import World

PARTITION = 0


@pytest.fixture
def world(real_kafka: RealCluster, children: Children, tmp_path: Path) -> Iterator[World]:
    with World(real_kafka, children, tmp_path, latency_ms="5-20") as world:
        yield world


def leaky_consumer(world: World, children: Children, offset: int) -> Child:
    environment = world.environment() | {"LEAK": f"{PARTITION}:{offset}"}
    child = children.module("consumer", "tests.harness.leaky", "run", environment=environment)
    child.wait_for_output("started", within_s=60)
    return child


def lines_of(child: Child, event: str) -> list[dict[str, Any]]:
    lines = (json.loads(line) for line in child.stderr().splitlines() if line.startswith("{"))
    return [line for line in lines if line["event"] == event]


@pytest.mark.real_kafka
@pytest.mark.parametrize("is_last", [False, True], ids=["between others", "at the end"])
def test_a_message_destroyed_on_the_way_to_us_is_counted_told_and_no_success(
    world: World, children: Children, *, is_last: bool
) -> None:
    world.produce("orders", 60)
    topic = world.topics["orders"]
    offset = world.ends()[topic, PARTITION] - 1 if is_last else 5
    consumer = leaky_consumer(world, children, offset)
    world.wait_until_committed_to_the_end(consumer)
    consumer.wait_for_output("offsets_missing", within_s=30)
    gaps = world.metric(consumer, "pinterest_conversions_offset_gaps_total")
    missing = world.metric(consumer, "pinterest_conversions_offsets_missing_total")

    consumer.send(signal.SIGTERM)
    code = consumer.wait(within_s=40)

    ledger = json.loads(consumer.stdout()[consumer.stdout().index("{") :])
    assert ledger["partitions"][f"{topic}[{PARTITION}]"]["gaps"] == 1
    assert ledger["missing_offsets"] == {f"{topic}[{PARTITION}]": 1}
    assert ledger["balanced"], "every record that did reach us is accounted for"
    assert code == 1
    assert (gaps, missing) == (1, 1)
    (line,) = lines_of(consumer, "offsets_missing")
    assert (line["level"], line["topic"], line["partition"], line["offsets"]) == ("error", topic, PARTITION, 1)
    assert line["before_offset"] == offset + 1
    assert [line["missing_offsets"] for line in lines_of(consumer, "stopped")] == [1]


@pytest.mark.real_kafka
def test_on_a_topic_written_in_transactions_the_same_gap_is_only_counted(world: World, children: Children) -> None:
    world.produce("orders", 60)
    world.more_of_topics["transactional"] = True
    consumer = leaky_consumer(world, children, 5)
    world.wait_until_committed_to_the_end(consumer)

    consumer.send(signal.SIGTERM)
    code = consumer.wait(within_s=40)

    ledger = json.loads(consumer.stdout()[consumer.stdout().index("{") :])
    assert code == 0
    assert (ledger["total"]["gaps"], ledger["missing_offsets"]) == (1, {})
    assert lines_of(consumer, "offsets_missing") == []


# --- what the brokers say of a topic ------------------------------------------------------------------------


def told_by(cluster: Cluster, topic: str) -> Facts:
    properties = client_properties(Kafka(bootstrap_servers=cluster.bootstrap_servers))
    settings = TopicSettings({**properties, **QUIET}, clock=SystemClock())
    settings.ask([topic])
    eventually(lambda: settings.of(topic) is not None, within_s=30, what="an answer", every_s=0.05)
    return settings.of(topic)


@pytest.mark.real_kafka
@pytest.mark.parametrize(
    ("config", "facts"),
    [
        ({"retention.ms": "86400000"}, TopicFacts(is_compacted=False, retention_s=86_400)),
        ({"cleanup.policy": "compact"}, TopicFacts(is_compacted=True, retention_s=None)),
        ({"retention.ms": "-1"}, TopicFacts(is_compacted=False, retention_s=None)),
    ],
)
def test_compaction_and_retention_are_what_the_brokers_say(
    real_kafka: RealCluster, config: dict[str, str], facts: TopicFacts
) -> None:
    topic = unique("orders")
    real_kafka.create_topic(topic, 1, config)

    assert told_by(real_kafka, topic) == facts


@pytest.mark.real_kafka
def test_a_topic_that_is_not_there_is_unknown(real_kafka: RealCluster) -> None:
    assert told_by(real_kafka, unique("nowhere")) == Unknown("UNKNOWN_TOPIC_OR_PART")


def test_brokers_that_cannot_say_leave_it_unknown(embedded: EmbeddedCluster) -> None:
    embedded.create_topic("orders", 1)

    assert isinstance(told_by(embedded, "orders"), Unknown)
