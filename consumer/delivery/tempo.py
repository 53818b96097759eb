"""How long requests take, so that an account whose requests take far longer than the others' is known for it."""

from __future__ import annotations

import math

_SLOWER = 4
"""So many times as long as requests usually take is slow..."""
_SLOW_S = 2.0
"""...but not below this: a full request takes longer than one with a single event, and harms nobody by that."""
_OWN_WEIGHT = 0.3
_DOWN, _UP = 0.05, 0.02
"""What is usual follows quick requests faster than slow ones, so that a slow account does not become the measure."""
_MOST_COUNTED = 2
"""For the same reason a request counts for so many usual ones at most."""


class Tempo:
    """Tell it how long requests took that were looked at, or that ran into their deadline."""

    def __init__(self) -> None:
        self._usual_s = math.inf
        self._own_s: dict[str, float] = {}

    def note(self, ad_account_id: str, took_s: float) -> None:
        """A request of this account is over."""
        own_s = self._own_s.get(ad_account_id, took_s)
        self._own_s[ad_account_id] = own_s + _OWN_WEIGHT * (took_s - own_s)
        if self._usual_s == math.inf:
            self._usual_s = took_s
        counted_s = min(took_s, _MOST_COUNTED * self._usual_s)
        self._usual_s += (_UP if counted_s > self._usual_s else _DOWN) * (counted_s - self._usual_s)

    def is_slow(self, ad_account_id: str) -> bool:
        """Does it take far longer than is usual? Nobody knows yet of one that had no request beside others that had."""
        own_s = self._own_s.get(ad_account_id)
        if own_s is None:
            return bool(self._own_s)
        return len(self._own_s) > 1 and own_s > max(_SLOW_S, _SLOWER * self._usual_s)
