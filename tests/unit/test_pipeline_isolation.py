"""One bad account, or one bad topic, harms only itself: seen at the control loop as a whole."""

from __future__ import annotations

from typing import Any

import pytest
from structlog.testing import capture_logs

from consumer.config import Config
from consumer.pinterest.answers import Forbidden, Throttled, Unavailable
from consumer.records import Batch, HoldCause
from tests.unit.stages.builders import assignment_of
from tests.unit.test_pipeline import CONFIG, Rig

BAD, GOOD = "549000000001", "549000000002"
REFUSED, SLOWED = Forbidden("HTTP 403"), Throttled(1.0)
MOST = 1_000
SHARE = MOST // 4


def config_of(**changes: dict[str, Any]) -> Config:
    return Config.model_validate(
        {
            **CONFIG.model_dump(),
            "routing": {"table": {"merchant-1": BAD, "merchant-2": GOOD}},
            "delivery": {"hold_probe_s": 5},
            **changes,
        }
    )


@pytest.fixture
def rig() -> Rig:
    return Rig(config_of())


class Bus:
    """Keeps a rig busy: records of both merchants on one partition, and an API that refuses one of them."""

    def __init__(self, rig: Rig, answer: Forbidden | Throttled | Unavailable = REFUSED) -> None:
        self.rig = rig
        self.orders = assignment_of(0)
        self.offset = 0
        self.answer = answer
        self.is_bad_well = False
        rig.assign(self.orders)

    def give(self, count: int, merchant: int) -> None:
        for _ in range(count):
            self.rig.give(self.orders, self.offset, f"A-{self.offset}", merchant_id=f"merchant-{merchant}")
            self.offset += 1

    def turn(self, times: int = 1) -> None:
        for _ in range(times):
            self.rig.turn(1)
            requests, self.rig.world.requests = self.rig.world.requests, []
            for batch in requests:
                self._answer(batch)

    def _answer(self, batch: Batch) -> None:
        is_refused = batch.ad_account_id == BAD and not self.is_bad_well
        self.rig.answer(batch, self.answer if is_refused else None)

    @property
    def parked(self) -> int:
        return sum(letter.reason.value == "account_held" for letter in self.rig.letters.sent)

    @property
    def in_hand(self) -> int:
        return self.rig.pipeline.snapshot.in_hand_events


def test_what_a_held_account_has_beyond_its_share_is_parked_and_the_others_go_on(rig: Rig) -> None:
    bus = Bus(rig)
    for _ in range(40):
        bus.give(20, merchant=1)
        bus.give(2, merchant=2)
        bus.turn()

    bus.turn(10)

    assert bus.parked == 40 * 20 - SHARE
    assert rig.ledger["total"]["accepted"] == 40 * 2
    assert rig.source.items == []
    assert rig.source.paused_now == set()


def test_an_account_on_hold_is_parked_as_one_that_is_refused_and_never_sent_to() -> None:
    with capture_logs() as lines:
        rig = Rig(config_of(ad_accounts={BAD: {"mode": "hold"}}))
        bus = Bus(rig)
        bus.is_bad_well = True
        for _ in range(40):
            bus.give(20, merchant=1)
            bus.give(2, merchant=2)
            bus.turn()
        bus.turn(10)

    assert bus.parked == 40 * 20 - SHARE
    assert rig.ledger["total"]["accepted"] == 40 * 2
    assert rig.pipeline.snapshot.held_accounts == {HoldCause.OPERATOR: 1}
    said = [
        (line["log_level"], line["ad_account_id"], line["cause"])
        for line in lines
        if line["event"] == "ad_account_held"
    ]
    assert said == [("warning", BAD, "operator")]

    rig.letters.acknowledge()
    bus.turn(10)

    assert rig.pipeline.snapshot.ledger["partitions"][str(bus.orders)]["front"]["because"] == "operator"
    assert rig.source.paused_now == set()


