"""HTTP as clients speak it, byte by byte."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

import pytest

from consumer.emulator.wire import DRIPS_PER_S, MAX_BODY_BYTES
from tests.unit.emulator.builders import ACCOUNT, Rig, event_of, hashed

PATH = f"/v5/ad_accounts/{ACCOUNT}/events"


def request_of(body: bytes, *headers: str, length: int | None = None) -> bytes:
    lines = [f"POST {PATH} HTTP/1.1", "Host: emulator", "Authorization: Bearer secret"]
    lines += ["Content-Type: application/json", *headers]
    if not any(line.startswith("Transfer-Encoding") for line in headers):
        lines.append(f"Content-Length: {len(body) if length is None else length}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def body_of(*order_ids: str) -> bytes:
    return json.dumps({"data": [event_of(order_id) for order_id in order_ids]}).encode()


async def connect(rig: Rig) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    port = int(rig.emulator.base_url.rsplit(":", 1)[1].removesuffix("/v5"))
    return await asyncio.open_connection("127.0.0.1", port)


def answers_to(rig: Rig, *pieces: bytes, count: int) -> list[int]:
    """Send the pieces over one connection, one after the other; the status codes of `count` answers."""

    async def talk() -> list[int]:
        reader, writer = await connect(rig)
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0)
        statuses = []
        for _ in range(count):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            statuses.append(int(head.split()[1]))
            if "content-length: " in head:
                await reader.readexactly(int(head.split("content-length: ")[1].split("\r\n")[0]))
        writer.close()
        return statuses

    return rig.run(talk())


def test_a_connection_serves_request_after_request(rig: Rig) -> None:
    assert answers_to(rig, request_of(body_of("A-1")), request_of(body_of("A-2")), count=2) == [200, 200]


def test_requests_sent_ahead_are_answered_in_order(rig: Rig) -> None:
    ahead = request_of(body_of("A-1")) + request_of(b"{") + request_of(body_of("A-2"))

    assert answers_to(rig, ahead, count=3) == [200, 400, 200]
    assert rig.recorded_orders() == ["A-1", "A-2"]


def test_a_request_may_arrive_in_pieces(rig: Rig) -> None:
    whole = request_of(body_of("A-1"))

    assert answers_to(rig, *(whole[start : start + 7] for start in range(0, len(whole), 7)), count=1) == [200]


def test_a_body_may_come_in_chunks(rig: Rig) -> None:
    body = body_of("A-1")
    chunks = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)

    assert answers_to(rig, request_of(chunks, "Transfer-Encoding: chunked"), count=1) == [200]


def test_a_client_that_waits_to_be_let_on_is_let_on(rig: Rig) -> None:
    head = request_of(b"", "Expect: 100-continue", length=len(body_of("A-1")))

    async def talk() -> tuple[bytes, bytes]:
        reader, writer = await connect(rig)
        writer.write(head)
        let_on = await reader.readuntil(b"\r\n\r\n")
        writer.write(body_of("A-1"))
        answer = await reader.readuntil(b"\r\n\r\n")
        writer.close()
        return let_on, answer

    let_on, answer = rig.run(talk())
    assert let_on.startswith(b"HTTP/1.1 100")
    assert answer.startswith(b"HTTP/1.1 200")


def test_a_large_batch_fits(rig: Rig) -> None:
    event = event_of(user_data={"em": [hashed("ada@example.com")], "x": "x" * 10_000})
    answer = rig.post(*[event] * 1_000)

    assert answer.status_code == 200
    assert answer.json()["num_events_processed"] == 1_000


def test_a_body_beyond_the_limit_is_refused_before_it_is_sent_in_full(rig: Rig) -> None:
    much = request_of(b" " * (MAX_BODY_BYTES + 1), length=MAX_BODY_BYTES * 2)

    assert answers_to(rig, much, count=1) == [413]


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\r\n\r\n", id="TLS"),
        pytest.param(b"POST / HTTP/1.1\r\n\r\n", id="no host"),
        pytest.param(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: many\r\n\r\n", id="senseless length"),
    ],
)
def test_what_is_no_http_is_told_so_and_cut(rig: Rig, sent: bytes) -> None:
    assert answers_to(rig, sent, count=1) == [400]


def test_a_request_cut_off_in_its_body_is_not_judged(rig: Rig) -> None:
    async def send_half() -> bytes:
        reader, writer = await connect(rig)
        whole = request_of(body_of("A-1"))
        writer.write(whole[:-10])
        writer.write_eof()
        answer = await reader.read()
        writer.close()
        return answer

    assert b" 400 " in rig.run(send_half())
    assert rig.recorded() == []


def test_a_request_whose_client_has_gone_is_judged_all_the_same(rig_with: Callable[..., Rig]) -> None:
    reached, gone, judged = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def wait(_: float) -> None:
        if reached.is_set():
            judged.set()
        reached.set()
        await gone.wait()

    rig = rig_with(latency_ms=(1.0, 1.0), sleep=wait)

    async def send_and_go() -> None:
        _, writer = await connect(rig)
        writer.write(request_of(body_of("A-1")))
        await reached.wait()
        writer.transport.abort()
        gone.set()
        await judged.wait()

    rig.run(send_and_go())

    assert rig.recorded_orders() == ["A-1"]


@pytest.mark.parametrize("head_too", [False, True])
def test_an_answer_drips_byte_by_byte_over_its_seconds(rig: Rig, head_too: bool) -> None:  # noqa: FBT001
    rig.emulator.set_faults([{"kind": "drip", "seconds": 60, "head_too": head_too}])

    async def talk() -> tuple[bytes, bytes]:
        reader, writer = await connect(rig)
        writer.write(request_of(body_of("A-1")))
        head, body = await reader.readuntil(b"\r\n\r\n"), await reader.readuntil(b"]}")
        writer.close()
        return head, body

    head, body = rig.run(talk())
    assert head.startswith(b"HTTP/1.1 200")
    assert len(rig.time.slept) == len(body) + (len(head) if head_too else 0)
    assert sum(rig.time.slept) == pytest.approx(60)


def test_a_long_answer_drips_in_larger_pieces(rig: Rig) -> None:
    rig.emulator.set_faults([{"kind": "drip", "seconds": 2}])

    rig.post(*[event_of()] * 100)

    assert sum(rig.time.slept) == pytest.approx(2)
    assert len(rig.time.slept) <= 2 * DRIPS_PER_S


def test_a_client_that_hangs_up_on_an_oversized_answer_harms_nobody(rig: Rig) -> None:
    rig.emulator.set_faults([{"kind": "oversized", "mib": 64, "count": 1}])

    async def read_a_little() -> bytes:
        reader, writer = await connect(rig)
        writer.write(request_of(body_of("A-1")))
        found = await reader.readexactly(1_000)
        writer.transport.abort()
        return found

    assert rig.run(read_a_little()).startswith(b"HTTP/1.1 200")
    assert answers_to(rig, request_of(body_of("A-2")), count=1) == [200]
