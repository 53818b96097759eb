"""What a run of the emulator may be told."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from consumer.emulator.faults import Fault

CALLS_PER_MINUTE = 5_000  # per ad account; `events/create`, prose


@dataclass(frozen=True, slots=True)
class Settings:
    """As on the command line; `wall_s` (Unix seconds) and `sleep` for tests that hold the time in their hands."""

    host: str = "127.0.0.1"
    port: int = 0
    """0 takes a free one."""
    record: Path | None = None
    faults: Sequence[Fault] = ()
    latency_ms: tuple[float, float] = (0.0, 0.0)
    """Drawn evenly from here; half of it passes before the events are recorded, half after."""
    tokens: frozenset[str] = frozenset()
    """Empty: any token is good."""
    forbidden: frozenset[str] = frozenset()
    """Ad accounts that no token may use."""
    calls_per_minute: int = CALLS_PER_MINUTE
    """Per ad account."""
    seed: int = 0
    wall_s: Callable[[], float] = time.time
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep
