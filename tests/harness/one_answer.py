"""A server on a real port that answers one request, in whatever bytes the test likes."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from typing import Any


class OneAnswer:
    """A server that reads one request, answers with these bytes and hangs up."""

    def __init__(self, answer: bytes, *, hold: threading.Event | None = None) -> None:
        self._answer = answer
        self._hold = hold
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self.request = b""

    def __enter__(self) -> OneAnswer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._hold is not None:
            self._hold.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes `accept`, which closing would not
        self._listener.close()
        self._thread.join(10)

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}/v5"

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            connection, _ = self._listener.accept()
            with connection:
                self._talk(connection)

    def _talk(self, connection: socket.socket) -> None:
        self.request = read_request(connection)
        if not _is_whole(self.request):
            return  # hung up half-way
        if self._hold is not None:
            self._hold.wait(10)
        connection.sendall(self._answer)


def read_request(connection: socket.socket) -> bytes:
    """The whole of a request, or what came of it before the client hung up.

    To close before it was read would reset the connection, and the client might never see the answer.
    """
    request = b""
    while not _is_whole(request):
        if not (received := connection.recv(65_536)):
            break
        request += received
    return request


def _is_whole(request: bytes) -> bool:
    head, end, body = request.partition(b"\r\n\r\n")
    length = next((line[15:] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), b"0")
    return bool(end) and len(body) >= int(length)


def http(status: int, body: Any, **headers: str) -> bytes:
    """An answer: bytes as they are, anything else as JSON."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    return b"HTTP/1.1 %d Made-Up\r\n%sContent-Length: %d\r\n\r\n%s" % (status, lines.encode(), len(content), content)
