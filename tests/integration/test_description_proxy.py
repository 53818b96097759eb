"""The proxy sees every kind of breach, tells it without the value, and changes nothing of what passes."""

from __future__ import annotations

import asyncio
import json
import ssl
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from tests.harness.description import EVENTS, FILE, FORM, Description
from tests.harness.description_proxy import DescriptionProxy, proxy_in_thread

ACCOUNT = "549000000001"
NOW_S = 1_750_000_000.0
HASH = "b4c9a289323b21a01c3e940f150eb9b8c542587f1abfd8f0e1cc1ffc5e475514"
SECRET = "ada.planted@example.com"
NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # httpx would load the system's authorities for every client
DESCRIPTION = Description.from_file()
NEWER = Description.from_file(is_newer=True)


def an_event(**changes: Any) -> dict[str, Any]:
    """One that nothing is wrong with; `...` takes a field away."""
    event: dict[str, Any] = {
        "event_name": "checkout",
        "action_source": "web",
        "event_time": int(NOW_S) - 60,
        "event_id": "merchant-1:1001:checkout",
        "user_data": {"em": [HASH], "client_ip_address": "203.0.113.7", "client_user_agent": "Mozilla/5.0"},
        "custom_data": {
            "value": "72.39",
            "currency": "EUR",
            "num_items": 1,
            "contents": [{"id": "shirt-m", "quantity": 1, "item_price": "80.00"}],
        },
        "app_info": {"app_version": "7.9"},
        "device_info": {"languages": ["en"], "form_factor": "tablet"},
        **changes,
    }
    return {name: value for name, value in event.items() if value is not ...}


def seen(event: Any, description: Description = DESCRIPTION) -> list[str]:
    return [f"{v.where}: {v.rule}" for v in description.event_violations(event, now_s=NOW_S)]


