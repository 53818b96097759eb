"""`conversions produce`: the whole command against the embedded broker and a registry on 127.0.0.1."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from typing import Any

import fastavro
import pytest
import typer
from confluent_kafka import OFFSET_BEGINNING, Consumer, Message, Producer, TopicPartition
from typer.testing import CliRunner, Result

from consumer.cli.produce import produce
from consumer.config import Topic
from consumer.demo.broker import EmbeddedBroker
from consumer.errors import ConfigError
from consumer.records import Assignment, Decoded, Record
from consumer.schemas import bundled_schema
from consumer.stages.decoder import Decoder

SCHEMA_ID = 7
PARTITIONS = 4  # of a topic that the embedded broker made because a client asked for it
ORDER = {"event_id": "bus-1", "occurred_at": "2026-11-01T12:00:00Z", "order_id": "1001", "status": "PLACED"}


@dataclass
class Registry:
    """Takes every schema under the one id."""

    url: str = ""
    registered: list[tuple[str, Any]] = field(default_factory=list)


@pytest.fixture
def registry() -> Iterator[Registry]:
    registry = Registry()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            registry.registered.append((self.path, json.loads(body["schema"])))
            answer = json.dumps({"id": SCHEMA_ID}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            """Not into the tests' output."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        registry.url = f"http://127.0.0.1:{server.server_port}"
        yield registry
        server.shutdown()
        thread.join()


@pytest.fixture
def broker() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker() as broker:
        yield broker


@pytest.fixture
def configured(monkeypatch: pytest.MonkeyPatch, broker: EmbeddedBroker, registry: Registry) -> None:
    monkeypatch.delenv("CONVERSIONS_CONFIG", raising=False)
    monkeypatch.setenv("CONVERSIONS_KAFKA__BOOTSTRAP_SERVERS", broker.bootstrap_servers)
    monkeypatch.setenv("CONVERSIONS_SCHEMA_REGISTRY__URL", registry.url)
    monkeypatch.setenv("CONVERSIONS_ROUTING__DEFAULT_AD_ACCOUNT_ID", "549000000001")


def run(*arguments: str, stdin: str | None = None) -> Result:
    app = typer.Typer()
    app.command()(produce)
    return CliRunner().invoke(app, arguments, input=stdin)


def refused(result: Result) -> list[str]:
    assert isinstance(result.exception, ConfigError)
    return result.exception.problems


def stored(broker: EmbeddedBroker, topic: str) -> dict[tuple[int, int], Message]:
    """All messages of a topic by partition and offset."""
    partitions = [TopicPartition(topic, partition, OFFSET_BEGINNING) for partition in range(PARTITIONS)]
    consumer = Consumer({"bootstrap.servers": broker.bootstrap_servers, "group.id": "reader", "fetch.wait.max.ms": 5})
    try:
        consumer.assign(partitions)
        total = sum(consumer.get_watermark_offsets(partition, timeout=5)[1] for partition in partitions)
        messages = consumer.consume(total, timeout=10)
    finally:
        consumer.close()
    return {(message.partition() or 0, message.offset() or 0): message for message in messages}


def topics_of(broker: EmbeddedBroker) -> set[str]:
    """A topic is made when somebody first asks for it."""
    return set(Producer({"bootstrap.servers": broker.bootstrap_servers}).list_topics(timeout=5).topics)


def decoded(message: Message, name: Any = "order") -> dict[str, Any]:
    value = message.value() or b""
    assert value[:5] == b"\0" + SCHEMA_ID.to_bytes(4, "big")
    found = fastavro.schemaless_reader(BytesIO(value[5:]), fastavro.parse_schema(bundled_schema(name)), None)
    assert isinstance(found, dict)
    return found


@pytest.mark.usefixtures("configured")
@pytest.mark.parametrize(("topic", "name"), [("orders", "order"), ("visits", "visit")])
def test_invented_records_arrive_and_the_manifest_names_each(
    topic: str, name: Any, broker: EmbeddedBroker, registry: Registry, tmp_path: Path
) -> None:
    manifest = tmp_path / "manifest.jsonl"

    result = run("--topic", topic, "--count", "200", "--accounts", "3", "--manifest", str(manifest))

    assert result.exception is None
    lines = [json.loads(line) for line in manifest.read_text().splitlines()]
    messages = stored(broker, topic)
    assert {(line["partition"], line["offset"]) for line in lines} == messages.keys()
    assert registry.registered == [(f"/subjects/{topic}-value/versions", bundled_schema(name))]
    for line in lines:
        assert line.keys() == {"topic", "partition", "offset", "event_id", "expect"}
        assert line["topic"] == topic
        if line["expect"] == "accepted":
            fields = decoded(messages[line["partition"], line["offset"]], name)
            assert fields["merchant_id"] in {"merchant-1", "merchant-2", "merchant-3"}
            assert line["event_id"] == (
                f"{fields['merchant_id']}:{fields['order_id']}:checkout" if name == "order" else fields["event_id"]
            )
    outcomes = Counter(line["expect"].partition(":")[0] for line in lines)
    assert f"200 records acknowledged on {topic}" in result.stderr
    assert f"{outcomes['accepted']} accepted, {outcomes['dead_lettered']} dead-lettered" in result.stderr
    assert result.stdout == ""


