"""The ways to ask a registry for one schema, each with its own paths and answers. Run on the asyncio loop."""

from __future__ import annotations

from contextlib import suppress
from typing import ClassVar, Protocol
from uuid import UUID

from consumer.config import SchemaRegistry
from consumer.records import SchemaKind, SchemaRef
from consumer.registry_answers import (
    Description,
    NoSuchPathError,
    UnknownError,
    read_answer,
    read_apicurio_content,
    read_apicurio_references,
    read_description,
)
from consumer.registry_client import RegistryClient
from consumer.timing import Clock


class RegistryApi(Protocol):
    kinds: ClassVar[frozenset[SchemaKind]]
    """What it knows schemas by."""

    def path_of(self, ref: SchemaRef) -> str:
        """Where a schema of one of these kinds is to be asked for."""

    async def describe(self, path: str) -> Description:
        """The schema at this path, and the paths of those that it uses.

        Raises:
            UnknownError: It is not there.
            RefusedError: It is no Avro schema.
            UnreachableError: No answer that says anything of it.
        """

    async def aclose(self) -> None: ...


class Confluent:
    """Any Confluent-compatible registry; `schema_registry.url` is what stands before `/schemas/ids/1`.

    Source: Confluent, "Schema Registry API Reference".
    """

    kinds: ClassVar = frozenset({SchemaKind.ID, SchemaKind.GUID})
    _GUIDS = "/schemas/guids/"

    def __init__(self, settings: SchemaRegistry, clock: Clock) -> None:
        self._client = RegistryClient(settings, "url", clock)

    def path_of(self, ref: SchemaRef) -> str:
        return f"/schemas/ids/{ref.id}" if isinstance(ref.id, int) else f"{self._GUIDS}{UUID(ref.id)}"

    async def describe(self, path: str) -> Description:
        try:
            return read_description(read_answer(*await self._client.get(path)))
        except NoSuchPathError:
            if not path.startswith(self._GUIDS):
                raise
            # Older registries and compatible ones have no such path, and a value may begin with 01 by damage: only a
            # wrong URL is worth waiting for. Whatever is said of an id shows that it is not.
            with suppress(UnknownError):
                read_answer(*await self._client.get("/schemas/ids/1"))
            raise UnknownError("it has no look-up by GUID") from None

    async def aclose(self) -> None:
        await self._client.aclose()


class Apicurio:
    """Apicurio's own API; `schema_registry.apicurio_url` ends in `/apis/registry/v3`, or `/v2` before version 3.

    Its Confluent-compatible API knows content ids alone, and only in its default setting.
    Source: Apicurio Registry, "Core Registry API", `/ids` and `/groups`.
    """

    kinds: ClassVar = frozenset({SchemaKind.GLOBAL_ID, SchemaKind.CONTENT_ID})
    _IDS: ClassVar = {SchemaKind.GLOBAL_ID: "/ids/globalIds", SchemaKind.CONTENT_ID: "/ids/contentIds"}

    def __init__(self, settings: SchemaRegistry, clock: Clock) -> None:
        self._client = RegistryClient(settings, "apicurio_url", clock)
        is_v2 = str(settings.apicurio_url).rstrip("/").endswith("/v2")
        self._content_of_version = "" if is_v2 else "/content"  # by an id, both answer with the content

    def path_of(self, ref: SchemaRef) -> str:
        return f"{self._IDS[ref.kind]}/{ref.id}"

    async def describe(self, path: str) -> Description:
        content = path + self._content_of_version if path.startswith("/groups/") else path
        text = read_apicurio_content(*await self._client.get(content))
        uses = read_apicurio_references(*await self._client.get(f"{path}/references"))
        return Description(text, uses)

    async def aclose(self) -> None:
        await self._client.aclose()
