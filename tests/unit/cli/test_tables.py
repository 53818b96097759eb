"""Columns line up, nothing in a cell moves a terminal, and CSV can be read back."""

from __future__ import annotations

import csv

from consumer.cli.tables import aligned, as_csv, shown


def test_columns_are_as_wide_as_they_need_to_be_and_numbers_stand_to_the_right() -> None:
    text = aligned(["day", "value"], [["2026-11-24", "1,072.39"], ["", "5"]], numbers={"value"})

    assert text == "day            value\n2026-11-24  1,072.39\n                   5\n"


def test_what_a_terminal_would_obey_is_written_out() -> None:
    assert shown("A\x1b[2J\n\u202eB") == "A\\x1b[2J\\n\\u202eB"
    assert "\x1b" not in aligned(["id"], [["\x1b[2J"]])


def test_csv_is_read_back_as_it_was() -> None:
    rows = [["a,b", 'c"d', "e\nf"], ["", "ü", " g "]]

    text = as_csv(["one", "two", "three"], rows)

    assert list(csv.reader(text.splitlines(keepends=True))) == [["one", "two", "three"], *rows]
