"""Every accepted event has its receipt before its record is settled, and receipts add up to what was accepted."""

from __future__ import annotations

import json
import queue
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from consumer.app import build
from consumer.config import Config
from consumer.pipeline import Pipeline
from consumer.records import Receipt
from consumer.stages.receipts import MOST_WAITING
from consumer.timing import ManualClock
from consumer.watchdog import Pulse
from tests.harness.cluster import Cluster, EmbeddedCluster, RealCluster
from tests.harness.ledger import AcceptedEvent, Settlement, read_topic
from tests.harness.processes import Child, Children
from tests.harness.world import World, premature_commits, stop
from tests.unit.scripted_producer import ScriptedProducer
from tests.unit.stages.builders import assignment_of, event_of

PARTITIONS = 3
ON = {"receipts__enabled": "true"}

Key = tuple[str, str, str]
"""Ad account, event name, event id."""


def topic_of(world: World) -> str:
    return f"{world.group}.receipts"


def receipts(world: World) -> list[tuple[Key, dict[str, Any]]]:
    """All messages of the topic, in the order of each partition; the values by their key."""
    found = []
    for message in read_topic(world.cluster.bootstrap_servers, topic_of(world)):
        account, event_name, event_id = json.loads(message.key() or b"")
        found.append(((account, event_name, event_id), json.loads(message.value() or b"")))
    return found


def keys_of(record: list[AcceptedEvent]) -> list[Key]:
    return [(each.ad_account_id, each.event["event_name"], each.event_id) for each in record]


def worth_of(event: Mapping[str, Any]) -> tuple[Decimal, str] | None:
    custom_data = event.get("custom_data", {})
    return (Decimal(custom_data["value"]), custom_data["currency"]) if "value" in custom_data else None


def command(world: World, children: Children, name: str, *arguments: str) -> Child:
    child = children.consumer(name, "receipts", *arguments, environment=world.environment(**ON))
    assert child.wait(within_s=60) == 0, child.tail()
    return child


def test_every_accepted_event_has_one_receipt_and_their_sums_are_those_of_the_record(
    cluster: Cluster, children: Children, tmp_path: Path
) -> None:
    with World(cluster, children, tmp_path, latency_ms="20-100") as world:
        cluster.create_topic(topic_of(world), PARTITIONS)
        world.produce("orders", 400)
        world.produce("visits", 300)
        consumer = world.consumer(**ON)
        consumer.wait_for_output("partitions_assigned", within_s=60)
        world.wait_until_committed_to_the_end(consumer)

        summed = command(world, children, "sum", "sum", "--by", "account,currency", "--format", "json")
        was_disturbed = "partitions_revoked" in consumer.stderr()
        ledger = stop(consumer)
        found = receipts(world)

    record = world.record()
    assert world.settlement() == Settlement()
    assert not was_disturbed
    assert sorted(key for key, _ in found) == sorted(keys_of(record))
    assert len(found) == ledger["total"]["accepted"]
    position_of = {line.event_id: line.position for line in world.manifest() if line.expect == "accepted"}
    event_of = {each.event_id: each.event for each in record}
    for (_, _, event_id), told in found:
        assert (told["topic"], told["partition"], told["offset"]) == position_of[event_id]
        assert told["order_id"] == event_of[event_id].get("custom_data", {}).get("order_id")
        worth = None if told["value"] is None else (Decimal(told["value"]), told["currency"])
        assert worth == worth_of(event_of[event_id])
    sums: dict[tuple[str, str], Decimal] = {}
    for each in record:
        if (worth := worth_of(each.event)) is not None:
            group = (each.ad_account_id, worth[1])
            sums[group] = sums.get(group, Decimal(0)) + worth[0]
    told_sums = {
        (line["account"], line["currency"]): Decimal(line["value"])
        for line in json.loads(summed.stdout())
        if line["value"] is not None
    }
    assert told_sums == sums
    assert sum(line["events"] for line in json.loads(summed.stdout())) == len(record)


def test_receipts_of_a_compacted_topic_are_found_by_their_order(
    real_kafka: RealCluster, children: Children, tmp_path: Path
) -> None:
    with World(real_kafka, children, tmp_path, latency_ms="5-20") as world:
        real_kafka.create_topic(topic_of(world), PARTITIONS, {"cleanup.policy": "compact,delete"})
        world.produce("orders", 50)
        consumer = world.consumer(**ON)
        consumer.wait_for_output("partitions_assigned", within_s=60)
        world.wait_until_committed_to_the_end(consumer)
        stop(consumer)
        wanted = next(each for each in world.record() if "order_id" in each.event.get("custom_data", {}))
        order_id = wanted.event["custom_data"]["order_id"]

        found = command(world, children, "find", "find", "--order", order_id, "--format", "json")

    assert [line["event_id"] for line in json.loads(found.stdout())] == [wanted.event_id]
    assert "Accepted means acknowledged by Pinterest, not attributed." in found.stderr()


