"""Decides which letters are replayed, and as what. Pure; what was replayed before is told by the replay topic."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Container, Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from consumer.cli.dlq_letters import DeadLetter, Position, headers_of
from consumer.letters import LETTER_POSITION, PREFIX, number_in, said_of
from consumer.records import DeadLetterReason, Headers, Message

_OMITTED = ("value-omitted", "headers-omitted")


class LeftOut(StrEnum):
    """Why a letter is not replayed."""

    REPLAYED = "replayed already"
    TOO_OFTEN = "replayed too often (--max-replays)"
    UNCERTAIN = "outcome unknown: a replay may count twice; name it by --reason outcome_unknown"
    NOT_READ = "the original's topic is not in `topics` any more"
    GONE = "without its value, and the original is not in its topic any more"

    @property
    def is_a_failure(self) -> bool:
        """Was it meant to be replayed, and cannot be?"""
        return self in (LeftOut.NOT_READ, LeftOut.GONE)


class Replayed:
    """The letters that the replay topic holds a replay of."""

    def __init__(self) -> None:
        self._offsets: defaultdict[tuple[str, int], set[int]] = defaultdict(set)

    def __contains__(self, position: Position) -> bool:
        topic, partition, offset = position
        return offset in self._offsets.get((topic, partition), ())

    def learn(self, messages: Iterable[Message]) -> None:
        """Take note of what these replay; what is no replay of a letter says nothing."""
        for message in messages:
            said = said_of(headers_of(message))
            topic, partition, offset = LETTER_POSITION
            place = (number_in(said, partition), number_in(said, offset))
            if said.get(topic) and place[0] is not None and place[1] is not None:
                self._offsets[said[topic], place[0]].add(place[1])


@dataclass(frozen=True, slots=True)
class Plan:
    """What to replay of the letters that were chosen."""

    replayed: Replayed
    topics: Container[str]
    """Those that the group reads."""
    max_replays: int
    named: Container[DeadLetterReason]
    """The reasons that were asked for by name."""

    def against(self, letter: DeadLetter) -> LeftOut | None:
        """Why not this one? None if nothing speaks against it."""
        if letter.position in self.replayed:
            return LeftOut.REPLAYED
        if letter.origin.replays >= self.max_replays:
            return LeftOut.TOO_OFTEN
        if letter.reason is DeadLetterReason.OUTCOME_UNKNOWN and letter.reason not in self.named:
            return LeftOut.UNCERTAIN
        if letter.origin.topic not in self.topics:
            return LeftOut.NOT_READ
        return None


@dataclass(slots=True)
class Tally:
    """What becomes of the letters that were chosen."""

    replays: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    """By reason, ad account and the original's topic."""
    left_out: Counter[LeftOut] = field(default_factory=Counter)

    def replay(self, letter: DeadLetter) -> None:
        self.replays[letter.reason, letter.account, letter.origin.topic] += 1

    @property
    def has_failures(self) -> bool:
        return any(why.is_a_failure for why in self.left_out)


def replay_headers(letter: DeadLetter, own: Headers) -> Headers:
    """For the replay topic: the producer's headers, what the letter says, and which letter it was."""
    said = {name: text for name, text in letter.said.items() if name not in _OMITTED}
    return [*own, *_ours(said | _traces(letter))]


def source_headers(letter: DeadLetter, own: Headers) -> Headers:
    """For the original's topic, where others read: no more of ours than to count replays and to find the letter."""
    return [*own, *_ours(_traces(letter))]


def _traces(letter: DeadLetter) -> dict[str, str]:
    place = zip(LETTER_POSITION, map(str, letter.position), strict=True)
    return {"replays": str(letter.origin.replays + 1), **dict(place)}


def _ours(said: dict[str, str]) -> Headers:
    return [(PREFIX + name, text.encode()) for name, text in said.items()]
