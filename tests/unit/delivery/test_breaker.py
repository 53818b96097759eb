"""When the API as a whole is taken for down, and how it is asked then."""

from __future__ import annotations

import pytest

from consumer.delivery.breaker import Breaker
from consumer.pinterest.answers import (
    Ambiguous,
    Answer,
    Forbidden,
    Judged,
    Refused,
    Throttled,
    Unauthorized,
    Unavailable,
)

DOWN = Unavailable("HTTP 503")
TIMED_OUT = Ambiguous("no answer", is_unreadable=False)


def breaker_of(*failed: str, now_s: float = 100.0) -> Breaker:
    """Told of one failure of each of these accounts. The n-th wait is n seconds."""
    breaker = Breaker(float)
    for account in failed:
        breaker.hear(account, DOWN, now_s)
    return breaker


@pytest.mark.parametrize(
    ("failed", "is_open"),
    [
        pytest.param("ABABA", True, id="five of two accounts"),
        pytest.param("ABCDE", True, id="one of each of five"),
        pytest.param("AAAAB", True, id="the last of another account"),
        pytest.param("ABAB", False, id="only four"),
        pytest.param("AAAAAAAAAA", False, id="one account's alone"),
    ],
)
def test_it_takes_several_failures_of_more_than_one_account(failed: str, *, is_open: bool) -> None:
    breaker = breaker_of(*failed)

    assert (breaker.hold is not None) is is_open
    assert breaker.permits(8, 100.0) == (0 if is_open else 8)


def test_timeouts_and_failures_count_together() -> None:
    breaker = breaker_of(*"ABAB")

    breaker.hear("C", TIMED_OUT, 100.0)

    assert breaker.hold is not None


def test_failures_of_requests_that_were_under_way_with_the_others_lengthen_no_wait() -> None:
    breaker = breaker_of(*"ABCDE")

    for account in "FGH":
        breaker.hear(account, DOWN, 100.5)

    assert [breaker.permits(8, now_s) for now_s in (100.9, 101.0)] == [0, 1]


def test_each_failed_try_lengthens_the_wait() -> None:
    breaker = breaker_of(*"ABCDE")

    breaker.hear("A", DOWN, 101.0)

    assert [breaker.permits(8, now_s) for now_s in (102.9, 103.0)] == [0, 1]


@pytest.mark.parametrize(
    "sign",
    [Judged(()), Refused("", 400, 1), Unauthorized(""), Forbidden(""), Throttled(None)],
    ids=lambda a: type(a).__name__,
)
def test_any_word_of_the_api_closes_it_and_the_row_begins_anew(sign: Answer) -> None:
    breaker = breaker_of(*"ABCDE")

    breaker.hear("A", sign, 101.0)

    assert (breaker.hold, breaker.failed, breaker.permits(8, 101.0)) == (None, frozenset(), 8)
    for account in "ABCD":
        breaker.hear(account, DOWN, 102.0)
    assert breaker.hold is None


def test_an_account_without_a_token_is_no_sign_of_the_api() -> None:
    breaker = breaker_of(*"ABABA")

    breaker.hear("C", Unauthorized("no token", was_asked=False), 101.0)

    assert breaker.hold is not None
