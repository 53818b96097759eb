"""The file of answered requests: one JSON line each, so that what was accepted without a true answer can be told."""

from __future__ import annotations

from pathlib import Path
from typing import IO

import orjson


class AnswerLog:
    """Appends to `path`, without one to nothing. A request that is cut off by the end of the emulator has no line."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._file: IO[bytes] | None = None

    def open(self) -> None:
        """Raises OSError if the file cannot be had."""
        if self._path is not None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("ab")

    def write(
        self, request: int, *, received_at: float, answered_at: float, status: int | None, accepted: int, is_true: bool
    ) -> None:
        """Write and flush one line.

        Args:
            request: The number that the record of accepted events knows it by.
            received_at: Unix seconds at which it had come in whole.
            answered_at: Unix seconds at which its answer was ready to be sent.
            status: None if the connection is cut instead.
            accepted: How many events were recorded.
            is_true: Is the answer, sent at once and whole, what became of the events?
        """
        if self._file is None:
            return
        line = {
            "request": request,
            "received_at": received_at,
            "answered_at": answered_at,
            "status": status,
            "accepted": accepted,
            "true": is_true,
        }
        self._file.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))
        self._file.flush()

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
