"""The judge goes red where a promise was broken, and stays green where it was kept: fabricated histories."""

from __future__ import annotations

from typing import Any

import pytest

from consumer.stages.offsets import SettledMap
from tests.chaos.judge import Judge, Violation
from tests.chaos.tails import SeenLetter
from tests.harness.watcher import Commit

END_S = 1_000.0


def produced(offset: int, expect: str = "accepted") -> dict[str, Any]:
    return {"topic": "orders", "partition": 0, "offset": offset, "event_id": f"e-{offset}", "expect": expect}


def accepted(offset: int, at: float, request: int = 1) -> dict[str, Any]:
    return {"request": request, "received_at": at, "event": {"event_id": f"e-{offset}"}}


def letter(offset: int, reason: str, at: float = 1.0) -> SeenLetter:
    return SeenLetter(("orders", 0, offset), reason, at)


def committed(offset: int, at: float, settled: tuple[range, ...] = ()) -> Commit:
    return Commit("orders", 0, offset, SettledMap(offset, 0, settled).encode(), at)


def judged(
    manifest: list[dict[str, Any]],
    record: list[dict[str, Any]],
    commits: list[Commit],
    letters: tuple[SeenLetter, ...] = (),
) -> Judge:
    """All evidence at once: the judge goes by the times it carries."""
    judge = Judge()
    judge.committed(commits)
    judge.took(manifest)
    judge.recorded(record, not_before=0.0)
    judge.lettered(letters)
    judge.finish(END_S)
    return judge


def told(judge: Judge) -> list[tuple[str, int]]:
    return [(violation.promise, violation.position[2]) for violation in judge.violations]


def test_a_run_in_which_everything_came_to_its_end_is_green() -> None:
    judge = judged(
        [
            produced(0),
            produced(1, "skipped:bot"),
            produced(2, "dead_lettered:invalid"),
            produced(3),
            produced(4, "dead_lettered:rejected"),
        ],
        [accepted(0, at=1.0)],
        [committed(5, at=2.0)],
        (letter(2, "invalid"), letter(3, "account_held"), letter(4, "refused")),
    )

    assert judge.violations == []
    assert judge.repeats == []
    assert judge.lag == 0
    assert judge.outcomes == {
        "accepted": 1,
        "skipped:bot": 1,
        "dead_lettered:invalid": 1,
        "dead_lettered:account_held": 1,
        "dead_lettered:refused": 1,
    }


@pytest.mark.parametrize("expect", ["accepted", "dead_lettered:invalid"])
def test_one_record_that_never_arrived_is_lost(expect: str) -> None:
    judge = judged([produced(0), produced(1, expect), produced(2)], [accepted(0, 1.0), accepted(2, 1.0)], [])

    assert told(judge) == [("lost", 1)]


def test_a_record_to_be_skipped_that_no_commit_passed_is_lost() -> None:
    judge = judged([produced(0), produced(1, "skipped:bot")], [accepted(0, 1.0)], [committed(1, 2.0)])

    assert told(judge) == [("lost", 1)]


@pytest.mark.parametrize(
    "commit",
    [
        pytest.param(committed(2, at=5.0), id="by its offset"),
        pytest.param(committed(0, at=5.0, settled=(range(1, 2),)), id="by its map"),
    ],
)
def test_a_commit_that_passes_a_record_before_it_is_accepted_is_premature(commit: Commit) -> None:
    judge = judged([produced(0), produced(1)], [accepted(0, 4.0), accepted(1, 5.1)], [commit])

    assert told(judge) == [("premature commit", 1)]
    assert judge.violations[0].at == 5.0


def test_a_commit_that_relies_on_a_letter_not_yet_written_is_premature() -> None:
    judge = judged([produced(0, "dead_lettered:invalid")], [], [committed(1, at=5.0)], (letter(0, "invalid", at=5.1),))

    assert told(judge) == [("premature commit", 0)]


def test_an_event_that_was_not_in_the_record_at_its_last_reading_was_not_accepted_before() -> None:
    judge = Judge()
    judge.committed([committed(1, at=5.0)])
    judge.took([produced(0)])

    judge.recorded([accepted(0, at=4.9)], not_before=5.2)
    judge.finish(END_S)

    assert told(judge) == [("premature commit", 0)]