def test_an_account_on_hold_alone_waits_and_nothing_of_it_is_parked() -> None:
    rig = Rig(config_of(ad_accounts={BAD: {"mode": "hold"}}, limits={"max_events": MOST}))
    bus = Bus(rig)
    bus.give(2 * MOST, merchant=1)

    bus.turn(20)

    assert bus.parked == 0
    assert MOST <= bus.in_hand < MOST + 20
    assert rig.source.paused_now == {bus.orders}
    assert rig.source.last_commit(bus.orders) in {None, 0}


def test_the_oldest_are_parked_so_that_commits_move_on(rig: Rig) -> None:
    bus = Bus(rig)
    for _ in range(40):
        bus.give(20, merchant=1)
        bus.give(2, merchant=2)
        bus.turn()

    rig.letters.acknowledge()
    bus.turn(3)

    committed = rig.source.last_commit(bus.orders)
    assert committed is not None
    assert committed > bus.offset - 2 * SHARE


def test_a_throttled_account_is_not_parked_but_slows_its_partitions(rig: Rig) -> None:
    bus = Bus(rig, answer=SLOWED)
    elsewhere = assignment_of(1)
    rig.assign(elsewhere, knows_schema=False)
    bus.give(SHARE + 10, merchant=1)
    bus.give(1, merchant=2)

    bus.turn(5)

    assert bus.parked == 0
    assert rig.source.paused_now == {bus.orders}

    bus.is_bad_well = True
    bus.turn(60)

    assert rig.source.paused_now == set()
    assert rig.ledger["total"]["accepted"] == SHARE + 11


def test_where_a_slow_account_is_on_every_partition_nothing_is_read_but_nothing_is_paused_at_once(rig: Rig) -> None:
    """Each pause throws away what was prefetched."""
    bus = Bus(rig, answer=SLOWED)
    bus.give(1, merchant=2)
    bus.give(SHARE + 10, merchant=1)
    bus.turn(2)
    bus.give(100, merchant=2)

    bus.turn(3)

    assert len(rig.source.items) > 90
    assert rig.source.paused_now == set()

    bus.turn(10)

    assert rig.source.paused_now == {bus.orders}


def test_a_few_events_of_a_held_account_do_not_hold_a_partition_back_for_ever() -> None:
    rig = Rig(config_of(limits={"max_events": MOST, "max_span": 1_000}))
    bus = Bus(rig)
    bus.give(1, merchant=1)
    for _ in range(60):
        bus.give(20, merchant=2)
        bus.turn()
    assert bus.parked == 1

    rig.letters.acknowledge()
    bus.turn(40)

    assert rig.source.last_commit(bus.orders) == bus.offset


def test_after_a_lull_of_the_others_they_are_served_all_the_same(rig: Rig) -> None:
    """Only their acceptances pay for parking, and their records lie behind those of the held account."""
    bus = Bus(rig)
    bus.give(1, merchant=2)
    bus.give(SHARE - 10, merchant=1)
    bus.turn(5)
    rig.clock.advance(100)
    bus.give(60, merchant=1)
    bus.turn(20)
    bus.give(50, merchant=2)

    bus.turn(100)

    assert rig.ledger["total"]["accepted"] == 51
    assert bus.parked >= 50
    assert rig.source.paused_now == set()


def test_an_account_that_fails_silently_stops_the_others_no_longer_than_until_it_is_held() -> None:
    rig = Rig(config_of(delivery={"hold_s": 900, "retry_cap_s": 10}))
    bus = Bus(rig, answer=Unavailable("HTTP 500"))
    bus.give(1, merchant=2)
    bus.give(SHARE + 30, merchant=1)
    for _ in range(100):
        bus.turn()
        rig.clock.advance(10)
    bus.give(50, merchant=2)

    bus.turn(100)

    assert rig.ledger["total"]["accepted"] == 51


def test_nothing_is_parked_while_the_dead_letter_topic_refuses(rig: Rig) -> None:
    rig.letters.hold = HoldCause.DEAD_LETTER_TOPIC
    bus = Bus(rig)
    for _ in range(40):
        bus.give(20, merchant=1)
        bus.give(2, merchant=2)
        bus.turn()

    bus.turn(10)

    assert bus.parked == 0
    assert rig.source.paused_now == {bus.orders}


