"""What is in hand against the limits, and the counters that telemetry reads."""

from __future__ import annotations

from decimal import Decimal

import pytest

from consumer.records import DeadLetterReason, SkipReason
from consumer.tallies import AGE_BOUNDS_S, InHand, Tallies
from tests.unit.stages.builders import WALL_S, event_of, record_of

# --- in hand ------------------------------------------------------------------------------------------------


def in_hand_of(events: int, size_bytes: int = 0, *, max_events: int = 10, max_bytes: int = 1_000) -> InHand:
    in_hand = InHand(max_events, max_bytes)
    for number in range(events):
        in_hand.add(size_bytes if number == 0 else 0)
    return in_hand


@pytest.mark.parametrize(
    ("events", "size_bytes", "room"),
    [
        pytest.param(0, 0, 10, id="nothing in hand"),
        pytest.param(9, 999, 1, id="one more"),
        pytest.param(10, 0, 0, id="full by count"),
        pytest.param(12, 0, 0, id="over by count"),
        pytest.param(1, 1_000, 0, id="full by bytes"),
        pytest.param(1, 5_000, 0, id="over by bytes"),
        pytest.param(2, 400, 3, id="as many of that size as the bytes left can hold"),
        pytest.param(2, 990, 1, id="at least one while there is room at all"),
    ],
)
def test_room_ends_at_either_limit(events: int, size_bytes: int, room: int) -> None:
    in_hand = in_hand_of(events, size_bytes)

    assert in_hand.room == room
    assert in_hand.is_full is (room == 0)


@pytest.mark.parametrize(("events", "size_bytes", "is_half_empty"), [(5, 500, True), (6, 500, False), (5, 501, False)])
def test_reading_starts_again_only_when_both_are_half_empty(
    *, events: int, size_bytes: int, is_half_empty: bool
) -> None:
    assert in_hand_of(events, size_bytes).is_half_empty is is_half_empty


def test_what_was_made_of_a_record_goes_with_it() -> None:
    in_hand = InHand(10, 1_000)
    record = record_of()
    in_hand.add(record.size_bytes)

    in_hand.grow(record, 50)

    assert (in_hand.events, in_hand.size_bytes) == (1, 150)
    in_hand.remove(record.size_bytes)
    assert (in_hand.events, in_hand.size_bytes) == (0, 0)


# --- tallies ------------------------------------------------------------------------------------------------


def test_an_accepted_event_is_counted_with_its_worth() -> None:
    tallies = Tallies()

    tallies.accept(event_of(value=Decimal("0.10"), currency="EUR"), WALL_S)
    tallies.accept(event_of(value=Decimal("0.20"), currency="EUR"), WALL_S + 1)
    tallies.accept(event_of(value=Decimal(7), currency="USD", action_source="offline"), WALL_S + 2)

    assert tallies.accepted == {("orders", "checkout", "web"): 2, ("orders", "checkout", "offline"): 1}
    assert tallies.value == {("checkout", "EUR"): Decimal("0.30"), ("checkout", "USD"): Decimal(7)}
    assert tallies.last_accepted_wall_s == WALL_S + 2


def test_an_event_without_a_worth_is_counted_without_one() -> None:
    tallies = Tallies()

    tallies.accept(event_of(event_name="page_visit", value=None, currency=None), WALL_S)

    assert tallies.accepted == {("orders", "page_visit", "web"): 1}
    assert tallies.value == {}


def test_an_accepted_event_is_counted_with_what_it_carries_and_its_age() -> None:
    tallies = Tallies()

    tallies.accept(event_of(age_s=60, components=0b1000001), WALL_S)
    tallies.accept(event_of(age_s=61, components=0b1000001), WALL_S)
    tallies.accept(event_of(age_s=10**7, components=0b1000000), WALL_S)

    account = event_of().ad_account_id
    assert tallies.coverage == {(account, "checkout", 0b1000001): 2, (account, "checkout", 0b1000000): 1}
    counts = dict(zip([*AGE_BOUNDS_S, "beyond"], tallies.ages.counts, strict=True))
    assert {bound: count for bound, count in counts.items() if count} == {60.0: 1, 300.0: 1, "beyond": 1}
    assert tallies.ages.total == pytest.approx(10_000_121 + 3 * (WALL_S % 1))


def test_a_copy_stays_as_it_was() -> None:
    tallies = Tallies()
    count_once(tallies)
    expected = Tallies()
    count_once(expected)

    copy = tallies.copy()
    count_once(tallies)

    assert copy == expected
    assert tallies != expected


def count_once(tallies: Tallies) -> None:
    """Every counter there is."""
    tallies.consumed["orders"] += 1
    tallies.accept(event_of(), tallies.last_accepted_wall_s + 1)
    tallies.skipped["orders", "", SkipReason.BOT] += 1
    tallies.dead_lettered["orders", DeadLetterReason.INVALID] += 1
    tallies.abandoned["orders"] += 1
    tallies.answers["judged"] += 1
    tallies.clip(("language", "language"))
    tallies.remarks["currency"] += 1
