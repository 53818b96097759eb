"""Dead letters are replayed by `conversions dlq replay`, and read again by the group: each once, whatever happens."""

from __future__ import annotations

import json
import signal
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Message, Producer
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # documented names that its types do not export
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourceType,
)

from consumer.avro_json import from_json
from consumer.cli.dlq_writing import Ends, ReplayWriter
from consumer.config import Kafka, SchemaRegistry
from consumer.errors import ConsumerError
from consumer.registry import register_schema
from consumer.schemas import Encoder, bundled_schema
from tests.docs.test_mapping_page import an_order
from tests.harness.cluster import Cluster, EmbeddedCluster, RealCluster
from tests.harness.ledger import PREFIX, committed_offsets, end_offsets, read_letters, read_topic
from tests.harness.planted import Person
from tests.harness.processes import Child, Children, eventually
from tests.harness.world import World, stop

Headers = list[tuple[str, bytes | None]]
OWN: Headers = [
    ("traceparent", b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
    ("trail", b"\xff"),
    ("n", None),
]
QUICK = {"topic.metadata.refresh.interval.ms": 500}


class Desk:
    """An operator's, with the command and what it reads and writes."""

    def __init__(self, world: World, children: Children) -> None:
        self.world = world
        self._children = children
        self._runs = 0
        self.replay_topic = f"{world.group}.replay"
        registry = SchemaRegistry(url=world.registry.url)
        schema_id = register_schema(registry, f"{world.topics['orders']}-value", bundled_schema("order"))
        self._encoder = Encoder(bundled_schema("order"), schema_id=schema_id)
        self.producer = Producer({"bootstrap.servers": world.cluster.bootstrap_servers})

    def start(self, *arguments: str, **settings: object) -> Child:
        self._runs += 1
        environment = self.world.environment(**{"properties": QUICK, **settings})
        return self._children.consumer(f"dlq-{self._runs}", "dlq", *arguments, environment=environment)

    def run(self, *arguments: str, code: int = 0, **settings: Any) -> str:
        child = self.start(*arguments, **settings)
        assert child.wait(within_s=60) == code, (child.stdout(), child.tail())
        return child.stdout()

    def consumer(self, **settings: Any) -> Child:
        return self.world.consumer(properties=QUICK, **settings)

    def write(self, topic: str, value: bytes | None, headers: Headers, key: bytes | None = b"a key") -> None:
        self.producer.produce(topic, value, key=key, headers=headers, partition=0)  # type: ignore[arg-type]

    def write_letters(self, count: int, **said: str) -> list[str]:
        """Letters of orders that are sound by now; returns the ids of their events."""
        orders = [f"A-{number}" for number in range(count)]
        for number, order in enumerate(orders):
            self.write(
                self.world.dead_letter_topic, self.order(order), [*OWN, *self.why(**{"offset": str(number), **said})]
            )
        assert self.producer.flush(30) == 0
        return [f"merchant-1:{order}:checkout" for order in orders]

    def order(self, order_id: str, **changes: Any) -> bytes:
        """Sound, as it stood in its topic."""
        return self._encoder.encode(from_json(bundled_schema("order"), an_order(order_id=order_id, **changes)))

    def why(self, **said: str) -> Headers:
        base = {
            "reason": "account_held",
            "detail": "held",
            "stage": "deliver",
            "topic": self.world.topics["orders"],
            "partition": "0",
            "offset": "0",
            "timestamp": "1750000000000",
            "group": self.world.group,
            "ad-account-id": self.world.accounts["merchant-1"],
            "attempts": "3",
            "first-failed-at": "2026-11-01T00:00:00.000+00:00",
            "failed-at": datetime.now(UTC).isoformat(),
            "replays": "0",
        }
        return [(PREFIX + name, text.encode()) for name, text in (base | said).items()]

    def create_replay_topic(self, partitions: int = 2) -> None:
        self.world.cluster.create_topic(self.replay_topic, partitions)

    def replays(self) -> list[Message]:
        return read_topic(self.world.cluster.bootstrap_servers, self.replay_topic)

    def accepted(self) -> Counter[str]:
        return Counter(event.event_id for event in self.world.record())


@pytest.fixture
def any_desk(cluster: Cluster, children: Children, tmp_path: Path) -> Iterator[Desk]:
    """The test runs twice: on the embedded broker and on a real one."""
    with World(cluster, children, tmp_path, latency_ms="5-20") as world:
        yield Desk(world, children)


@pytest.fixture
def desk(embedded: EmbeddedCluster, children: Children, tmp_path: Path) -> Iterator[Desk]:
    with World(embedded, children, tmp_path, latency_ms="5-20") as world:
        yield Desk(world, children)


@pytest.fixture
def real_desk(real_kafka: RealCluster, children: Children, tmp_path: Path) -> Iterator[Desk]:
    with World(real_kafka, children, tmp_path, latency_ms="5-20") as world:
        yield Desk(world, children)


def headers_of(message: Message) -> Headers:
    headers: Any = message.headers()  # typed for sending
    return list(headers or [])


def places(messages: list[Message]) -> Counter[tuple[str, ...]]:
    """Which letters the replays name."""
    names = [f"{PREFIX}letter-{part}" for part in ("topic", "partition", "offset")]
    told = [dict(headers_of(message)) for message in messages]
    return Counter(tuple((said[name] or b"").decode() for name in names) for said in told)


def test_what_was_parked_is_accepted_exactly_once_after_its_replay(any_desk: Desk) -> None:
    desk = any_desk
    event_ids = desk.write_letters(40)
    consumer = desk.consumer(kafka__start_at="latest")  # before there is a replay topic
    desk.create_replay_topic()

    desk.run("replay", "--reason", "account_held", "--yes")
    desk.run("replay", "--reason", "account_held", "--yes")
    consumer.wait_until(lambda: len(desk.accepted()) >= len(event_ids), within_s=60, what="their acceptance")
    ledger = stop(consumer)

    assert desk.accepted() == Counter(event_ids)
    assert ledger["balanced"]
    assert set(places(desk.replays()).values()) == {1}
    assert "kafka_read_failed" not in consumer.stderr()


def test_a_replay_repeats_its_record_byte_for_byte_and_says_which_letter_it_was(desk: Desk) -> None:
    desk.write_letters(1, offset="17")
    desk.create_replay_topic()

    desk.run("replay", "--yes")

    (letter,) = read_topic(desk.world.cluster.bootstrap_servers, desk.world.dead_letter_topic)
    (replay,) = desk.replays()
    said = dict(headers_of(replay))
    assert (replay.key(), replay.value()) == (letter.key(), letter.value())
    assert headers_of(replay)[: len(OWN)] == OWN
    assert dict(headers_of(letter)).items() - said.items() == {(f"{PREFIX}replays", b"0")}
    assert said[f"{PREFIX}replays"] == b"1"
    assert places([replay]) == {(desk.world.dead_letter_topic, "0", "0"): 1}


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT])
def test_a_replay_that_was_cut_off_goes_on_and_writes_no_letter_twice(any_desk: Desk, end: signal.Signals) -> None:
    desk = any_desk
    desk.write_letters(300)
    desk.create_replay_topic()
    cut_off = desk.start("replay", "--yes", "--rate", "50")
    servers = desk.world.cluster.bootstrap_servers
    cut_off.wait_until(lambda: sum(end_offsets(servers, desk.replay_topic).values()) > 30, within_s=40, what="some")

    cut_off.send(end)
    code = cut_off.wait(within_s=30)
    before = len(desk.replays())
    told = desk.run("replay", "--yes", "--rate", "5000")

    assert 30 < before < 300
    assert f"{300 - before} letters replayed and acknowledged" in told
    assert Counter(places(desk.replays()).values()) == {1: 300}
    if end is signal.SIGINT:
        assert (code, "run the same command again" in cut_off.stderr()) == (1, True)
        assert f"{before} letters replayed and acknowledged" in cut_off.stdout()


