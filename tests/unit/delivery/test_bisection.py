"""How a refused batch is halved, and where its pieces stand."""

from __future__ import annotations

from dataclasses import replace

from consumer.delivery.bisection import narrow, place
from consumer.pinterest.answers import Refused
from consumer.records import Batch, DeadLetterReason, Rejected
from tests.unit.stages.builders import WALL_S, batch_of, event_of

REFUSED = Refused("HTTP 400: no", 400, 4196)


def halves(batch: Batch, budget: int = 10) -> tuple[Batch, Batch]:
    narrowed = narrow(batch, REFUSED, budget=budget)
    assert not isinstance(narrowed, Rejected)
    return narrowed


def test_the_halves_hold_every_event_once_and_share_the_search() -> None:
    batch = batch_of(*(event_of(name) for name in "abcde"), attempts=3, first_failed_s=WALL_S)

    first, second = halves(batch)

    assert first.events + second.events == batch.events
    assert first.search is second.search is not None
    assert {(piece.attempts, piece.first_failed_s) for piece in (first, second)} == {(3, WALL_S)}


def test_a_single_event_is_the_culprit_without_any_search() -> None:
    batch = batch_of(event_of())

    assert narrow(batch, REFUSED, budget=10) == Rejected("HTTP 400: no", DeadLetterReason.REFUSED, 400, 4196)


def test_the_refusals_of_all_pieces_are_counted_together() -> None:
    first, second = halves(batch_of(*(event_of(name) for name in "abcdefgh")), budget=4)

    (a, _), (_, _) = halves(first), halves(second)
    given_up = narrow(a, REFUSED, budget=4)

    assert isinstance(given_up, Rejected)
    assert second.search is not None
    assert second.search.given_up == given_up


def test_a_search_once_given_up_stays_so_in_the_same_words() -> None:
    first, second = halves(batch_of(*(event_of(name) for name in "abcd")), budget=2)
    given_up = narrow(first, REFUSED, budget=2)

    assert narrow(second, replace(REFUSED, detail="HTTP 400: other words"), budget=2) == given_up


def test_pieces_keep_the_place_of_their_batch_and_the_larger_go_first() -> None:
    old, young = event_of(age_s=500), event_of(age_s=10)
    small, large = halves(batch_of(old, young, young, young, young))
    other = batch_of(event_of(age_s=400))

    order = sorted([other, small, large], key=place)

    assert order == [large, small, other]
