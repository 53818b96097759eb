"""What a run tells: a line now and then while it plays, a table at its end, and the same in JSON."""

from __future__ import annotations

import json
import os
import platform
from collections import Counter
from collections.abc import Iterator
from typing import IO, Any

from tests.chaos.judge import Violation
from tests.chaos.repeats import Done
from tests.chaos.run import Findings, Sight
from tests.chaos.schedule import Schedule

_SAY_EVERY_S = 5.0
_MOST_NAMED = 20
_LINGERS_S = 15.0
"""A fault may show itself so long after it was lifted."""


class Progress:
    """Rewrites one line on a terminal; elsewhere writes one every few seconds."""

    def __init__(self, out: IO[str]) -> None:
        self._out = out
        self._said_s = -_SAY_EVERY_S

    def __call__(self, sight: Sight) -> None:
        if not self._out.isatty() and sight.elapsed_s - self._said_s < _SAY_EVERY_S:
            return
        self._said_s = sight.elapsed_s
        said = (
            f"{sight.elapsed_s:6.0f} s  {sight.faults:3} faults  {sight.produced:9,} produced  "
            f"{sight.accepted:9,} accepted  {sight.letters:6,} letters  lag {sight.lag:6,}  {sight.repeats:5,} repeats"
            f"  {', '.join(sight.active) or '-'}"
        )
        self._out.write(f"\r\x1b[K{said}" if self._out.isatty() else f"{said}\n")
        self._out.flush()


def table(schedule: Schedule, found: Findings) -> str:
    """For people."""
    return "\n".join(_lines(schedule, found))


def _lines(schedule: Schedule, found: Findings) -> Iterator[str]:
    yield f"\nseed {schedule.seed}, {schedule.protocol}, {found.seconds:.0f} s, {len(found.done)} faults"
    yield "  " + ", ".join(f"{count} x {name}" for name, count in _faults(found.done))
    yield f"records     {found.produced:10,}"
    for outcome, count in sorted(_grouped(found.outcomes).items(), key=lambda each: -each[1]):
        yield f"  {outcome:<28} {count:9,}"
    yield f"repeats     {found.repeats.total():10,}  explained"
    for cause, count in found.repeats.most_common():
        yield f"  {cause:<28} {count:9,}"
    yield f"commits     {found.commits:10,}  seen, in {found.watched:,} looks; {found.unwatched} not answered"
    yield f"clean stops {found.clean_stops:10}"
    yield f"settled     {found.settled_s:10.1f}  s after the stream's end"
    vitals = found.vitals.summary().values()
    yield f"memory      {max((each['rss_mib_most'] for each in vitals), default=0):10.0f}  MiB at most in a replica"
    yield f"violations  {len(found.violations):10}"
    for violation in found.violations[:_MOST_NAMED]:
        yield f"  {violation}; {active_at(violation, found.done)}"
    if len(found.violations) > _MOST_NAMED:
        yield f"  and {len(found.violations) - _MOST_NAMED} more"


def active_at(violation: Violation, done: list[Done]) -> str:
    """Which faults were in force then, or had just been."""
    names = [
        f"{each.name} {each.target} ({violation.at - each.began_at:+.1f} s)"
        for each in done
        if each.began_at <= violation.at <= each.ended_at + _LINGERS_S
    ]
    return f"during or after {', '.join(names)}" if names else "no fault near"


def as_json(schedule: Schedule, rate: float, found: Findings) -> str:
    """For programs."""
    report: dict[str, Any] = {
        "seed": schedule.seed,
        "protocol": schedule.protocol,
        "rate_per_s": rate,
        "seconds": round(found.seconds, 1),
        "settled_s": round(found.settled_s, 1),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
        "schedule": [json.loads(line) for line in schedule.lines()][1:],
        "faults": dict(_faults(found.done)),
        "produced": found.produced,
        "outcomes": dict(found.outcomes),
        "repeats": dict(found.repeats),
        "commits_seen": found.commits,
        "looks": found.watched,
        "looks_unanswered": found.unwatched,
        "clean_stops": found.clean_stops,
        "replicas": found.vitals.summary(),
        "violations": [
            {
                "promise": violation.promise,
                "topic": violation.position[0],
                "partition": violation.position[1],
                "offset": violation.position[2],
                "at": violation.at,
                "detail": violation.detail,
                "faults": active_at(violation, found.done),
            }
            for violation in found.violations
        ],
    }
    return json.dumps(report, indent=2) + "\n"


def _faults(done: list[Done]) -> list[tuple[str, int]]:
    return Counter(each.name for each in done).most_common()


def _grouped(outcomes: Counter[str]) -> Counter[str]:
    """Skips together: their reasons are the mapping's, not the run's."""
    grouped: Counter[str] = Counter()
    for outcome, count in outcomes.items():
        grouped["skipped" if outcome.startswith("skipped:") else outcome] += count
    return grouped