def test_two_letters_of_one_failure_are_replayed_once(desk: Desk) -> None:
    desk.write_letters(2)
    desk.write_letters(2)  # as after a kill
    desk.create_replay_topic()

    told = desk.run("replay", "--yes")
    again = desk.run("replay", "--yes")

    assert "left out: 2 of the same failure" in told
    assert "left out: 4 replayed already" in again
    assert len(desk.replays()) == 2


def test_what_a_rehearsal_would_replay_is_not_sent_by_another_group(desk: Desk) -> None:
    desk.create_replay_topic()
    desk.write(desk.replay_topic, desk.order("A-1"), [*OWN, *desk.why(group=f"{desk.world.group}-test", replays="1")])
    assert desk.producer.flush(30) == 0
    consumer = desk.consumer()

    eventually(lambda: len(desk.world.letters()) == 1, within_s=40, what="its letter")
    ledger = stop(consumer)
    planned = desk.run("replay", code=1)

    (letter,) = desk.world.letters()
    assert (letter.why["reason"], letter.why["topic"]) == ("undecodable", desk.replay_topic)
    assert "conversions.group" in letter.why["detail"]
    assert "left out: 1 the original's topic" in planned  # nor is it by a replay of that letter
    assert desk.accepted() == {}
    assert ledger["balanced"]


