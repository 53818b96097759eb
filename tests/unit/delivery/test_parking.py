"""When events of a held account may be parked, and how many."""

from __future__ import annotations

from consumer.delivery.parking import Parking

HELD_S = 1_000.0


def test_nothing_may_be_parked_before_anything_was_accepted() -> None:
    assert Parking(1_000).allows(HELD_S, HELD_S + 1) == 0


def test_an_acceptance_pays_for_so_many_events_and_no_more() -> None:
    parking = Parking(1_000)
    parking.earn(2, HELD_S + 1)
    assert parking.allows(HELD_S, HELD_S + 1) == 40

    parking.spend(39)

    assert parking.allows(HELD_S, HELD_S + 1) == 1


def test_no_more_is_kept_than_the_most() -> None:
    parking = Parking(1_000)

    parking.earn(600, HELD_S + 1)
    parking.earn(600, HELD_S + 2)

    assert parking.allows(HELD_S, HELD_S + 2) == 1_000


def test_a_minute_without_an_acceptance_is_the_end_of_it_and_of_what_was_earned_before() -> None:
    parking = Parking(1_000)
    parking.earn(10, HELD_S + 1)
    assert parking.allows(HELD_S, HELD_S + 61) == 200
    assert parking.allows(HELD_S, HELD_S + 62) == 0

    parking.earn(1, HELD_S + 90)

    assert parking.allows(HELD_S, HELD_S + 90) == 20


def test_a_request_that_accepted_nothing_is_no_sign_that_others_are_served() -> None:
    parking = Parking(1_000)
    parking.earn(1, HELD_S + 1)

    parking.earn(0, HELD_S + 61)

    assert parking.allows(HELD_S, HELD_S + 62) == 0


def test_what_was_accepted_before_the_account_was_held_says_nothing() -> None:
    """A token that all accounts share may have been revoked: then all are held at the same moment."""
    parking = Parking(1_000)

    parking.earn(1, HELD_S)

    assert parking.allows(HELD_S, HELD_S + 1) == 0
