"""Decides which letters are replayed, and as what. Pure; what was replayed before is told by the replay topic."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Container, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from consumer.cli.dlq_letters import DeadLetter, headers_of
from consumer.letters import LETTER_POSITION, PREFIX, Origin, origin_for, said_of
from consumer.records import DeadLetterReason, Headers, Message

_OMITTED = ("value-omitted", "headers-omitted")


class LeftOut(StrEnum):
    """Why a letter is not replayed."""

    REPLAYED = "replayed already"
    REPEATED = "of the same failure as another one, which is replayed"
    TOO_OFTEN = "replayed too often (--max-replays)"
    UNCERTAIN = "outcome unknown: a replay may count twice; name it by --reason outcome_unknown"
    NOT_READ = "the original's topic is not in `topics` any more"
    FORGOTTEN = "given up longer ago than the replay topic keeps, so a replay may be forgotten; see --to-source"
    TOO_LARGE = "refused as too large: raise the topic's max.message.bytes, or the client's message.max.bytes"
    GONE = "without its value, and the original is not in its topic any more"

    @property
    def is_a_failure(self) -> bool:
        """Was it meant to be replayed, and cannot be?"""
        return self in (LeftOut.NOT_READ, LeftOut.GONE, LeftOut.FORGOTTEN, LeftOut.TOO_LARGE)


class Failures:
    """Some failures of records: a record that fails again, after a replay, is another one.

    Not letters: they are written at least once, so that there may be several of one failure, and a dead-letter topic
    that was made anew has others at the same offsets.
    """

    def __init__(self) -> None:
        self._of: defaultdict[tuple[str, int], set[tuple[int, str, int]]] = defaultdict(set)

    def __contains__(self, origin: Origin) -> bool:
        failure = (origin.offset, origin.timestamp, origin.replays)
        return failure in self._of.get((origin.topic, origin.partition), ())

    def add(self, origin: Origin) -> None:
        self._of[origin.topic, origin.partition].add((origin.offset, origin.timestamp, origin.replays))


def replayed_in(messages: Iterable[Message], group: str) -> Failures:
    """Of this group's letters, what these messages replay; what is no replay says nothing."""
    found = Failures()
    for message in messages:
        headers = headers_of(message)
        origin = origin_for(headers, group)
        if (
            isinstance(origin, Origin)
            and origin.replays
            and all(said_of(headers).get(each) for each in LETTER_POSITION)
        ):
            found.add(replace(origin, replays=origin.replays - 1))  # the replay counts itself
    return found


@dataclass(frozen=True, slots=True)
class Plan:
    """What to replay of the letters that were chosen."""

    replayed: Failures
    topics: Container[str]
    """Those that the group reads."""
    max_replays: int
    named: Container[DeadLetterReason]
    """The reasons that were asked for by name."""
    remembered_from: datetime | None = None
    """Replays of letters that were given up before then may be forgotten; None if no letter is too old for that."""

    def against(self, letter: DeadLetter) -> LeftOut | None:
        """Why not this one? None if nothing speaks against it."""
        if letter.origin in self.replayed:
            return LeftOut.REPLAYED
        if letter.origin.replays >= self.max_replays:
            return LeftOut.TOO_OFTEN
        if letter.reason is DeadLetterReason.OUTCOME_UNKNOWN and letter.reason not in self.named:
            return LeftOut.UNCERTAIN
        if letter.origin.topic not in self.topics:
            return LeftOut.NOT_READ
        if self.remembered_from is not None and letter.failed_at < self.remembered_from:
            return LeftOut.FORGOTTEN
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
