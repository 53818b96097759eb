"""Asks schema registries for the schemas that records name. Runs on the asyncio loop."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from consumer.config import SchemaRegistry
from consumer.errors import ConfigError, ContractError
from consumer.records import SchemaKind, SchemaRef
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
)
from consumer.registry_apis import Apicurio, Confluent, RegistryApi
from consumer.registry_client import post
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

MAX_REFERENCES = 100
"""Schemas that one schema may use, directly or not."""
MAX_TEXT_CHARS = 8 * 1024 * 1024
"""Of a schema and all that it uses together."""
UNKNOWN_TTL_S = 5.0
"""How long an id that the registry does not have is not asked for again."""


@dataclass(slots=True)
class _Found:
    """On the way to one schema."""

    references: dict[str, Any] = field(default_factory=dict)
    """By the path that each was asked for at."""
    text_chars: int = 0


class Registry:
    """All registries that are configured, each for the schemas that are named by its kind of id.

    Answers are kept: found and refused ones for ever, as an id never changes its meaning, unknown ones shortly.

    Raises:
        ConfigError: An address, a credential or a certificate cannot be used.
    """

    def __init__(self, settings: SchemaRegistry, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._apis: list[RegistryApi] = []
        if settings.url is not None:
            self._apis.append(Confluent(settings, self._clock))
        if settings.apicurio_url is not None:
            self._apis.append(Apicurio(settings, self._clock))
        if settings.glue_region is not None:
            from consumer.glue import Glue  # noqa: PLC0415 - only the `aws` extra has what it needs

            self._apis.append(Glue(settings))
        self._by_kind: dict[SchemaKind, RegistryApi] = {kind: api for api in self._apis for kind in api.kinds}
        self._known: dict[SchemaRef, SchemaFound | SchemaRefused] = {}
        self._unknown_until_s: dict[SchemaRef, float] = {}
        self._under_way: dict[SchemaRef, asyncio.Task[SchemaAnswer]] = {}

    async def fetch(self, ref: SchemaRef) -> SchemaAnswer:
        """Look a schema up, with all that it refers to. Calls for the same one at the same time share the request.

        Raises:
            ConfigError: No registry for this kind of id is configured.
        """
        if (known := self._known.get(ref)) is not None:
            return known
        if self._clock.monotonic_s() < self._unknown_until_s.get(ref, 0.0):
            return SchemaUnknown(ref)
        if (under_way := self._under_way.get(ref)) is None:
            under_way = self._under_way[ref] = asyncio.create_task(self._fetch(ref))
        return await asyncio.shield(under_way)  # a caller that is cancelled takes neither the request nor the others

    async def aclose(self) -> None:
        """Close every connection; look-ups under way end as unreachable, by their timeouts at the latest."""
        for api in self._apis:
            await api.aclose()

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
        if (api := self._by_kind.get(ref.kind)) is None:
            raise ConfigError(
                [f"schema_registry: a record names the schema {ref.shape}, and there is no registry to ask"]
            )
        found = _Found()
        try:
            schema = await self._resolve(api, api.path_of(ref), found, ())
        except UnknownError:
            return SchemaUnknown(ref)
        except RefusedError as refused:
            return SchemaRefused(ref, str(refused))
        except UnreachableError as unreachable:
            return RegistryUnreachable(ref, str(unreachable))
        return SchemaFound(ref, schema, tuple(found.references.values()))

    async def _resolve(self, api: RegistryApi, path: str, found: _Found, within: tuple[str, ...]) -> Any:
        """The schema at this path; those that it refers to go to `found` first. `within`: how we came here."""
        description = await api.describe(path)
        schema = description.parsed()
        found.text_chars += len(description.text)
        if found.text_chars > MAX_TEXT_CHARS:
            raise RefusedError(f"it and what it refers to have more than {MAX_TEXT_CHARS} characters")
        for used in description.uses:
            if used in within:
                raise RefusedError("its references form a circle")
            if used in found.references:
                continue
            if len(found.references) + len(within) >= MAX_REFERENCES:
                raise RefusedError(f"it refers to more than {MAX_REFERENCES} schemas")
            found.references[used] = await self._resolve(api, used, found, (*within, used))
        return schema


def register_schema(settings: SchemaRegistry, subject: str, schema: Mapping[str, Any]) -> int:
    """Register an Avro schema under a subject, if it is not there yet, and return its id. Waits for the answer.

    Raises:
        ConfigError: The address, a credential or a certificate cannot be used.
        ContractError: The registry did not take it, or cannot be reached.
    """
    answer = post(settings, f"/subjects/{quote(subject, safe='')}/versions", {"schema": json.dumps(schema)})
    try:
        schema_id = read_answer(*answer).get("id")
    except (UnknownError, UnreachableError) as error:
        raise ContractError(f"the schema registry did not take the schema of {subject}: {error}") from None
    if not isinstance(schema_id, int):
        raise ContractError("the schema registry answered without an id")
    return schema_id
