"""The file of answered requests."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.unit.emulator.builders import NOW_S, Json, Rig, event_of


def lines(path: Path) -> list[Json]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.parametrize(
    ("faults", "status", "accepted", "is_true"),
    [
        pytest.param([], 200, 2, True, id="all is well"),
        pytest.param([{"kind": "reject_event", "order_id_suffix": "A-1"}], 422, 1, True, id="one is rejected"),
        pytest.param([{"kind": "status", "status": 503}], 503, 0, False, id="an error instead"),
        pytest.param([{"kind": "status_after_recording", "status": 500}], 500, 2, False, id="an error afterwards"),
        pytest.param([{"kind": "garbage"}], 200, 2, False, id="unreadable"),
        pytest.param([{"kind": "drip", "seconds": 1}], 200, 2, False, id="drop by drop"),
        pytest.param([{"kind": "accept_then_disconnect"}], None, 2, False, id="cut off"),
    ],
)
def test_an_answer_that_does_not_tell_what_became_of_the_events_is_not_true(
    tmp_path: Path,
    rig_with: Callable[..., Rig],
    faults: list[Json],
    status: int | None,
    accepted: int,
    is_true: bool,  # noqa: FBT001 - a case of the table
) -> None:
    rig = rig_with(answers=tmp_path / "answers.jsonl")
    rig.emulator.set_faults(faults)

    if status is None:
        with pytest.raises(httpx.RemoteProtocolError):
            rig.post(event_of("A-1"), event_of("A-2"))
    else:
        rig.post(event_of("A-1"), event_of("A-2"))

    (line,) = lines(tmp_path / "answers.jsonl")
    assert line == {
        "request": 1,
        "received_at": NOW_S,
        "answered_at": NOW_S,
        "status": status,
        "accepted": accepted,
        "true": is_true,
    }


def test_a_refused_request_is_told_of_as_it_is(tmp_path: Path, rig_with: Callable[..., Rig]) -> None:
    rig = rig_with(answers=tmp_path / "answers.jsonl")

    rig.post_body(b"no JSON")

    (line,) = lines(tmp_path / "answers.jsonl")
    assert (line["status"], line["accepted"], line["true"]) == (400, 0, True)
