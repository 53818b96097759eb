"""HTTP to a schema registry: bounded answers, credentials, certificates. Runs on the asyncio loop.

A request is never cancelled to enforce a deadline: httpcore leaks the connection's place in the pool then
(encode/httpcore#1093). Every step has a timeout, and the answer is a stream with a deadline between its chunks.
"""

from __future__ import annotations

import asyncio
import base64
import ssl
from typing import Any
from urllib.parse import urlsplit

import httpx

from consumer import __version__
from consumer.config import SchemaRegistry
from consumer.errors import ConfigError, ContractError
from consumer.registry_answers import UnreachableError
from consumer.timing import Clock

MAX_ANSWER_BYTES = 4 * 1024 * 1024

_MAX_REQUESTS = 4
_NO_ANSWER = (httpx.TransportError, ssl.SSLError)
"""httpx lets OpenSSL's error through where a server refuses the client's certificate after the TLS 1.3 handshake."""


class RegistryClient:
    """GET requests to one base URL.

    Args:
        settings: Credentials, certificates, time limits.
        key: Which of the settings is the base URL.

    Raises:
        ConfigError: The address, a credential or a certificate cannot be used.
    """

    def __init__(self, settings: SchemaRegistry, key: str, clock: Clock) -> None:
        self._clock = clock
        self._timeout_s = settings.timeout_s
        self._pool = httpx.AsyncClient(**_client_options(settings, key))
        self._permits = asyncio.Semaphore(_MAX_REQUESTS)

    async def get(self, path: str) -> tuple[int, bytes]:
        """Status and body.

        Raises:
            UnreachableError: None came, or none that ends in time and within bounds.
        """
        async with self._permits:
            deadline_s = self._clock.monotonic_s() + 3 * self._timeout_s  # to connect, to ask, to be answered
            body = bytearray()
            try:
                async with self._pool.stream("GET", path) as response:
                    async for chunk in response.aiter_raw():
                        body += chunk
                        if len(body) > MAX_ANSWER_BYTES:
                            raise UnreachableError(f"an answer of more than {MAX_ANSWER_BYTES} bytes")
                        if self._clock.monotonic_s() > deadline_s:
                            raise UnreachableError(f"no whole answer within {3 * self._timeout_s:g} s")
            except httpx.ConnectError as error:  # says why, as a certificate that is not trusted, and names no address
                raise UnreachableError(f"no connection: {str(error)[:200]}") from None
            except _NO_ANSWER as error:  # their texts may quote a header
                raise UnreachableError(f"no answer: {_name(error)}") from None
        return response.status_code, bytes(body)

    async def aclose(self) -> None:
        """Close every connection; requests under way end as unreachable, by their timeouts at the latest."""
        await self._pool.aclose()


def post(settings: SchemaRegistry, path: str, body: Any) -> tuple[int, bytes]:
    """Post JSON below `schema_registry.url`, and wait for status and body of the answer.

    Raises:
        ConfigError: The address, a credential or a certificate cannot be used.
        ContractError: The registry cannot be reached.
    """
    with httpx.Client(**_client_options(settings, "url")) as pool:
        try:
            response = pool.post(path, json=body)
        except _NO_ANSWER as error:
            raise ContractError(f"the schema registry gave no answer: {_name(error)}") from None
    return response.status_code, response.content


def _name(error: Exception) -> str:
    return (isinstance(error, ssl.SSLError) and error.reason) or type(error).__name__


def _client_options(settings: SchemaRegistry, key: str) -> dict[str, Any]:
    return {
        "base_url": _checked_url(getattr(settings, key), key),
        "headers": {
            "Accept": "application/vnd.schemaregistry.v1+json, application/json",
            "Accept-Encoding": "identity",  # a bounded answer must stay bounded: nothing to inflate
            "User-Agent": f"pinterest-conversions-consumer/{__version__}",
            **_authorization(settings),
        },
        "verify": _ssl_context(settings),
        "trust_env": False,
        "timeout": httpx.Timeout(settings.timeout_s),
        # Look-ups are too rare to keep connections for, and an idle one may be closed at the moment it is used.
        "limits": httpx.Limits(max_connections=2 * _MAX_REQUESTS, max_keepalive_connections=0),
    }


def _checked_url(url: str | None, key: str) -> str:
    try:
        parts = urlsplit(url or "")
        is_usable = (
            parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
        )
    except ValueError:
        is_usable = False
    if not is_usable:
        raise ConfigError([f"schema_registry.{key}: not the URL of one registry; write it as https://host:port/path"])
    if parts.username is not None or parts.query or parts.fragment:
        problem = "carries a user, a query or a fragment; set credentials as `username` and `password`"
        raise ConfigError([f"schema_registry.{key}: {problem}"])
    return parts.geturl().rstrip("/")


def _authorization(settings: SchemaRegistry) -> dict[str, str]:
    if settings.bearer_token is not None:
        token = settings.bearer_token.get_secret_value()
        if not token.isascii() or not token.isprintable() or " " in token:
            raise ConfigError(
                ["schema_registry.bearer_token: holds a character that no token has; is it a line break?"]
            )
        return {"Authorization": f"Bearer {token}"}
    if settings.username is not None and settings.password is not None:
        pair = f"{settings.username}:{settings.password.get_secret_value()}"
        return {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}
    return {}


def _ssl_context(settings: SchemaRegistry) -> ssl.SSLContext:
    key = "ssl_ca_file"
    try:
        context = ssl.create_default_context(cafile=settings.ssl_ca_file)
        key = "ssl_certificate_file"
        if settings.ssl_certificate_file is not None:
            # Without a password an encrypted key would be asked for at the terminal.
            context.load_cert_chain(settings.ssl_certificate_file, settings.ssl_key_file, password="")
    except OSError as error:  # also what OpenSSL reports
        problem = f"schema_registry.{key}: no usable PEM file ({type(error).__name__})"
        raise ConfigError([problem]) from None
    return context
