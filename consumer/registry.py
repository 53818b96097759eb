"""Asks a Confluent-compatible schema registry for the schemas that records name. Runs on the asyncio loop.

A request is never cancelled to enforce a deadline: httpcore leaks the connection's place in the pool then
(encode/httpcore#1093). Every step has a timeout, and the answer is a stream with a deadline between its chunks.
"""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlsplit

import httpx

from consumer import __version__
from consumer.config import SchemaRegistry
from consumer.errors import ConfigError, ContractError
from consumer.records import SchemaRef
from consumer.registry_answers import (
    RefusedError,
    RegistryUnreachable,
    SchemaAnswer,
    SchemaFound,
    SchemaRefused,
    SchemaUnknown,
    UnknownError,
    UnreachableError,
    read_answer,
    read_references,
    read_schema,
)
from consumer.timing import Clock, SystemClock

__all__ = [
    "Registry",
    "RegistryUnreachable",
    "SchemaAnswer",
    "SchemaFound",
    "SchemaRefused",
    "SchemaUnknown",
    "register_schema",
]

MAX_ANSWER_BYTES = 4 * 1024 * 1024
MAX_REFERENCES = 100
"""Schemas that one schema may use, directly or not."""
MAX_TEXT_CHARS = 8 * 1024 * 1024
"""Of a schema and all that it uses together."""
UNKNOWN_TTL_S = 5.0
"""How long an id that the registry does not have is not asked for again."""

_MAX_REQUESTS = 4
_NO_ANSWER = (httpx.TransportError, ssl.SSLError)
"""httpx lets OpenSSL's error through where a server refuses the client's certificate after the TLS 1.3 handshake."""


@dataclass(slots=True)
class _Found:
    """On the way to one schema."""

    references: dict[tuple[str, int], Any] = field(default_factory=dict)
    text_chars: int = 0


class Registry:
    """Answers are kept: found and refused ones for ever, as an id never changes its meaning, unknown ones shortly.

    Raises:
        ConfigError: The address, a credential or a certificate cannot be used.
    """

    def __init__(self, settings: SchemaRegistry, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._timeout_s = settings.timeout_s
        self._pool = httpx.AsyncClient(**_client_options(settings))
        self._permits = asyncio.Semaphore(_MAX_REQUESTS)
        self._known: dict[SchemaRef, SchemaFound | SchemaRefused] = {}
        self._unknown_until_s: dict[SchemaRef, float] = {}
        self._under_way: dict[SchemaRef, asyncio.Task[SchemaAnswer]] = {}

    async def fetch(self, ref: SchemaRef) -> SchemaAnswer:
        """Look a schema up, with all that it refers to. Calls for the same one at the same time share the request."""
        if (known := self._known.get(ref)) is not None:
            return known
        if self._clock.monotonic_s() < self._unknown_until_s.get(ref, 0.0):
            return SchemaUnknown(ref)
        if (under_way := self._under_way.get(ref)) is None:
            under_way = self._under_way[ref] = asyncio.create_task(self._fetch(ref))
        return await asyncio.shield(under_way)  # a caller that is cancelled takes neither the request nor the others

    async def aclose(self) -> None:
        """Close every connection; look-ups under way end as unreachable, by their timeouts at the latest."""
        await self._pool.aclose()

    async def _fetch(self, ref: SchemaRef) -> SchemaAnswer:
        try:
            answer = await self._look_up(ref)
        finally:
            del self._under_way[ref]
        match answer:
            case SchemaFound() | SchemaRefused():
                self._known[ref] = answer
                self._unknown_until_s.pop(ref, None)
            case SchemaUnknown():
                now_s = self._clock.monotonic_s()
                # Records full of noise name any number of ids: forget those that may be asked for again.
                self._unknown_until_s = {r: until_s for r, until_s in self._unknown_until_s.items() if until_s > now_s}
                self._unknown_until_s[ref] = now_s + UNKNOWN_TTL_S
            case RegistryUnreachable():
                pass
        return answer

    async def _look_up(self, ref: SchemaRef) -> SchemaAnswer:
        found = _Found()
        try:
            answer = await self._ask(f"/schemas/ids/{ref.id}")
            schema = await self._resolve(answer, found, ())
        except UnknownError:
            return SchemaUnknown(ref)
        except RefusedError as refused:
            return SchemaRefused(ref, str(refused))
        except UnreachableError as unreachable:
            return RegistryUnreachable(ref, str(unreachable))
        return SchemaFound(ref, schema, tuple(found.references.values()))

    async def _resolve(self, answer: dict[str, Any], found: _Found, within: tuple[tuple[str, int], ...]) -> Any:
        """The schema in this answer; those that it refers to go to `found` first. `within`: how we came here."""
        schema = read_schema(answer)
        found.text_chars += len(answer["schema"])
        if found.text_chars > MAX_TEXT_CHARS:
            raise RefusedError(f"it and what it refers to have more than {MAX_TEXT_CHARS} characters")
        for reference in read_references(answer):
            if reference in within:
                raise RefusedError("its references form a circle")
            if reference in found.references:
                continue
            if len(found.references) + len(within) >= MAX_REFERENCES:
                raise RefusedError(f"it refers to more than {MAX_REFERENCES} schemas")
            subject, version = reference
            # A schema outlives its subject: it stays readable by id, and so must what it refers to.
            path = f"/subjects/{quote(subject, safe='')}/versions/{version}?deleted=true"
            found.references[reference] = await self._resolve(await self._ask(path), found, (*within, reference))
        return schema

    async def _ask(self, path: str) -> dict[str, Any]:
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
        return read_answer(response.status_code, bytes(body))


def register_schema(settings: SchemaRegistry, subject: str, schema: Mapping[str, Any]) -> int:
    """Register an Avro schema under a subject, if it is not there yet, and return its id. Waits for the answer.

    Raises:
        ConfigError: The address, a credential or a certificate cannot be used.
        ContractError: The registry did not take it, or cannot be reached.
    """
    with httpx.Client(**_client_options(settings)) as pool:
        try:
            response = pool.post(f"/subjects/{quote(subject, safe='')}/versions", json={"schema": json.dumps(schema)})
        except _NO_ANSWER as error:
            raise ContractError(f"the schema registry gave no answer: {_name(error)}") from None
    try:
        schema_id = read_answer(response.status_code, response.content).get("id")
    except (UnknownError, UnreachableError) as error:
        raise ContractError(f"the schema registry did not take the schema of {subject}: {error}") from None
    if not isinstance(schema_id, int):
        raise ContractError("the schema registry answered without an id")
    return schema_id


def _name(error: Exception) -> str:
    return (isinstance(error, ssl.SSLError) and error.reason) or type(error).__name__


def _client_options(settings: SchemaRegistry) -> dict[str, Any]:
    return {
        "base_url": _checked_url(settings.url),
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


def _checked_url(url: str | None) -> str:
    try:
        parts = urlsplit(url or "")
        is_usable = (
            parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
        )
    except ValueError:
        is_usable = False
    if not is_usable:
        raise ConfigError(["schema_registry.url: not the URL of one registry; write it as https://host:port/path"])
    if parts.username is not None or parts.query or parts.fragment:
        raise ConfigError(
            ["schema_registry.url: carries a user, a query or a fragment; set credentials as `username` and `password`"]
        )
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