@pytest.fixture
def topicless(real_kafka: RealCluster, children: Children, tmp_path: Path) -> Iterator[World]:
    """A world whose receipts topic does not exist yet."""
    with World(real_kafka, children, tmp_path, latency_ms="5-20") as world:
        yield world


def test_without_the_topic_nothing_accepted_is_committed_and_with_it_everything_settles(topicless: World) -> None:
    world = topicless
    world.produce("orders", 300)
    with world.watcher() as watcher:
        consumer = world.consumer(**ON)
        consumer.wait_for_output("receipts_topic_refuses", within_s=60)
        consumer.wait_until(
            lambda: world.metric(consumer, "pinterest_conversions_holds") > 0,
            within_s=10,
            what="the hold in the metrics",
        )
        accepted = {each.event_id for each in world.record()}
        firsts = first_accepted(world, accepted)
        assert accepted, "nothing was accepted before the topic refused"
        assert all(world.committed().get(place, 0) <= offset for place, offset in firsts.items())

        world.cluster.create_topic(topic_of(world), PARTITIONS)
        world.wait_until_committed_to_the_end(consumer)
        ledger = stop(consumer)

    assert premature_commits(watcher.commits, world.manifest(), world.record(), world.letters()) == []
    assert world.settlement() == Settlement()
    assert sorted(key for key, _ in receipts(world)) == sorted(keys_of(world.record()))
    assert ledger["balanced"]


def test_a_kill_between_acceptance_and_receipt_loses_nothing_and_repeats_only_what_had_none(topicless: World) -> None:
    world = topicless
    world.produce("orders", 300)
    killed = world.consumer("killed", **ON)
    killed.wait_until(world.record, within_s=60, what="an acceptance")
    killed.wait_for_output("receipts_topic_refuses", within_s=60)
    before = keys_of(world.record())
    killed.kill()
    assert 0 < len(before) <= MOST_WAITING

    world.cluster.create_topic(topic_of(world), PARTITIONS)
    consumer = world.consumer("next", **ON)
    world.wait_until_committed_to_the_end(consumer)
    stop(consumer)

    record = keys_of(world.record())
    assert world.settlement().lost == []
    assert world.settlement().unexpected == []
    repeated = {key for key in record if record.count(key) > 1}
    assert repeated, "nothing was between acceptance and receipt"
    assert repeated <= set(before)
    assert {key for key, _ in receipts(world)} == set(record)
    assert len(receipts(world)) == len(set(record))


def first_accepted(world: World, accepted: set[str]) -> dict[tuple[str, int], int]:
    """The lowest offset of each partition whose event was accepted."""
    firsts: dict[tuple[str, int], int] = {}
    for line in world.manifest():
        if line.event_id in accepted:
            place = (line.topic, line.partition)
            firsts[place] = min(line.offset, firsts.get(place, line.offset))
    return firsts


def build_on(cluster: EmbeddedCluster, sections: dict[str, Any]) -> Pipeline:
    """The pipeline as the consumer itself builds it; it has left its group."""
    config = Config.model_validate(
        {
            "kafka": {"bootstrap_servers": cluster.bootstrap_servers},
            "schema_registry": {"url": "http://127.0.0.1:9"},
            "routing": {"default_ad_account_id": "549755885175"},
            "dedup": {"browser_tag": "absent"},
            **sections,
        }
    )
    clock = ManualClock()
    pipeline = build(config, None, queue.SimpleQueue(), clock, Pulse(clock))  # type: ignore[arg-type]  # nothing is sent
    pipeline._source.close()
    return pipeline


@pytest.mark.parametrize(
    ("sections", "made"),
    [
        pytest.param({}, 0, id="off, as by default"),
        pytest.param({"receipts": {"enabled": True}}, 1, id="on"),
        pytest.param({"receipts": {"enabled": True}, "pinterest": {"test": True}}, 0, id="on, in test mode"),
    ],
)
def test_a_producer_of_receipts_is_made_only_where_some_will_be_written(
    sections: dict[str, Any], made: int, embedded: EmbeddedCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("consumer.acknowledged.Producer", ScriptedProducer)
    monkeypatch.setattr(ScriptedProducer, "made", 0)

    build_on(embedded, sections)

    assert ScriptedProducer.made == made + 1, "the other one is of letters"


def test_receipts_are_tried_on_for_partitions_that_are_about_to_leave(
    embedded: EmbeddedCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("consumer.acknowledged.Producer", ScriptedProducer)
    pipeline = build_on(embedded, {"receipts": {"enabled": True}})
    orders = assignment_of(0)
    pipeline.assigned([orders])
    pipeline._leaving.add(orders)
    assert pipeline._receipts is not None

    pipeline._receipts.send(Receipt(event_of(assignment=orders), 0.0))
    ScriptedProducer.latest.refuse()

    assert pipeline._receipts.poll() == ([], [])
    assert len(pipeline._receipts.under_way({orders})) == 1
