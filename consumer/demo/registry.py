"""A schema registry inside this process, for the demo and the tests: Confluent's API on a real port, in memory.

As in Confluent's, ids count from 1 over all subjects, the same schema has the same id wherever it is registered, and
registering it again changes nothing. It checks that Avro schemas can be parsed; it does not check compatibility.
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

from consumer.avro import parse_writer_schema
from consumer.records import Undecodable

SUBJECT_NOT_FOUND, VERSION_NOT_FOUND, SCHEMA_NOT_FOUND = 40401, 40402, 40403
INVALID_SCHEMA, INVALID_VERSION = 42201, 42202


@dataclass(frozen=True, slots=True)
class Fault:
    """What one request meets instead of its answer; with a delay alone, its answer comes late."""

    status: int | None = None
    body: bytes = b""
    is_dropped: bool = False
    """The connection is closed without an answer."""
    delay_s: float = 0.0


@dataclass(frozen=True, slots=True)
class _Schema:
    text: str
    kind: str
    references: tuple[tuple[str, str, int], ...]  # name, subject, version

    def as_json(self) -> dict[str, Any]:
        answer: dict[str, Any] = {"schema": self.text}
        if self.kind != "AVRO":
            answer["schemaType"] = self.kind
        if self.references:
            answer["references"] = [
                {"name": name, "subject": subject, "version": version} for name, subject, version in self.references
            ]
        return answer


class _Refusal(Exception):  # noqa: N818 - an answer
    def __init__(self, error_code: int, message: str) -> None:
        super().__init__(message)
        self.status = int(str(error_code)[:3])
        self.body = {"error_code": error_code, "message": message}


class EmbeddedRegistry:
    """Serves while it is entered. `authorization` is the header that every request must carry, if any."""

    def __init__(self, *, authorization: str | None = None, tls: ssl.SSLContext | None = None) -> None:
        self.faults: deque[Fault] = deque()
        """The next requests meet these, one each."""
        self.requests: list[str] = []
        """Method and target of each request so far."""
        self._authorization = authorization
        self._schemas: list[_Schema] = []
        self._subjects: dict[str, list[int]] = {}
        """The ids of each subject's versions, from version 1 on."""
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
                return 200, json.dumps(self._route(method, path, body)).encode()
        except _Refusal as refusal:
            return refusal.status, json.dumps(refusal.body).encode()

    def _route(self, method: str, path: list[str], body: bytes) -> Any:
        match method, path:
            case "GET", ["subjects"]:
                return sorted(self._subjects)
            case "GET", ["subjects", subject, "versions"]:
                return list(range(1, len(self._versions(subject)) + 1))
            case "GET", ["subjects", subject, "versions", version]:
                return self._version(subject, version)
            case "GET", ["schemas", "ids", number]:
                return self._by_id(number).as_json()
            case "POST", ["subjects", subject, "versions"]:
                return {"id": self._register(subject, body)}
            case _:
                raise _Refusal(404, "HTTP 404 Not Found")

    def _by_id(self, number: str) -> _Schema:
        if not number.isdecimal():
            raise _Refusal(404, "HTTP 404 Not Found")
        if not 0 < int(number) <= len(self._schemas):
            raise _Refusal(SCHEMA_NOT_FOUND, f"Schema {number} not found")
        return self._schemas[int(number) - 1]

    def _versions(self, subject: str) -> list[int]:
        if subject not in self._subjects:
            raise _Refusal(SUBJECT_NOT_FOUND, f"Subject '{subject}' not found.")
        return self._subjects[subject]

    def _version(self, subject: str, version: str) -> dict[str, Any]:
        ids = self._versions(subject)
        if version != "latest" and not version.isdecimal():
            raise _Refusal(INVALID_VERSION, f"The specified version '{version}' is not a valid version id.")
        number = len(ids) if version == "latest" else int(version)
        if not 0 < number <= len(ids):
            raise _Refusal(VERSION_NOT_FOUND, f"Version {version} not found.")
        schema_id = ids[number - 1]
        schema = self._schemas[schema_id - 1]
        return {"subject": subject, "version": number, "id": schema_id, **schema.as_json()}

    def _register(self, subject: str, body: bytes) -> int:
        try:
            posted = json.loads(body)
            kind = posted.get("schemaType", "AVRO")
            references = tuple((r["name"], r["subject"], int(r["version"])) for r in posted.get("references", ()))
            text = posted["schema"]
            if kind == "AVRO":
                text = json.dumps(json.loads(text), separators=(",", ":"))
                self._check(text, references)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise _Refusal(INVALID_SCHEMA, f"Invalid schema: {type(error).__name__}") from None
        schema = _Schema(text, kind, references)
        if schema not in self._schemas:
            self._schemas.append(schema)
        schema_id = self._schemas.index(schema) + 1
        ids = self._subjects.setdefault(subject, [])
        if schema_id not in ids:
            ids.append(schema_id)
        return schema_id

    def _check(self, text: str, references: tuple[tuple[str, str, int], ...]) -> None:
        """Can it be parsed, with what it refers to? Types that are no records are schemas as well."""
        known: dict[str, Any] = {}

        def collect(references: tuple[tuple[str, str, int], ...]) -> None:
            for _, subject, version in references:
                try:
                    schema_id = self._version(subject, str(version))["id"]
                except _Refusal:
                    raise _Refusal(INVALID_SCHEMA, f"No schema reference found for subject {subject}") from None
                referred = self._schemas[schema_id - 1]
                collect(referred.references)
                known[referred.text] = json.loads(referred.text)

        collect(references)
        enclosing = {"type": "record", "name": "__registered", "fields": [{"name": "it", "type": json.loads(text)}]}
        parsed = parse_writer_schema(enclosing, list(known.values()))
        if isinstance(parsed, Undecodable):
            raise _Refusal(INVALID_SCHEMA, f"Invalid schema: {parsed.detail}")


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
