"""What is registered in the embedded registry, and its answers to requests about it: Confluent's and Apicurio's."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from uuid import NAMESPACE_OID, uuid5

from consumer.avro import parse_writer_schema
from consumer.records import Undecodable

SUBJECT_NOT_FOUND, VERSION_NOT_FOUND, SCHEMA_NOT_FOUND = 40401, 40402, 40403
INVALID_SCHEMA, INVALID_VERSION = 42201, 42202


@dataclass(frozen=True, slots=True)
class _Schema:
    text: str
    kind: str
    references: tuple[tuple[str, str, int], ...]  # name, subject, version

    def as_json(self) -> dict[str, Any]:
        answer: dict[str, Any] = {"schema": self.text}
        if self.kind != "AVRO":
            answer["schemaType"] = self.kind
        if self.references:
            answer["references"] = [
                {"name": name, "subject": subject, "version": version} for name, subject, version in self.references
            ]
        return answer

    @property
    def guid(self) -> str:
        """The same in every registry, as it comes of the schema alone."""
        return str(uuid5(NAMESPACE_OID, json.dumps(self.as_json())))


class Refusal(Exception):  # noqa: N818 - an answer
    def __init__(self, error_code: int, message: str) -> None:
        super().__init__(message)
        self.status = int(str(error_code)[:3])
        self.body: dict[str, Any] = {"error_code": error_code, "message": message}


class _ApicurioNotFound(Refusal):
    """As Apicurio says it: by the name of an exception."""

    def __init__(self, name: str) -> None:
        super().__init__(404, name)
        self.body = {"title": name, "status": 404, "name": name}


class RegisteredSchemas:
    """All schemas, by id, subject and version."""

    def __init__(self) -> None:
        self._schemas: list[_Schema] = []
        self._subjects: dict[str, list[int]] = {}
        """The ids of each subject's versions, from version 1 on."""
        self._global_ids: list[tuple[str, int]] = []
        """Subject and version of each, from global id 1 on."""

    def answer(self, method: str, path: list[str], body: bytes) -> Any:
        """What to send: text as it stands, anything else as JSON.

        Raises:
            Refusal: An answer of another status.
        """
        match method, path:
            case "GET", ["subjects"]:
                return sorted(self._subjects)
            case "GET", ["subjects", subject, "versions"]:
                return list(range(1, len(self._versions(subject)) + 1))
            case "GET", ["subjects", subject, "versions", version]:
                return self._version(subject, version)
            case "GET", ["schemas", "ids", number]:
                return self._by_id(number).as_json()
            case "GET", ["schemas", "guids", guid]:
                return self._by_guid(guid).as_json()
            case "GET", ["apis", "registry", "v2" | "v3" as version, *rest]:
                return self._apicurio(version, rest)
            case "POST", ["subjects", subject, "versions"]:
                return {"id": self._register(subject, body)}
            case _:
                raise Refusal(404, "HTTP 404 Not Found")

    def _by_id(self, number: str) -> _Schema:
        if not number.isdecimal():
            raise Refusal(404, "HTTP 404 Not Found")
        if not 0 < int(number) <= len(self._schemas):
            raise Refusal(SCHEMA_NOT_FOUND, f"Schema {number} not found")
        return self._schemas[int(number) - 1]

    def _by_guid(self, guid: str) -> _Schema:
        for schema in self._schemas:
            if schema.guid == guid:
                return schema
        raise Refusal(SCHEMA_NOT_FOUND, f"Schema {guid} not found")

    def _apicurio(self, api: str, path: list[str]) -> Any:
        match path:
            case ["ids", "contentIds", number]:
                return self._by_content_id(number).text
            case ["ids", "contentIds", number, "references"]:
                return self._artifacts_of(self._by_content_id(number))
            case ["ids", "globalIds", number]:
                return self._by_global_id(number).text
            case ["ids", "globalIds", number, "references"]:
                return self._artifacts_of(self._by_global_id(number))
            case ["groups", "default", "artifacts", artifact, "versions", version, "references"]:
                return self._artifacts_of(self._schema_of(artifact, version))
            case ["groups", "default", "artifacts", artifact, "versions", version] if api == "v2":
                return self._schema_of(artifact, version).text
            case ["groups", "default", "artifacts", artifact, "versions", version, "content"] if api == "v3":
                return self._schema_of(artifact, version).text
            case ["groups", "default", "artifacts", artifact, "versions", version] if api == "v3":
                schema = self._schema_of(artifact, version)
                content_id = self._schemas.index(schema) + 1
                global_id = self._global_ids.index((artifact, int(version))) + 1
                return {"artifactId": artifact, "version": version, "contentId": content_id, "globalId": global_id}
            case _:
                raise _ApicurioNotFound("NotFoundException")

    def _by_content_id(self, number: str) -> _Schema:
        try:
            return self._by_id(number)
        except Refusal:
            raise _ApicurioNotFound("ContentNotFoundException") from None

    def _by_global_id(self, number: str) -> _Schema:
        if not number.isdecimal() or not 0 < int(number) <= len(self._global_ids):
            raise _ApicurioNotFound("VersionNotFoundException")
        subject, version = self._global_ids[int(number) - 1]
        return self._schema_of(subject, str(version))

    def _schema_of(self, artifact: str, version: str) -> _Schema:
        try:
            schema_id: int = self._version(artifact, version)["id"]
        except Refusal:
            raise _ApicurioNotFound("VersionNotFoundException") from None
        return self._schemas[schema_id - 1]

    @staticmethod
    def _artifacts_of(schema: _Schema) -> list[dict[str, str]]:
        return [
            {"artifactId": subject, "version": str(version), "name": name}
            for name, subject, version in schema.references
        ]

    def _versions(self, subject: str) -> list[int]:
        if subject not in self._subjects:
            raise Refusal(SUBJECT_NOT_FOUND, f"Subject '{subject}' not found.")
        return self._subjects[subject]

    def _version(self, subject: str, version: str) -> dict[str, Any]:
        ids = self._versions(subject)
        if version != "latest" and not version.isdecimal():
            raise Refusal(INVALID_VERSION, f"The specified version '{version}' is not a valid version id.")
        number = len(ids) if version == "latest" else int(version)
        if not 0 < number <= len(ids):
            raise Refusal(VERSION_NOT_FOUND, f"Version {version} not found.")
        schema_id = ids[number - 1]
        schema = self._schemas[schema_id - 1]
        return {"subject": subject, "version": number, "id": schema_id, "guid": schema.guid, **schema.as_json()}

    def _register(self, subject: str, body: bytes) -> int:
        try:
            posted = json.loads(body)
            kind = posted.get("schemaType", "AVRO")
            references = tuple((r["name"], r["subject"], int(r["version"])) for r in posted.get("references", ()))
            text = posted["schema"]
            if kind == "AVRO":
                text = json.dumps(json.loads(text), separators=(",", ":"))
                self._check(text, references)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise Refusal(INVALID_SCHEMA, f"Invalid schema: {type(error).__name__}") from None
        schema = _Schema(text, kind, references)
        if schema not in self._schemas:
            self._schemas.append(schema)
        schema_id = self._schemas.index(schema) + 1
        ids = self._subjects.setdefault(subject, [])
        if schema_id not in ids:
            ids.append(schema_id)
            self._global_ids.append((subject, len(ids)))
        return schema_id

    def _check(self, text: str, references: tuple[tuple[str, str, int], ...]) -> None:
        """Can it be parsed, with what it refers to? Types that are no records are schemas as well."""
        known: dict[str, Any] = {}

        def collect(references: tuple[tuple[str, str, int], ...]) -> None:
            for _, subject, version in references:
                try:
                    schema_id = self._version(subject, str(version))["id"]
                except Refusal:
                    raise Refusal(INVALID_SCHEMA, f"No schema reference found for subject {subject}") from None
                referred = self._schemas[schema_id - 1]
                collect(referred.references)
                known[referred.text] = json.loads(referred.text)

        collect(references)
        enclosing = {"type": "record", "name": "__registered", "fields": [{"name": "it", "type": json.loads(text)}]}
        parsed = parse_writer_schema(enclosing, list(known.values()))
        if isinstance(parsed, Undecodable):
            raise Refusal(INVALID_SCHEMA, f"Invalid schema: {parsed.detail}")
