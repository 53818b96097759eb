"""Judges requests and answers by Pinterest's own description of its API, and by nothing of the consumer's.

A request is held to the strictest reading. Where the formal part is silent by accident, that reading says what it
means: what stands beside a `$ref` counts, although OpenAPI 3.0 ignores it (the identity that `user_data` needs stands
there), and every object is closed that lists its properties. Not so forms: the description lists the grant type alone,
and OAuth has unknown parameters ignored (RFC 6749, 3.2). `description_prose.py` adds what only the description's
sentences say. An answer is held to the formal part alone.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import parse_qsl, unquote

from jsonschema import Draft4Validator, FormatChecker, ValidationError

from tests.harness.description_prose import NEWER_EVENT_NAMES, NEWER_IN_CONTENT, NEWER_IN_EVENT, shape_of, told_in_prose

FILE = Path(__file__).parents[1] / "contract" / "pinterest-openapi-events.json"
EVENTS = "/ad_accounts/{ad_account_id}/events"
FORM = "application/x-www-form-urlencoded"

Json = dict[str, Any]
Side = Literal["request", "answer"]

_REFERENCE = re.compile(r"#/components/(\w+)/(.+)")
_FORMATS = FormatChecker(formats=())
_FORMATS.checks("int32")(lambda value: not isinstance(value, int) or -(2**31) <= value < 2**31)
_FORMATS.checks("int64")(lambda value: not isinstance(value, int) or -(2**63) <= value < 2**63)


@dataclass(frozen=True, slots=True)
class Violation:
    """One breach: where in the document, of which rule, by what shape of value. Never the value: it may be personal."""

    side: Side
    operation: str
    """Such as `POST /ad_accounts/{ad_account_id}/events`; of a request for something else, its method alone."""
    where: str
    """Such as `data[3].user_data.em[0]`."""
    rule: str
    shape: str

    def __str__(self) -> str:
        return f"{self.side} of {self.operation}: {self.where or 'the whole'}: {self.rule}; found {self.shape}"


class Description:
    """What the description says, compiled once.

    Args:
        document: OpenAPI 3.0, as JSON values.
        is_newer: Allow the names of Pinterest's guide that the description 5.23.0 does not have.
    """

    def __init__(self, document: Json, *, is_newer: bool = False) -> None:
        document = deepcopy(document)
        self._event_names = NEWER_EVENT_NAMES if is_newer else frozenset()
        if is_newer:
            event = document["components"]["schemas"]["ConversionEvents"]["properties"]["data"]["items"]["properties"]
            event |= NEWER_IN_EVENT
            event["custom_data"]["properties"]["contents"]["items"]["properties"] |= NEWER_IN_CONTENT
        self._document = document
        self._formal = {name: draft_4(schema) for name, schema in document["components"]["schemas"].items()}
        self._strict = {
            name: draft_4(schema, is_strict=True) for name, schema in document["components"]["schemas"].items()
        }
        self._operations = [
            Operation(self, method.upper(), template, operation, path.get("parameters", []))
            for template, path in document["paths"].items()
            for method, operation in path.items()
            if method in {"get", "post", "put", "patch", "delete"}
        ]
        self._post_events = next(o for o in self._operations if (o.method, o.template) == ("POST", EVENTS))

    @classmethod
    def from_file(cls, file: Path = FILE, *, is_newer: bool = False) -> Description:
        return cls(json.loads(file.read_text(encoding="utf-8")), is_newer=is_newer)

    def operation(self, method: str, path: str) -> Operation | None:
        """The one that a request is for; `path` has no version in front."""
        return next((o for o in self._operations if o.method == method and o.path.fullmatch(path)), None)

    def event_violations(self, event: Any, *, now_s: float) -> list[Violation]:
        """What is wrong with one event, as if it were sent alone."""
        return self._post_events.body_violations({"data": [event]}, now_s=now_s)

    # --- for operations ----------------------------------------------------------------------------------------

    def resolved(self, node: Json) -> Json:
        """A parameter, body or answer that may stand elsewhere in the document."""
        if "$ref" not in node:
            return node
        found = _REFERENCE.fullmatch(node["$ref"])
        assert found is not None, "only references within the document's components are known here"
        resolved: Json = self._document["components"][found[1]][found[2]]
        return self.resolved(resolved)

    def properties(self, schema: Json) -> Json:
        """Of a schema that may stand elsewhere; each of them likewise resolved."""
        return {name: self.resolved(inner) for name, inner in self.resolved(schema).get("properties", {}).items()}

    def scheme(self, name: str) -> str:
        """What the header Authorization begins with, in lower case."""
        described = self._document["components"]["securitySchemes"].get(name, {"type": "oauth2"})
        return str(described.get("scheme", "bearer")).lower()

    def validator(self, schema: Json, *, is_strict: bool = False) -> Draft4Validator:
        schemas = self._strict if is_strict else self._formal
        whole = {**draft_4(schema, is_strict=is_strict), "components": {"schemas": schemas}}
        if "$ref" in whole:  # beside it nothing counts, the components neither
            whole = {"allOf": [{"$ref": whole["$ref"]}], "components": {"schemas": schemas}}
        return Draft4Validator(whole, format_checker=_FORMATS)

    def prose_violations(self, body: Any, *, now_s: float) -> Iterator[tuple[str, str, str]]:
        """(where, rule, shape) of what is wrong with events that are formally right."""
        for index, event in enumerate(body["data"]):
            for where, rule, shape in told_in_prose(event, now_s=now_s, newer_event_names=self._event_names):
                yield f"data[{index}].{where}", rule, shape


class Operation:
    """One method of one path."""

    def __init__(self, whole: Description, method: str, template: str, operation: Json, shared: list[Json]) -> None:
        self.method = method
        self.template = template
        self.name = f"{method} {template}"
        self.path = re.compile("".join(_part(part) for part in re.split(r"(\{\w+\})", template)))
        self._whole = whole
        parameters = [whole.resolved(parameter) for parameter in (*shared, *operation.get("parameters", []))]
        self._parameters = {
            (p["in"], p["name"]): (whole.validator(p["schema"]), p["schema"], bool(p.get("required")))
            for p in parameters
        }
        self._schemes = {whole.scheme(name) for choice in operation.get("security", ()) for name in choice}
        body = whole.resolved(operation.get("requestBody", {}))
        self._body_is_required = bool(body.get("required"))
        self._body_types = {
            media: whole.validator(content["schema"], is_strict=media != FORM)
            for media, content in body.get("content", {}).items()
        }
        self._form = body.get("content", {}).get(FORM, {}).get("schema", {})
        self._answers = {
            status: {media: whole.validator(content["schema"]) for media, content in answer.get("content", {}).items()}
            for status, answer in ((s, whole.resolved(a)) for s, a in operation["responses"].items())
        }

    def request_violations(
        self, path: str, query: str, headers: Mapping[str, str], body: bytes, *, now_s: float
    ) -> list[Violation]:
        """Everything wrong with one request; header names in lower case."""
        found = [*self._parameter_violations(path, query)]
        scheme, _, credentials = headers.get("authorization", "").partition(" ")
        if self._schemes and (scheme.lower() not in self._schemes or not credentials):
            rule = f"{' or '.join(sorted(self._schemes))}, with credentials"
            found.append(self._breach("request", "header Authorization", rule, shape_of(scheme)))
        media = _media_type(headers)
        if not self._body_types:
            return found + (
                [self._breach("request", "body", "none is described", f"{len(body)} bytes")] if body else []
            )
        if not body and not self._body_is_required:
            return found
        if media not in self._body_types:
            rule = f"one of {', '.join(self._body_types)}"
            return [*found, self._breach("request", "header Content-Type", rule, shape_of(media))]
        if media == FORM:
            return found + self._form_violations(body, now_s=now_s)
        try:
            content = json.loads(body)
        except ValueError:
            return [*found, self._breach("request", "body", "must be JSON", f"{len(body)} bytes that are not")]
        return found + self.body_violations(content, now_s=now_s, media=media)

    def _form_violations(self, body: bytes, *, now_s: float) -> list[Violation]:
        try:
            pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, strict_parsing=True, errors="strict")
        except ValueError:
            return [self._breach("request", "body", "must be a form", f"{len(body)} bytes that are not")]
        repeated = [name for name, times in Counter(name for name, _ in pairs).items() if times > 1]
        found = []
        if repeated:  # RFC 6749, 3.2
            found.append(self._breach("request", "body", "each parameter once", shape_of(dict.fromkeys(repeated))))
        properties = self._whole.properties(self._form)
        content = {name: _read_parameter(text, properties.get(name, {})) for name, text in pairs}
        return found + self.body_violations(content, now_s=now_s, media=FORM)

    def body_violations(self, content: Any, *, now_s: float, media: str = "application/json") -> list[Violation]:
        """Of a request's body, already decoded."""
        formal = self._formal_breaches("request", self._body_types[media], content)
        if formal or self.template != EVENTS:
            return formal
        return [self._breach("request", *told) for told in self._whole.prose_violations(content, now_s=now_s)]

    def answer_violations(self, status: int, headers: Mapping[str, str], body: bytes, *, sent: int) -> list[Violation]:
        """Everything wrong with one answer to a request with `sent` events."""
        described = self._answers.get(str(status), self._answers.get("default"))
        if described is None:
            return [self._breach("answer", "status", "is not described", f"the status {status}")]
        media = _media_type(headers)
        if media not in described:
            rule = f"one of {', '.join(described) or 'none'}"
            return [self._breach("answer", "header Content-Type", rule, shape_of(media))]
        try:
            content = json.loads(body)
        except ValueError:
            return [self._breach("answer", "body", "must be JSON", f"{len(body)} bytes that are not")]
        found = self._formal_breaches("answer", described[media], content)
        if status == 200 and self.template == EVENTS and not found and len(content["events"]) != sent:
            found.append(
                self._breach("answer", "events", f"one for each of the {sent} events", shape_of(content["events"]))
            )
        return found

    def _formal_breaches(self, side: Side, validator: Draft4Validator, content: Any) -> list[Violation]:
        errors = (nearest for error in validator.iter_errors(content) for nearest in _nearest(error))
        return list(dict.fromkeys(self._breach(side, *_told(error)) for error in errors))

    def _parameter_violations(self, path: str, query: str) -> Iterator[Violation]:
        match = self.path.fullmatch(path)
        given = {("path", name): unquote(text) for name, text in (match.groupdict() if match else {}).items()}
        given |= {("query", name): text for name, text in parse_qsl(query, keep_blank_values=True)}
        for place, text in given.items():
            where = f"{place[0]} {place[1]}"
            if place not in self._parameters:
                yield self._breach("request", where, "no such parameter is described", shape_of(text))
                continue
            validator, schema, _ = self._parameters[place]
            for error in validator.iter_errors(_read_parameter(text, schema)):
                yield self._breach("request", where, _told(error)[1], shape_of(text))
        for place, (_, _, is_required) in self._parameters.items():
            if is_required and place[0] in {"path", "query"} and place not in given:
                yield self._breach("request", f"{place[0]} {place[1]}", "is required", "none")

    def _breach(self, side: Side, where: str, rule: str, shape: str) -> Violation:
        return Violation(side, self.name, where, rule, shape)


