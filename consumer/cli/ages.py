"""Spans of time as people write them on a command line: 30m, 2h, 1d."""

from __future__ import annotations

import re
from datetime import timedelta

_AGE = re.compile(r"(\d{1,6})([smhd])", re.ASCII)
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def age_of(text: str) -> timedelta | None:
    """So many seconds, minutes, hours or days; None if it is not written so."""
    found = _AGE.fullmatch(text)
    return None if found is None else timedelta(**{_UNITS[found[2]]: int(found[1])})
