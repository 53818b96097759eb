"""A balance that comes out only if every record was counted where it went."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from consumer.ledger import Entry, Gap, Ledger
from consumer.records import Assignment, DeadLetterReason, SkipReason


def entry_of(**changes: int) -> Entry:
    """Ten offsets: one gap, one expired, and eight records, one for each thing that may become of it, two accepted."""
    entry = Entry(consumed=8, accepted=2, abandoned=1, in_hand=1, gaps=1, expired=1, span=10)
    entry.skipped.update([SkipReason.DUPLICATE, SkipReason.BOT])
    entry.dead_lettered.update([DeadLetterReason.REJECTED, DeadLetterReason.INVALID])
    for name, value in changes.items():
        setattr(entry, name, value)
    return entry


def ledger_with(*entries: Entry, closed: bool = False) -> Ledger:
    ledger = Ledger()
    for partition, entry in enumerate(entries):
        assignment = Assignment("orders", partition, 0)
        ledger.open(assignment)
        ledger.of(assignment).add(entry)
        if closed:
            ledger.close(assignment)
    return ledger


def lose_a_skip(entry: Entry) -> None:
    entry.skipped.clear()


def lose_a_letter(entry: Entry) -> None:
    del entry.dead_lettered[DeadLetterReason.INVALID]


def test_records_that_are_all_accounted_for_balance() -> None:
    assert entry_of().imbalance == 0


@pytest.mark.parametrize(
    ("entry", "imbalance"),
    [
        (entry_of(accepted=1), 1),
        (entry_of(accepted=4), 2),
        (entry_of(abandoned=0), 1),
        (entry_of(in_hand=0), 1),
        (entry_of(in_hand=2), 1),
        (entry_of(gaps=0), 1),
        (entry_of(expired=0), 1),
        (entry_of(span=12), 2),
        (entry_of(consumed=9), 2),  # one that became nothing, and one that stood at no offset
    ],
)
def test_what_nobody_can_account_for_shows(entry: Entry, imbalance: int) -> None:
    assert entry.imbalance == imbalance


@pytest.mark.parametrize(("lose", "imbalance"), [(lose_a_skip, 2), (lose_a_letter, 1)])
def test_every_outcome_counts(lose: Callable[[Entry], None], imbalance: int) -> None:
    entry = entry_of()

    lose(entry)

    assert entry.imbalance == imbalance


def test_a_record_lost_in_one_place_and_one_too_many_in_another_are_two() -> None:
    assert entry_of(accepted=1, gaps=2).imbalance == 2


@pytest.mark.parametrize("closed", [False, True])
def test_errors_of_two_assignments_do_not_cancel_out(*, closed: bool) -> None:
    ledger = ledger_with(entry_of(accepted=1), entry_of(accepted=3), closed=closed)

    assert ledger.imbalance == 2
    assert ledger.as_dict()["balanced"] is False
    assert ledger.as_dict()["total"]["imbalance"] == 2


def test_errors_of_the_same_partition_at_two_times_do_not_cancel_out() -> None:
    ledger = Ledger()
    for accepted in (1, 3):
        assignment = Assignment("orders", 0, 0)
        ledger.open(assignment)
        ledger.of(assignment).add(entry_of(accepted=accepted))
        ledger.close(assignment)

    assert ledger.imbalance == 2


def test_an_entry_that_was_closed_still_counts() -> None:
    ledger = ledger_with(entry_of(), closed=True)
    assignment = Assignment("orders", 0, 10)
    ledger.open(assignment)
    ledger.of(assignment).add(entry_of())

    told = ledger.as_dict()

    assert list(told["partitions"]) == ["orders[0]"]
    assert told["partitions"]["orders[0]"] == told["total"] == Entry.as_dict(_twice(entry_of()))


def _twice(entry: Entry) -> Entry:
    both = Entry()
    both.add(entry)
    both.add(entry)
    return both


def test_an_assignment_that_ended_has_no_entry() -> None:
    ledger = Ledger()
    assignment = Assignment("orders", 0, 0)
    ledger.open(assignment)
    ledger.close(assignment)

    with pytest.raises(KeyError):
        ledger.of(assignment)


def test_the_same_partition_taken_again_has_an_entry_of_its_own() -> None:
    ledger = Ledger()
    before, after = Assignment("orders", 0, 0), Assignment("orders", 0, 0)
    ledger.open(before)
    ledger.open(after)

    ledger.of(before).consumed = 5

    assert ledger.of(after).consumed == 0


def test_partitions_stand_in_their_order() -> None:
    ledger = Ledger()
    for topic, partition in (("visits", 0), ("orders", 10), ("orders", 2)):
        ledger.open(Assignment(topic, partition, 0))

    assert list(ledger.as_dict()["partitions"]) == ["orders[2]", "orders[10]", "visits[0]"]


def test_gaps_are_added_up_by_partition_over_all_its_assignments() -> None:
    ledger = Ledger()
    for partition, offsets, before_offset in ((0, 2, 7), (0, 3, 40), (1, 1, 9)):
        assignment = Assignment("orders", partition, 0)
        ledger.open(assignment)
        ledger.of(assignment).note_gap(offsets, before_offset)
        if offsets == 2:
            ledger.close(assignment)

    assert ledger.gaps() == {("orders", 0): Gap(5, 40), ("orders", 1): Gap(1, 9)}


def test_the_whole_is_plain_json() -> None:
    ledger = ledger_with(entry_of())
    ledger.late = 3

    told = json.loads(json.dumps(ledger.as_dict()))

    assert told["total"] == {
        "consumed": 8,
        "accepted": 2,
        "skipped": {"duplicate": 1, "bot": 1},
        "dead_lettered": {"rejected": 1, "invalid": 1},
        "abandoned": 1,
        "in_hand": 1,
        "gaps": 1,
        "expired": 1,
        "imbalance": 0,
    }
    assert (told["balanced"], told["late_verdicts"]) == (True, 3)