def test_a_replay_to_the_source_that_was_cut_off_says_where_to_go_on_in_every_partition(desk: Desk) -> None:
    desk.write_letters(100)
    child = desk.start("replay", "--to-source", "--yes", "--rate", "20")
    servers, orders = desk.world.cluster.bootstrap_servers, desk.world.topics["orders"]
    child.wait_until(lambda: sum(end_offsets(servers, orders).values()) > 5, within_s=40, what="some")

    child.send(signal.SIGINT)
    code = child.wait(within_s=30)

    written = sum(end_offsets(servers, orders).values())
    hints = [line.split()[1:] for line in child.stderr().splitlines() if "--from-offset" in line]
    assert code == 1
    assert "same command" not in child.stderr()
    assert [
        "--dead-letter-topic",
        desk.world.dead_letter_topic,
        "--partition",
        "0",
        "--from-offset",
        str(written),
    ] in hints
    assert len(hints) == len(end_offsets(servers, desk.world.dead_letter_topic))
    assert all(hint[-1] == "0" for hint in hints if hint[3] != "0")


def test_a_second_signal_ends_a_replay_at_once(desk: Desk) -> None:
    desk.write_letters(50)
    desk.create_replay_topic()
    child = desk.start("replay", "--yes", "--rate", "0.1")
    servers = desk.world.cluster.bootstrap_servers
    child.wait_until(lambda: sum(end_offsets(servers, desk.replay_topic).values()) > 0, within_s=40, what="one")

    child.send(signal.SIGINT)
    child.send(signal.SIGTERM)
    code = child.wait(within_s=5)  # less than until the next one's turn

    assert code in (-signal.SIGINT, -signal.SIGTERM)  # whichever came second


def test_what_speaks_against_a_replay_is_left_out_and_counted(desk: Desk) -> None:
    desk.write_letters(2)
    desk.write_letters(3, replays="3")
    desk.write_letters(4, reason="outcome_unknown", partition="1")
    desk.write_letters(5, group="another-group")
    desk.write_letters(6, topic="no-longer-read")
    desk.create_replay_topic()

    planned = desk.run("replay", code=1)
    before = len(desk.replays())
    done = desk.run("replay", "--yes", code=1)

    assert before == 0
    for told in (planned, done):
        assert "2 letters to be replayed" in told
        assert "left out: 3 replayed too often" in told
        assert "left out: 4 outcome unknown" in told
        assert "left out: 6 the original's topic" in told
    assert "dry run" in planned
    assert len(desk.replays()) == 2
    assert "4 letters to be replayed" in desk.run("replay", "--reason", "outcome_unknown")
    assert "left out: 2 replayed already" in desk.run("replay", code=1)


