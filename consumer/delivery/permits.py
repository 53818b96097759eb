"""Permits for requests under way, and the part of them that is kept for batches past the hour."""

from __future__ import annotations

from collections.abc import Collection

from consumer.records import Batch

_STALE_SHARE = 4
"""One of so many permits is kept for batches past the hour; where there are fewer, one of so many requests."""


class Permits:
    """Who has one.

    Args:
        most: How many there are.
    """

    def __init__(self, most: int) -> None:
        self._kept = most // _STALE_SHARE
        self._under_way: dict[Batch, float] = {}
        """Monotonic time at which each was started."""
        self._stale: set[Batch] = set()
        self._fresh_in_a_row = 0

    def __len__(self) -> int:
        return len(self._under_way)

    @property
    def under_way(self) -> Collection[Batch]:
        """The batches that have one."""
        return self._under_way.keys()

    @property
    def is_turn_of_stale(self) -> bool:
        """Should the next be for a batch past the hour, if one waits?"""
        return len(self._stale) < self._kept if self._kept else self._fresh_in_a_row >= _STALE_SHARE - 1

    def take(self, batch: Batch, now_s: float, *, is_stale: bool) -> None:
        self._under_way[batch] = now_s
        if is_stale:
            self._stale.add(batch)
            self._fresh_in_a_row = 0
        else:
            self._fresh_in_a_row += 1

    def give_back(self, batch: Batch) -> float:
        """Returns since when (monotonic) it had one.

        Raises:
            KeyError: It has none.
        """
        self._stale.discard(batch)
        return self._under_way.pop(batch)