def test_evidence_that_comes_late_acquits() -> None:
    judge = Judge()
    judge.committed([committed(3, at=5.0)])
    judge.recorded([accepted(0, at=4.0)], not_before=0.0)
    judge.weigh()
    assert judge.suspects == 3

    judge.took([produced(0), produced(1, "skipped:bot"), produced(2, "dead_lettered:invalid")])
    judge.lettered([letter(2, "invalid", at=4.5)])
    judge.weigh()

    assert judge.suspects == 0
    judge.finish(END_S)
    assert judge.violations == []


def test_a_commit_of_something_never_produced_is_told() -> None:
    judge = judged([produced(0)], [accepted(0, 1.0)], [committed(2, at=2.0)])

    assert told(judge) == [("premature commit", 1)]


@pytest.mark.parametrize(
    ("expect", "record", "letters"),
    [
        pytest.param("skipped:bot", [accepted(0, 1.0)], (), id="accepted instead of skipped"),
        pytest.param("dead_lettered:invalid", [accepted(0, 1.0)], (), id="accepted instead of dead-lettered"),
        pytest.param("accepted", [], (letter(0, "invalid"),), id="dead-lettered instead of accepted"),
        pytest.param("dead_lettered:invalid", [], (letter(0, "undecodable"),), id="another reason"),
        pytest.param("dead_lettered:invalid", [], (letter(0, "account_held"),), id="parked, though invalid"),
    ],
)
def test_another_end_than_expected_is_told(
    expect: str, record: list[dict[str, Any]], letters: tuple[SeenLetter, ...]
) -> None:
    judge = judged([produced(0, expect)], record, [committed(1, at=2.0)], letters)

    assert ("unexpected", 0) in told(judge)


def test_an_event_that_nobody_produced_is_told() -> None:
    judge = judged([produced(0)], [accepted(0, 1.0), accepted(7, 1.0)], [])

    assert judge.violations == [Violation("unexpected", ("", -1, -1), 1.0, "event e-7 was accepted, never produced")]


@pytest.mark.parametrize(
    ("record", "letters"),
    [
        pytest.param([accepted(0, 1.0, request=1), accepted(0, 3.0, request=2)], (), id="accepted twice"),
        pytest.param([accepted(0, 1.0, request=1)], (letter(0, "account_held", 3.0),), id="parked after all"),
    ],
)
def test_whatever_is_settled_once_more_is_a_repeat(
    record: list[dict[str, Any]], letters: tuple[SeenLetter, ...]
) -> None:
    judge = judged([produced(0)], record, [committed(1, at=2.0)], letters)

    (repeat,) = judge.repeats
    assert (repeat.first_at, repeat.first_request, repeat.again_at, repeat.covered_at) == (1.0, 1, 3.0, 2.0)


def test_a_third_time_is_a_repeat_of_the_second() -> None:
    record = [accepted(0, float(number), request=number) for number in (1, 2, 3)]

    judge = judged([produced(0)], record, [])

    assert [(repeat.first_request, repeat.again_at) for repeat in judge.repeats] == [(1, 2.0), (2, 3.0)]


def test_a_commit_that_goes_back_is_told_unless_it_is_excused() -> None:
    judge = judged([produced(0)], [accepted(0, 1.0)], [committed(1, at=2.0), committed(0, at=3.0)])

    judge.went_back(lambda at: at == 3.0)
    assert judge.violations == []

    judge.went_back(lambda _: False)
    assert told(judge) == [("commit went back", 0)]


def test_a_record_whose_offset_the_client_was_not_told_is_the_next_one() -> None:
    untold = produced(1) | {"offset": None}

    judge = judged([produced(0), untold, produced(2)], [accepted(0, 1.0), accepted(2, 1.0)], [])

    assert told(judge) == [("lost", 1)]


def test_a_stream_with_a_gap_is_no_stream_to_judge_by() -> None:
    judge = judged([produced(0), produced(2)], [accepted(0, 1.0), accepted(2, 1.0)], [])

    assert told(judge) == [("stream with a gap", 2)]


def test_the_lag_is_what_no_commit_has_passed() -> None:
    judge = judged([produced(0), produced(1), produced(2)], [accepted(0, 1.0)], [committed(1, at=2.0)])

    assert judge.lag == 2
