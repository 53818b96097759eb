"""The stage: receipts go to their topic under their key, and while it refuses nothing more may be sent."""

from __future__ import annotations

import json

import pytest

from consumer.records import HoldCause, Receipt
from consumer.stages.receipts import MOST_WAITING, Receipts
from consumer.timing import ManualClock
from tests.unit.scripted_producer import ScriptedProducer
from tests.unit.stages.builders import ACCOUNT, WALL_S, event_of


class Rig:
    def __init__(self) -> None:
        self.clock = ManualClock()
        self.receipts = Receipts(
            {}, topic="a-topic", mapping="a-digest", clock=self.clock, alarm=lambda *_: None, is_ours=lambda _: True
        )
        self.producer = ScriptedProducer.latest


@pytest.fixture
def rig(monkeypatch: pytest.MonkeyPatch) -> Rig:
    monkeypatch.setattr("consumer.acknowledged.Producer", ScriptedProducer)
    return Rig()


def receipt_of() -> Receipt:
    return Receipt(event_of(), WALL_S)


def test_a_receipt_goes_to_its_topic_under_the_key_of_its_event(rig: Rig) -> None:
    rig.receipts.send(receipt_of())

    (sent,) = rig.producer.sent
    assert sent.topic == "a-topic"
    assert json.loads(sent.key or b"") == [ACCOUNT, "checkout", "merchant-1:A-1:checkout"]
    assert json.loads(sent.value or b"")["mapping"] == "a-digest"


def test_a_refusal_holds_until_a_receipt_is_acknowledged(rig: Rig) -> None:
    rig.receipts.send(receipt_of())
    seen = [(rig.receipts.hold, rig.receipts.has_room)]

    rig.producer.refuse()
    rig.receipts.poll()
    seen.append((rig.receipts.hold, rig.receipts.has_room))
    rig.clock.advance(1)
    rig.receipts.poll()
    rig.producer.acknowledge()
    rig.receipts.poll()
    seen.append((rig.receipts.hold, rig.receipts.has_room))

    assert seen == [(None, True), (HoldCause.RECEIPTS_TOPIC, False), (None, True)]


def test_a_slow_topic_leaves_no_room_for_more_than_so_many(rig: Rig) -> None:
    for _ in range(MOST_WAITING - 1):
        rig.receipts.send(receipt_of())
    seen = [rig.receipts.has_room]

    rig.receipts.send(receipt_of())
    seen.append(rig.receipts.has_room)
    rig.producer.acknowledge(1)
    rig.receipts.poll()
    seen.append(rig.receipts.has_room)

    assert seen == [True, False, True]
    assert rig.receipts.hold is None
