"""A fixed cap on the requests of an account: never more than so many in any minute, and evenly spread."""

from __future__ import annotations

import math

_WINDOW_S = 60.0
_BURST_S = 1.0
"""What may go at once after a rest is what goes in this time, one request at least."""


class Pace:
    """When the next request may go: a generic cell rate algorithm (ITU-T I.371).

    A burst of b and then one request every T put at most b + 60/T - 1 into any minute. T is made for that to be the
    cap, so a burst is paid for by going a little slower than the cap, never by exceeding it.

    Args:
        per_minute: The cap.
    """

    def __init__(self, per_minute: int) -> None:
        burst = max(1, int(per_minute * _BURST_S / _WINDOW_S))
        # A hair longer, or a rounded sum of intervals could end just within the minute.
        self._interval_s = _WINDOW_S / (per_minute - burst + 1) * (1 + 1e-9)
        self._lead_s = (burst - 1) * self._interval_s
        self._even_s = -math.inf
        """Monotonic time at which the next request would go if all went evenly."""

    @property
    def earliest_s(self) -> float:
        """Monotonic time from which a request may go."""
        return self._even_s - self._lead_s

    def spend(self, now_s: float) -> None:
        """A request goes now."""
        self._even_s = max(self._even_s, now_s) + self._interval_s
