"""A schema registry inside this process, for the demo and the tests: Confluent's API on a real port, in memory.

As in Confluent's, ids count from 1 over all subjects, the same schema has the same id wherever it is registered, and
registering it again changes nothing. It checks that Avro schemas can be parsed; it does not check compatibility.
Below `/apis/registry` it answers as Apicurio does by its own API: an id here is a content id there, a subject an
artifact of the group `default`, and each version of a subject has a global id.
"""

from __future__ import annotations

import json
import ssl
import sys
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast
from urllib.parse import unquote, urlsplit

from consumer.demo.registry_schemas import Refusal, RegisteredSchemas


@dataclass(frozen=True, slots=True)
class Fault:
    """What one request meets instead of its answer; with a delay alone, its answer comes late."""

    status: int | None = None
    body: bytes = b""
    is_dropped: bool = False
    """The connection is closed without an answer."""
    delay_s: float = 0.0


class EmbeddedRegistry:
    """Serves while it is entered. `authorization` is the header that every request must carry, if any."""

    def __init__(self, *, authorization: str | None = None, tls: ssl.SSLContext | None = None) -> None:
        self.faults: deque[Fault] = deque()
        """The next requests meet these, one each."""
        self.requests: list[str] = []
        """Method and target of each request so far."""
        self._authorization = authorization
        self._schemas = RegisteredSchemas()
        self._lock = threading.Lock()
        self._is_closing = threading.Event()
        self._server = _Server(("127.0.0.1", 0), self, tls)
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> EmbeddedRegistry:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), name="embedded-registry", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_closing.set()
        self._server.shutdown()
        self._server.server_close()

    def answer(self, method: str, target: str, authorization: str | None, body: bytes) -> tuple[int, bytes] | None:
        """Status and body for one request, None to close the connection instead."""
        with self._lock:
            self.requests.append(f"{method} {target}")
            fault = self.faults.popleft() if self.faults else Fault()
        self._is_closing.wait(fault.delay_s)
        if fault.is_dropped:
            return None
        if fault.status is not None:
            return fault.status, fault.body
        if self._authorization is not None and authorization != self._authorization:
            return 401, b'{"error_code":401,"message":"Unauthorized"}'
        path = [unquote(part) for part in urlsplit(target).path.strip("/").split("/")]
        try:
            with self._lock:
                answer = self._schemas.answer(method, path, body)
                return 200, (answer if isinstance(answer, str) else json.dumps(answer)).encode()
        except Refusal as refusal:
            return refusal.status, json.dumps(refusal.body).encode()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address: tuple[str, int], registry: EmbeddedRegistry, tls: ssl.SSLContext | None) -> None:
        super().__init__(address, _Handler)
        self.registry = registry
        if tls is not None:
            # Hands shake in the connection's own thread, at its first read.
            self.socket = tls.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that go away, or that are not trusted, are ordinary here; anything else is a bug."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 30

    def _handle(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        registry = cast("_Server", self.server).registry
        answer = registry.answer(self.command, self.path, self.headers.get("Authorization"), body)
        if answer is None:
            self.close_connection = True
            return
        status, content = answer
        self.send_response(status)
        if status == 401:
            self.send_header("WWW-Authenticate", 'Basic realm="registry"')
        self.send_header("Content-Type", "application/vnd.schemaregistry.v1+json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET: Callable[..., None] = _handle  # noqa: N815
    do_POST: Callable[..., None] = _handle  # noqa: N815

    def log_message(self, *_: object) -> None:
        """Silent: the registry keeps its own record of requests."""
