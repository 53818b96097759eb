"""Reads the documents' Markdown: sections, tables and fenced blocks."""

from __future__ import annotations

import re
from pathlib import Path
from textwrap import dedent

ROOT = Path(__file__).parents[2]

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_FENCE_IN_A_LIST = re.compile(r"^(?P<indent> *)```(\w*)\n(.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL)
_CELL_BORDER = re.compile(r"(?<!\\)\|")


def section(page: str, heading: str) -> str:
    """What stands under a heading of the second level."""
    found = re.search(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)
    assert found is not None, f"no section `{heading}`"
    return found[1]


def table(text: str, first_column: str) -> list[dict[str, str]]:
    """The rows of the one table whose first column is called so, each cell by its column."""
    lines = text.splitlines()
    (start,) = (at for at, line in enumerate(lines) if line.startswith(f"| {first_column} |"))
    columns = _cells(lines[start])
    rows = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        rows.append(dict(zip(columns, _cells(line), strict=True)))
    return rows


def names_in(cell: str) -> list[str]:
    """What stands in it as code within a line."""
    return re.findall(r"`([^`\n]+)`", cell)


def fenced(text: str) -> list[tuple[str, str]]:
    """Language and content of each fenced block that starts a line."""
    return [(found[1], found[2]) for found in _FENCE.finditer(text)]


def fenced_anywhere(text: str) -> list[tuple[str, str]]:
    """The same with those that stand, indented, in lists."""
    return [(found[2], dedent(found[3])) for found in _FENCE_IN_A_LIST.finditer(text)]


def _cells(line: str) -> list[str]:
    return [cell.strip().replace("\\|", "|") for cell in _CELL_BORDER.split(line)[1:-1]]
