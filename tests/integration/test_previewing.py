"""A preview of real records agrees with what must become of them, leaves no trace on the brokers, and names nobody."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from consumer.schemas import mapping_file
from tests.harness.cluster import QUIET, RealCluster, unique
from tests.harness.ledger import committed_offsets
from tests.harness.processes import Children
from tests.harness.world import World, stop
from tests.integration.test_nothing_leaks import ORDERS, SOMEBODY, VISITS, produce_given
from tests.unit.mapping.foreign import MAPPING, RECORD, SCHEMA, schema_without, write_mapping

pytestmark = pytest.mark.real_kafka

ANSWER_WITHIN_S = 20.0


@pytest.fixture
def world(real_kafka: RealCluster, children: Children, tmp_path: Path) -> Iterator[World]:
    with World(real_kafka, children, tmp_path, latency_ms="5-20") as world:
        yield world


def preview(world: World, children: Children, kind: str, *arguments: str, **settings: object) -> str:
    """What the command prints; it must succeed, and say nothing else."""
    child = children.consumer(
        unique("preview"),
        *("preview", "--topic", world.topics[kind], *arguments),
        environment=world.environment(**settings),
    )
    assert child.wait(within_s=60) == 0, child.tail()
    assert child.stderr() == ""
    return child.stdout()


def previewed(world: World, children: Children, kind: str, *arguments: str, **settings: object) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(preview(world, children, kind, *arguments, "--output", "json", **settings))
    return answer


def fates_in(answer: dict[str, Any]) -> Counter[str]:
    """In the words of the manifest."""
    skipped = {f"skipped:{reason}": number for reason, number in answer["skipped"].items()}
    dead = {f"dead_lettered:{reason}": number for reason, number in answer["dead_lettered"].items()}
    return Counter({"accepted": answer["sent"], **skipped, **dead})


def groups_on(world: World) -> set[str]:
    admin = AdminClient({"bootstrap.servers": world.cluster.bootstrap_servers, **QUIET})
    listed = admin.list_consumer_groups(request_timeout=ANSWER_WITHIN_S).result(ANSWER_WITHIN_S)
    return {group.group_id for group in listed.valid}


@pytest.mark.parametrize("kind", ["orders", "visits"])
def test_a_preview_agrees_with_the_manifest_and_touches_no_group(kind: str, world: World, children: Children) -> None:
    world.produce(kind, 600)

    answer = previewed(world, children, kind)

    expected = Counter(line.expect for line in world.manifest())
    assert len(expected) > 10
    assert fates_in(answer) == expected
    assert answer["records"] == 600
    assert world.group not in groups_on(world)
    assert committed_offsets(world.cluster.bootstrap_servers, world.group, world.topics[kind]) == {}


def test_what_is_previewed_is_what_pinterest_gets(world: World, children: Children) -> None:
    world.produce("orders", 300)
    answer = previewed(world, children, "orders")
    consumer = world.consumer()
    world.wait_until_committed_to_the_end(consumer)
    committed = world.committed()
    again = previewed(world, children, "orders")

    assert world.committed() == committed
    stop(consumer)
    events = [accepted.event for accepted in world.record()]
    assert Counter((event["event_name"], event["action_source"]) for event in events) == {
        (each["event_name"], each["action_source"]): each["events"] for each in answer["events"]
    }
    values: dict[str, Decimal] = {}
    for data in (event["custom_data"] for event in events):
        values[data["currency"]] = values.get(data["currency"], Decimal(0)) + Decimal(data["value"])
    assert values == {currency: Decimal(each["value"]) for currency, each in answer["revenue"].items()}
    assert all(each["events_with_grand_total"] == each["events"] for each in answer["revenue"].values())
    assert {**again, "since": None} == {**answer, "since": None}


def test_only_the_newest_within_the_limit_and_the_age_are_read(world: World, children: Children) -> None:
    topic = world.topics["orders"]
    producer = Producer({"bootstrap.servers": world.cluster.bootstrap_servers, **QUIET})
    two_hours_ago = int((datetime.now(UTC) - timedelta(hours=2)).timestamp() * 1_000)
    for partition in range(3):
        producer.produce(topic, key=b"k", partition=partition, timestamp=two_hours_ago)
    assert producer.flush(ANSWER_WITHIN_S) == 0
    world.produce("orders", 90)

    in_an_hour, in_three, limited = (
        previewed(world, children, "orders", *arguments)
        for arguments in (["--last", "1h"], ["--last", "3h"], ["--last", "3h", "--limit", "30"])
    )

    assert (in_an_hour["records"], in_three["records"], limited["records"]) == (90, 93, 30)
    assert in_three["skipped"]["tombstone"] == in_an_hour["skipped"].get("tombstone", 0) + 3
    assert (in_three["is_cut"], limited["is_cut"], limited["offsets"]) == (False, True, 93)


def test_another_mapping_is_told_apart(world: World, children: Children, tmp_path: Path) -> None:
    world.produce("orders", 300)
    text = mapping_file("order").read_text(encoding="utf-8")
    text = text.replace("schema: order.avsc", f"schema: {mapping_file('order').with_name('order.avsc')}")
    old = tmp_path / "old.yaml"
    old.write_text(text.replace("  ph: customer.phones\n", "").replace("POS: offline", "POS: skip"), encoding="utf-8")

    same = previewed(world, children, "orders", "--against", "order")["difference"]
    answer = previewed(world, children, "orders", "--against", str(old))

    found = answer["difference"]
    assert (same["moved_records"], same["changed_events"], same["sent_by_both"]) == (0, 0, answer["sent"])
    assert found["moves"][0]["from"] == "skipped: channel_excluded"
    assert found["moves"][0]["to"] == "sent"
    assert found["sent_by_both"] == answer["sent"] - found["moves"][0]["records"]
    assert found["fields"] == {"user_data.ph": {"gained": found["changed_events"], "lost": 0, "changed": 0}}
    assert found["changed_events"] > 50
    assert {currency: each["after"] for currency, each in found["values"].items()} == {
        currency: each["value"] for currency, each in answer["revenue"].items()
    }
    assert any(each["before"] != each["after"] for each in found["values"].values())


def test_what_a_schema_lacks_is_told_and_the_others_are_counted(
    world: World, children: Children, tmp_path: Path
) -> None:
    mapping = write_mapping(tmp_path, MAPPING.replace("  em: mail", "  em: mail\n  ph: telephone"))
    world.more_of_topics["mapping"] = str(mapping)
    routes: dict[str, object] = {"routing__table": {}, "routing__default_ad_account_id": "549700000000000001"}
    for number, schema in enumerate((SCHEMA, schema_without("goods"))):
        (tmp_path / "order.avsc").write_text(json.dumps(schema), encoding="utf-8")
        known = {field["name"] for field in schema["fields"]}
        record = {**RECORD, "placed": datetime.now(UTC).isoformat()}
        file = tmp_path / f"orders-{number}.jsonl"
        file.write_text(json.dumps({name: record[name] for name in record if name in known}), encoding="utf-8")
        producer = children.consumer(
            f"produce-{number}",
            *("produce", "--topic", world.topics["orders"], str(file)),
            environment=world.environment(**routes),
        )
        assert producer.wait(within_s=60) == 0, producer.tail()

    answer = previewed(world, children, "orders", "--grand-total", "goods", **routes)

    assert (answer["records"], answer["sent"]) == (2, 1)
    assert answer["revenue"]["EUR"]["value"] == answer["revenue"]["EUR"]["grand_total"] == "12.30"
    (held,) = answer["held"].values()
    assert held["records"] == 1
    assert any(problem.startswith("custom_data.value: goods: the schema has no") for problem in held["problems"])
    assert any("user_data.ph: telephone: the schema has no" in lack for lack in answer["schema_lacks"])


def test_nobody_is_named(world: World, children: Children, tmp_path: Path) -> None:
    for kind, records in (("orders", ORDERS), ("visits", VISITS)):
        produce_given(world, children, tmp_path, kind, records)
    on_the_brokers = "".join(map(str, values_in(world)))

    told = "".join(
        preview(world, children, kind, *form, "--against", kind.removesuffix("s"))
        for kind in ("orders", "visits")
        for form in ([], ["--output", "json"])
    )

    assert SOMEBODY.traces_in(on_the_brokers) != []
    assert "sent" in told
    assert SOMEBODY.traces_in(told) == []


def values_in(world: World) -> list[bytes]:
    consumer = Consumer({"bootstrap.servers": world.cluster.bootstrap_servers, "group.id": "reader", **QUIET})
    try:
        places = [TopicPartition(topic, n, 0) for topic in world.topics.values() for n in range(3)]
        consumer.assign(places)
        messages = consumer.consume(len(ORDERS) + len(VISITS), timeout=ANSWER_WITHIN_S)
        return [message.value() or b"" for message in messages]
    finally:
        consumer.close()
