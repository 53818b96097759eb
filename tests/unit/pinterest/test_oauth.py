"""OAuth's requests on the wire: what Pinterest is told, what each answer comes to, and where a secret never goes."""

from __future__ import annotations

import base64
import contextlib
import json
import logging
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.config import Pinterest
from consumer.errors import ConfigError
from consumer.pinterest import oauth as oauth_module
from consumer.pinterest.oauth import (
    MAX_ANSWER_BYTES,
    MAX_TOKEN_CHARS,
    ConversionToken,
    Denied,
    Granted,
    NotNow,
    TokenAnswer,
    Unanswered,
    request_conversion_token,
    token_requests,
)
from tests.harness.certificates import Certificates
from tests.harness.one_answer import OneAnswer, http, read_request

REFRESH_TOKEN, APP_SECRET, ACCESS_TOKEN = "pinr_planted+/= &x", "s3cret:planted", "pina_planted"
BASIC = base64.b64encode(f"1234567:{APP_SECRET}".encode()).decode()
FULL = {
    "access_token": "pina_new",
    "token_type": "bearer",
    "expires_in": 2_592_000,
    "scope": "ads:write",
    "response_type": "refresh_token",
    "refresh_token": "pinr_new",
    "refresh_token_expires_in": 5_184_000,
    "refresh_token_expires_at": 1_755_184_000,
}


def settings_for(base_url: str, **oauth: Any) -> Pinterest:
    return Pinterest.model_validate(
        {"base_url": base_url, "oauth": {"app_id": "1234567", "app_secret": APP_SECRET, **oauth}}
    )


def refreshed(answer: bytes, *, timeout_s: float = 10.0, **oauth: Any) -> tuple[TokenAnswer, bytes]:
    with OneAnswer(answer) as server:
        ask = token_requests(settings_for(server.base_url, **oauth), timeout_s=timeout_s)
        return ask(REFRESH_TOKEN), server.request


# --- the request -----------------------------------------------------------------------------------------------


def test_a_refresh_is_asked_for_as_described() -> None:
    answer, request = refreshed(http(200, FULL))

    head, _, body = request.decode().partition("\r\n\r\n")
    lines = head.split("\r\n")
    assert lines[0] == "POST /v5/oauth/token HTTP/1.1"
    assert "Content-Type: application/x-www-form-urlencoded" in lines
    assert f"Authorization: Basic {base64.b64encode(b'1234567:s3cret:planted').decode()}" in lines
    assert parse_qs(body, strict_parsing=True) == {
        "grant_type": ["refresh_token"],
        "refresh_token": [REFRESH_TOKEN],
        "continuous_refresh": ["true"],
    }
    assert answer == Granted("pina_new", 2_592_000, "pinr_new", 5_184_000, 1_755_184_000)


def test_continuous_refresh_may_be_left_out() -> None:
    _, request = refreshed(http(200, FULL), continuous_refresh=False)

    assert b"continuous_refresh" not in request


