"""Connections to the API: which address and which authorities, and that a request as a whole keeps its deadline.

A request is never cancelled to enforce its deadline: httpcore leaks the connection's place in the pool then
(encode/httpcore#1093). Instead every single step on the wire gets what is left of the time.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterable
from contextvars import ContextVar
from typing import Any
from urllib.parse import urlsplit

import httpcore
import httpx

from consumer import __version__
from consumer.config import Pinterest
from consumer.errors import ConfigError

HEADERS = {
    "Accept": "application/json",
    "Accept-Encoding": "identity",  # a bounded answer must stay bounded: nothing to inflate
    "User-Agent": f"pinterest-conversions-consumer/{__version__}",
}

deadline_s: ContextVar[float] = ContextVar("deadline_s")
"""Monotonic time by which the request of this task must be over; to be set before each."""


class Transport(httpx.AsyncHTTPTransport):
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
    left_s = max(0.0, deadline_s.get() - time.monotonic())
    return left_s if timeout_s is None else min(timeout_s, left_s)


def checked_url(url: str) -> str:
    """The base URL as requests are put behind it.

    Raises:
        ConfigError: It is none.
    """
    try:
        parts = urlsplit(url)
        httpx.URL(url).host  # noqa: B018 - refuses more than urlsplit, as addresses out of range and bad IDN
        is_usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except (ValueError, httpx.InvalidURL):  # of the former UnicodeError is one
        is_usable = False
    if not is_usable or parts.username is not None or parts.query or parts.fragment:
        raise ConfigError(["pinterest.base_url: not a plain URL; write it as https://host/v5"])
    # Without a path it is the host alone that was meant, as everybody writes it who has no proxy in between.
    return url.rstrip("/") + ("" if parts.path.strip("/") else "/v5")


def ssl_context(settings: Pinterest) -> ssl.SSLContext:
    """What verifies the API's certificate.

    Raises:
        ConfigError: The file of authorities cannot be used.
    """
    try:
        return ssl.create_default_context(cafile=settings.ssl_ca_file)
    except OSError as error:  # also what OpenSSL reports
        raise ConfigError([f"pinterest.ssl_ca_file: no usable PEM file ({type(error).__name__})"]) from None
