"""The settled map: what a commit's metadata saves the next owner from sending again, and when it is not believed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from consumer.stages.offsets import SettledMap
from tests.faults.group import COOPERATIVE, EAGER, KIP_848, PROTOCOLS, owned
from tests.faults.samples import write
from tests.harness.cluster import QUIET, RealCluster
from tests.harness.kafka import brokers as harness
from tests.harness.kafka.brokers import Brokers
from tests.harness.ledger import Produced, Settlement
from tests.harness.processes import Child, Children, eventually
from tests.harness.watcher import Watcher
from tests.harness.world import World, premature_commits, stop

pytestmark = pytest.mark.real_kafka

STATIC = "static"
KILL = "SIGKILL"
WITHIN_S = 60.0


@pytest.fixture
def world(real_kafka: RealCluster, children: Children, tmp_path: Path) -> Iterator[World]:
    with World(real_kafka, children, tmp_path, latency_ms="5-50") as world:
        yield world


def to_accept(world: World) -> list[Produced]:
    return [line for line in world.manifest() if line.expect == "accepted"]


def hold_one_account(world: World) -> str:
    """Every partition gets a front that does not move: an event of this account. Returns its id."""
    account = world.accounts["merchant-1"]
    world.set_faults({"kind": "status", "status": 401, "ad_account_id": account})
    return account


def wait_until_all_others_are_in_the_map(world: World, watcher: Watcher, consumer: Child) -> None:
    """Until what is accepted is below the last commit of its partition or in its map."""

    def is_in_the_map() -> bool:
        accepted = {event.event_id for event in world.record()}
        waiting = [line for line in to_accept(world) if line.event_id not in accepted]
        last = {(commit.topic, commit.partition): commit for commit in watcher.commits}
        is_held = all(str(line.event_id).startswith("merchant-1:") for line in waiting if line.topic.startswith("ord"))
        return (
            bool(accepted)
            and is_held
            and all(
                (commit := last.get(line.position[:2])) is not None
                and (line.offset < commit.offset or covers(commit.metadata, commit.offset, line.offset))
                for line in to_accept(world)
                if line.event_id in accepted
            )
        )

    consumer.wait_until(is_in_the_map, within_s=WITHIN_S, what="a map of all that is accepted")


def covers(metadata: str | None, base: int, offset: int) -> bool:
    settled = SettledMap.decode(metadata, base)
    return settled is not None and any(offset in each for each in settled.ranges)


def already_settled(ledger: Mapping[str, object]) -> int:
    total: dict[str, dict[str, int]] = ledger["total"]  # type: ignore[assignment]
    return total["skipped"].get("already_settled", 0)


@pytest.mark.parametrize("end_of_the_first", [COOPERATIVE, EAGER, KIP_848, STATIC, KILL])
def test_the_map_travels_with_a_front_that_stands_still_and_the_next_owner_repeats_nothing(
    world: World, end_of_the_first: str
) -> None:
    settings = dict(PROTOCOLS.get(end_of_the_first, PROTOCOLS[COOPERATIVE]))
    if end_of_the_first == STATIC:
        settings |= {"kafka__instance_id": "pod-0", "properties": {"session.timeout.ms": 8_000}}
    hold_one_account(world)
    write(world, "orders", 150)
    with world.watcher() as watcher:
        first = world.consumer("first", **settings)
        wait_until_all_others_are_in_the_map(world, watcher, first)
        write(world, "orders", 150)
        wait_until_all_others_are_in_the_map(world, watcher, first)
        accepted = len(world.record())

        match end_of_the_first:
            case "static" | "SIGKILL" as how:
                first.kill() if how == KILL else stop(first)
                second = world.consumer("second", **settings)
            case _:
                second = world.consumer("second", **settings)
                second.wait_until(lambda: owned(second) > 0, within_s=WITHIN_S, what="partitions for the second")
                stop(first)
        world.set_faults()
        world.wait_until_committed_to_the_end(second)
        ledger = stop(second)

    assert world.settlement() == Settlement()
    assert already_settled(ledger) >= accepted / 4, "the second owner knew nothing of what the first had sent"
    for partition in range(3):
        commits = watcher.commits_of(world.topics["orders"], partition)
        at_the_front = {commit.metadata for commit in commits if commit.offset == front_of(world, partition)}
        assert len(at_the_front) > 1, "the map did not move while the front stood still"
    assert premature_commits(watcher.commits, world.manifest(), world.record(), world.letters()) == []


def front_of(world: World, partition: int) -> int:
    """The lowest offset that the held account's events keep."""
    return min(
        line.offset for line in to_accept(world) if line.partition == partition and "merchant-1:" in str(line.event_id)
    )


def commit_as_another_program(world: World, place: TopicPartition) -> None:
    client = Consumer({"bootstrap.servers": world.cluster.bootstrap_servers, "group.id": world.group, **QUIET})
    client.commit(offsets=[place], asynchronous=False)
    client.close()


