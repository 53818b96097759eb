"""The events endpoint over a real port: answers, record and latency."""

from __future__ import annotations

import json
from collections.abc import Callable

import httpx
import pytest

from tests.unit.emulator.builders import ACCOUNT, NOW_S, Rig, event_of

PROCESSED = {"status": "processed", "error_message": "", "warning_message": ""}


def test_accepts_good_events_and_records_them_in_order(rig: Rig) -> None:
    answer = rig.post(event_of("A-1"), event_of("A-2"))

    assert answer.status_code == 200
    assert answer.json() == {"num_events_received": 2, "num_events_processed": 2, "events": [PROCESSED] * 2}
    assert rig.recorded() == [
        {"ad_account_id": ACCOUNT, "request": 1, "received_at": NOW_S, "test": False, "event": event_of(order_id)}
        for order_id in ("A-1", "A-2")
    ]


def test_events_beside_a_failed_one_are_accepted(rig: Rig) -> None:
    answer = rig.post(event_of("A-1"), event_of("A-2", event_name="purchase"), event_of("A-3"))

    assert answer.status_code == 422
    assert answer.json()["code"] == 953
    details = answer.json()["details"]
    assert (details["num_events_received"], details["num_events_processed"]) == (3, 2)
    assert [event["status"] for event in details["events"]] == ["processed", "failed", "processed"]
    assert "event_name" in details["events"][1]["error_message"]
    assert rig.recorded_orders() == ["A-1", "A-3"]


def test_a_breach_of_the_schema_takes_all_events_along_and_names_none(rig: Rig) -> None:
    answer = rig.post(event_of("A-1"), event_of("A-2", custom_data={"category_name": "shoes"}))

    assert answer.status_code == 400
    assert answer.json() == {
        "code": 4196,
        "message": "Invalid request: Additional properties are not allowed ('category_name' was unexpected)",
    }
    assert rig.recorded() == []


def test_warns_of_ignored_fields_and_processes_the_event(rig: Rig) -> None:
    event = event_of()
    event["user_data"]["opt_out_type"] = "LDP"

    answer = rig.post(event)

    assert answer.status_code == 200
    assert "opt_out_type" in answer.json()["events"][0]["warning_message"]


def test_judges_times_by_its_own_clock(rig: Rig) -> None:
    assert rig.post(event_of(event_time=NOW_S)).status_code == 200
    assert rig.post(event_of(event_time=NOW_S + 1)).status_code == 422
    rig.time.now_s += 1
    assert rig.post(event_of(event_time=NOW_S + 1)).status_code == 200


def test_does_not_report_duplicates(rig: Rig) -> None:
    rig.post(event_of("A-1"))
    answer = rig.post(event_of("A-1"))

    assert answer.json()["events"] == [PROCESSED]
    assert [line["request"] for line in rig.recorded()] == [1, 2]


@pytest.mark.parametrize(
    ("query", "status", "tests"),
    [
        pytest.param("?test=true", 200, [True], id="test"),
        pytest.param("?test=false", 200, [False], id="not a test"),
        pytest.param("?test=yes", 400, [], id="not a boolean"),
        pytest.param("?test", 400, [], id="without a value"),
    ],
)
def test_tells_test_requests_apart_in_the_record(rig: Rig, query: str, status: int, tests: list[bool]) -> None:
    assert rig.post(event_of(), query=query).status_code == status
    assert [line["test"] for line in rig.recorded()] == tests


@pytest.mark.parametrize(
    "authorization",
    [
        pytest.param(None, id="none"),
        pytest.param("Bearer", id="no token"),
        pytest.param("Basic c2VjcmV0", id="another scheme"),
        pytest.param("Bearer stale", id="unknown token"),
    ],
)
def test_asks_for_a_good_token(rig_with: Callable[..., Rig], authorization: str | None) -> None:
    rig = rig_with(tokens=frozenset({"secret", "other"}))

    answer = rig.post_body(b'{"data":[]}', authorization=authorization)

    assert answer.status_code == 401
    assert answer.json() == {"code": 2, "message": "Authentication failed."}
    assert rig.post(event_of()).status_code == 200


def test_forbids_an_account_and_serves_the_others(rig_with: Callable[..., Rig]) -> None:
    rig = rig_with(forbidden=frozenset({"549000000002"}))

    answer = rig.post(event_of(), account="549000000002")

    assert (answer.status_code, answer.json()["code"]) == (403, 29)
    assert rig.post(event_of()).status_code == 200


@pytest.mark.parametrize("account", ["1" * 19, "abc", "12%203", "٣"])
def test_refuses_what_is_no_account_id(rig: Rig, account: str) -> None:
    assert rig.post(event_of(), account=account).status_code == 400


def test_limits_the_calls_of_each_account_per_minute(rig_with: Callable[..., Rig]) -> None:
    rig = rig_with(calls_per_minute=2)
    for _ in range(2):
        assert rig.post(event_of()).status_code == 200
    rig.time.now_s += 20

    answer = rig.post(event_of())

    assert (answer.status_code, answer.json()["code"]) == (429, 8)
    assert answer.headers["Retry-After"] == answer.headers["X-RateLimit-Reset"] == "40"
    assert rig.post(event_of(), account="549000000002").status_code == 200
    rig.time.now_s += 40
    assert rig.post(event_of()).status_code == 200


