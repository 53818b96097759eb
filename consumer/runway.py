"""Runway: how long until retention takes the oldest record that is still needed.

Kafka deletes a segment once its newest record is older than the retention, so the figure errs on the side of caution
by up to a segment. What is deleted for the size of its log is not foreseen here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import structlog

from consumer.records import Assignment, Record
from consumer.topic_facts import Facts, TopicFacts

_log = structlog.get_logger(__name__)

_EVERY_S = 10.0
_LASTING_S = 60.0
"""A group that starts from the log's beginning, or catches up, stands near its end for moments only."""
_LOW = 0.25
_VERY_LOW = 0.10


@dataclass(slots=True)
class _Low:
    """Of one topic, while it has little runway."""

    since_s: float
    very_since_s: float | None = None
    told: int = 0
    """0: nothing; 1: little; 2: very little."""


class Runway:
    """Used by the control thread.

    Args:
        facts: What is known of a topic, such as its retention.
        has_more: Is there more to read of this assignment, as far as is known?
    """

    def __init__(self, facts: Callable[[str], Facts], has_more: Callable[[Assignment], bool]) -> None:
        self._facts = facts
        self._has_more = has_more
        self._needed_s: dict[Assignment, float] = {}
        self._low: dict[str, _Low] = {}
        self._looked_s: float | None = None
        self.shortest_s: float | None = None
        """The least over all partitions; `None` where nothing can be lost, or no retention is known."""

    def look(self, fronts: Iterable[tuple[Assignment, Record | None]], now_s: float, wall_s: float) -> None:
        """Measure, now and then, and tell of what lasts.

        Args:
            fronts: Every assignment, with its lowest unsettled record.
            now_s: Monotonic time.
            wall_s: Unix seconds.
        """
        if self._looked_s is not None and now_s - self._looked_s < _EVERY_S:
            return
        self._looked_s = now_s
        shortest: dict[str, tuple[float, float, Assignment]] = {}
        self._needed_s = {a: needed_s for a, front in fronts if (needed_s := self._needed(a, front, wall_s))}
        for assignment, needed_s in self._needed_s.items():
            facts = self._facts(assignment.topic)
            if isinstance(facts, TopicFacts) and facts.retention_s is not None:
                runway_s = facts.retention_s - (wall_s - needed_s)
                known = shortest.get(assignment.topic)
                if known is None or runway_s < known[0]:
                    shortest[assignment.topic] = (runway_s, facts.retention_s, assignment)
        self.shortest_s = min((runway_s for runway_s, _, _ in shortest.values()), default=None)
        for topic in self._low.keys() - shortest.keys():
            self._regained(topic)
        for topic, (runway_s, retention_s, assignment) in shortest.items():
            self._judge(topic, runway_s, retention_s, assignment, now_s)

    def _needed(self, assignment: Assignment, front: Record | None, wall_s: float) -> float | None:
        """Unix seconds of the oldest record that is still needed, or of one before it."""
        if front is not None:
            kind, written_ms = front.message.timestamp()
            return written_ms / 1_000 if kind and written_ms > 0 else None
        if self._has_more(assignment):
            return self._needed_s.get(assignment)  # what is read next is no older than what was needed last
        return wall_s

    def _judge(self, topic: str, runway_s: float, retention_s: float, assignment: Assignment, now_s: float) -> None:
        if runway_s >= _LOW * retention_s:
            self._regained(topic)
            return
        low = self._low.setdefault(topic, _Low(now_s))
        if runway_s >= _VERY_LOW * retention_s:
            low.very_since_s = None
        elif low.very_since_s is None:
            low.very_since_s = now_s
        about = {"partition": str(assignment), "runway_s": round(runway_s), "retention_s": round(retention_s)}
        if low.told < 2 and low.very_since_s is not None and now_s - low.very_since_s >= _LASTING_S:
            low.told = 2
            _log.error("retention_near", **about)
        elif low.told < 1 and now_s - low.since_s >= _LASTING_S:
            low.told = 1
            _log.warning("retention_near", **about)

    def _regained(self, topic: str) -> None:
        low = self._low.pop(topic, None)
        if low is not None and low.told:
            _log.info("retention_far_again", topic=topic)
