"""One request at a time: bounded in time and size, to nobody else, and what went wrong is a value."""

from __future__ import annotations

import json
import socket
import ssl
import threading
import time

import pytest

from consumer.emulator import Settings, parse_faults
from consumer.pinterest.single_request import NoReply, NotSent, Reply, Requests, error_text
from tests.harness.one_answer import OneAnswer, http
from tests.unit.cli.test_check_accounts import an_emulator
from tests.unit.emulator.builders import ACCOUNT, NOW_S, event_of

LIMIT_BYTES = 1_000


def requests(timeout_s: float = 10.0) -> Requests:
    return Requests(ssl.create_default_context(), timeout_s, LIMIT_BYTES)


def test_a_get_has_no_body_and_the_answer_comes_whole() -> None:
    with OneAnswer(http(200, {"a": 1}, X_Wait="7")) as server:
        outcome = requests().get(f"{server.base_url}/x?y=z", {"Authorization": "Bearer t"})

    assert outcome == Reply(200, {"x-wait": "7", "content-length": "8"}, b'{"a": 1}')
    head = server.request.decode().lower()
    assert head.startswith("get /v5/x?y=z http/1.1\r\n")
    assert "content-length" not in head
    assert "accept-encoding: identity" in head


def test_a_post_carries_its_body() -> None:
    with OneAnswer(http(200, b"")) as server:
        requests().post(server.base_url, {}, b"a=b")

    assert server.request.endswith(b"\r\n\r\na=b")


def test_a_redirection_is_an_answer_and_not_followed() -> None:
    with OneAnswer(http(200, b"")) as other, OneAnswer(http(302, b"", Location=other.base_url)) as server:
        outcome = requests().get(server.base_url, {"Authorization": "Bearer t"})
        with socket.create_connection(("127.0.0.1", int(other.base_url.split(":")[2].split("/")[0]))) as release:
            release.sendall(b"GET /nobody-came-before HTTP/1.1\r\n\r\n")
            release.recv(1)

    assert isinstance(outcome, Reply)
    assert outcome.status == 302
    assert other.request.startswith(b"GET /nobody-came-before")


@pytest.mark.parametrize(("size", "is_read"), [(LIMIT_BYTES, True), (LIMIT_BYTES + 1, False)])
def test_an_answer_is_read_up_to_its_limit(size: int, is_read: bool) -> None:  # noqa: FBT001
    with OneAnswer(http(200, b"x" * size)) as server:
        outcome = requests().get(server.base_url, {})

    assert isinstance(outcome, Reply) is is_read
    assert is_read or outcome == NoReply("the answer is larger than 1000 bytes")


def test_silence_ends_at_the_deadline() -> None:
    hold = threading.Event()
    with OneAnswer(b"", hold=hold) as server:
        started_s = time.monotonic()
        outcome = requests(timeout_s=0.3).get(server.base_url, {})
        elapsed_s = time.monotonic() - started_s

    assert outcome == NoReply("no answer: ReadTimeout")
    assert elapsed_s < 5


@pytest.mark.parametrize("is_head_slow", [True, False])
def test_an_answer_that_drips_ends_at_the_deadline_as_well(is_head_slow: bool) -> None:  # noqa: FBT001
    """No single byte is late; only all of them together are."""
    faults = parse_faults([{"kind": "drip", "seconds": 20, "head_too": is_head_slow}])
    body = json.dumps({"data": [event_of()]}).encode()
    headers = {"Authorization": "Bearer any", "Content-Type": "application/json"}
    with an_emulator(Settings(faults=faults, wall_s=lambda: NOW_S)) as base_url:
        started_s = time.monotonic()
        outcome = requests(timeout_s=1.0).post(f"{base_url}/ad_accounts/{ACCOUNT}/events", headers, body)
        elapsed_s = time.monotonic() - started_s

    assert outcome == NoReply("no answer: ReadTimeout")
    assert elapsed_s < 10


def test_nobody_listening_was_told_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

    assert requests().get(f"http://127.0.0.1:{port}/", {}) == NotSent("not sent: ConnectError")


def test_an_answer_shows_nothing_of_what_came_with_it() -> None:
    assert repr(Reply(200, {"set-cookie": "planted"}, b"planted")) == "Reply(status=200)"


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (None, "HTTP 400"),
        ([], "HTTP 400"),
        ({}, "HTTP 400"),
        ({"code": 2, "message": "No."}, "HTTP 400, code 2: No."),
        ({"code": "2", "message": 7}, "HTTP 400"),
        ({"code": True}, "HTTP 400"),
        ({"message": "s3cret+x, s3cret%2Bx, ada@example.com\x1b[0m"}, "HTTP 400: <secret>, <secret>, <e-mail>"),
    ],
)
def test_an_error_is_told_without_secrets_or_people(error: object, text: str) -> None:
    assert error_text(400, error, ("s3cret+x",)).removesuffix(" [0m") == text
