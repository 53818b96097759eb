"""The file of accepted events: one JSON line each, on disk before the answer that accepts them."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import IO

import orjson

from consumer.emulator.description import JsonObject


class Record:
    """Appends to `path`; numbers requests so that no two in the file share one, also across restarts."""

    def __init__(self, path: Path | None) -> None:
        """Without a path only the numbers are kept."""
        self._path = path
        self._file: IO[bytes] | None = None
        self._numbers = itertools.count(1)

    def open(self) -> None:
        """Raises OSError if the file cannot be had, ValueError if it is not a record."""
        if self._path is None:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self._path.open("a+b")
        self._numbers = itertools.count(_resume(self._file) + 1)

    def next_request(self) -> int:
        """The number of one physical request."""
        return next(self._numbers)

    def write(
        self, ad_account_id: str, request: int, received_at: float, events: Sequence[JsonObject], *, is_test: bool
    ) -> None:
        """Write and flush the accepted events of one request, in one go.

        Args:
            received_at: Unix seconds at which the whole request had been received.
        """
        if self._file is None or not events:
            return
        shared = {"ad_account_id": ad_account_id, "request": request, "received_at": received_at, "test": is_test}
        opening = orjson.dumps(shared)[:-1] + b',"event":'
        self._file.write(b"".join([opening + orjson.dumps(event) + b"}\n" for event in events]))
        self._file.flush()

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


def _resume(file: IO[bytes]) -> int:
    """The highest request number in the file; a line torn by a kill, never answered for, is cut off.

    Raises:
        ValueError: The file holds something else.
    """
    highest = whole = 0
    file.seek(0)
    for line in file:
        if line.endswith(b"\n"):
            try:
                highest = max(highest, orjson.loads(line)["request"])
            except (ValueError, TypeError, KeyError):
                raise ValueError("the record file holds lines that no emulator wrote; name another one") from None
            whole += len(line)
    file.truncate(whole)
    return highest
