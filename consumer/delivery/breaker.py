"""Is the API as a whole there? While it is not, all accounts together ask with one request at a time."""

from __future__ import annotations

from collections.abc import Callable

from consumer.pinterest.answers import Ambiguous, Answer, Unauthorized, Unavailable
from consumer.records import Hold, HoldCause

_TRIPPED_AFTER = 5
"""Failures in a row, of at least two accounts: one account's alone are its own affair."""


class Breaker:
    """Opens when requests of several accounts fail in a row, closes with the first sign of the API.

    Args:
        back_off_s: How long to wait after so many failures in a row, drawn with full jitter.
    """

    def __init__(self, back_off_s: Callable[[int], float]) -> None:
        self._back_off_s = back_off_s
        self._failures = 0
        self._failed: set[str] = set()
        self._probes = 0
        self._not_before_s = 0.0
        self.hold: Hold | None = None
        """Set while the API is taken for down."""

    @property
    def failed(self) -> frozenset[str]:
        """The accounts whose requests failed since the last sign of the API."""
        return frozenset(self._failed)

    def permits(self, most: int, now_s: float) -> int:
        """How many requests may be under way, of `most`."""
        if self.hold is None:
            return most
        return 1 if now_s >= self._not_before_s else 0

    def hear(self, ad_account_id: str, answer: Answer, now_s: float) -> None:
        """Take note of an answer, whoever's it is."""
        match answer:
            case Unavailable(detail, _) | Ambiguous(detail, is_unreadable=False):
                self._failures += 1
                self._failed.add(ad_account_id)
                if self.hold is not None:
                    self._wait(now_s)
                elif self._failures >= _TRIPPED_AFTER and len(self._failed) > 1:
                    self.hold = Hold(HoldCause.UNAVAILABLE, now_s, detail)
                    self._wait(now_s)
            case Ambiguous():
                # Written by whoever stands in between, perhaps: neither a sign of the API nor one against it.
                if self.hold is not None:
                    self._wait(now_s)
            case Unauthorized(was_asked=False):
                pass
            case _:
                self._failures = 0
                self._failed.clear()
                self._probes = 0
                self._not_before_s = 0.0
                self.hold = None

    def _wait(self, now_s: float) -> None:
        if now_s < self._not_before_s:
            return  # a request that was under way with the one that opened it: no probe
        self._probes += 1
        self._not_before_s = now_s + self._back_off_s(self._probes)
