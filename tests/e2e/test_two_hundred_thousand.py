"""Producer, consumer and emulator as processes of their own around a real Kafka, at a size where luck runs out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.cluster import RealCluster
from tests.harness.ledger import Settlement
from tests.harness.processes import Children
from tests.harness.world import World, premature_commits, stop

RECORDS = 200_000
PRODUCTION: dict[str, object] = {"batch__max_events": 1_000, "batch__linger_s": 1}

pytestmark = [pytest.mark.real_kafka, pytest.mark.timeout(900), pytest.mark.xdist_group("two hundred thousand")]


@pytest.fixture
def world(real_kafka: RealCluster, children: Children, tmp_path: Path) -> Iterator[World]:
    with World(real_kafka, children, tmp_path, latency_ms="200-2000", accounts=20, partitions=12) as world:
        world.produce("orders", RECORDS // 2)
        world.produce("visits", RECORDS // 2)
        yield world


def test_undisturbed_every_record_ends_as_expected_exactly_once(world: World) -> None:
    consumer = world.consumer("consumer", **PRODUCTION)

    world.wait_until_committed_to_the_end(consumer, within_s=400)
    ledger = stop(consumer)

    assert len(world.manifest()) == RECORDS
    assert world.settlement() == Settlement()
    assert ledger["balanced"]
    assert ledger["total"]["consumed"] == RECORDS


def test_stopped_killed_and_started_again_in_the_middle(world: World) -> None:
    with world.watcher() as watcher:
        first = world.consumer("first", **PRODUCTION)
        world.wait_for_a_hole(first)
        assert stop(first)["balanced"]
        stopped = world.settlement()
        second = world.consumer("second", **PRODUCTION)
        world.wait_for_a_hole(second)
        second.kill()
        third = world.consumer("third", **PRODUCTION)
        world.wait_until_committed_to_the_end(third, within_s=400)
        assert stop(third)["balanced"]

    assert stopped.duplicates == []
    found = world.settlement()
    assert found.lost == []
    assert found.unexpected == []
    assert premature_commits(watcher.commits, world.manifest(), world.record(), world.letters()) == []
