"""Pinterest's remarks on events that it accepted: all are counted by field, one of a kind now and then is logged."""

from __future__ import annotations

from collections import Counter

import structlog

from consumer.pinterest.answers import warned_field

_log = structlog.get_logger(__name__)

_EVERY_S = 600.0


class Remarks:
    """What was remarked so far.

    Args:
        counts: By field; added to.
    """

    def __init__(self, counts: Counter[str]) -> None:
        self._counts = counts
        self._told_s: dict[str, float] = {}

    def note(self, warning: str, now_s: float) -> None:
        """Take in one warning, scrubbed already; `now_s` is monotonic."""
        field = warned_field(warning)
        self._counts[field] += 1
        if now_s >= self._told_s.get(field, -_EVERY_S) + _EVERY_S:
            self._told_s[field] = now_s
            _log.warning("api_warned", field=field, detail=warning, so_far=self._counts[field])
