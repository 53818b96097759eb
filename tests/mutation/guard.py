"""One guard of the delivery promises, and how to do without it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Guard:
    """A place in the code that keeps a promise.

    `original` stands there exactly once; with `broken` in its place each of `tests` is to fail.
    """

    name: str
    """What the guard does, as a sentence."""
    promise: str
    """Which of the promises of docs/delivery.md it keeps: P1 to P10."""
    path: str
    """Of the module, from the repository's root."""
    original: str
    broken: str
    tests: tuple[str, ...]
    """Pytest's names; parametrised ones run with all of their parameters."""

    def problem(self, root: Path = ROOT) -> str | None:
        """What is wrong with the description itself, if anything: the code may have moved on."""
        found = (root / self.path).read_text(encoding="utf-8").count(self.original)
        if found != 1:
            return f"{self.path}: its text stands there {found} times"
        if self.original == self.broken:
            return "nothing would be broken"
        if not self.tests:
            return "no test is named"
        for test in self.tests:
            file, _, function = test.partition("::")
            if f"def {function}(" not in (root / file).read_text(encoding="utf-8"):
                return f"there is no test {test}"
        return None

    def remove(self, root: Path) -> None:
        """Break it, in a copy of the repository."""
        module = root / self.path
        module.write_text(module.read_text(encoding="utf-8").replace(self.original, self.broken), encoding="utf-8")
