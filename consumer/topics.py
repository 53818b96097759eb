"""Asks the brokers how the source topics are configured. Never waits: answers are looked for when they are wanted."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import Future
from typing import Any

import structlog
from confluent_kafka import KafkaException
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # documented names that its types do not export
    AdminClient,
    ConfigResource,
    ResourceType,
)

from consumer.timing import Clock
from consumer.topic_facts import Facts, TopicFacts, Unknown, facts_of

_log = structlog.get_logger(__name__)

_TIMEOUT_S = 10.0
_ASK_AGAIN_S = 600.0


class TopicSettings:
    """Used by one thread.

    Args:
        properties: Of librdkafka's clients, as `kafka_settings.client_properties` makes them.
        clock: For asking again: somebody may change a topic, or allow what was refused.
    """

    def __init__(self, properties: dict[str, Any], *, clock: Clock) -> None:
        self._admin = AdminClient(properties)
        self._clock = clock
        self._asked_s: dict[str, float] = {}
        self._awaited: dict[str, Future[Any]] = {}
        self._known: dict[str, TopicFacts | Unknown] = {}

    def ask(self, names: Iterable[str]) -> None:
        self._admin.poll(0)  # or what the client has to log would be kept for ever
        now_s = self._clock.monotonic_s()
        due = [name for name in names if now_s - self._asked_s.get(name, -_ASK_AGAIN_S) >= _ASK_AGAIN_S]
        if not due:
            return
        self._asked_s |= dict.fromkeys(due, now_s)
        resources = [ConfigResource(ResourceType.TOPIC, name) for name in due]
        try:
            answers = self._admin.describe_configs(resources, request_timeout=_TIMEOUT_S)
        except KafkaException as error:
            for name in due:
                self._not_told(name, error.args[0].name())
            return
        self._awaited |= {resource.name: answer for resource, answer in answers.items()}

    def of(self, name: str) -> Facts:
        answer = self._awaited.get(name)
        if answer is not None and answer.done():
            del self._awaited[name]
            self._learn(name, answer)
        return self._known.get(name)

    def _learn(self, name: str, answer: Future[Any]) -> None:
        try:
            settings = answer.result()
        except KafkaException as error:
            self._not_told(name, error.args[0].name())
        else:
            self._known[name] = facts_of({key: entry.value for key, entry in settings.items()})

    def _not_told(self, name: str, error: str) -> None:
        """What was known stays so: a broker that does not answer has not changed the topic."""
        if name not in self._known:
            self._known[name] = Unknown(error)
            _log.warning("topic_settings_unknown", topic=name, error=error)