def test_a_sound_event_breaks_nothing() -> None:
    assert seen(an_event()) == []


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        # The schemas as they are.
        pytest.param({"event_id": ...}, "data[0]: required: event_id", id="required"),
        pytest.param({"event_id": 7}, "data[0].event_id: type string", id="type"),
        pytest.param({"event_id": None}, "data[0].event_id: type string", id="null where none is allowed"),
        pytest.param({"event_time": 1.5}, "data[0].event_time: type integer", id="fraction"),
        pytest.param({"event_time": True}, "data[0].event_time: type integer", id="a boolean is no integer"),
        pytest.param({"event_time": 2**63}, "data[0].event_time: format int64", id="int64"),
        pytest.param({"customs": {}}, "data[0]: an unknown key", id="unknown key of an event"),
        pytest.param({"advertiser_tracking_enabled": True}, "data[0]: an unknown key", id="newer key"),
        pytest.param(
            {"custom_data": {"tax": "1"}}, "data[0].custom_data: an unknown key", id="unknown key, custom_data"
        ),
        pytest.param(
            {"custom_data": {"contents": [{"item_brand_id": "b"}]}},
            "data[0].custom_data.contents[0]: an unknown key",
            id="newer key of contents",
        ),
        pytest.param({"app_info": {"app_id": "x" * 201}}, "data[0].app_info.app_id: maxLength 200", id="too long"),
        pytest.param(
            {"device_info": {"battery_level": 101}}, "data[0].device_info.battery_level: maximum 100", id="high"
        ),
        pytest.param({"app_info": {"install_time": -1}}, "data[0].app_info.install_time: minimum 0", id="too low"),
        pytest.param({"device_info": {"form_factor": "fridge"}}, "data[0].device_info.form_factor: enum", id="enum"),
        pytest.param(
            {"device_info": {"languages": ["en"] * 101}}, "data[0].device_info.languages: maxItems 100", id="too many"
        ),
        # What they mean, and do not say to a validator.
        pytest.param(
            {"user_data": {"click_id": "c", "ph": [HASH], "client_ip_address": "203.0.113.7"}},
            "data[0].user_data: at least one of: em, hashed_maids, client_ip_address with client_user_agent",
            id="nobody to recognise",
        ),
        pytest.param({"user_data": {"em": [HASH], "age": [HASH]}}, "data[0].user_data: an unknown key", id="user_data"),
        pytest.param({"user_data": {"em": HASH}}, "data[0].user_data.em: type array", id="no array"),
        pytest.param(
            {"user_data": {"em": [HASH], "ph": None}}, "data[0].user_data.ph: type array", id="null for an array"
        ),
        # What only its sentences say.
        pytest.param({"event_name": "purchase"}, "data[0].event_name: one of the listed names", id="event name"),
        pytest.param({"event_name": "start_trial"}, "data[0].event_name: one of the listed names", id="newer name"),
        pytest.param({"action_source": "app"}, "data[0].action_source: one of the listed sources", id="source"),
        pytest.param(
            {"event_time": int(NOW_S * 1_000)},
            "data[0].event_time: Unix seconds of something that has happened",
            id="milliseconds",
        ),
        pytest.param(
            {"event_time": int(NOW_S) + 60},
            "data[0].event_time: Unix seconds of something that has happened",
            id="future",
        ),
        pytest.param({"event_id": " "}, "data[0].event_id: a unique id", id="blank id"),
        pytest.param(
            {"user_data": {"em": [SECRET]}},
            "data[0].user_data.em[0]: SHA-256 of something, 64 lower-case digits",
            id="in clear",
        ),
        pytest.param(
            {"user_data": {"em": [HASH, HASH.upper()]}},
            "data[0].user_data.em[1]: SHA-256 of something, 64 lower-case digits",
            id="upper case",
        ),
        pytest.param(
            {"user_data": {"em": ["e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"]}},
            "data[0].user_data.em[0]: SHA-256 of something, 64 lower-case digits",
            id="hash of nothing",
        ),
        pytest.param({"user_data": {"em": []}}, "data[0].user_data.em: hashes, or no key at all", id="empty array"),
        pytest.param(
            {"user_data": {"em": [HASH], "click_id": ""}},
            "data[0].user_data.click_id: something, or no key at all",
            id="empty text",
        ),
        pytest.param(
            {"user_data": {"em": [HASH], "client_ip_address": "localhost"}},
            "data[0].user_data.client_ip_address: IPv4 or IPv6",
            id="no address",
        ),
        pytest.param(
            {"user_data": {"em": [HASH], "client_ip_address": "fe80::1%eth0"}},
            "data[0].user_data.client_ip_address: IPv4 or IPv6",
            id="address with a zone",
        ),
        pytest.param(
            {"custom_data": {"value": "1E+2", "currency": "EUR"}},
            "data[0].custom_data.value: a string that parses to a double",
            id="exponent",
        ),
        pytest.param(
            {"custom_data": {"value": "9" * 400, "currency": "EUR"}},
            "data[0].custom_data.value: a string that parses to a double",
            id="beyond doubles",
        ),
        pytest.param(
            {"custom_data": {"contents": [{"item_price": "1,00"}], "currency": "EUR"}},
            "data[0].custom_data.contents[0].item_price: a string that parses to a double",
            id="comma",
        ),
        pytest.param(
            {"custom_data": {"value": "1.00"}},
            "data[0].custom_data.value: an amount needs a currency, or it counts in the advertiser's",
            id="no currency",
        ),
        pytest.param({"custom_data": {"currency": "eur"}}, "data[0].custom_data.currency: ISO 4217", id="currency"),
        pytest.param({"custom_data": {"opt_out_type": "CCPA"}}, "data[0].custom_data.opt_out_type: LDP", id="opt-out"),
        pytest.param(
            {"custom_data": {"num_items": 0}}, "data[0].custom_data.num_items: an amount of products", id="none"
        ),
        pytest.param({"language": "en-US"}, "data[0].language: two letters of ISO 639-1, lower case", id="language"),
        pytest.param({"partner_name": "Shopify"}, "data[0].partner_name: ss-partnername, lower case", id="partner"),
        pytest.param({"event_source_url": "/cart"}, "data[0].event_source_url: the URL of a web page", id="no URL"),
        pytest.param(
            {"device_info": {"languages": ["eng"]}}, "data[0].device_info.languages[0]: ISO 639-1", id="languages"
        ),
    ],
)
def test_sees_each_breach_in_an_event(changes: dict[str, Any], found: str) -> None:
    assert seen(an_event(**changes)) == [found]


