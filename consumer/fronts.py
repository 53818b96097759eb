"""Fronts: of each partition the lowest record that is not settled. All commits of the partition wait for it.

Looked at with each picture. Only for those that have stood for a while, and once a second at most, the stages are
searched for them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Set
from dataclasses import dataclass
from typing import Any

import structlog

from consumer.records import Assignment, Record, Wait
from consumer.whereabouts import Place

_log = structlog.get_logger(__name__)

_SEARCH_AFTER_S = 1.0
_SEARCH_EVERY_S = 1.0
_SEARCH_AGAIN_S = 5.0


@dataclass(slots=True)
class _Front:
    record: Record
    since_s: float
    """Monotonic time at which it was first seen at the front."""
    place: Place | None = None
    searched_s: float = 0.0
    is_told: bool = False


class Fronts:
    """Remembers who stood at the front. Used by the control thread.

    Args:
        find: Where records are.
        stuck_after_s: How long one may stand at the front before that is told.
    """

    def __init__(self, find: Callable[[Set[Record]], dict[Record, Place]], *, stuck_after_s: float) -> None:
        self._find = find
        self._stuck_after_s = stuck_after_s
        self._fronts: dict[Assignment, _Front] = {}
        self._searched_s = 0.0

    def look(self, fronts: Iterable[tuple[Assignment, Record]], now_s: float) -> None:
        """Take note of who stands at the front now, and tell of those that do not move.

        Args:
            fronts: Of every partition with an unsettled record.
            now_s: Monotonic time.
        """
        known, self._fronts = self._fronts, {}
        for assignment, record in fronts:
            front = known.get(assignment)
            is_same = front is not None and front.record is record
            self._fronts[assignment] = front if front is not None and is_same else _Front(record, now_s)
        for assignment, front in known.items():
            if front.is_told and self._fronts.get(assignment) is not front:
                _log.info("partition_moved_on", **_about(assignment, front, now_s))
        if now_s - self._searched_s >= _SEARCH_EVERY_S:
            self._search(now_s)
        self._tell_of_stuck(now_s)

    def _search(self, now_s: float) -> None:
        due = [
            front
            for front in self._fronts.values()
            if now_s - front.since_s >= _SEARCH_AFTER_S and now_s - front.searched_s >= _SEARCH_AGAIN_S
        ]
        if not due:
            return
        self._searched_s = now_s
        places = self._find({front.record for front in due})
        for front in due:
            front.place, front.searched_s = places[front.record], now_s

    def _tell_of_stuck(self, now_s: float) -> None:
        stuck = [
            (assignment, front)
            for assignment, front in self._fronts.items()
            if not front.is_told and now_s - front.since_s >= self._stuck_after_s
        ]
        if not stuck:
            return
        places = self._find({front.record for _, front in stuck})  # anew: what is told once should be true now
        for assignment, front in stuck:
            front.is_told = True
            front.place = place = places[front.record]
            about = _about(assignment, front, now_s) | {
                "because": place.because.value,
                "ad_account_id": place.ad_account_id,
            }
            if place.because is Wait.NOWHERE:
                _log.error("partition_stuck", **about)
            else:
                _log.warning("partition_stuck", **about)

    def oldest_taken_s(self) -> float | None:
        """Monotonic time at which the oldest of them was taken from Kafka."""
        return min((front.record.taken_s for front in self._fronts.values()), default=None)

    def told(self, now_s: float) -> dict[str, dict[str, Any]]:
        """For JSON, by partition."""
        return {
            str(assignment): {
                "offset": front.record.offset,
                "for_s": round(now_s - front.since_s, 1),
                "taken_s_ago": round(now_s - front.record.taken_s, 1),
                "ad_account_id": front.place.ad_account_id if front.place is not None else None,
                "because": front.place.because.value if front.place is not None else None,
            }
            for assignment, front in self._fronts.items()
        }


def _about(assignment: Assignment, front: _Front, now_s: float) -> dict[str, Any]:
    return {
        "topic": assignment.topic,
        "partition": assignment.partition,
        "offset": front.record.offset,
        "for_s": round(now_s - front.since_s),
    }
