"""One run: the stream, the faults of a schedule, and the judge that reads along; then quiet, and the verdict."""

from __future__ import annotations

import json
import signal
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from confluent_kafka import KafkaException

from tests.chaos.cast import REPLICA_NAMES, Cast
from tests.chaos.judge import Judge, Violation
from tests.chaos.nemesis import Nemesis
from tests.chaos.repeats import OF_BROKERS, RECOVERY_S, Answers, Done, causes
from tests.chaos.schedule import Schedule
from tests.chaos.tails import FileTail, LetterTail
from tests.chaos.vitals import Vitals, look_at
from tests.harness.cluster import RealCluster
from tests.harness.kafka.brokers import Brokers
from tests.harness.processes import Child, Children

SETTLES_WITHIN_S = 150.0
"""After the last fault: brokers back in sync, groups formed again, back-offs over, and the backlog worked off."""
_LIFTED_WITHIN_S = 120.0
_LOOK_EVERY_S = 0.1
_SAMPLE_EVERY_S = 2.0
_WATCH_EVERY_S = 0.1
_LETTERS_WITHIN_S = 30.0
_NOWHERE = ("", -1, -1)


@dataclass(frozen=True, slots=True)
class Sight:
    """How far things have come."""

    elapsed_s: float
    faults: int
    active: tuple[str, ...]
    produced: int
    accepted: int
    letters: int
    lag: int
    repeats: int
    suspects: int


@dataclass(slots=True)
class Findings:
    """All that a run has shown."""

    seconds: float = 0.0
    settled_s: float = 0.0
    """From the end of the stream until everything was committed."""
    produced: int = 0
    requests: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    repeats: Counter[str] = field(default_factory=Counter)
    """By what explains them."""
    done: list[Done] = field(default_factory=list)
    clean_stops: int = 0
    commits: int = 0
    watched: int = 0
    unwatched: int = 0
    """How often the brokers did not tell the watcher."""
    vitals: Vitals = field(default_factory=Vitals)
    violations: list[Violation] = field(default_factory=list)


