"""Looking schemas up: what the registry's answers mean, what is remembered, and how connections are secured."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import socket
import ssl
import subprocess
import threading
import urllib.request
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import pytest
from pydantic import SecretStr

from consumer.config import SchemaRegistry
from consumer.demo.registry import EmbeddedRegistry, Fault
from consumer.errors import ConfigError, ContractError
from consumer.records import SchemaKind, SchemaRef
from consumer.registry import (
    Registry,
    RegistryUnreachable,
    SchemaAnswer,
    SchemaFound,
    SchemaRefused,
    SchemaUnknown,
    register_schema,
)
from consumer.timing import ManualClock
from tests.harness.certificates import Certificates

T = TypeVar("T")

ORDER = {"type": "record", "name": "Order", "namespace": "com.acme", "fields": [{"name": "id", "type": "string"}]}
REF = SchemaRef(1)


def asked(settings: SchemaRegistry, ask: Callable[[Registry], Awaitable[T]], clock: ManualClock | None = None) -> T:
    """What `ask` makes of a registry client, on a loop of its own."""

    async def run() -> T:
        registry = Registry(settings, clock)
        try:
            return await ask(registry)
        finally:
            await registry.aclose()

    return asyncio.run(run())


def settings_of(server: EmbeddedRegistry, **more: Any) -> SchemaRegistry:
    return SchemaRegistry.model_validate({"url": server.url, **more})


def answer_to(server: EmbeddedRegistry, *faults: Fault, **more: Any) -> SchemaAnswer:
    """What the look-up of id 1 says when its requests meet these faults."""
    server.faults.extend(faults)
    return asked(settings_of(server, **more), lambda registry: registry.fetch(REF))


def canned(**answer: Any) -> Fault:
    return Fault(status=200, body=json.dumps(answer).encode())


def detail_of(answer: SchemaAnswer) -> str:
    assert isinstance(answer, RegistryUnreachable | SchemaRefused), answer
    return answer.detail


# --- what answers mean --------------------------------------------------------------------------------------


def test_a_registered_schema_is_found_by_its_id() -> None:
    with EmbeddedRegistry() as server:
        schema_id = register_schema(settings_of(server), "orders-value", ORDER)

        answer = answer_to(server)

    assert schema_id == 1
    assert answer == SchemaFound(REF, ORDER)


def test_the_path_of_the_base_url_is_kept() -> None:
    with EmbeddedRegistry() as server:
        asked(SchemaRegistry(url=f"{server.url}/apis/ccompat/v7/"), lambda registry: registry.fetch(REF))

    assert server.requests == ["GET /apis/ccompat/v7/schemas/ids/1"]


@pytest.mark.parametrize("error_code", [40401, 40402, 40403, 40406])
def test_an_id_that_the_registry_says_it_lacks_is_unknown(error_code: int) -> None:
    with EmbeddedRegistry() as server:
        body = json.dumps({"error_code": error_code, "message": "not found"}).encode()

        assert answer_to(server, Fault(404, body)) == SchemaUnknown(REF)


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        pytest.param(Fault(404, b"<html>no such page</html>"), "schema_registry.url", id="404 of a proxy"),
        pytest.param(Fault(404, b'{"error_code":404,"message":"HTTP 404"}'), "schema_registry.url", id="404 of a path"),
        pytest.param(Fault(404, b"[40403]"), "schema_registry.url", id="404 of something else"),
        pytest.param(Fault(401, b"{}"), "credentials", id="401"),
        pytest.param(Fault(403, b""), "credentials", id="403"),
        pytest.param(Fault(302, b""), "302", id="a redirect"),
        pytest.param(Fault(429, b""), "429", id="too many requests"),
        pytest.param(Fault(500, b'{"error_code":50001}'), "500 (50001)", id="an error of its store"),
        pytest.param(Fault(503, b""), "503", id="not there just now"),
        pytest.param(Fault(200, b"<html>welcome</html>"), "no JSON object", id="a page"),
        pytest.param(Fault(200, b"[" * 100_000), "no JSON object", id="endless nesting"),
        pytest.param(Fault(200, b'{"id": 1}'), "no schema", id="an answer without a schema"),
        pytest.param(canned(schema="{}", references=[{"name": "x"}]), "references", id="unreadable references"),
        pytest.param(canned(schema="{}", references=7), "references", id="references that are a number"),
        pytest.param(Fault(200, b" " * (4 * 1024 * 1024 + 1)), "more than 4194304 bytes", id="an endless answer"),
        pytest.param(Fault(is_dropped=True), "RemoteProtocolError", id="a connection cut"),
    ],
)
def test_what_says_nothing_of_the_schema_is_unreachable(fault: Fault, says: str) -> None:
    with EmbeddedRegistry() as server:
        answer = answer_to(server, fault)

    assert isinstance(answer, RegistryUnreachable)
    assert says in answer.detail


def test_nobody_listening_is_unreachable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

    answer = asked(SchemaRegistry(url=f"http://127.0.0.1:{port}"), lambda registry: registry.fetch(REF))

    assert "no connection" in detail_of(answer)


def test_silence_is_unreachable_after_the_timeout() -> None:
    with EmbeddedRegistry() as server:
        answer = answer_to(server, Fault(delay_s=30), timeout_s=0.05)

    assert "ReadTimeout" in detail_of(answer)


def test_an_answer_that_drips_is_given_up_at_the_deadline() -> None:
    clock = ManualClock()

    with socket.create_server(("127.0.0.1", 0)) as listener:

        def drip() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65_536)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{")
                clock.advance(16.0)
                connection.sendall(b" ")
                connection.recv(1)  # until the client hangs up

        thread = threading.Thread(target=drip)
        thread.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        answer = asked(SchemaRegistry(url=url, timeout_s=5), lambda registry: registry.fetch(REF), clock)
        thread.join(10)

    assert "no whole answer within 15 s" in detail_of(answer)


@pytest.mark.parametrize("kind", ["PROTOBUF", "JSON"])
def test_a_schema_that_is_not_avro_is_refused(kind: str) -> None:
    with EmbeddedRegistry() as server:
        assert kind in detail_of(answer_to(server, canned(schema="message A {}", schemaType=kind)))


def test_a_schema_that_is_not_json_is_refused() -> None:
    with EmbeddedRegistry() as server:
        assert isinstance(answer_to(server, canned(schema="not json")), SchemaRefused)


# --- references ---------------------------------------------------------------------------------------------


def reference(subject: str, version: int = 1) -> dict[str, Any]:
    return {"name": subject, "subject": subject, "version": version}


def test_references_come_each_after_those_that_it_uses() -> None:
    with EmbeddedRegistry() as server:
        answer = answer_to(
            server,
            canned(schema='"order"', references=[reference("line"), reference("money")]),
            canned(schema='"line"', references=[reference("money"), reference("size")]),
            canned(schema='"money"'),
            canned(schema='"size"'),
        )

    assert answer == SchemaFound(REF, "order", ("money", "size", "line"))
    assert server.requests.count("GET /subjects/money/versions/1?deleted=true") == 1


def test_the_name_of_a_subject_is_one_part_of_the_path() -> None:
    with EmbeddedRegistry() as server:
        answer_to(server, canned(schema='"order"', references=[reference("a/b c?d", 3)]), canned(schema='"other"'))

    assert server.requests[1] == "GET /subjects/a%2Fb%20c%3Fd/versions/3?deleted=true"


def test_references_in_a_circle_are_refused() -> None:
    there, back = canned(schema='"a"', references=[reference("b")]), canned(schema='"b"', references=[reference("a")])

    with EmbeddedRegistry() as server:
        answer = answer_to(server, there, back, there)

    assert isinstance(answer, SchemaRefused)
    assert "circle" in answer.detail


def test_references_larger_than_anybody_needs_are_refused() -> None:
    def long(uses: str) -> Fault:
        schema = json.dumps({"type": "string", "doc": "x" * 3_000_000})
        return canned(schema=schema, references=[reference(uses)])

    with EmbeddedRegistry() as server:
        assert "8388608 characters" in detail_of(answer_to(server, long("b"), long("c"), long("d")))


def test_more_references_than_anybody_needs_are_refused() -> None:
    with EmbeddedRegistry() as server:
        row = [canned(schema='"a"', references=[reference(f"s{i}")]) for i in range(101)]
        answer = answer_to(server, *row)

    assert isinstance(answer, SchemaRefused)
    assert "more than 100" in answer.detail


def test_a_reference_that_the_registry_lacks_leaves_the_schema_unknown() -> None:
    with EmbeddedRegistry() as server:
        assert answer_to(server, canned(schema='"a"', references=[reference("gone")])) == SchemaUnknown(REF)


def test_a_reference_that_cannot_be_asked_for_is_unreachable() -> None:
    with EmbeddedRegistry() as server:
        faults = canned(schema='"a"', references=[reference("b")]), Fault(503)
        answer = answer_to(server, *faults)

    assert isinstance(answer, RegistryUnreachable)


# --- what is remembered -------------------------------------------------------------------------------------


def test_calls_at_the_same_time_share_one_request() -> None:
    async def together(registry: Registry) -> list[SchemaAnswer]:
        return await asyncio.gather(*(registry.fetch(REF) for _ in range(10)))

    with EmbeddedRegistry() as server:
        register_schema(settings_of(server), "orders-value", ORDER)
        answers = asked(settings_of(server), together)

    assert answers == [SchemaFound(REF, ORDER)] * 10
    assert server.requests.count("GET /schemas/ids/1") == 1


def test_a_found_or_refused_schema_is_never_asked_for_again() -> None:
    clock = ManualClock()

    async def twice(registry: Registry) -> None:
        for ref in (REF, SchemaRef(2)):
            await registry.fetch(ref)
            clock.advance(1e9)
            await registry.fetch(ref)

    with EmbeddedRegistry() as server:
        server.faults.extend([canned(schema='"string"'), canned(schema="", schemaType="PROTOBUF")])
        asked(settings_of(server), twice, clock)

    assert server.requests == ["GET /schemas/ids/1", "GET /schemas/ids/2"]


def test_an_unknown_id_is_asked_for_again_after_five_seconds() -> None:
    clock = ManualClock()

    async def again(registry: Registry) -> tuple[SchemaAnswer, ...]:
        first = await registry.fetch(REF)
        await asyncio.to_thread(register_schema, settings_of(server), "orders-value", ORDER)
        clock.advance(4.9)
        second = await registry.fetch(REF)
        clock.advance(0.2)
        return first, second, await registry.fetch(REF)

    with EmbeddedRegistry() as server:
        answers = asked(settings_of(server), again, clock)

    assert answers == (SchemaUnknown(REF), SchemaUnknown(REF), SchemaFound(REF, ORDER))
    assert server.requests.count("GET /schemas/ids/1") == 2


def test_unknown_ids_are_not_hoarded() -> None:
    clock = ManualClock()

    async def noise(registry: Registry) -> int:
        for schema_id in range(1, 21):
            await registry.fetch(SchemaRef(schema_id))
            clock.advance(1.0)
        return len(registry._unknown_until_s)

    with EmbeddedRegistry() as server:
        assert asked(settings_of(server), noise, clock) == 5


def test_an_unreachable_registry_is_asked_again_at_once() -> None:
    async def twice(registry: Registry) -> list[SchemaAnswer]:
        return [await registry.fetch(REF), await registry.fetch(REF)]

    with EmbeddedRegistry() as server:
        register_schema(settings_of(server), "orders-value", ORDER)
        server.faults.append(Fault(503))
        answers = asked(settings_of(server), twice)

    assert [type(answer) for answer in answers] == [RegistryUnreachable, SchemaFound]


def test_a_cancelled_caller_takes_nothing_from_the_others() -> None:
    async def one_leaves(registry: Registry) -> SchemaAnswer:
        leaving, staying = asyncio.create_task(registry.fetch(REF)), asyncio.create_task(registry.fetch(REF))
        await asyncio.sleep(0)  # both have asked
        leaving.cancel()
        return await staying

    with EmbeddedRegistry() as server:
        register_schema(settings_of(server), "orders-value", ORDER)
        server.faults.append(Fault(delay_s=0.05))

        assert asked(settings_of(server), one_leaves) == SchemaFound(REF, ORDER)


def test_many_look_ups_at_once_are_made_four_at_a_time() -> None:
    under_way, most = 0, 0

    async def answer_late(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal under_way, most
        await reader.readuntil(b"\r\n\r\n")
        under_way += 1
        most = max(most, under_way)
        for _ in range(100):  # turns of the loop, in which others could come
            await asyncio.sleep(0)
        under_way -= 1
        body = b'{"error_code":40403}'
        writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
        writer.close()

    async def many() -> list[SchemaAnswer]:
        async with await asyncio.start_server(answer_late, "127.0.0.1", 0) as server:
            registry = Registry(SchemaRegistry(url=f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"))
            answers = await asyncio.gather(*(registry.fetch(SchemaRef(i)) for i in range(1, 41)))
            await registry.aclose()
            return answers

    assert asyncio.run(many()) == [SchemaUnknown(SchemaRef(i)) for i in range(1, 41)]
    assert most == 4


def test_closing_ends_what_is_under_way() -> None:
    async def closed_meanwhile() -> SchemaAnswer:
        is_asked = asyncio.Event()

        async def never_answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            is_asked.set()
            await reader.read()
            writer.close()

        async with await asyncio.start_server(never_answer, "127.0.0.1", 0) as server:
            registry = Registry(SchemaRegistry(url=f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"))
            under_way = asyncio.create_task(registry.fetch(REF))
            await is_asked.wait()
            await registry.aclose()
            return await under_way

    assert isinstance(asyncio.run(closed_meanwhile()), RegistryUnreachable)


# --- registering --------------------------------------------------------------------------------------------


def test_the_same_schema_keeps_its_id() -> None:
    with EmbeddedRegistry() as server:
        ids = [register_schema(settings_of(server), subject, ORDER) for subject in ("a-value", "a-value", "b-value")]

    assert ids == [1, 1, 1]


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        (Fault(409, b'{"error_code":409,"message":"incompatible"}'), "409"),
        (Fault(422, b'{"error_code":42201}'), "422 (42201)"),
        (Fault(200, b"{}"), "without an id"),
        (Fault(200, b"?"), "no JSON object"),
        (Fault(is_dropped=True), "RemoteProtocolError"),
    ],
)
def test_a_schema_that_is_not_taken_raises(fault: Fault, says: str) -> None:
    with EmbeddedRegistry() as server:
        server.faults.append(fault)

        with pytest.raises(ContractError) as caught:
            register_schema(settings_of(server), "orders-value", ORDER)

    assert says in str(caught.value)


# --- credentials --------------------------------------------------------------------------------------------


def test_basic_authentication_is_sent() -> None:
    expected = "Basic " + base64.b64encode("reader:pa:ss wörd".encode()).decode()

    with EmbeddedRegistry(authorization=expected) as server:
        answer = answer_to(server, username="reader", password="pa:ss wörd")

    assert answer == SchemaUnknown(REF)


def test_a_bearer_token_is_sent() -> None:
    with EmbeddedRegistry(authorization="Bearer made-up.token") as server:
        answer = answer_to(server, bearer_token="made-up.token")
        register_schema(settings_of(server, bearer_token="made-up.token"), "orders-value", ORDER)

    assert answer == SchemaUnknown(REF)


def test_wrong_credentials_are_unreachable_and_not_repeated() -> None:
    with EmbeddedRegistry(authorization="Bearer made-up.token") as server:
        answer = answer_to(server, bearer_token="another")

    assert "credentials" in detail_of(answer)
    assert "another" not in detail_of(answer)


@pytest.mark.parametrize("url", ["", "localhost:8081", "ftp://127.0.0.1", "http://", "http://a:1,http://b:2"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match=r"schema_registry\.url"):
        asked(SchemaRegistry(url=url), lambda registry: registry.fetch(REF))


@pytest.mark.parametrize(
    "settings",
    [
        SchemaRegistry(url="http://reader:made-up-secret@127.0.0.1:1"),
        SchemaRegistry(url="http://127.0.0.1:1?token=made-up-secret"),
        SchemaRegistry(url="http://127.0.0.1:1", bearer_token=SecretStr("made-up-secret\n")),
    ],
)
def test_credentials_in_the_wrong_place_or_shape_are_refused_and_not_repeated(settings: SchemaRegistry) -> None:
    with pytest.raises(ConfigError) as caught:
        asked(settings, lambda registry: registry.fetch(REF))

    assert "made-up-secret" not in str(caught.value)


def test_an_id_that_no_configured_registry_knows_is_a_mistake_of_the_configuration() -> None:
    for settings, ref in (
        (SchemaRegistry(), REF),
        (SchemaRegistry(url="http://127.0.0.1:1"), SchemaRef(1, SchemaKind.GLOBAL_ID)),
        (SchemaRegistry(apicurio_url="http://127.0.0.1:1/apis/registry/v3"), REF),
    ):
        with pytest.raises(ConfigError, match=f"schema {ref}, and there is no registry to ask"):
            asked(settings, partial(Registry.fetch, ref=ref))


# --- other names of schemas ---------------------------------------------------------------------------------


def test_a_guid_is_looked_up_by_its_usual_form() -> None:
    guid = "89791762-2336-4186-9674-299b90a802e2"
    ref = SchemaRef(guid.replace("-", ""), SchemaKind.GUID)
    with EmbeddedRegistry() as server:
        answer = asked(settings_of(server), partial(Registry.fetch, ref=ref))

    assert answer == SchemaUnknown(ref)
    assert server.requests == [f"GET /schemas/guids/{guid}"]


@pytest.mark.parametrize(
    ("of_ids", "expected"),
    [
        pytest.param(Fault(), SchemaUnknown, id="a registry from before GUIDs"),
        pytest.param(Fault(404, b"<html>no such page</html>"), RegistryUnreachable, id="no registry at all"),
        pytest.param(Fault(500), RegistryUnreachable, id="a registry in trouble"),
    ],
)
def test_only_a_wrong_address_is_worth_waiting_for_a_guid(of_ids: Fault, expected: type[SchemaAnswer]) -> None:
    with EmbeddedRegistry() as server:
        server.faults += [Fault(404, b'{"error_code":404,"message":"HTTP 404 Not Found"}'), of_ids]
        answer = asked(settings_of(server), partial(Registry.fetch, ref=SchemaRef(32 * "1", SchemaKind.GUID)))

    assert isinstance(answer, expected), answer
    assert len(server.requests) == 2


CONTENT = SchemaRef(1, SchemaKind.CONTENT_ID)


def apicurio_answer(*faults: Fault, version: str = "v3") -> SchemaAnswer:
    with EmbeddedRegistry() as server:
        register_schema(settings_of(server), "orders-value", ORDER)
        server.faults += faults
        settings = SchemaRegistry(apicurio_url=f"{server.url}/apis/registry/{version}/")
        return asked(settings, partial(Registry.fetch, ref=CONTENT))


@pytest.mark.parametrize("version", ["v2", "v3"])
def test_apicurios_own_api_is_asked_for_its_ids(version: str) -> None:
    assert apicurio_answer(version=version) == SchemaFound(CONTENT, ORDER)


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(Fault(404, b'{"error_code":404,"name":"ArtifactNotFoundException"}'), id="Apicurio 2"),
        pytest.param(Fault(404, b'{"status":404,"name":"ContentNotFoundException"}'), id="Apicurio 3"),
    ],
)
def test_what_apicurio_does_not_have_is_unknown(fault: Fault) -> None:
    assert apicurio_answer(fault) == SchemaUnknown(CONTENT)


@pytest.mark.parametrize(
    ("faults", "says"),
    [
        pytest.param([Fault(404, b'{"status":404,"name":"NotFoundException"}')], "apicurio_url", id="404 of a path"),
        pytest.param([Fault(404, b"<html>")], "apicurio_url", id="404 of a proxy"),
        pytest.param([Fault(404, b'["ContentNotFoundException"]')], "apicurio_url", id="404 of something else"),
        pytest.param([Fault(401)], "credentials", id="401"),
        pytest.param([Fault(503)], "answered 503", id="503"),
        pytest.param([Fault(500, b'{"name":"ContentNotFoundException"}')], "answered 500", id="500 with such a name"),
        pytest.param([Fault(is_dropped=True)], "no answer", id="no answer"),
        pytest.param([Fault(), Fault(503)], "answered 503", id="no answer about its references"),
        pytest.param([Fault(), Fault(200, b"{}")], "no JSON list", id="references that are no list"),
        pytest.param([Fault(), Fault(200, b'[{"artifactId": 7}]')], "unreadable references", id="half a reference"),
        pytest.param([Fault(), Fault(200, b"[7]")], "unreadable references", id="a reference that is a number"),
    ],
)
def test_no_word_of_apicurios_about_the_schema_is_unreachable(faults: list[Fault], says: str) -> None:
    assert says in detail_of(apicurio_answer(*faults))


@pytest.mark.parametrize("content", [b'syntax = "proto3";', b"\xff"])
def test_what_is_no_avro_schema_of_apicurios_is_refused(content: bytes) -> None:
    assert isinstance(apicurio_answer(Fault(200, content)), SchemaRefused)


def test_references_of_apicurios_that_form_a_circle_are_refused() -> None:
    itself = Fault(200, b'[{"groupId": "a shop", "artifactId": "x/y", "version": "1.0", "name": "X"}]')

    answer = apicurio_answer(Fault(), itself, Fault(200, b'"long"'), itself)

    assert "circle" in detail_of(answer)


# --- TLS ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))


def test_a_server_signed_by_the_configured_authority_is_trusted(certificates: Certificates) -> None:
    with EmbeddedRegistry(tls=certificates.server_side(asks_clients=False)) as server:
        answer = answer_to(server, ssl_ca_file=certificates.authority)

    assert answer == SchemaUnknown(REF)


@pytest.mark.parametrize("trusted", ["nobody named", "another authority"])
def test_a_server_signed_by_another_authority_is_not_trusted(certificates: Certificates, trusted: str) -> None:
    more = {} if trusted == "nobody named" else {"ssl_ca_file": certificates.stranger}

    with EmbeddedRegistry(tls=certificates.server_side(asks_clients=False)) as server:
        answer = answer_to(server, **more)

    assert "CERTIFICATE_VERIFY_FAILED" in detail_of(answer)
    assert server.requests == []


def test_a_client_certificate_is_shown(certificates: Certificates) -> None:
    with EmbeddedRegistry(tls=certificates.server_side(asks_clients=True)) as server:
        settings = settings_of(
            server,
            ssl_ca_file=certificates.authority,
            ssl_certificate_file=certificates.client,
            ssl_key_file=certificates.key_of(certificates.client),
        )
        schema_id = register_schema(settings, "orders-value", ORDER)

        assert asked(settings, lambda registry: registry.fetch(REF)) == SchemaFound(SchemaRef(schema_id), ORDER)


@pytest.mark.parametrize("shown", ["none", "one of a stranger"])
def test_without_a_trusted_client_certificate_there_is_no_answer(certificates: Certificates, shown: str) -> None:
    more = {"ssl_ca_file": certificates.authority}
    if shown != "none":
        stranger = certificates.stranger
        more |= {"ssl_certificate_file": stranger, "ssl_key_file": certificates.key_of(stranger)}

    with EmbeddedRegistry(tls=certificates.server_side(asks_clients=True)) as server:
        answer = answer_to(server, **more)

    assert isinstance(answer, RegistryUnreachable)
    assert server.requests == []


def test_the_reason_for_which_a_server_refuses_a_client_certificate_is_told(certificates: Certificates) -> None:
    is_answered = threading.Event()
    context = certificates.server_side(asks_clients=True)
    stranger = certificates.stranger

    with socket.create_server(("127.0.0.1", 0)) as listener:

        def refuse() -> None:
            connection, _ = listener.accept()
            with context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False) as shaking:
                with contextlib.suppress(ssl.SSLError):
                    shaking.do_handshake()
                is_answered.wait(10)  # closed at once, the alert may be lost

        thread = threading.Thread(target=refuse)
        thread.start()
        settings = SchemaRegistry(
            url=f"https://127.0.0.1:{listener.getsockname()[1]}",
            ssl_ca_file=certificates.authority,
            ssl_certificate_file=stranger,
            ssl_key_file=certificates.key_of(stranger),
        )
        answer = asked(settings, lambda registry: registry.fetch(REF))
        is_answered.set()
        thread.join(10)

    assert "UNKNOWN_CA" in detail_of(answer)


@pytest.mark.parametrize("key", ["ssl_ca_file", "ssl_certificate_file"])
@pytest.mark.parametrize("content", [None, "not a certificate"])
def test_unusable_certificates_are_refused_by_name(key: str, content: str | None, tmp_path: Path) -> None:
    path = tmp_path / "file.pem"
    if content is not None:
        path.write_text(content)
    more = {key: path} | ({"ssl_key_file": path} if key == "ssl_certificate_file" else {})

    with pytest.raises(ConfigError, match=key):
        asked(
            SchemaRegistry.model_validate({"url": "https://127.0.0.1:1", **more}),
            lambda registry: registry.fetch(REF),
        )


def test_an_encrypted_key_is_refused(certificates: Certificates, tmp_path: Path) -> None:
    encrypted = tmp_path / "encrypted.key"
    command = ["openssl", "ec", "-aes256", "-passout", "pass:made-up", "-out", str(encrypted)]
    command += ["-in", str(certificates.key_of(certificates.client))]
    subprocess.run(command, check=True, capture_output=True, timeout=30)
    settings = SchemaRegistry(
        url="https://127.0.0.1:1", ssl_certificate_file=certificates.client, ssl_key_file=encrypted
    )

    with pytest.raises(ConfigError, match="ssl_certificate_file"):
        asked(settings, lambda registry: registry.fetch(REF))


# --- the embedded registry's own ways -----------------------------------------------------------------------


def raw(server: EmbeddedRegistry, path: str) -> Any:
    with urllib.request.urlopen(f"{server.url}{path}", timeout=5) as response:  # noqa: S310 - our own address
        return json.load(response)


def test_the_embedded_registry_serves_others_while_one_says_nothing() -> None:
    with EmbeddedRegistry() as server, socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2]))):
        assert raw(server, "/subjects") == []