def test_the_apps_secret_is_read_anew_from_its_file(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    sent = []
    for secret in ("first", "second"):
        file.write_text(f"{secret}\n")
        _, request = refreshed(http(200, FULL), app_secret=None, app_secret_file=file)
        sent.append(base64.b64encode(f"1234567:{secret}".encode()) in request)

    assert sent == [True, True]


def test_a_conversion_token_is_asked_for_with_the_access_token() -> None:
    with OneAnswer(http(200, {"access_token": "conv_new", "token_type": "conversion"})) as server:
        answer = request_conversion_token(settings_for(server.base_url), ACCESS_TOKEN, timeout_s=10)

    assert server.request.startswith(b"POST /v5/oauth/conversion_token HTTP/1.1\r\n")
    assert f"\r\nAuthorization: Bearer {ACCESS_TOKEN}\r\n".encode() in server.request
    assert answer == ConversionToken("conv_new")


# --- the answer --------------------------------------------------------------------------------------------------


def without(*keys: str, **changes: Any) -> dict[str, Any]:
    return {key: value for key, value in (FULL | changes).items() if key not in keys}


@pytest.mark.parametrize(
    ("body", "answer"),
    [
        pytest.param(
            without("refresh_token_expires_at"), Granted("pina_new", 2_592_000, "pinr_new", 5_184_000), id="one expiry"
        ),
        pytest.param(
            without("refresh_token", "refresh_token_expires_in", "refresh_token_expires_at"),
            Granted("pina_new", 2_592_000),
            id="no new refresh token",
        ),
        pytest.param(
            without("expires_in"),
            Granted("pina_new", 86_400, "pinr_new", 5_184_000, 1_755_184_000),
            id="no expiry: a day",
        ),
        pytest.param(
            without(expires_in=True, refresh_token_expires_in="60", refresh_token_expires_at=-1),
            Granted("pina_new", 86_400, "pinr_new"),
            id="expiries that are none",
        ),
    ],
)
def test_what_is_not_said_is_not_made_up(body: dict[str, Any], answer: Granted) -> None:
    assert refreshed(http(200, body))[0] == answer


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        pytest.param(http(400, {"code": 1, "message": "no"}), Denied, id="400"),
        pytest.param(http(401, {"code": 2, "message": "no"}), Denied, id="401"),
        pytest.param(http(403, b""), Denied, id="403, empty"),
        pytest.param(http(302, b""), Denied, id="somewhere else"),
        pytest.param(http(429, {"code": 8, "message": "no"}), NotNow, id="429"),
        pytest.param(http(500, {"code": 0, "message": "no"}), Unanswered, id="500"),
        pytest.param(http(504, b"<html>"), Unanswered, id="504 of a gateway"),
        pytest.param(http(408, b""), Unanswered, id="408"),
        pytest.param(http(200, b"<html>"), Unanswered, id="a page"),
        pytest.param(http(200, b"[]"), Unanswered, id="a list"),
        pytest.param(http(200, without("access_token")), Unanswered, id="no access token"),
        pytest.param(http(200, without(access_token="two words")), Unanswered, id="no token at all"),
        pytest.param(http(200, without(access_token="x" * (MAX_TOKEN_CHARS + 1))), Unanswered, id="an endless token"),
        pytest.param(http(200, without(refresh_token="")), Unanswered, id="an empty refresh token"),
        pytest.param(http(200, without(refresh_token=7)), Unanswered, id="a number for a refresh token"),
        pytest.param(http(200, b" " * (MAX_ANSWER_BYTES + 1)), Unanswered, id="too large"),
        pytest.param(http(200, FULL)[:-9], Unanswered, id="cut off"),
        pytest.param(b"SMTP ready\r\n\r\n", Unanswered, id="another protocol"),
        pytest.param(b"", Unanswered, id="hung up"),
    ],
)
def test_each_trouble_has_its_answer(raw: bytes, kind: type) -> None:
    answer, _ = refreshed(raw)

    assert isinstance(answer, kind)


@given(
    body=st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from([*FULL, "code", "message"]), inner),
        max_leaves=8,
    ),
    status=st.sampled_from([200, 400, 500]),
)
def test_any_answer_at_all_is_read(body: Any, status: int) -> None:
    answer = oauth_module._read(status, json.dumps(body).encode(), (REFRESH_TOKEN,))

    if isinstance(answer, dict):
        oauth_module._read_tokens(answer)


@pytest.mark.parametrize(
    ("status", "is_judgement"), [(400, True), (401, True), (302, False), (403, False), (404, False)]
)
def test_only_400_and_401_judge_the_token(status: int, *, is_judgement: bool) -> None:
    answer, _ = refreshed(http(status, {"code": 2, "message": "no"}))

    assert isinstance(answer, Denied)
    assert answer.is_judgement is is_judgement


