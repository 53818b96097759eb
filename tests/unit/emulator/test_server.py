"""Paths, pages and counts of the emulator."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from consumer.emulator import Emulator, FaultError, Settings
from tests.unit.emulator.builders import ACCOUNT, Rig, event_of


def test_says_that_it_serves(rig: Rig) -> None:
    assert rig.page("GET", "/healthz").status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        pytest.param("POST", "/v5/ad_accounts", 404, id="unknown path"),
        pytest.param("POST", f"/v5/ad_accounts/{ACCOUNT}/events/", 404, id="trailing slash"),
        pytest.param("POST", f"/ad_accounts/{ACCOUNT}/events", 404, id="without the version"),
        pytest.param("GET", f"/v5/ad_accounts/{ACCOUNT}/events", 405, id="reading events"),
        pytest.param("POST", "/_emulator/stats", 405, id="writing counts"),
        pytest.param("PATCH", "/_emulator/faults", 405, id="patching faults"),
    ],
)
def test_knows_its_paths_and_their_methods(rig: Rig, method: str, path: str, status: int) -> None:
    answer = rig.page(method, path)

    assert answer.status_code == status
    assert answer.json().keys() == {"code", "message"}
    assert ("Allow" in answer.headers) == (status == 405)


def test_counts_answers_and_accepted_events(rig: Rig) -> None:
    rig.post(event_of("A-1"), event_of("A-2"))
    rig.post(event_of("A-3"), event_of("A-4", action_source="pos"), account="549000000002")
    rig.post(event_of("A-5"), query="?test=true")
    rig.post(event_of(event_id=None))

    assert rig.page("GET", "/_emulator/stats").json() == {
        "requests": {"200": 2, "422": 1, "400": 1},
        "accepted": {ACCOUNT: 2, "549000000002": 1},
        "accepted_in_test": {ACCOUNT: 1},
        "in_flight": 0,
        "max_in_flight": 1,
    }


def test_counts_requests_in_flight(rig_with: Callable[..., Rig]) -> None:
    together = asyncio.Barrier(4)

    async def wait(_: float) -> None:
        await together.wait()

    rig = rig_with(latency_ms=(100.0, 100.0), sleep=wait)

    async def three_at_once() -> tuple[int, int, int]:
        async with httpx.AsyncClient(headers={"Authorization": "Bearer secret"}) as client:
            posts = [
                asyncio.ensure_future(client.post(rig.events_url(), json={"data": [event_of()]})) for _ in range(3)
            ]
            await together.wait()
            in_flight: int = rig.emulator.stats()["in_flight"]
            await together.wait()
            await asyncio.gather(*posts)
        return in_flight, rig.emulator.stats()["max_in_flight"], rig.emulator.stats()["in_flight"]

    assert rig.run(three_at_once()) == (3, 3, 0)


def test_faults_are_replaced_extended_shown_and_withdrawn(rig: Rig) -> None:
    unavailable = {"kind": "status", "status": 503, "count": 1}
    slow = {"kind": "delay", "ms": 10}

    assert rig.page("PUT", "/_emulator/faults", [unavailable]).json() == [{"fault": unavailable, "strikes": 0}]
    assert [rig.post(event_of()).status_code for _ in range(2)] == [503, 200]
    rig.page("POST", "/_emulator/faults", [slow])
    assert rig.page("GET", "/_emulator/faults").json() == [
        {"fault": unavailable, "strikes": 1},
        {"fault": slow, "strikes": 0},
    ]
    assert rig.page("PUT", "/_emulator/faults", [unavailable]).json() == [{"fault": unavailable, "strikes": 0}]
    assert rig.post(event_of()).status_code == 503
    assert rig.page("DELETE", "/_emulator/faults").json() == []


def test_faults_that_are_not_understood_change_nothing(rig: Rig) -> None:
    rig.emulator.set_faults([{"kind": "status", "status": 503}])

    answer = rig.page("PUT", "/_emulator/faults", [{"kind": "delay", "ms": 5}, {"kind": "stauts"}])

    assert answer.status_code == 400
    assert len(answer.json()["problems"]) == 1
    assert rig.page("PUT", "/_emulator/faults").status_code == 400
    with pytest.raises(FaultError):
        rig.emulator.set_faults([{"kind": "stauts"}])
    assert rig.post(event_of()).status_code == 503
    rig.emulator.set_faults([])
    assert rig.post(event_of()).status_code == 200


def test_a_restart_goes_on_with_the_record_and_its_numbers(rig_with: Callable[..., Rig]) -> None:
    first = rig_with()
    first.post(event_of("A-1"))
    first.post(event_of("A-2"))

    second = rig_with()
    second.post(event_of("A-3"))

    assert [(line["request"], line["event"]["event_id"][11:14]) for line in second.recorded()] == [
        (1, "A-1"),
        (2, "A-2"),
        (3, "A-3"),
    ]


def test_closing_cuts_requests_under_way_without_recording_them(tmp_path: Path) -> None:
    record = tmp_path / "accepted.jsonl"
    reached = asyncio.Event()

    async def hang(_: float) -> None:
        reached.set()
        await asyncio.Event().wait()

    async def post_and_close() -> None:
        async with Emulator(Settings(record=record, latency_ms=(1.0, 1.0), sleep=hang)) as emulator:
            port = int(emulator.base_url.rsplit(":", 1)[1].removesuffix("/v5"))
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            body = json.dumps({"data": [event_of()]}).encode()
            writer.write(
                f"POST /v5/ad_accounts/{ACCOUNT}/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer t\r\n"
                f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode()
                + body
            )
            await reached.wait()
        with suppress(ConnectionResetError):
            assert await reader.read() == b""
        writer.close()

    asyncio.run(post_and_close())

    assert record.read_bytes() == b""


def test_a_port_in_use_is_told_and_leaves_nothing_open(tmp_path: Path) -> None:
    async def start(port: int) -> None:
        async with Emulator(Settings(port=port, record=tmp_path / "accepted.jsonl")):
            pytest.fail("two cannot listen on one port")

    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OSError, match="address"):
        asyncio.run(start(taken.getsockname()[1]))
