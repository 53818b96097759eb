"""Every line of docs/delivery.md that makes a promise names the test that proves it, and says no less than it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.docs.pages import ROOT, names_in, section, table
from tests.faults import test_api, test_brokers, test_processes, test_registry

PAGE = ROOT / "docs" / "delivery.md"
FAULTS = section(PAGE.read_text(encoding="utf-8"), "What each fault does")

HEADINGS = (
    "Replicas",
    "Brokers",
    "Pinterest, and what stands in between",
    "The schema registry",
    "Topics, offsets, clocks, releases",
)

OF_PROCESSES = {
    "SIGTERM": "SIGTERM",
    "SIGKILL, a lost node": "SIGKILL",
    "SIGSTOP, a paused node": "SIGSTOP",
}
"""The page's words for what the test calls so."""


def tables() -> dict[str, list[dict[str, str]]]:
    parts = FAULTS.split("\n### ")
    return {part.partition("\n")[0]: table(part, "Fault") for part in parts[1:]}


TABLES = tables()
ROWS = [row for rows in TABLES.values() for row in rows]


def proofs(row: dict[str, str]) -> Iterator[tuple[Path, str]]:
    for name in names_in(row["Proof"]):
        file, _, test = name.partition("::")
        yield ROOT / (file if "/" in file else f"tests/faults/{file}"), test


@cache
def defined_in(file: Path) -> frozenset[str]:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def test_the_page_has_a_table_for_everything_that_something_may_befall() -> None:
    assert tuple(TABLES) == HEADINGS


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["Fault"])
def test_a_line_has_no_empty_cell_and_names_tests_that_exist(row: dict[str, str]) -> None:
    named = list(proofs(row))

    assert all(row.values()), "an empty cell"
    assert named, "no proof"
    assert [test for file, test in named if test not in defined_in(file)] == []


def test_the_page_and_the_tests_know_the_same_faults() -> None:
    rows = {heading: {row["Fault"] for row in rows} for heading, rows in TABLES.items()}

    assert {OF_PROCESSES[name] for name in rows["Replicas"] & OF_PROCESSES.keys()} == set(test_processes.FAULTS)
    assert {name.lower() for name in rows["Brokers"]} == {name.lower() for name in test_brokers.FAULTS}
    beside = {"200 with failed items", *test_api.ADDRESSES}
    assert rows["Pinterest, and what stands in between"] == test_api.FAULTS.keys() | beside
    assert rows["The schema registry"] == {*test_registry.FAULTS, "a schema that has lost a vital field"}


def repeats(row: dict[str, str]) -> set[str]:
    return {cell for column, cell in row.items() if column.startswith("Repeats")}


def test_repeats_are_promised_as_the_tests_allow_them() -> None:
    allowed = {words: test_processes.MOST_REPEATS[name] for words, name in OF_PROCESSES.items()}
    allowed |= {name.capitalize(): most for name, most in test_brokers.MOST_REPEATS.items()}
    for row in (*TABLES["Replicas"], *TABLES["Brokers"]):
        if (most := allowed.get(row["Fault"])) is not None:
            assert repeats(row) == ({"U + C"} if most else {"0"}), row["Fault"]
    for row in TABLES["Pinterest, and what stands in between"]:
        if (fault := test_api.FAULTS.get(row["Fault"])) is not None:
            assert repeats(row) == ({"its events"} if fault.repeats else {"0"}), row["Fault"]


def test_what_is_lost_is_said_of_every_fault_and_is_nothing_but_where_the_topic_lost_it_first() -> None:
    losing = {row["Fault"] for row in ROWS if row["Lost"] != "0"}

    assert losing == {"Topic cut short while running", "Topic cut short while stopped"}


PROMISES = table(section(PAGE.read_text(encoding="utf-8"), "Which test proves it"), "Promise")


@pytest.mark.parametrize("row", PROMISES, ids=lambda row: row["Promise"])
def test_what_proves_a_promise_is_there(row: dict[str, str]) -> None:
    named = [name for name in names_in(row["Proof"]) if name.startswith("tests/")]

    assert [name for name in named if not (ROOT / name).exists()] == []
    assert named or "every integration test" in row["Proof"]


def test_every_promise_has_its_proof() -> None:
    assert [row["Promise"] for row in PROMISES] == [f"P{number}" for number in range(1, 11)]
