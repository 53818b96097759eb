"""What probes are told, and that none of them asks more of the pod than it can mend."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any, TypeVar

import pytest

from consumer.config import Config
from consumer.errors import ConfigError
from consumer.health import HealthServer
from consumer.ledger import Ledger
from consumer.pinterest.components import COMPONENTS
from consumer.records import HoldCause
from consumer.tallies import Snapshot, Tallies
from consumer.watchdog import Stall

T = TypeVar("T")

CONFIG = Config.model_validate(
    {
        "kafka": {"bootstrap_servers": "127.0.0.1:9092"},
        "schema_registry": {"url": "http://127.0.0.1:8081"},
        "shutdown": {"drain_s": 25},
        "health": {"host": "127.0.0.1", "port": 0},
    }
)


def server_of(snapshot: Snapshot, stall: Stall | None = None) -> HealthServer:
    return HealthServer(CONFIG, snapshot=lambda: snapshot, metrics=lambda: b"some_metric 1.0\n", stall=lambda: stall)


def asked(path: str, snapshot: Snapshot | None = None, stall: Stall | None = None) -> tuple[HTTPStatus, str]:
    status, _, body = server_of(snapshot or Snapshot(), stall).answer(f"GET {path} HTTP/1.1".encode())
    return status, body.decode()


# --- alive --------------------------------------------------------------------------------------------------


def test_a_control_thread_is_alive_while_it_does_not_stand_still() -> None:
    assert asked("/livez") == (HTTPStatus.OK, "alive\n")


@pytest.mark.parametrize(
    ("call", "where"),
    [(None, "in code of the consumer's own"), ("committed", "in the Kafka client's `committed`")],
)
def test_a_control_thread_that_stands_still_is_to_be_ended_and_where_it_stands_is_told(
    call: str | None, where: str
) -> None:
    status, page = asked("/livez", stall=Stall(200.4, call))

    assert status == HTTPStatus.SERVICE_UNAVAILABLE
    assert page == f"the control thread has been silent for 200 s, {where}\n"


def test_an_outage_hides_no_account_that_is_held_for_the_same_cause() -> None:
    snapshot = Snapshot(is_member=True, held_accounts={HoldCause.UNAVAILABLE: 2}, holds={HoldCause.UNAVAILABLE: 1})

    assert asked("/readyz", snapshot)[1] == "ready; held: 2 unavailable, 1 unavailable\n"


def test_trouble_outside_ends_no_pod() -> None:
    """Restarting mends neither Kafka nor Pinterest."""
    troubled = Snapshot(
        is_member=True,
        commit_failures=9,
        held_accounts={HoldCause.UNAUTHORIZED: 3},
        holds={HoldCause.REGISTRY: 2, HoldCause.DEAD_LETTER_TOPIC: 5},
    )

    assert asked("/livez", troubled)[0] == HTTPStatus.OK
    assert asked("/readyz", troubled) == (
        HTTPStatus.OK,
        "ready; held: 3 unauthorized, 2 registry, 5 dead_letter_topic\n",
    )


def test_a_pod_that_writes_no_dead_letters_any_more_is_not_ready_until_it_is_restarted() -> None:
    snapshot = Snapshot(is_member=True, holds={HoldCause.DEAD_LETTER_BREAKER: 1})

    assert asked("/readyz", snapshot) == (HTTPStatus.SERVICE_UNAVAILABLE, "not ready; held: 1 dead_letter_breaker\n")
    assert asked("/startupz", snapshot)[0] == HTTPStatus.OK, "it did start"
    assert asked("/livez", snapshot)[0] == HTTPStatus.OK, "and what is read already is still delivered"


# --- what is carried -----------------------------------------------------------------------------------------


def test_coverage_is_told_by_account_and_event() -> None:
    tallies = Tallies(
        coverage=Counter(
            {("1", "checkout", 0b1000001): 3, ("1", "checkout", 0b1000000): 2, ("2", "lead", 0b1000001): 1}
        )
    )

    status, page = asked("/coverage", Snapshot(tallies=tallies))

    assert status == HTTPStatus.OK
    found = json.loads(page)
    assert found["1"]["checkout"] == dict.fromkeys(COMPONENTS, 0) | {
        "events": 5,
        "hashed_email": 3,
        "external_event_id": 5,
    }
    assert found["2"].keys() == {"lead"}


# --- ready --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sections", "page"),
    [
        pytest.param({"pinterest": {"test": True}}, "ready; test mode: Pinterest records nothing\n", id="all"),
        pytest.param(
            {"ad_accounts": {"1": {"mode": "test"}, "2": {}}},
            "ready; 1 ad accounts in test mode: Pinterest records nothing of theirs\n",
            id="one account",
        ),
    ],
)
def test_a_pod_says_that_it_only_rehearses(sections: dict[str, Any], page: str) -> None:
    config = Config.model_validate(CONFIG.model_dump() | sections)
    server = HealthServer(config, snapshot=lambda: Snapshot(is_member=True), metrics=lambda: b"", stall=lambda: None)

    assert server.answer(b"GET /readyz HTTP/1.1")[2].decode() == page


@pytest.mark.parametrize("path", ["/readyz", "/startupz"])
def test_a_pod_is_ready_once_the_group_has_answered_be_it_with_no_partitions(path: str) -> None:
    assert asked(path, Snapshot(is_member=False))[0] == HTTPStatus.SERVICE_UNAVAILABLE
    assert asked(path, Snapshot(is_member=True, partitions=0)) == (HTTPStatus.OK, "ready\n")


# --- pages --------------------------------------------------------------------------------------------------


def test_the_ledger_is_the_snapshots() -> None:
    status, content_type, body = server_of(Snapshot(ledger=Ledger().as_dict())).answer(b"GET /ledger HTTP/1.1")

    assert (status, content_type) == (HTTPStatus.OK, "application/json")
    assert json.loads(body) == Ledger().as_dict()


def test_metrics_are_passed_on_as_they_are() -> None:
    status, content_type, body = server_of(Snapshot()).answer(b"GET /metrics HTTP/1.1")

    assert (status, body) == (HTTPStatus.OK, b"some_metric 1.0\n")
    assert content_type.startswith("text/plain; version=0.0.4")


def test_a_query_is_no_part_of_the_path() -> None:
    assert asked("/readyz?verbose=1", Snapshot(is_member=True))[0] == HTTPStatus.OK


@pytest.mark.parametrize(
    ("line", "status"),
    [
        (b"GET /nowhere HTTP/1.1", 404),
        (b"GET / HTTP/1.1", 404),
        (b"GET /livez/ HTTP/1.1", 404),
        (b"GET /\xff\xfe HTTP/1.1", 404),
        (b"POST /livez HTTP/1.1", 405),
        (b"", 405),
        (b"\x16\x03\x01", 405),
        (b"GET", 404),
    ],
)
def test_anything_else_is_told_so(line: bytes, status: int) -> None:
    assert server_of(Snapshot()).answer(line)[0] == status


# --- over the wire ------------------------------------------------------------------------------------------


def over_the_wire(act: Callable[[int], Awaitable[T]], **changes: Any) -> T:
    async def run() -> T:
        server = server_of(Snapshot(is_member=True, **changes))
        port = await server.start()
        try:
            return await act(port)
        finally:
            await server.aclose()

    return asyncio.run(run())


async def exchange(port: int, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    writer.write_eof()
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer


def test_a_probe_gets_a_whole_answer_and_the_connection_closed() -> None:
    answer = over_the_wire(lambda port: exchange(port, b"GET /readyz HTTP/1.1\r\nHost: pod\r\n\r\n"))

    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.split(b"\r\n")[0] == b"HTTP/1.1 200 OK"
    assert b"Content-Length: 6" in head
    assert b"Connection: close" in head
    assert body == b"ready\n"


def test_asked_for_the_head_alone_it_sends_no_body() -> None:
    answer = over_the_wire(lambda port: exchange(port, b"HEAD /readyz HTTP/1.1\r\n\r\n"))

    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert answer.endswith(b"\r\n\r\n")


@pytest.mark.parametrize(
    "request_", [b"", b"GET /live", b"x" * 100_000, b"GET /livez HTTP/1.1\r\n" + b"X: y\r\n" * 20_000]
)
def test_what_is_no_request_gets_no_answer_and_harms_no_later_one(
    request_: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async def act(port: int) -> tuple[bytes, bytes]:
        try:
            first = await exchange(port, request_)
        except ConnectionError:  # closed before all of it was read
            first = b""
        return first, await exchange(port, b"GET /livez HTTP/1.1\r\n\r\n")

    first, following = over_the_wire(act)

    assert first == b""
    assert following.startswith(b"HTTP/1.1 200 OK")
    assert caplog.text == ""  # a prober's manners are not our incident


def test_a_port_that_is_taken_is_told_with_its_remedy() -> None:
    async def act() -> None:
        first = server_of(Snapshot())
        taken = await first.start()
        try:
            config = CONFIG.model_copy(update={"health": CONFIG.health.model_copy(update={"port": taken})})
            second = HealthServer(config, snapshot=Snapshot, metrics=lambda: b"", stall=lambda: None)
            with pytest.raises(ConfigError, match=rf"health\.port: {taken} on 127\.0\.0\.1 cannot be had"):
                await second.start()
        finally:
            await first.aclose()

    asyncio.run(act())