class Run:
    """Plays one schedule in `folder`, which keeps all that was said and written."""

    def __init__(self, schedule: Schedule, rate: float, folder: Path, watch: Callable[[Sight], None]) -> None:
        self._schedule = schedule
        self._rate = rate
        self._folder = folder
        self._watch = watch
        self._judge = Judge()
        self._answers = Answers()
        self._found = Findings()
        self._pause = threading.Event()
        self._read_at = time.time()
        self._sampled_s = 0.0

    def play(self, brokers: Brokers) -> Findings:
        """Raises AssertionError where the stream broke: then nobody knows what was produced."""
        with ExitStack() as stack:
            children = stack.enter_context(Children(self._folder))
            cluster = RealCluster(brokers.bootstrap_servers)
            self._cast = stack.enter_context(Cast(cluster, children, self._folder, self._schedule.protocol))
            self._watcher = stack.enter_context(self._cast.watcher(every_s=_WATCH_EVERY_S))
            self._letters = LetterTail(brokers.bootstrap_servers, self._cast.dead_letter_topic, 1)
            stack.callback(self._letters.close)
            self._nemesis = stack.enter_context(Nemesis(self._cast, brokers))
            self._tails()
            for name in REPLICA_NAMES:
                self._cast.start(name)
            self._cast.wait_for_the_group()
            stream = self._cast.start_stream(self._folder, self._rate)
            self._began_s = time.monotonic()
            try:
                self._disturb()
            except (AssertionError, KafkaException) as problem:  # what was played until then is judged all the same
                self._accuse("not played", str(problem))
            stream.send(signal.SIGTERM)
            self._look_until(lambda: stream.exit_code is not None, within_s=_LIFTED_WITHIN_S)
            assert stream.exit_code == 0, stream.tail()
            self._settle()
            self._end()
        return self._found

    # --- the acts ------------------------------------------------------------------------------------------

    def _disturb(self) -> None:
        for step in self._schedule.steps:
            self._look_until(lambda due_s=step.at_s: self._elapsed_s >= due_s)  # type: ignore[misc]
            self._nemesis.begin(step)
        self._look_until(lambda: self._elapsed_s >= self._schedule.seconds)
        assert self._look_until(self._nemesis.is_quiet, within_s=_LIFTED_WITHIN_S), "faults that would not end"

    def _settle(self) -> None:
        """All faults are lifted, nothing more is written: now everything must come to rest."""
        began_s = time.monotonic()
        if not self._look_until(lambda: self._judge.lag == 0 and not self._in_hand(), within_s=SETTLES_WITHIN_S):
            self._accuse("not settled", f"{self._judge.lag} records not committed; {self._in_hand()}")
        self._found.settled_s = time.monotonic() - began_s

    def _end(self) -> None:
        if unfinished := self._cast.emulator_stats()["in_flight"]:
            self._accuse("requests left", f"{unfinished} at the emulator")
        self._sample()
        for name in sorted(self._cast.replicas):
            self._nemesis.ended.append(self._cast.stop(name))
        for ended in self._nemesis.ended:
            if ended.problem is not None:
                self._accuse("unclean stop", ended.problem)
        deadline_s = time.monotonic() + _LETTERS_WITHIN_S
        while not self._letters.is_at_the_end() and time.monotonic() < deadline_s:
            self._look()
        self._look()
        self._pronounce()

    def _pronounce(self) -> None:
        found, judge, done = self._found, self._judge, self._nemesis.done
        judge.went_back(lambda at: any(_was_out(at, each) for each in done if each.fault in OF_BROKERS))
        judge.finish(time.time())
        found.repeats, unexplained = causes(judge.repeats, done, self._answers)
        found.violations += judge.violations
        found.violations += [
            Violation("unexplained repeat", repeat.position, repeat.again_at, f"{repeat}") for repeat in unexplained
        ]
        for problem in found.vitals.problems():
            self._accuse("not flat", problem)
        found.done = sorted(done, key=lambda each: each.began_at)
        found.seconds = self._elapsed_s
        found.produced, found.outcomes = judge.produced, judge.outcomes
        found.clean_stops = len(self._nemesis.ended)
        found.watched, found.unwatched = self._watcher.samples, self._watcher.missed

    # --- looking -------------------------------------------------------------------------------------------

    @property
    def _elapsed_s(self) -> float:
        return time.monotonic() - self._began_s

    def _look_until(self, condition: Callable[[], bool], *, within_s: float = float("inf")) -> bool:
        """Look, and look again, until the condition holds; was it so in time?"""
        deadline_s = time.monotonic() + within_s
        while not condition():
            if time.monotonic() > deadline_s:
                return False
            self._look()
            self._nemesis.is_quiet()
            self._sample_if_due()
            self._watch(self._sight())
            self._pause.wait(_LOOK_EVERY_S)
        return True

    def _tails(self) -> None:
        self._record = FileTail(self._cast.record_file)
        self._answer_log = FileTail(self._cast.answers_file)
        self._manifests = [FileTail(file) for file in self._cast.manifest_files.values()]

    def _look(self) -> None:
        """Take in what is new, in the order that the judge asks for."""
        commits = self._watcher.take()
        self._found.commits += len(commits)
        self._judge.committed(commits)
        for manifest in self._manifests:
            self._judge.took(manifest.take())
        not_before, self._read_at = self._read_at, time.time()
        lines = list(self._record.take())
        self._judge.recorded(lines, not_before)
        self._answers.recorded(line["request"] for line in lines)
        self._answers.answered(self._answer_log.take())
        self._judge.lettered(self._letters.take())
        self._judge.weigh()

    def _sight(self) -> Sight:
        judge = self._judge
        return Sight(
            elapsed_s=self._elapsed_s,
            faults=len(self._nemesis.done) + len(self._nemesis.active),
            active=tuple(f"{step.name} {step.target}" for step, _ in list(self._nemesis.active.values())),
            produced=judge.produced,
            accepted=judge.accepted,
            letters=judge.letters,
            lag=judge.lag,
            repeats=len(judge.repeats),
            suspects=judge.suspects,
        )

    def _sample_if_due(self) -> None:
        now_s = time.monotonic()
        if now_s - self._sampled_s < _SAMPLE_EVERY_S:
            return
        self._sampled_s = now_s
        self._sample()
        for name, replica in self._cast.died():
            self._accuse("gave up", replica.tail(5))
            self._cast.start(name)  # as whoever runs it would

    def _sample(self) -> None:
        for replica in list(self._cast.replicas.values()):
            if (sample := look_at(replica.id, time.monotonic())) is not None:
                self._found.vitals.note(replica.name, sample)

    def _in_hand(self) -> dict[str, dict[str, float]]:
        """Of each replica what its metrics say is not finished; nothing if all is."""
        found = {}
        for name, replica in self._cast.replicas.items():
            figures = _figures(replica)
            unfinished = {metric: figures.get(metric, -1.0) for metric in _AT_REST}
            if any(unfinished.values()):
                found[name] = unfinished
        return found

    def _accuse(self, promise: str, detail: str) -> None:
        self._found.violations.append(Violation(promise, _NOWHERE, time.time(), detail))


_AT_REST = ("pinterest_conversions_requests_in_flight", "pinterest_conversions_events_in_hand")


def _figures(replica: Child) -> dict[str, float]:
    """Its metrics without labels; none while it does not answer."""
    port = next(
        (json.loads(line)["health_port"] for line in replica.stderr().splitlines() if '"started"' in line), None
    )
    if port is None:
        return {}
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            lines = answer.read().decode().splitlines()
    except OSError:
        return {}
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines) if name in _AT_REST}


def _was_out(at: float, done: Done) -> bool:
    return done.began_at <= at <= done.ended_at + RECOVERY_S
