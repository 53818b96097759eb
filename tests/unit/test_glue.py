"""AWS Glue's registry through AWS' own client, against a server on 127.0.0.1 that speaks Glue's protocol."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from consumer.config import SchemaRegistry
from consumer.errors import ConfigError
from consumer.records import SchemaKind, SchemaRef
from consumer.registry import Registry, RegistryUnreachable, SchemaAnswer, SchemaFound, SchemaRefused, SchemaUnknown

VERSION_ID = "b7b4a7f0-9c96-4e4a-a687-fb5de9ef0c63"
REF = SchemaRef(VERSION_ID.replace("-", ""), SchemaKind.GLUE_VERSION)
ORDER = {"type": "record", "name": "Order", "namespace": "com.acme", "fields": [{"name": "id", "type": "string"}]}
FOUND = {
    "SchemaVersionId": VERSION_ID,
    "DataFormat": "AVRO",
    "SchemaDefinition": json.dumps(ORDER),
    "Status": "DELETING",
}


@dataclass
class FakeGlue:
    """Answers every request alike, and keeps what it was asked.

    Source: AWS Glue Web API Reference, "GetSchemaVersion"; its protocol is AWS JSON 1.1.
    """

    status: int = 200
    answer: dict[str, Any] = field(default_factory=lambda: FOUND)
    is_asked: threading.Event = field(default_factory=threading.Event)
    is_silent: threading.Event | None = None
    """It answers once this is set."""
    url: str = ""
    targets: list[str | None] = field(default_factory=list)
    bodies: list[Any] = field(default_factory=list)


@pytest.fixture
def glue() -> Iterator[FakeGlue]:
    fake = FakeGlue()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            fake.targets.append(self.headers["X-Amz-Target"])
            fake.bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            fake.is_asked.set()
            if fake.is_silent is not None:
                fake.is_silent.wait()
            body = json.dumps(fake.answer).encode()
            self.send_response(fake.status)
            self.send_header("Content-Type", "application/x-amz-json-1.1")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            with contextlib.suppress(OSError):  # who waited in vain has gone
                self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Not into the tests' output."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        fake.url = f"http://127.0.0.1:{server.server_port}"
        yield fake
        if fake.is_silent is not None:
            fake.is_silent.set()
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def _aws(monkeypatch: pytest.MonkeyPatch) -> None:
    """Credentials of nobody, and nothing of this machine's."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "made-up-key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "made-up-secret")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")


def fetched(url: str, *, timeout_s: float = 5.0) -> SchemaAnswer:
    async def run() -> SchemaAnswer:
        registry = Registry(SchemaRegistry(glue_region="eu-west-1", glue_endpoint_url=url, timeout_s=timeout_s))
        try:
            return await registry.fetch(REF)
        finally:
            await registry.aclose()

    return asyncio.run(run())


def detail_of(answer: SchemaAnswer) -> str:
    assert isinstance(answer, RegistryUnreachable | SchemaRefused), answer
    assert "made-up" not in answer.detail
    return answer.detail


def test_a_version_is_asked_for_by_its_uuid_and_its_schema_comes_back(glue: FakeGlue) -> None:
    assert fetched(glue.url) == SchemaFound(REF, ORDER)

    assert glue.targets == ["AWSGlue.GetSchemaVersion"]
    assert glue.bodies == [{"SchemaVersionId": VERSION_ID}]


def test_a_version_that_glue_does_not_have_is_unknown(glue: FakeGlue) -> None:
    glue.status, glue.answer = 400, {"__type": "EntityNotFoundException", "Message": "Schema version is not found."}

    assert fetched(glue.url) == SchemaUnknown(REF)


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, "AccessDeniedException"), (400, "ThrottlingException"), (500, "InternalServiceException")],
)
def test_any_other_error_is_unreachable_and_asked_about_once(glue: FakeGlue, status: int, kind: str) -> None:
    glue.status, glue.answer = status, {"__type": kind, "Message": "arn:aws:iam::123456789012:role/made-up-role"}

    assert kind in detail_of(fetched(glue.url))
    assert len(glue.targets) == 1


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        pytest.param(FOUND | {"DataFormat": "PROTOBUF"}, "PROTOBUF", id="another type"),
        pytest.param(FOUND | {"SchemaDefinition": "not JSON"}, "not JSON", id="no schema"),
    ],
)
def test_what_is_no_avro_schema_is_refused(glue: FakeGlue, answer: dict[str, Any], says: str) -> None:
    glue.answer = answer

    assert says in detail_of(fetched(glue.url))


def test_an_answer_without_a_schema_is_no_word_about_it(glue: FakeGlue) -> None:
    glue.answer = {"DataFormat": "AVRO"}

    assert isinstance(fetched(glue.url), RegistryUnreachable)


def test_a_silent_registry_is_waited_for_no_longer_than_said(glue: FakeGlue) -> None:
    glue.is_silent = threading.Event()

    assert "ReadTimeoutError" in detail_of(fetched(glue.url, timeout_s=0.2))


def test_nobody_at_the_address_is_unreachable() -> None:
    assert "EndpointConnectionError" in detail_of(fetched("http://127.0.0.1:1"))


def test_without_credentials_it_is_unreachable_and_nobody_is_asked(
    glue: FakeGlue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")

    assert "NoCredentialsError" in detail_of(fetched(glue.url))
    assert glue.targets == []


def test_a_file_of_credentials_that_cannot_be_read_is_waited_for(
    glue: FakeGlue, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_ROLE_ARN", "arn:aws:iam::000000000000:role/none")
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(tmp_path / "made-up"))

    detail = detail_of(fetched(glue.url))

    assert "FileNotFoundError" in detail
    assert "made-up" not in detail


def test_where_its_file_is_read_at_the_start_it_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1:1/v1/credentials")
    monkeypatch.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", str(tmp_path / "made-up"))

    with pytest.raises(ConfigError, match=r"\(FileNotFoundError\); check .* credentials") as caught:
        fetched("http://127.0.0.1:1")

    assert "made-up" not in str(caught.value)


def test_an_address_that_is_none_is_refused_and_not_repeated() -> None:
    with pytest.raises(ConfigError, match="glue_endpoint_url") as caught:
        fetched("nowhere with made-up-secret")

    assert "made-up" not in str(caught.value)


def test_waiting_for_glue_does_not_hold_up_the_loop(glue: FakeGlue) -> None:
    glue.is_silent = silence = threading.Event()

    async def run() -> SchemaAnswer:
        registry = Registry(SchemaRegistry(glue_region="eu-west-1", glue_endpoint_url=glue.url, timeout_s=5))
        under_way = asyncio.create_task(registry.fetch(REF))
        await asyncio.to_thread(glue.is_asked.wait)
        silence.set()  # by the loop, so it turns while the request waits
        answer = await under_way
        await registry.aclose()
        return answer

    assert asyncio.run(run()) == SchemaFound(REF, ORDER)
