"""Where the token for an ad account comes from."""

from __future__ import annotations

from typing import Protocol

from consumer.config import Pinterest


class Tokens(Protocol):
    """Asked once per request, so that a token that was replaced takes effect at once."""

    def token_for(self, ad_account_id: str) -> str | None:
        """The bearer token for this account, or `None` if there is none. Never logged, never in an error."""


class ConfiguredTokens:
    """One file per account in a directory, else one token for all.

    Files are read at every request: it costs some microseconds against a request's milliseconds, and there is no
    copy that could be stale after Kubernetes has swapped a secret's files.
    """

    def __init__(self, settings: Pinterest) -> None:
        self._directory = settings.tokens_dir
        shared = settings.access_token
        self._shared = shared.get_secret_value() if shared is not None else None

    def token_for(self, ad_account_id: str) -> str | None:
        if self._directory is not None:
            try:
                # What is no UTF-8 is no token either; the mark left in its place says so to whoever sends.
                text = (self._directory / ad_account_id).read_text(encoding="utf-8", errors="replace")
            except OSError:
                return self._shared
            return text.strip() or self._shared
        return self._shared
