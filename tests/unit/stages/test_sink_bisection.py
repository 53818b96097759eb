"""A request refused as a whole: the culprits are found within a budget, and everybody else is accepted."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consumer.pinterest.answers import Answer, Refused, Throttled
from consumer.records import Abandoned, Accepted, Batch, DeadLetterReason, Rejected, Verdict
from tests.unit.stages.builders import WALL_S, assignment_of, batch_of, event_of
from tests.unit.stages.sink_rig import DOWN, REFUSED, TIMED_OUT, UNAUTHORIZED, Rig, judged, outcomes

WORDS = Refused("HTTP 400, code 4196: 'colour' was unexpected", 400, 4196)


def poisoned_by(culprits: set[int]) -> Callable[[Batch], Answer]:
    return lambda batch: WORDS if any(int(event.event_id) in culprits for event in batch.events) else judged(batch)


def numbered(count: int) -> Batch:
    return batch_of(*(event_of(str(number)) for number in range(count)))


def all_refused(batch: Batch) -> Answer:
    del batch
    return WORDS


def reasons(verdicts: list[Verdict]) -> Counter[DeadLetterReason]:
    return Counter(verdict.outcome.reason for verdict in verdicts if isinstance(verdict.outcome, Rejected))


@pytest.mark.parametrize(
    ("status", "reason"), [(400, DeadLetterReason.REFUSED), (413, DeadLetterReason.OVERSIZED)], ids=["400", "413"]
)
def test_an_event_refused_alone_is_the_culprit(status: int, reason: DeadLetterReason) -> None:
    rig = Rig()
    rig.submit(batch_of(event_of("a")))
    batch = rig.start_one()

    (verdict,) = rig.receive(batch, Refused("HTTP 400: no", status, 4196))

    assert verdict == Verdict(batch.events[0], Rejected("HTTP 400: no", reason, status, 4196), 1, WALL_S)


def test_a_request_refused_as_a_whole_is_sent_again_in_halves_at_once() -> None:
    rig = Rig()
    rig.submit(batch_of(*(event_of(name) for name in "abcd")))

    assert rig.receive(rig.start_one(), REFUSED) == []

    assert [[event.event_id for event in half.events] for half in rig.start()] == [["a", "b"], ["c", "d"]]


# --- what it costs ------------------------------------------------------------------------------------------


@settings(max_examples=30, deadline=None)
@given(culprit=st.integers(0, 999), permits=st.sampled_from([1, 8]))
def test_one_culprit_in_a_thousand_costs_twice_the_halvings(culprit: int, permits: int) -> None:
    rig = Rig(max_in_flight=permits)
    rig.submit(numbered(1_000))

    requests, verdicts = rig.run(poisoned_by({culprit}))

    assert requests <= 1 + 2 * math.ceil(math.log2(1_000))
    assert Counter(outcomes(verdicts)) == Counter(
        (str(number), Rejected if number == culprit else Accepted) for number in range(1_000)
    )


@settings(max_examples=30, deadline=None)
@given(culprits=st.sets(st.integers(0, 999), min_size=8, max_size=8), permits=st.sampled_from([1, 2, 8]))
def test_eight_culprits_are_found_within_the_default_budget(culprits: set[int], permits: int) -> None:
    rig = Rig(max_in_flight=permits)
    rig.submit(numbered(1_000))

    _, verdicts = rig.run(poisoned_by(culprits))

    assert Counter(outcomes(verdicts)) == Counter(
        (str(number), Rejected if number in culprits else Accepted) for number in range(1_000)
    )
    assert {verdict.outcome for verdict in verdicts if isinstance(verdict.outcome, Rejected)} == {
        Rejected(WORDS.detail, DeadLetterReason.REFUSED, 400, 4196)
    }


def test_most_of_the_good_ones_are_accepted_by_the_first_few_requests() -> None:
    rig = Rig(max_in_flight=1)
    rig.submit(numbered(1_000))

    accepted = []
    for _ in range(7):
        batch = rig.start_one()
        accepted += rig.receive(batch, poisoned_by({0})(batch))

    assert len(accepted) >= 875  # the whole, then three times two halves, of which one is good


# --- when it is given up ------------------------------------------------------------------------------------


@pytest.mark.parametrize("permits", [1, 2, 8])
@pytest.mark.parametrize("budget", [2, 3, 16, 256])
def test_no_more_requests_are_refused_than_the_budget_allows(budget: int, permits: int) -> None:
    rig = Rig(max_in_flight=permits, bisect_requests=budget)
    rig.submit(numbered(1_000))

    requests, verdicts = rig.run(all_refused)

    under_way_by_then = max(1, permits // 2) - 1
    assert requests <= budget + under_way_by_then
    assert Counter(outcomes(verdicts)) == Counter((str(number), Rejected) for number in range(1_000))
    assert reasons(verdicts) == {DeadLetterReason.REFUSED: 1_000}
    assert rig.sink.in_flight == 0


def test_the_events_not_told_apart_are_told_so_in_the_apis_words() -> None:
    rig = Rig(max_in_flight=1, bisect_requests=2)
    rig.submit(numbered(4))
    rig.receive(rig.start_one(), REFUSED)

    verdicts = rig.receive(rig.start_one(), WORDS)

    assert Counter(outcomes(verdicts)) == Counter((str(number), Rejected) for number in range(4))
    (outcome,) = {verdict.outcome for verdict in verdicts}
    assert isinstance(outcome, Rejected)
    assert (outcome.http_status, outcome.api_code) == (400, 4196)
    assert outcome.detail == (
        "not told apart from the culprits of its batch within 2 refused requests (delivery.bisect_requests), "
        "replay it once they are mended; the API said: HTTP 400, code 4196: 'colour' was unexpected"
    )
    assert {verdict.first_failed_s for verdict in verdicts} == {WALL_S}


def test_a_culprit_that_stands_alone_keeps_its_own_reason_when_the_search_ends_with_it() -> None:
    rig = Rig(max_in_flight=1, bisect_requests=2)
    rig.submit(numbered(2))
    rig.receive(rig.start_one(), REFUSED)

    verdicts = rig.receive(rig.start_one(), Refused("HTTP 413", 413, None))

    assert reasons(verdicts) == {DeadLetterReason.OVERSIZED: 1, DeadLetterReason.REFUSED: 1}


def test_each_batch_has_a_budget_of_its_own() -> None:
    rig = Rig(bisect_requests=12)
    rig.submit(*(numbered(1_000) for _ in range(3)))

    _, verdicts = rig.run(poisoned_by({3}))

    assert Counter(type(verdict.outcome) for verdict in verdicts) == {Accepted: 2_997, Rejected: 3}


def pieces_under_way(rig: Rig) -> tuple[Batch, Batch]:
    """Both halves of a batch of eight; the next refusal ends their search."""
    rig.submit(numbered(8))
    rig.receive(rig.start_one(), REFUSED)
    first, second = rig.start()
    return first, second


def test_a_piece_under_way_when_the_search_ends_is_accepted_if_it_is() -> None:
    rig = Rig(bisect_requests=2)
    first, second = pieces_under_way(rig)
    rig.receive(first, REFUSED)

    verdicts = rig.receive(second, judged(second))

    assert [type(verdict.outcome) for verdict in verdicts] == [Accepted] * 4
    assert rig.start(3_600) == []


@pytest.mark.parametrize("late", [REFUSED, DOWN, TIMED_OUT, Throttled(None), UNAUTHORIZED])
def test_a_piece_under_way_when_the_search_ends_is_not_sent_again(late: Answer) -> None:
    rig = Rig(bisect_requests=2)
    first, second = pieces_under_way(rig)
    rig.receive(first, REFUSED)

    verdicts = rig.receive(second, late)

    assert [type(verdict.outcome) for verdict in verdicts] == [Rejected] * 4
    assert rig.start(3_600) == []
    assert rig.holds() == {}


def test_what_is_no_longer_ours_is_not_dead_lettered_with_the_rest() -> None:
    rig = Rig(bisect_requests=2)
    leaving = assignment_of(0)
    rig.submit(batch_of(*(event_of(name, assignment=leaving) for name in "abcd")))
    rig.receive(rig.start_one(), REFUSED)
    first, second = rig.start()
    rig.receive(first, REFUSED)
    rig.gone.add(leaving)

    verdicts = rig.receive(second, DOWN)

    assert [type(verdict.outcome) for verdict in verdicts] == [Abandoned] * 2


def test_other_batches_of_the_account_do_not_follow() -> None:
    rig = Rig(max_in_flight=1, bisect_requests=2)
    rig.submit(numbered(4), batch_of(event_of("young", age_s=1)))
    rig.receive(rig.start_one(), REFUSED)
    rig.receive(rig.start_one(), REFUSED)

    (batch,) = rig.start()

    assert [event.event_id for event in batch.events] == ["young"]