def test_metadata_that_is_no_whole_map_for_this_very_offset_skips_nothing(world: World) -> None:
    write(world, "orders", 150)
    write(world, "visits", 150)
    orders, visits = world.topics["orders"], world.topics["visits"]
    whole = SettledMap(5, 1_000, (range(7, 20),)).encode()
    metadata = {
        (orders, 0): '{"host": "another-program.example.com", "at": 1750000000}',
        (orders, 1): whole[:-9] + ("A" if whole[-9] != "A" else "B") + whole[-8:],  # one character damaged
        (orders, 2): whole.replace("pcc1", "pcc2"),  # a form that only a later release knows
        (visits, 0): SettledMap(4, 1_000, (range(7, 20),)).encode(),  # of another offset
        (visits, 1): whole,
        (visits, 2): "x" * 4_000,
    }
    for (topic, partition), text in metadata.items():
        commit_as_another_program(world, TopicPartition(topic, partition, 5, text))

    consumer = world.consumer()
    world.wait_until_committed_to_the_end(consumer)
    ledger = stop(consumer)

    skipped = {
        name: entry["skipped"].get("already_settled", 0)
        for name, entry in ledger["partitions"].items()
        if "already_settled" in entry["skipped"]
    }
    assert skipped == {f"{visits}[1]": 13}, "only the whole map was to be believed"
    assert ledger["balanced"]
    missing = {line.position for line in world.settlement().lost}
    assert all(offset < 5 or (topic, partition) == (visits, 1) for topic, partition, offset in missing)


def test_maps_that_the_broker_finds_too_large_are_done_without(
    children: Children, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, real_kafka: RealCluster
) -> None:
    assert real_kafka  # or there is none to be had
    monkeypatch.setattr(harness, "SETTINGS", f"{harness.SETTINGS}offset.metadata.max.bytes=30\n")
    with (
        Brokers(tmp_path) as stingy,
        World(RealCluster(stingy.bootstrap_servers), children, tmp_path, latency_ms="5-50") as world,
    ):
        hold_one_account(world)
        write(world, "orders", 150)
        first = world.consumer("first")
        first.wait_until(
            lambda: "OFFSET_METADATA_TOO_LARGE" in first.stderr() and len(world.record()) > 20,
            within_s=WITHIN_S,
            what="a refused map",
        )
        world.set_faults()
        world.wait_until_committed_to_the_end(first)
        ledger = stop(first)
        found = world.settlement()

    assert ledger["balanced"]
    assert found == Settlement()


class TwoReplicas(RealCluster):
    """Topics of records live on brokers 1 and 2 alone, and would rather have a leader than their records."""

    def create_topic(self, name: str, partitions: int, config: Mapping[str, str] | None = None) -> None:
        if "dead-letter" in name:
            super().create_topic(name, partitions, config)
            return
        loose = {"unclean.leader.election.enable": "true", "min.insync.replicas": "1"}
        topic = NewTopic(name, partitions, replica_assignment=[[1, 2]] * partitions, config=loose)
        self._admin.create_topics([topic], operation_timeout=20)[name].result(20)

    def in_sync(self, topic: str) -> list[set[int]]:
        """Of each partition the brokers that have all of it."""
        client = AdminClient({"bootstrap.servers": self.bootstrap_servers, **QUIET})
        partitions = client.list_topics(topic, timeout=20).topics[topic].partitions.values()
        return [set(partition.isrs) for partition in partitions]

    def leaders(self, topic: str) -> set[int]:
        client = AdminClient({"bootstrap.servers": self.bootstrap_servers, **QUIET})
        partitions = client.list_topics(topic, timeout=20).topics[topic].partitions.values()
        return {partition.leader for partition in partitions}


def test_after_an_unclean_election_other_records_at_the_same_offsets_are_sent(
    quorum: Brokers, children: Children, tmp_path: Path
) -> None:
    cluster = TwoReplicas(quorum.bootstrap_servers)
    with World(cluster, children, tmp_path, latency_ms="5-50") as world:
        topic = world.topics["orders"]
        hold_one_account(world)
        write(world, "orders", 60)
        quorum.kill(2)
        eventually(lambda: cluster.in_sync(topic) == [{1}] * 3, within_s=WITHIN_S, what="broker 2 out of sync")
        on_one_only = write(world, "orders", 90)
        with world.watcher() as watcher:
            first = world.consumer("first")
            wait_until_all_others_are_in_the_map(world, watcher, first)
            stop(first)
        quorum.kill(1)
        quorum.restart(2)
        eventually(lambda: cluster.leaders(topic) == {2}, within_s=WITHIN_S, what="an unclean leader")

        instead = write(world, "orders", 120)
        world.set_faults()
        second = world.consumer("second")
        world.wait_until_committed_to_the_end(second)
        ledger = stop(second)
        quorum.restart(1)

    vanished = {line.position for line in on_one_only}
    replaced = [line for line in instead if line.position in vanished]
    assert len(replaced) > 30, "nothing came to stand where something else had stood"
    accepted = {event.event_id for event in world.record()}
    assert [line for line in replaced if line.expect == "accepted" and line.event_id not in accepted] == []
    assert already_settled(ledger) > 0, "below the election the map still holds"
    assert ledger["balanced"]
