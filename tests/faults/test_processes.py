"""What befalls a replica: asked to end, killed, frozen. One of its group at a time, under each protocol."""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.faults.group import (
    PROTOCOLS,
    REPLICAS,
    Group,
    Once,
    Proofs,
    Stand,
    bring_to_an_awkward_moment,
    wait_until_committed,
)
from tests.harness.world import stop

pytestmark = pytest.mark.real_kafka

UNDER_WAY = 4 * 10
"""Requests at once by events in each."""


def sigterm(group: Group) -> None:
    victim = group.one_with_records_in_hand()
    group.replicas.remove(victim)
    assert stop(victim)["balanced"]
    group.start()


def sigkill(group: Group) -> None:
    victim = group.one_with_records_in_hand()
    group.replicas.remove(victim)
    victim.kill()
    group.start()


def sigstop(group: Group) -> None:
    victim = group.one_with_records_in_hand()
    victim.send(signal.SIGSTOP)
    group.wait_until_members_are(len(group.replicas) - 1)
    victim.send(signal.SIGCONT)
    victim.wait_for_output("partitions_lost", within_s=30)


FAULTS: Mapping[str, Callable[[Group], None]] = {
    "SIGTERM": sigterm,
    "SIGKILL": sigkill,
    "SIGSTOP": sigstop,
}
MOST_REPEATS = {"SIGTERM": 0, "SIGKILL": 2 * UNDER_WAY, "SIGSTOP": 2 * UNDER_WAY}
"""In a kill: what is under way, and what was accepted since the last commit that was acknowledged."""

ONCE = Once()


def suffer(fault: str, stand: Stand) -> Proofs:
    """All groups at the same time."""
    groups = stand.values()
    bring_to_an_awkward_moment(groups, count=400)
    with ThreadPoolExecutor(len(groups)) as pool:
        list(pool.map(FAULTS[fault], groups))
    wait_until_committed(groups)
    return {shape: group.proof() for shape, group in stand.items()}


@pytest.mark.parametrize("replicas", REPLICAS)
@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_replica_in_trouble_loses_nothing(stand: Stand, fault: str, protocol: str, replicas: int) -> None:
    proof = ONCE.proofs(fault, lambda: suffer(fault, stand))[protocol, replicas]

    proof.holds(repeats=MOST_REPEATS[fault])
