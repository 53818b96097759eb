"""What we rely on of any Confluent-compatible registry, and of Apicurio's own API: the same tests against the embedded
one and a real one."""

from __future__ import annotations

import asyncio
import json
import os
import urllib.error
import urllib.request
from collections.abc import Iterator
from decimal import Decimal
from io import BytesIO
from typing import Any
from uuid import uuid4

import fastavro
import pytest

from consumer.avro import WriterSchema, parse_writer_schema
from consumer.config import SchemaRegistry
from consumer.demo.registry import EmbeddedRegistry
from consumer.errors import ContractError
from consumer.records import Decoded, SchemaKind, SchemaRef
from consumer.registry import (
    Registry,
    RegistryUnreachable,
    SchemaAnswer,
    SchemaFound,
    SchemaRefused,
    SchemaUnknown,
    register_schema,
)
from tests.harness.apicurio import NotObtainableError, apicurio

pytestmark = pytest.mark.xdist_group("registries")


@pytest.fixture(scope="module", params=["embedded", "apicurio"])
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    if request.param == "embedded":
        with EmbeddedRegistry() as registry:
            yield registry.url
        return
    try:
        with apicurio() as url:
            yield url
    except NotObtainableError as missing:
        if os.environ.get("REQUIRE_REAL") == "1":
            pytest.fail(f"a real registry is required: {missing}")
        pytest.skip(str(missing))


@pytest.fixture
def settings(url: str) -> SchemaRegistry:
    return SchemaRegistry(url=url, timeout_s=30)


@pytest.fixture(params=["v2", "v3"])
def apicurio_settings(request: pytest.FixtureRequest, url: str) -> SchemaRegistry:
    return SchemaRegistry(apicurio_url=f"{apicurio_root(url)}/{request.param}", timeout_s=30)


def apicurio_root(url: str) -> str:
    return f"{url.removesuffix('/apis/ccompat/v7')}/apis/registry"


@pytest.fixture
def subject() -> str:
    """A subject of this test's own, with what a path must escape; both registries live as long as this module."""
    return f"it's a/subject-{uuid4()}"


def order() -> dict[str, Any]:
    """A schema that no other test has registered."""
    return {
        "type": "record",
        "name": f"Order{uuid4().hex}",
        "namespace": "com.acme",
        "fields": [
            {"name": "order_id", "type": "string"},
            {"name": "total", "type": {"type": "bytes", "logicalType": "decimal", "precision": 18, "scale": 4}},
            {"name": "note", "type": ["null", "string"], "default": None},
        ],
    }


def fetched(settings: SchemaRegistry, schema_id: int | str, kind: SchemaKind = SchemaKind.ID) -> SchemaAnswer:
    async def run() -> SchemaAnswer:
        registry = Registry(settings)
        try:
            return await registry.fetch(SchemaRef(schema_id, kind))
        finally:
            await registry.aclose()

    return asyncio.run(run())


def call(url: str, path: str, body: Any = None) -> tuple[int, Any]:
    """Status and body, by a client that is not ours."""
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/vnd.schemaregistry.v1+json"}
    request = urllib.request.Request(url + path, data, headers)  # noqa: S310 - a loopback address
    try:
        with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read() or b"null")


def post(url: str, subject: str, text: str, **more: Any) -> int:
    status, answer = call(url, f"/subjects/{subject}/versions", {"schema": text, **more})
    assert status == 200, answer
    return int(answer["id"])


def test_a_registered_schema_comes_back_as_it_was(settings: SchemaRegistry, subject: str) -> None:
    schema = order()

    schema_id = register_schema(settings, subject, schema)

    assert fetched(settings, schema_id) == SchemaFound(SchemaRef(schema_id), schema)


def test_the_same_schema_has_the_same_id_again_and_elsewhere(settings: SchemaRegistry, subject: str) -> None:
    schema = order()

    ids = {register_schema(settings, name, schema) for name in (subject, subject, f"{subject}-2")}

    assert len(ids) == 1


