"""With receipts, acceptance settles nothing by itself: seen at the control loop as a whole."""

from __future__ import annotations

import json
from typing import Any

import pytest
from structlog.testing import capture_logs

from consumer.config import Config
from consumer.pinterest.answers import Judged
from consumer.records import Accepted, Assignment, HoldCause
from consumer.stages.receipts import Receipts
from consumer.timing import ManualClock
from tests.unit.scripted_producer import ScriptedProducer
from tests.unit.stages.builders import assignment_of
from tests.unit.test_pipeline import CONFIG, Rig

TESTED, LIVE = "549000000001", "549000000002"


class ReceiptsRig(Rig):
    """A rig whose receipts go to a topic that answers when it is told to."""

    def __init__(self, config: Config = CONFIG) -> None:
        clock = ManualClock(wall_s=1_790_000_000.0)
        receipts = Receipts(
            {}, topic="receipts", mapping="a-digest", clock=clock, alarm=lambda *_: None, is_ours=self._is_open
        )
        super().__init__(config, receipts=receipts)
        self.receipts_clock = clock
        self.topic = ScriptedProducer.latest

    def _is_open(self, assignment: Assignment) -> bool:
        return self.pipeline.is_open(assignment)

    def turn(self, times: int = 2) -> None:
        for _ in range(times):
            super().turn(1)
            self.receipts_clock.advance(0.3)

    def accept_all(self) -> None:
        """Everything that is requested is accepted, until nothing more is."""
        while self.world.requests:
            self.answer(self.world.requests.pop(0))
            self.turn()

    def acknowledge(self) -> None:
        self.topic.acknowledge()
        self.turn()


@pytest.fixture
def rig(monkeypatch: pytest.MonkeyPatch) -> ReceiptsRig:
    monkeypatch.setattr("consumer.acknowledged.Producer", ScriptedProducer)
    return ReceiptsRig()


def test_nothing_is_committed_before_its_receipt_is_acknowledged_and_everything_after(rig: ReceiptsRig) -> None:
    orders = assignment_of(0)
    rig.assign(orders)
    for offset in range(3):
        rig.give(orders, offset, f"A-{offset}")
    rig.turn()
    rig.accept_all()
    assert rig.source.last_commit(orders) == 0
    assert rig.ledger["total"]["accepted"] == 0
    assert rig.pipeline.snapshot.in_hand_events == 3

    rig.acknowledge()

    assert rig.source.last_commit(orders) == 3
    assert rig.ledger["total"]["accepted"] == 3
    assert rig.pipeline.snapshot.in_hand_events == 0


def test_the_receipt_names_the_record_and_the_warning(rig: ReceiptsRig) -> None:
    orders = assignment_of(0)
    rig.assign(orders)
    rig.give(orders, 7, "A-7")
    rig.turn()

    rig.answer(rig.world.requests[0], Judged((Accepted("Ignored 'language': not supported"),)))
    rig.turn(1)

    (sent,) = rig.topic.sent
    told = json.loads(sent.value or b"")
    assert (told["topic"], told["partition"], told["offset"]) == ("orders", 0, 7)
    assert told["verdict"] == "accepted_with_warning"


def test_while_the_topic_refuses_nothing_more_is_sent_and_nothing_is_lost(rig: ReceiptsRig) -> None:
    orders = assignment_of(0)
    rig.assign(orders)
    rig.give(orders, 0, "A-0")
    rig.turn()
    rig.accept_all()
    rig.topic.refuse()
    rig.turn()

    rig.give(orders, 1, "A-1")
    rig.turn(3)

    assert rig.world.requests == []
    assert rig.pipeline.snapshot.holds == {HoldCause.RECEIPTS_TOPIC: 1}
    assert rig.source.last_commit(orders) == 0
    rig.turn(4)
    rig.acknowledge()
    rig.accept_all()
    rig.acknowledge()
    assert rig.source.last_commit(orders) == 2
    assert rig.pipeline.snapshot.holds == {}
    assert rig.ledger["balanced"]


def test_copies_are_skipped_on_acceptance_without_waiting_for_the_receipt(rig: ReceiptsRig) -> None:
    orders, others = assignment_of(0), assignment_of(1)
    rig.assign(orders, others)
    rig.give(orders, 0, "A-0")
    rig.give(others, 0, "A-0")
    rig.turn()

    rig.accept_all()

    assert rig.source.last_commit(others) == 1
    assert rig.source.last_commit(orders) == 0
    assert rig.ledger["total"]["skipped"] == {"duplicate": 1}


