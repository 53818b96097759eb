"""What probes, scrapers and people ask: `/livez`, `/readyz`, `/startupz`, `/metrics`, `/ledger`, `/coverage`.

Answered from snapshots on the asyncio loop. None of the probes depends on Kafka's or Pinterest's health: restarting
a pod mends neither. That no dead letters are written any more ends with a restart only, so then the pod is not ready.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from http import HTTPStatus
from itertools import chain

import orjson

from consumer.config import Config
from consumer.errors import ConfigError
from consumer.pinterest.components import COMPONENTS, names_of
from consumer.records import HoldCause
from consumer.tallies import Snapshot
from consumer.watchdog import Stall

_MAX_HEAD_BYTES = 16_384
_PATIENCE_S = 5.0

Reply = tuple[HTTPStatus, str, bytes]


class HealthServer:
    """A small HTTP server.

    Args:
        config: Where to listen.
        snapshot: Gives the latest picture.
        metrics: Gives the metrics in Prometheus' text format.
        stall: Tells whether the control thread stands still.
    """

    def __init__(
        self,
        config: Config,
        *,
        snapshot: Callable[[], Snapshot],
        metrics: Callable[[], bytes],
        stall: Callable[[], Stall | None],
    ) -> None:
        self._host = config.health.host
        self._port = config.health.port
        self._mode = _test_mode(config)
        self._snapshot = snapshot
        self._metrics = metrics
        self._stall = stall
        self._server: asyncio.Server | None = None

    async def start(self) -> int:
        """Listen. Returns the port.

        Raises:
            ConfigError: The address or port cannot be had.
        """
        try:
            self._server = await asyncio.start_server(self._serve, self._host, self._port, limit=_MAX_HEAD_BYTES)
        except OSError as error:
            problem = f"health.port: {self._port} on {self._host} cannot be had ({error.strerror}); take another, or 0"
            raise ConfigError([problem]) from error
        return int(self._server.sockets[0].getsockname()[1])

    async def aclose(self) -> None:
        """Stop listening."""
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), _PATIENCE_S)
            request_line = head.split(b"\r\n", 1)[0]
            status, content_type, body = self.answer(request_line)
            writer.write(
                f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: {content_type}\r\n"
                f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode()
            )
            if not request_line.startswith(b"HEAD "):
                writer.write(body)
            await asyncio.wait_for(writer.drain(), _PATIENCE_S)
        except (TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError):
            # A prober that hung up, reads nothing, or is no HTTP client. Not even what was written is to be waited for.
            writer.transport.abort()
        finally:
            writer.close()

    def answer(self, request_line: bytes) -> Reply:
        """The reply to a request, by its first line."""
        method, _, rest = request_line.partition(b" ")
        path = rest.split(b" ", 1)[0].split(b"?", 1)[0].decode("ascii", "replace")
        if method not in (b"GET", b"HEAD"):
            return _text(HTTPStatus.METHOD_NOT_ALLOWED, "only GET")
        snapshot = self._snapshot()
        match path:
            case "/livez":
                if (stall := self._stall()) is not None:
                    return _text(HTTPStatus.SERVICE_UNAVAILABLE, str(stall))
                return _text(HTTPStatus.OK, "alive")
            case "/readyz" | "/startupz":
                if not snapshot.is_member:
                    return _text(HTTPStatus.SERVICE_UNAVAILABLE, "not in the consumer group yet")
                causes = chain(snapshot.held_accounts.items(), snapshot.holds.items())
                holds = [f"{count} {cause}" for cause, count in causes]
                held = f"; held: {', '.join(holds)}" if holds else ""
                if path == "/readyz" and HoldCause.DEAD_LETTER_BREAKER in snapshot.holds:
                    return _text(HTTPStatus.SERVICE_UNAVAILABLE, f"not ready{self._mode}{held}")
                return _text(HTTPStatus.OK, f"ready{self._mode}{held}")
            case "/metrics":
                return HTTPStatus.OK, "text/plain; version=0.0.4; charset=utf-8", self._metrics()
            case "/ledger":
                return HTTPStatus.OK, "application/json", orjson.dumps(snapshot.ledger, option=orjson.OPT_INDENT_2)
            case "/coverage":
                return (
                    HTTPStatus.OK,
                    "application/json",
                    orjson.dumps(coverage_of(snapshot), option=orjson.OPT_INDENT_2),
                )
            case _:
                return _text(HTTPStatus.NOT_FOUND, "try /livez, /readyz, /startupz, /metrics, /ledger or /coverage")


def coverage_of(snapshot: Snapshot) -> dict[str, dict[str, dict[str, int]]]:
    """By ad account and event name: how many `events` were accepted, and how many of them carried each component."""
    found: dict[str, dict[str, dict[str, int]]] = {}
    for (account, event_name, components), events in snapshot.tallies.coverage.items():
        counts = found.setdefault(account, {}).setdefault(event_name, dict.fromkeys(("events", *COMPONENTS), 0))
        for name in ("events", *names_of(components)):
            counts[name] += events
    return found


def _test_mode(config: Config) -> str:
    if config.pinterest.test:
        return "; test mode: Pinterest records nothing"
    if in_test := len(config.accounts_in_test):
        return f"; {in_test} ad accounts in test mode: Pinterest records nothing of theirs"
    return ""


def _text(status: HTTPStatus, text: str) -> Reply:
    return status, "text/plain; charset=utf-8", f"{text}\n".encode()
