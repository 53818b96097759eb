"""The operator's own authority, for the API and for the registry: trusted where it is named, else nothing is sent."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.harness.certificates import Certificates
from tests.harness.cluster import EmbeddedCluster
from tests.harness.ledger import Settlement
from tests.harness.processes import Children
from tests.harness.world import World, stop

RECORDS = 40


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))


class TlsFront:
    """Ends TLS in front of a server that knows none; counts who comes, also who does not like its certificate."""

    def __init__(self, behind: str, tls: ssl.SSLContext) -> None:
        parts = urlsplit(behind)
        self._behind = parts.hostname, parts.port
        self._tls = tls
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self.served = 0
        """Connections whose client took the certificate."""

    def __enter__(self) -> TlsFront:
        self._thread.start()
        serving = asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._tls)
        self._server = asyncio.run_coroutine_threadsafe(serving, self._loop).result(10)
        self.url = f"https://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _end(self) -> None:
        self._server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.served += 1
        behind_reader, behind_writer = await asyncio.open_connection(*self._behind)
        await asyncio.gather(_copy(reader, behind_writer), _copy(behind_reader, writer))


async def _copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while received := await source.read(65_536):
            sink.write(received)
            await sink.drain()
    with contextlib.suppress(OSError):
        sink.close()
        await sink.wait_closed()


@pytest.fixture
def world(embedded: EmbeddedCluster, children: Children, tmp_path: Path) -> Iterator[World]:
    with World(embedded, children, tmp_path, latency_ms="1-5") as world:
        world.produce("orders", RECORDS)
        yield world


WRONG = ("an authority that is not trusted", "an expired certificate", "a certificate of another host")


def shown_and_trusted(certificates: Certificates, wrong: str) -> tuple[Path, Path]:
    """What the server shows, and whom the consumer trusts."""
    match wrong:
        case "an authority that is not trusted":
            return certificates.server, certificates.stranger
        case "an expired certificate":
            return certificates.expired(), certificates.authority
        case _:
            return certificates.of_another_host(), certificates.authority


@pytest.mark.parametrize("wrong", WRONG)
def test_an_api_that_cannot_be_trusted_gets_nothing_until_it_can(
    world: World, certificates: Certificates, wrong: str
) -> None:
    shown, trusted = shown_and_trusted(certificates, wrong)
    api = world.api_address()
    with TlsFront(api, certificates.server_side(shown)) as front:
        consumer = world.consumer("refusing", pinterest__base_url=front.url, pinterest__ssl_ca_file=trusted)
        consumer.wait_for_output("ConnectError", within_s=60)
        refusing = stop(consumer)

        assert front.served == 0

    assert world.record() == []
    assert refusing["balanced"]
    with TlsFront(api, certificates.server_side()) as front:
        consumer = world.consumer(
            "trusting", pinterest__base_url=front.url, pinterest__ssl_ca_file=certificates.authority
        )
        world.wait_until_committed_to_the_end(consumer)
        assert stop(consumer)["balanced"]
        assert front.served
    assert world.settlement() == Settlement()


@pytest.mark.parametrize("wrong", WRONG)
def test_a_registry_that_cannot_be_trusted_is_asked_nothing_until_it_can(
    world: World, certificates: Certificates, wrong: str
) -> None:
    shown, trusted = shown_and_trusted(certificates, wrong)
    with TlsFront(world.registry.url, certificates.server_side(shown)) as front:
        consumer = world.consumer("refusing", schema_registry__url=front.url, schema_registry__ssl_ca_file=trusted)
        consumer.wait_for_output("CERTIFICATE_VERIFY_FAILED", within_s=60)
        refusing = stop(consumer)

        assert front.served == 0

    assert world.record() == []
    assert world.letters() == []
    assert refusing["balanced"]
    with TlsFront(world.registry.url, certificates.server_side()) as front:
        consumer = world.consumer(
            "trusting", schema_registry__url=front.url, schema_registry__ssl_ca_file=certificates.authority
        )
        world.wait_until_committed_to_the_end(consumer)
        assert stop(consumer)["balanced"]
        assert front.served
    assert world.settlement() == Settlement()