def test_events_of_an_account_in_test_get_no_receipt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("consumer.acknowledged.Producer", ScriptedProducer)
    sections: dict[str, Any] = {
        "ad_accounts": {TESTED: {"mode": "test"}, LIVE: {}},
        "routing": {"table": {"merchant-1": TESTED, "merchant-2": LIVE}},
    }
    rig = ReceiptsRig(Config.model_validate(CONFIG.model_dump() | sections))
    orders = assignment_of(0)
    rig.assign(orders)
    rig.give(orders, 0, "A-0")
    rig.give(orders, 1, "B-0", merchant_id="merchant-2")
    rig.turn()

    rig.accept_all()

    assert [json.loads(sent.key or b"")[0] for sent in rig.topic.sent] == [LIVE]
    assert rig.ledger["total"]["skipped"] == {"account_in_test": 1}


def test_a_hand_over_waits_for_receipts_and_commits_what_they_settle(rig: ReceiptsRig) -> None:
    orders = assignment_of(0)
    rig.assign(orders)
    rig.give(orders, 0, "A-0")
    rig.turn()
    rig.accept_all()
    rig.topic.acknowledge()

    rig.pipeline.revoked([orders])

    assert rig.source.last_commit(orders) == 1
    assert rig.ledger["total"]["abandoned"] == 0


def test_a_refused_receipt_is_tried_again_while_its_partition_is_handed_over(
    rig: ReceiptsRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    orders = assignment_of(0)
    rig.assign(orders)
    rig.give(orders, 0, "A-0")
    rig.turn()
    rig.accept_all()
    rig.topic.refuse()
    rig.turn()
    receive = rig.pipeline._receive

    def one_second_later(*, wait_s: float) -> None:
        """The topic has come back by now."""
        del wait_s
        rig.receipts_clock.advance(1.0)
        receive(wait_s=0.0)
        rig.topic.acknowledge()

    monkeypatch.setattr(rig.pipeline, "_receive", one_second_later)
    rig.pipeline.revoked([orders])

    assert rig.source.last_commit(orders) == 1


@pytest.mark.parametrize("is_refused", [True, False])
def test_what_has_no_receipt_when_the_drain_ends_is_left_to_the_next_owner(
    rig: ReceiptsRig, monkeypatch: pytest.MonkeyPatch, *, is_refused: bool
) -> None:
    orders = assignment_of(0)
    rig.assign(orders)
    rig.give(orders, 0, "A-0")
    rig.turn()
    rig.accept_all()
    if is_refused:
        rig.topic.refuse()
        rig.turn()
    monkeypatch.setattr(rig.pipeline, "_receive", lambda **_: rig.clock.advance(30))

    with capture_logs() as lines:
        rig.pipeline.revoked([orders])
    monkeypatch.undo()

    assert [line["receipts"] for line in lines if line["event"] == "left_under_way"] == [1]
    assert rig.source.last_commit(orders) == 0
    assert rig.ledger["total"]["abandoned"] == 1
    rig.acknowledge()
    assert rig.pipeline.snapshot.in_hand_events == 0
    assert rig.ledger["balanced"]


@pytest.mark.parametrize("is_refused", [True, False])
def test_after_losing_a_partition_its_receipts_settle_nothing(rig: ReceiptsRig, *, is_refused: bool) -> None:
    orders = assignment_of(0)
    rig.assign(orders)
    rig.give(orders, 0, "A-0")
    rig.turn()
    rig.accept_all()

    rig.pipeline.lost([orders])
    if is_refused:
        rig.topic.refuse()
    rig.acknowledge()

    assert rig.ledger["total"]["accepted"] == 0
    assert rig.ledger["late_verdicts"] == 1
    assert rig.pipeline.snapshot.in_hand_events == 0
    assert rig.source.last_commit(orders) == 0


def test_an_acceptance_for_a_partition_that_was_lost_gets_no_receipt_of_ours(rig: ReceiptsRig) -> None:
    orders = assignment_of(0)
    rig.assign(orders)
    rig.give(orders, 0, "A-0")
    rig.turn()
    rig.pipeline.lost([orders])

    rig.accept_all()

    assert rig.topic.sent == []
    assert rig.ledger["late_verdicts"] == 1


def test_a_receipt_that_was_given_up_settles_nothing(rig: ReceiptsRig, monkeypatch: pytest.MonkeyPatch) -> None:
    orders = assignment_of(0)
    rig.assign(orders)
    rig.give(orders, 0, "A-0")
    rig.turn()
    rig.accept_all()
    receipt = rig.pipeline._receipts.under_way({orders})[0]  # type: ignore[union-attr]  # there are some in this rig

    monkeypatch.setattr(rig.pipeline._receipts, "poll", lambda: ([], [receipt]))
    rig.turn(1)

    assert rig.source.last_commit(orders) == 0
    assert rig.ledger["total"]["accepted"] == 0


def test_a_stop_drops_what_has_no_receipt_yet(rig: ReceiptsRig) -> None:
    rig.pipeline.stop()

    rig.pipeline.run()

    assert rig.topic.is_purged
