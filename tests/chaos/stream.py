"""Writes orders and visits at a steady rate until SIGTERM: a process of its own, `python -m tests.chaos.stream`.

The samples of the demo, so about one in ten must be skipped or dead-lettered. Within a round the ids of each topic are
numbered without a gap. All replicas in sync acknowledge and the producer is idempotent, so the manifest is exact also
where brokers die. Settings come from the environment, as a replica's do.
"""

from __future__ import annotations

import argparse
import signal
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path

from confluent_kafka import Producer

from consumer.config import Config
from consumer.config_sources import load_config
from consumer.demo.encoding import SampleEncoder
from consumer.demo.publishing import Publisher, new_producer
from consumer.demo.samples import Rules, Sample
from consumer.demo.traffic import orders, visits
from consumer.registry import register_schema
from consumer.schemas import bundled_schema

ROUND = 20_000
"""So many samples are dated alike; then a new round begins, or a long run would end with old events."""
_TICK_S = 0.05


class _Topic:
    """One topic's endless samples, and where they go."""

    def __init__(self, config: Config, name: str, producer: Producer, manifest: Path, *, accounts: int) -> None:
        mapping = config.topics[name].bundled
        assert mapping is not None
        schema_id = register_schema(config.schema_registry, f"{name}-value", bundled_schema(mapping))
        self._file = manifest.open("wb", buffering=0)  # the judge reads along
        self.publisher = Publisher(producer, SampleEncoder(mapping, schema_id=schema_id), self._file)
        self._samples = chain.from_iterable(
            _round(config, name, mapping, number, accounts=accounts) for number in _numbers()
        )

    def publish(self) -> None:
        self.publisher.publish(next(self._samples))

    def close(self) -> None:
        """Wait until everything is acknowledged; raises ConsumerError if something was not."""
        self.publisher.__exit__(None, None, None)
        self._file.close()


def _numbers() -> Iterator[int]:
    number = 0
    while True:
        number += 1
        yield number


def _round(config: Config, topic: str, mapping: str, seed: int, *, accounts: int) -> Iterator[Sample]:
    now, rules = datetime.now(UTC), Rules.of(config)
    if mapping == "visit":
        return visits(ROUND, seed=seed, accounts=accounts, now=now, rules=rules, topic=topic)
    return orders(ROUND, seed=seed, accounts=accounts, now=now, rules=rules, topic=topic, with_rejected=True)


def main() -> int:
    """Write until told to stop, then until all of it is acknowledged."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=float, required=True, help="records a second, over all topics")
    parser.add_argument("--accounts", type=int, required=True)
    parser.add_argument("--manifests", type=Path, required=True, help="folder for one manifest a topic")
    asked = parser.parse_args()
    stopped = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    config = load_config(None)
    producer = new_producer(config.kafka)
    topics = [
        _Topic(config, name, producer, asked.manifests / f"{name}.manifest", accounts=asked.accounts)
        for name in sorted(config.topics)
    ]
    print("streaming", flush=True)
    began_s, published = time.monotonic(), 0
    while not stopped.wait(_TICK_S):
        due = int((time.monotonic() - began_s) * asked.rate)
        while published < due and not stopped.is_set():
            topics[published % len(topics)].publish()
            published += 1
        producer.poll(0)
    for topic in topics:
        topic.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
