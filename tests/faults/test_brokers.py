"""What befalls the brokers: one is killed, the coordinator is killed, the coordinator is silent."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import pytest
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._config import AlterConfigOpType, ConfigEntry, ConfigResource
from confluent_kafka.admin._resource import ResourceType

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
from tests.harness.cluster import QUIET
from tests.harness.kafka.brokers import Brokers

pytestmark = pytest.mark.real_kafka


def coordinator(stand: Stand, quorum: Brokers) -> int:
    """The broker that all groups of the stand have as their coordinator."""
    client = AdminClient({"bootstrap.servers": quorum.bootstrap_servers, **QUIET})
    groups = [group.world.group for group in stand.values()]
    answers = client.describe_consumer_groups(groups, request_timeout=20)
    (node,) = {answer.result(20).coordinator.id for answer in answers.values()}
    return int(node)


def kill_another(stand: Stand, quorum: Brokers) -> None:
    node = next(node for node in (1, 2, 3) if node != coordinator(stand, quorum))
    kill(quorum, node)


def kill_the_coordinator(stand: Stand, quorum: Brokers) -> None:
    kill(quorum, coordinator(stand, quorum))


def kill(quorum: Brokers, node: int) -> None:
    quorum.kill(node)
    quorum.restart(node)


def silence_the_coordinator(stand: Stand, quorum: Brokers) -> None:
    node = coordinator(stand, quorum)
    quorum.freeze(node)
    try:
        quorum.wait_until_given_up(node)
    finally:
        quorum.thaw(node)


FAULTS: Mapping[str, Callable[[Stand, Brokers], None]] = {
    "a broker is killed": kill_another,
    "the coordinator is killed": kill_the_coordinator,
    "the coordinator is silent": silence_the_coordinator,
}
WRITTEN = 400
MOST_REPEATS = {"a broker is killed": 0, "the coordinator is killed": WRITTEN, "the coordinator is silent": WRITTEN}
"""Without its coordinator a group commits nothing; if it expels its members for that, all that was accepted meanwhile
comes again. That nothing does which a commit had covered is looked at apart."""

ONCE = Once()


def suffer(fault: str, stand: Stand, quorum: Brokers) -> Proofs:
    bring_to_an_awkward_moment(stand.values(), count=WRITTEN)
    for group in stand.values():
        group.struck_at = time.time()
    FAULTS[fault](stand, quorum)
    wait_until_committed(stand.values())
    return {shape: group.proof() for shape, group in stand.items()}


@pytest.mark.parametrize("replicas", REPLICAS)
@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("fault", FAULTS)
def test_brokers_in_trouble_lose_nothing(
    stand_on_quorum: Stand, quorum: Brokers, fault: str, protocol: str, replicas: int
) -> None:
    proof = ONCE.proofs(fault, lambda: suffer(fault, stand_on_quorum, quorum))[protocol, replicas]

    proof.holds(repeats=MOST_REPEATS[fault])


def set_in_sync_replicas(group: Group, count: int) -> None:
    """So many brokers must have a letter."""
    entry = ConfigEntry("min.insync.replicas", str(count), incremental_operation=AlterConfigOpType.SET)
    topic = ConfigResource(ResourceType.TOPIC, group.world.dead_letter_topic, incremental_configs=[entry])
    client = AdminClient(
        {"bootstrap.servers": group.world.cluster.bootstrap_servers, **QUIET}
    )  # or its futures end not
    for done in client.incremental_alter_configs([topic]).values():
        done.result(20)


def suffer_letters_that_are_not_taken(stand: Stand, quorum: Brokers) -> Proofs:
    for group in stand.values():
        set_in_sync_replicas(group, 3)
    node = next(node for node in (1, 2, 3) if node != coordinator(stand, quorum))
    quorum.kill(node)
    written = {shape: len(group.world.letters()) for shape, group in stand.items()}
    bring_to_an_awkward_moment(stand.values(), count=WRITTEN)
    for group in stand.values():
        group.struck_at = time.time()
    assert written == {shape: len(group.world.letters()) for shape, group in stand.items()}, "letters were taken"
    quorum.restart(node)
    wait_until_committed(stand.values())
    for group in stand.values():
        set_in_sync_replicas(group, 2)
    return {shape: group.proof() for shape, group in stand.items()}


@pytest.mark.parametrize("replicas", REPLICAS)
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_dead_letter_topic_short_of_replicas_takes_every_letter_once_it_has_them(
    stand_on_quorum: Stand, quorum: Brokers, protocol: str, replicas: int
) -> None:
    found = ONCE.proofs("letters", lambda: suffer_letters_that_are_not_taken(stand_on_quorum, quorum))

    found[protocol, replicas].holds()