def test_limits_test_calls_of_each_token_per_second(rig_with: Callable[..., Rig]) -> None:
    rig = rig_with(test_calls_per_s=2)
    body = json.dumps({"data": [event_of()]}).encode()

    def rehearse(token: str = "secret") -> httpx.Response:
        return rig.post_body(body, query="?test=true", authorization=f"Bearer {token}")

    assert [rehearse().status_code for _ in range(2)] == [200, 200]
    answer = rehearse()

    assert (answer.status_code, answer.json()["code"], answer.headers["Retry-After"]) == (429, 8, "1")
    assert rehearse("another").status_code == 200
    assert rig.post(event_of()).status_code == 200
    rig.time.now_s += 1
    assert rehearse().status_code == 200


def test_takes_newer_names_and_fields_where_told(rig: Rig, rig_with: Callable[..., Rig]) -> None:
    newer = event_of(event_name="start_trial", advertiser_tracking_enabled=True)

    statuses = [rig.post(newer).status_code, rig_with(newer=True).post(newer).status_code]

    assert statuses == [400, 200]


def test_refuses_what_is_not_said_to_be_json(rig: Rig) -> None:
    body = json.dumps({"data": [event_of()]}).encode()

    answers = [rig.post_body(body, content_type=said) for said in (None, "text/plain", "application/json")]

    assert [answer.status_code for answer in answers] == [400, 400, 200]


def test_half_the_latency_passes_before_the_record_and_half_after(rig_with: Callable[..., Rig]) -> None:
    recorded_at_sleep: list[int] = []

    async def sleep(seconds: float) -> None:
        assert seconds == 0.15
        recorded_at_sleep.append(len(rig.recorded()))

    rig = rig_with(latency_ms=(300.0, 300.0), sleep=sleep)

    rig.post(event_of())

    assert recorded_at_sleep == [0, 1]


def test_latencies_are_drawn_from_their_range_and_repeat_with_the_seed(rig_with: Callable[..., Rig]) -> None:
    def slept(seed: int) -> list[float]:
        rig = rig_with(latency_ms=(200.0, 2_000.0), seed=seed)
        for _ in range(20):
            rig.post(event_of())
        return rig.time.slept

    assert all(0.1 <= half_s <= 1.0 for half_s in slept(1))
    assert slept(1) == slept(1)
    assert slept(1) != slept(2)


def test_a_fault_that_records_first_is_kept_for_a_request_that_is_not_refused(rig: Rig) -> None:
    rig.emulator.set_faults([{"kind": "status_after_recording", "status": 503, "count": 1}])

    statuses = [rig.post_body(b"{").status_code, rig.post(event_of("A-1")).status_code]

    assert statuses == [400, 503]
    assert rig.recorded_orders() == ["A-1"]


def test_a_fault_strikes_also_what_would_be_refused(rig: Rig) -> None:
    rig.emulator.set_faults([{"kind": "status", "status": 503}])

    assert rig.post_body(b"{", authorization=None).status_code == 503


@pytest.mark.parametrize("recorded", [False, True])
def test_too_few_events_are_one_too_few(rig: Rig, recorded: bool) -> None:  # noqa: FBT001
    rig.emulator.set_faults([{"kind": "garbage", "too_few_events": True, "recorded": recorded}])

    answer = rig.post(event_of("A-1"), event_of("A-2"), event_of("A-3")).json()

    assert (answer["num_events_received"], len(answer["events"])) == (3, 2)
    assert len(rig.recorded()) == (3 if recorded else 0)


def test_too_few_events_of_a_request_with_none_are_none(rig: Rig) -> None:
    rig.emulator.set_faults([{"kind": "garbage", "too_few_events": True, "recorded": False}])

    assert rig.post_body(b"{").json()["events"] == []


@pytest.mark.parametrize("kind", ["status", "status_after_recording"])
def test_an_error_may_be_a_page_for_browsers(rig: Rig, kind: str) -> None:
    rig.emulator.set_faults([{"kind": kind, "status": 502, "html": True, "headers": {"Retry-After": "3"}}])

    answer = rig.post(event_of())

    assert (answer.status_code, answer.headers["Retry-After"]) == (502, "3")
    assert answer.headers["Content-Type"] == "text/html"
    assert "502 Bad Gateway" in answer.text


def test_an_oversized_answer_is_the_true_one_and_blanks(rig: Rig) -> None:
    true = rig.post(event_of("A-1"))
    rig.emulator.set_faults([{"kind": "oversized", "mib": 3}])

    answer = rig.post(event_of("A-2"))

    assert answer.content.startswith(true.content)
    assert answer.content[len(true.content) :] == b" " * 3 * 1024 * 1024
    assert int(answer.headers["Content-Length"]) == len(answer.content)
    assert rig.recorded_orders() == ["A-1", "A-2"]
