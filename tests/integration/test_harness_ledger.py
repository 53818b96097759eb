"""`settlement` tells every way in which a run can differ from its manifest."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.harness.ledger import (
    AcceptedEvent,
    Produced,
    ReadLetter,
    Settlement,
    read_manifest,
    read_record,
    settlement,
)


def order(number: int, expect: str = "accepted", *, event_id: str | None = "") -> Produced:
    return Produced("orders", 0, number, f"m:{number}:checkout" if event_id == "" else event_id, expect)


def taken(number: int, *, test: bool = False) -> AcceptedEvent:
    return AcceptedEvent("549755885175", 1, 1_750_000_000.0, test, {"event_id": f"m:{number}:checkout"})


def letter(number: int, reason: str = "invalid") -> ReadLetter:
    why = {"topic": "orders", "partition": "0", "offset": str(number), "reason": reason}
    return ReadLetter("dead-letter", 0, 0, None, None, (), why)


def test_all_as_expected_leaves_nothing_to_say() -> None:
    manifest = [order(1), order(2, "skipped:bot"), order(3, "dead_lettered:undecodable", event_id=None)]

    assert settlement(manifest, [taken(1)], [letter(3, "undecodable")]) == Settlement()


@pytest.mark.parametrize("expect", ["accepted", "dead_lettered:invalid"])
def test_a_record_of_which_nothing_came_is_lost(expect: str) -> None:
    missing = order(1, expect)

    assert settlement([missing], [], []) == Settlement(lost=[missing])


def test_an_event_accepted_twice_is_a_duplicate() -> None:
    found = settlement([order(1)], [taken(1), taken(1)], [])

    assert found == Settlement(duplicates=["event m:1:checkout: accepted 2 times"])


def test_an_event_produced_twice_and_accepted_once_is_none() -> None:
    manifest = [order(1), order(2, "skipped:duplicate", event_id="m:1:checkout")]

    assert settlement(manifest, [taken(1)], []) == Settlement()


def test_two_letters_of_one_record_are_a_duplicate() -> None:
    found = settlement([order(1, "dead_lettered:invalid")], [], [letter(1), letter(1)])

    assert found == Settlement(duplicates=["2 letters of orders[0]@1"])


@pytest.mark.parametrize("expect", ["skipped:bot", "dead_lettered:invalid"])
def test_what_should_not_have_been_accepted_is_unexpected(expect: str) -> None:
    letters = [letter(1)] if expect.startswith("dead_lettered") else []

    assert settlement([order(1, expect)], [taken(1)], letters) == Settlement(
        unexpected=["event m:1:checkout: accepted"]
    )


@pytest.mark.parametrize("expect", ["accepted", "skipped:bot", "dead_lettered:rejected"])
def test_a_letter_that_should_not_be_or_for_another_reason_is_unexpected(expect: str) -> None:
    found = settlement([order(1, expect)], [], [letter(1, "invalid")])

    assert found == Settlement(unexpected=[f"orders[0]@1: expected {expect}, was dead_lettered:invalid"])


def test_outcomes_of_what_was_never_produced_are_unexpected() -> None:
    found = settlement([], [taken(8)], [letter(9)])

    assert found.unexpected == ["event m:8:checkout: accepted", "letter of orders[0]@9: never produced"]


def test_events_sent_as_a_test_count_only_in_test_mode() -> None:
    record = [taken(1, test=True)]

    assert settlement([order(1)], record, []) == Settlement(lost=[order(1)])
    assert settlement([order(1)], record, [], in_test_mode=True) == Settlement()


def test_files_are_read_up_to_their_last_whole_line(tmp_path: Path) -> None:
    event = {
        "ad_account_id": "1",
        "request": 4,
        "received_at": 5.5,
        "test": False,
        "event": {"event_id": "m:1:checkout"},
    }
    line = {"topic": "orders", "partition": 2, "offset": 3, "event_id": None, "expect": "dead_lettered:undecodable"}
    (tmp_path / "record").write_text(f'{json.dumps(event)}\n{{"ad_acc')
    (tmp_path / "manifest").write_text(f"{json.dumps(line)}\n")

    (accepted,) = read_record(tmp_path / "record")
    (produced,) = read_manifest(tmp_path / "manifest")

    assert (accepted.event_id, accepted.request, accepted.received_at) == ("m:1:checkout", 4, 5.5)
    assert produced == Produced("orders", 2, 3, None, "dead_lettered:undecodable")
    assert read_record(tmp_path / "not there yet") == []
