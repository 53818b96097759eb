"""The stage: a letter repeats as much of its record as its topic takes, and settles nothing before it is written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from confluent_kafka import KafkaError

from consumer.letters import PREFIX
from consumer.records import Assignment, DeadLetterReason, HoldCause, Letter, Record
from consumer.stages.deadletter import DeadLetters, LetterTopics
from consumer.timing import ManualClock
from tests.unit.scripted_producer import ScriptedProducer, Sent
from tests.unit.stages.builders import FakeMessage, assignment_of, record_of

TOO_LARGE = KafkaError.MSG_SIZE_TOO_LARGE


class FullMessage(FakeMessage):
    """With a key and a header of its producer."""

    def key(self) -> bytes:
        return b"a-key"

    def headers(self) -> list[tuple[str, bytes]]:
        return [("trace", b"1")]


class Rig:
    def __init__(self, **changes: Any) -> None:
        self.clock = ManualClock()
        self.alarms: list[tuple[str, str]] = []
        self.foreign: set[Assignment] = set()
        self.letters = DeadLetters(
            {"linger.ms": 5},
            topics=LetterTopics("letters", {"visits": "visit-letters"}),
            group="a-group",
            clock=self.clock,
            alarm=lambda topic, error: self.alarms.append((topic, error)),
            is_ours=lambda assignment: assignment not in self.foreign,
            **changes,
        )
        self.producer = ScriptedProducer.latest

    @property
    def sent(self) -> Sent:
        (sent,) = self.producer.sent
        return sent


@pytest.fixture
def rig_of(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Rig]:
    monkeypatch.setattr("consumer.acknowledged.Producer", ScriptedProducer)
    return Rig


def letter_of(topic: str = "orders", assignment: Assignment | None = None) -> Letter:
    record = Record(assignment or assignment_of(topic=topic), 7, FullMessage(), 100, 0.0)
    return Letter(record, DeadLetterReason.INVALID, "map", "why")


def repeated(sent: Sent) -> tuple[bytes | None, bytes | None, bool, set[str]]:
    """Its key, its value, whether it has the producer's header, and what it says that it leaves out."""
    said = {name.removeprefix(PREFIX) for name, value in sent.headers if name.endswith("-omitted") and value == b"true"}
    return sent.key, sent.value, ("trace", b"1") in sent.headers, said


def test_a_letter_leaves_out_more_each_time_that_it_is_too_large(rig_of: Callable[..., Rig]) -> None:
    rig = rig_of()
    letter = letter_of()
    rig.letters.send(letter)
    forms = [repeated(rig.sent)]
    for _ in range(2):
        rig.producer.refuse(code=TOO_LARGE)
        rig.letters.poll()
        rig.letters.poll()
        forms.append(repeated(rig.sent))
    rig.producer.acknowledge()

    assert rig.letters.poll() == ([letter], [])
    assert forms == [
        (b"a-key", b"order", True, set()),
        (b"a-key", b"order", False, {"headers-omitted"}),
        (b"a-key", None, False, {"headers-omitted", "value-omitted"}),
    ]
    assert rig.alarms == []


def test_a_letter_that_can_leave_out_nothing_more_holds_its_record(rig_of: Callable[..., Rig]) -> None:
    rig = rig_of(payload="reference")
    rig.letters.send(letter_of())
    assert repeated(rig.sent) == (None, None, False, {"headers-omitted", "value-omitted"})

    rig.producer.refuse(code=TOO_LARGE)
    rig.letters.poll()

    assert rig.letters.hold is HoldCause.DEAD_LETTER_TOPIC
    assert rig.alarms == [("letters", "MSG_SIZE_TOO_LARGE")]


def test_letters_go_to_the_topic_of_their_source_and_one_that_refuses_holds_its_own_only(
    rig_of: Callable[..., Rig],
) -> None:
    rig = rig_of()
    rig.letters.send(letter_of("visits"))
    rig.producer.refuse()
    rig.letters.poll()
    rig.letters.send(letter_of("visits"))
    order = letter_of("orders")
    rig.letters.send(order)

    assert rig.sent.topic == "letters"
    rig.producer.acknowledge()

    assert rig.letters.poll() == ([order], [])
    assert rig.letters.hold is HoldCause.DEAD_LETTER_TOPIC
    assert rig.alarms == [("visit-letters", "TOPIC_AUTHORIZATION_FAILED")]


def test_a_letter_whose_assignment_has_ended_is_given_up_and_not_written(rig_of: Callable[..., Rig]) -> None:
    rig = rig_of()
    letter = letter_of()
    rig.letters.send(letter)
    rig.foreign.add(letter.record.assignment)
    rig.producer.refuse()

    assert rig.letters.poll() == ([], [letter])
    assert (rig.letters.waiting, rig.letters.hold, rig.alarms) == (0, None, [])


def test_letters_are_told_by_assignment_and_those_not_handed_over_can_be_abandoned(rig_of: Callable[..., Rig]) -> None:
    rig = rig_of()
    rig.producer.room = 1
    given = letter_of()
    kept = letter_of(assignment=given.record.assignment)
    rig.letters.send(given)
    rig.letters.send(kept)
    orders = {given.record.assignment}

    assert list(rig.letters.find({kept.record})) == [kept]
    assert rig.letters.under_way(orders) == [given, kept]
    assert rig.letters.abandon(orders) == [kept]
    assert rig.letters.under_way(orders) == [given]
    assert rig.letters.under_way({record_of().assignment}) == []


def test_one_letter_is_one_request_so_that_a_large_one_harms_no_small_one(rig_of: Callable[..., Rig]) -> None:
    assert rig_of().producer.properties == {"linger.ms": 5, "batch.num.messages": 1}


def test_closing_drops_what_is_not_written(rig_of: Callable[..., Rig]) -> None:
    rig = rig_of()
    rig.letters.close()

    assert rig.producer.is_purged
