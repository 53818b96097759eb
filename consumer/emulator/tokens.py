"""Bearer tokens: which are good, and for what. Those issued here are known with their scopes and their end."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from enum import Enum

from consumer.emulator import answers
from consumer.emulator.answers import Answer

SCOPES = frozenset({"ads:read", "ads:write"})  # all that the paths served here ask for


class Need(Enum):
    """What a path asks of a token: the description's `security` of its operation."""

    EVENTS = "ads:write"
    """An OAuth token with this scope or, here alone, a conversion token."""
    READ = "ads:read"
    WRITE = "ads:write of OAuth"

    @property
    def scope(self) -> str:
        return "ads:read" if self is Need.READ else "ads:write"


@dataclass(frozen=True, slots=True)
class _Grant:
    is_conversion: bool
    scopes: frozenset[str]
    expires_at_s: float | None


class Tokens:
    """A token that was issued here is good as far as it was granted, others if listed or if none are listed."""

    def __init__(self, listed: frozenset[str]) -> None:
        self._listed = listed
        self._issued: dict[str, _Grant] = {}

    def issue_access_token(self, scopes: frozenset[str], expires_at_s: float) -> str:
        return self._issue(_Grant(is_conversion=False, scopes=scopes, expires_at_s=expires_at_s))

    def issue_conversion_token(self) -> str:
        """Good for the events endpoint alone, and without an end."""
        return self._issue(_Grant(is_conversion=True, scopes=frozenset({Need.EVENTS.scope}), expires_at_s=None))

    def refusal(self, authorization: str, need: Need, now_s: float) -> Answer | None:
        """Why a request with this header may not have what it needs; None if it may."""
        token = _bearer_token(authorization)
        if token is None:
            return answers.error(401)
        grant = self._issued.get(token)
        if grant is None:
            return answers.error(401) if self._listed and token not in self._listed else None
        if grant.expires_at_s is not None and now_s >= grant.expires_at_s:
            return answers.error(401)
        if grant.is_conversion and need is not Need.EVENTS:
            return answers.error(401)
        return None if need.scope in grant.scopes else answers.error(403)

    def _issue(self, grant: _Grant) -> str:
        token = f"pina_{secrets.token_urlsafe(32)}"
        self._issued[token] = grant
        return token


def _bearer_token(authorization: str) -> str | None:
    scheme, _, token = authorization.partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None
