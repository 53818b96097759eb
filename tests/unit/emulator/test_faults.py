"""The fault language: what it understands, what it strikes."""

from __future__ import annotations

from typing import Any

import pytest

from consumer.emulator import FaultError, parse_faults
from consumer.emulator.answers import Drip
from consumer.emulator.faults import (
    After,
    Before,
    Delay,
    Disconnect,
    FaultBoard,
    Garbage,
    Oversized,
    RejectEvent,
    Status,
)
from tests.unit.emulator.builders import ACCOUNT, event_of


def problems_of(faults: Any) -> list[str]:
    with pytest.raises(FaultError) as caught:
        parse_faults(faults)
    return caught.value.problems


@pytest.mark.parametrize(
    ("fault", "effect"),
    [
        ({"kind": "status", "status": 401}, Before(Status(401))),
        (
            {"kind": "status", "status": 500, "code": 0, "message": "", "headers": {"Retry-After": "1"}},
            Before(Status(500, 0, "", (("Retry-After", "1"),))),
        ),
        ({"kind": "status_after_recording"}, After(Status(500))),
        ({"kind": "delay", "ms": 1.5}, Delay(0.0015)),
        ({"kind": "garbage", "status": 422, "recorded": False}, Before(Garbage(422, too_few_events=False))),
        ({"kind": "status", "status": 502, "html": True}, Before(Status(502, html=True))),
        ({"kind": "reject_event"}, RejectEvent("Invalid event.", 422)),
        ({"kind": "reject_event", "message": "No.", "status": 200}, RejectEvent("No.", 200)),
        ({"kind": "oversized", "mib": 2}, After(Oversized(2))),
        ({"kind": "drip", "seconds": 3, "head_too": True}, After(Drip(3.0, head_too=True))),
    ],
)
def test_reads_a_fault(fault: dict[str, Any], effect: object) -> None:
    assert [found.effect for found in parse_faults([fault])] == [effect]


@pytest.mark.parametrize(
    ("fault", "named"),
    [
        pytest.param("status", "object", id="no object"),
        pytest.param({}, "`kind`", id="no kind"),
        pytest.param({"kind": 7}, "`kind`", id="kind is no string"),
        pytest.param({"kind": "stauts"}, "`kind` must be one of status,", id="unknown kind"),
        pytest.param({"kind": "status"}, "`status` must be given", id="status without status"),
        pytest.param({"kind": "status", "status": 200}, "from 300 to 599", id="a success is no fault"),
        pytest.param({"kind": "disconnect", "cuont": 1}, "did you mean `count`?", id="misspelt key"),
        pytest.param({"kind": "disconnect", "status": 500}, "`status` is not known here", id="key of another kind"),
        pytest.param({"kind": "disconnect", "count": 0}, "`count`", id="count of nothing"),
        pytest.param({"kind": "disconnect", "count": True}, "`count`", id="count is a boolean"),
        pytest.param({"kind": "disconnect", "ad_account_id": 549}, "`ad_account_id`", id="account as a number"),
        pytest.param({"kind": "poison_event"}, "needs `event_name`", id="poison for everything"),
        pytest.param({"kind": "delay"}, "`ms` must be given", id="delay of nothing"),
        pytest.param({"kind": "delay", "ms": -1}, "`ms`", id="negative delay"),
        pytest.param({"kind": "drip", "seconds": 7_200}, "at most 3600", id="a drip of hours"),
        pytest.param({"kind": "garbage", "status": 300}, "200 or 422", id="garbage is a success"),
        pytest.param({"kind": "reject_event", "status": 400}, "200 or 422", id="a refusal has no verdicts"),
        pytest.param({"kind": "status", "status": 502, "html": 1}, "`html`", id="html is no flag"),
        pytest.param({"kind": "status", "status": 502, "html": True, "code": 8}, "no `code`", id="page with a code"),
        pytest.param({"kind": "status", "status": 502, "html": True, "message": "x"}, "`message`", id="and a message"),
        pytest.param({"kind": "oversized"}, "`mib` must be given", id="oversized by nothing"),
        pytest.param({"kind": "oversized", "mib": 0}, "`mib`", id="oversized by zero"),
        pytest.param({"kind": "garbage", "recorded": "no"}, "`recorded`", id="flag as a string"),
        pytest.param({"kind": "status", "status": 429, "headers": {"Retry-After": 1}}, "`headers`", id="number"),
        pytest.param({"kind": "status", "status": 429, "headers": {"A b": "1"}}, "`headers`", id="blank in a name"),
        pytest.param({"kind": "status", "status": 429, "headers": {"A": "1\r\nB: 2"}}, "`headers`", id="line break"),
        pytest.param({"kind": "status", "status": 429, "headers": {"Content-Length": "1"}}, "`headers`", id="length"),
    ],
)
def test_names_what_it_does_not_understand(fault: object, named: str) -> None:
    (problem,) = problems_of([{"kind": "disconnect"}, fault])

    assert problem.startswith("fault 2: ")
    assert named in problem


