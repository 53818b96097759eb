"""Calls per window of time: a fixed window that opens with the first call of an account, or of a token."""

from __future__ import annotations

import math


class Throttle:
    """Time is given in seconds of any one clock."""

    def __init__(self, calls: int, window_s: int) -> None:
        self._limit = calls
        self._window_s = window_s
        self._windows: dict[str, tuple[float, int]] = {}
        """Who calls → when the window opened, calls since."""

    def wait_s(self, caller: str, now_s: float) -> int:
        """Count a call; 0 if it may pass, else the whole seconds after which the next window opens."""
        opened_s, calls = self._windows.get(caller, (now_s, 0))
        if now_s >= opened_s + self._window_s:
            opened_s, calls = now_s, 0
        if calls >= self._limit:
            return max(1, math.ceil(opened_s + self._window_s - now_s))
        self._windows[caller] = (opened_s, calls + 1)
        return 0
