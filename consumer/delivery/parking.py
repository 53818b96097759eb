"""Parking: how many events of a held account may go to the dead-letter topic, to be replayed once it is well again.

Nothing is parked because Pinterest is down, or for an error of ours that hits every account: an account may be parked
only while others are accepted, and each acceptance pays for so many events and no more.
"""

from __future__ import annotations

import math

_PAYS_FOR = 20
"""Events that one acceptance pays for: enough for an account with up to 19 of 20 events on the bus."""
_LASTS_S = 60.0
"""How long an acceptance counts as a sign that others are served."""


class Parking:
    """The tokens that acceptances earned.

    Args:
        most: How many are kept at most.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._tokens = 0
        self._accepted_s = -math.inf

    def earn(self, events: int, now_s: float) -> None:
        """So many events were just accepted."""
        if not events:
            return
        earlier = self._tokens if self._is_recent(now_s) else 0
        self._tokens = min(self._most, earlier + events * _PAYS_FOR)
        self._accepted_s = now_s

    def allows(self, held_since_s: float, now_s: float) -> int:
        """How many events may be parked now of an account that is held since then."""
        return self._tokens if self._is_recent(now_s) and self._accepted_s > held_since_s else 0

    def spend(self, events: int) -> None:
        """So many events are parked."""
        self._tokens -= events

    def _is_recent(self, now_s: float) -> bool:
        return now_s - self._accepted_s <= _LASTS_S
