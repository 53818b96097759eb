"""One ad account as the sink sees it: what waits, how much it may have under way, and why it may have to wait."""

from __future__ import annotations

import math
from bisect import insort
from collections.abc import Iterator
from dataclasses import dataclass, field
from operator import attrgetter
from typing import NamedTuple

from consumer.delivery.bisection import place
from consumer.delivery.freshness import FRESH_S, is_stale
from consumer.delivery.pace import Pace
from consumer.delivery.tempo import Tempo
from consumer.records import Batch, Hold, HoldCause

TRIPPED_AFTER = 3
"""Failures in a row after which an account is tried with one request at a time."""
_OF_THE_API = frozenset({HoldCause.UNAVAILABLE, HoldCause.AMBIGUOUS})
_OF_THE_ACCOUNT = frozenset({HoldCause.UNAUTHORIZED, HoldCause.FORBIDDEN, HoldCause.OPERATOR})
_attempts_of = attrgetter("attempts")


class Ready(NamedTuple):
    """What an account could send now, of either kind."""

    fresh: Batch | None
    stale: Batch | None
    changes_s: float
    """Monotonic time at which time alone may change that."""


_NOTHING = Ready(None, None, math.inf)


@dataclass(eq=False, slots=True)
class Account:
    """Changed by the sink only; whoever changes it tells `Turns`."""

    name: str
    most: int
    """The most requests it may ever have under way."""
    pace: Pace | None
    tempo: Tempo
    width: float = field(init=False)
    """How many it may have now; grows additively on success, halves when throttled."""
    waiting: list[Batch] = field(default_factory=list)
    """In the order of `place`."""
    in_flight: int = 0
    failures: int = 0
    """In a row."""
    silent_since_s: float | None = None
    """Monotonic time of the first request since which none told anything of the account or its events."""
    failed_probes: int = 0
    """Its failures while the API as a whole is down: others ask before it does so again."""
    not_before_s: float = 0.0
    """Monotonic time before which nothing of it is sent."""
    paused_until_s: float = 0.0
    """How much of that is the server's wish: an answer to an earlier request does not lift it."""
    hold: Hold | None = None
    ticket: int = 0
    """Its valid entry in `Turns`."""

    def __post_init__(self) -> None:
        self.width = float(self.most)

    # --- what waits ----------------------------------------------------------------------------------------

    def queue(self, batch: Batch) -> None:
        insort(self.waiting, batch, key=place)

    def unqueue(self, batch: Batch) -> None:
        self.waiting.remove(batch)

    def ready(self, now_s: float, wall_s: float) -> Ready:
        """What could go now, were there a permit."""
        if self.in_flight >= self.allowed:
            return _NOTHING
        earliest_s = self.not_before_s if self.pace is None else max(self.not_before_s, self.pace.earliest_s)
        if now_s < earliest_s:
            return Ready(None, None, earliest_s)
        fresh: Batch | None = None
        stale: Batch | None = None
        changes_s = math.inf
        are_all_stale = bool(self.waiting) and is_stale(place(self.waiting[-1])[0], wall_s)
        for batch in self._candidates(now_s):
            if batch.not_before_s > now_s:
                changes_s = min(changes_s, batch.not_before_s)
            elif is_stale(batch.oldest_s, wall_s):
                stale = stale or batch
                if are_all_stale:
                    break
            else:
                if fresh is None:
                    fresh = batch
                    # A second more than the hour: just at its end the batch is fresh.
                    changes_s = min(changes_s, now_s + FRESH_S + 1 - (wall_s - batch.oldest_s))
                if not is_stale(place(batch)[0], wall_s):
                    break  # nothing that follows is older
        return Ready(fresh, stale, changes_s)

    def _candidates(self, now_s: float) -> Iterator[Batch]:
        if self.failures < TRIPPED_AFTER and not self.failed_probes:
            return iter(self.waiting)
        # Asking whether it is over: with what was tried least, as it may be the batch that is to blame.
        due = [batch for batch in self.waiting if batch.not_before_s <= now_s]
        return iter([min(due, key=_attempts_of)] if due else self.waiting)

    # --- how much ------------------------------------------------------------------------------------------

    @property
    def allowed(self) -> int:
        """How many requests it may have under way now."""
        # After several failures in a row, and while held, one request at a time finds out whether it is over.
        if self.failures >= TRIPPED_AFTER or (self.hold and self.hold.cause is not HoldCause.THROTTLED):
            return 1
        # What takes long must not take many permits: in a lull it would, and the others would miss them afterwards.
        if self.tempo.is_slow(self.name):
            return 1
        return int(self.width)

    def start(self, now_s: float) -> None:
        """A request goes."""
        self.in_flight += 1
        if self.pace is not None:
            self.pace.spend(now_s)

    def spoke(self, now_s: float) -> None:
        """The API looked at its events, whatever it said of them: nothing is wrong with the account."""
        self.failures = 0
        self.silent_since_s = None
        self.not_before_s = self.paused_until_s
        if now_s >= self.paused_until_s:
            self.hold = None

    def widen(self) -> None:
        self.width = min(self.most, self.width + 1 / self.width)

    def narrow(self) -> None:
        self.width = max(1.0, self.width / 2)

    # --- why it waits --------------------------------------------------------------------------------------

    def wait(self, until_s: float) -> None:
        self.not_before_s = max(self.not_before_s, until_s)

    def pause(self, until_s: float) -> None:
        """As the server wishes."""
        self.paused_until_s = max(self.paused_until_s, until_s)
        self.wait(until_s)

    def fail(self, now_s: float, *, is_silent: bool = True) -> None:
        """A request told nothing of its events; a silent one nothing of the account either."""
        self.failures += 1
        if not is_silent:
            self.silent_since_s = None
        elif self.silent_since_s is None:
            self.silent_since_s = now_s

    def is_out(self, now_s: float, hold_s: float) -> bool:
        """Is it held for a cause of its own, or silent for so long that it is to be treated alike?"""
        if self.hold is None or self.hold.cause is HoldCause.THROTTLED:
            return False
        is_silent = self.silent_since_s is not None and now_s - self.silent_since_s >= hold_s
        return self.hold.cause in _OF_THE_ACCOUNT or is_silent

    def hold_for(self, cause: HoldCause, now_s: float, detail: str) -> None:
        """Say why it is not served, since its cause began."""
        held = self.hold
        self.hold = Hold(cause, held.since_s if held is not None and held.cause is cause else now_s, detail)

    def stop(self, detail: str) -> None:
        """Nothing of it is ever sent: it is held from the beginning, and there is no probe that could end that."""
        self.hold = Hold(HoldCause.OPERATOR, -math.inf, detail)
        self.not_before_s = math.inf

    @property
    def is_stopped(self) -> bool:
        return self.hold is not None and self.hold.cause is HoldCause.OPERATOR

    def absolve(self, now_s: float) -> None:
        """It was the API, not the account; but for what the API itself had said of it."""
        self.failed_probes = 0
        if self.hold is None or self.hold.cause in _OF_THE_API:
            self.spoke(now_s)

    def forget_hold_if_idle(self) -> None:
        """Without an event that could find out whether it is over, a hold would be told of for ever; as one should that
        no event can end."""
        if not self.waiting and not self.in_flight and not self.is_stopped:
            self.hold = None
