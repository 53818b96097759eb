"""A backlog before an API that answers one request a second: `python -m tests.benchmarks.slow_api`.

Shown are the consumer's memory, minute by minute, that it stays in its group, and how soon it reads on once the API has
recovered. At the end every record must have settled as it should, just once. One Apache Kafka broker, production
settings.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from tests.chaos.vitals import Sample, growth_mib_per_min, look_at
from tests.harness.cluster import a_real_cluster
from tests.harness.ledger import Settlement
from tests.harness.processes import Child, Children, eventually
from tests.harness.world import World, stop

IN_FLIGHT = 8
DELAY_MS = 1_000 * IN_FLIGHT
PRODUCTION: dict[str, object] = {
    "batch__max_events": 1_000,
    "batch__linger_s": 1.0,
    "delivery__max_in_flight": IN_FLIGHT,
    "delivery__request_timeout_s": 30,
    "shutdown__drain_s": 35,
    "properties": {"session.timeout.ms": 45_000, "heartbeat.interval.ms": 3_000},
}
AT_ONCE = 50_000
"""Records that one run of the producer writes."""
READS_ON = 2_000
"""So many records more show that reading goes on; those sipped while it is paused are ten a second."""


@dataclass(slots=True)
class Watched:
    """A consumer, and what it was seen to use."""

    world: World
    consumer: Child
    samples: list[Sample] = field(default_factory=list)

    def watch(self, for_s: float) -> None:
        ends_s = time.monotonic() + for_s
        while (now_s := time.monotonic()) < ends_s:
            if (sample := look_at(self.consumer.id, now_s)) is None:
                raise AssertionError(self.consumer.tail())
            self.samples.append(sample)
            time.sleep(1)

    def minutes(self) -> list[float]:
        """The median of each minute's resident memory, in MiB."""
        first_s = self.samples[0].at_s
        by_minute: dict[int, list[float]] = {}
        for sample in self.samples:
            by_minute.setdefault(int((sample.at_s - first_s) / 60), []).append(sample.rss_mib)
        return [statistics.median(minute) for _, minute in sorted(by_minute.items())]

    def consumed(self) -> float:
        """Over both topics."""
        lines = self.world.page(self.consumer, "/metrics").splitlines()
        return sum(
            float(line.rpartition(" ")[2])
            for line in lines
            if line.startswith("pinterest_conversions_records_consumed_total{")
        )


def main() -> int:
    """Fill the topics, be slow, recover, and look at what became of everything."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=500_000, help="of both kinds together")
    parser.add_argument("--slow-s", type=float, default=300.0, help="how long the API takes its time")
    asked = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as temporary,
        a_real_cluster(Path(temporary)) as cluster,
        Children(Path(temporary)) as children,
        World(cluster, children, Path(temporary), accounts=20, partitions=12, latency_ms="50-200") as world,
    ):
        written = 0
        while written < asked.records:
            count = min(AT_ONCE, asked.records - written)
            world.produce("orders", count // 2, seed=written)
            world.produce("visits", count - count // 2, seed=written)
            written += count
        print(f"{written:,} records written", flush=True)
        return _play(world, asked.slow_s)


def _play(world: World, slow_s: float) -> int:
    world.set_faults({"kind": "delay", "ms": DELAY_MS})
    watched = Watched(world, world.consumer("consumer", **PRODUCTION))
    watched.consumer.wait_for_output("partitions_assigned", within_s=60)
    requests = _answered(world)
    watched.watch(slow_s)
    asked_for = (_answered(world) - requests) / slow_s
    minutes, growth = watched.minutes(), growth_mib_per_min(watched.samples)
    in_hand = world.metric(watched.consumer, "pinterest_conversions_events_in_hand")
    print(f"slow for {slow_s:.0f} s: {asked_for:.2f} requests a second, {in_hand:,.0f} events in hand")
    print("MiB resident, by minute: " + ", ".join(f"{minute:.0f}" for minute in minutes))
    if growth is not None:
        print(f"trend once warm: {growth:+.2f} MiB a minute")

    consumed = watched.consumed()
    world.set_faults()
    recovered_s = time.monotonic()
    eventually(
        lambda: watched.consumed() >= consumed + READS_ON,
        within_s=120,
        what="records beyond those in hand",
        every_s=0.1,
    )
    print(f"reads on {time.monotonic() - recovered_s:.1f} s after the API's recovery", flush=True)
    world.wait_until_committed_to_the_end(watched.consumer, within_s=1_200)
    print(f"all committed {time.monotonic() - recovered_s:.0f} s after it")
    said = watched.consumer.stderr()
    ledger = stop(watched.consumer)
    found = world.settlement()
    moves = [said.count(f'"{event}"') for event in ("partitions_assigned", "partitions_revoked", "partitions_lost")]
    print(
        f"assigned, revoked, lost: {moves}; duplicates {len(found.duplicates)}, lost {len(found.lost)}, "
        f"unexpected {len(found.unexpected)}; balanced: {ledger['balanced']}"
    )
    return 0 if found == Settlement() and moves == [1, 0, 0] and ledger["balanced"] else 1


def _answered(world: World) -> int:
    return sum(world.emulator_stats()["requests"].values())


if __name__ == "__main__":
    sys.exit(main())
