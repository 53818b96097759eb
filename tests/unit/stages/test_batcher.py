"""When a batch is complete, and what becomes of two events that report the same action."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.records import Batch, Event
from consumer.stages.batcher import Batcher, Repeats
from tests.unit.stages.builders import NOW_S, assignment_of, event_of

ENVELOPE = len(b'{"data":[]}')
OTHER = "549000000002"


def batcher_of(*, max_events: int = 1_000, max_bytes: int = 2_000_000, linger_s: float = 1.0) -> Batcher:
    return Batcher(max_events=max_events, max_bytes=max_bytes, linger_s=linger_s)


def always(_: str) -> bool:
    return True


def body_of(batch: Batch) -> bytes:
    """The request as it will be sent."""
    return b'{"data":[' + b",".join(event.body for event in batch.events) + b"]}"


def ids(events: list[Event] | tuple[Event, ...]) -> list[str]:
    return [event.event_id for event in events]


# --- by count -----------------------------------------------------------------------------------------------


def test_a_batch_is_complete_at_the_most_events() -> None:
    batcher = batcher_of(max_events=2)

    assert batcher.add(event_of("a"), NOW_S) == []
    (batch,) = batcher.add(event_of("b"), NOW_S)

    assert ids(batch.events) == ["a", "b"]
    assert batcher.due(NOW_S + 99, always) == []


def test_accounts_never_share_a_batch() -> None:
    batcher = batcher_of(max_events=2)

    batcher.add(event_of("a"), NOW_S)
    assert batcher.add(event_of("b", account=OTHER), NOW_S) == []
    (batch,) = batcher.add(event_of("c"), NOW_S)

    assert (batch.ad_account_id, ids(batch.events)) == ("549000000001", ["a", "c"])


# --- by bytes -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("spare", "together"), [(0, True), (-1, False)])
def test_the_largest_body_is_filled_to_the_last_byte_and_no_further(*, spare: int, together: bool) -> None:
    a, b = event_of("a", body=b"a" * 40), event_of("b", body=b"b" * 60)
    batcher = batcher_of(max_bytes=ENVELOPE + 40 + 1 + 60 + spare)

    complete = batcher.add(a, NOW_S) + batcher.add(b, NOW_S)
    rest = batcher.due(NOW_S + 1, always)

    assert [ids(batch.events) for batch in (*complete, *rest)] == ([["a", "b"]] if together else [["a"], ["b"]])


@pytest.mark.parametrize(("spare", "fits"), [(0, True), (-1, False)])
def test_an_event_fits_if_a_request_of_its_own_could_carry_it(*, spare: int, fits: bool) -> None:
    batcher = batcher_of(max_bytes=ENVELOPE + 100 + spare)

    assert batcher.fits(event_of(body=b"x" * 100)) is fits


@given(st.lists(st.integers(1, 200), max_size=60), st.integers(1, 8))
def test_no_batch_breaks_a_limit_and_none_is_smaller_than_need_be(sizes: list[int], max_events: int) -> None:
    max_bytes = ENVELOPE + 200
    batcher = batcher_of(max_events=max_events, max_bytes=max_bytes)
    events = [event_of(str(number), body=b"x" * size) for number, size in enumerate(sizes)]

    batches = [batch for event in events for batch in batcher.add(event, NOW_S)]
    batches += batcher.due(NOW_S + 1, always)

    assert [event for batch in batches for event in batch.events] == events
    assert all(len(batch.events) <= max_events and len(body_of(batch)) <= max_bytes for batch in batches)
    for batch, following in pairwise(batches):
        with_one_more = len(body_of(batch)) + 1 + len(following.events[0].body)
        assert len(batch.events) == max_events or with_one_more > max_bytes


# --- by age -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("waited_s", "is_due"), [(0.999, False), (1.0, True), (5.0, True)])
def test_an_event_waits_for_company_no_longer_than_its_linger(*, waited_s: float, is_due: bool) -> None:
    batcher = batcher_of(linger_s=1.0)
    batcher.add(event_of("a"), NOW_S)

    assert len(batcher.due(NOW_S + waited_s, always)) == int(is_due)


def test_the_wait_is_that_of_the_first_event() -> None:
    batcher = batcher_of(linger_s=1.0)
    batcher.add(event_of("a"), NOW_S)
    batcher.add(event_of("b"), NOW_S + 0.9)

    (batch,) = batcher.due(NOW_S + 1.0, always)

    assert ids(batch.events) == ["a", "b"]


def test_each_account_waits_for_itself() -> None:
    batcher = batcher_of(linger_s=1.0)
    batcher.add(event_of("a"), NOW_S)
    batcher.add(event_of("b", account=OTHER), NOW_S + 0.5)

    assert [batch.ad_account_id for batch in batcher.due(NOW_S + 1.0, always)] == ["549000000001"]
    assert [batch.ad_account_id for batch in batcher.due(NOW_S + 1.5, always)] == [OTHER]


def test_an_account_that_was_emptied_waits_anew() -> None:
    batcher = batcher_of(max_events=2, linger_s=1.0)
    batcher.add(event_of("a"), NOW_S)
    batcher.add(event_of("b", account=OTHER), NOW_S + 0.2)
    batcher.add(event_of("c"), NOW_S + 0.4)
    batcher.add(event_of("d"), NOW_S + 0.6)

    assert [ids(batch.events) for batch in batcher.due(NOW_S + 1.3, always)] == [["b"]]
    assert [ids(batch.events) for batch in batcher.due(NOW_S + 1.6, always)] == [["d"]]


def test_an_account_that_could_not_send_goes_on_gathering() -> None:
    batcher = batcher_of(linger_s=1.0)
    batcher.add(event_of("a"), NOW_S)
    batcher.add(event_of("b", account=OTHER), NOW_S)

    (batch,) = batcher.due(NOW_S + 1.0, lambda account: account == OTHER)
    batcher.add(event_of("c"), NOW_S + 2.0)
    (later,) = batcher.due(NOW_S + 3.0, always)

    assert ids(batch.events) == ["b"]
    assert ids(later.events) == ["a", "c"]


# --- giving up ----------------------------------------------------------------------------------------------


def test_giving_up_takes_the_events_of_these_assignments_and_leaves_the_others() -> None:
    leaving, staying = assignment_of(0), assignment_of(1)
    batcher = batcher_of(max_events=3)
    batcher.add(event_of("a", assignment=leaving), NOW_S)
    batcher.add(event_of("b", assignment=staying), NOW_S)
    batcher.add(event_of("c", assignment=leaving, account=OTHER), NOW_S)

    gone = batcher.abandon({leaving})

    assert ids(gone) == ["a", "c"]
    assert [ids(batch.events) for batch in batcher.due(NOW_S + 1, always)] == [["b"]]


def test_the_same_partition_taken_again_is_another_assignment() -> None:
    before, after = assignment_of(0), assignment_of(0)
    batcher = batcher_of()
    batcher.add(event_of("a", assignment=after), NOW_S)

    assert batcher.abandon({before}) == []


def test_what_was_given_up_makes_room() -> None:
    leaving, staying = assignment_of(0), assignment_of(1)
    batcher = batcher_of(max_bytes=ENVELOPE + 100)
    batcher.add(event_of("a", assignment=leaving, body=b"x" * 60), NOW_S)
    batcher.add(event_of("b", assignment=staying, body=b"x" * 30), NOW_S)

    batcher.abandon({leaving})

    assert batcher.add(event_of("c", assignment=staying, body=b"x" * 69), NOW_S) == []
    (batch,) = batcher.due(NOW_S + 1, always)
    assert len(body_of(batch)) == ENVELOPE + 100


# --- repeats ------------------------------------------------------------------------------------------------


def test_the_first_of_an_action_goes_and_its_copies_wait() -> None:
    repeats = Repeats()

    assert [repeats.admit(event_of("a")) for _ in range(3)] == [True, False, False]


@pytest.mark.parametrize(
    "other",
    [
        lambda: event_of("b"),
        lambda: event_of("a", account=OTHER),
        lambda: event_of("a", event_name="add_to_cart"),
        lambda: event_of("a", order_id="A-2"),
    ],
    ids=["another id", "another account", "another event", "another order"],
)
def test_what_differs_in_any_part_of_its_key_is_another_action(other: Callable[[], Event]) -> None:
    repeats = Repeats()
    repeats.admit(event_of("a"))

    assert repeats.admit(other())


def test_copies_are_superfluous_once_the_first_is_accepted() -> None:
    repeats = Repeats()
    first, second, third = event_of("a"), event_of("a"), event_of("a")
    for event in (first, second, third):
        repeats.admit(event)

    assert repeats.superfluous(first) == [second, third]

    assert repeats.admit(event_of("a"))  # nothing of it is in hand any more


def test_an_accepted_event_without_copies_has_none() -> None:
    repeats = Repeats()
    first = event_of("a")
    repeats.admit(first)

    assert repeats.superfluous(first) == []


def test_a_copy_takes_the_place_of_an_original_that_was_not_accepted() -> None:
    repeats = Repeats()
    first, second, third = event_of("a"), event_of("a"), event_of("a")
    for event in (first, second, third):
        repeats.admit(event)

    assert repeats.next_in_line(first) is second
    assert not repeats.admit(event_of("a"))  # the second is under way now

    assert repeats.next_in_line(second) is third


def test_where_no_copy_waits_nobody_takes_the_place() -> None:
    repeats = Repeats()
    first = event_of("a")
    repeats.admit(first)

    assert repeats.next_in_line(first) is None

    assert repeats.admit(event_of("a"))


def test_giving_up_takes_waiting_copies_only() -> None:
    leaving, staying = assignment_of(0), assignment_of(1)
    repeats = Repeats()
    first = event_of("a", assignment=leaving)
    copies = [event_of("a", assignment=assignment) for assignment in (leaving, staying, leaving)]
    for event in (first, *copies):
        repeats.admit(event)

    assert repeats.abandon({leaving}) == [copies[0], copies[2]]

    assert repeats.next_in_line(first) is copies[1]


def test_an_original_whose_copies_were_all_given_up_is_still_in_hand() -> None:
    leaving, staying = assignment_of(0), assignment_of(1)
    repeats = Repeats()
    first = event_of("a", assignment=staying)
    repeats.admit(first)
    repeats.admit(event_of("a", assignment=leaving))

    repeats.abandon({leaving})

    assert not repeats.admit(event_of("a", assignment=staying))