def test_a_server_that_says_nothing_may_have_done_it() -> None:
    hold = threading.Event()
    with OneAnswer(b"", hold=hold) as server:
        started_s = time.monotonic()
        answer = token_requests(settings_for(server.base_url), timeout_s=0.3)(REFRESH_TOKEN)
        elapsed_s = time.monotonic() - started_s

    assert answer == Unanswered("no answer: ReadTimeout")
    assert elapsed_s < 5


def test_nobody_listening_was_not_asked() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

    answer = token_requests(settings_for(f"http://127.0.0.1:{port}/v5"), timeout_s=5)(REFRESH_TOKEN)

    assert answer == NotNow("not sent: ConnectError")


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def over_tls(certificates: Certificates) -> Iterator[str]:
    """A server with a certificate of the made-up authority; it answers whoever trusts it."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with contextlib.suppress(OSError):
            plain, _ = listener.accept()
            with certificates.server_side().wrap_socket(plain, server_side=True) as connection:
                read_request(connection)
                connection.sendall(http(200, FULL))

    thread = threading.Thread(target=serve)
    thread.start()
    yield f"https://127.0.0.1:{listener.getsockname()[1]}/v5"
    listener.close()
    thread.join(10)


def test_the_configured_authority_is_trusted(over_tls: str, certificates: Certificates) -> None:
    settings = settings_for(over_tls).model_copy(update={"ssl_ca_file": certificates.authority})

    assert isinstance(token_requests(settings, timeout_s=10)(REFRESH_TOKEN), Granted)


def test_nobody_else_is_told_a_secret(over_tls: str) -> None:
    answer = token_requests(settings_for(over_tls), timeout_s=10)(REFRESH_TOKEN)

    assert answer == NotNow("not sent: ConnectError")


# --- settings ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("oauth", "problem"),
    [
        ({"app_id": None}, r"pinterest\.oauth\.app_id is needed"),
        ({"app_secret": None}, r"pinterest\.oauth\.app_secret: is needed"),
        ({"app_secret": None, "app_secret_file": "/nowhere/secret"}, r"app_secret_file: the file it names cannot be"),
        ({"app_secret": None, "app_secret_file": "/dev/null"}, r"app_secret_file: the file it names is empty"),
    ],
)
def test_what_is_missing_is_told_before_anything_is_sent(oauth: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        token_requests(settings_for("http://127.0.0.1:9/v5", **oauth), timeout_s=1)


# --- secrets -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(
            http(401, {"code": 2, "message": f"bad token {REFRESH_TOKEN} of {APP_SECRET}"}), id="repeats them"
        ),
        pytest.param(http(401, {"code": 2, "message": "bad: pinr_planted%2B%2F%3D+%26x"}), id="repeats the form"),
        pytest.param(http(401, {"code": 2, "message": f"bad Basic {BASIC}"}), id="repeats the header"),
        pytest.param(http(500, {"code": 2, "message": "ask ada@example.com"}), id="names a person"),
        pytest.param(http(200, {"access_token": f"{ACCESS_TOKEN} and more"}), id="a token that is none"),
        pytest.param(b"HTTP/1.1 200 OK\r\nX: y", id="cut off"),
        pytest.param(http(200, FULL), id="granted"),
    ],
)
def test_no_secret_is_told(answer: bytes, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)  # of the HTTP libraries as well

    found, _ = refreshed(answer)

    told = repr(found) + str(found) + caplog.text
    assert not [secret for secret in ("planted", BASIC, "pina_new", "pinr_new", "ada@") if secret in told]


def test_a_defect_of_the_http_library_shows_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its exceptions hold the request, with the secret in a header."""

    def break_down(_: object, request: httpx.Request) -> httpx.Response:
        raise httpx.RemoteProtocolError(f"made up: {request.headers} {request.content!r}", request=request)

    monkeypatch.setattr(httpx.AsyncHTTPTransport, "handle_async_request", break_down)

    answer = token_requests(settings_for("http://127.0.0.1:9/v5"), timeout_s=1)(REFRESH_TOKEN)

    assert answer == Unanswered("no answer: RemoteProtocolError")
