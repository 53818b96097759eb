"""What a running consumer tells of itself when something stands still."""

from __future__ import annotations

import json
import urllib.error
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.harness.cluster import EmbeddedCluster
from tests.harness.processes import Child, Children, eventually
from tests.harness.world import World, stop

PREFIX = "pinterest_conversions_"


@pytest.fixture
def world(embedded: EmbeddedCluster, children: Children, tmp_path: Path) -> Iterator[World]:
    with World(embedded, children, tmp_path, latency_ms="5-20", accounts=1) as world:
        yield world


def lines_of(child: Child, event: str) -> list[dict[str, Any]]:
    lines = (json.loads(line) for line in child.stderr().splitlines() if line.startswith("{"))
    return [line for line in lines if line["event"] == event]


def test_a_partition_held_back_by_an_account_says_so_until_it_moves_on(world: World) -> None:
    world.set_faults({"kind": "status", "status": 401})
    world.produce("orders", 60)
    consumer = world.consumer(health__stuck_after_s=8)

    consumer.wait_for_output("partition_stuck", within_s=60)
    partitions = json.loads(world.page(consumer, "/ledger"))["partitions"].values()
    fronts = [entry["front"] for entry in partitions if "front" in entry]
    age_s = world.metric(consumer, f"{PREFIX}oldest_unsettled_age_seconds")
    refused = world.metric(consumer, f"{PREFIX}api_requests_total")
    world.set_faults()
    world.wait_until_committed_to_the_end(consumer)
    consumer.wait_for_output("partition_moved_on", within_s=30)
    ledger = stop(consumer)

    (account,) = world.accounts.values()
    assert {(front["because"], front["ad_account_id"]) for front in fronts} == {("unauthorized", account)}
    assert {(line["because"], line["ad_account_id"]) for line in lines_of(consumer, "partition_stuck")} == {
        ("unauthorized", account)
    }
    assert age_s >= 8
    assert refused >= 1
    assert ledger["balanced"]
    assert all("front" not in entry for entry in ledger["partitions"].values())


def test_a_control_thread_at_a_standstill_fails_liveness_and_says_where_it_stands(
    world: World, children: Children
) -> None:
    world.produce("orders", 10)
    consumer = children.module("consumer", "tests.harness.stalling", "run", environment=world.environment())
    consumer.wait_for_output("control_thread_stalled", within_s=60)

    def answer() -> str:
        try:
            return world.page(consumer, "/livez")
        except urllib.error.HTTPError as error:
            return f"{error.code} {error.read().decode()}"

    alive = answer()

    assert alive.startswith("503 the control thread has been silent for ")
    (line,) = lines_of(consumer, "control_thread_stalled")
    (control,) = (each["stack"] for each in line["threads"] if each["thread"].startswith("control"))
    assert any(frame.endswith("stand_still") for frame in control)
    eventually(
        lambda: world.metric(consumer, f"{PREFIX}control_thread_stalls_total") == 1, within_s=20, what="the count"
    )
