"""Records of somebody else's schema on real brokers: mapped by a file, held when their schema no longer bears it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.harness.cluster import RealCluster
from tests.harness.processes import Child, Children, eventually
from tests.harness.world import World, stop
from tests.unit.mapping.foreign import MAPPING, RECORD, SCHEMA, schema_without, write_mapping

pytestmark = pytest.mark.real_kafka

ORDERS = 30


@pytest.fixture
def world(real_kafka: RealCluster, children: Children, tmp_path: Path) -> Iterator[World]:
    with World(real_kafka, children, tmp_path, latency_ms="5-20", accounts=1) as world:
        world.more_of_topics["mapping"] = str(write_mapping(tmp_path))
        yield world


def publish(world: World, children: Children, folder: Path, schema: dict[str, Any], first: int) -> None:
    """Orders numbered from `first`, written by the schema."""
    write_mapping(folder, schema=schema)
    known = {field["name"] for field in schema["fields"]}
    placed = datetime.now(UTC).isoformat()
    values = [RECORD | {"number": number, "placed": placed} for number in range(first, first + ORDERS)]
    lines = "\n".join(json.dumps({name: each[name] for name in each if name in known}) for each in values)
    file = folder / f"orders-{first}.jsonl"
    file.write_text(lines, encoding="utf-8")
    producer = children.consumer(
        f"produce-{first}", *("produce", "--topic", world.topics["orders"], str(file)), environment=settings(world)
    )
    assert producer.wait(within_s=60) == 0, producer.tail()
    write_mapping(folder)


def settings(world: World, **others: object) -> dict[str, str]:
    """The orders name no merchant, so all go to one account."""
    return world.environment(routing__table={}, routing__default_ad_account_id="549700000000000001", **others)


def started(world: World, children: Children, name: str) -> Child:
    consumer = children.consumer(name, "run", environment=settings(world))
    consumer.wait_for_output("started", within_s=60)
    return consumer


def accepted(world: World) -> set[str]:
    return {event.event["event_id"] for event in world.record()}


def ids(first: int) -> set[str]:
    return {f"acme:{number}" for number in range(first, first + ORDERS)}


def test_records_of_a_schema_without_a_vital_field_wait_for_a_mapping_that_fits(
    world: World, children: Children, tmp_path: Path
) -> None:
    publish(world, children, tmp_path, SCHEMA, 0)
    publish(world, children, tmp_path, schema_without("goods"), 1_000)
    consumer = started(world, children, "before")
    consumer.wait_for_output("schema_incompatible", within_s=60)
    eventually(lambda: accepted(world) == ids(0), within_s=60, what="the orders of the other schema", every_s=0.1)
    ledger = stop(consumer)
    committed = world.committed()

    assert ledger["total"]["abandoned"] == ORDERS
    assert ledger["total"]["dead_lettered"] == {}
    assert sum(committed.get(position, 0) for position in world.ends()) < sum(world.ends().values())

    write_mapping(tmp_path, MAPPING.replace("value: goods", 'value: "goods?"'))
    consumer = started(world, children, "after")
    world.wait_until_committed_to_the_end(consumer)
    stop(consumer)

    assert sorted(event.event["event_id"] for event in world.record()) == sorted(ids(0) | ids(1_000)), "each once"


@pytest.mark.parametrize("protocol", ["classic", "consumer"])
def test_topics_are_found_by_a_pattern_also_those_that_come_later(
    world: World, children: Children, tmp_path: Path, protocol: str
) -> None:
    stem = world.topics["orders"]
    file = tmp_path / "patterns.yaml"
    file.write_text(
        json.dumps({"topics": {f"^{stem}.*$": {"mapping": str(tmp_path / "order.yaml")}}}), encoding="utf-8"
    )
    publish(world, children, tmp_path, SCHEMA, 0)
    environment = settings(world, kafka__group_protocol=protocol) | {"CONVERSIONS_CONFIG": str(file)}
    soon = json.loads(environment["CONVERSIONS_KAFKA__PROPERTIES"]) | {"topic.metadata.refresh.interval.ms": 1_000}
    environment["CONVERSIONS_KAFKA__PROPERTIES"] = json.dumps(soon)
    consumer = children.consumer("consumer", "run", environment=environment)
    eventually(lambda: accepted(world) == ids(0), within_s=60, what="the orders of the first topic", every_s=0.1)

    world.topics["orders"] = f"{stem}-later"
    world.cluster.create_topic(world.topics["orders"], 1)
    publish(world, children, tmp_path, SCHEMA, 1_000)

    eventually(lambda: accepted(world) == ids(0) | ids(1_000), within_s=60, what="those of the second", every_s=0.1)
    ledger = stop(consumer)
    assert {partition.partition("[")[0] for partition in ledger["partitions"]} == {stem, f"{stem}-later"}
    assert ledger["balanced"]
