"""Stands between a client and the API, passes every byte on as it is, and holds both sides to Pinterest's description.

    async with DescriptionProxy("http://127.0.0.1:8089/v5") as proxy:
        ...  # let the client talk to proxy.base_url
    assert proxy.violations == []

Bytes go on before they are looked at, so what is slow, broken off or nonsense stays so. It listens on 127.0.0.1 and
speaks plain HTTP/1.1 to both sides.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

import h11
import orjson

from tests.harness.description import Description, Operation, Side, Violation

_READ_BYTES = 256 * 1024

_Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class DescriptionProxy:
    """A running proxy; to be used on one event loop.

    Args:
        upstream: Base URL of the API, an emulator's say; its path is the one that the description leaves out.
        description: What to hold both sides to; the stored one if none is given.
        wall_s: Unix seconds, against which times of events are held.
    """

    def __init__(
        self, upstream: str, description: Description | None = None, *, wall_s: Callable[[], float] = time.time
    ) -> None:
        parts = urlsplit(upstream)
        if parts.scheme != "http" or parts.hostname is None:
            raise ValueError("the upstream must be an http URL")
        self._host, self._port, self._prefix = parts.hostname, parts.port or 80, parts.path.rstrip("/")
        self._wall_s = wall_s
        self.description = description or Description.from_file()
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()
        self._defect: BaseException | None = None
        self.base_url = ""
        self.violations: list[Violation] = []
        """In the order found."""
        self.requests = 0
        self.events = 0
        """Sent, each as often as it was."""
        self.event_ids: set[str] = set()
        self.answers: Counter[int] = Counter()
        """By status; of a request whose answer never came there is none."""

    async def __aenter__(self) -> DescriptionProxy:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.base_url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}{self._prefix}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        await self._server.wait_closed()
        if self._defect is not None:
            raise self._defect

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            upstream = await asyncio.open_connection(self._host, self._port)
            try:
                await self._relay((reader, writer), upstream)
            finally:
                await _close(upstream[1])
        except OSError:
            pass  # nobody upstream: the client's connection ends as theirs would
        except asyncio.CancelledError:
            writer.transport.abort()  # only `__aexit__` cancels; passed on, asyncio would report a crash
        finally:
            self._connections.discard(task)
            await _close(writer)

    async def _relay(self, client: _Stream, upstream: _Stream) -> None:
        talk = _Conversation(self._asked, self._answered)
        pumps = [
            asyncio.create_task(_pump(client[0], upstream[1], partial(self._listen, talk.client_said, "request"))),
            asyncio.create_task(_pump(upstream[0], client[1], partial(self._listen, talk.server_said, "answer"))),
        ]
        try:
            # Whoever hangs up first ends it for both: that is what a client sees of a server that hangs up.
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            ends = await asyncio.gather(*pumps, return_exceptions=True)
            self._defect = self._defect or next((end for end in ends if isinstance(end, Exception)), None)

    def _listen(self, hear: Callable[[bytes], None], side: Side, data: bytes) -> None:
        try:
            hear(data)
        except h11.RemoteProtocolError:
            if data:  # else it was broken off, as networks do
                self.violations.append(Violation(side, "unknown", "", "must be HTTP/1.1", f"{len(data)} bytes"))

    def _asked(self, message: _Message) -> _Exchange:
        method, target = message.start.method.decode("ascii"), message.start.target.decode("ascii")
        path, _, query = target.partition("?")
        operation = self.description.operation(method, path.removeprefix(self._prefix))
        self.requests += 1
        sent = _events_of(message.body)
        self.events += len(sent)
        self.event_ids.update(
            str(event["event_id"]) for event in sent if isinstance(event, dict) and "event_id" in event
        )
        if operation is None or not path.startswith(self._prefix):
            self.violations.append(Violation("request", method, "path", "is not described", f"{len(path)} characters"))
        else:
            described = path.removeprefix(self._prefix)
            self.violations += operation.request_violations(
                described, query, message.headers, bytes(message.body), now_s=self._wall_s()
            )
        return _Exchange(method, operation, len(sent))

    def _answered(self, exchange: _Exchange, message: _Message) -> None:
        status = message.start.status_code
        self.answers[status] += 1
        if exchange.operation is not None:
            self.violations += exchange.operation.answer_violations(
                status, message.headers, bytes(message.body), sent=exchange.events
            )


@contextmanager
def proxy_in_thread(upstream: str, description: Description | None = None) -> Iterator[DescriptionProxy]:
    """A proxy on a loop of its own, for tests that have none; its figures may be read at any time."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="description proxy", daemon=True)
    thread.start()
    proxy = DescriptionProxy(upstream, description)
    try:
        asyncio.run_coroutine_threadsafe(proxy.__aenter__(), loop).result(10)
        try:
            yield proxy
        finally:
            asyncio.run_coroutine_threadsafe(proxy.__aexit__(None, None, None), loop).result(10)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


