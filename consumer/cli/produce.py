"""`conversions produce`: sample or given records to Kafka as Avro, with a manifest of what must become of them."""

from __future__ import annotations

import ipaddress
import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import typer

from consumer.avro import fingerprint_of
from consumer.avro_json import from_json
from consumer.cli.progress import shown
from consumer.cli.records_of_topics import mapping_of, records_by, topic_named
from consumer.config import BundledName, Config, Topic, WireFormat
from consumer.config_sources import load_config
from consumer.demo.encoding import SampleEncoder
from consumer.demo.ordinary import key_of_order, key_of_visit
from consumer.demo.publishing import Encodes, Publisher, new_producer
from consumer.demo.samples import Fields, Rules, Sample
from consumer.demo.traffic import orders, visits
from consumer.errors import ConfigError
from consumer.frames import SINGLE_OBJECT_MARKER
from consumer.registry import register_schema
from consumer.schemas import Encoder, read_schema

DEFAULT_COUNT = 1_000
_KEYS: Mapping[BundledName, Callable[[Fields], bytes]] = {"order": key_of_order, "visit": key_of_visit}
"""By mapping: the key of a record. Records of other schemas have none, and go to any partition."""

WRITTEN: frozenset[WireFormat] = frozenset({"avro", "confluent", "single_object"})
"""The wire formats that need no other registry's way of registering."""


def produce(
    topic: Annotated[str, typer.Option(help="Topic of the configuration to write to.")],
    file: Annotated[
        str | None, typer.Argument(metavar="[FILE]", help="Records as JSON lines, `-` for standard input.")
    ] = None,
    count: Annotated[
        int | None, typer.Option(min=1, help=f"How many records to invent, {DEFAULT_COUNT} if not said.")
    ] = None,
    seed: Annotated[int, typer.Option(help="The same seed invents the same people and goods.")] = 1,
    accounts: Annotated[int, typer.Option(min=1, help="Spread over merchant-1 to merchant-K.", metavar="K")] = 1,
    *,
    with_rejected: Annotated[
        bool, typer.Option("--with-rejected", help="Some orders are for an emulator that is told to reject them.")
    ] = False,
    record: Annotated[
        str | None, typer.Option(help="Full name of the records' type, where the topic has several.", metavar="NAME")
    ] = None,
    manifest: Annotated[
        Path | None, typer.Option(help="Write a JSON line per record: where it is, what must become of it.")
    ] = None,
    config: Annotated[Path | None, typer.Option(help="Configuration file.")] = None,
    allow_remote: Annotated[
        bool, typer.Option("--allow-remote", help="Write to brokers on other machines as well.")
    ] = False,
) -> None:
    """Send records to Kafka as Avro: your own from a FILE of JSON lines, or invented ones."""
    if file is not None and count is not None:
        raise ConfigError(["give either a FILE of records or --count of invented ones, not both"])
    settings = load_config(config)
    chosen = topic_named(settings, topic)
    _refuse_wire_format(topic, chosen)
    if not allow_remote:
        _refuse_remote(settings.kafka.bootstrap_servers)
    schema = _schema_of(settings, topic, record)
    samples: Iterable[Sample]
    if file is not None:
        samples = given = _given(file, topic, chosen, schema)
        total = len(given)
    else:
        if chosen.bundled is None:
            raise ConfigError([f"topic `{topic}` has a schema of your own; give a FILE of records, as none are known"])
        total = count or DEFAULT_COUNT
        samples = _invented(settings, topic, chosen, total, seed=seed, accounts=accounts, with_rejected=with_rejected)
    began_s = time.monotonic()
    outcomes: Counter[str] = Counter()
    with _opened(manifest) as lines:
        encoder = _encoder(settings, topic, chosen, schema, is_invented=file is None)
        with Publisher(new_producer(settings.kafka), encoder, lines) as publisher:
            for sample in shown(samples, total, "producing"):
                publisher.publish(sample)
                outcomes[(sample.expect or "unknown").partition(":")[0]] += 1
    print(_summary(topic, outcomes, time.monotonic() - began_s), file=sys.stderr)