def test_names_all_problems_at_once() -> None:
    assert len(problems_of([{"kind": "nought"}, {"kind": "delay", "count": 0, "x": 1}])) == 4
    assert problems_of({"kind": "disconnect"}) == ["faults must be a list of objects"]


@pytest.mark.parametrize(
    ("filters", "strikes"),
    [
        pytest.param({}, True, id="everything"),
        pytest.param({"ad_account_id": ACCOUNT}, True, id="this account"),
        pytest.param({"ad_account_id": "549000000002"}, False, id="another account"),
        pytest.param({"event_name": "page_visit"}, True, id="one of the events"),
        pytest.param({"event_name": "search"}, False, id="none of the events"),
        pytest.param({"order_id_suffix": "-1"}, True, id="order"),
        pytest.param({"event_id_suffix": ":v"}, True, id="id"),
        pytest.param({"event_name": "page_visit", "order_id_suffix": "-1"}, False, id="no event has both"),
        pytest.param({"event_name": "page_visit", "event_id_suffix": ":v"}, True, id="one event has both"),
        pytest.param({"ad_account_id": "549000000002", "order_id_suffix": "-1"}, False, id="right event elsewhere"),
    ],
)
def test_strikes_requests_that_pass_its_filters(filters: dict[str, Any], strikes: bool) -> None:  # noqa: FBT001
    board = FaultBoard(parse_faults([{"kind": "disconnect", **filters}]))
    events = [
        event_of("A-1"),
        event_of(event_name="page_visit", event_id="7:v", custom_data=None),
        event_of(custom_data={"order_id": None}),
    ]

    assert (board.answering(ACCOUNT, events, is_refused=False) is not None) is strikes


def test_the_first_match_answers_and_only_it_is_used_up() -> None:
    board = FaultBoard(
        parse_faults(
            [
                {"kind": "status", "status": 503, "count": 1},
                {"kind": "status", "status": 401, "count": 1},
            ]
        )
    )

    found = [board.answering(ACCOUNT, [], is_refused=False) for _ in range(3)]

    assert found == [Before(Status(503)), Before(Status(401)), None]
    assert [line["strikes"] for line in board.listed()] == [1, 1]


def test_an_effect_that_records_first_waits_for_a_request_that_is_not_refused() -> None:
    board = FaultBoard(parse_faults([{"kind": "accept_then_disconnect", "count": 1}, {"kind": "disconnect"}]))

    found = [board.answering(ACCOUNT, [], is_refused=is_refused) for is_refused in (True, False, False)]

    assert found == [Before(Disconnect()), After(Disconnect()), Before(Disconnect())]


def test_delays_add_up() -> None:
    board = FaultBoard(parse_faults([{"kind": "delay", "ms": 500, "count": 1}, {"kind": "delay", "ms": 250}]))

    assert [board.delay_s(ACCOUNT, []) for _ in range(2)] == [0.75, 0.25]