def test_a_reference_holds_nothing_of_its_record_and_is_replayed_while_that_still_stands(any_desk: Desk) -> None:
    desk = any_desk
    source = desk.world.topics["visits"]
    for number in range(3):
        desk.write(source, b"not avro %d" % number, OWN, key=b"a person")
    assert desk.producer.flush(30) == 0
    consumer = desk.consumer(dead_letters__payload="reference")
    desk.world.wait_until_committed_to_the_end(consumer)
    stop(consumer)
    letters = desk.world.letters()
    desk.world.cluster.delete_records(source, 0, 1)
    omitted = {"value-omitted": "true", "topic": source, "offset": "1"}
    desk.write(desk.world.dead_letter_topic, None, desk.why(**omitted))  # of a record of another time at that place
    desk.write(desk.world.dead_letter_topic, None, desk.why(**{**omitted, "partition": "99"}))
    assert desk.producer.flush(30) == 0
    desk.create_replay_topic()

    planned = desk.run("replay", code=1)
    done = desk.run("replay", "--yes", code=1)

    assert [(letter.key, letter.value, letter.headers) for letter in letters] == [(None, None, ())] * 3
    assert {letter.why["value-omitted"] for letter in letters} == {"true"}
    for told in (planned, done):
        assert "2 letters to be replayed" in told
        assert "left out: 3 without its value" in told
    replays = sorted(desk.replays(), key=lambda message: message.value() or b"")
    assert [(each.key(), each.value()) for each in replays] == [
        (b"a person", b"not avro 1"),
        (b"a person", b"not avro 2"),
    ]
    assert all(headers_of(each)[: len(OWN)] == OWN for each in replays)
    assert all(f"{PREFIX}value-omitted" not in dict(headers_of(each)) for each in replays)


def test_a_replay_that_fails_again_keeps_its_first_failure_and_tells_of_the_last(any_desk: Desk) -> None:
    desk = any_desk
    first = desk.why(offset="17", partition="2", **{"http-status": "401", "event-id": "an-event"})
    desk.write(desk.world.dead_letter_topic, b"not avro", [*OWN, *first])
    assert desk.producer.flush(30) == 0
    desk.create_replay_topic()
    desk.run("replay", "--yes")
    consumer = desk.consumer(kafka__start_at="latest")  # which is of no replay

    eventually(lambda: len(desk.world.letters()) == 2, within_s=40, what="another letter")
    ledger = stop(consumer)

    before, after = desk.world.letters()
    kept = ("topic", "partition", "offset", "timestamp", "first-failed-at")
    assert [after.why[name] for name in kept] == [before.why[name] for name in kept]
    assert (after.key, after.value, list(after.headers)) == (b"a key", b"not avro", OWN)
    assert (after.why["reason"], after.why["stage"], after.why["replays"], after.why["attempts"]) == (
        *("undecodable", "decode"),
        *("1", "0"),
    )
    assert after.why["failed-at"] > before.why["failed-at"]
    assert {"http-status", "event-id", "ad-account-id", "letter-offset"} & after.why.keys() == set()
    assert ledger["balanced"]
    assert "1 letter to be replayed" in desk.run("replay")  # the new one


def test_what_is_no_replay_of_a_known_topic_becomes_a_letter(any_desk: Desk) -> None:
    desk = any_desk
    desk.create_replay_topic()
    sound = desk.order("A-1")
    desk.write(desk.replay_topic, sound, OWN)
    desk.write(desk.replay_topic, sound, [*OWN, *desk.why(topic="no-longer-read", offset="9")])
    desk.write(desk.replay_topic, None, [*OWN, *desk.why(), (f"{PREFIX}value-omitted", b"true")])
    assert desk.producer.flush(30) == 0
    consumer = desk.consumer()

    eventually(lambda: len(desk.world.letters()) == 3, within_s=40, what="their letters")
    stop(consumer)

    unnamed, unknown, empty = sorted(desk.world.letters(), key=lambda each: (each.value is None, each.why["offset"]))
    assert {each.why["reason"] for each in (unnamed, unknown, empty)} == {"undecodable"}
    assert (unnamed.why["topic"], unnamed.value) == (desk.replay_topic, sound)
    assert (unknown.why["topic"], unknown.why["offset"], unknown.value) == ("no-longer-read", "9", sound)
    assert (empty.why["topic"], empty.why["value-omitted"]) == (desk.world.topics["orders"], "true")
    assert desk.accepted() == {}