def test_another_schema_has_another_id(settings: SchemaRegistry, subject: str) -> None:
    assert register_schema(settings, subject, order()) != register_schema(settings, f"{subject}-2", order())


def test_an_id_never_given_is_unknown(settings: SchemaRegistry) -> None:
    assert fetched(settings, 2_000_000_000) == SchemaUnknown(SchemaRef(2_000_000_000))


def test_a_guid_never_given_is_unknown_even_where_none_is_ever_given(settings: SchemaRegistry) -> None:
    guid = uuid4().hex

    assert fetched(settings, guid, SchemaKind.GUID) == SchemaUnknown(SchemaRef(guid, SchemaKind.GUID))


def test_a_path_that_is_not_there_is_no_word_about_the_schema(settings: SchemaRegistry) -> None:
    elsewhere = settings.model_copy(update={"url": f"{settings.url}/nowhere"})

    assert isinstance(fetched(elsewhere, 1), RegistryUnreachable)


def test_something_that_is_no_schema_is_not_taken(settings: SchemaRegistry, subject: str) -> None:
    with pytest.raises(ContractError, match=r"422 \(42201\)"):
        register_schema(settings, subject, {"type": "recor"})


def test_schemas_of_other_types_are_refused(url: str, settings: SchemaRegistry) -> None:
    schema_id = post(url, f"p-{uuid4()}", 'syntax = "proto3"; message A { string s = 1; }', schemaType="PROTOBUF")

    answer = fetched(settings, schema_id)

    assert isinstance(answer, SchemaRefused)
    assert "PROTOBUF" in answer.detail


def referring(url: str) -> tuple[str, str, str, int]:
    """Names of a schema, of one that uses it and of one that uses that, and the id of the last."""
    names = [f"{kind}{uuid4().hex}" for kind in ("Money", "Line", "Order")]
    money, line, whole = names

    def register(name: str, field_type: Any, uses: list[str]) -> int:
        fields = [{"name": "f", "type": field_type}]
        schema = {"type": "record", "name": name, "namespace": "com.acme", "fields": fields}
        references = [{"name": f"com.acme.{used}", "subject": used, "version": 1} for used in uses]
        return post(url, name, json.dumps(schema), references=references)

    register(money, "long", [])
    register(line, f"com.acme.{money}", [money])
    schema_id = register(whole, {"type": "array", "items": f"com.acme.{line}"}, [line])

    return money, line, whole, schema_id


def assert_reads(answer: SchemaAnswer, money: str, line: str) -> None:
    assert isinstance(answer, SchemaFound), answer
    assert [reference["name"] for reference in answer.references] == [money, line]
    parsed = parse_writer_schema(answer.schema, answer.references)
    assert isinstance(parsed, WriterSchema)
    read = parsed.read(b"\x02\xf4\x03\x00", 0)  # one line of 250
    assert isinstance(read, Decoded)
    assert read.fields == {"f": [{"f": {"f": 250}}]}


def test_references_are_brought_along_and_data_can_be_read(url: str, settings: SchemaRegistry) -> None:
    money, line, _, schema_id = referring(url)

    assert_reads(fetched(settings, schema_id), money, line)


@pytest.mark.parametrize("kind", [SchemaKind.GLOBAL_ID, SchemaKind.CONTENT_ID])
def test_by_apicurios_ids_references_are_brought_along_as_well(
    url: str, apicurio_settings: SchemaRegistry, kind: SchemaKind
) -> None:
    money, line, whole, _ = referring(url)
    version = call(apicurio_root(url), f"/v3/groups/default/artifacts/{whole}/versions/1")[1]

    schema_id = version["globalId" if kind is SchemaKind.GLOBAL_ID else "contentId"]

    assert_reads(fetched(apicurio_settings, schema_id, kind), money, line)


