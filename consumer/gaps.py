"""Gaps: offsets at which no record was read. On an ordinary topic there are none, so each may be a record lost.

Compaction takes records out, and transactions leave markers among them: there gaps are only counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import structlog

from consumer.ledger import Gap
from consumer.topic_facts import Facts, TopicFacts

_log = structlog.get_logger(__name__)

_TELL_EVERY_S = 60.0

Partition = tuple[str, int]


@dataclass(slots=True)
class _Telling:
    """Of one partition."""

    judged: int = 0
    untold: int = 0
    next_s: float = 0.0


class Gaps:
    """Judges and tells. Used by the control thread.

    Args:
        facts: What is known of a topic, such as whether it is compacted.
        is_transactional: Is this topic written in transactions? No broker tells.
    """

    def __init__(self, facts: Callable[[str], Facts], is_transactional: Callable[[str], bool]) -> None:
        self._facts = facts
        self._is_transactional = is_transactional
        self._tellings: dict[Partition, _Telling] = {}
        self.missing: Counter[Partition] = Counter()
        """Offsets without a record on topics that should have none, by partition."""

    def look(self, gaps: Mapping[Partition, Gap], now_s: float, *, is_last: bool = False) -> None:
        """Tell of new ones: of the first at once, then at most once a minute of all since, and at the end."""
        for partition, gap in gaps.items():
            if not gap.offsets or self._is_transactional(partition[0]):
                continue
            facts = self._facts(partition[0])
            if facts is None and not is_last:
                continue
            if isinstance(facts, TopicFacts) and facts.is_compacted:
                continue
            telling = self._tellings.setdefault(partition, _Telling())
            new, telling.judged = gap.offsets - telling.judged, gap.offsets
            telling.untold += new
            if is_sure := isinstance(facts, TopicFacts):
                self.missing[partition] += new
            if telling.untold and (is_last or now_s >= telling.next_s):
                _tell(partition, telling.untold, gap.before_offset, is_sure=is_sure)
                telling.untold, telling.next_s = 0, now_s + _TELL_EVERY_S


def _tell(partition: Partition, offsets: int, before_offset: int, *, is_sure: bool) -> None:
    about = {"topic": partition[0], "partition": partition[1], "offsets": offsets, "before_offset": before_offset}
    if is_sure:
        _log.error("offsets_missing", **about)
    else:
        _log.warning("offsets_missing", **about)
