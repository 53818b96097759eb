"""What a schema registry may answer, and how its answers are read. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from consumer.records import SchemaRef

_NOT_FOUND_CODES = range(40401, 40500)
"""Confluent's `error_code` for a subject, version or schema that is not there. A path that is not there has 404."""
_APICURIO_NOT_FOUND = frozenset(
    {
        "ArtifactNotFoundException",
        "ContentNotFoundException",
        "GroupNotFoundException",
        "VersionNotFoundException",
    }
)
"""What Apicurio, 2 and 3, calls the lack of a schema in its answer's `name`. A path that is not there has another."""


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


class NoSuchPathError(UnreachableError):
    """The registry has nothing at this path, or it is no registry."""


@dataclass(frozen=True, slots=True)
class Description:
    """One schema as a registry tells it."""

    text: str
    uses: tuple[str, ...] = ()
    """Where those are to be asked for whose types it uses: paths below the registry's URL."""

    def parsed(self) -> Any:
        try:
            return json.loads(self.text)
        except (ValueError, RecursionError):
            raise RefusedError("its text is not JSON") from None


# --- Confluent's API, which others have as well ----------------------------------------------------------------


def read_answer(status: int, body: bytes) -> dict[str, Any]:
    answer = _parsed(body)
    error_code = answer.get("error_code") if isinstance(answer, dict) else None
    if status == 404 and error_code in _NOT_FOUND_CODES:
        raise UnknownError(f"it answered {error_code}")
    _check_status(status, "url", error_code)
    if not isinstance(answer, dict):
        raise UnreachableError("its answer is no JSON object; check `schema_registry.url`")
    return answer


def read_description(answer: dict[str, Any]) -> Description:
    kind, text = answer.get("schemaType") or "AVRO", answer.get("schema")
    if kind != "AVRO":
        raise RefusedError(f"a schema of type {str(kind)[:20]}; only AVRO is read")
    if not isinstance(text, str):
        raise UnreachableError("its answer has no schema; check `schema_registry.url`")
    try:
        references = [(str(each["subject"]), int(each["version"])) for each in answer.get("references") or ()]
    except (TypeError, KeyError, ValueError):
        raise UnreachableError("its answer has unreadable references") from None
    # A schema outlives its subject: it stays readable by id, and so must what it refers to.
    return Description(text, tuple(f"/subjects/{quote(s, safe='')}/versions/{v}?deleted=true" for s, v in references))


# --- Apicurio's own API ----------------------------------------------------------------------------------------


def read_apicurio_content(status: int, body: bytes) -> str:
    """The schema's text, which is all of the answer."""
    _check_apicurio_status(status, body)
    try:
        return body.decode()
    except UnicodeDecodeError:
        raise RefusedError("its text is not UTF-8") from None


def read_apicurio_references(status: int, body: bytes) -> tuple[str, ...]:
    """Paths of the artifacts' versions that it uses."""
    _check_apicurio_status(status, body)
    answer = _parsed(body)
    if not isinstance(answer, list):
        raise UnreachableError("its answer is no JSON list; check `schema_registry.apicurio_url`")
    try:
        names = [(each.get("groupId") or "default", each["artifactId"], each["version"]) for each in answer]
        quoted = [tuple(quote(name, safe="") for name in one) for one in names]
    except (TypeError, KeyError, AttributeError):
        raise UnreachableError("its answer has unreadable references") from None
    return tuple(f"/groups/{group}/artifacts/{artifact}/versions/{version}" for group, artifact, version in quoted)


def _check_apicurio_status(status: int, body: bytes) -> None:
    if status == 200:
        return
    answer = _parsed(body)
    name = answer.get("name") if isinstance(answer, dict) else None
    if status == 404 and name in _APICURIO_NOT_FOUND:
        raise UnknownError(f"it answered {name}")
    _check_status(status, "apicurio_url")


# --- both ------------------------------------------------------------------------------------------------------


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _check_status(status: int, key: str, error_code: object = None) -> None:
    if status in (401, 403):
        raise UnreachableError(f"it answered {status}; check the credentials in `schema_registry`")
    if status == 404:  # of a proxy, or of a registry asked for a path that it does not have
        raise NoSuchPathError(f"it answered 404 without saying what it lacks; check `schema_registry.{key}`")
    if status != 200:
        code = f" ({error_code})" if isinstance(error_code, int) and error_code != status else ""
        raise UnreachableError(f"it answered {status}{code}")
