"""Asks AWS Glue's schema registry, through AWS' own client. Only for the `aws` extra; imported nowhere else."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ClassVar
from uuid import UUID

import boto3
from botocore.config import Config as ClientConfig
from botocore.exceptions import BotoCoreError, ClientError

from consumer.config import SchemaRegistry
from consumer.errors import ConfigError
from consumer.records import SchemaKind, SchemaRef
from consumer.registry_answers import Description, RefusedError, UnknownError, UnreachableError

_MAX_REQUESTS = 4


class Glue:
    """One region of AWS Glue. Schemas in Glue use no others: each stands for itself.

    The client blocks, so each request has a thread; its time limits end it, as nothing else can.
    Source: AWS Glue Web API Reference, `GetSchemaVersion`.

    Raises:
        ConfigError: The region, the endpoint or a file of AWS credentials cannot be used.
    """

    kinds: ClassVar = frozenset({SchemaKind.GLUE_VERSION})

    def __init__(self, settings: SchemaRegistry) -> None:
        limits = ClientConfig(
            connect_timeout=settings.timeout_s,
            read_timeout=settings.timeout_s,
            retries={"total_max_attempts": 1},  # whoever waits for the schema asks again
            max_pool_connections=_MAX_REQUESTS,
        )
        try:
            self._client: Any = boto3.session.Session().client(
                "glue",
                region_name=settings.glue_region,
                endpoint_url=settings.glue_endpoint_url,
                config=limits,
            )
        except (BotoCoreError, ValueError, OSError) as error:  # the texts quote what was given, or name a file
            remedy = "check `glue_region`, `glue_endpoint_url` and the files that AWS credentials are read from"
            problem = f"AWS' client cannot be made ({type(error).__name__}); {remedy}"
            raise ConfigError([f"schema_registry: {problem}"]) from None
        self._threads = ThreadPoolExecutor(_MAX_REQUESTS, thread_name_prefix="glue")

    def path_of(self, ref: SchemaRef) -> str:
        return str(UUID(str(ref.id)))

    async def describe(self, path: str) -> Description:
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._ask, path)

    async def aclose(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._client.close()

    def _ask(self, version_id: str) -> Description:
        try:
            answer = self._client.get_schema_version(SchemaVersionId=version_id)
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code"))
            if code == "EntityNotFoundException":
                raise UnknownError(f"it answered {code}") from None
            raise UnreachableError(
                f"AWS Glue answered {code[:60]}; check the role's right to glue:GetSchemaVersion"
            ) from None
        except (BotoCoreError, OSError, ValueError) as error:
            # No connection, no answer in time, no credentials or no file with them; the texts quote address and path.
            raise UnreachableError(f"no answer of AWS Glue: {type(error).__name__}") from None
        kind, text = answer.get("DataFormat"), answer.get("SchemaDefinition")
        if kind != "AVRO":
            raise RefusedError(f"a schema of type {str(kind)[:20]}; only AVRO is read")
        if not isinstance(text, str):
            raise UnreachableError("its answer has no schema; check `schema_registry.glue_endpoint_url`")
        # Whatever its status is by now: it was written by this.
        return Description(text)
