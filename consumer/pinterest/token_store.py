"""The directory of rotating tokens: its state file, the access token for replicas to read, and its two locks.

state.json     everything known, rewritten as a whole; only whoever refreshes reads it
access_token   the access token alone; this is what consumers read
refresh.lock   held during one refresh
consumer.lock  held by a consumer that refreshes by itself, for as long as it runs
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import orjson
from pydantic import TypeAdapter, ValidationError

from consumer.errors import ConfigError, ContractError
from consumer.pinterest.secret_file import Replacement, finish, pending_of, replace_file

STATE = "state.json"
ACCESS_TOKEN = "access_token"  # noqa: S105 - a file's name
REFRESH_LOCK = "refresh.lock"
CONSUMER_LOCK = "consumer.lock"

_ASK_LOCK_EVERY_S = 0.05


@dataclass(frozen=True, slots=True)
class Grant:
    """What one answer of Pinterest's gave. All times are Unix seconds."""

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    obtained_at: int
    access_token_expires_at: int
    refresh_token_expires_at: int | None
    """None if Pinterest did not say."""


@dataclass(frozen=True, slots=True)
class TokenState:
    """What the state file holds."""

    revision: int = 0
    """Grows by one each time the file is written."""
    grant: Grant | None = None
    previous_refresh_token: str | None = field(default=None, repr=False)
    """The one that `grant` was got with: good for another try, should its successor be refused."""
    initial_sha256: str | None = field(default=None, repr=False)
    """Of the last refresh token that was given from outside, to know the next one."""
    unanswered_since: int | None = None
    """When a request was made whose answer never came: the refresh token may have been replaced unseen."""


_STATE = TypeAdapter(TokenState)


class TokenDirectory:
    """Reads and writes the directory; whoever writes holds `locked`.

    Every method raises `OSError` where the file system does not do as it is asked.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.access_token_file = path / ACCESS_TOKEN
        self._state_file = path / STATE

    @contextmanager
    def locked(self, *, wait_s: float) -> Iterator[bool]:
        """Hold the lock of a refresh; false if another process still had it after `wait_s`."""
        with _open_lock(self.path / REFRESH_LOCK) as lock:
            deadline_s = time.monotonic() + wait_s
            while not (is_ours := _is_taken(lock)) and time.monotonic() < deadline_s:
                time.sleep(_ASK_LOCK_EVERY_S)
            yield is_ours

    def peek(self) -> TokenState:
        """The state as it stands; without the lock as well.

        Raises:
            ContractError: The file is not one that this program wrote.
        """
        try:
            content = self._state_file.read_bytes()
        except FileNotFoundError:
            return TokenState()
        state = _parsed(content)
        if state is None:
            raise ContractError(f"{self._state_file} is not a state of tokens; move it away and begin anew")
        return state

    def load(self) -> TokenState:
        """The state, mended first if a process died while it wrote: nothing that it had written is lost.

        What was left behind is put in place as it is, perhaps with zeros behind it.

        Raises:
            ContractError: As `peek`.
        """
        state = self.peek()
        try:
            left_behind = _parsed(pending_of(self._state_file).read_bytes())
        except FileNotFoundError:
            left_behind = None
        if left_behind is not None and left_behind.revision > state.revision:
            finish(self._state_file)  # not written anew: it is the only copy, and a full disk would take it
            state = left_behind
        return state

    def save(self, state: TokenState) -> None:
        """Have this state on the disk."""
        replace_file(self._state_file, encoded(state))

    def replacement(self) -> Replacement:
        """Room for the next state, had before it is known."""
        return Replacement(self._state_file)

    def publish(self, grant: Grant) -> None:
        """Have the access token in its file, unless it is there already."""
        try:
            if self.access_token_file.read_bytes() == grant.access_token.encode():
                return
        except FileNotFoundError:
            pass
        replace_file(self.access_token_file, grant.access_token.encode())


@contextmanager
def held_by_consumer(directory: Path) -> Iterator[None]:
    """Keep the directory for this process, as the only consumer that refreshes its tokens.

    Raises:
        ConfigError: Another process keeps it, or it cannot be kept.
    """
    with ExitStack() as stack:
        try:
            is_ours = _is_taken(stack.enter_context(_open_lock(directory / CONSUMER_LOCK)))
        except OSError as error:
            problem = f"pinterest.oauth.directory: {directory} cannot be locked: {error.strerror}"
            raise ConfigError([problem]) from None
        if not is_ours:
            problem = f"pinterest.oauth.directory: another consumer refreshes the tokens in {directory}"
            raise ConfigError([f"{problem}; run one alone, or have `conversions token refresh` do it for all"])
        yield


@contextmanager
def _open_lock(path: Path) -> Iterator[int]:
    # Open for writing: over NFS an exclusive lock asks for it.
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        yield lock
    finally:
        os.close(lock)


def _is_taken(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def encoded(state: TokenState) -> bytes:
    """As it stands in the file."""
    return orjson.dumps(state)


def _parsed(content: bytes) -> TokenState | None:
    try:
        return _STATE.validate_json(content.rstrip(b"\0"), strict=True)
    except ValidationError:
        return None
