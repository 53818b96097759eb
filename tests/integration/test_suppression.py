"""Somebody who is put on the suppression list while the consumer runs is sent no more."""

from __future__ import annotations

from pathlib import Path

from tests.harness.cluster import EmbeddedCluster
from tests.harness.processes import Children
from tests.harness.world import World, stop


def test_who_is_put_on_the_list_is_sent_no_more(embedded: EmbeddedCluster, children: Children, tmp_path: Path) -> None:
    file, beside = tmp_path / "suppressed.txt", tmp_path / "suppressed.new"
    file.write_text("# nobody yet\n")
    with World(embedded, children, tmp_path, latency_ms="5-20", accounts=1) as world:

        def accepted_of(person: str) -> int:
            return sum(person in event.event["user_data"].get("em", ()) for event in world.record())

        world.produce("orders", 100)
        consumer = world.consumer(privacy__suppress_file=file)
        world.wait_until_committed_to_the_end(consumer)
        person = next(event.event["user_data"]["em"][0] for event in world.record() if "em" in event.event["user_data"])
        before, all_before = accepted_of(person), len(world.record())

        beside.write_text(f"{person}\n")
        beside.rename(file)
        consumer.wait_for_output("suppress_list_read", within_s=60)
        world.produce("orders", 100)
        world.wait_until_committed_to_the_end(consumer)
        hashes = world.metric(consumer, "pinterest_conversions_suppressed_hashes")
        ledger = stop(consumer)

        assert hashes == 1
        assert before > 0
        assert accepted_of(person) == before
        assert len(world.record()) > all_before
        assert ledger["total"]["skipped"]["suppressed"] > 0
        assert ledger["balanced"]
