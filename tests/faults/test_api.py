"""What Pinterest, or whatever stands in between, answers: refusals, outages, answers cut short, and none at all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from tests.faults.group import (
    COOPERATIVE,
    REPLICAS,
    TIMEOUT_S,
    Group,
    Once,
    Proofs,
    Stand,
    begin,
    wait_for_all,
    wait_until_committed,
)
from tests.harness.ledger import Produced

pytestmark = pytest.mark.real_kafka

EVENTS = 10
"""In a request, at most."""


@dataclass(frozen=True)
class Fault:
    """What the emulator is told, and how many events may come twice for it."""

    faults: tuple[dict[str, Any], ...]
    repeats: int = 0
    dead_letters: str | None = None
    """The reason with which orders whose number ends in 7 are given up."""

    @property
    def is_to_be_lifted(self) -> bool:
        """Does it stand until somebody mends it, as no event could be delivered before?"""
        return self.dead_letters is None and not all("count" in fault for fault in self.faults)


def one(**fault: Any) -> tuple[dict[str, Any], ...]:
    return (fault,)


SOME_ORDERS = {"event_name": "checkout", "order_id_suffix": "7"}
FAULTS = {
    "401": Fault(one(kind="status", status=401)),
    "403": Fault(one(kind="status", status=403)),
    "429 with a delay": Fault(one(kind="status", status=429, headers={"Retry-After": "1"}, count=4)),
    "429 without a delay": Fault(one(kind="status", status=429, count=8)),
    "503": Fault(one(kind="status", status=503)),
    "422, some of the events": Fault(one(kind="reject_event", **SOME_ORDERS), dead_letters="rejected"),
    "200 with failed items": Fault(one(kind="reject_event", status=200, **SOME_ORDERS), dead_letters="rejected"),
    "400, naming none": Fault(one(kind="poison_event", **SOME_ORDERS), dead_letters="refused"),
    "reset before acceptance": Fault(one(kind="disconnect", count=4)),
    "reset after acceptance": Fault(one(kind="accept_then_disconnect", count=2), repeats=2 * EVENTS),
    "500 after acceptance": Fault(one(kind="status_after_recording", count=2), repeats=2 * EVENTS),
    "time-out after acceptance": Fault(one(kind="delay", ms=int(TIMEOUT_S * 1_500), count=2), repeats=2 * EVENTS),
    "slow": Fault(one(kind="drip", seconds=2, count=4)),
    "dripping beyond the time-out": Fault(one(kind="drip", seconds=30, head_too=True, count=2), repeats=2 * EVENTS),
    "truncated": Fault(one(kind="garbage", count=2), repeats=2 * EVENTS),
    "one verdict too few": Fault(one(kind="garbage", too_few_events=True, count=2), repeats=2 * EVENTS),
    "oversized": Fault(one(kind="oversized", mib=8, count=2), repeats=2 * EVENTS),
    "a page of a proxy": Fault(one(kind="status", status=502, html=True, count=4)),
}

ADDRESSES = ("no such host", "no TLS")

ONCE = Once()


def duo(stand: Stand) -> Stand:
    """Requests know nothing of the group's protocol: one of them will do."""
    return {(COOPERATIVE, replicas): stand[COOPERATIVE, replicas] for replicas in REPLICAS}


def suffer(fault: Fault, groups: Stand) -> Proofs:
    for group in groups.values():
        group.world.set_faults(*fault.faults)
    begin(groups.values(), count=200)
    wait_for_all(has_struck, list(groups.values()), what="the fault in every group")
    if fault.is_to_be_lifted:
        for group in groups.values():
            group.world.set_faults()
    wait_until_committed(groups.values())
    for group in groups.values():
        group.world.set_faults()
    return {shape: group.proof() for shape, group in groups.items()}


def has_struck(group: Group) -> bool:
    """Has the fault struck as often as it may, or often enough, while something is under way?"""
    return all(strikes >= min(fault.get("count", 3), 3) for fault, strikes in group.world.faults())


def is_struck(line: Produced) -> bool:
    event_id = line.event_id or ""
    return event_id.endswith("7:checkout")


@pytest.mark.parametrize("replicas", REPLICAS)
@pytest.mark.parametrize("name", FAULTS)
def test_an_answer_that_is_none_loses_nothing(stand: Stand, name: str, replicas: int) -> None:
    fault = FAULTS[name]

    proof = ONCE.proofs(name, lambda: suffer(fault, duo(stand)))[COOPERATIVE, replicas]

    proof.holds(repeats=fault.repeats, given_up=proof.given_up(fault.dead_letters, is_struck))


@pytest.mark.parametrize("replicas", REPLICAS)
@pytest.mark.parametrize("address", ADDRESSES)
def test_an_address_where_nobody_can_be_talked_to_loses_nothing(stand: Stand, address: str, replicas: int) -> None:
    group = stand[COOPERATIVE, replicas]
    wrong = {"no such host": "https://api.pinterest.invalid/v5", "no TLS": group.world.api_address("https")}[address]
    group.watch()
    group.replace(group.replicas[0], pinterest__base_url=wrong)
    wait_for_all(Group.has_settled_down, [group], what="an owner for every partition")
    misled = group.replicas[-1]

    group.write(200)
    misled.wait_for_output("held", within_s=60)
    group.replace(misled)
    wait_until_committed([group])

    group.proof().holds()
