"""A set of SHA-256 hashes that takes little more than their 32 bytes each: there may be millions of them."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable

HASH_BYTES = 32


class HashSet:
    """Never changed once made, so any thread may look into it. As Python's own set it would take four times as much.

    Args:
        hashes: Of 32 bytes each, in any order; what is said twice counts once.
    """

    def __init__(self, hashes: Iterable[bytes]) -> None:
        # By their first byte: what is sorted at once is short then, and keeps no other thread waiting.
        runs = [bytearray() for _ in range(256)]
        for each in hashes:
            runs[each[0]] += each
        self._runs: list[bytes] = []
        while runs:  # each goes as soon as it is sorted, or all would be there twice
            self._runs.append(_sorted(runs.pop(0)))

    def __contains__(self, wanted: bytes) -> bool:
        run = self._runs[wanted[0]]
        starts = range(0, len(run), HASH_BYTES)
        at = bisect_left(starts, wanted, key=lambda start: run[start : start + HASH_BYTES]) * HASH_BYTES
        return run[at : at + HASH_BYTES] == wanted

    def __len__(self) -> int:
        return sum(map(len, self._runs)) // HASH_BYTES


def _sorted(run: bytearray) -> bytes:
    return b"".join(sorted({bytes(run[at : at + HASH_BYTES]) for at in range(0, len(run), HASH_BYTES)}))
