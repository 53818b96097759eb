"""Twenty ad accounts interleaved on every partition, one or all of them in trouble."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.harness.cluster import Cluster
from tests.harness.ledger import Produced, Settlement
from tests.harness.processes import Child, Children, eventually
from tests.harness.world import World, premature_commits, stop

ACCOUNTS = 20
MOST = 1_000
SHARE = MOST // 4


@pytest.fixture
def world(cluster: Cluster, children: Children, tmp_path: Path) -> Iterator[World]:
    with World(cluster, children, tmp_path, accounts=ACCOUNTS, latency_ms="50-200") as world:
        yield world


def produce(world: World) -> None:
    """About twice its share of each account. Orders, as their ids name the merchant."""
    world.produce("orders", 12_000)


def to_accept(world: World, *, of_the_ill: bool) -> list[Produced]:
    return [
        line
        for line in world.manifest()
        if line.expect == "accepted" and str(line.event_id).startswith("merchant-1:") is of_the_ill
    ]


def wait_until_accepted(world: World, consumer: Child, lines: list[Produced]) -> None:
    def are_accepted() -> bool:
        accepted = {event.event_id for event in world.record()}
        return all(line.event_id in accepted for line in lines)

    eventually(are_accepted, within_s=90, every_s=0.5, what=lambda: f"{len(lines)} accepted events; {consumer.tail()}")


def of_the_ill(world: World, **fault: Any) -> Mapping[str, Any]:
    return {**fault, "ad_account_id": world.accounts["merchant-1"]}


def test_a_held_account_keeps_its_share_the_rest_is_parked_and_the_others_go_on(world: World) -> None:
    world.set_faults(of_the_ill(world, kind="status", status=403))
    produce(world)
    with world.watcher() as watcher:
        consumer = world.consumer(limits__max_events=MOST)
        wait_until_accepted(world, consumer, to_accept(world, of_the_ill=False))
        assert not any(event.ad_account_id == world.accounts["merchant-1"] for event in world.record())

        world.set_faults()
        world.wait_until_committed_to_the_end(consumer)
        ledger = stop(consumer)

    ill = {line.position: line.event_id for line in to_accept(world, of_the_ill=True)}
    parked = {letter.origin for letter in world.letters() if letter.why["reason"] == "account_held"}
    found = world.settlement()
    assert len(ill) > SHARE + 50
    assert parked < ill.keys()
    assert 50 <= len(parked) <= len(ill) - SHARE // 2
    assert found.lost == []
    assert found.duplicates == []
    assert all(each.endswith("was dead_lettered:account_held") for each in found.unexpected)
    assert {ill[position] for position in ill.keys() - parked} <= {event.event_id for event in world.record()}
    assert ledger["balanced"]
    assert premature_commits(watcher.commits, world.manifest(), world.record(), world.letters()) == []


def test_an_account_on_hold_is_sent_nothing_until_a_restart_with_another_mode(world: World) -> None:
    produce(world)
    mode = f"ad_accounts__{world.accounts['merchant-1']}__mode"
    with world.watcher() as watcher:
        consumer = world.consumer(limits__max_events=MOST, **{mode: "hold"})
        wait_until_accepted(world, consumer, to_accept(world, of_the_ill=False))
        held = world.metric(consumer, 'pinterest_conversions_accounts_held{cause="operator"}')
        first = stop(consumer)
        on_hold = [event for event in world.record() if event.ad_account_id == world.accounts["merchant-1"]]
        parked = {letter.origin for letter in world.letters() if letter.why["reason"] == "account_held"}

        again = world.consumer("again", limits__max_events=MOST)
        world.wait_until_committed_to_the_end(again)
        second = stop(again)

    ill = {line.position: line.event_id for line in to_accept(world, of_the_ill=True)}
    found = world.settlement()
    assert (held, on_hold) == (1, [])
    assert (first["balanced"], second["balanced"]) == (True, True)
    assert len(parked) >= 50
    assert parked < ill.keys()
    assert {ill[position] for position in ill.keys() - parked} <= {event.event_id for event in world.record()}
    assert found.lost == []
    assert found.duplicates == []
    assert all(each.endswith("was dead_lettered:account_held") for each in found.unexpected)
    assert premature_commits(watcher.commits, world.manifest(), world.record(), world.letters()) == []


def test_a_throttled_account_is_slowed_and_never_parked(world: World) -> None:
    world.set_faults(of_the_ill(world, kind="status", status=429, headers={"Retry-After": "1"}, count=12))
    produce(world)

    consumer = world.consumer(limits__max_events=MOST, batch__max_events=20, delivery__hold_s=1)
    world.wait_until_committed_to_the_end(consumer, within_s=120)

    assert stop(consumer)["balanced"]
    assert world.settlement() == Settlement()


def test_in_an_outage_nothing_is_parked(world: World) -> None:
    produce(world)
    consumer = world.consumer(limits__max_events=MOST, delivery__hold_s=1, delivery__retry_cap_s=0.5)
    consumer.wait_until(lambda: len(world.record()) > 1_000, within_s=30, what="acceptances that could pay for parking")

    world.set_faults({"kind": "status", "status": 503})
    consumer.wait_for_output("api_held", within_s=30)
    consumer.wait_until(
        lambda: world.metric(consumer, "pinterest_conversions_partitions_paused") > 0,
        within_s=30,
        what="limits full for so long that reading pauses",
    )
    world.set_faults()

    world.wait_until_committed_to_the_end(consumer)
    stop(consumer)
    assert world.settlement() == Settlement()
