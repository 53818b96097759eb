"""Requests on the wire: what the API is told, what every kind of broken peer comes to, and where a token never goes."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import socket
import ssl
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import orjson
import pytest

from consumer.config import Pinterest
from consumer.emulator import Emulator, Settings
from consumer.errors import ConfigError
from consumer.pinterest.answers import (
    Ambiguous,
    Answer,
    Forbidden,
    Judged,
    Refused,
    Throttled,
    Unauthorized,
    Unavailable,
)
from consumer.pinterest.auth import ConfiguredTokens, Tokens
from consumer.pinterest.client import MAX_ANSWER_BYTES, ConversionsClient
from consumer.pinterest.connections import deadline_s
from consumer.records import Accepted, Rejected
from tests.harness.certificates import Certificates

T = TypeVar("T")

ACCOUNT, OTHER = "549000000001", "549000000002"
TOKEN = "made-up/token"
SHORT_S = 0.5
"""For requests that are meant to run out of time."""


def event(order_id: str = "A-1", **changes: Any) -> bytes:
    return orjson.dumps(
        {
            "event_name": "checkout",
            "action_source": "web",
            "event_time": int(time.time()) - 60,
            "event_id": f"merchant-1:{order_id}:checkout",
            "user_data": {"client_ip_address": "203.0.113.7", "client_user_agent": "made up"},
            "custom_data": {"value": "72.39", "currency": "EUR", "order_id": order_id},
            **changes,
        }
    )


class OneToken:
    def token_for(self, ad_account_id: str) -> str | None:  # noqa: ARG002
        return TOKEN

    def refused(self, token: str) -> None:
        pass


def used(
    settings: Pinterest,
    act: Callable[[ConversionsClient], Awaitable[T]],
    *,
    tokens: Tokens | None = None,
    timeout_s: float = 10.0,
    max_in_flight: int = 4,
) -> Awaitable[T]:
    """What `act` makes of a client, which is closed afterwards."""

    async def run() -> T:
        client = ConversionsClient(settings, tokens or OneToken(), timeout_s=timeout_s, max_in_flight=max_in_flight)
        try:
            return await act(client)
        finally:
            await client.aclose()

    return run()


def one_event(client: ConversionsClient) -> Awaitable[Answer]:
    return client.send(ACCOUNT, [event()])


# --- against the emulator -----------------------------------------------------------------------------------


def with_emulator(
    act: Callable[[ConversionsClient, Emulator], Awaitable[T]],
    *,
    settings: Settings | None = None,
    faults: list[dict[str, Any]] | None = None,
    **more: Any,
) -> T:
    async def run() -> T:
        async with Emulator(settings) as emulator:
            emulator.set_faults(faults or [])
            config = Pinterest.model_validate({"base_url": emulator.base_url, **more})
            tokens = ConfiguredTokens(config) if "tokens_dir" in more or "access_token" in more else None
            return await used(config, lambda client: act(client, emulator), tokens=tokens)

    return asyncio.run(run())


def test_events_are_accepted_one_by_one() -> None:
    async def act(client: ConversionsClient, emulator: Emulator) -> tuple[Answer, dict[str, Any]]:
        return await client.send(ACCOUNT, [event("A-1"), event("A-2")]), emulator.stats()

    answer, stats = with_emulator(act)

    assert answer == Judged((Accepted(), Accepted()))
    assert stats["accepted"] == {ACCOUNT: 2}


def test_one_bad_event_is_named_among_good_ones() -> None:
    async def act(client: ConversionsClient, emulator: Emulator) -> tuple[Answer, dict[str, Any]]:
        return await client.send(ACCOUNT, [event(), event(event_time=1), event()]), emulator.stats()

    answer, stats = with_emulator(act)

    assert isinstance(answer, Judged)
    assert [type(outcome) for outcome in answer.outcomes] == [Accepted, Rejected, Accepted]
    assert stats["accepted"] == {ACCOUNT: 2}


def test_a_rehearsal_is_sent_as_a_test_and_nothing_is_recorded() -> None:
    async def act(client: ConversionsClient, emulator: Emulator) -> tuple[Answer, dict[str, Any]]:
        return await one_event(client), emulator.stats()

    answer, stats = with_emulator(act, test=True)

    assert answer == Judged((Accepted(),))
    assert (stats["accepted"], stats["accepted_in_test"]) == ({}, {ACCOUNT: 1})


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ({"kind": "status", "status": 400}, Refused),
        ({"kind": "status", "status": 401}, Unauthorized),
        ({"kind": "status", "status": 403}, Forbidden),
        ({"kind": "status", "status": 429}, Throttled),
        ({"kind": "status", "status": 503}, Unavailable),
        ({"kind": "garbage"}, Ambiguous),
        ({"kind": "garbage", "status": 422, "too_few_events": True}, Ambiguous),
        ({"kind": "disconnect"}, Ambiguous),
        ({"kind": "accept_then_disconnect"}, Ambiguous),
    ],
    ids=str,
)
def test_each_trouble_has_its_answer_and_the_next_request_none(fault: dict[str, Any], kind: type) -> None:
    async def act(client: ConversionsClient, _: Emulator) -> tuple[Answer, Answer]:
        return await one_event(client), await one_event(client)

    answer, following = with_emulator(act, faults=[{**fault, "count": 1}])

    assert isinstance(answer, kind)
    assert following == Judged((Accepted(),))


def test_requests_are_counted_by_the_status_of_their_answer() -> None:
    async def act(client: ConversionsClient, _: Emulator) -> dict[str, int]:
        for _number in range(5):
            await one_event(client)
        return dict(client.requests)

    faults = [
        {"kind": "status", "status": 429, "count": 1},
        {"kind": "status", "status": 503, "count": 1},
        {"kind": "disconnect", "count": 1},
    ]

    assert with_emulator(act, faults=faults) == {"429": 1, "503": 1, "none": 1, "200": 2}


def test_the_servers_wish_is_passed_on() -> None:
    async def act(client: ConversionsClient, _: Emulator) -> Answer:
        return await one_event(client)

    answer = with_emulator(act, faults=[{"kind": "status", "status": 429, "headers": {"Retry-After": "7"}}])

    assert answer == Throttled(7.0)


def test_many_requests_at_once_share_the_connections() -> None:
    async def act(client: ConversionsClient, emulator: Emulator) -> tuple[list[Answer], dict[str, Any]]:
        answers: list[Answer] = []
        for _ in range(5):
            answers += await asyncio.gather(*(one_event(client) for _ in range(4)))
        return answers, emulator.stats()

    answers, stats = with_emulator(act)

    assert answers == [Judged((Accepted(),))] * 20
    assert stats["accepted"] == {ACCOUNT: 20}


# --- tokens -------------------------------------------------------------------------------------------------


def test_each_account_has_its_own_token(tmp_path: Path) -> None:
    (tmp_path / ACCOUNT).write_text("first-token\n")

    async def act(client: ConversionsClient, _: Emulator) -> list[Answer]:
        return [await client.send(ACCOUNT, [event()]), await client.send(OTHER, [event()])]

    answers = with_emulator(
        act,
        settings=Settings(tokens=frozenset({"first-token"})),
        tokens_dir=tmp_path,
        access_token="another-token",
    )

    assert [type(answer) for answer in answers] == [Judged, Unauthorized]


def test_accounts_without_a_file_share_the_common_token(tmp_path: Path) -> None:
    (tmp_path / ACCOUNT).write_text("\n")

    async def act(client: ConversionsClient, _: Emulator) -> list[Answer]:
        return [await client.send(ACCOUNT, [event()]), await client.send(OTHER, [event()])]

    answers = with_emulator(act, settings=Settings(tokens=frozenset({TOKEN})), tokens_dir=tmp_path, access_token=TOKEN)

    assert answers == [Judged((Accepted(),))] * 2


def test_a_token_that_was_replaced_takes_effect_with_the_next_request(tmp_path: Path) -> None:
    file = tmp_path / ACCOUNT
    file.write_text("expired-token")

    async def act(client: ConversionsClient, _: Emulator) -> list[Answer]:
        before = await one_event(client)
        file.write_text("renewed-token")
        return [before, await one_event(client)]

    answers = with_emulator(act, settings=Settings(tokens=frozenset({"renewed-token"})), tokens_dir=tmp_path)

    assert [type(answer) for answer in answers] == [Unauthorized, Judged]


class Renewed:
    """Another token each time it is asked for one."""

    def __init__(self, *tokens: str | None) -> None:
        self._tokens = list(tokens)
        self.told: list[str] = []

    def token_for(self, ad_account_id: str) -> str | None:  # noqa: ARG002
        return self._tokens.pop(0)

    def refused(self, token: str) -> None:
        self.told.append(token)


@pytest.mark.parametrize(
    ("tokens", "good", "kind", "told", "requests"),
    [
        pytest.param(["old", "new"], {"new"}, Judged, ["old"], {"401": 1, "200": 1}, id="replaced meanwhile"),
        pytest.param(["old", "old"], {"new"}, Unauthorized, ["old"], {"401": 1}, id="the same still"),
        pytest.param(["old", None], {"new"}, Unauthorized, ["old"], {"401": 1}, id="away for a moment"),
        pytest.param(["old", "a b"], {"new"}, Unauthorized, ["old"], {"401": 1}, id="being written"),
        pytest.param(["old", "odd"], {"new"}, Unauthorized, ["old"], {"401": 2}, id="by one no better"),
        pytest.param(["old"], {"old"}, Judged, [], {"200": 1}, id="good as it is"),
    ],
)
def test_a_refused_token_is_asked_for_once_more_and_the_request_made_again_if_it_is_another(
    tokens: list[str | None], good: set[str], kind: type, told: list[str], requests: dict[str, int]
) -> None:
    renewed = Renewed(*tokens)

    async def run() -> tuple[Answer, dict[str, Any]]:
        async with Emulator(Settings(tokens=frozenset(good))) as emulator:
            settings = Pinterest(base_url=emulator.base_url)
            return await used(settings, one_event, tokens=renewed), emulator.stats()

    answer, stats = asyncio.run(run())

    assert isinstance(answer, kind)
    assert renewed.told == told
    assert stats["requests"] == requests


def test_the_second_try_has_what_is_left_of_the_time_of_the_first() -> None:
    async def run() -> tuple[Answer, float]:
        peers = Peers(refusing_after(0.4))
        peers._peers.append(peers.say_nothing)
        async with peers:
            started_s = time.monotonic()
            answer = await used(peers.settings, one_event, tokens=Renewed("old", "new"), timeout_s=0.8)
            return answer, time.monotonic() - started_s

    answer, elapsed_s = asyncio.run(run())

    assert answer == Ambiguous("no answer: ReadTimeout", is_unreadable=False)
    assert elapsed_s < 1.1  # and not 0.4 s with another 0.8 s


@pytest.mark.parametrize("written", [TOKEN, TOKEN.replace("/", "\\/")], ids=["plain", "escaped"])
def test_a_message_that_repeats_the_token_is_told_without_it(written: str) -> None:
    body = b'{"code":2,"message":"no such token: ' + written.encode() + b'"}'
    refusal = b"HTTP/1.1 401 Made-Up\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)

    async def act(client: ConversionsClient, _: Peers) -> Answer:
        return await one_event(client)

    answer = with_peers(lambda _: [writing(refusal)], act)

    assert answer == Unauthorized("HTTP 401, code 2: no such token: <token>")


@pytest.mark.parametrize(
    "content",
    [
        None,
        b"",
        b"  \n",
        b"made-up\ntoken",
        b"made-up\r\nX-Injected: yes",
        b"made up",
        "tökén".encode(),
        b"\xff\xfe\x00",
    ],
    ids=["no file", "empty", "blank", "two lines", "a header", "two words", "not ASCII", "not text"],
)
def test_what_is_no_token_is_not_sent(content: bytes | None, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / ACCOUNT).write_bytes(content)

    async def act(client: ConversionsClient, emulator: Emulator) -> tuple[Answer, dict[str, Any]]:
        return await one_event(client), emulator.stats()

    answer, stats = with_emulator(act, tokens_dir=tmp_path)

    assert isinstance(answer, Unauthorized)
    assert ACCOUNT in answer.detail
    assert "made" not in answer.detail
    assert stats["requests"] == {}


@pytest.mark.parametrize("token", ["", "made-up-token\n"])
def test_a_common_token_in_the_wrong_shape_is_not_sent(token: str) -> None:
    async def act(client: ConversionsClient, emulator: Emulator) -> tuple[Answer, dict[str, Any]]:
        return await one_event(client), emulator.stats()

    answer, stats = with_emulator(act, access_token=token)

    assert isinstance(answer, Unauthorized)
    assert stats["requests"] == {}


@pytest.mark.parametrize("trouble", ["none", "unauthorized", "garbage", "disconnect", "nobody", "timeout"])
def test_no_token_is_ever_told(trouble: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)  # of the HTTP libraries as well
    faults: dict[str, list[dict[str, Any]]] = {
        "unauthorized": [{"kind": "status", "status": 401}],
        "garbage": [{"kind": "garbage"}],
        "disconnect": [{"kind": "disconnect"}],
        "timeout": [{"kind": "delay", "ms": 60_000}],
    }

    async def run() -> str:
        async with Emulator() as emulator:
            emulator.set_faults(faults.get(trouble, []))
            base_url = "http://127.0.0.1:1/v5" if trouble == "nobody" else emulator.base_url
            settings = Pinterest.model_validate({"base_url": base_url, "access_token": TOKEN})
            tokens = ConfiguredTokens(settings)

            async def act(client: ConversionsClient) -> str:
                return f"{await one_event(client)!r} {client!r} {client._pool!r} {tokens!r} {settings!r}"

            return await used(settings, act, tokens=tokens, timeout_s=SHORT_S)

    told = asyncio.run(run())

    assert TOKEN not in told
    assert TOKEN not in caplog.text


# --- against peers that break the rules ---------------------------------------------------------------------

Peer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
OK = b'{"events":[{"status":"processed"}]}'


async def read_request(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    return head + await reader.readexactly(int(length.split(b":")[1]))


def answer_of(body: bytes = OK, *headers: bytes) -> bytes:
    lines = [b"HTTP/1.1 200 OK", b"Content-Length: %d" % len(body), *headers]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


class Peers:
    """A server on a free port that treats its first connection by the first of these, and so on; the last repeats."""

    def __init__(self, *peers: Peer) -> None:
        self._peers = list(peers)
        self._tasks: set[asyncio.Task[None]] = set()
        self.requests: list[bytes] = []
        self.is_over = asyncio.Event()
        """Set once nobody waits for answers any more."""
        self.is_asked = asyncio.Event()

    async def __aenter__(self) -> Peers:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, limit=1 << 24)
        self.settings = Pinterest(base_url=f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/v5")
        return self

    async def __aexit__(self, *_: object) -> None:
        self.is_over.set()
        self._server.close()
        await asyncio.gather(*self._tasks)
        await self._server.wait_closed()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        peer = self._peers.pop(0) if len(self._peers) > 1 else self._peers[0]
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await peer(reader, writer)
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """As it should be."""
        while True:
            self.requests.append(await read_request(reader))
            writer.write(answer_of())
            await writer.drain()

    async def say_nothing(self, reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        self.requests.append(await read_request(reader))
        self.is_asked.set()
        await self.is_over.wait()

    async def say_the_head_only(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Until it is over."""
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n")
        await self.is_over.wait()
        writer.write(b"end")
        await writer.drain()

    async def read_nothing(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.pause_reading()  # type: ignore[attr-defined] # a transport that also reads
        await self.is_over.wait()

    async def read_late(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.pause_reading()  # type: ignore[attr-defined] # a transport that also reads
        await asyncio.sleep(0.8)
        writer.transport.resume_reading()  # type: ignore[attr-defined] # a transport that also reads
        await self.say_nothing(reader, writer)


def refusing_after(seconds: float) -> Peer:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        await asyncio.sleep(seconds)
        writer.write(b"HTTP/1.1 401 Made-Up\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()

    return refuse


def dripping(head: bytes, drop: bytes) -> Peer:
    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(head)
        while not writer.is_closing():
            writer.write(drop)
            await writer.drain()
            await asyncio.sleep(0.01)

    return drip


def writing(answer: bytes) -> Peer:
    async def write(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(answer)
        await writer.drain()

    return write


def with_peers(
    choose: Callable[[Peers], list[Peer]],
    act: Callable[[ConversionsClient, Peers], Awaitable[T]],
    *,
    timeout_s: float = 10.0,
    max_in_flight: int = 4,
) -> T:
    async def run() -> T:
        peers = Peers(writing(b""))
        peers._peers = choose(peers)
        async with peers:
            return await used(
                peers.settings,
                lambda client: act(client, peers),
                timeout_s=timeout_s,
                max_in_flight=max_in_flight,
            )

    return asyncio.run(run())


def test_the_request_is_what_the_api_expects() -> None:
    async def act(client: ConversionsClient, peers: Peers) -> bytes:
        await client.send(ACCOUNT, [b'{"a":1}', b'{"b":2}'])
        return peers.requests[0]

    head, _, body = with_peers(lambda peers: [peers.serve], act).partition(b"\r\n\r\n")

    lines = head.decode().split("\r\n")
    assert lines[0] == f"POST /v5/ad_accounts/{ACCOUNT}/events HTTP/1.1"
    assert f"Authorization: Bearer {TOKEN}" in lines
    assert "Content-Type: application/json" in lines
    assert "Accept-Encoding: identity" in lines
    assert body == b'{"data":[{"a":1},{"b":2}]}'


def test_a_connection_is_used_again() -> None:
    async def act(client: ConversionsClient, peers: Peers) -> tuple[list[Answer], int]:
        return [await one_event(client) for _ in range(3)], len(peers._tasks)

    answers, connections = with_peers(lambda peers: [peers.serve], act)

    assert answers == [Judged((Accepted(),))] * 3
    assert connections == 1


async def one_then_another(client: ConversionsClient, _: Peers) -> tuple[Answer, Answer]:
    return await one_event(client), await one_event(client)


def test_a_server_that_says_nothing_may_have_accepted() -> None:
    answer, following = with_peers(lambda peers: [peers.say_nothing, peers.serve], one_then_another, timeout_s=SHORT_S)

    assert answer == Ambiguous("no answer: ReadTimeout", is_unreadable=False)
    assert following == Judged((Accepted(),))


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Le", id="half a head"),
        pytest.param(answer_of()[:-5], id="half a body"),
        pytest.param(b"SMTP ready\r\n\r\n", id="another protocol"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 7\r\n\r\n12345", id="two lengths"),
        pytest.param(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 40_000, id="a head without end"),
    ],
)
def test_a_connection_that_breaks_after_sending_may_have_accepted(answer: bytes) -> None:
    found, following = with_peers(lambda peers: [writing(answer), peers.serve], one_then_another)

    assert isinstance(found, Ambiguous)
    assert not found.is_unreadable
    assert following == Judged((Accepted(),))


def test_nobody_listening_was_not_sent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        settings = Pinterest(base_url=f"http://127.0.0.1:{taken.getsockname()[1]}/v5")

    answer = asyncio.run(_awaited(used(settings, one_event)))

    assert answer == Unavailable("not sent: ConnectError")


async def _awaited(work: Awaitable[T]) -> T:
    return await work


def test_a_server_that_stops_reading_did_not_get_the_whole() -> None:
    async def act(client: ConversionsClient, _: Peers) -> tuple[Answer, Answer]:
        return await client.send(ACCOUNT, [b"x" * (32 << 20)]), await one_event(client)

    answer, following = with_peers(lambda peers: [peers.read_nothing, peers.serve], act, timeout_s=SHORT_S)

    assert answer == Unavailable("not sent: WriteTimeout")
    assert following == Judged((Accepted(),))


def test_a_handshake_that_is_not_answered_was_not_sent() -> None:
    async def act(_: ConversionsClient, peers: Peers) -> Answer:
        settings = Pinterest(base_url=peers.settings.base_url.replace("http:", "https:"))
        return await used(settings, one_event, timeout_s=SHORT_S)

    answer = with_peers(lambda peers: [peers.read_nothing], act)

    assert answer == Unavailable("not sent: ConnectTimeout")


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(answer_of(b" " * (MAX_ANSWER_BYTES + 1)), id="all at once"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + (b"ffff\r\n" + b" " * 0xFFFF + b"\r\n") * 100,
            id="in chunks without end",
        ),
    ],
)
def test_an_oversized_answer_is_not_read_to_its_end(answer: bytes) -> None:
    found, following = with_peers(lambda peers: [writing(answer), peers.serve], one_then_another)

    assert isinstance(found, Ambiguous)
    assert found.is_unreadable
    assert following == Judged((Accepted(),))


def test_an_answer_of_just_the_greatest_size_is_read() -> None:
    body = OK + b" " * (MAX_ANSWER_BYTES - len(OK))

    found, _ = with_peers(lambda peers: [writing(answer_of(body)), peers.serve], one_then_another)

    assert found == Judged((Accepted(),))


@pytest.mark.parametrize(
    "peer",
    [
        pytest.param(dripping(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n", b" "), id="the body"),
        pytest.param(dripping(b"HTTP/1.1 200 OK\r\nX-Drip: ", b"x"), id="a header"),
        pytest.param(dripping(b"", b"HTTP/1.1 100 Continue\r\n\r\n"), id="heads without end"),
    ],
)
def test_an_answer_that_drips_ends_with_the_time_of_its_request_and_leaves_the_pool_whole(peer: Peer) -> None:
    """No single step of these meets a timeout of its own."""

    async def act(client: ConversionsClient, peers: Peers) -> tuple[list[Answer], list[Answer], float]:
        started_s = time.monotonic()
        found = await asyncio.gather(*(one_event(client) for _ in range(4)))
        elapsed_s = time.monotonic() - started_s
        peers._peers = [peers.serve]
        return list(found), list(await asyncio.gather(*(one_event(client) for _ in range(8)))), elapsed_s

    found, following, elapsed_s = with_peers(lambda _: [peer], act, timeout_s=0.5)

    assert found == [Ambiguous("no answer: ReadTimeout", is_unreadable=False)] * 4
    assert elapsed_s < 2.0
    assert following == [Judged((Accepted(),))] * 8


def test_the_steps_of_a_request_share_its_time() -> None:
    """Connecting, sending and being answered may not take the whole time each: a drain waits for requests."""

    async def act(client: ConversionsClient, _: Peers) -> float:
        started_s = time.monotonic()
        await client.send(ACCOUNT, [b"x" * (16 << 20)])
        return time.monotonic() - started_s

    elapsed_s = with_peers(lambda peers: [peers.read_late], act, timeout_s=1.0)

    assert elapsed_s < 1.6  # and not 0.8 s until the request was read, with another 1.0 s for the answer


def test_a_pool_without_a_free_place_is_replaced_and_what_is_under_way_in_it_goes_on() -> None:
    async def act(client: ConversionsClient, peers: Peers) -> tuple[Answer, Answer, list[int]]:
        deadline_s.set(math.inf)
        async with contextlib.AsyncExitStack() as stack:
            # Places that nobody gives back, as httpcore leaves them after cancellations.
            taken = [
                await stack.enter_async_context(
                    client._pool.stream("POST", "/ad_accounts/1/events", content=b"{}", timeout=None)
                )
                for _ in range(2)
            ]
            peers._peers = [peers.serve]
            refused, following = await one_event(client), await one_event(client)
            peers.is_over.set()
            return refused, following, [len(await response.aread()) for response in taken]

    refused, following, read = with_peers(
        lambda peers: [peers.say_the_head_only], act, timeout_s=SHORT_S, max_in_flight=1
    )

    assert refused == Unavailable("no connection was free")
    assert following == Judged((Accepted(),))
    assert read == [3, 3]


def test_closing_ends_what_is_under_way() -> None:
    async def act(client: ConversionsClient, peers: Peers) -> Answer:
        under_way = asyncio.create_task(_awaited(one_event(client)))
        await peers.is_asked.wait()
        await client.aclose()
        return await under_way

    answer = with_peers(lambda peers: [peers.say_nothing], act)

    assert isinstance(answer, Ambiguous)


# --- settings -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "base_url",
    [
        *("", "api.example.com/v5", "localhost:8089/v5", "ftp://127.0.0.1/v5", "http://", "http://[::1/v5"),
        *("https://10.0.0.300", "https://xn--a.com", f"https://{'ä' * 80}.com", "https://a.example\n/v5"),
        *("http://a:x/v5", "https://user:made-up-secret@127.0.0.1/v5", "https://127.0.0.1/v5?token=made-up-secret"),
    ],
)
def test_an_address_that_cannot_be_used_is_refused_and_not_repeated(base_url: str) -> None:
    with pytest.raises(ConfigError, match=r"pinterest\.base_url") as caught:
        ConversionsClient(Pinterest(base_url=base_url), OneToken(), timeout_s=1, max_in_flight=1)

    assert "made-up-secret" not in str(caught.value)


@pytest.mark.parametrize("content", [None, "not a certificate"])
def test_authorities_that_cannot_be_used_are_refused_by_name(content: str | None, tmp_path: Path) -> None:
    path = tmp_path / "authority.pem"
    if content is not None:
        path.write_text(content)

    with pytest.raises(ConfigError, match=r"pinterest\.ssl_ca_file"):
        ConversionsClient(Pinterest(ssl_ca_file=path), OneToken(), timeout_s=1, max_in_flight=1)


@pytest.mark.parametrize("path", ["/v5", "/v5/", "", "/"])
def test_the_address_may_end_in_a_slash_or_leave_the_version_out(path: str) -> None:
    async def act(_: ConversionsClient, peers: Peers) -> bytes:
        settings = Pinterest(base_url=peers.settings.base_url.removesuffix("/v5") + path)
        await used(settings, one_event)
        return peers.requests[0]

    assert with_peers(lambda peers: [peers.serve], act).startswith(f"POST /v5/ad_accounts/{ACCOUNT}/events ".encode())


# --- TLS ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))


def answer_over_tls(certificates: Certificates, *, trusted: Path | None) -> Answer:
    async def run() -> Answer:
        peers = Peers(writing(answer_of()))
        async with await asyncio.start_server(peers._accept, "127.0.0.1", 0, ssl=certificates.server_side()) as server:
            port = server.sockets[0].getsockname()[1]
            answer = await used(Pinterest(base_url=f"https://127.0.0.1:{port}/v5", ssl_ca_file=trusted), one_event)
        await asyncio.gather(*peers._tasks)
        return answer

    return asyncio.run(run())


def test_a_server_signed_by_the_configured_authority_is_trusted(certificates: Certificates) -> None:
    assert answer_over_tls(certificates, trusted=certificates.authority) == Judged((Accepted(),))


def test_a_server_signed_by_nobody_we_trust_is_sent_nothing(certificates: Certificates) -> None:
    assert answer_over_tls(certificates, trusted=None) == Unavailable("not sent: ConnectError")


def test_a_server_that_refuses_us_after_the_handshake_is_an_answer_and_no_defect(certificates: Certificates) -> None:
    """Under TLS 1.3 a missing client certificate shows only when the answer is read."""
    context = certificates.server_side(asks_clients=True)
    is_answered = threading.Event()

    def refuse(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False) as shaking:
            with contextlib.suppress(ssl.SSLError):
                shaking.do_handshake()
            is_answered.wait(10)  # closed at once, the alert may be lost

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=refuse, args=(listener,))
        thread.start()
        settings = Pinterest(
            base_url=f"https://127.0.0.1:{listener.getsockname()[1]}/v5", ssl_ca_file=certificates.authority
        )
        answer = asyncio.run(_awaited(used(settings, one_event)))
        is_answered.set()
        thread.join(10)

    assert answer == Ambiguous("no answer: SSLError", is_unreadable=False)
