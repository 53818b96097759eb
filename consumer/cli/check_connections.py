"""What `conversions check --connectivity` learns from the brokers and the schema registry."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from itertools import chain
from typing import Any

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # documented names that its types do not export
    AclOperation,
    AdminClient,
    ConfigResource,
    ResourceType,
)

from consumer.by_topic import is_match
from consumer.cli.dlq_topics import FOREVER_MS, keeps_longer
from consumer.cli.findings import Finding, fail, ok, warn
from consumer.config import Config, SchemaRegistry
from consumer.errors import ConfigError
from consumer.kafka_settings import client_properties
from consumer.logs import kafka_logger
from consumer.records import SchemaKind, SchemaRef
from consumer.registry import Registry, RegistryUnreachable, SchemaAnswer
from consumer.topic_facts import facts_of

_TIMEOUT_S = 10.0
_DAY_S = 86_400


def connection_findings(config: Config, *, timeout_s: float = _TIMEOUT_S) -> list[Finding]:
    """Asks, and changes nothing. `timeout_s` is for each of three rounds: brokers, then their details, registry."""
    return [*_kafka_findings(config, timeout_s), *_registry_findings(config.schema_registry)]


# --- Kafka -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Use:
    """What a topic is needed for."""

    needed: AclOperation
    why: str


_READ = _Use(AclOperation.READ, "it is to be read")
_LETTERS = _Use(AclOperation.WRITE, "dead letters go there")
_RECEIPTS = _Use(AclOperation.WRITE, "receipts go there")
_REPLAYS = _Use(AclOperation.READ, "it is read as soon as there is one")


def _kafka_findings(config: Config, timeout_s: float) -> Iterator[Finding]:
    met: list[KafkaError] = []
    admin = None
    try:
        properties: dict[str, Any] = {**client_properties(config.kafka), "error_cb": met.append}
        admin = AdminClient(properties, logger=kafka_logger())
        metadata = admin.list_topics(timeout=timeout_s)
    except KafkaException as error:
        if admin is not None:
            admin.poll(0)  # hands over what the client met with meanwhile
        # Why one broker could not be talked to says more than that none could, or that no answer came in time.
        why = next((each for each in met if each.code() != KafkaError._ALL_BROKERS_DOWN), error.args[0])  # noqa: SLF001
        yield fail("brokers", f"{_said_by(why)}; check kafka.bootstrap_servers and the security settings of kafka")
        return
    yield ok("brokers", f"{len(metadata.brokers)} reachable")
    receipts, group = config.receipts_topic, config.group_id
    partitions = {name: len(topic.partitions) for name, topic in metadata.topics.items() if topic.error is None}
    read = {said: [name for name in partitions if is_match(said, name)] or [said] for said in config.topics}
    uses = dict.fromkeys(chain(*read.values()), _READ) | dict.fromkeys(config.dead_letter_topics, _LETTERS)
    if config.writes_receipts:
        uses[receipts] = _RECEIPTS
    if config.replay_topic in partitions:  # most groups never need one
        uses[config.replay_topic] = _REPLAYS
    known = [name for name in uses if name in partitions]
    refers = config.dead_letters.payload == "reference"
    asked_about = [ConfigResource(ResourceType.TOPIC, name) for name in known if refers or uses[name] is not _READ]
    # All asked before the first is awaited: what the cluster does not answer costs the time only once.
    topics = admin.describe_topics(
        TopicCollection(known), include_authorized_operations=True, request_timeout=timeout_s
    )
    settings = admin.describe_configs(asked_about, request_timeout=timeout_s) if asked_about else {}
    groups = admin.describe_consumer_groups([group], include_authorized_operations=True, request_timeout=timeout_s)
    for name, use in uses.items():
        if name not in known:
            yield fail(
                "topics", f"{name} does not exist, or DESCRIBE is not allowed, and {use.why}: create it, or allow it"
            )
            continue
        yield _topic_finding(name, partitions[name], use.needed, _answer(topics[name]))
    told = {resource.name: _answer(asked) for resource, asked in settings.items()}
    for name, answer in told.items():
        if uses[name] is _RECEIPTS:
            yield from _keeping_findings(receipts, answer)
        elif uses[name] is _READ:
            letters = config.own_dead_letter_topics.get(name, config.dead_letter_topic)
            yield from _original_findings(name, answer, letters, told.get(letters))
        else:
            yield from _retention_findings(name, answer, config.events.max_age_s)
    kept = {name: _retention_ms(told[name]) for name in told if uses[name] in (_LETTERS, _REPLAYS)}
    yield from judge_memory(config.replay_topic, kept)
    yield _group_finding(group, _answer(groups[group]))


def _topic_finding(name: str, partitions: int, needed: AclOperation, description: Any) -> Finding:
    if _is_denied(needed, description):
        return fail("topics", f"{name}: {needed.name} is not allowed; add it to the access list of this user")
    return ok("topics", f"{name} exists, {partitions} partition{'s' * (partitions != 1)}")


def _group_finding(group: str, description: Any) -> Finding:
    if isinstance(description, KafkaError) and description.code() == KafkaError.GROUP_AUTHORIZATION_FAILED:
        return fail("group", f"{group}: DESCRIBE and READ are not allowed; add them to the access list of this user")
    if isinstance(description, KafkaError):
        return warn("group", f"{group} could not be asked about: {_said_by(description)}")
    if _is_denied(AclOperation.READ, description):
        return fail("group", f"{group}: READ is not allowed; add it to the access list of this user")
    return ok("group", f"{group}: {description.state.name.lower()}, {len(description.members)} members")


def _is_denied(needed: AclOperation, description: Any) -> bool:
    """Brokers that keep no access lists, or cannot say, deny nothing."""
    allowed = None if isinstance(description, KafkaError) else description.authorized_operations
    return allowed is not None and allowed != [] and not {needed, AclOperation.ALL} & set(allowed)


def _retention_findings(name: str, settings: Any, max_age_s: int) -> Iterator[Finding]:
    if isinstance(settings, KafkaError):
        yield warn("retention", f"{name}: how long it keeps letters could not be asked: {_said_by(settings)}")
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


def _retention_ms(settings: Any) -> int | None:
    """None if the brokers did not say."""
    return None if isinstance(settings, KafkaError) else int(settings["retention.ms"].value)


def judge_memory(replays: str, retention_ms: Mapping[str, int | None]) -> Iterator[Finding]:
    """Of the replay topic beside the dead-letter topics: what was replayed is known from it alone."""
    kept = retention_ms.get(replays)
    for name, each in retention_ms.items():
        if name != replays and keeps_longer(each, kept):
            yield warn(
                "retention",
                f"{replays} keeps less long than {name}: what was replayed is forgotten before its letter is gone, "
                "and could be replayed again; make retention.ms of both equal",
            )


def _original_findings(name: str, settings: Any, letters: str, settings_of_letters: Any) -> Iterator[Finding]:
    if isinstance(settings, KafkaError):
        yield warn(
            "retention", f"{name}: how long it keeps what letters refer to could not be asked: {_said_by(settings)}"
        )
        return
    plain = {key: entry.value for key, entry in settings.items()}
    yield from judge_originals(
        name, plain, letters, None if settings_of_letters is None else _retention_ms(settings_of_letters)
    )


def judge_originals(
    name: str, settings: Mapping[str, str | None], letters: str, letters_ms: int | None
) -> Iterator[Finding]:
    """Of a topic that letters only refer to: what is gone there cannot be replayed."""
    facts = facts_of(settings)
    if facts.is_compacted:
        yield warn(
            "retention",
            f"{name} is compacted, and dead_letters.payload is reference: a letter whose record is replaced by a later "
            "one of its key cannot be replayed; use original",
        )
    kept_ms = FOREVER_MS if facts.retention_s is None else int(facts.retention_s * 1_000)
    if keeps_longer(letters_ms, kept_ms):
        yield warn(
            "retention",
            f"{name} keeps less long than {letters}, and dead_letters.payload is reference: letters whose "
            f"record is gone cannot be replayed; give {name} the retention.ms of {letters}, or use original",
        )


def _keeping_findings(name: str, settings: Any) -> Iterator[Finding]:
    if isinstance(settings, KafkaError):
        yield warn("receipts", f"{name}: whether it is compacted could not be asked: {_said_by(settings)}")
        return
    yield from judge_keeping(name, {key: entry.value for key, entry in settings.items()})


def judge_keeping(name: str, settings: Mapping[str, str | None]) -> Iterator[Finding]:
    """Of a topic of receipts: one for each event is enough, and even they are not to be kept for ever."""
    facts = facts_of(settings)
    if not facts.is_compacted:
        yield warn("receipts", f"{name} is not compacted: repeats pile up; set cleanup.policy to compact,delete")
    elif facts.retention_s is None:
        yield warn(
            "receipts",
            f"{name} keeps receipts, and the order ids in them, for ever; "
            "set cleanup.policy to compact,delete and retention.ms",
        )
    else:
        yield ok("receipts", f"{name} is compacted and keeps receipts {facts.retention_s / _DAY_S:g} days")


def _answer(asked: Future[Any]) -> Any:
    """What the cluster answered, or the error for which it did not."""
    try:
        return asked.result()
    except KafkaException as error:
        return error.args[0]


def _said_by(error: KafkaError) -> str:
    return f"{error.str()} ({error.name()})"


# --- schema registry -------------------------------------------------------------------------------------------


# Any id will do: a registry that says it has no such schema answers.
_ASKED = {
    "url": SchemaRef(1),
    "apicurio_url": SchemaRef(1, SchemaKind.GLOBAL_ID),
    "glue_region": SchemaRef(32 * "0", SchemaKind.GLUE_VERSION),
}


def _registry_findings(settings: SchemaRegistry) -> Iterator[Finding]:
    asked = {key: ref for key, ref in _ASKED.items() if getattr(settings, key) is not None}
    try:
        answers = asyncio.run(_look_up(settings, list(asked.values())))
    except ConfigError as error:
        yield from (fail("registry", problem) for problem in error.problems)
        return
    for key, answer in zip(asked, answers, strict=True):
        if isinstance(answer, RegistryUnreachable):
            yield fail("registry", f"schema_registry.{key}: {answer.detail}")
        else:
            yield ok("registry", f"schema_registry.{key}: reachable")


async def _look_up(settings: SchemaRegistry, refs: list[SchemaRef]) -> list[SchemaAnswer]:
    registry = Registry(settings)
    try:
        return await asyncio.gather(*(registry.fetch(ref) for ref in refs))
    finally:
        await registry.aclose()
