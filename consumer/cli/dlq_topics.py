"""The replay topic, as the brokers know it: is it there, where does it end, and does it keep long enough?"""

from __future__ import annotations

from collections.abc import Iterable
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

_ANSWER_WITHIN_S = 10.0
_MAY_SAY_WITHIN_S = 2.0  # of what is good to know, and not needed
FOREVER_MS = -1


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
        self.partitions = {name: len(topic.partitions) for name, topic in found.items() if topic.error is None}

    @property
    def has_replay_topic(self) -> bool:
        return self._settings.replay_topic in self.partitions

    def create_replay_topic(self) -> None:
        """As wide as the widest dead-letter topic, and keeping as long as the one that keeps longest.

        Raises:
            ConsumerError: The brokers refuse.
        """
        name, letters = self._settings.replay_topic, self._settings.dead_letter_topics
        retention = self._retention_ms(letters)
        topic_settings = {"cleanup.policy": "delete"}
        if kept := [each for each in retention.values() if each is not None]:
            topic_settings["retention.ms"] = str(FOREVER_MS if FOREVER_MS in kept else max(kept))
        width = max(self.partitions.get(topic, 1) for topic in letters)
        topic = NewTopic(name, num_partitions=width, config=topic_settings)
        try:
            self._admin.create_topics([topic], operation_timeout=_ANSWER_WITHIN_S)[name].result(2 * _ANSWER_WITHIN_S)
        except KafkaException as error:
            raise ConsumerError(f"{name} could not be created: {said_by(error)}; create it yourself") from error
        self.partitions[name] = width

    def refuse_short_memory(self) -> None:
        """What was replayed is known from the replay topic alone, so it must not forget before the letters are gone.

        Nothing is said where the brokers do not tell, or the topic has been told to keep by size.

        Raises:
            ConfigError: It keeps less long than a dead-letter topic.
        """
        name = self._settings.replay_topic
        retention = self._retention_ms((name, *self._settings.dead_letter_topics))
        kept = retention.pop(name, None)
        longer = sorted(topic for topic, each in retention.items() if keeps_longer(each, kept))
        if longer:
            problem = (
                f"{name}: its retention.ms is shorter than that of {', '.join(longer)}: what was replayed would be "
                "forgotten, and replayed again; make them equal"
            )
            raise ConfigError([problem])

    def _retention_ms(self, topics: Iterable[str]) -> dict[str, int | None]:
        """How long each keeps, in ms, -1 for ever; None where the brokers do not tell."""
        resources = [ConfigResource(ResourceType.TOPIC, topic) for topic in topics if topic in self.partitions]
        if not resources:
            return {}
        asked = self._admin.describe_configs(resources, request_timeout=_MAY_SAY_WITHIN_S)
        return {resource.name: _retention_in(future) for resource, future in asked.items()}

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


def _retention_in(future: Any) -> int | None:
    try:
        return int(future.result(2 * _MAY_SAY_WITHIN_S)["retention.ms"].value)
    except (KafkaException, KeyError, TypeError, ValueError):
        return None


def said_by(error: KafkaException) -> str:
    cause = error.args[0]
    return f"{cause.str()} ({cause.name()})"