def test_allows_exactly_the_newer_names_where_they_are_asked_for() -> None:
    newer = an_event(event_name="start_trial", advertiser_tracking_enabled=True)
    newer["custom_data"]["contents"][0]["item_brand_id"] = "b" * 64

    assert seen(newer, NEWER) == []
    assert len(seen(newer)) > 0
    assert seen(an_event(event_name="purchase"), NEWER) == ["data[0].event_name: one of the listed names"]
    assert seen(an_event(advertiser_tracking="x"), NEWER) == ["data[0]: an unknown key"]
    newer["custom_data"]["contents"][0]["item_brand_id"] += "b"
    assert seen(newer, NEWER) == ["data[0].custom_data.contents[0].item_brand_id: maxLength 64"]


def test_tells_the_shape_and_never_the_value() -> None:
    event = an_event(event_name=SECRET, event_source_url=SECRET, user_data={"em": [SECRET], SECRET: 1})

    told = [str(violation) for violation in DESCRIPTION.event_violations(event, now_s=NOW_S)]
    event["user_data"] = {"em": [SECRET], "click_id": ""}
    told += [str(violation) for violation in DESCRIPTION.event_violations(event, now_s=NOW_S)]

    assert len(told) >= 4
    assert not any("planted" in line for line in told)
    assert any("found a string of 23 characters" in line for line in told)
    assert any("found an object of em and 1 others" in line for line in told)


# --- on the wire -----------------------------------------------------------------------------------------------

PROCESSED = b'{"num_events_received":1,"num_events_processed":1,"events":[{"status":"processed"}]}'
Head = Sequence[str]


def raw(body: bytes, status: str = "200 OK", head: Head = ("Content-Type: application/json",)) -> bytes:
    lines = (f"HTTP/1.1 {status}", *head, f"Content-Length: {len(body)}", "", "")
    return "\r\n".join(lines).encode() + body


def length_in(head: bytes) -> int:
    return int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0] or 0)


@asynccontextmanager
async def an_api(*answers: bytes) -> AsyncIterator[tuple[str, list[bytes]]]:
    """Says these bytes, one answer a connection, whatever it is asked; also gives what it heard."""
    heard: list[bytes] = []
    left = iter(answers)

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        heard.append(head + await reader.readexactly(length_in(head)))
        writer.write(next(left, b""))
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v5", heard


def through_the_proxy(
    answer: bytes = raw(PROCESSED), *, path: str = EVENTS, method: str = "POST", content: Any = ..., **sent: Any
) -> tuple[list[str], httpx.Response | None, DescriptionProxy]:
    """What the proxy saw of one request, and what came back; None for no answer."""

    async def run() -> tuple[list[str], httpx.Response | None, DescriptionProxy]:
        body = json.dumps({"data": [an_event()]}) if content is ... else content
        headers = {"Authorization": "Bearer a-token", "Content-Type": "application/json"} | sent.pop("headers", {})
        headers = {name: value for name, value in headers.items() if value is not None}
        async with an_api(answer) as (upstream, _), httpx.AsyncClient(verify=NO_TLS, trust_env=False) as client:
            async with DescriptionProxy(upstream, DESCRIPTION) as proxy:
                url = proxy.base_url + path.format(ad_account_id=sent.pop("account", ACCOUNT))
                try:
                    response = await client.request(method, url, content=body, headers=headers, **sent)
                except httpx.RemoteProtocolError:
                    response = None
            return [f"{v.side}: {v.where}: {v.rule}" for v in proxy.violations], response, proxy

    return asyncio.run(run())


def test_counts_what_passes() -> None:
    found, response, proxy = through_the_proxy()

    assert (found, response and response.json()) == ([], json.loads(PROCESSED))
    assert (proxy.requests, proxy.events, proxy.answers) == (1, 1, {200: 1})
    assert proxy.event_ids == {"merchant-1:1001:checkout"}


