"""All that a consumer sends, and all that the emulator answers, keeps to Pinterest's description: in bulk."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.harness.cluster import EmbeddedCluster
from tests.harness.description_proxy import DescriptionProxy, proxy_in_thread
from tests.harness.ledger import Settlement
from tests.harness.processes import Children
from tests.harness.world import World, stop

REJECTED, POISONED = "13", "777"
"""Ends of order ids that the emulator will not take: alone, and with their whole request."""

FAULTS = (
    {"kind": "status", "status": 429, "headers": {"Retry-After": "1"}, "count": 4},
    {"kind": "status", "status": 503, "count": 2},
    {"kind": "disconnect", "count": 2},
    {"kind": "reject_event", "order_id_suffix": REJECTED, "message": "Invalid order_id parameter."},
    {"kind": "poison_event", "order_id_suffix": POISONED},
)


@pytest.fixture
def world(embedded: EmbeddedCluster, children: Children, tmp_path: Path) -> Iterator[World]:
    with World(embedded, children, tmp_path, latency_ms="5-20") as world:
        yield world


@pytest.fixture
def proxy(world: World) -> Iterator[DescriptionProxy]:
    with proxy_in_thread(world.environment()["CONVERSIONS_PINTEREST__BASE_URL"]) as proxy:
        yield proxy


def test_ten_thousand_mixed_records_and_a_bad_day_of_the_api(world: World, proxy: DescriptionProxy) -> None:
    world.set_faults(*FAULTS)
    world.produce("orders", 5_300)
    world.produce("visits", 5_300)
    consumer = world.consumer(pinterest__base_url=proxy.base_url, batch__max_events=250)

    world.wait_until_committed_to_the_end(consumer, within_s=120)
    ledger = stop(consumer)

    assert proxy.violations == []
    assert {200, 400, 422, 429, 503} <= proxy.answers.keys()
    manifest = world.manifest()
    wanted = {line.event_id for line in manifest if line.expect == "accepted"}
    assert len(wanted) > 9_000
    assert wanted <= proxy.event_ids
    assert proxy.events > len(wanted), "nothing was sent twice, so no fault struck"
    found, letters = world.settlement(), world.letters()
    assert (found.lost, found.duplicates, ledger["balanced"]) == ([], [], True)
    refused = {"rejected": of_orders_ending(REJECTED, world), "refused": of_orders_ending(POISONED, world)}
    for reason, positions in refused.items():
        assert len(positions) >= 3
        assert {letter.origin for letter in letters if letter.why["reason"] == reason} == positions
    assert len(found.unexpected) == sum(map(len, refused.values()))


def of_orders_ending(suffix: str, world: World) -> set[tuple[str, int, int]]:
    """Positions of the good orders with such a number; their event ids are `merchant:order:checkout`."""
    end = f"{suffix}:checkout"
    return {
        line.position for line in world.manifest() if line.expect == "accepted" and str(line.event_id).endswith(end)
    }


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param({"events__app_fields": "flat", "events__value_basis": "gross"}, id="flat and gross"),
        pytest.param(
            {"events__partner_name": "ss-example", "privacy__fields": ["em", "hashed_maids", "db", "ge"]}, id="few"
        ),
    ],
)
def test_other_settings_keep_to_it_as_well(world: World, proxy: DescriptionProxy, settings: dict[str, Any]) -> None:
    world.produce("orders", 500)
    world.produce("visits", 500)
    consumer = world.consumer(pinterest__base_url=proxy.base_url, **settings)

    world.wait_until_committed_to_the_end(consumer)
    stop(consumer)

    assert proxy.violations == []
    assert proxy.events > 100


def test_a_rehearsal_keeps_to_it_as_well(world: World, proxy: DescriptionProxy) -> None:
    world.produce("orders", 300)
    world.cluster.create_topic(f"{world.group}-test.dead-letter", 1)
    wanted = sum(line.expect == "accepted" for line in world.manifest())
    consumer = world.consumer(pinterest__base_url=proxy.base_url, pinterest__test="true")

    consumer.wait_until(lambda: proxy.events >= wanted, within_s=30, what="all events")
    stop(consumer)

    assert proxy.violations == []
    assert world.settlement() != Settlement()
    assert all(event.test for event in world.record())
