"""Why a record waits is said by whoever has it: each place a record can be in, and what `/ledger` says of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from structlog.testing import capture_logs

from consumer.pinterest.answers import Unauthorized, Unavailable
from consumer.records import DeadLetterReason, HoldCause, Letter, SchemaRef, Wait
from consumer.registry_answers import RegistryUnreachable
from consumer.stages.deadletter import DeadLetters, LetterTopics
from consumer.timing import ManualClock
from tests.unit.scripted_producer import ScriptedProducer
from tests.unit.stages.builders import assignment_of, record_of
from tests.unit.test_pipeline import CONFIG, SCHEMA_ID, Rig
from tests.unit.test_pipeline_receipts import ReceiptsRig

ACCOUNT = "549000000001"
ORDERS, OTHERS = assignment_of(0), assignment_of(1)


def front_of(rig: Rig, partition: str = "orders[0]") -> dict[str, Any]:
    """Once it has stood long enough to be looked for."""
    rig.turn(8)
    front: dict[str, Any] = rig.pipeline.snapshot.ledger["partitions"][partition]["front"]
    return front


def in_a_growing_batch(rig: Rig) -> None:
    rig.pipeline._batcher._linger_s = 3_600
    rig.assign(ORDERS)
    rig.give(ORDERS, 0, "A-0")


def under_way(rig: Rig) -> None:
    rig.assign(ORDERS)
    rig.give(ORDERS, 0, "A-0")


def behind_others_of_its_account(rig: Rig) -> None:
    """Four requests of ten events are as many as one account may have under way."""
    rig.assign(OTHERS, ORDERS)
    for offset in range(40):
        rig.give(OTHERS, offset, f"B-{offset}")
    rig.turn()
    for offset in range(10):
        rig.give(ORDERS, offset, f"A-{offset}")


def with_a_held_account(rig: Rig) -> None:
    rig.assign(ORDERS)
    rig.give(ORDERS, 0, "A-0")
    rig.turn()
    rig.answer(rig.world.requests[0], Unauthorized("HTTP 401"))


def with_an_api_that_is_down(rig: Rig) -> None:
    rig.assign(ORDERS)
    rig.give(ORDERS, 0, "A-0")
    rig.turn()
    rig.answer(rig.world.requests[0], Unavailable("HTTP 503", delay_s=60))


def as_a_copy_of_another(rig: Rig) -> None:
    rig.assign(OTHERS, ORDERS)
    rig.give(OTHERS, 0, "A-0")
    rig.turn()
    rig.give(ORDERS, 0, "A-0")


def without_its_schema(rig: Rig) -> None:
    rig.assign(ORDERS, knows_schema=False)
    rig.give(ORDERS, 0, "A-0")


def with_a_registry_that_is_down(rig: Rig) -> None:
    without_its_schema(rig)
    rig.turn()
    rig.inbox.put(RegistryUnreachable(SchemaRef(SCHEMA_ID), "no connection"))


def with_a_letter_on_its_way(rig: Rig) -> None:
    rig.assign(ORDERS)
    rig.give_bytes(ORDERS, 0, b"no Avro")


def with_a_topic_that_takes_no_letters(rig: Rig) -> None:
    with_a_letter_on_its_way(rig)
    rig.letters.hold = HoldCause.DEAD_LETTER_TOPIC


PLACES = [
    (in_a_growing_batch, Wait.BATCHING, ACCOUNT),
    (under_way, Wait.IN_FLIGHT, ACCOUNT),
    (behind_others_of_its_account, Wait.QUEUED, ACCOUNT),
    (as_a_copy_of_another, Wait.COPY, ACCOUNT),
    (without_its_schema, Wait.SCHEMA, None),
    (with_a_letter_on_its_way, Wait.LETTER, None),
    (with_a_held_account, HoldCause.UNAUTHORIZED, ACCOUNT),
    (with_an_api_that_is_down, HoldCause.UNAVAILABLE, ACCOUNT),
    (with_a_registry_that_is_down, HoldCause.REGISTRY, None),
    (with_a_topic_that_takes_no_letters, HoldCause.DEAD_LETTER_TOPIC, None),
]


@pytest.mark.parametrize(
    ("put", "because", "ad_account_id"), PLACES, ids=[put.__name__.replace("_", " ") for put, _, _ in PLACES]
)
def test_it_is_said_why_the_front_waits_and_for_whom(
    put: Callable[[Rig], None], because: Wait | HoldCause, ad_account_id: str | None
) -> None:
    rig = Rig()
    put(rig)

    front = front_of(rig)

    assert (front["offset"], front["because"], front["ad_account_id"]) == (0, because.value, ad_account_id)


def test_a_letter_that_the_breaker_withholds_says_so() -> None:
    rig = Rig(CONFIG.model_copy(update={"dead_letters": CONFIG.dead_letters.model_copy(update={"max_run": 1})}))
    rig.assign(ORDERS)
    for offset in range(3):
        rig.give_bytes(ORDERS, offset, b"no Avro")
    rig.turn()
    rig.letters.acknowledge()

    assert front_of(rig)["because"] == "dead_letter_breaker"


def test_letters_are_found_on_their_way_and_while_they_wait_for_another_try(monkeypatch: pytest.MonkeyPatch) -> None:
    class FullProducer:
        """Takes one letter, and has no room for another."""

        def __init__(self, _: object) -> None:
            self.has_room = True

        def produce(self, *_: object, **__: object) -> None:
            if not self.has_room:
                raise BufferError
            self.has_room = False

    monkeypatch.setattr("consumer.acknowledged.Producer", FullProducer)
    topics = LetterTopics("letters")
    letters = DeadLetters(
        {}, topics=topics, group="a-group", clock=ManualClock(), alarm=lambda *_: None, is_ours=lambda _: True
    )
    records = [record_of(ORDERS, offset) for offset in range(3)]
    for record in records[:2]:
        letters.send(Letter(record, DeadLetterReason.INVALID, "map", "why"))

    found = [[letter.record for letter in letters.find({record})] for record in records]

    assert found == [[records[0]], [records[1]], []]


@pytest.mark.parametrize(("is_refused", "because"), [(False, "receipt"), (True, "receipts_topic")])
def test_an_accepted_event_waits_for_its_receipt(
    monkeypatch: pytest.MonkeyPatch, *, is_refused: bool, because: str
) -> None:
    monkeypatch.setattr("consumer.acknowledged.Producer", ScriptedProducer)
    rig = ReceiptsRig()
    rig.assign(ORDERS)
    rig.give(ORDERS, 0, "A-0")
    rig.turn()
    rig.accept_all()
    if is_refused:
        rig.topic.refuse()

    front = front_of(rig)

    assert (front["because"], front["ad_account_id"]) == (because, ACCOUNT)


def test_a_record_that_no_stage_has_is_a_defect_and_told_as_one() -> None:
    """The ledger still balances, as the record counts as in hand: nothing else would tell."""
    rig = Rig()
    in_a_growing_batch(rig)
    rig.turn()

    rig.pipeline._batcher._open.clear()  # as a defect would
    with capture_logs() as lines:
        front = front_of(rig)
        rig.turn(1_001)  # five minutes

    assert front["because"] == "nowhere"
    assert rig.pipeline.snapshot.ledger["balanced"]
    assert [line["log_level"] for line in lines if line["event"] == "partition_stuck"] == ["error"]


def test_the_age_of_the_oldest_is_that_since_it_was_taken_and_ends_with_it() -> None:
    rig = Rig()
    rig.assign(ORDERS)
    rig.give(ORDERS, 0, "A-0")
    rig.turn(10)
    waiting_s = rig.pipeline.snapshot.oldest_unsettled_s

    rig.answer(rig.world.requests[0])
    rig.turn(2)

    assert waiting_s == pytest.approx(2.7)
    assert rig.pipeline.snapshot.oldest_unsettled_s == 0.0
    assert "front" not in rig.pipeline.snapshot.ledger["partitions"]["orders[0]"]