@pytest.mark.parametrize(
    ("sent", "found"),
    [
        pytest.param({"path": "/ad_accounts"}, "request: path: is not described", id="path"),
        pytest.param({"method": "PUT"}, "request: path: is not described", id="method"),
        pytest.param({"account": "act_1"}, r"request: path ad_account_id: pattern ^\d+$", id="account"),
        pytest.param({"account": "1" * 19}, "request: path ad_account_id: maxLength 18", id="long account"),
        pytest.param(
            {"params": {"is_test": "true"}}, "request: query is_test: no such parameter is described", id="query"
        ),
        pytest.param({"params": {"test": "1"}}, "request: query test: type boolean", id="no boolean"),
        pytest.param(
            {"headers": {"Authorization": None}},
            "request: header Authorization: bearer, with credentials",
            id="no token",
        ),
        pytest.param(
            {"headers": {"Content-Type": "text/plain"}},
            "request: header Content-Type: one of application/json",
            id="media type",
        ),
        pytest.param({"content": b"{"}, "request: body: must be JSON", id="no JSON"),
        pytest.param({"content": b'{"data":[]}'}, "request: data: minItems 1", id="no event"),
        pytest.param(
            {"content": json.dumps({"data": [an_event()] * 1_001})},
            "request: data: maxItems 1000",
            id="too many events",
        ),
        pytest.param({"content": b'{"data":[null]}'}, "request: data[0]: type object", id="no object"),
        pytest.param(
            {"content": json.dumps({"data": [an_event()], "test": True})}, "request: : an unknown key", id="unknown key"
        ),
    ],
)
def test_sees_each_breach_of_a_request(sent: dict[str, Any], found: str) -> None:
    assert [line for line in through_the_proxy(**sent)[0] if line.startswith("request")] == [found]


def of_a_form(form: str, **properties: Any) -> list[str]:
    """What is found wrong with this body, if the description lists these properties beside the grant type."""
    document = json.loads(FILE.read_text(encoding="utf-8"))
    document["components"]["schemas"]["OauthAccessTokenRequest"]["properties"] |= properties
    operation = Description(document).operation("POST", "/oauth/token")
    assert operation is not None
    headers = {"authorization": "Basic eDp5", "content-type": f"{FORM}; charset=utf-8"}
    found = operation.request_violations("/oauth/token", "", headers, form.encode(), now_s=NOW_S)
    return [f"{v.where}: {v.rule}" for v in found]


@pytest.mark.parametrize(
    ("form", "found"),
    [
        pytest.param("grant_type=refresh_token&refresh_token=a%2Bb&new=1", [], id="sound"),
        pytest.param("grant_type=refresh_token&on=true&seconds=7&code=7", [], id="of the described types"),
        pytest.param("grant_type=refresh_token&on=1", ["on: type boolean"], id="no boolean"),
        pytest.param("grant_type=refresh_token&seconds=x", ["seconds: type integer"], id="no integer"),
        pytest.param("grant_type=other", ["grant_type: enum"], id="enum"),
        pytest.param("refresh_token=a", [": required: grant_type"], id="required"),
        pytest.param("grant_type=x&grant_type=refresh_token", ["body: each parameter once"], id="twice"),
        pytest.param('{"grant_type":"refresh_token"}', ["body: must be a form"], id="JSON"),
        pytest.param("grant_type=refresh_token&x=%FF", ["body: must be a form"], id="no UTF-8"),
    ],
)
def test_sees_each_breach_of_a_form(form: str, found: list[str]) -> None:
    types = {"on": {"type": "boolean"}, "seconds": {"type": "integer"}, "code": {"type": "string"}}

    assert of_a_form(form, **types) == found


def test_a_test_request_is_described() -> None:
    assert through_the_proxy(params={"test": "true"})[0] == []


def a_report(**changes: Any) -> bytes:
    """A success with something about it changed; `...` takes a field away."""
    report = json.loads(PROCESSED) | changes
    return raw(json.dumps({name: value for name, value in report.items() if value is not ...}).encode())


