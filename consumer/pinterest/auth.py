"""Where the token for an ad account comes from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from consumer.config import Pinterest
from consumer.errors import ConfigError
from consumer.pinterest.token_store import ACCESS_TOKEN


class Tokens(Protocol):
    """Asked once per request, so that a token that was replaced takes effect at once."""

    def token_for(self, ad_account_id: str) -> str | None:
        """The bearer token for this account, or `None` if there is none. Never logged, never in an error."""

    def refused(self, token: str) -> None:
        """The API answered 401 to this one. Returns at once; whoever can refresh it may do so."""


def token_problem(text: str) -> str | None:
    """What keeps a text from being a token (RFC 6750, 2.1), as the end of a sentence; None if nothing does."""
    if not text:
        return "is empty; put the token there"
    if not text.isascii() or not text.isprintable() or " " in text:
        return "holds more than a token: blanks, line breaks or signs that no token has; put the token alone there"
    return None


class ConfiguredTokens:
    """One file per account in a directory, else one token for all: given, in a file, or kept fresh by OAuth.

    Files are read at every request: it costs some microseconds against a request's milliseconds, and there is no
    copy that could be stale after Kubernetes has swapped a secret's files.

    Args:
        settings: Where tokens are.
        on_refused: Told of a token for all that the API refused.

    Raises:
        ConfigError: `access_token_file` holds no token. It may be empty or away for a moment later on, but at the
            start that is a mistake.
    """

    def __init__(self, settings: Pinterest, *, on_refused: Callable[[str], None] | None = None) -> None:
        self._directory = settings.tokens_dir
        self._on_refused = on_refused
        shared = settings.access_token
        self._shared = shared.get_secret_value() if shared is not None else None
        self._shared_file = shared_token_file(settings)
        if settings.access_token_file is not None and (problem := _file_problem(settings.access_token_file)):
            raise ConfigError([f"pinterest.access_token_file: the file it names {problem}"])

    def token_for(self, ad_account_id: str) -> str | None:
        own = _read(self._directory / ad_account_id) if self._directory is not None else None
        return own or self._token_for_all()

    def refused(self, token: str) -> None:
        if self._on_refused is not None and token == self._token_for_all():
            self._on_refused(token)

    def _token_for_all(self) -> str | None:
        return self._shared if self._shared_file is None else _read(self._shared_file)


def shared_token_file(settings: Pinterest) -> Path | None:
    """The file with the one token for all accounts; None where it is not in a file, or there is none."""
    if settings.access_token is not None or settings.access_token_file is not None:
        return settings.access_token_file
    return None if settings.oauth.directory is None else settings.oauth.directory / ACCESS_TOKEN


def _read(file: Path) -> str | None:
    try:
        # What is no UTF-8 is no token either; the mark left in its place says so to whoever sends.
        return file.read_text(encoding="utf-8", errors="replace").strip() or None
    except OSError:
        return None


def _file_problem(file: Path) -> str | None:
    try:
        return token_problem(file.read_text(encoding="utf-8").strip())
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    except UnicodeDecodeError:
        return "is not UTF-8 text"
