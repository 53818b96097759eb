"""How much of the limits one ad account may take up beside others."""

from __future__ import annotations

from collections.abc import Collection

import pytest

from consumer.config import Limits
from consumer.records import Assignment, Event
from consumer.shares import Shares
from tests.unit.stages.builders import ACCOUNT, assignment_of, event_of

OTHER = "549000000002"
LIMITS = Limits(max_events=1_000, max_bytes=1_000_000)
SHARE = 250


def events(count: int, account: str = ACCOUNT, size_bytes: int = 100, partition: int = 0) -> list[Event]:
    assignment = assignment_of(partition)
    made = [event_of(str(number), account=account, assignment=assignment) for number in range(count)]
    for event in made:
        event.record.size_bytes = size_bytes
    return made


@pytest.fixture
def shares() -> Shares:
    """Beside another account, of which one event was there and is gone."""
    shares = Shares(LIMITS)
    (other,) = events(1, OTHER)
    shares.enter(other)
    shares.leave(other)
    return shares


def enter(shares: Shares, entering: list[Event]) -> None:
    for event in entering:
        shares.enter(event)


def crowded(shares: Shares, parked: Collection[str]) -> set[Assignment]:
    return shares.assignments_of(shares.slowed(parked))


def leave(shares: Shares, leaving: list[Event]) -> None:
    for event in leaving:
        shares.leave(event)


def test_a_quarter_of_the_events_is_a_share_and_more_is_too_much(shares: Shares) -> None:
    enter(shares, events(SHARE))
    assert shares.excess() == {}

    enter(shares, events(3))

    assert shares.excess() == {ACCOUNT: 3}


def test_bytes_count_as_well(shares: Shares) -> None:
    """Of 26 events of 10,000 bytes 25 fit into a quarter of 1,000,000."""
    enter(shares, events(26, size_bytes=10_000))

    assert shares.excess() == {ACCOUNT: 1}


def test_a_single_account_may_have_everything() -> None:
    shares = Shares(LIMITS)

    enter(shares, events(1_000))

    assert shares.excess() == {}
    assert crowded(shares, ()) == set()


def test_the_partitions_of_an_account_beyond_its_share_are_read_no_further_until_half_of_it_is_gone(
    shares: Shares,
) -> None:
    held = events(SHARE + 1)
    elsewhere = events(1, OTHER, partition=1)
    enter(shares, held + elsewhere)
    assignment = held[0].record.assignment
    assert crowded(shares, ()) == {assignment}

    leave(shares, held[: SHARE // 2])
    assert crowded(shares, ()) == {assignment}
    leave(shares, held[SHARE // 2 : SHARE // 2 + 1])

    assert crowded(shares, ()) == set()


def test_a_partition_without_anything_of_it_left_is_read_on(shares: Shares) -> None:
    here, there = events(SHARE), events(1, partition=1)
    enter(shares, here + there)
    assert len(crowded(shares, ())) == 2

    leave(shares, there)

    assert crowded(shares, ()) == {here[0].record.assignment}


def test_an_account_whose_excess_is_parked_need_only_keep_to_its_share(shares: Shares) -> None:
    held = events(SHARE + 1)
    enter(shares, held)
    assert crowded(shares, {ACCOUNT})

    leave(shares, held[:1])

    assert crowded(shares, {ACCOUNT}) == set()