def an_error(**body: Any) -> bytes:
    return raw(json.dumps(body).encode(), "400 Bad Request")


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        pytest.param(raw(b"<html>"), "body: must be JSON", id="no JSON"),
        pytest.param(
            raw(b"{}", head=("Content-Type: text/html",)),
            "header Content-Type: one of application/json",
            id="media type",
        ),
        pytest.param(a_report(events=[{"status": "done"}]), "events[0].status: enum", id="status"),
        pytest.param(a_report(num_events_received=None), "num_events_received: type integer", id="null"),
        pytest.param(a_report(events=...), ": required: events", id="no events"),
        pytest.param(a_report(events=[]), "events: one for each of the 1 events", id="one short"),
        pytest.param(an_error(code="4196", message="no"), "code: type integer", id="code"),
        pytest.param(an_error(code=4196), ": required: message", id="no message"),
        pytest.param(raw(b'{"code":1,"message":"m"}', "422 Unprocessable"), ": required: details", id="no details"),
        pytest.param(raw(b'{"code":1}', "599 What"), ": required: message", id="any other status"),
        pytest.param(b"SSH-2.0-nonsense\r\n\r\n", ": must be HTTP/1.1", id="no HTTP"),
    ],
)
def test_sees_each_breach_of_an_answer(answer: bytes, found: str) -> None:
    assert through_the_proxy(answer)[0] == [f"answer: {found}"]


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(
            a_report(events=[{"status": "processed", "error_message": "", "warning_message": None}]), id="messages"
        ),
        pytest.param(an_error(code=4196, message="no"), id="400"),
        pytest.param(raw(b'{"code":953,"message":"m","details":{}}', "422 Unprocessable"), id="422"),
        pytest.param(
            raw(b'{"code":8,"message":"m"}', "429 Slow", ("Content-Type: application/json; charset=utf-8",)),
            id="429 with a charset",
        ),
        pytest.param(b"", id="hangs up"),
        pytest.param(raw(PROCESSED)[:-10], id="breaks off"),
    ],
)
def test_sound_answers_and_broken_connections_break_nothing(answer: bytes) -> None:
    assert through_the_proxy(answer)[0] == []


def test_every_byte_passes_as_it_is() -> None:
    request = b"POST /v5/none HTTP/1.1\r\nhOsT: x\r\nX-Odd:   two  blanks \r\nContent-Length: 3\r\n\r\n\x00\xff{"
    answer = b"HTTP/1.1 299 Strange\r\nX-Odd:  y\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n\x00\xff\r\n0\r\n\r\n"

    async def run() -> tuple[bytes, list[bytes]]:
        async with an_api(answer) as (upstream, heard), DescriptionProxy(upstream, DESCRIPTION) as proxy:
            reader, writer = await asyncio.open_connection("127.0.0.1", httpx.URL(proxy.base_url).port)
            writer.write(request)
            came = await reader.read()
            writer.close()
            return came, heard

    assert asyncio.run(run()) == (answer, [request])


def test_one_connection_carries_many_requests() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await reader.readuntil(b"\r\n\r\n"):
            await reader.readexactly(length_in(head))
            writer.write(raw(PROCESSED))

    async def run() -> tuple[int, int, int, list[Any]]:
        connections: list[Any] = []

        async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            connections.append(writer)
            try:
                await talk(reader, writer)
            except asyncio.IncompleteReadError:
                writer.close()

        server = await asyncio.start_server(accept, "127.0.0.1", 0)
        upstream = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v5"
        async with server, DescriptionProxy(upstream, DESCRIPTION) as proxy:
            async with httpx.AsyncClient(verify=NO_TLS, trust_env=False) as client:
                for _ in range(5):
                    url = proxy.base_url + EVENTS.format(ad_account_id=ACCOUNT)
                    await client.post(url, json={"data": [an_event()] * 1}, headers={"Authorization": "Bearer t"})
            return len(connections), proxy.requests, proxy.answers[200], proxy.violations

    assert asyncio.run(run()) == (1, 5, 5, [])


def test_nobody_upstream_is_what_a_client_sees_as_a_closed_connection() -> None:
    with proxy_in_thread("http://127.0.0.1:9", DESCRIPTION) as proxy, pytest.raises(httpx.TransportError):
        httpx.post(f"{proxy.base_url}/x", content=b"{}", trust_env=False)


def test_is_quick_enough_to_stand_in_every_test() -> None:
    operation = DESCRIPTION.operation("POST", f"/ad_accounts/{ACCOUNT}/events")
    assert operation is not None
    request = {"data": [an_event()] * 1_000}

    began_s = time.process_time()
    violations = operation.body_violations(request, now_s=NOW_S)
    used_s = time.process_time() - began_s

    assert violations == []
    assert used_s < 3  # a third of that on a slow machine
