"""What is to be known of a source topic: whether offsets may lack a record, and for how long records are kept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class TopicFacts:
    """As its configuration says."""

    is_compacted: bool
    """Older records of a key are taken out, so offsets without a record are no loss."""
    retention_s: float | None
    """How long records are kept; `None` without an end. What is deleted for its size is another matter."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """The brokers did not say."""

    detail: str


Facts = TopicFacts | Unknown | None
"""`None` while the brokers' answer is awaited."""


class Topics(Protocol):
    """Who knows the topics."""

    def ask(self, names: Iterable[str]) -> None:
        """Find out about these, if that was not done lately; returns at once."""

    def of(self, name: str) -> Facts:
        """What is known."""


def facts_of(settings: Mapping[str, str | None]) -> TopicFacts:
    """Read a topic's configuration.

    Source: Apache Kafka's topic configuration, `cleanup.policy` and `retention.ms`. Only with `delete` in the policy
    does the latter mean anything, and -1 means no limit.
    """
    policies = {policy.strip() for policy in (settings.get("cleanup.policy") or "delete").split(",")}
    retention_ms = int(settings.get("retention.ms") or -1)
    is_limited = "delete" in policies and retention_ms >= 0
    return TopicFacts("compact" in policies, retention_ms / 1_000 if is_limited else None)