def _refuse_remote(bootstrap_servers: str) -> None:
    """Sample orders on a real bus would become real conversions, and other consumers' shipments."""
    remote = [server for server in bootstrap_servers.split(",") if not _is_loopback(server)]
    if remote:
        problem = (
            f"kafka.bootstrap_servers: {len(remote)} of the brokers are not on this machine; who reads their topics "
            "would take these records for real: use --allow-remote if that is meant"
        )
        raise ConfigError([problem])


def _is_loopback(server: str) -> bool:
    address = server.strip().rpartition("://")[2]  # librdkafka takes `protocol://host:port` as well
    host = address.rpartition(":")[0] if ":" in address else address
    host = host.strip("[]").lower()
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _schema_of(settings: Config, name: str, record: str | None) -> dict[str, Any]:
    topic = settings.topics[name]
    file = topic.schema_file or next(iter(topic.schema_files), None)
    return records_by(mapping_of(settings, name, record)).schema if file is None else read_schema(file)


class _SingleObjects:
    """Writes records in Avro's single-object encoding."""

    def __init__(self, schema: dict[str, Any]) -> None:
        self._frame = SINGLE_OBJECT_MARKER + bytes.fromhex(fingerprint_of(schema))
        self._bare = Encoder(schema, schema_id=None)

    def encode(self, fields: Fields) -> bytes:
        return self._frame + self._bare.encode(fields)


def _refuse_wire_format(name: str, topic: Topic) -> None:
    if topic.wire_format not in WRITTEN:
        problem = f"topics.{name}.wire_format: records are produced in {', '.join(sorted(WRITTEN))} only"
        raise ConfigError([f"{problem}; rehearse with one of these, or with the producers of `{topic.wire_format}`"])


def _encoder(settings: Config, name: str, topic: Topic, schema: dict[str, Any], *, is_invented: bool) -> Encodes:
    if topic.wire_format == "avro":
        return Encoder(schema, schema_id=None)
    if topic.wire_format == "single_object":
        return _SingleObjects(schema)
    schema_id = register_schema(settings.schema_registry, f"{name}-value", schema)
    if is_invented and topic.bundled is not None:
        return SampleEncoder(topic.bundled, schema_id=schema_id)
    return Encoder(schema, schema_id=schema_id)


def _invented(
    settings: Config, name: str, topic: Topic, count: int, *, seed: int, accounts: int, with_rejected: bool
) -> Iterator[Sample]:
    now, rules = datetime.now(UTC), Rules.of(settings)
    if topic.mapping == "visit":
        return visits(count, seed=seed, accounts=accounts, now=now, rules=rules, topic=name)
    return orders(count, seed=seed, accounts=accounts, now=now, rules=rules, topic=name, with_rejected=with_rejected)


def _given(file: str, name: str, topic: Topic, schema: dict[str, Any]) -> list[Sample]:
    """All of the file's records; what must become of them only their author knows.

    Raises:
        ConfigError: Every line that is not a record of the schema; nothing was sent then.
    """
    key_of = None if topic.bundled is None else _KEYS[topic.bundled]
    samples: list[Sample] = []
    problems: list[str] = []
    for number, line in enumerate(_lines(file), 1):
        if not line.strip():
            continue
        try:
            fields = from_json(schema, json.loads(line))
        except json.JSONDecodeError:
            problems.append(f"line {number}: not JSON; give one JSON object per line")
        except ConfigError as error:
            problems += [f"line {number}: {problem}" for problem in error.problems]
        else:
            samples.append(Sample(name, key_of and key_of(fields), [], fields, event_id=None, expect=None))
    if problems:
        raise ConfigError(problems)
    return samples


def _lines(file: str) -> list[str]:
    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError([f"FILE cannot be read as UTF-8 text ({type(error).__name__})"]) from None
    return text.split("\n")  # not splitlines: a JSON string may well hold another of Unicode's line ends


def _opened(manifest: Path | None) -> AbstractContextManager[BinaryIO | None]:
    if manifest is None:
        return nullcontext()
    try:
        return manifest.open("wb")
    except OSError as error:
        raise ConfigError([f"--manifest: the file cannot be written: {error.strerror}"]) from None


def _summary(topic: str, outcomes: Counter[str], seconds: float) -> str:
    parts = ", ".join(f"{number:,} {outcome.replace('_', '-')}" for outcome, number in sorted(outcomes.items()))
    return f"{outcomes.total():,} records acknowledged on {topic} in {seconds:.1f} s; to become: {parts or 'nothing'}"
