"""A bar on standard error for people who wait; nothing where nobody looks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from rich.console import Console
from rich.progress import track

_T = TypeVar("_T")


def shown(items: Iterable[_T], total: int, description: str) -> Iterable[_T]:
    """The items; a bar tells how many of the total were taken, and is gone after the last."""
    console = Console(stderr=True)
    if not console.is_terminal:
        return items
    return track(items, description=description, total=total, console=console, transient=True)
