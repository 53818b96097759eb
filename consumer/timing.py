"""Clocks and delays, as values: nothing that decides ever reads the time by itself."""

from __future__ import annotations

import random
import time
from typing import Protocol


class Clock(Protocol):
    """`monotonic_s` for intervals, `wall_s` (Unix seconds) for what leaves the process."""

    def monotonic_s(self) -> float: ...

    def wall_s(self) -> float: ...


class SystemClock:
    """The machine's clocks."""

    def monotonic_s(self) -> float:
        return time.monotonic()

    def wall_s(self) -> float:
        return time.time()


class ManualClock:
    """A clock that stands still until told: both readings advance together."""

    def __init__(self, *, monotonic_s: float = 1_000.0, wall_s: float = 1_750_000_000.0) -> None:
        self._monotonic_s = monotonic_s
        self._wall_s = wall_s

    def monotonic_s(self) -> float:
        return self._monotonic_s

    def wall_s(self) -> float:
        return self._wall_s

    def advance(self, seconds: float) -> None:
        self._monotonic_s += seconds
        self._wall_s += seconds


def full_jitter_s(attempt: int, *, base_s: float, cap_s: float, chance: random.Random) -> float:
    """A delay drawn evenly from nought to `min(cap_s, base_s * 2**attempt)`; `attempt` counts from 0.

    Full jitter spreads the retries of many replicas best (Brooker, "Exponential Backoff And Jitter", 2015).
    """
    ceiling_s = min(cap_s, base_s * 2 ** min(attempt, 32))
    return chance.uniform(0.0, ceiling_s)
