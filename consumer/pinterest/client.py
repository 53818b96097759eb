"""Sends one request to the Conversions API and reads its answer. No retries: whoever calls decides on those.

Runs on the asyncio loop. A request is never cancelled to enforce its deadline: httpcore leaks the connection's
place in the pool then (encode/httpcore#1093). Instead every single step on the wire gets what is left of the time.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterable, Sequence
from contextvars import ContextVar
from typing import Any
from urllib.parse import urlsplit

import httpcore
import httpx

from consumer import __version__
from consumer.config import Pinterest
from consumer.errors import ConfigError
from consumer.pinterest.answers import Ambiguous, Answer, Unauthorized, Unavailable, read_answer
from consumer.pinterest.auth import Tokens

MAX_ANSWER_BYTES = 4 * 1024 * 1024

_deadline_s: ContextVar[float] = ContextVar("_deadline_s")
"""Monotonic time by which the request of this task must be over."""


class ConversionsClient:
    """One pool of connections to `POST /ad_accounts/{ad_account_id}/events`.

    Args:
        settings: Base URL, authorities to trust, whether everything is sent as a test.
        tokens: Asked for the account's token at each request.
        timeout_s: Of a request as a whole, from connecting to the last byte of its answer.
        max_in_flight: The most calls of `send` at once. The pool has twice as many places, so that nobody queues in it.

    Raises:
        ConfigError: The base URL or the file of authorities cannot be used.
    """

    def __init__(self, settings: Pinterest, tokens: Tokens, *, timeout_s: float, max_in_flight: int) -> None:
        self._base_url = _checked_url(settings.base_url)
        self._is_test = settings.test
        self._tokens = tokens
        self._timeout_s = timeout_s
        self._connections = 2 * max_in_flight
        self._ssl = _ssl_context(settings)
        self._pool = self._new_pool()
        self._retired: httpx.AsyncClient | None = None

    def _new_pool(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            base_url=self._base_url,
            transport=_Transport(self._ssl, self._connections),
            trust_env=False,
            timeout=httpx.Timeout(self._timeout_s),
            headers={
                "Content-Type": "application/json",
                "Accept": "application/json",
                "Accept-Encoding": "identity",  # a bounded answer must stay bounded: nothing to inflate
                "User-Agent": f"pinterest-conversions-consumer/{__version__}",
            },
        )

    async def send(self, ad_account_id: str, events: Sequence[bytes]) -> Answer:
        """Send events, already serialised, in one request.

        Returns:
            What the API answered. `Unavailable` if the request surely did not arrive as a whole, `Ambiguous` if it
            may have.
        """
        token = self._tokens.token_for(ad_account_id)
        if not token:
            return Unauthorized(f"no token for ad account {ad_account_id}")
        if not token.isascii() or not token.isprintable() or " " in token:
            return Unauthorized(f"the token for ad account {ad_account_id} holds characters that no token has")
        body = b'{"data":[' + b",".join(events) + b"]}"
        pool = self._pool
        _deadline_s.set(time.monotonic() + self._timeout_s)
        try:
            async with pool.stream(
                "POST",
                f"/ad_accounts/{ad_account_id}/events",
                params={"test": "true"} if self._is_test else None,
                content=body,
                headers={"Authorization": f"Bearer {token}"},
            ) as response:
                answer = bytearray()
                async for chunk in response.aiter_raw():
                    answer += chunk
                    if len(answer) > MAX_ANSWER_BYTES:
                        return Ambiguous(f"the answer is larger than {MAX_ANSWER_BYTES} bytes", is_unreadable=True)
            return read_answer(response.status_code, response.headers, bytes(answer), len(events), time.time())
        except httpx.PoolTimeout:
            await self._replace(pool)
            return Unavailable("no connection was free")
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.WriteError, httpx.WriteTimeout) as error:
            return Unavailable(f"not sent: {type(error).__name__}")
        # httpx lets OpenSSL's own error through, as where a server refuses us after the TLS 1.3 handshake.
        except (httpx.TransportError, ssl.SSLError) as error:
            return Ambiguous(f"no answer: {type(error).__name__}", is_unreadable=False)

    async def _replace(self, pool: httpx.AsyncClient) -> None:
        """Go on with a new pool: the places of this one are gone.

        Requests may still be under way in the old one, so it is closed only when the next is replaced; all of its
        requests have met their deadline by then.
        """
        if pool is self._pool:
            retired, self._retired, self._pool = self._retired, pool, self._new_pool()
            if retired is not None:
                await retired.aclose()

    async def aclose(self) -> None:
        """Close every connection. Requests still under way fail as `Ambiguous`."""
        await self._pool.aclose()
        if self._retired is not None:
            await self._retired.aclose()


class _Transport(httpx.AsyncHTTPTransport):
    """httpx's own, over connections that keep the deadline."""

    def __init__(self, context: ssl.SSLContext, connections: int) -> None:
        super().__init__(verify=context, trust_env=False)
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=context,
            max_connections=connections,
            max_keepalive_connections=connections,
            keepalive_expiry=30.0,
            network_backend=_Network(),
        )


class _Network(httpcore.AnyIOBackend):
    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> _Wire:
        return _Wire(await super().connect_tcp(host, port, _left_s(timeout), local_address, socket_options))


class _Wire(httpcore.AsyncNetworkStream):
    """A connection on which no step takes longer than its request has left: a peer that drips a byte now and then
    would never meet the timeout of a step."""

    def __init__(self, stream: httpcore.AsyncNetworkStream) -> None:
        self._stream = stream

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109
        return await self._stream.read(max_bytes, _left_s(timeout))

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109
        await self._stream.write(buffer, _left_s(timeout))

    async def aclose(self) -> None:
        await self._stream.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> _Wire:
        return _Wire(await self._stream.start_tls(ssl_context, server_hostname, _left_s(timeout)))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _left_s(timeout_s: float | None) -> float:
    left_s = max(0.0, _deadline_s.get() - time.monotonic())
    return left_s if timeout_s is None else min(timeout_s, left_s)


def _checked_url(url: str) -> str:
    try:
        parts = urlsplit(url)
        is_usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_usable = False
    if not is_usable or parts.username is not None or parts.query or parts.fragment:
        raise ConfigError(["pinterest.base_url: not a plain URL; write it as https://host/v5"])
    # Without a path it is the host alone that was meant, as everybody writes it who has no proxy in between.
    return url.rstrip("/") + ("" if parts.path.strip("/") else "/v5")


def _ssl_context(settings: Pinterest) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=settings.ssl_ca_file)
    except OSError as error:  # also what OpenSSL reports
        raise ConfigError([f"pinterest.ssl_ca_file: no usable PEM file ({type(error).__name__})"]) from None
