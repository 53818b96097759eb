"""The OAuth endpoints: a refresh token becomes an access token and its successor, an access token a conversion token.

Source: Pinterest API v5 description 5.23.0, `oauth/token` and `oauth/conversion_token`; RFC 6749, section 6.
"""

from __future__ import annotations

import base64
import binascii
import secrets
from collections.abc import Callable
from urllib.parse import parse_qs

from consumer.emulator import answers
from consumer.emulator.answers import Answer
from consumer.emulator.tokens import SCOPES, Need, Tokens
from consumer.emulator.wire import media_type

FORM = "application/x-www-form-urlencoded"
REFRESH_TOKEN_EXPIRES_S = 60 * 86_400  # `oauth/token`, prose: "60-day expiration, refreshable indefinitely"
GRANT_TYPES = ("authorization_code", "refresh_token", "client_credentials")  # `OauthAccessTokenRequest.grant_type`


class OAuth:
    """`POST /v5/oauth/token` and `POST /v5/oauth/conversion_token`.

    Args:
        app: The only good credentials, `APP_ID:SECRET`; None takes any.
        refresh_token: The only good refresh token to begin with; None takes any that was not used yet.
    """

    def __init__(
        self,
        tokens: Tokens,
        *,
        app: str | None,
        refresh_token: str | None,
        access_token_expires_s: int,
        wall_s: Callable[[], float],
    ) -> None:
        self._tokens = tokens
        self._app = app
        self._access_token_expires_s = access_token_expires_s
        self._wall_s = wall_s
        self._takes_any = refresh_token is None
        self._spent: set[str] = set()
        self._ends_s: dict[str, float | None] = {} if refresh_token is None else {refresh_token: None}
        """Good refresh token → when it ends; None for the first, of which that is not known."""

    def refresh(self, *, authorization: str, content_type: str, body: bytes | bytearray) -> Answer:
        """Trade a refresh token for an access token and the next refresh token; the one traded in is spent."""
        if not self._is_app(authorization):
            return answers.error(401)
        if media_type(content_type) != FORM:
            return answers.invalid_request(f"the content type is not {FORM}")
        form = {name: values[-1] for name, values in parse_qs(body.decode("latin-1"), keep_blank_values=True).items()}
        if form.get("grant_type") not in GRANT_TYPES:
            return answers.invalid_request(f"'grant_type' is not one of {sorted(GRANT_TYPES)}")
        if form["grant_type"] != "refresh_token":
            return answers.invalid_request("the emulator knows no other 'grant_type' than refresh_token")
        if not form.get("refresh_token"):
            return answers.invalid_request("'refresh_token' is a required property")
        if form.get("continuous_refresh", "true") not in ("true", "false"):
            return answers.invalid_request("'continuous_refresh' is not of type 'boolean'")
        scopes = frozenset(form.get("scope", "").replace(",", " ").split()) or SCOPES
        if not scopes <= SCOPES:
            return answers.invalid_request(f"'scope' has more than was granted: {' '.join(sorted(SCOPES))}")
        if not self._spend(form["refresh_token"]):
            # As seen: https://github.com/pinterest/pinterest-python-sdk/issues/114
            return answers.error(401, "The authorization grant is invalid", code=283)
        return self._issue(scopes)

    def conversion_token(self, *, authorization: str) -> Answer:
        """A token that is good for the events endpoint alone."""
        if refusal := self._tokens.refusal(authorization, Need.WRITE, self._wall_s()):
            return refusal
        return answers.as_json({"access_token": self._tokens.issue_conversion_token(), "token_type": "conversion"})

    def _is_app(self, authorization: str) -> bool:
        scheme, _, encoded = authorization.partition(" ")
        try:
            found = base64.b64decode(encoded.strip(), validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            return False
        app_id, _, secret = found.partition(":")
        return scheme.lower() == "basic" and bool(app_id and secret) and self._app in (None, found)

    def _spend(self, refresh_token: str) -> bool:
        """Is it good? Once, if at all."""
        if refresh_token in self._spent or not (self._takes_any or refresh_token in self._ends_s):
            return False
        self._spent.add(refresh_token)
        ends_s = self._ends_s.pop(refresh_token, None)
        return ends_s is None or self._wall_s() < ends_s

    def _issue(self, scopes: frozenset[str]) -> Answer:
        now_s = self._wall_s()
        refresh_token = f"pinr_{secrets.token_urlsafe(32)}"
        refresh_expires_at_s = int(now_s) + REFRESH_TOKEN_EXPIRES_S
        self._ends_s[refresh_token] = refresh_expires_at_s
        return answers.as_json(
            {
                "access_token": self._tokens.issue_access_token(scopes, now_s + self._access_token_expires_s),
                "token_type": "bearer",
                "expires_in": self._access_token_expires_s,
                "scope": " ".join(sorted(scopes)),
                "response_type": "refresh_token",
                "refresh_token": refresh_token,
                "refresh_token_expires_in": REFRESH_TOKEN_EXPIRES_S,
                "refresh_token_expires_at": refresh_expires_at_s,
            }
        )
