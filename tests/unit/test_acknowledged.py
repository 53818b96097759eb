"""Nothing comes back before it is safe, everything is tried until it is, and a refusal costs no more than it must."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from confluent_kafka import KafkaError

from consumer.acknowledged import Acknowledged, Written
from consumer.errors import ConfigError, FatalError
from consumer.records import Assignment, Record
from consumer.timing import ManualClock
from tests.unit.scripted_producer import ScriptedProducer
from tests.unit.stages.builders import assignment_of, record_of


@dataclass(eq=False)
class Item:
    name: str = "one"
    record: Record = field(default_factory=record_of)
    topic: str = "a-topic"
    can_shrink: bool = False

    def shrink(self) -> bool:
        is_done, self.can_shrink = self.can_shrink, False
        return is_done


class Rig:
    def __init__(self) -> None:
        self.clock = ManualClock()
        self.alarms: list[tuple[str, str]] = []
        self.foreign: set[Assignment] = set()
        self.items = Acknowledged[Item](
            {},
            write=lambda item: Written(item.topic, b"key", item.name.encode()),
            clock=self.clock,
            alarm=lambda topic, error: self.alarms.append((topic, error)),
            is_ours=lambda assignment: assignment not in self.foreign,
            shrink=Item.shrink,
        )
        self.producer = ScriptedProducer.latest

    def send(self, *items: Item) -> None:
        for item in items:
            self.items.send(item)

    def safe(self) -> list[Item]:
        return self.items.poll()[0]

    def on_the_way(self) -> list[str]:
        return [(sent.value or b"").decode() for sent in self.producer.sent]


@pytest.fixture
def rig(monkeypatch: pytest.MonkeyPatch) -> Rig:
    monkeypatch.setattr("consumer.acknowledged.Producer", ScriptedProducer)
    return Rig()


def test_an_item_comes_back_once_it_is_acknowledged_and_only_once(rig: Rig) -> None:
    item = Item()
    rig.send(item)
    assert rig.safe() == []
    assert rig.items.waiting == 1

    rig.producer.acknowledge()

    assert rig.safe() == [item]
    assert rig.safe() == []
    assert rig.items.waiting == 0


def test_a_refused_item_is_tried_again_a_second_later_until_it_is_safe(rig: Rig) -> None:
    item = Item()
    rig.send(item)
    rig.producer.refuse()
    assert rig.safe() == []
    assert rig.on_the_way() == []
    rig.clock.advance(0.9)
    assert rig.safe() == []
    assert rig.on_the_way() == []

    rig.clock.advance(0.1)
    rig.items.poll()
    rig.producer.acknowledge()

    assert rig.safe() == [item]


def test_while_refused_one_at_a_time_is_tried_and_what_comes_is_kept(rig: Rig) -> None:
    rig.send(*(Item(str(n)) for n in range(5)))
    rig.producer.refuse()
    rig.items.poll()
    rig.send(Item("late"))
    assert rig.on_the_way() == []

    rig.clock.advance(1)
    rig.items.poll()
    rig.clock.advance(60)
    rig.items.poll()

    assert rig.on_the_way() == ["0"]
    assert rig.items.waiting == 6


def test_another_one_is_tried_each_time_as_it_may_be_the_item_that_is_refused(rig: Rig) -> None:
    rig.send(Item("0"), Item("1"))
    rig.producer.refuse()
    rig.items.poll()
    tried = []

    for _ in range(3):
        rig.clock.advance(1)
        rig.items.poll()
        tried += rig.on_the_way()
        rig.producer.refuse()
        rig.items.poll()

    assert tried == ["0", "1", "0"]


def test_after_the_refusal_all_go_in_the_order_in_which_they_came(rig: Rig) -> None:
    items = [Item(str(n)) for n in range(4)]
    rig.send(*items[:3])
    rig.producer.refuse()
    rig.items.poll()
    rig.send(items[3])
    rig.clock.advance(1)
    rig.items.poll()
    rig.producer.acknowledge()
    assert rig.safe() == items[:1]

    rig.items.poll()

    assert rig.on_the_way() == ["1", "2", "3"]
    assert not rig.items.is_refusing


def test_the_alarm_sounds_once_for_each_time_of_refusal(rig: Rig) -> None:
    rig.send(Item(), Item())
    for _ in range(3):
        rig.producer.refuse()
        rig.items.poll()
        rig.clock.advance(1)
        rig.items.poll()
    assert rig.alarms == [("a-topic", "TOPIC_AUTHORIZATION_FAILED")]
    rig.producer.acknowledge()
    rig.items.poll()

    rig.items.poll()
    rig.producer.refuse()
    rig.items.poll()

    assert len(rig.alarms) == 2


def test_what_the_client_refuses_at_once_is_a_refusal_too(rig: Rig) -> None:
    rig.producer.raises = KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART)

    rig.send(Item(), Item())

    assert rig.items.is_refusing
    assert rig.alarms == [("a-topic", "UNKNOWN_TOPIC_OR_PART")]
    assert rig.items.waiting == 2


def test_a_full_queue_of_the_client_is_no_refusal(rig: Rig) -> None:
    items = [Item("0"), Item("1"), Item("2")]
    rig.producer.room = 1
    rig.send(*items)
    assert not rig.items.is_refusing
    done = []

    for _ in items:
        rig.producer.acknowledge()
        done += rig.safe()
        rig.items.poll()

    assert done == items
    assert rig.alarms == []


def test_the_items_of_an_assignment_are_told_wherever_they_are(rig: Rig) -> None:
    leaving, staying = assignment_of(0), assignment_of(1)
    kept, given, other = Item("kept", record_of(leaving)), Item("given", record_of(leaving)), Item("other")
    other.record = record_of(staying)
    rig.send(kept)
    rig.producer.refuse()
    rig.items.poll()
    rig.clock.advance(1)
    rig.items.poll()
    rig.send(given, other)

    assert set(rig.items.under_way({leaving})) == {kept, given}
    assert rig.items.abandon({leaving}) == [given]
    assert rig.items.under_way({leaving}) == [kept]


def test_one_topic_that_refuses_does_not_keep_what_is_meant_for_another(rig: Rig) -> None:
    rig.send(Item("refused", topic="closed"))
    rig.producer.refuse()
    rig.items.poll()

    rig.send(Item("kept", topic="closed"), Item("free", topic="open"))

    assert rig.on_the_way() == ["free"]
    rig.producer.acknowledge()
    rig.items.poll()
    assert rig.items.is_refusing, "what another topic takes says nothing of this one"
    assert rig.alarms == [("closed", "TOPIC_AUTHORIZATION_FAILED")]


@pytest.mark.parametrize("code", [KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.INVALID_MSG_SIZE])
def test_what_is_too_large_is_made_smaller_and_tried_at_once(rig: Rig, code: int) -> None:
    item = Item(can_shrink=True)
    rig.send(item)
    rig.producer.refuse(code=code)

    assert rig.safe() == []
    assert not rig.items.is_refusing
    rig.items.poll()
    rig.producer.acknowledge()

    assert rig.safe() == [item]
    assert rig.alarms == []


def test_what_stays_too_large_is_a_refusal_as_any_other(rig: Rig) -> None:
    item = Item()
    rig.send(item)
    rig.producer.refuse(code=KafkaError.MSG_SIZE_TOO_LARGE)
    rig.items.poll()

    assert rig.alarms == [("a-topic", "MSG_SIZE_TOO_LARGE")]
    rig.clock.advance(1)
    rig.items.poll()
    rig.producer.acknowledge()

    assert rig.safe() == [item]


def test_items_are_found_by_their_records_on_the_way_and_kept(rig: Rig) -> None:
    items = [Item(str(n), record_of(offset=n)) for n in range(3)]
    rig.producer.room = 1
    rig.send(*items[:2])

    found = [list(rig.items.find({item.record})) for item in items]

    assert found == [items[:1], items[1:2], []]


def test_what_is_refused_after_its_assignment_has_ended_is_not_tried_again(rig: Rig) -> None:
    item = Item()
    rig.send(item)
    rig.foreign.add(item.record.assignment)
    rig.producer.refuse()

    assert rig.items.poll() == ([], [item])
    assert rig.items.waiting == 0
    assert not rig.items.is_refusing


def test_with_nothing_left_to_try_nothing_counts_as_refused(rig: Rig) -> None:
    item = Item()
    rig.send(item)
    rig.producer.refuse()
    rig.items.poll()

    rig.items.abandon({item.record.assignment})

    rig.send(Item("next"))
    assert not rig.items.is_refusing
    assert rig.on_the_way() == ["next"]


def test_a_producer_that_has_given_up_ends_the_run(rig: Rig) -> None:
    rig.producer.raises = KafkaError(KafkaError._FATAL)

    with pytest.raises(FatalError, match="_FATAL"):
        rig.send(Item())


def test_a_producer_that_says_so_later_ends_the_run_too(rig: Rig) -> None:
    rig.send(Item())
    rig.producer.refuse(code=KafkaError._FATAL)

    with pytest.raises(FatalError, match="_FATAL"):
        rig.items.poll()


def test_closing_drops_what_is_not_written(rig: Rig) -> None:
    rig.items.close()

    assert rig.producer.is_purged


def test_a_property_that_the_client_refuses_is_told_as_such() -> None:
    with pytest.raises(ConfigError, match=r"queue\.buffering\.max\.ms"):
        Acknowledged[Item](
            {"linger.ms": "long"},
            write=lambda _: Written("a-topic", None, None),
            clock=ManualClock(),
            alarm=lambda *why: pytest.fail(str(why)),
            is_ours=lambda _: True,
        )
