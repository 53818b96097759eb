"""Requests of which nobody knows whether Pinterest took them, and the events that it cannot de-duplicate."""

from __future__ import annotations

from typing import Any

import pytest

from consumer.delivery.freshness import FRESH_S
from consumer.pinterest.answers import Ambiguous, Answer
from consumer.records import Batch, DeadLetterReason, Rejected
from tests.unit.stages.builders import ACCOUNT, batch_of, event_of
from tests.unit.stages.sink_rig import DOWN, FORBIDDEN, TIMED_OUT, UNAUTHORIZED, UNREADABLE, Rig, judged

FOREIGN_400 = Ambiguous("HTTP 400: not in the API's words", is_unreadable=True, is_refusal=True)
CAREFUL: dict[str, Any] = {"ambiguous_offline": "dead_letter"}


def mixed() -> Batch:
    return batch_of(
        event_of("web"),
        event_of("till", action_source="offline"),
        event_of("late", age_s=FRESH_S - 30),
        event_of("app", action_source="app_ios", age_s=FRESH_S - 3_000),
    )


def names(batch: Batch) -> list[str]:
    return [event.event_id for event in batch.events]


def test_by_default_the_same_events_are_sent_again_whatever_they_are() -> None:
    rig = Rig()
    rig.submit(mixed())
    batch = rig.start_one()

    assert rig.receive(batch, TIMED_OUT) == []

    assert rig.start_one(after_s=3_600).events == batch.events


def test_events_that_may_count_twice_can_be_dead_lettered_instead_and_the_others_are_sent_again() -> None:
    rig = Rig(**CAREFUL)
    rig.submit(mixed())
    batch = rig.start_one()
    rig.elapsed_s += 31  # meanwhile one of them is past the hour

    verdicts = rig.receive(batch, TIMED_OUT)

    assert [verdict.event.event_id for verdict in verdicts] == ["till", "late"]
    (outcome,) = {verdict.outcome for verdict in verdicts}
    assert isinstance(outcome, Rejected)
    assert outcome.reason is DeadLetterReason.OUTCOME_UNKNOWN
    assert "delivery.ambiguous_offline" in outcome.detail
    assert {verdict.attempts for verdict in verdicts} == {1}
    assert names(rig.start_one(after_s=60)) == ["web", "app"]


@pytest.mark.parametrize("answer", [DOWN, FOREIGN_400], ids=["503", "a firewall's 400"])
def test_what_surely_was_not_accepted_is_sent_again(answer: Answer) -> None:
    rig = Rig(**CAREFUL)
    rig.submit(mixed())
    batch = rig.start_one()

    assert rig.receive(batch, answer) == []

    assert rig.start_one(after_s=10).events == batch.events


def test_a_success_that_nobody_can_read_may_have_been_one() -> None:
    rig = Rig(**CAREFUL)
    rig.submit(mixed())

    verdicts = rig.receive(rig.start_one(), UNREADABLE)

    assert [verdict.event.event_id for verdict in verdicts] == ["till"]
    assert names(rig.start_one(after_s=10)) == ["web", "late", "app"]


@pytest.mark.parametrize("answer", [UNREADABLE, FOREIGN_400, FORBIDDEN, UNAUTHORIZED], ids=str)
def test_a_batch_that_is_always_answered_so_is_not_hurried_by_others_that_are_taken(answer: Answer) -> None:
    rig = Rig()
    rig.submit(batch_of(event_of("bad", age_s=900)))
    sent = 0
    for number in range(3_000):  # five minutes in which the account's other batches are accepted
        rig.submit(batch_of(event_of(str(number), age_s=1)))
        for batch in rig.start(after_s=0.1):
            sent += names(batch) == ["bad"]
            rig.receive(batch, answer if names(batch) == ["bad"] else judged(batch))

    assert 5 <= sent <= 15  # every `hold_probe_s`, 30 s


def test_a_batch_of_nothing_else_leaves_nothing_behind() -> None:
    rig = Rig(**CAREFUL)
    rig.submit(batch_of(event_of(action_source="offline")))

    verdicts = rig.receive(rig.start_one(), TIMED_OUT)

    assert len(verdicts) == 1
    assert rig.start(3_600) == []
    assert rig.holds() == {}
    assert rig.sink.wants(ACCOUNT)


def test_a_held_account_asks_with_what_was_tried_least() -> None:
    rig = Rig(max_in_flight=1)
    rig.submit(batch_of(event_of("old", age_s=900)))
    for _ in range(3):
        rig.receive(rig.start_one(after_s=60), UNREADABLE)
    rig.submit(batch_of(event_of("young", age_s=1)))

    probe = rig.start_one(after_s=30)

    assert names(probe) == ["young"]  # or one batch that is always answered so would hold its account for ever