def test_a_topic_may_have_its_letters_elsewhere(desk: Desk) -> None:
    orders, elsewhere = desk.world.topics["orders"], f"{desk.world.topics['orders']}.letters"
    desk.world.cluster.create_topic(elsewhere, 1)
    desk.create_replay_topic()
    for topic in desk.world.topics.values():
        desk.write(topic, b"not avro", [])
    desk.write(desk.replay_topic, b"not avro either", desk.why())
    assert desk.producer.flush(30) == 0
    own: dict[str, Any] = {f"topics__{orders}__dead_letter_topic": elsewhere}
    consumer = desk.consumer(**own)

    eventually(lambda: len(read_letters(desk.world.cluster.bootstrap_servers, elsewhere)) == 2, within_s=40, what="two")
    eventually(lambda: len(desk.world.letters()) == 1, within_s=40, what="the other")
    stop(consumer)

    found = read_letters(desk.world.cluster.bootstrap_servers, elsewhere)
    assert {letter.value for letter in found} == {b"not avro", b"not avro either"}
    listed = json.loads(desk.run("list", "--format", "json", **own))
    assert {(kind["topic"], kind["letters"]) for kind in listed["kinds"]} == {
        (orders, 2),
        (desk.world.topics["visits"], 1),
    }


def test_letters_are_counted_by_what_they_say_without_touching_the_group(desk: Desk) -> None:
    desk.write_letters(3)
    desk.write_letters(2, reason="invalid", partition="1", **{"failed-at": "2026-11-01T00:00:00+00:00"})
    desk.write(desk.world.dead_letter_topic, b"noise", [])
    assert desk.producer.flush(30) == 0
    desk.create_replay_topic()
    desk.run("replay", "--reason", "account_held", "--yes")

    listed = json.loads(desk.run("list", "--format", "json"))
    recent = json.loads(desk.run("list", "--format", "json", "--since", "1h"))
    table = desk.run("list", "--reason", "invalid")

    held, invalid = listed["kinds"]
    assert (listed["letters"], listed["replayed"]) == (5, 3)
    assert (held["reason"], held["letters"], held["replayed"]) == ("account_held", 3, 3)
    assert (invalid["reason"], invalid["letters"], invalid["replayed"]) == ("invalid", 2, 0)
    assert invalid["oldest"] == invalid["newest"] == "2026-11-01T00:00:00Z"
    assert [kind["reason"] for kind in recent["kinds"]] == ["account_held"]
    assert table.splitlines()[1].split()[:2] == ["invalid", desk.world.accounts["merchant-1"]]
    servers, group = desk.world.cluster.bootstrap_servers, desk.world.group
    topics = (desk.world.dead_letter_topic, desk.replay_topic, *desk.world.topics.values())
    assert [committed_offsets(servers, group, topic) for topic in topics] == [{}] * 4


def test_nobody_is_told_of_unless_it_is_asked_for(desk: Desk) -> None:
    person = Person("bcdfghjklmnp", "192837465", date(1970, 5, 17))
    customer = {"emails": [person.email], "phones": [person.phone], "first_name": person.letters}
    value = desk.order("A-1", customer=customer)
    headers: Headers = [(person.letters, person.email.encode()), *desk.why()]
    desk.write(desk.world.dead_letter_topic, value, headers, key=person.letters.encode())
    assert desk.producer.flush(30) == 0
    desk.create_replay_topic()

    commands = (["list"], ["show", "--first", "1"], ["replay"], ["replay", "--yes"])
    children = [desk.start(*command) for command in commands]
    codes = [child.wait(within_s=60) for child in children]
    asked = desk.run("show", "--partition", "0", "--offset", "0", "--personal-data")

    assert codes == [0] * 4
    assert [person.traces_in(child.stdout() + child.stderr()) for child in children] == [[]] * 4
    shown = json.loads(children[1].stdout())
    assert shown["headers"]["reason"] == "account_held"
    assert (shown["key_bytes"], shown["value_bytes"]) == (len(person.letters), len(value))
    told = json.loads(asked)
    assert (told["key"], told["producer_header_list"]) == (person.letters, [[person.letters, person.email]])
    assert told["value"]["customer"]["emails"] == [person.email]
    assert told["value"]["order_id"] == "A-1"