def test_an_account_that_is_well_again_delivers_what_it_kept(rig: Rig) -> None:
    bus = Bus(rig)
    bus.give(SHARE, merchant=1)
    bus.give(2, merchant=2)
    bus.turn(3)

    bus.is_bad_well = True
    rig.clock.advance(60)
    bus.turn(60)

    assert bus.parked == 0
    assert rig.ledger["total"]["accepted"] == SHARE + 2


def test_a_partition_that_cannot_be_committed_is_read_no_further(rig: Rig) -> None:
    orders, others = assignment_of(0), assignment_of(1)
    rig.assign(orders, others)
    rig.give(orders, 0, "A-0")
    rig.turn()
    rig.source.unconfirmed = {orders}
    rig.turn()
    rig.give(orders, 1, "A-1")
    rig.give(others, 0, "B-0")
    rig.turn()

    assert rig.source.paused_now == {orders}
    for batch in rig.world.requests:
        rig.answer(batch)
    rig.turn()
    assert [rig.source.last_commit(each) for each in (orders, others)] == [1, 1]

    rig.source.unconfirmed = set()
    rig.turn()
    assert rig.source.paused_now == set()


def test_what_is_abandoned_with_its_partition_is_out_of_the_share(rig: Rig) -> None:
    bus = Bus(rig)
    bus.give(1, merchant=2)
    bus.give(SHARE + 50, merchant=1)
    bus.turn(1)

    rig.pipeline.lost([bus.orders])
    bus.turn(2)

    assert rig.pipeline._books.shares.excess() == {}
    assert bus.in_hand == 0


# --- the dead-letter breaker ---------------------------------------------------------------------------------


@pytest.fixture
def brittle() -> Rig:
    """After an assignment ten letters in a row are borne."""
    return Rig(config_of(dead_letters={"max_run": 20}))


def test_beyond_the_longest_run_no_letter_is_written_and_its_topic_is_read_no_further(brittle: Rig) -> None:
    orders, visits = assignment_of(0), assignment_of(0, topic="visits")
    brittle.assign(orders, visits)
    for offset in range(15):
        brittle.give_bytes(orders, offset, b"not avro")

    with capture_logs() as lines:
        brittle.turn(3)

    assert len(brittle.letters.sent) == 10
    assert brittle.source.paused_now == {orders}
    assert brittle.pipeline.snapshot.holds == {HoldCause.DEAD_LETTER_BREAKER: 1}
    (said,) = [line for line in lines if line["event"] == "dead_letter_breaker_open"]
    assert (said["log_level"], said["topic"], said["seen"]) == ("error", "orders", "21 records in a row")


def test_records_whose_letters_are_not_written_stay_uncommitted(brittle: Rig) -> None:
    orders = assignment_of(0)
    brittle.assign(orders)
    for offset in range(15):
        brittle.give_bytes(orders, offset, b"not avro")
    brittle.turn(3)

    brittle.letters.acknowledge()
    brittle.turn(3)

    assert brittle.source.last_commit(orders) == 10


def test_what_is_under_way_is_delivered_and_committed_all_the_same(brittle: Rig) -> None:
    orders = assignment_of(0)
    brittle.assign(orders)
    brittle.give(orders, 0, "A-0", merchant_id="merchant-2")
    for offset in range(1, 30):
        brittle.give_bytes(orders, offset, b"not avro")
    brittle.turn(3)

    brittle.answer(brittle.world.requests[0])
    brittle.turn(2)

    assert brittle.source.last_commit(orders) == 1
    assert brittle.ledger["total"]["accepted"] == 1


def test_a_record_without_its_letter_is_left_to_the_next_owner(brittle: Rig) -> None:
    orders = assignment_of(0)
    brittle.assign(orders)
    for offset in range(15):
        brittle.give_bytes(orders, offset, b"not avro")
    brittle.turn(3)
    brittle.letters.acknowledge()
    brittle.turn(1)

    brittle.pipeline.revoked([orders])

    ledger = brittle.ledger
    assert ledger["total"]["dead_lettered"] == {"undecodable": 10}
    assert ledger["total"]["abandoned"] == 5
    assert ledger["balanced"]
    assert brittle.pipeline.snapshot.in_hand_events == 0
