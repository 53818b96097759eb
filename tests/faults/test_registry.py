"""What befalls the registry, and schemas: a new one in mid-stream, asked for while nobody can tell it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from consumer.demo.registry import Fault as Refusal
from consumer.demo.registry_schemas import SCHEMA_NOT_FOUND
from consumer.schemas import bundled_schema
from tests.faults.group import COOPERATIVE, REPLICAS, Group, Once, Proofs, Stand, wait_for_all, wait_until_committed
from tests.faults.samples import register, write

pytestmark = pytest.mark.real_kafka

NOT_FOUND = json.dumps({"error_code": SCHEMA_NOT_FOUND, "message": "Schema not found"}).encode()
FAULTS = {
    "a new schema": None,
    "down": Refusal(is_dropped=True),
    "500": Refusal(status=500),
    "404": Refusal(status=404, body=NOT_FOUND),
    "slow": Refusal(delay_s=1.0),
}

ONCE = Once()
MANY = 1_000


def the_next_schema(name: str) -> dict[str, Any]:
    """Compatible with the one before: an optional field more, under a name of this fault's own."""
    schema = bundled_schema("order")
    field = {"name": f"note_{len(name)}_{name[0]}", "type": ["null", "string"], "default": None}
    return {**schema, "fields": [*schema["fields"], field]}


def suffer(name: str, stand: Stand) -> Proofs:
    groups = {(COOPERATIVE, replicas): stand[COOPERATIVE, replicas] for replicas in REPLICAS}
    fault = FAULTS[name]
    wait_for_all(Group.has_settled_down, list(groups.values()), what="an owner for every partition")
    for group in groups.values():
        group.watch()
        schema = the_next_schema(name)
        schema_id = register(group.world, "orders", schema)
        group.world.registry.faults.extend([fault] * MANY if fault is not None else [])
        group.slice = write(group.world, "orders", 200, writer=(schema, schema_id))
    if fault is not None:
        wait_for_all(has_struck, list(groups.values()), what="a look-up that failed")
    for group in groups.values():
        group.world.registry.faults.clear()
    wait_until_committed(groups.values())
    return {shape: group.proof() for shape, group in groups.items()}


def has_struck(group: Group) -> bool:
    return len(group.world.registry.faults) < MANY


@pytest.mark.parametrize("replicas", REPLICAS)
@pytest.mark.parametrize("name", FAULTS)
def test_a_schema_that_cannot_be_had_yet_loses_nothing_and_dead_letters_nothing(
    stand: Stand, name: str, replicas: int
) -> None:
    ONCE.proofs(name, lambda: suffer(name, stand))[COOPERATIVE, replicas].holds()
