"""Which repeats the promises allow: each must have a cause among what was really done to the system, and when."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.chaos.judge import Repeat
from tests.chaos.schedule import SESSION_S, TIMEOUT_S, Fault

REACH_S = TIMEOUT_S + 3.0
"""How long before a kill an event may have come in and not be committed: until it is answered, and a commit, of which
there is one every 200 ms or so, is acknowledged."""
RECOVERY_S = SESSION_S + 6.0
"""How long after a broker is back members may still find that they had been taken for dead."""
WAKING_S = TIMEOUT_S + 2.0
"""How long a thawed replica may not have heard yet that its partitions are another's."""
_PROMPT_SHARE = 0.3
"""An answer that took more than this of the time-out may have come too late: the emulator of a busy machine takes a
request for received well after it was sent."""

OF_BROKERS = frozenset({Fault.BROKER_KILL, Fault.BROKER_FREEZE, Fault.LETTERS_REFUSED})
CUTTING = OF_BROKERS | {Fault.KILL, Fault.FREEZE}


@dataclass(frozen=True, slots=True)
class Done:
    """A fault as it really came to pass; Unix seconds."""

    fault: Fault
    name: str
    target: str
    began_at: float
    lifted_at: float
    """When it began to be undone: a broker that is started again takes its time to be back."""
    ended_at: float


class Answers:
    """Which requests were accepted without a prompt and true answer, from the emulator's log of answers."""

    def __init__(self) -> None:
        self._unanswered: set[int] = set()
        self._untrue: set[int] = set()
        self._last_logged = 0

    def recorded(self, requests: Iterable[int]) -> None:
        """Requests of which something was accepted."""
        self._unanswered.update(requests)

    def answered(self, lines: Iterable[Mapping[str, Any]]) -> None:
        """Lines of the log. Take the record up to now first."""
        for line in lines:
            if line["true"] and line["answered_at"] - line["received_at"] < _PROMPT_SHARE * TIMEOUT_S:
                self._unanswered.discard(line["request"])
            elif line["accepted"]:
                self._untrue.add(line["request"])

    def is_ambiguous(self, request: int) -> bool:
        return request in self._untrue or request in self._unanswered


@dataclass(frozen=True, slots=True)
class Window:
    """What one fault cut off."""

    name: str
    began_at: float
    since: float
    """What was settled before may not come again for it..."""
    until: float
    """...nor what was settled later."""
    woke_at: float | None
    """When somebody began to catch up who does not know what the others did meanwhile."""
    is_of_brokers: bool


def windows_of(done: Sequence[Done]) -> list[Window]:
    """One for each moment that cuts something off: brokers do so when they go and when they come."""
    return [window for each in done if each.fault in CUTTING for window in _windows_of(each, done)]


def _windows_of(cut: Done, done: Sequence[Done]) -> Iterator[Window]:
    name, since = cut.name, _reaching(cut.began_at, done)
    if cut.fault not in OF_BROKERS:
        woke_at = cut.ended_at if cut.fault is Fault.FREEZE else None
        yield Window(name, cut.began_at, since, cut.ended_at + TIMEOUT_S, woke_at, is_of_brokers=False)
        return
    yield Window(name, cut.began_at, since, cut.began_at + RECOVERY_S, None, is_of_brokers=True)
    yield Window(name, cut.lifted_at, cut.lifted_at - REACH_S, cut.ended_at + RECOVERY_S, None, is_of_brokers=True)


def _reaching(at: float, done: Sequence[Done]) -> float:
    """How far back something may be uncommitted at a moment: further if brokers were out just before."""
    since = at - REACH_S
    for each in sorted(done, key=lambda each: -each.began_at):
        if each.fault in OF_BROKERS and each.began_at <= at and since <= each.ended_at + RECOVERY_S:
            since = min(since, each.began_at - REACH_S)
    return since


def cause_of(repeat: Repeat, windows: Iterable[Window], answers: Answers) -> str | None:
    """What explains it, or None: then it breaks a promise."""
    if answers.is_ambiguous(repeat.first_request):
        return "its first answer was not given"
    return next((cause for window in windows if (cause := _cut_by(window, repeat)) is not None), None)


def _cut_by(window: Window, repeat: Repeat) -> str | None:
    was_open = repeat.covered_at > window.began_at and repeat.again_at > window.began_at
    if not was_open or not window.since <= repeat.first_at <= window.until:
        return None
    if repeat.covered_at >= repeat.again_at or window.is_of_brokers:
        return window.name
    # It was sent although its next owner had committed it: only somebody who has slept since can not know that.
    is_waking = window.woke_at is not None and window.woke_at <= repeat.again_at <= window.woke_at + WAKING_S
    return f"{window.name}, before it heard" if is_waking else None


def causes(repeats: Iterable[Repeat], done: Sequence[Done], answers: Answers) -> tuple[Counter[str], list[Repeat]]:
    """Repeats by cause, and those without."""
    windows = windows_of(done)
    found: Counter[str] = Counter()
    unexplained: list[Repeat] = []
    for repeat in repeats:
        if (cause := cause_of(repeat, windows, answers)) is None:
            unexplained.append(repeat)
        else:
            found[cause] += 1
    return found, unexplained