def test_one_content_may_stand_at_two_places_of_apicurios(url: str, apicurio_settings: SchemaRegistry) -> None:
    schema = order()
    names = [f"{kind}-{uuid4()}" for kind in ("orders", "copies")]
    for name in names:
        post(url, name, json.dumps(schema))
    places = [call(apicurio_root(url), f"/v3/groups/default/artifacts/{name}/versions/1")[1] for name in names]

    assert places[0]["globalId"] != places[1]["globalId"]
    assert places[0]["contentId"] == places[1]["contentId"]
    for place in places:
        for key, kind in (("globalId", SchemaKind.GLOBAL_ID), ("contentId", SchemaKind.CONTENT_ID)):
            found = SchemaFound(SchemaRef(place[key], kind), schema)
            assert fetched(apicurio_settings, place[key], kind) == found


@pytest.mark.parametrize("kind", [SchemaKind.GLOBAL_ID, SchemaKind.CONTENT_ID])
@pytest.mark.parametrize("schema_id", [2_000_000_000, 2**63 - 1])
def test_an_id_that_apicurio_never_gave_is_unknown(
    apicurio_settings: SchemaRegistry, kind: SchemaKind, schema_id: int
) -> None:
    assert fetched(apicurio_settings, schema_id, kind) == SchemaUnknown(SchemaRef(schema_id, kind))


def test_a_path_that_apicurio_does_not_have_is_no_word_about_the_schema(apicurio_settings: SchemaRegistry) -> None:
    elsewhere = f"{apicurio_settings.apicurio_url}/nowhere"

    answer = fetched(apicurio_settings.model_copy(update={"apicurio_url": elsewhere}), 1, SchemaKind.GLOBAL_ID)

    assert isinstance(answer, RegistryUnreachable)


def test_a_reference_to_nothing_is_not_taken(url: str) -> None:
    schema = {"type": "record", "name": "R", "fields": [{"name": "f", "type": "com.acme.Nothing"}]}
    reference = {"name": "com.acme.Nothing", "subject": f"nobody-{uuid4()}", "version": 1}

    status, answer = call(
        url, f"/subjects/r-{uuid4()}/versions", {"schema": json.dumps(schema), "references": [reference]}
    )

    assert (status, answer["error_code"]) == (422, 42201)


def test_subjects_and_versions_are_listed(url: str) -> None:
    subject = f"s-{uuid4()}"
    first = order()
    second = first | {"fields": [*first["fields"], {"name": "more", "type": ["null", "int"], "default": None}]}
    post(url, subject, json.dumps(first))
    schema_id = post(url, subject, json.dumps(second))

    assert subject in call(url, "/subjects")[1]
    assert call(url, f"/subjects/{subject}/versions") == (200, [1, 2])
    for version in ("2", "latest"):
        status, answer = call(url, f"/subjects/{subject}/versions/{version}")
        assert status == 200
        assert (answer["subject"], answer["version"], answer["id"]) == (subject, 2, schema_id)
        assert json.loads(answer["schema"]) == second


@pytest.mark.parametrize(
    ("path", "error_code"),
    [
        ("/subjects/nobody/versions", 40401),
        ("/subjects/nobody/versions/1", 40401),
        ("/subjects/{subject}/versions/9", 40402),
        ("/schemas/ids/2000000000", 40403),
    ],
)
def test_what_is_not_there_has_its_own_error_code(url: str, path: str, error_code: int) -> None:
    subject = f"s-{uuid4()}"
    post(url, subject, json.dumps(order()))

    status, answer = call(url, path.format(subject=subject))

    assert (status, answer["error_code"]) == (404, error_code)


def test_data_written_with_a_registered_schema_is_read_with_the_fetched_one(
    settings: SchemaRegistry, subject: str
) -> None:
    schema = order()
    answer = fetched(settings, register_schema(settings, subject, schema))
    assert isinstance(answer, SchemaFound)
    buffer = BytesIO()
    fastavro.schemaless_writer(
        buffer, fastavro.parse_schema(schema), {"order_id": "o-1", "total": Decimal("1.5"), "note": None}
    )

    parsed = parse_writer_schema(answer.schema, answer.references)

    assert isinstance(parsed, WriterSchema)
    assert isinstance(parsed.read(buffer.getvalue(), 0), Decoded)
