"""The replay topic, as the brokers know it: is it there, where does it end, and does it keep long enough?"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # documented names that its types do not export
    AdminClient,
    ConfigResource,
    ResourceType,
)
from confluent_kafka.cimpl import NewTopic

from consumer.config import Config
from consumer.errors import ConfigError, ConsumerError
from consumer.kafka_settings import client_properties, reader_properties
from consumer.logs import kafka_logger
from consumer.topic_facts import facts_of

_ANSWER_WITHIN_S = 10.0
_MAY_SAY_WITHIN_S = 2.0  # of what is good to know, and not needed
FOREVER_MS = -1
Told = Mapping[str, str | None] | None
"""A topic's settings; None if the brokers do not tell them."""


class LetterTopics:
    """Asks the brokers about the topics of a configuration.

    Raises:
        ConsumerError: They do not answer.
    """

    def __init__(self, settings: Config) -> None:
        self._settings = settings
        self._admin = AdminClient(client_properties(settings.kafka), logger=kafka_logger())
        try:
            # All topics are asked for: asking for one may create it.
            found = self._admin.list_topics(timeout=_ANSWER_WITHIN_S).topics
        except KafkaException as error:
            raise ConsumerError(
                f"the brokers do not answer: {said_by(error)}; check kafka.bootstrap_servers"
            ) from error
        self._found = {name: topic for name, topic in found.items() if topic.error is None}
        self.partitions = {name: len(topic.partitions) for name, topic in self._found.items()}

    @property
    def has_replay_topic(self) -> bool:
        return self._settings.replay_topic in self.partitions

    def partitions_of(self, topics: Iterable[str], only: int | None) -> list[tuple[str, int]]:
        """Each with its topic, or only the one with that number of each topic."""
        every = [(topic, partition) for topic in topics for partition in range(self.partitions.get(topic, 0))]
        return [(topic, partition) for topic, partition in every if only in (None, partition)]

    def create_replay_topic(self) -> None:
        """As the widest dead-letter topic is, and keeping as long as the one that keeps longest.

        Raises:
            ConsumerError: The brokers refuse, or do not tell what the dead-letter topics are like.
        """
        name = self._settings.replay_topic
        letters = [topic for topic in self._settings.dead_letter_topics if topic in self.partitions]
        if not letters:
            raise ConsumerError(f"{name} is made after a dead-letter topic, and there is none; create both yourself")
        widest = max(letters, key=lambda topic: self.partitions[topic])
        topic = NewTopic(
            name,
            num_partitions=self.partitions[widest],
            replication_factor=min(len(each.replicas) for each in self._found[widest].partitions.values()),
            config=replay_topic_settings(widest, self._told_of(letters)),
        )
        try:
            self._admin.create_topics([topic], operation_timeout=_ANSWER_WITHIN_S)[name].result(2 * _ANSWER_WITHIN_S)
        except KafkaException as error:
            raise ConsumerError(f"{name} could not be created: {said_by(error)}; create it yourself") from error
        self.partitions[name] = self.partitions[widest]

    def remembered_from(self, now: datetime) -> datetime | None:
        """Replays of what was given up before then may be forgotten by now; None if none are, or nobody knows.

        What was replayed is known from the replay topic alone, so it must not forget before the letters are gone. That
        the brokers do not tell is warned of; that the topic has been told to keep by size is not looked at.

        Raises:
            ConfigError: It is compacted, or keeps less long than a dead-letter topic.
        """
        name = self._settings.replay_topic
        told = self._told_of((name, *self._settings.dead_letter_topics))
        if problems := memory_problems(name, told):
            raise ConfigError(problems)
        if silent := [topic for topic, settings in told.items() if settings is None]:
            print(
                f"conversions: the brokers do not tell how long is kept what stands in {', '.join(silent)} "
                "(DESCRIBE_CONFIGS): see to it that what was replayed is not forgotten before its letter is gone",
                file=sys.stderr,
            )
        return start_of_memory(retention_ms(told.get(name)), now)

    def _told_of(self, topics: Iterable[str]) -> dict[str, Told]:
        resources = [ConfigResource(ResourceType.TOPIC, topic) for topic in topics if topic in self.partitions]
        if not resources:
            return {}
        asked = self._admin.describe_configs(resources, request_timeout=_MAY_SAY_WITHIN_S)
        return {resource.name: _told_in(future) for resource, future in asked.items()}

    def replay_ends(self) -> dict[int, int]:
        """Partition → offset that the next message of the replay topic will get."""
        name = self._settings.replay_topic
        consumer = Consumer(reader_properties(self._settings), logger=kafka_logger())
        try:
            return {
                partition: consumer.get_watermark_offsets(TopicPartition(name, partition), timeout=_ANSWER_WITHIN_S)[1]
                for partition in range(self.partitions.get(name, 0))
            }
        except KafkaException as error:
            raise ConsumerError(f"{name}: its end cannot be asked for: {said_by(error)}") from error
        finally:
            consumer.close()


