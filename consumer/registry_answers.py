"""What a schema registry may answer, and how its answers are read. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from consumer.records import SchemaRef

_NOT_FOUND_CODES = range(40401, 40500)
"""Confluent's `error_code` for a subject, version or schema that is not there. A path that is not there has 404."""


@dataclass(frozen=True, slots=True)
class SchemaFound:
    ref: SchemaRef
    schema: Any
    """The schema as JSON values."""
    references: tuple[Any, ...] = ()
    """The schemas whose types it uses, each after those that it uses itself."""


@dataclass(frozen=True, slots=True)
class SchemaUnknown:
    """The registry answered, in so many words, that it has no such schema, or lacks one that it uses."""

    ref: SchemaRef


@dataclass(frozen=True, slots=True)
class SchemaRefused:
    """The registry has it, and it will never be of use: it is no Avro schema, or its references do not end."""

    ref: SchemaRef
    detail: str


@dataclass(frozen=True, slots=True)
class RegistryUnreachable:
    """No answer that says anything of the schema. Hold, and ask again."""

    ref: SchemaRef
    detail: str


SchemaAnswer = SchemaFound | SchemaUnknown | SchemaRefused | RegistryUnreachable


class UnknownError(Exception):
    """Ends a look-up of several answers as `SchemaUnknown`."""


class RefusedError(Exception):
    """Ends it as `SchemaRefused`."""


class UnreachableError(Exception):
    """Ends it as `RegistryUnreachable`."""


def read_answer(status: int, body: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        answer = None
    error_code = answer.get("error_code") if isinstance(answer, dict) else None
    if status == 404 and error_code in _NOT_FOUND_CODES:
        raise UnknownError(f"it answered {error_code}")
    if status in (401, 403):
        raise UnreachableError(f"it answered {status}; check the credentials in `schema_registry`")
    if status == 404:  # of a proxy, or of a registry asked for a path that it does not have
        raise UnreachableError("it answered 404 without saying what it lacks; check `schema_registry.url`")
    if status != 200:
        code = f" ({error_code})" if isinstance(error_code, int) and error_code != status else ""
        raise UnreachableError(f"it answered {status}{code}")
    if not isinstance(answer, dict):
        raise UnreachableError("its answer is no JSON object; check `schema_registry.url`")
    return answer


def read_schema(answer: dict[str, Any]) -> Any:
    kind, text = answer.get("schemaType") or "AVRO", answer.get("schema")
    if kind != "AVRO":
        raise RefusedError(f"a schema of type {str(kind)[:20]}; only AVRO is read")
    if not isinstance(text, str):
        raise UnreachableError("its answer has no schema; check `schema_registry.url`")
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise RefusedError("its text is not JSON") from None


def read_references(answer: dict[str, Any]) -> list[tuple[str, int]]:
    try:
        return [(str(each["subject"]), int(each["version"])) for each in answer.get("references") or ()]
    except (TypeError, KeyError, ValueError):
        raise UnreachableError("its answer has unreadable references") from None