def test_to_its_source_a_record_goes_with_a_warning_and_its_count(desk: Desk) -> None:
    desk.write(desk.world.dead_letter_topic, b"not avro", [*OWN, *desk.why(partition="1")])
    assert desk.producer.flush(30) == 0

    child = desk.start("replay", "--to-source", "--yes")
    code = child.wait(within_s=60)
    consumer = desk.consumer()
    eventually(lambda: len(desk.world.letters()) == 2, within_s=40, what="another letter")
    stop(consumer)

    (written,) = read_topic(desk.world.cluster.bootstrap_servers, desk.world.topics["orders"])
    said = {name.removeprefix(PREFIX) for name, _ in headers_of(written) if name.startswith(PREFIX)}
    assert (code, written.partition(), written.key(), written.value()) == (0, 1, b"a key", b"not avro")
    assert headers_of(written)[: len(OWN)] == OWN
    assert said == {"replays", "letter-topic", "letter-partition", "letter-offset"}
    assert "EVERY consumer" in child.stderr()
    assert desk.world.letters()[1].why["replays"] == "1"


def test_without_a_replay_topic_nothing_is_replayed_and_none_is_made_behind_anybodys_back(desk: Desk) -> None:
    desk.write_letters(1)

    planned = desk.run("replay")
    child = desk.start("replay", "--yes")
    code = child.wait(within_s=60)

    assert "1 letter to be replayed" in planned
    assert (code, "--create-topic" in child.stderr()) == (2, True)
    refused = desk.start("replay", "--yes", "--create-topic")  # after what the embedded broker does not tell
    assert (refused.wait(within_s=60), "DESCRIBE_CONFIGS" in refused.stderr()) == (1, True)
    topics = AdminClient({"bootstrap.servers": desk.world.cluster.bootstrap_servers}).list_topics(timeout=10).topics
    assert desk.replay_topic not in topics


@pytest.mark.real_kafka
def test_the_replay_topic_is_made_to_keep_as_long_as_the_letters(real_desk: Desk) -> None:
    desk, servers = real_desk, real_desk.world.cluster.bootstrap_servers
    admin = AdminClient({"bootstrap.servers": servers})
    set_retention(admin, desk.world.dead_letter_topic, "345600000")
    desk.write_letters(1)

    told = desk.run("replay", "--yes", "--create-topic")
    resource = ConfigResource(ResourceType.TOPIC, desk.replay_topic)
    settings = admin.describe_configs([resource])[resource].result(20)
    set_retention(admin, desk.replay_topic, "345599999")
    refused = desk.start("replay", "--yes")
    code = refused.wait(within_s=60)

    assert "1 letter replayed" in told
    assert (settings["retention.ms"].value, settings["cleanup.policy"].value) == ("345600000", "delete")
    assert (code, "retention.ms" in refused.stderr()) == (2, True)


def set_retention(admin: AdminClient, topic: str, retention_ms: str) -> None:
    entry = ConfigEntry("retention.ms", retention_ms, incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])
    admin.incremental_alter_configs([resource])[resource].result(20)


def test_a_second_replay_at_the_same_time_is_noticed(embedded: EmbeddedCluster) -> None:
    embedded.create_topic("replays", 1)
    kafka = Kafka(bootstrap_servers=embedded.bootstrap_servers)
    one, other = (
        ReplayWriter(kafka, rate=1_000, total=1, ends=Ends(lambda: {0: 0}), then="run it again") for _ in range(2)
    )
    one.write("replays", key=None, value=b"a letter", headers=[], done=lambda: None)
    one.finish()

    other.write("replays", key=None, value=b"the same letter", headers=[], done=lambda: None)

    with pytest.raises(ConsumerError, match="at the same time"):
        other.finish()
