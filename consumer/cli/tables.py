"""Rows of text as aligned columns, and as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Iterable, Sequence

_GAP = "  "


def aligned(columns: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: Collection[str] = ()) -> str:
    """Columns as wide as they need to be, those of `numbers` to the right. Nothing in a cell moves a terminal."""
    listed = [columns, *([shown(cell) for cell in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*listed, strict=True)]
    lines = (
        _GAP.join(
            cell.rjust(width) if name in numbers else cell.ljust(width)
            for name, cell, width in zip(columns, row, widths, strict=True)
        ).rstrip()
        for row in listed
    )
    return "".join(f"{line}\n" for line in lines)


def as_csv(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """As RFC 4180 has it, but with the line ends of Unix."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue()


def shown(text: str) -> str:
    """With whatever a terminal would not print, or would obey, written out."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
