"""How much three troubled ad accounts of twenty slow the others down: `python -m tests.benchmarks.isolation`.

The same traffic twice, all accounts interleaved on every partition: undisturbed, then with one account throttled, one
unauthorized and one slow. Compared is the time from a record's being written to its event's acceptance by the emulator,
of the seventeen others. Everything runs on this machine; `--real` takes Apache Kafka in place of the embedded broker.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from consumer.config import Kafka, SchemaRegistry
from consumer.demo.broker import EmbeddedBroker
from consumer.demo.publishing import new_producer
from consumer.registry import register_schema
from consumer.schemas import Encoder, bundled_schema
from tests.harness.cluster import Cluster, EmbeddedCluster, a_real_cluster
from tests.harness.processes import Children
from tests.harness.world import World, stop

ACCOUNTS = 20
THROTTLED, UNAUTHORIZED, SLOW = "merchant-1", "merchant-2", "merchant-3"
TICK_S = 0.05


@dataclass(frozen=True, slots=True)
class Ages:
    """Seconds from writing to acceptance, over all events of the accounts compared."""

    events: int
    median_s: float
    p99_s: float


def main() -> int:
    """Run both and print the ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=30.0, help="how long records are written in each run")
    parser.add_argument("--rate", type=int, default=400, help="records a second, over all accounts")
    parser.add_argument("--latency-ms", default="200-800", help="of the emulator")
    parser.add_argument("--real", action="store_true", help="a real Apache Kafka")
    asked = parser.parse_args()
    found = {}
    for name in ("undisturbed", "disturbed"):
        with tempfile.TemporaryDirectory() as folder, _cluster(Path(folder), is_real=asked.real) as cluster:
            found[name] = _run(cluster, Path(folder), asked, is_disturbed=name == "disturbed")
        ages = found[name]
        print(f"{name:12} {ages.events:7,} events   median {ages.median_s:6.2f} s   p99 {ages.p99_s:6.2f} s")
    ratio = found["disturbed"].p99_s / found["undisturbed"].p99_s
    print(f"p99 disturbed / undisturbed: {ratio:.2f}")
    return 0 if ratio <= 2 else 1


@contextmanager
def _cluster(folder: Path, *, is_real: bool) -> Iterator[Cluster]:
    if is_real:
        with a_real_cluster(folder) as real:
            yield real
    else:
        with EmbeddedBroker() as broker:
            yield EmbeddedCluster(broker)


def _run(cluster: Cluster, folder: Path, asked: argparse.Namespace, *, is_disturbed: bool) -> Ages:
    with (
        Children(folder) as children,
        World(cluster, children, folder, accounts=ACCOUNTS, latency_ms=asked.latency_ms) as world,
    ):
        if is_disturbed:
            world.set_faults(
                {
                    "kind": "status",
                    "status": 429,
                    "headers": {"Retry-After": "2"},
                    "ad_account_id": world.accounts[THROTTLED],
                },
                {"kind": "status", "status": 401, "ad_account_id": world.accounts[UNAUTHORIZED]},
                {"kind": "delay", "ms": 9_000, "ad_account_id": world.accounts[SLOW]},
            )
        consumer = world.consumer(batch__max_events=1_000, batch__linger_s=1.0, delivery__hold_probe_s=5.0)
        consumer.wait_for_output("partitions_assigned", within_s=30)
        written = _write(world, asked)
        compared = {order_id for order_id, (merchant, _) in written.items() if merchant not in _TROUBLED}
        account_of = {account: merchant for merchant, account in world.accounts.items()}

        def accepted() -> dict[str, float]:
            return {
                event.event["custom_data"]["order_id"]: event.received_at
                for event in world.record()
                if account_of[event.ad_account_id] not in _TROUBLED
            }

        consumer.wait_until(lambda: accepted().keys() >= compared, within_s=120, what="the other accounts' events")
        ages = sorted(at - written[order_id][1] for order_id, at in accepted().items())
        stop(consumer)
    return Ages(len(ages), statistics.median(ages), ages[int(len(ages) * 0.99)])


_TROUBLED = frozenset({THROTTLED, UNAUTHORIZED, SLOW})


def _write(world: World, asked: argparse.Namespace) -> dict[str, tuple[str, float]]:
    """Write for so long; returns by order id whose order it is, and when it was written."""
    topic, schema = world.topics["orders"], bundled_schema("order")
    schema_id = register_schema(SchemaRegistry(url=world.registry.url), f"{topic}-value", schema)
    encode = Encoder(schema, schema_id=schema_id).encode
    producer = new_producer(Kafka(bootstrap_servers=world.cluster.bootstrap_servers))
    written: dict[str, tuple[str, float]] = {}
    pause = threading.Event()
    ends_s = time.monotonic() + asked.seconds
    while (left_s := ends_s - time.monotonic()) > 0:
        due = int((asked.seconds - left_s) * asked.rate) - len(written)
        for _ in range(due):
            number = len(written)
            merchant = f"merchant-{number % ACCOUNTS + 1}"
            order_id = f"A-{number}"
            producer.produce(topic, encode(_order(merchant, order_id)), key=str(number // ACCOUNTS).encode())
            written[order_id] = (merchant, time.time())
        producer.poll(0)
        pause.wait(TICK_S)
    producer.flush()
    return written


def _order(merchant: str, order_id: str) -> dict[str, Any]:
    return {
        "event_id": f"bus-{order_id}",
        "occurred_at": datetime.now(UTC),
        "merchant_id": merchant,
        "order_id": order_id,
        "status": "PLACED",
        "customer": {"emails": ["shopper@example.com"], "address": {"country": "AU"}},
    }


if __name__ == "__main__":
    sys.exit(main())
