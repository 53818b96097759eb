"""What `conversions check` finds, and how a person reads it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Grade(StrEnum):
    """`WARN` can be meant so; `FAIL` cannot work."""

    OK = "ok"
    WARN = "warn"
    FAIL = "FAIL"


@dataclass(frozen=True, slots=True)
class Finding:
    """One answer: about what, and what was found; if it is not ok, also what to do."""

    grade: Grade
    about: str
    text: str


def ok(about: str, text: str) -> Finding:
    return Finding(Grade.OK, about, text)


def warn(about: str, text: str) -> Finding:
    return Finding(Grade.WARN, about, text)


def fail(about: str, text: str) -> Finding:
    return Finding(Grade.FAIL, about, text)


def table(findings: Iterable[Finding]) -> str:
    """A line for each, in columns, and the sum."""
    listed = list(findings)
    width = max((len(finding.about) for finding in listed), default=0)
    lines = [f"{finding.grade:<4}  {finding.about:<{width}}  {finding.text}" for finding in listed]
    failed, warned = (sum(finding.grade is grade for finding in listed) for grade in (Grade.FAIL, Grade.WARN))
    return "\n".join([*lines, "", f"{len(listed)} checks: {failed} failed, {warned} with a warning"])
