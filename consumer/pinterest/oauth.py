"""The two requests of Pinterest's OAuth: new tokens for a refresh token, and a conversion token for an access token.

What may go wrong is in the answer.

Source: Pinterest API v5 description, `oauth/token` and `oauth/conversion_token`; RFC 6749, 6 for the form.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, assert_never
from urllib.parse import urlencode

import orjson

from consumer.config import OAuth, Pinterest
from consumer.errors import ConfigError
from consumer.pinterest.auth import token_problem
from consumer.pinterest.connections import checked_url, ssl_context
from consumer.pinterest.single_request import NoReply, NotSent, Reply, Requests, error_text

MAX_ANSWER_BYTES = 64 * 1024
MAX_TOKEN_CHARS = 8_192
"""Longer is no token; three of them, and all else, fit the room that is made for a state before it is known."""
_UNSAID_LIFE_S = 86_400
"""An answer that breaks its own description and does not say how long its token lives: asked again early, not late."""


@dataclass(frozen=True, slots=True)
class Granted:
    """New tokens, and how long they live from now on."""

    access_token: str = field(repr=False)
    expires_in_s: int
    refresh_token: str | None = field(default=None, repr=False)
    """None if the old one goes on being good (RFC 6749, 6)."""
    refresh_expires_in_s: int | None = None
    refresh_expires_at: int | None = None
    """Unix seconds; Pinterest may say either, or both."""


@dataclass(frozen=True, slots=True)
class ConversionToken:
    """A token for the events endpoint alone; Pinterest gives it no expiry."""

    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Denied:
    """Pinterest says no, or something before it; asking the same again will not help."""

    detail: str
    is_judgement: bool = True
    """On the token or the app (400 and 401; RFC 6749, 5.2). A wrong address's 404 and a firewall's 403 are none."""


@dataclass(frozen=True, slots=True)
class NotNow:
    """Nothing happened: never reached, or too many requests."""

    detail: str


@dataclass(frozen=True, slots=True)
class Unanswered:
    """It may have happened: the request was sent, and no readable answer came."""

    detail: str


TokenAnswer = Granted | Denied | NotNow | Unanswered


def token_requests(settings: Pinterest, *, timeout_s: float) -> Callable[[str], TokenAnswer]:
    """What exchanges a refresh token, which is not to be used again once `Granted` brings another.

    Raises:
        ConfigError: App id, secret, address or authorities are missing or cannot be used.
    """
    secret = app_secret_of(settings.oauth)
    basic = _basic(settings.oauth, secret)
    headers = {
        "Authorization": f"Basic {basic}",
        "Content-Type": "application/x-www-form-urlencoded",
    }
    api = _Api(settings, timeout_s)

    def ask(refresh_token: str) -> TokenAnswer:
        form = {"grant_type": "refresh_token", "refresh_token": refresh_token}
        if settings.oauth.continuous_refresh:
            form["continuous_refresh"] = "true"
        answer = api.post("/oauth/token", headers, urlencode(form).encode(), secrets=(refresh_token, basic, secret))
        return _read_tokens(answer) if isinstance(answer, dict) else answer

    return ask


def request_conversion_token(
    settings: Pinterest, access_token: str, *, timeout_s: float
) -> ConversionToken | Denied | NotNow | Unanswered:
    """Have a conversion token made, with an access token that may `ads:write`.

    Raises:
        ConfigError: Address or authorities cannot be used; nothing was sent.
    """
    headers = {"Authorization": f"Bearer {access_token}"}
    answer = _Api(settings, timeout_s).post("/oauth/conversion_token", headers, b"", secrets=(access_token,))
    if not isinstance(answer, dict):
        return answer
    token = _token(answer, "access_token")
    return Unanswered("HTTP 200 without a usable access_token") if token is None else ConversionToken(token)


def app_secret_of(oauth: OAuth) -> str:
    """The app's secret, read anew.

    Raises:
        ConfigError: There is none.
    """
    if oauth.app_secret_file is None:
        secret = oauth.app_secret.get_secret_value() if oauth.app_secret is not None else ""
        about, problem = "pinterest.oauth.app_secret", "is needed: set it, or pinterest.oauth.app_secret_file"
    else:
        about, problem = "pinterest.oauth.app_secret_file", "the file it names is empty; put the secret there"
        try:
            secret = oauth.app_secret_file.read_text(encoding="utf-8").strip()
        except OSError as error:
            raise ConfigError([f"{about}: the file it names cannot be read: {error.strerror}"]) from None
        except UnicodeDecodeError:
            raise ConfigError([f"{about}: the file it names is not UTF-8 text"]) from None
    if not secret:
        raise ConfigError([f"{about}: {problem}"])
    return secret


def _basic(oauth: OAuth, secret: str) -> str:
    if oauth.app_id is None:
        raise ConfigError(["pinterest.oauth.app_id is needed: it stands beside the app at developers.pinterest.com"])
    return base64.b64encode(f"{oauth.app_id}:{secret}".encode()).decode()


class _Api:
    """Where requests go."""

    def __init__(self, settings: Pinterest, timeout_s: float) -> None:
        self._base_url = checked_url(settings.base_url)
        self._requests = Requests(ssl_context(settings), timeout_s, MAX_ANSWER_BYTES)

    def post(
        self, path: str, headers: Mapping[str, str], body: bytes, *, secrets: Sequence[str]
    ) -> dict[str, Any] | Denied | NotNow | Unanswered:
        """The object of a 2xx answer, or what kept us from it, in which none of the `secrets` is shown."""
        outcome = self._requests.post(self._base_url + path, headers, body)
        match outcome:
            case Reply(status, _, content):
                return _read(status, content, secrets)
            case NotSent(detail):
                return NotNow(detail)
            case NoReply(detail):
                return Unanswered(detail)
            case _:
                assert_never(outcome)


def _read(status: int, body: bytes, secrets: Sequence[str]) -> dict[str, Any] | Denied | NotNow | Unanswered:
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        answer = None
    if 200 <= status < 300:
        return answer if isinstance(answer, dict) else Unanswered(f"HTTP {status} without a JSON object")
    detail = error_text(status, answer, secrets)
    if status == 429:
        return NotNow(detail)
    # A gateway may say 502 or 504 of what was done behind it.
    return Unanswered(detail) if status >= 500 or status == 408 else Denied(detail, status in (400, 401))


def _read_tokens(answer: Mapping[str, Any]) -> Granted | Unanswered:
    access_token, refresh_token = _token(answer, "access_token"), _token(answer, "refresh_token")
    if access_token is None:
        return Unanswered("HTTP 200 without a usable access_token")
    if refresh_token is None and answer.get("refresh_token") is not None:
        return Unanswered("HTTP 200 without a usable refresh_token")
    return Granted(
        access_token,
        _seconds(answer, "expires_in") or _UNSAID_LIFE_S,
        refresh_token,
        _seconds(answer, "refresh_token_expires_in"),
        _seconds(answer, "refresh_token_expires_at"),
    )


def _token(answer: Mapping[str, Any], key: str) -> str | None:
    token = answer.get(key)
    is_one = isinstance(token, str) and len(token) <= MAX_TOKEN_CHARS and token_problem(token) is None
    return token if is_one else None


def _seconds(answer: Mapping[str, Any], key: str) -> int | None:
    seconds = answer.get(key)
    return seconds if isinstance(seconds, int) and not isinstance(seconds, bool) and seconds > 0 else None