def keeps_longer(one_ms: int | None, other_ms: int | None) -> bool:
    """Does the first keep longer than the second? What is not known keeps no longer than anything."""
    if one_ms is None or other_ms is None or other_ms < 0:
        return False
    return one_ms < 0 or one_ms > other_ms


def retention_ms(told: Told) -> int | None:
    """How long a topic keeps, -1 for ever; None if the brokers do not tell."""
    text = None if told is None else told.get("retention.ms")
    return None if text is None else int(text)


def memory_problems(replays: str, told: Mapping[str, Told]) -> list[str]:
    """Why the replay topic must not be relied on, beside the dead-letter topics."""
    ours, problems = told.get(replays), []
    if ours is not None and facts_of(ours).is_compacted:
        problems.append(
            f"{replays}: it is compacted: of replays with one key only the last is kept, so that others are neither "
            "read nor remembered; set its cleanup.policy to delete"
        )
    kept = retention_ms(ours)
    longer = sorted(topic for topic, each in told.items() if keeps_longer(retention_ms(each), kept))
    if longer:
        problems.append(
            f"{replays}: its retention.ms is shorter than that of {', '.join(longer)}: what was replayed would be "
            "forgotten, and replayed again; make them equal"
        )
    return problems


def start_of_memory(kept_ms: int | None, now: datetime) -> datetime | None:
    """Since when everything written to a topic still stands there; None if it is not known, or since ever."""
    if kept_ms is None or kept_ms < 0 or kept_ms >= now.timestamp() * 1_000:
        return None
    return now - timedelta(milliseconds=kept_ms)


def replay_topic_settings(widest: str, told: Mapping[str, Told]) -> dict[str, str]:
    """What a replay topic should be like, after what is told of the dead-letter topics, the widest among them.

    Raises:
        ConsumerError: How long one of them keeps is not told.
    """
    kept = {topic: retention_ms(each) for topic, each in told.items()}
    if silent := sorted(topic for topic, each in kept.items() if each is None):
        raise ConsumerError(
            f"the brokers do not tell how long is kept what stands in {', '.join(silent)}, and the replay topic must "
            "keep as long: allow DESCRIBE_CONFIGS, or create it yourself"
        )
    known = [each for each in kept.values() if each is not None]
    copied = {name: (told[widest] or {}).get(name) for name in ("max.message.bytes", "min.insync.replicas")}
    return {
        "cleanup.policy": "delete",
        "retention.ms": str(FOREVER_MS if min(known) < 0 else max(known)),
        **{name: text for name, text in copied.items() if text is not None},
    }


def _told_in(future: Any) -> Told:
    try:
        return {name: entry.value for name, entry in future.result(2 * _MAY_SAY_WITHIN_S).items()}
    except (KafkaException, TimeoutError):
        return None


def said_by(error: KafkaException) -> str:
    cause = error.args[0]
    return f"{cause.str()} ({cause.name()})"
