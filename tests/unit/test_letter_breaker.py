"""When so many letters would be written that it cannot be the records' own fault any more."""

from __future__ import annotations

import pytest

from consumer.config import DeadLetters
from consumer.letter_breaker import LetterBreaker
from consumer.records import DeadLetterReason, Letter
from tests.unit.stages.builders import assignment_of, record_of

RUN = 100


@pytest.fixture
def breaker() -> LetterBreaker:
    return LetterBreaker(DeadLetters(max_run=RUN, max_share=0.5))


def letter(topic: str = "orders", stage: str = "map", reason: DeadLetterReason = DeadLetterReason.INVALID) -> Letter:
    return Letter(record_of(assignment_of(topic=topic)), reason, stage, "order_id: missing")


def written(breaker: LetterBreaker, count: int, one: Letter | None = None) -> int:
    """How many of so many letters are admitted."""
    return sum(breaker.admits(one or letter()) for _ in range(count))


def test_a_run_as_long_as_allowed_is_written_and_not_one_more(breaker: LetterBreaker) -> None:
    assert written(breaker, RUN + 50) == RUN
    assert breaker.open["orders"].seen == f"{RUN + 1} records in a row"


def test_one_good_record_ends_a_run(breaker: LetterBreaker) -> None:
    written(breaker, RUN)

    breaker.mapped("orders")

    assert written(breaker, RUN) == RUN


def test_once_open_it_stays_open_whatever_comes(breaker: LetterBreaker) -> None:
    written(breaker, RUN + 1)

    breaker.mapped("orders")
    breaker.accepted("orders")

    assert written(breaker, 1) == 0


def test_a_topic_is_judged_by_itself(breaker: LetterBreaker) -> None:
    written(breaker, RUN + 1)

    assert written(breaker, RUN, letter("visits")) == RUN


def test_too_large_a_share_opens_it_though_no_run_is_long(breaker: LetterBreaker) -> None:
    admitted = 0
    for _ in range(1_000):
        breaker.mapped("orders")
        admitted += written(breaker, 2)

    assert admitted < 700
    assert breaker.open["orders"].seen == "67% of the last 1001 records"


def test_a_share_below_the_largest_is_borne_for_ever(breaker: LetterBreaker) -> None:
    for _ in range(5_000):
        breaker.mapped("orders")
        breaker.mapped("orders")
        breaker.mapped("orders")
        assert written(breaker, 2) == 2


def test_an_old_good_time_does_not_hide_a_bad_one(breaker: LetterBreaker) -> None:
    for _ in range(100_000):
        breaker.mapped("orders")

    for _ in range(3_000):
        breaker.mapped("orders")
        written(breaker, 3)

    assert breaker.open


def test_acceptances_do_not_excuse_what_cannot_be_read(breaker: LetterBreaker) -> None:
    """Verdicts on events come long after records are mapped, so the two are judged apart."""
    for _ in range(RUN):
        breaker.accepted("orders")
        assert breaker.admits(letter())

    breaker.accepted("orders")

    assert not breaker.admits(letter())


def test_what_the_api_refuses_is_judged_by_what_it_accepts(breaker: LetterBreaker) -> None:
    refused = letter(stage="deliver", reason=DeadLetterReason.REFUSED)
    for _ in range(RUN):
        breaker.mapped("orders")
        assert breaker.admits(refused)

    assert not breaker.admits(refused)


def test_parked_events_do_not_count(breaker: LetterBreaker) -> None:
    parked = letter(stage="deliver", reason=DeadLetterReason.ACCOUNT_HELD)

    assert written(breaker, 3 * RUN, parked) == 3 * RUN
    assert written(breaker, RUN) == RUN


def test_parked_events_are_written_even_when_it_is_open(breaker: LetterBreaker) -> None:
    written(breaker, RUN + 1)

    assert breaker.admits(letter(stage="deliver", reason=DeadLetterReason.ACCOUNT_HELD))


def test_after_an_assignment_half_a_run_is_enough(breaker: LetterBreaker) -> None:
    breaker.suspect(["orders"])

    assert written(breaker, RUN) == RUN // 2


def test_an_assignment_while_it_is_known_to_be_well_changes_nothing(breaker: LetterBreaker) -> None:
    breaker.mapped("orders")
    breaker.suspect(["orders"])

    assert written(breaker, RUN) == RUN


def test_a_suspicion_ends_with_the_first_good_record(breaker: LetterBreaker) -> None:
    breaker.suspect(["orders"])

    breaker.mapped("orders")

    assert written(breaker, RUN) == RUN
