"""HTTP/1.1 over asyncio streams: requests in, answers out, connections kept alive; knows nothing of conversions."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass

import h11

from consumer.emulator.answers import Answer, Drip, error

MAX_BODY_BYTES = 16 * 1024 * 1024
READ_BYTES = 256 * 1024
SEND_BYTES = 64 * 1024
DRIPS_PER_S = 50  # a finer rate would be lost in the sending socket anyway


@dataclass(frozen=True, slots=True)
class Request:
    """One request as received; header names in lower case, of repeated ones the last."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytearray


def media_type(content_type: str) -> str:
    """What a header Content-Type names, without its parameters; "" without the header."""
    return content_type.partition(";")[0].strip().lower()


Sleep = Callable[[float], Awaitable[object]]
Handler = Callable[[Request], Awaitable[Answer | None]]
"""None hangs up without an answer."""


class HttpServer:
    """Hands each request to `handle` and sends what it returns; `sleep` is for answers that drip."""

    def __init__(self, handle: Handler, sleep: Sleep = asyncio.sleep) -> None:
        self._handle = handle
        self._sleep = sleep
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()

    async def start(self, host: str, port: int) -> int:
        """Listen; port 0 takes a free one. Returns the port in use.

        Raises:
            OSError: The address cannot be had.
        """
        self._server = await asyncio.start_server(self._accept, host, port, limit=4 * READ_BYTES)
        bound: int = self._server.sockets[0].getsockname()[1]
        return bound

    async def close(self) -> None:
        """Stop listening and cut all connections; requests under way get no answer."""
        if self._server is None:
            return
        self._server.close()
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        await self._server.wait_closed()
        self._server = None

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - start_server runs this in a task
        self._connections.add(task)
        try:
            with suppress(ConnectionError):  # the client has gone: nobody is left to tell
                try:
                    await _Connection(reader, writer, self._sleep).serve(self._handle)
                finally:
                    writer.close()
                await writer.wait_closed()
        except asyncio.CancelledError:
            # Only `close` cancels. Not passed on: asyncio's own callback would report it as a crash.
            writer.transport.abort()
        finally:
            self._connections.discard(task)


class _Connection:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, sleep: Sleep) -> None:
        self._reader = reader
        self._writer = writer
        self._sleep = sleep
        self._protocol = h11.Connection(h11.SERVER)

    async def serve(self, handle: Handler) -> None:
        while True:
            try:
                request = await self._receive()
            except h11.RemoteProtocolError as problem:
                await self._refuse(problem.error_status_hint, "malformed HTTP request")
                return
            if request is None:
                return
            if len(request.body) > MAX_BODY_BYTES:
                await self._refuse(413, "the body is too large")
                return
            answer = await handle(request)
            if answer is None:
                return
            await self._send(answer)
            if self._protocol.our_state is not h11.DONE:
                return
            self._protocol.start_next_cycle()

    async def _receive(self) -> Request | None:
        """The next request, or None if the client has closed. Reading stops just past the largest body."""
        head: h11.Request | None = None
        body = bytearray()
        while True:
            event = self._protocol.next_event()
            if event is h11.NEED_DATA:
                if self._protocol.they_are_waiting_for_100_continue:
                    await self._write(h11.InformationalResponse(status_code=100, headers=[]))
                self._protocol.receive_data(await self._reader.read(READ_BYTES))
            elif isinstance(event, h11.Request):
                head = event
            elif isinstance(event, h11.Data):
                body += event.data
            if head is None:
                if isinstance(event, h11.ConnectionClosed):
                    return None
            elif isinstance(event, h11.EndOfMessage) or len(body) > MAX_BODY_BYTES:
                return Request(
                    method=head.method.decode("ascii"),
                    target=head.target.decode("ascii"),
                    headers={name.decode("ascii"): value.decode("latin-1") for name, value in head.headers},
                    body=body,
                )

    async def _refuse(self, status: int, message: str) -> None:
        if self._protocol.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            await self._send(error(status, message, headers=(("connection", "close"),)))

    async def _send(self, answer: Answer) -> None:
        response = h11.Response(
            status_code=answer.status,
            headers=[
                ("content-type", answer.content_type),
                ("content-length", str(len(answer.body) + answer.blanks)),
                *answer.headers,
            ],
        )
        head = self._protocol.send(response) or b""
        body = self._protocol.send(h11.Data(data=answer.body)) or b""
        if answer.drip is None:
            self._writer.write(head + body)
            await self._writer.drain()
        elif answer.drip.head_too:
            await self._drip(head + body, answer.drip)
        else:
            self._writer.write(head)
            await self._drip(body, answer.drip)
        for start in range(0, answer.blanks, SEND_BYTES):
            blanks = b" " * min(SEND_BYTES, answer.blanks - start)
            self._writer.write(self._protocol.send(h11.Data(data=blanks)) or b"")
            await self._writer.drain()
        self._protocol.send(h11.EndOfMessage())  # nothing to write: the length told where the body ends

    async def _drip(self, data: bytes, drip: Drip) -> None:
        size = math.ceil(len(data) / max(1, round(drip.seconds * DRIPS_PER_S)))
        pieces = [data[start : start + size] for start in range(0, len(data), size)]
        for piece in pieces:
            await self._sleep(drip.seconds / len(pieces))
            self._writer.write(piece)
            await self._writer.drain()

    async def _write(self, event: h11.InformationalResponse) -> None:
        self._writer.write(self._protocol.send(event) or b"")
        await self._writer.drain()
