"""Records become accepted events, offsets follow acceptance: on the embedded broker and on a real Kafka."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.cluster import Cluster
from tests.harness.ledger import Settlement, read_topic
from tests.harness.processes import Children
from tests.harness.world import World, premature_commits, repeats_of_the_committed, stop


@pytest.fixture
def world(cluster: Cluster, children: Children, tmp_path: Path) -> Iterator[World]:
    with World(cluster, children, tmp_path) as world:
        yield world


def test_every_record_ends_as_its_manifest_expects(world: World) -> None:
    world.produce("orders", 600)
    world.produce("visits", 600)
    consumer = world.consumer()

    world.wait_until_committed_to_the_end(consumer)
    ledger = stop(consumer)

    assert world.settlement() == Settlement()
    assert ledger["balanced"]
    assert ledger["total"]["consumed"] == 1200
    assert ledger["total"]["in_hand"] == 0


def test_a_stop_with_requests_in_flight_repeats_nothing(world: World) -> None:
    world.produce("orders", 2_000)
    world.produce("visits", 2_000)
    with world.watcher() as watcher:
        first = world.consumer("first", delivery__max_in_flight=4)
        world.wait_for_a_hole(first)

        ledger = stop(first)
        second = world.consumer("second")
        world.wait_until_committed_to_the_end(second)
        stop(second)

    assert ledger["balanced"]
    assert ledger["total"]["abandoned"] > 0, "the stop came too late to prove anything"
    assert world.settlement() == Settlement()
    assert premature_commits(watcher.commits, world.manifest(), world.record(), world.letters()) == []


def test_a_kill_loses_nothing_and_commits_nothing_too_early(world: World) -> None:
    world.produce("orders", 2_000)
    world.produce("visits", 2_000)
    with world.watcher() as watcher:
        first = world.consumer("first", delivery__max_in_flight=4)
        world.wait_for_a_hole(first)

        first.kill()
        killed_at = time.time()
        second = world.consumer("second")
        world.wait_until_committed_to_the_end(second)
        stop(second)

    found = world.settlement()
    assert found.lost == []
    assert found.unexpected == []
    assert len(watcher.commits) > 6
    before = [commit for commit in watcher.commits if commit.seen_at <= killed_at]
    assert repeats_of_the_committed(before, world.manifest(), world.record(), world.letters()) == []
    assert premature_commits(watcher.commits, world.manifest(), world.record(), world.letters()) == []


def test_a_rehearsal_sends_tests_alone_and_leaves_the_group_of_the_real_run_alone(world: World) -> None:
    world.produce("orders", 300)
    world.cluster.create_topic(f"{world.group}-test.dead-letter", 1)
    consumer = world.consumer(pinterest__test="true")
    to_accept = sum(line.expect == "accepted" for line in world.manifest())

    consumer.wait_until(lambda: len(world.record()) >= to_accept, within_s=30, what="all events")
    ledger = stop(consumer)

    assert all(event.test for event in world.record())
    assert ledger["total"]["accepted"] == 0
    assert ledger["total"]["skipped"]["account_in_test"] == to_accept
    assert world.committed() == {}


def test_an_account_in_test_rehearses_beside_live_ones(world: World) -> None:
    world.produce("orders", 400)
    accepted = [line for line in world.manifest() if line.expect == "accepted"]
    rehearsing = world.accounts["merchant-1"]
    consumer = world.consumer(**{f"ad_accounts__{rehearsing}__mode": "test"})

    consumer.wait_until(lambda: len(world.record()) >= len(accepted), within_s=30, what="all events")
    ready, metrics = world.page(consumer, "/readyz"), world.page(consumer, "/metrics")
    ledger = stop(consumer)

    in_test = [event for event in world.record() if event.ad_account_id == rehearsing]
    assert 0 < len(in_test) < len(accepted)
    assert all(event.test == (event.ad_account_id == rehearsing) for event in world.record())
    assert ledger["total"]["skipped"]["account_in_test"] == len(in_test)
    assert ledger["total"]["accepted"] == len(accepted) - len(in_test)
    assert "1 ad accounts in test mode" in ready
    assert "pinterest_conversions_accounts_in_test 1.0" in metrics
    assert "ad_accounts_in_test" in consumer.stderr()


def test_a_second_signal_leaves_at_once_with_offsets_uncommitted(world: World) -> None:
    world.set_faults({"kind": "delay", "ms": 9_000})
    world.produce("orders", 100)
    consumer = world.consumer()
    consumer.wait_until(lambda: world.emulator_stats()["in_flight"], within_s=30, what="a request in flight")

    consumer.send(signal.SIGTERM)
    consumer.wait_for_output("stopping", within_s=10)
    consumer.send(signal.SIGINT)

    assert consumer.wait(within_s=5) == 1
    assert world.record() == []
    passed = {(p.topic, p.partition): p.offset for p in world.manifest() if p.expect == "accepted"}
    assert any(world.committed().get(partition, 0) < offset for partition, offset in passed.items())


def test_letters_repeat_the_record_byte_for_byte_and_say_why(world: World) -> None:
    world.produce("orders", 300)
    consumer = world.consumer()
    world.wait_until_committed_to_the_end(consumer)
    stop(consumer)

    originals = {
        (m.topic(), m.partition(), m.offset()): m
        for m in read_topic(world.cluster.bootstrap_servers, world.topics["orders"])
    }
    letters = world.letters()
    assert len(letters) > 5
    for letter in letters:
        original = originals[letter.origin]
        assert (letter.key, letter.value) == (original.key(), original.value())
        assert list(letter.headers) == list(original.headers() or [])
        assert letter.why["stage"] in ("decode", "map", "deliver")
        assert letter.why["group"] == world.group
        assert letter.why["detail"]
        assert "@" not in letter.why["detail"]


def test_a_wrong_token_holds_its_account_alone_until_it_is_mended(world: World, tmp_path: Path) -> None:
    tokens = tmp_path / "tokens"
    tokens.mkdir()
    held = world.accounts["merchant-1"]
    for account in world.accounts.values():
        (tokens / account).write_text("a-good-token\n")
    world.set_faults({"kind": "status", "status": 401, "ad_account_id": held})
    world.produce("orders", 600)
    consumer = world.consumer(pinterest__tokens_dir=str(tokens))

    def others_are_through() -> bool:
        expected = {line.event_id for line in world.manifest() if line.expect == "accepted"}
        accepted = {event.event_id for event in world.record()}
        missing = expected - accepted
        return len(accepted) > 100 and all(event_id.startswith("merchant-1:") for event_id in missing if event_id)

    consumer.wait_until(others_are_through, within_s=30, what="the events of the other accounts")
    assert not any(event.ad_account_id == held for event in world.record())
    world.set_faults()

    world.wait_until_committed_to_the_end(consumer)
    stop(consumer)
    assert world.settlement() == Settlement()


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param({"kind": "status", "status": 503, "count": 10}, id="503"),
        pytest.param({"kind": "status", "status": 429, "headers": {"Retry-After": "1"}, "count": 4}, id="429"),
        pytest.param({"kind": "poison_event", "event_name": "checkout", "order_id_suffix": "7"}, id="poison"),
        pytest.param({"kind": "garbage", "recorded": False, "count": 4}, id="garbage"),
        pytest.param({"kind": "disconnect", "count": 4}, id="disconnect"),
    ],
)
def test_a_fault_of_the_api_loses_nothing(world: World, fault: dict[str, object]) -> None:
    world.set_faults(fault)
    world.produce("orders", 400)
    consumer = world.consumer()

    world.wait_until_committed_to_the_end(consumer)
    ledger = stop(consumer)

    found = world.settlement()
    assert ledger["balanced"]
    assert found.lost == []
    assert found.duplicates == []
    if fault["kind"] == "poison_event":
        poisoned = [
            line for line in world.manifest() if line.expect == "accepted" and _order_of(line.event_id).endswith("7")
        ]
        assert len(poisoned) > 5
        assert {letter.origin for letter in world.letters() if letter.why["reason"] == "refused"} == {
            line.position for line in poisoned
        }
    else:
        assert found.unexpected == []


def _order_of(event_id: str | None) -> str:
    return (event_id or "").removesuffix(":checkout")


def test_an_unreachable_registry_holds_records_and_dead_letters_none(world: World) -> None:
    world.produce("orders", 100)
    consumer = world.consumer(schema_registry__url="http://127.0.0.1:9")

    consumer.wait_for_output("registry_unreachable", within_s=30)
    consumer.wait_until(
        lambda: consumer.stderr().count("registry_unreachable") > 1, within_s=30, what="a second question"
    )
    ledger = stop(consumer)

    assert {letter.why["reason"] for letter in world.letters()} <= {"undecodable"}  # no registry is needed to see that
    assert ledger["balanced"]
    assert ledger["total"]["abandoned"] > 0
    second = world.consumer("second")
    world.wait_until_committed_to_the_end(second)
    stop(second)
    assert world.settlement() == Settlement()


def test_memory_is_bounded_and_membership_kept_while_the_api_is_slow(world: World) -> None:
    world.set_faults({"kind": "delay", "ms": 4_000})
    world.produce("orders", 4_000)
    consumer = world.consumer(
        limits__max_events=1_000,
        delivery__request_timeout_s=8,
        properties={"session.timeout.ms": 6_000, "max.poll.interval.ms": 6_000},
    )

    # Longer than the poll interval at the limit: a member that did not poll would be expelled.
    consumer.wait_until(lambda: len(world.record()) >= 1_200, within_s=60, what="1,200 accepted events")
    in_hand = world.metric(consumer, "pinterest_conversions_events_in_hand")
    world.set_faults()
    world.wait_until_committed_to_the_end(consumer)
    ledger = stop(consumer)

    assert 500 < in_hand <= 1_000 + 32  # the limit, and the sips taken in the two seconds before reading pauses
    assert ledger["total"]["abandoned"] == 0
    assert "partitions_lost" not in consumer.stderr()
    assert consumer.stderr().count('"partitions_assigned"') == 1
    assert world.settlement() == Settlement()
