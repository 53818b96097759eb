from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import files

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition, cimpl
from confluent_kafka.admin import AdminClient

from consumer.demo.broker import ApiKey, EmbeddedBroker
from consumer.errors import ConfigError
from tests.harness.cluster import EmbeddedCluster
from tests.harness.processes import eventually

WITHIN_S = 10.0
OF_ANOTHER_PACKAGE = next(str(file.locate()) for file in files("orjson") or [] if file.suffix == ".so")


@pytest.fixture
def broker(embedded: EmbeddedCluster) -> EmbeddedBroker:
    return embedded.broker


def client_of(broker: EmbeddedBroker, **more: str | int | bool) -> Consumer:
    settings = {name.replace("_", "."): value for name, value in more.items()}
    quiet = {"bootstrap.servers": broker.bootstrap_servers, "log_level": 2, "fetch.wait.max.ms": 5}
    return Consumer({"group.id": "tests", **quiet, **settings})


def produce(broker: EmbeddedBroker, topic: str, *values: bytes) -> None:
    """To partition 0."""
    producer = Producer({"bootstrap.servers": broker.bootstrap_servers})
    for value in values:
        producer.produce(topic, value, partition=0)
    assert producer.flush(WITHIN_S) == 0


def next_message(consumer: Consumer) -> Message:
    return eventually(lambda: consumer.poll(0.1), within_s=WITHIN_S, what="a message")


def partitions_of(broker: EmbeddedBroker, topic: str) -> int:
    topics = AdminClient({"bootstrap.servers": broker.bootstrap_servers}).list_topics(timeout=WITHIN_S).topics
    return len(topics[topic].partitions)


def test_listens_on_this_machine_only() -> None:
    with EmbeddedBroker(brokers=3) as broker:
        assert [address.partition(":")[0] for address in broker.bootstrap_servers.split(",")] == ["127.0.0.1"] * 3


def test_a_topic_has_the_partitions_asked_for(broker: EmbeddedBroker) -> None:
    broker.create_topic("orders", 7)

    assert partitions_of(broker, "orders") == 7


def test_a_topic_is_created_once(broker: EmbeddedBroker) -> None:
    broker.create_topic("orders", 1)

    with pytest.raises(ValueError, match="already exists"):
        broker.create_topic("orders", 1)


@pytest.mark.parametrize(
    "protocol",
    [
        pytest.param({"partition.assignment.strategy": "range"}, id="eager"),
        pytest.param({"partition.assignment.strategy": "cooperative-sticky"}, id="cooperative"),
        pytest.param({"group.protocol": "consumer"}, id="KIP-848"),
    ],
)
def test_the_first_member_of_a_group_reads_at_once(broker: EmbeddedBroker, protocol: dict[str, str]) -> None:
    broker.create_topic("orders", 1)
    produce(broker, "orders", b"first")
    consumer = client_of(broker, **{"auto.offset.reset": "earliest"}, **protocol)
    consumer.subscribe(["orders"])

    message = eventually(lambda: consumer.poll(0.05), within_s=2.5, what="a message before the default delay of 3 s")

    assert message.value() == b"first"
    consumer.close()


def test_pushed_errors_answer_that_many_requests(broker: EmbeddedBroker) -> None:
    broker.create_topic("orders", 1)
    consumer = client_of(broker)
    offsets = [TopicPartition("orders", 0, 3)]
    refused = KafkaError.GROUP_AUTHORIZATION_FAILED
    broker.push_errors(ApiKey.OFFSET_COMMIT, [refused, refused])

    codes = [outcome(lambda: consumer.commit(offsets=offsets, asynchronous=False)) for _ in range(3)]

    assert codes == [refused, refused, None]
    assert consumer.committed(offsets)[0].offset == 3


def test_cleared_errors_answer_nothing(broker: EmbeddedBroker) -> None:
    broker.create_topic("orders", 1)
    consumer = client_of(broker)
    broker.push_errors(ApiKey.OFFSET_COMMIT, [KafkaError.GROUP_AUTHORIZATION_FAILED])

    broker.clear_errors(ApiKey.OFFSET_COMMIT)

    assert outcome(lambda: consumer.commit(offsets=[TopicPartition("orders", 0, 3)], asynchronous=False)) is None


def test_a_broker_that_went_down_answers_nobody_and_comes_up_with_everything(broker: EmbeddedBroker) -> None:
    broker.create_topic("orders", 1)
    produce(broker, "orders", b"kept")

    broker.go_down()
    while_down = outcome(lambda: client_of(broker).list_topics(timeout=0.2))
    broker.come_up()

    assert while_down == KafkaError._TRANSPORT
    assert client_of(broker).get_watermark_offsets(TopicPartition("orders", 0), timeout=WITHIN_S) == (0, 1)


def test_every_answer_takes_the_round_trip(broker: EmbeddedBroker) -> None:
    broker.create_topic("orders", 1)
    client = client_of(broker)
    client.list_topics(timeout=WITHIN_S)

    broker.set_round_trip(400)
    while_slow = outcome(lambda: client.list_topics(timeout=0.2))
    broker.set_round_trip(0)

    assert while_slow in {KafkaError._TIMED_OUT, KafkaError._TRANSPORT}
    assert outcome(lambda: client.list_topics(timeout=WITHIN_S)) is None


def test_deleted_records_are_gone_from_the_start(broker: EmbeddedBroker) -> None:
    broker.create_topic("orders", 1)
    produce(broker, "orders", *[b"%d" % number for number in range(5)])
    consumer = client_of(broker)

    broker.delete_records("orders", 0, 3)

    assert consumer.get_watermark_offsets(TopicPartition("orders", 0), timeout=WITHIN_S) == (3, 5)
    consumer.assign([TopicPartition("orders", 0, 3)])
    assert next_message(consumer).value() == b"3"
    consumer.close()


def test_a_partition_moves_to_the_leader_asked_for() -> None:
    with EmbeddedBroker(brokers=2) as broker:
        broker.create_topic("orders", 1)

        for leader in (2, 1):
            broker.set_leader("orders", 0, leader)

            topics = client_of(broker).list_topics("orders", timeout=WITHIN_S).topics
            assert topics["orders"].partitions[0].leader == leader


def test_closing_says_nothing_and_ends_it(capfd: pytest.CaptureFixture[str]) -> None:
    broker = EmbeddedBroker()
    broker.create_topic("orders", 1)

    broker.close()
    broker.close()

    assert capfd.readouterr() == ("", "")
    with pytest.raises(ValueError, match="closed"):
        broker.create_topic("visits", 1)


@pytest.mark.parametrize("library", ["/nowhere/librdkafka.so", OF_ANOTHER_PACKAGE], ids=["none", "another"])
def test_a_library_without_it_is_a_matter_of_configuration(library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cimpl, "__file__", library)

    with pytest.raises(ConfigError, match="install its wheel"):
        EmbeddedBroker()


def outcome(call: Callable[[], object]) -> int | None:
    """The code of the error that Kafka answered, or None if it took the call."""
    try:
        call()
    except KafkaException as error:
        code: int = error.args[0].code()
        return code
    return None
