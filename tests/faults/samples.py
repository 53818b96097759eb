"""Writes sample records without the seconds that a process of its own would take to start."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from itertools import count as numbers
from typing import Any

from consumer.config_sources import load_config
from consumer.demo.encoding import SampleEncoder
from consumer.demo.publishing import Encodes, Publisher, new_producer
from consumer.demo.samples import Rules, Sample
from consumer.demo.traffic import orders, visits
from consumer.registry import register_schema
from consumer.schemas import Encoder, bundled_schema
from tests.harness.ledger import Produced, read_manifest
from tests.harness.world import World

_SEEDS = numbers(1)


def register(world: World, kind: str, schema: Mapping[str, Any]) -> int:
    """Register a schema under the topic's subject; its id."""
    config = load_config(environ=world.environment())
    return register_schema(config.schema_registry, f"{world.topics[kind]}-value", schema)


def write(
    world: World, kind: str, count: int, *, writer: tuple[Mapping[str, Any], int] | None = None
) -> list[Produced]:
    """Write so many `orders` or `visits`; returns once the brokers have them.

    Args:
        world: Where to.
        kind: Of records.
        count: How many.
        writer: Schema and id to write with, where it is not the bundled one.
    """
    topic, seed = world.topics[kind], next(_SEEDS)
    config = load_config(environ=world.environment())
    mapping = config.topics[topic].bundled
    assert mapping is not None
    encoder: Encodes
    if writer is None:
        encoder = SampleEncoder(mapping, schema_id=register(world, kind, bundled_schema(mapping)))
    else:
        encoder = Encoder(writer[0], schema_id=writer[1])
    invent = orders if kind == "orders" else visits
    samples: Iterator[Sample] = invent(
        count, seed=seed, accounts=len(world.accounts), now=datetime.now(UTC), rules=Rules.of(config), topic=topic
    )
    manifest = world.new_manifest(f"{kind}-{seed}")
    with manifest.open("wb") as lines, Publisher(new_producer(config.kafka), encoder, lines) as publisher:
        for sample in samples:
            publisher.publish(sample)
    return read_manifest(manifest)
