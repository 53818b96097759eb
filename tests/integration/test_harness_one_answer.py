"""The server of one answer ends, whatever its client does."""

from __future__ import annotations

import socket
import sys
import time
from urllib.parse import urlsplit

import pytest

from tests.harness.one_answer import OneAnswer, http
from tests.harness.processes import eventually

WITHIN_S = 5.0


def test_nobody_need_connect() -> None:
    with OneAnswer(http(200, {})) as server:
        eventually(lambda: _is_accepting(server), within_s=WITHIN_S, what="a server that waits for somebody")
        began_s = time.monotonic()

    assert time.monotonic() - began_s < WITHIN_S
    assert not server._thread.is_alive()


@pytest.mark.parametrize(
    "request_part",
    [b"", b"POST / HT", b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nhalf"],
    ids=["none", "head", "body"],
)
def test_a_client_may_hang_up_half_way(request_part: bytes) -> None:
    with OneAnswer(http(200, {})) as server:
        port = urlsplit(server.base_url).port
        with socket.create_connection(("127.0.0.1", port or 0), WITHIN_S) as client:
            client.sendall(request_part)
            client.shutdown(socket.SHUT_WR)

            answer = client.recv(1)

        server._thread.join(WITHIN_S)
        assert not server._thread.is_alive()
    assert (answer, server.request) == (b"", request_part)


def _is_accepting(server: OneAnswer) -> bool:
    frame = sys._current_frames().get(server._thread.ident or 0)
    return frame is not None and frame.f_code.co_name == "accept"
