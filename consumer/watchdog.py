"""Watches the control thread from outside: notices when it has come to a standstill, and says where every thread is.

The thread itself only notes the time, at each turn and around each call of the Kafka client that may wait for a
broker. Hand-overs and the drain at the end turn as well, so however long they take, they are no standstill.
"""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from traceback import walk_stack

import structlog

from consumer.timing import Clock

_log = structlog.get_logger(__name__)

TURN_WITHIN_S = 60.0
"""A turn takes milliseconds, and a second where the CPU is scarce; ten times over leaves no doubt."""
CALL_WITHIN_S = 180.0
"""For a call of the Kafka client: three times librdkafka's `socket.timeout.ms` of 60 s, after which it gives up."""
_LOOK_EVERY_S = 1.0
_ASLEEP_AFTER_S = 10.0
_MOST_FRAMES = 60


class Pulse:
    """Since when the control thread has been doing what. Written by that thread alone, read by any.

    Args:
        clock: That of the watchdog.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._call: str | None = None
        self.latest: tuple[float, str | None] = (clock.monotonic_s(), None)
        """Monotonic time of the last sign of life, and the client's call it came from, if any. Replaced as a whole."""

    def beat(self) -> None:
        """Still turning."""
        self.latest = (self._clock.monotonic_s(), self._call)

    @contextmanager
    def within(self, call: str | None) -> Iterator[None]:
        """Say what call is being made; `None` for a callback, which is our own code again."""
        outer, self._call = self._call, call
        self.beat()
        try:
            yield
        finally:
            self._call = outer
            self.beat()


@dataclass(frozen=True, slots=True)
class Stall:
    """The control thread stands still."""

    silent_s: float
    call: str | None
    """The client's call it is in, if any."""

    def __str__(self) -> str:
        where = f"in the Kafka client's `{self.call}`" if self.call is not None else "in code of the consumer's own"
        return f"the control thread has been silent for {self.silent_s:.0f} s, {where}"


class Watchdog:
    """Used on the asyncio loop.

    Args:
        pulse: Of the control thread.
        clock: That of the pulse.
        turn_within_s: Longest silence in our own code.
        call_within_s: Longest silence in a call of the Kafka client, which may have to wait for brokers.
    """

    def __init__(
        self, pulse: Pulse, clock: Clock, *, turn_within_s: float = TURN_WITHIN_S, call_within_s: float = CALL_WITHIN_S
    ) -> None:
        self._pulse = pulse
        self._clock = clock
        self._turn_within_s = turn_within_s
        self._call_within_s = call_within_s
        self._looked_s = self._awake_s = clock.monotonic_s()
        self._told: Stall | None = None
        self.stalls = 0
        """How often the control thread came to a standstill."""

    def stall(self) -> Stall | None:
        """Does the control thread stand still now?"""
        now_s = self._clock.monotonic_s()
        if now_s - self._looked_s > _ASLEEP_AFTER_S:
            self._awake_s = now_s  # nobody looked for so long: the whole process was stopped, not one thread of it
        self._looked_s = now_s
        at_s, call = self._pulse.latest
        silent_s = now_s - max(at_s, self._awake_s)
        is_stalled = silent_s > (self._turn_within_s if call is None else self._call_within_s)
        return Stall(silent_s, call) if is_stalled else None

    def look(self) -> None:
        """Tell of a standstill once, with the stacks of all threads, and once of its end."""
        stall = self.stall()
        if stall is not None and self._told is None:
            self.stalls += 1
            _log.error("control_thread_stalled", silent_s=round(stall.silent_s), call=stall.call, threads=_stacks())
        elif stall is None and self._told is not None:
            _log.warning("control_thread_turned_again", call=self._told.call)
        self._told = stall

    async def watch(self) -> None:
        """Look every second, until cancelled."""
        while True:
            self.look()
            await asyncio.sleep(_LOOK_EVERY_S)


def _stacks() -> list[dict[str, object]]:
    """Where every thread is, the innermost call first: files, lines and functions; variables hold people's data."""
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    return [
        {
            "thread": names.get(ident, str(ident)),
            "stack": [
                f"{each.f_code.co_filename}:{line} {each.f_code.co_qualname}"
                for each, line in islice(walk_stack(frame), _MOST_FRAMES)
            ],
        }
        for ident, frame in sys._current_frames().items()  # noqa: SLF001 - public, for all its underscore
    ]
