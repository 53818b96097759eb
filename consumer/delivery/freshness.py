"""Which events still count as web and app conversions, and which Pinterest cannot de-duplicate."""

from __future__ import annotations

from consumer.records import Event

FRESH_S = 3_600
"""Within an hour of its happening a conversion counts as web or app, later as offline (Segment's and Tealium's
documentation of the same API)."""


def is_stale(happened_s: int, wall_s: float) -> bool:
    """Is this past the hour?"""
    return wall_s - happened_s > FRESH_S


def may_count_twice(event: Event, wall_s: float) -> bool:
    """Would Pinterest count it again if it got it a second time?

    Source: Pinterest API v5 description, `ConversionEvents.action_source` and `event_id`: offline events cannot be
    de-duplicated.
    """
    return event.action_source == "offline" or is_stale(event.event_time_s, wall_s)
