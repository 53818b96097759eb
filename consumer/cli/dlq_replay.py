"""Replays dead letters: plans first, and then writes what was planned."""

from __future__ import annotations

import signal
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from types import FrameType

from consumer.cli.dlq_letters import DeadLetter, Position, headers_of
from consumer.cli.dlq_originals import Originals
from consumer.cli.dlq_plan import Failures, LeftOut, Plan, Tally, replay_headers, source_headers
from consumer.cli.dlq_reading import Letters
from consumer.cli.dlq_writing import PARTITION_UA, ReplayWriter
from consumer.letters import own_headers
from consumer.records import Headers


@dataclass(frozen=True, slots=True)
class Payload:
    """What a record was, byte for byte."""

    key: bytes | None
    value: bytes | None
    own: Headers


class Stop:
    """Set by a signal; what was begun is finished then."""

    def __init__(self) -> None:
        self.is_asked = False

    def ask(self, number: int, _: FrameType | None) -> None:
        if self.is_asked:  # whoever asks twice will not wait
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        self.is_asked = True


@contextmanager
def stop_on_signals() -> Iterator[Stop]:
    """While this lasts, SIGINT and SIGTERM ask to stop; a second one ends the program at once."""
    stop = Stop()
    before = {number: signal.signal(number, stop.ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class Progress:
    """How far the letters of each partition are written: where a run that nothing remembers has to go on."""

    def __init__(self) -> None:
        self._next: dict[tuple[str, int], int] = {}
        self._under_way: defaultdict[tuple[str, int], dict[int, None]] = defaultdict(dict)

    def begin(self, position: Position) -> None:
        topic, partition, offset = position
        self._next[topic, partition] = offset + 1
        self._under_way[topic, partition][offset] = None

    def end(self, position: Position) -> None:
        topic, partition, offset = position
        del self._under_way[topic, partition][offset]

    def next_offset(self, topic: str, partition: int, start: int) -> int:
        """Below it all is acknowledged; `start` if nothing was begun there."""
        under_way = self._under_way.get((topic, partition))
        return min(under_way) if under_way else self._next.get((topic, partition), start)


class Replay:
    """One run over the letters.

    Args:
        letters: Those that were chosen.
        plan: What speaks against replaying one.
        originals: For letters that only refer to their records.
        replay_topic: Where replays go; None to write to the original topics.
    """

    def __init__(self, letters: Letters, plan: Plan, originals: Originals, replay_topic: str | None) -> None:
        self._letters = letters
        self._plan = plan
        self._originals = originals
        self._replay_topic = replay_topic
        self.progress = Progress()

    def count(self, stop: Stop) -> Tally:
        """What would become of each letter, until the end or a signal. Writes nothing."""
        tally = Tally()
        for letter, _ in self._planned(tally, stop):
            tally.replay(letter)
        return tally

    def write(self, writer: ReplayWriter, stop: Stop) -> Tally:
        """Write what is to be replayed, until the end or a signal; returns once all of it is acknowledged.

        Raises:
            ConsumerError: Something could not be written, or read.
        """
        tally = Tally()
        for letter, payload in self._planned(tally, stop):
            if self._replay_topic is not None:
                topic, partition, headers = self._replay_topic, PARTITION_UA, replay_headers(letter, payload.own)
            else:
                topic, partition = letter.origin.topic, letter.origin.partition
                headers = source_headers(letter, payload.own)
            self.progress.begin(letter.position)
            writer.write(
                topic,
                key=payload.key,
                value=payload.value,
                headers=headers,
                partition=partition,
                done=partial(self.progress.end, letter.position),
            )
            tally.replay(letter)
        writer.finish()
        if writer.too_large:
            tally.left_out[LeftOut.TOO_LARGE] += writer.too_large
        return tally

    def _planned(self, tally: Tally, stop: Stop) -> Iterator[tuple[DeadLetter, Payload]]:
        """The letters to be replayed, with what they are replayed as; the others are counted."""
        planned = Failures()
        for letter, _ in self._letters:
            if stop.is_asked:
                return
            why = self._plan.against(letter)
            if why is None and letter.origin in planned:
                why = LeftOut.REPEATED
            payload = None if why is not None else self._payload(letter)
            if payload is None:
                tally.left_out[why or LeftOut.GONE] += 1
            else:
                planned.add(letter.origin)
                yield letter, payload

    def _payload(self, letter: DeadLetter) -> Payload | None:
        if not letter.needs_original:
            return Payload(letter.key, letter.value, letter.own)
        original = self._originals.of(letter.origin)
        headers = None if original is None else headers_of(original)
        if original is None or headers is None:
            return None
        return Payload(original.key(), original.value(), own_headers(headers))
