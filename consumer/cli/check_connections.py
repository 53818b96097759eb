"""What `conversions check --connectivity` learns from the brokers and the schema registry."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from typing import Any

from confluent_kafka import KafkaException, TopicCollection
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # documented names that its types do not export
    AclOperation,
    AdminClient,
    ConfigResource,
    ResourceType,
)

from consumer.cli.findings import Finding, fail, ok, warn
from consumer.config import Config, SchemaRegistry
from consumer.errors import ConfigError
from consumer.kafka_settings import client_properties
from consumer.logs import kafka_logger
from consumer.records import SchemaRef
from consumer.registry import Registry, RegistryUnreachable

_TIMEOUT_S = 10.0
_DAY_S = 86_400


def connection_findings(config: Config, *, timeout_s: float = _TIMEOUT_S) -> list[Finding]:
    """Asks, and changes nothing. `timeout_s` is for each of three rounds: brokers, then their details, registry."""
    return [*_kafka_findings(config, timeout_s), *_registry_findings(config.schema_registry)]


# --- Kafka -----------------------------------------------------------------------------------------------------


def _kafka_findings(config: Config, timeout_s: float) -> Iterator[Finding]:
    try:
        admin = AdminClient(client_properties(config.kafka), logger=kafka_logger())
        metadata = admin.list_topics(timeout=timeout_s)
    except KafkaException as error:
        yield fail("brokers", f"{_said_by(error)}; check kafka.bootstrap_servers and kafka.security_protocol")
        return
    yield ok("brokers", f"{len(metadata.brokers)} reachable")
    letters, group = config.dead_letter_topic, config.group_id
    partitions = {name: len(topic.partitions) for name, topic in metadata.topics.items() if topic.error is None}
    known = [name for name in (*config.topics, letters) if name in partitions]
    resource = ConfigResource(ResourceType.TOPIC, letters)
    # All asked before the first is awaited: what the cluster does not answer costs the time only once.
    topics = admin.describe_topics(
        TopicCollection(known), include_authorized_operations=True, request_timeout=timeout_s
    )
    settings = admin.describe_configs([resource], request_timeout=timeout_s) if letters in known else {}
    groups = admin.describe_consumer_groups([group], include_authorized_operations=True, request_timeout=timeout_s)
    for name in (*config.topics, letters):
        if name not in known:
            use = "dead letters go there" if name == letters else "it is to be read"
            yield fail(
                "topics", f"{name} does not exist, or DESCRIBE is not allowed, and {use}: create it, or allow it"
            )
            continue
        needed = AclOperation.WRITE if name == letters else AclOperation.READ
        yield _topic_finding(name, partitions[name], needed, _answer(topics[name]))
    for asked in settings.values():
        yield from _retention_findings(letters, _answer(asked), config.events.max_age_s)
    yield _group_finding(group, _answer(groups[group]))


def _topic_finding(name: str, partitions: int, needed: AclOperation, description: Any) -> Finding:
    if _is_denied(needed, description):
        return fail("topics", f"{name}: {needed.name} is not allowed; add it to the access list of this user")
    return ok("topics", f"{name} exists, {partitions} partition{'s' * (partitions != 1)}")


def _group_finding(group: str, description: Any) -> Finding:
    if isinstance(description, str):
        return warn("group", f"{group} could not be asked about: {description}")
    if _is_denied(AclOperation.READ, description):
        return fail("group", f"{group}: READ is not allowed; add it to the access list of this user")
    return ok("group", f"{group}: {description.state.name.lower()}, {len(description.members)} members")


def _is_denied(needed: AclOperation, description: Any) -> bool:
    """Brokers that keep no access lists, or cannot say, deny nothing."""
    allowed = None if isinstance(description, str) else description.authorized_operations
    return allowed is not None and allowed != [] and not {needed, AclOperation.ALL} & set(allowed)


def _retention_findings(name: str, settings: Any, max_age_s: int) -> Iterator[Finding]:
    if isinstance(settings, str):
        yield warn("retention", f"{name}: how long it keeps letters could not be asked: {settings}")
        return
    yield from judge_retention(name, {key: entry.value for key, entry in settings.items()}, max_age_s)


def judge_retention(name: str, settings: Mapping[str, str | None], max_age_s: int) -> Iterator[Finding]:
    """Of a topic of dead letters: they hold people's data, and after `max_age_s` they cannot be sent any more."""
    sound = True
    if "compact" in (settings.get("cleanup.policy") or ""):
        sound = False
        yield warn(
            "retention", f"{name} is compacted: letters with the same key replace each other; use `delete` alone"
        )
    retention_ms = int(settings.get("retention.ms") or -1)
    if retention_ms < 0:
        sound = False
        yield warn("retention", f"{name} keeps letters, and the personal data in them, for ever; set retention.ms")
    elif retention_ms > max_age_s * 1_000:
        sound = False
        days = f"{retention_ms / 1_000 / _DAY_S:g} days, past the {max_age_s / _DAY_S:g}"
        yield warn("retention", f"{name} keeps letters {days} in which Pinterest takes events; lower retention.ms")
    if sound:
        yield ok("retention", f"{name} keeps letters {retention_ms / 1_000 / _DAY_S:g} days")


def _answer(asked: Future[Any]) -> Any:
    """What the cluster answered, or, as text, why it did not."""
    try:
        return asked.result()
    except KafkaException as error:
        return _said_by(error)


def _said_by(error: KafkaException) -> str:
    cause = error.args[0]
    return f"{cause.str()} ({cause.name()})"


# --- schema registry -------------------------------------------------------------------------------------------


def _registry_findings(settings: SchemaRegistry) -> Iterator[Finding]:
    if settings.url is None:
        return
    try:
        answer = asyncio.run(_look_up(settings))
    except ConfigError as error:
        yield from (fail("registry", problem) for problem in error.problems)
        return
    if isinstance(answer, RegistryUnreachable):
        yield fail("registry", f"schema_registry.url: {answer.detail}")
    else:
        yield ok("registry", "reachable")


async def _look_up(settings: SchemaRegistry) -> object:
    registry = Registry(settings)
    try:
        # Any id will do: a registry that says it has no such schema answers.
        return await registry.fetch(SchemaRef(1))
    finally:
        await registry.aclose()
