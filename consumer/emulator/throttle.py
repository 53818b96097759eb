"""Calls per minute and ad account: a fixed window that opens with an account's first call."""

from __future__ import annotations

import math

WINDOW_S = 60


class Throttle:
    """Time is given in seconds of any one clock."""

    def __init__(self, calls_per_minute: int) -> None:
        self._limit = calls_per_minute
        self._windows: dict[str, tuple[float, int]] = {}
        """Account → when its window opened, calls since."""

    def wait_s(self, ad_account_id: str, now_s: float) -> int:
        """Count a call; 0 if it may pass, else the whole seconds after which the next window opens."""
        opened_s, calls = self._windows.get(ad_account_id, (now_s, 0))
        if now_s >= opened_s + WINDOW_S:
            opened_s, calls = now_s, 0
        if calls >= self._limit:
            return max(1, math.ceil(opened_s + WINDOW_S - now_s))
        self._windows[ad_account_id] = (opened_s, calls + 1)
        return 0