@pytest.mark.usefixtures("configured")
def test_a_thousand_are_invented_if_no_number_is_said(broker: EmbeddedBroker) -> None:
    assert run("--topic", "orders").exception is None

    assert len(stored(broker, "orders")) == 1_000


@pytest.mark.usefixtures("configured")
def test_the_configuration_decides_what_is_expected(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    manifest = tmp_path / "manifest.jsonl"
    monkeypatch.delenv("CONVERSIONS_ROUTING__DEFAULT_AD_ACCOUNT_ID")
    monkeypatch.setenv("CONVERSIONS_ROUTING__TABLE", '{"merchant-1": "549000000001", "merchant-2": "none"}')

    run("--topic", "orders", "--count", "300", "--accounts", "2", "--manifest", str(manifest))

    outcomes = Counter(json.loads(line)["expect"] for line in manifest.read_text().splitlines())
    assert outcomes["accepted"] > 100
    assert outcomes["skipped:not_advertised"] > 50
    assert outcomes["dead_lettered:unroutable"] >= 1


@pytest.mark.usefixtures("configured")
@pytest.mark.parametrize("source", ["orders.jsonl", "-"], ids=["file", "standard input"])
def test_given_records_are_sent_as_they_are_with_nothing_expected(
    source: str, broker: EmbeddedBroker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    second = {**ORDER, "order_id": "1002", "merchant_id": "shop\u2028one", "totals": {"items_net": "12.30"}}
    text = f"{json.dumps(ORDER)}\n\n{json.dumps(second, ensure_ascii=False)}\n"
    Path("orders.jsonl").write_text(text, encoding="utf-8")

    result = run("--topic", "orders", source, "--manifest", "manifest.jsonl", stdin=text if source == "-" else None)

    assert result.exception is None
    lines = [json.loads(line) for line in Path("manifest.jsonl").read_text().splitlines()]
    assert [(line["event_id"], line["expect"]) for line in lines] == [(None, None)] * 2
    sent = {message.key(): decoded(message) for message in stored(broker, "orders").values()}
    assert sent.keys() == {b":1001", "shop\u2028one:1002".encode()}
    assert str(sent["shop\u2028one:1002".encode()]["totals"]["items_net"]) == "12.3000"
    assert "2 records acknowledged" in result.stderr


@pytest.mark.usefixtures("configured")
def test_one_wrong_line_keeps_all_of_them_from_being_sent(broker: EmbeddedBroker) -> None:
    wrong = {**ORDER, "status": "NO_SUCH_STATUS", "order_id": 1001}

    problems = refused(run("--topic", "orders", "-", stdin=f"{json.dumps(ORDER)}\n{json.dumps(wrong)}\nno json\n"))

    assert [problem.split(":")[0] for problem in problems] == ["line 2", "line 2", "line 3"]
    assert not any("NO_SUCH_STATUS" in problem or "no json" in problem for problem in problems)
    assert topics_of(broker) == set()


@pytest.mark.usefixtures("configured")
def test_a_topic_of_bare_avro_takes_its_own_schema_and_no_registry(
    broker: EmbeddedBroker, registry: Registry, tmp_path: Path
) -> None:
    schema_file, config, manifest = tmp_path / "order.avsc", tmp_path / "c.yaml", tmp_path / "manifest.jsonl"
    schema_file.write_text(json.dumps(bundled_schema("order")), encoding="utf-8")
    config.write_text(
        f"topics: {{orders: {{mapping: order, wire_format: avro, schema_file: {schema_file}}}}}", encoding="utf-8"
    )

    result = run("--topic", "orders", "--count", "50", "--config", str(config), "--manifest", str(manifest))

    assert result.exception is None
    accepted = [line for line in map(json.loads, manifest.read_text().splitlines()) if line["expect"] == "accepted"]
    messages = stored(broker, "orders")
    for line in accepted:
        value = messages[line["partition"], line["offset"]].value() or b""
        found = fastavro.schemaless_reader(BytesIO(value), fastavro.parse_schema(bundled_schema("order")), None)
        assert isinstance(found, dict)
        assert line["event_id"] == f"merchant-1:{found['order_id']}:checkout"
    assert registry.registered == []


@pytest.mark.usefixtures("configured")
def test_single_objects_are_what_their_topic_reads(broker: EmbeddedBroker, registry: Registry, tmp_path: Path) -> None:
    schema_file, config = tmp_path / "order.avsc", tmp_path / "c.yaml"
    schema_file.write_text(json.dumps(bundled_schema("order")), encoding="utf-8")
    topic = Topic(wire_format="single_object", schema_files=[schema_file], mapping="order")
    config.write_text(json.dumps({"topics": {"orders": topic.model_dump(mode="json")}}), encoding="utf-8")

    result = run("--topic", "orders", "-", "--config", str(config), stdin=json.dumps(ORDER))

    assert result.exception is None
    ((_, message),) = stored(broker, "orders").items()
    outcome = Decoder({"orders": topic}).decode(Record(Assignment("orders", 0, 0), 0, message, 0, 0.0))
    assert isinstance(outcome, Decoded)
    assert outcome.fields["order_id"] == ORDER["order_id"]
    assert registry.registered == []


@pytest.mark.usefixtures("configured")
@pytest.mark.parametrize("wire_format", ["apicurio_content_id", "apicurio_global_id", "glue"])
def test_other_wire_formats_are_refused_with_those_that_are_not(
    wire_format: str, broker: EmbeddedBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONVERSIONS_TOPICS__ORDERS__WIRE_FORMAT", wire_format)
    monkeypatch.setenv("CONVERSIONS_TOPICS__ORDERS__MAPPING", "order")
    monkeypatch.setenv("CONVERSIONS_SCHEMA_REGISTRY__APICURIO_URL", "http://127.0.0.1:1/apis/registry/v3")
    monkeypatch.setenv("CONVERSIONS_SCHEMA_REGISTRY__GLUE_REGION", "eu-west-1")

    problems = refused(run("--topic", "orders", "--count", "1"))

    assert problems[0].startswith("topics.orders.wire_format: records are produced in avro, confluent, single_object")
    assert topics_of(broker) == set()


@pytest.mark.usefixtures("configured")
@pytest.mark.parametrize(
    "servers",
    ["kafka.example.com:9092", "10.0.0.1:9092", "localhost:9092,kafka.example.com:9092", "localhost.example.com:1"],
)
def test_brokers_elsewhere_are_refused_and_nothing_is_registered(
    servers: str, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONVERSIONS_KAFKA__BOOTSTRAP_SERVERS", servers)

    problems = refused(run("--topic", "orders", "--count", "1"))

    assert [("--allow-remote" in problem, "1 of the brokers" in problem) for problem in problems] == [(True, True)]
    assert registry.registered == []


@pytest.mark.usefixtures("configured")
@pytest.mark.parametrize("host", ["localhost", "PLAINTEXT://127.0.0.1"])
def test_brokers_on_this_machine_are_taken_however_they_are_written(
    host: str, broker: EmbeddedBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = broker.bootstrap_servers.rpartition(":")[2]
    monkeypatch.setenv("CONVERSIONS_KAFKA__BOOTSTRAP_SERVERS", f"{host}:{port}")

    assert run("--topic", "orders", "--count", "1").exception is None

    assert len(stored(broker, "orders")) == 1


@pytest.mark.usefixtures("configured")
def test_brokers_elsewhere_are_taken_if_that_is_said(broker: EmbeddedBroker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONVERSIONS_KAFKA__BOOTSTRAP_SERVERS", f"kafka.invalid:1,{broker.bootstrap_servers}")

    assert run("--topic", "orders", "--count", "1", "--allow-remote").exception is None

    assert len(stored(broker, "orders")) == 1


@pytest.mark.usefixtures("configured")
@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        pytest.param(["--topic", "returns"], "take one of orders, visits", id="a topic that is not configured"),
        pytest.param(["--topic", "orders", "-", "--count", "1"], "not both", id="a file and a number"),
        pytest.param(["--topic", "orders", "/nowhere/x.jsonl"], "cannot be read", id="no such file"),
        pytest.param(["--topic", "orders", "--manifest", "/nowhere/m"], "--manifest", id="nowhere to write"),
    ],
)
def test_wrong_usage_is_refused_with_the_remedy(
    arguments: list[str], says: str, broker: EmbeddedBroker, registry: Registry
) -> None:
    problems = refused(run(*arguments))

    assert says in problems[0]
    assert registry.registered == []
    assert topics_of(broker) == set()
