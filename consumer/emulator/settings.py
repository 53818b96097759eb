"""What a run of the emulator may be told."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from consumer.emulator.faults import Fault

CALLS_PER_MINUTE = 5_000  # per ad account; `events/create`, prose
TEST_CALLS_PER_S = 10  # with `test=true`, per app; Pinterest's guide to conversions
ACCESS_TOKEN_EXPIRES_S = 30 * 86_400  # what integrators see; the description gives no figure


@dataclass(frozen=True, slots=True)
class Settings:
    """As on the command line; `wall_s` (Unix seconds) and `sleep` for tests that hold the time in their hands."""

    host: str = "127.0.0.1"
    port: int = 0
    """0 takes a free one."""
    record: Path | None = None
    answers: Path | None = None
    faults: Sequence[Fault] = ()
    latency_ms: tuple[float, float] = (0.0, 0.0)
    """Drawn evenly from here; half of it passes before the events are recorded, half after."""
    tokens: frozenset[str] = frozenset()
    """Empty: any token is good, save those issued by the emulator that have ended or are for something else."""
    oauth_app: str | None = None
    """The good credentials for the OAuth token endpoint, `APP_ID:SECRET`; None: any."""
    refresh_token: str | None = None
    """The first good refresh token; None: any, once."""
    access_token_expires_s: int = ACCESS_TOKEN_EXPIRES_S
    forbidden: frozenset[str] = frozenset()
    """Ad accounts that no token may use."""
    calls_per_minute: int = CALLS_PER_MINUTE
    """Per ad account."""
    test_calls_per_s: int = TEST_CALLS_PER_S
    """Per token, with `test=true`."""
    newer: bool = False
    """Take also the names and fields that live integrations send and the published description does not have."""
    seed: int = 0
    wall_s: Callable[[], float] = time.time
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep
