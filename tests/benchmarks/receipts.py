"""What receipts cost: `python -m tests.benchmarks.receipts`.

The same sample traffic, orders and visits, is worked off by one consumer with receipts off and on, in turns. Compared
are the records a second from the first assignment to the last commit, and the consumer's own computing time for each
record, which other work on the machine disturbs less. `--real` takes Apache Kafka in place of the embedded broker.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from consumer.demo.broker import EmbeddedBroker
from tests.harness.cluster import Cluster, EmbeddedCluster, a_real_cluster
from tests.harness.ledger import end_offsets
from tests.harness.processes import Child, Children
from tests.harness.world import World, stop

PARTITIONS = 12
_TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Run:
    """One run over all records."""

    seconds: float
    cpu_s: float
    receipts: int


def main() -> int:
    """Run all and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--orders", type=int, default=10_000)
    parser.add_argument("--visits", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3, help="of each kind; the median counts")
    parser.add_argument("--latency-ms", default="5-50", help="of the emulator")
    parser.add_argument("--real", action="store_true", help="a real Apache Kafka")
    asked = parser.parse_args()
    records = asked.orders + asked.visits
    runs: dict[bool, list[Run]] = {False: [], True: []}
    for _ in range(asked.rounds):
        for has_receipts, found in runs.items():
            with tempfile.TemporaryDirectory() as folder, _cluster(Path(folder), is_real=asked.real) as cluster:
                run = _run(cluster, Path(folder), asked, has_receipts=has_receipts)
            found.append(run)
            print(
                f"receipts {'on' if has_receipts else 'off':3}  {records / run.seconds:7,.0f} records/s"
                f"  {run.cpu_s / records * 1e6:6,.0f} µs of computing a record  {run.receipts:,} receipts",
                flush=True,
            )
    seconds, cpu_s = (
        {kind: statistics.median(getattr(run, figure) for run in found) for kind, found in runs.items()}
        for figure in ("seconds", "cpu_s")
    )
    print(
        f"medians, on / off: records/s {seconds[False] / seconds[True]:.2f}; computing {cpu_s[True] / cpu_s[False]:.2f}"
    )
    return 0


@contextmanager
def _cluster(folder: Path, *, is_real: bool) -> Iterator[Cluster]:
    if is_real:
        with a_real_cluster(folder) as real:
            yield real
    else:
        with EmbeddedBroker() as broker:
            yield EmbeddedCluster(broker)


def _run(cluster: Cluster, folder: Path, asked: argparse.Namespace, *, has_receipts: bool) -> Run:
    with (
        Children(folder) as children,
        World(cluster, children, folder, partitions=PARTITIONS, latency_ms=asked.latency_ms) as world,
    ):
        topic = f"{world.group}.receipts"
        cluster.create_topic(topic, PARTITIONS)
        world.produce("orders", asked.orders)
        world.produce("visits", asked.visits)
        consumer = world.consumer(batch__max_events=1_000, batch__linger_s=1.0, receipts__enabled=has_receipts)
        consumer.wait_for_output("partitions_assigned", within_s=60)
        before_s, cpu_before_s = time.monotonic(), _cpu_s(consumer)
        world.wait_until_committed_to_the_end(consumer, within_s=600)
        run = Run(
            time.monotonic() - before_s,
            _cpu_s(consumer) - cpu_before_s,
            sum(end_offsets(cluster.bootstrap_servers, topic).values()),
        )
        stop(consumer)
    return run


def _cpu_s(child: Child) -> float:
    """Computing time of all its threads so far. Source: proc(5), `stat`, fields 14 and 15."""
    fields = Path(f"/proc/{child.id}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_A_SECOND


if __name__ == "__main__":
    sys.exit(main())
