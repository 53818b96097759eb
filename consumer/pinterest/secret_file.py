"""Replaces a small secret file so that neither a crash, a full disk nor a reader in between finds half of one."""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType
from typing import Self

ROOM_BYTES = 64 * 1024
"""Made sure of before the content is known, and the most that it may be."""


class DisplacedError(OSError):
    """Another process has taken the place of the file that was to be committed, which is put nowhere."""


class NotSyncedError(OSError):
    """The content is in its place, and only whether a power cut would leave it there is not known."""


class Replacement:
    """The file that takes the place of `path`: room for it is had on entering, `commit` puts it there.

    Until then it stands beside it as `<name>.pending`, and goes if nothing is committed. If `commit` fails, or the
    process dies in it, what was written is found there, perhaps with zeros behind it.

    Raises:
        OSError: On entering or committing: the directory, the disk or a limit does not allow it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._pending = pending_of(path)
        self._is_begun = False

    def __enter__(self) -> Self:
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        self._file = os.open(self._pending, flags, 0o600)
        try:
            os.fchmod(self._file, 0o600)  # it may be one that was left behind
            # Written, not only reserved: what a file system reserves it may still refuse later.
            _write(self._file, bytes(ROOM_BYTES))
            os.fsync(self._file)
        except OSError:
            self.__exit__(None, None, None)
            raise
        return self

    def commit(self, content: bytes) -> None:
        """Put the content in place; when this returns it is on the disk."""
        if len(content) > ROOM_BYTES:
            raise OSError(f"more than {ROOM_BYTES} bytes")
        # Where locks do not reach, another process may have moved this very file into place: it is not ours to write.
        if not self._is_in_its_place():
            raise DisplacedError(f"{self._pending.name} was replaced by another process")
        self._is_begun = True
        os.lseek(self._file, 0, os.SEEK_SET)
        _write(self._file, content)
        os.ftruncate(self._file, len(content))
        os.fsync(self._file)
        if not self._is_in_its_place():
            raise DisplacedError(f"{self._pending.name} was replaced by another process")
        put_in_place(self._pending, self._path)

    def _is_in_its_place(self) -> bool:
        try:
            return os.path.samestat(os.fstat(self._file), os.lstat(self._pending))
        except FileNotFoundError:
            return False

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Begun, it has its place or holds what could not be put there; displaced, it is somebody else's.
        is_kept = self._is_begun or not self._is_in_its_place()
        os.close(self._file)
        if not is_kept:
            self._pending.unlink(missing_ok=True)


def pending_of(path: Path) -> Path:
    """Where the next content of `path` is written before it takes its place."""
    return path.with_name(f"{path.name}.pending")


def replace_file(path: Path, content: bytes) -> None:
    """All of it at once, for content that can be had again."""
    with Replacement(path) as place:
        place.commit(content)


def finish(path: Path) -> None:
    """Put in place what an earlier commit left beside `path`, as it stands: it may be the only copy."""
    pending = pending_of(path)
    file = os.open(pending, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        os.fsync(file)
    finally:
        os.close(file)
    put_in_place(pending, path)


def put_in_place(pending: Path, path: Path) -> None:
    """Rename, and have that on the disk.

    Raises:
        NotSyncedError: Only the latter failed.
        OSError: The former did.
    """
    pending.replace(path)
    try:
        sync_directory(path.parent)
    except OSError as error:
        raise NotSyncedError(error.errno, error.strerror) from None


def sync_directory(directory: Path) -> None:
    """A rename is on the disk only once its directory is."""
    file = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def _write(file: int, content: bytes) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(file, rest) :]