def draft_4(schema: Json, *, is_strict: bool = False) -> Json:
    """A schema of OpenAPI 3.0 in the words of JSON Schema draft 4, its nearest relative."""
    if "$ref" in schema:
        reference = {"$ref": schema["$ref"]}
        beside = {key: value for key, value in schema.items() if key != "$ref"}
        return {"allOf": [reference, draft_4(beside, is_strict=True)]} if is_strict and beside else reference
    converted: Json = {}
    for key, value in schema.items():
        match key:
            case "properties":
                converted[key] = {name: draft_4(inner, is_strict=is_strict) for name, inner in value.items()}
            case "allOf" | "anyOf" | "oneOf":
                converted[key] = [draft_4(inner, is_strict=is_strict) for inner in value]
            case "items" | "not" | "additionalProperties" if isinstance(value, dict):
                converted[key] = draft_4(value, is_strict=is_strict)
            case "nullable":
                pass
            case _:
                converted[key] = value
    if schema.get("nullable") is True and "type" in schema:
        converted["type"] = [schema["type"], "null"]
    if is_strict and "properties" in schema:
        converted.setdefault("additionalProperties", False)
    return converted


def _nearest(error: ValidationError) -> Iterator[ValidationError]:
    """Of alternatives that all fail, what is wrong with the one that was meant: it has all that it requires."""
    branches: dict[Any, list[ValidationError]] = {}
    for child in error.context or ():
        branches.setdefault(child.schema_path[0], []).append(child)
    meant = [errors for errors in branches.values() if all(child.validator != "required" for child in errors)]
    if error.validator != "anyOf" or not meant:
        yield error
        return
    for child in meant[0]:
        yield from _nearest(child)


