"""The list of guards speaks of the code as it is. That each is missed once gone, `python -m tests.mutation` shows."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.mutation.guard import Guard
from tests.mutation.guards import GUARDS


@pytest.mark.parametrize("guard", GUARDS, ids=lambda guard: guard.name)
def test_a_guard_stands_where_it_is_said_to_and_its_tests_exist(guard: Guard) -> None:
    assert guard.problem() is None


def test_no_two_are_the_same() -> None:
    assert len({guard.name for guard in GUARDS}) == len(GUARDS)


def test_a_guard_that_is_not_there_is_told(tmp_path: Path) -> None:
    (tmp_path / "code.py").write_text("x = 1\nx = 1\n")

    assert Guard("twice", "P1", "code.py", "x = 1", "x = 2", ("t",)).problem(tmp_path) == (
        "code.py: its text stands there 2 times"
    )


def test_removing_changes_its_own_text_alone(tmp_path: Path) -> None:
    (tmp_path / "code.py").write_text("x = 1\ny = 1\n")

    Guard("one", "P1", "code.py", "x = 1", "x = 2", ("t",)).remove(tmp_path)

    assert (tmp_path / "code.py").read_text() == "x = 2\ny = 1\n"