@dataclass(slots=True)
class _Message:
    """A request or an answer, as far as it has come."""

    start: Any
    """h11's `Request` or `Response`."""
    body: bytearray = field(default_factory=bytearray)

    @property
    def headers(self) -> dict[str, str]:
        """By lower-case name."""
        return {name.decode("ascii"): value.decode("latin-1") for name, value in self.start.headers}


@dataclass(frozen=True, slots=True)
class _Exchange:
    """A request that has come in whole, and waits for its answer."""

    method: str
    operation: Operation | None
    """None if it is not described."""
    events: int


class _Conversation:
    """Listens to one connection and tells of each whole message; h11 reads, and is never asked to write a byte."""

    def __init__(self, asked: Callable[[_Message], _Exchange], answered: Callable[[_Exchange, _Message], None]) -> None:
        self._asked = asked
        self._answered = answered
        self._client = h11.Connection(h11.SERVER)
        self._server: h11.Connection | None = None
        self._waiting: deque[_Exchange] = deque()
        self._request: _Message | None = None
        self._answer: _Message | None = None

    def client_said(self, data: bytes) -> None:
        if not data:
            return
        self._client.receive_data(data)
        while (event := self._client.next_event()) not in (h11.NEED_DATA, h11.PAUSED):
            if isinstance(event, h11.Request):
                self._request = _Message(event)
            elif isinstance(event, h11.Data) and self._request is not None:
                self._request.body += event.data
            elif isinstance(event, h11.EndOfMessage) and self._request is not None:
                self._waiting.append(self._asked(self._request))
                # h11 would wait for an answer of ours; a new connection reads what came behind this request.
                left = self._client.trailing_data[0]
                self._client = h11.Connection(h11.SERVER)
                if left:
                    self._client.receive_data(left)
            elif isinstance(event, h11.ConnectionClosed):
                return

    def server_said(self, data: bytes) -> None:
        if self._server is None:
            if not data or not self._waiting:
                return
            self._server = _awaiting_answer(self._waiting[0].method)
        self._server.receive_data(data)
        while (event := self._server.next_event()) not in (h11.NEED_DATA, h11.PAUSED):
            if isinstance(event, h11.Response):
                self._answer = _Message(event)
            elif isinstance(event, h11.Data) and self._answer is not None:
                self._answer.body += event.data
            elif isinstance(event, h11.EndOfMessage) and self._answer is not None:
                self._answered(self._waiting.popleft(), self._answer)
                self._server = None
                return  # the clients watched here never ask twice before they are answered
            elif isinstance(event, h11.ConnectionClosed):
                return


def _awaiting_answer(method: str) -> h11.Connection:
    """A reader for the answer to a request of this method: of what was sent h11 must know no more."""
    connection = h11.Connection(h11.CLIENT)
    connection.send(h11.Request(method=method, target="/", headers=[("host", "unknown")]))
    connection.send(h11.EndOfMessage())
    return connection


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, said: Callable[[bytes], None]) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(_READ_BYTES):
            writer.write(data)
            said(data)  # before anybody else's turn: an answer must not be heard before its request
            await writer.drain()
        said(b"")


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()


def _events_of(body: bytearray) -> list[Any]:
    """The events of a request, as far as it has any."""
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError:
        return []
    events = content.get("data") if isinstance(content, dict) else None
    return events if isinstance(events, list) else []
