"""What a writer's schema does not bear out of a mapping."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Finding:
    """A path of the mapping that cannot give what its target needs."""

    target: str
    """Its key, or the reason of a rule."""
    problem: str
    is_vital: bool
    """Would going on lose or bend money, currency, ids, time, consent or whole events?"""

    def __str__(self) -> str:
        return f"{self.target}: {self.problem}"


class Findings:
    """Collects them, each once, in the order of the mapping."""

    def __init__(self) -> None:
        self._found: dict[Finding, None] = {}
        self._absent: list[Finding] | None = None
        """What alternatives lack, while it is open whether that matters."""
        self._target, self._is_vital = "", False

    @property
    def all(self) -> tuple[Finding, ...]:
        return tuple(self._found)

    def about(self, target: str, *, is_vital: bool) -> None:
        """What is found from now on concerns this."""
        self._target, self._is_vital = target, is_vital

    @contextmanager
    def alternatives(self) -> Iterator[set[str]]:
        """Of these one is enough: what is absent is vital only if none of them can give anything.

        Yields:
            For the variables of those that can.
        """
        outer, self._absent = self._absent, []
        able: set[str] = set()
        yield able
        absent, self._absent = self._absent, outer
        for finding in absent:
            self._note(replace(finding, is_vital=False) if able else finding)

    @contextmanager
    def apart(self) -> Iterator[None]:
        """What is found meanwhile has nothing to do with alternatives around it."""
        outer, self._absent = self._absent, None
        yield
        self._absent = outer

    @contextmanager
    def optional(self) -> Iterator[None]:
        """What is found to be absent meanwhile is worth a word, and not vital."""
        before, self._is_vital = self._is_vital, False
        yield
        self._is_vital = before

    def absent(self, problem: str) -> None:
        """The schema has nothing of the kind."""
        self._note(Finding(self._target, problem, self._is_vital))

    def unreadable(self, problem: str) -> None:
        """The schema has something else there: every record with a value in it would fail, so it is always vital."""
        self._found[Finding(self._target, problem, is_vital=True)] = None

    def _note(self, finding: Finding) -> None:
        if self._absent is None:
            self._found[finding] = None
        else:
            self._absent.append(finding)
