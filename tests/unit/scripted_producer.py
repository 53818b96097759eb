"""A producer of Kafka's client as `consumer.acknowledged` uses it; it answers when, and what, a test says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from confluent_kafka import KafkaError, KafkaException

REFUSAL = KafkaError.TOPIC_AUTHORIZATION_FAILED


@dataclass(eq=False)
class Sent:
    """One message that it was given, and who is to be told of it."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes | None]]
    on_delivery: Callable[[KafkaError | None, Any], None]


class ScriptedProducer:
    """Put in the place of `confluent_kafka.Producer`, it is `latest` once somebody has made one."""

    latest: ScriptedProducer
    made = 0

    def __init__(self, properties: dict[str, Any]) -> None:
        self.properties = properties
        self.sent: list[Sent] = []
        """Not answered yet."""
        self.room = 1_000_000
        self.raises: KafkaError | None = None
        """What `produce` itself refuses with, as for a topic that is known not to exist."""
        self.is_purged = False
        self._answers: list[tuple[Sent, KafkaError | None]] = []
        ScriptedProducer.latest = self
        ScriptedProducer.made += 1

    def produce(self, topic: str, *, key: Any, value: Any, headers: Any, on_delivery: Callable[..., None]) -> None:
        if len(self.sent) >= self.room:
            raise BufferError("Local: Queue full")
        if self.raises is not None:
            raise KafkaException(self.raises)
        self.sent.append(Sent(topic, key, value, headers, on_delivery))

    def poll(self, _timeout_s: float) -> int:
        answers, self._answers = self._answers, []
        for sent, error in answers:
            sent.on_delivery(error, None)
        return len(answers)

    def purge(self) -> None:
        self.is_purged = True

    # --- told by the test ----------------------------------------------------------------------------------

    def acknowledge(self, most: int = 1_000_000) -> None:
        """At the next poll, the first of what it was given is safe."""
        self._answer(None, most)

    def refuse(self, most: int = 1_000_000, *, code: int = REFUSAL) -> None:
        """At the next poll, it is refused."""
        self._answer(KafkaError(code), most)

    def _answer(self, error: KafkaError | None, most: int) -> None:
        self._answers += [(sent, error) for sent in self.sent[:most]]
        self.sent = self.sent[most:]