def _told(error: ValidationError) -> tuple[str, str, str]:
    """(where, rule, shape); jsonschema's own message repeats the value."""
    where = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in error.absolute_path).lstrip(".")
    keys: Iterable[str] = error.instance if isinstance(error.instance, dict) else ()
    wanted: Any = error.validator_value
    match error.validator:
        case "required":
            rule = f"required: {', '.join(name for name in wanted if name not in keys)}"
        case "additionalProperties":
            rule = "an unknown key"
        case "anyOf":
            missing: list[Any] = [c.validator_value for c in error.context or () if c.validator == "required"]
            needs = [" with ".join(names) for names in missing]
            rule = f"at least one of: {', '.join(dict.fromkeys(needs))}"
        case (
            "pattern" | "type" | "format" | "maxLength" | "minLength" | "maximum" | "minimum" | "maxItems" | "minItems"
        ):
            rule = f"{error.validator} {wanted}"
        case _:
            rule = str(error.validator)
    return where, rule, shape_of(error.instance)


def _part(part: str) -> str:
    return f"(?P<{part[1:-1]}>[^/]+)" if part.startswith("{") else re.escape(part)


def _media_type(headers: Mapping[str, str]) -> str:
    return headers.get("content-type", "").partition(";")[0].strip().lower()


def _read_parameter(text: str, schema: Json) -> Any:
    """As its type writes it in a URL; what cannot be read stays text, and breaks the type."""
    match schema.get("type"):
        case "boolean":
            return {"true": True, "false": False}.get(text, text)
        case "integer" if re.fullmatch(r"-?\d+", text, re.ASCII):
            return int(text)
    return text
