"""The dead-letter breaker: decides, before a letter is written, whether so many can still be the records' own fault.

A changed schema, a wrong mapping or a changed API turns every record into a letter. Written letters cannot be taken
back, so from some point on none are written any more, and the topic's records wait for an operator.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass

from consumer.config import DeadLetters as Settings
from consumer.records import Assignment, DeadLetterReason, Letter, Record

_WINDOW = 1_000
"""So many records must be judged before a share says anything; beyond twice as many, older ones count half."""


@dataclass(slots=True)
class _Window:
    """What became of the latest records at one step: on reading them, or on delivery."""

    run: int = 0
    """Letters in a row."""
    letters: int = 0
    others: int = 0

    def count(self, *, letters: int = 0, others: int = 0) -> None:
        self.letters += letters
        self.others += others
        if self.letters + self.others > 2 * _WINDOW:
            self.letters //= 2
            self.others //= 2

    @property
    def share(self) -> float:
        judged = self.letters + self.others
        return self.letters / judged if judged >= _WINDOW else 0.0


@dataclass(frozen=True, slots=True)
class Opened:
    """Why no letters of a topic are written any more."""

    seen: str
    """What was too much."""
    first: Letter
    """The first that was not written."""


class LetterBreaker:
    """One for each topic, and within it one for reading and one for delivery, as verdicts on events come much later.

    Letters that are not to be written are kept here; until a restart nothing becomes of them.

    Args:
        settings: Longest run and largest share of letters.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._reading: dict[str, _Window] = {}
        self._delivery: dict[str, _Window] = {}
        self._withheld: list[Letter] = []
        self._open: dict[str, Opened] = {}

    @property
    def open(self) -> Mapping[str, Opened]:
        """The topics that no letters are written of any more."""
        return self._open

    def suspect(self, topics: Iterable[str]) -> None:
        """Records of these were just assigned. Of a topic that nothing is known of yet only half a run is borne: a
        restart is no amnesty, and many of them must not fill the topic."""
        for topic in topics:
            for windows in (self._reading, self._delivery):
                windows.setdefault(topic, _Window(run=self._settings.max_run // 2))

    def mapped(self, topic: str) -> None:
        """Reading and mapping a record led to an event, or to a skip for a named reason."""
        window = self._reading.get(topic)
        if window is None:
            window = self._reading[topic] = _Window()
        window.run = 0
        window.count(others=1)

    def accepted(self, topic: str) -> None:
        """Pinterest took an event."""
        window = self._delivery.get(topic)
        if window is None:
            window = self._delivery[topic] = _Window()
        window.run = 0
        window.count(others=1)

    def admits(self, letter: Letter) -> bool:
        """May this letter be written? From the first that may not on, none of its topic may: they are kept here."""
        if letter.reason is DeadLetterReason.ACCOUNT_HELD:
            return True
        topic = letter.record.assignment.topic
        if topic not in self._open:
            seen = self._too_much(topic, letter)
            if seen is None:
                return True
            self._open[topic] = Opened(seen, letter)
        self._withheld.append(letter)
        return False

    def _too_much(self, topic: str, letter: Letter) -> str | None:
        windows = self._delivery if letter.stage == "deliver" else self._reading
        window = windows.setdefault(topic, _Window())
        window.run += 1
        window.count(letters=1)
        if window.run > self._settings.max_run:
            return f"{window.run} records in a row"
        if window.share > self._settings.max_share:
            return f"{window.share:.0%} of the last {window.letters + window.others} records"
        return None

    def held(self, assignments: Iterable[Assignment]) -> set[Assignment]:
        """Which of these are to be read no further."""
        return {assignment for assignment in assignments if assignment.topic in self._open}

    def find(self, records: Set[Record]) -> Iterator[Letter]:
        """The letters for these records that are withheld."""
        return (letter for letter in self._withheld if letter.record in records)

    def abandon(self, assignments: set[Assignment]) -> list[Letter]:
        """Give up the letters of these assignments; returns them."""
        gone = [letter for letter in self._withheld if letter.record.assignment in assignments]
        self._withheld = [letter for letter in self._withheld if letter.record.assignment not in assignments]
        return gone
