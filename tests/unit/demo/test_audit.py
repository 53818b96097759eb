"""The demo's verdict on itself: each way a run can go wrong shows in its figures."""

from __future__ import annotations

from typing import Any

import pytest

from consumer.demo.audit import Audit, Position, audit

PLACE = ("orders", 0)


def produced(offset: int, expect: str = "accepted") -> dict[str, Any]:
    return {"topic": "orders", "partition": 0, "offset": offset, "event_id": f"event-{offset}", "expect": expect}


def accepted(offset: int, request: int = 1, *, test: bool = False) -> dict[str, Any]:
    return {"ad_account_id": "1", "request": request, "test": test, "event": {"event_id": f"event-{offset}"}}


def outcome(
    *lines: dict[str, Any],
    record: tuple[dict[str, Any], ...] = (),
    letters: tuple[tuple[Position, str], ...] = (),
    committed: int = 10,
) -> Audit:
    return audit(lines, record, letters, {PLACE: committed})


def figures(found: Audit) -> tuple[int, int, int, int, int, int]:
    return (found.accepted, found.skipped, found.dead_lettered, found.lost, found.duplicates, found.unexpected)


def test_each_outcome_is_counted_once() -> None:
    found = outcome(
        produced(0),
        produced(1, "skipped:bot"),
        produced(2, "dead_lettered:invalid"),
        record=(accepted(0),),
        letters=((("orders", 0, 2), "invalid"),),
    )

    assert figures(found) == (1, 1, 1, 0, 0, 0)
    assert found.produced == 3
    assert found.batches == 1
    assert found.outcomes == {"accepted": 1, "skipped:bot": 1, "dead_lettered:invalid": 1}


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        pytest.param(outcome(produced(0)), (0, 0, 0, 1, 0, 0), id="never accepted"),
        pytest.param(outcome(produced(0, "dead_lettered:invalid")), (0, 0, 0, 1, 0, 0), id="no letter"),
        pytest.param(outcome(produced(0, "skipped:bot"), committed=0), (0, 0, 0, 1, 0, 0), id="not committed past"),
        pytest.param(outcome(produced(0), record=(accepted(0, test=True),)), (0, 0, 0, 1, 0, 0), id="a test only"),
        pytest.param(
            outcome(produced(0), record=(accepted(0), accepted(0, request=2))), (1, 0, 0, 0, 1, 0), id="accepted twice"
        ),
        pytest.param(
            outcome(produced(0, "dead_lettered:invalid"), letters=((("orders", 0, 0), "invalid"),) * 2),
            (0, 0, 1, 0, 1, 0),
            id="two letters",
        ),
        pytest.param(
            outcome(produced(0), letters=((("orders", 0, 0), "invalid"),)), (0, 0, 1, 0, 0, 1), id="the wrong fate"
        ),
        pytest.param(
            outcome(produced(0, "skipped:bot"), record=(accepted(0),)), (1, 0, 0, 0, 0, 1), id="sent though skipped"
        ),
        pytest.param(
            outcome(produced(0, "dead_lettered:invalid"), letters=((("orders", 0, 0), "refused"),)),
            (0, 0, 1, 0, 0, 1),
            id="the wrong reason",
        ),
    ],
)
def test_what_goes_wrong_shows(found: Audit, expected: tuple[int, ...]) -> None:
    assert figures(found) == expected
