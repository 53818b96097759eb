"""The suppression list: whose conversions are never sent. A file of hashes, read at the start and when it changes.

Whoever maps asks the list that is in force, which costs no look at the file; `watch` looks at it, beside the control
thread, and puts a new list in the place of the old one as a whole. A file that cannot be read changes nothing.
"""

from __future__ import annotations

import asyncio
from binascii import Error as NotHexadecimalError
from binascii import unhexlify
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import structlog

from consumer.errors import ConfigError
from consumer.hash_set import HASH_BYTES, HashSet
from consumer.timing import Clock, SystemClock

_log = structlog.get_logger(__name__)

FIELDS = frozenset({"em", "ph", "external_id"})
"""The fields of `user_data` that people are suppressed by."""
LOOK_EVERY_S = 5.0
_MOST_PROBLEMS = 20
_REMEDY = "write one SHA-256 a line as 64 hexadecimal digits, as `conversions suppress-hash` prints them"
_PUT_IN_PLACE = "write another file beside it and rename that"

_Mark = tuple[int, ...]
"""What tells one content of a file from another without reading it."""


class SuppressList:
    """The list in force.

    Args:
        path: The file; a symbolic link is followed at each look.
        clock: For how long nothing is known of the file.

    Raises:
        ConfigError: The file cannot be read, or has lines that are no hashes. Their content is not told.
    """

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path = path
        self._clock = clock
        self._seen = self._in_force = _mark(path)
        self._refused: _Mark | None = None
        self._told: str | None = None
        try:
            self._hashes = self._read(may_be_empty=True)
        except OSError as error:
            raise ConfigError([f"privacy.suppress_file: {path} cannot be read: {error.strerror}"]) from None
        self._confirmed_s = clock.monotonic_s()

    def holds(self, user_data: Mapping[str, Sequence[str]]) -> bool:
        """Is anybody of an event's `user_data`, as the API takes it, on the list?"""
        for name in FIELDS:
            for each in user_data.get(name, ()):
                if bytes.fromhex(each) in self._hashes:
                    return True
        return False

    @property
    def size(self) -> int:
        """How many hashes are on it."""
        return len(self._hashes)

    @property
    def age_s(self) -> float:
        """For how long it has not been known whether the list in force is what the file says."""
        return self._clock.monotonic_s() - self._confirmed_s

    async def watch(self) -> None:
        """Look every few seconds, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            await asyncio.to_thread(self.look)

    def look(self) -> None:
        """Read the file if it has changed; but not before it is the same at two looks, as it may just be written."""
        before, self._seen = self._seen, _mark(self._path)
        if self._seen == self._in_force:
            self._confirm()
        elif self._seen == before and (self._seen is None or self._seen != self._refused):
            self._read_again()

    def _read_again(self) -> None:
        try:
            hashes = self._read(may_be_empty=not self._hashes)
        except OSError as error:
            self._keep(f"{self._path} cannot be read: {error.strerror}")
        except ConfigError as error:
            self._refused = self._seen
            self._keep("; ".join(error.problems))
        else:
            _log.info("suppress_list_read", hashes=len(hashes), before=len(self._hashes))
            self._hashes, self._in_force, self._refused = hashes, self._seen, None
            self._confirm()

    def _confirm(self) -> None:
        self._confirmed_s = self._clock.monotonic_s()
        if self._told is not None:
            _log.info("suppress_list_recovered", hashes=len(self._hashes))
        self._told = None

    def _keep(self, problem: str) -> None:
        if problem != self._told:
            _log.error("suppress_list_not_read", problem=problem, in_force=len(self._hashes))
        self._told = problem

    def _read(self, *, may_be_empty: bool) -> HashSet:
        with self._path.open("rb") as file:
            hashes = HashSet(_hashes_in(file, self._path))
        if _mark(self._path) != self._seen:  # half of it may be what was there before, or nothing yet
            raise ConfigError([f"privacy.suppress_file: {self._path} changed while it was read; {_PUT_IN_PLACE}"])
        if not hashes and not may_be_empty:
            raise ConfigError([f"privacy.suppress_file: {self._path} has no hash left; if that is meant, restart"])
        return hashes


def suppress_list(path: Path | None, clock: Clock | None = None) -> SuppressList | None:
    """The list that is configured, if one is.

    Raises:
        ConfigError: As `SuppressList`.
    """
    return None if path is None else SuppressList(path, clock or SystemClock())


def _hashes_in(lines: Iterable[bytes], path: Path) -> Iterator[bytes]:
    """The hash of each line that has one; everything from a `#` on is a comment."""
    wrong: list[int] = []
    for number, line in enumerate(lines, 1):
        text = line.partition(b"#")[0].strip()
        if not text:
            continue
        try:
            found = unhexlify(text)
        except NotHexadecimalError:
            found = b""
        if len(found) == HASH_BYTES:
            yield found
        else:
            wrong.append(number)
    if wrong:
        problems = [
            f"privacy.suppress_file: {path}:{number}: is no hash; {_REMEDY}" for number in wrong[:_MOST_PROBLEMS]
        ]
        more = len(wrong) - len(problems)
        raise ConfigError(problems + ([f"privacy.suppress_file: {path}: and {more} more such lines"] if more else []))


def _mark(path: Path) -> _Mark | None:
    """None if there is no such file, or it cannot be asked."""
    try:
        found = path.stat()
    except OSError:
        return None
    return (found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino, found.st_dev)
