"""Child processes of the tests, and `eventually`: the one place where a test waits."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TypeVar

ROOT = Path(__file__).parents[2]
T = TypeVar("T")
_LOOK_S = 0.05
"""Between two looks at what a program has done: each may read whole files, on cores that the program needs."""


def eventually(
    condition: Callable[[], T | None], *, within_s: float, what: str | Callable[[], str], every_s: float = 0.02
) -> T:
    """Ask until the answer is true-ish, and return it.

    Args:
        condition: Asked at least once, and once more at the very end.
        within_s: Longest wait; generous, as only a failing test ever waits that long.
        what: What is waited for, said in the failure; a function may add what was seen instead.
        every_s: Pause between two questions.
    """
    deadline_s = time.monotonic() + within_s
    while True:
        is_last = time.monotonic() >= deadline_s
        if answer := condition():
            return answer
        if is_last:
            said = what if isinstance(what, str) else what()
            raise AssertionError(f"not within {within_s:g} s: {said}")
        time.sleep(every_s)


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listened on a moment ago; whoever binds it must be ready to be too late.

    Below those that systems give to whoever connects or names none: the tests beside this one take many of these.
    """
    while True:
        port = random.randrange(12_000, 30_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


class Child:
    """A running program; what it writes goes to two files."""

    def __init__(self, name: str, command: Sequence[str], environment: Mapping[str, str], folder: Path) -> None:
        self.name = name
        self.stdout_file = folder / f"{name}.stdout"
        self.stderr_file = folder / f"{name}.stderr"
        with self.stdout_file.open("ab") as stdout, self.stderr_file.open("ab") as stderr:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr, env=environment, cwd=ROOT
            )

    @property
    def id(self) -> int:
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs; below nought the signal that ended it."""
        return self._process.poll()

    def stdout(self) -> str:
        return self.stdout_file.read_text(errors="replace")

    def stderr(self) -> str:
        return self.stderr_file.read_text(errors="replace")

    def tail(self, lines: int = 30) -> str:
        """The end of both outputs, for the message of a failure."""
        said = [*self.stdout().splitlines()[-lines:], *self.stderr().splitlines()[-lines:]]
        return f"{self.name} (exit code {self.exit_code}) said:\n" + "\n".join(said)

    def wait_for_output(self, text: str, *, within_s: float) -> None:
        """Until `text` stands in either output. Fails at once if the program ends without it."""
        self.wait_until(lambda: text in self.stdout() or text in self.stderr(), within_s=within_s, what=f"{text!r}")

    def wait_until(self, condition: Callable[[], T | None], *, within_s: float, what: str) -> T:
        """`eventually`, given up at once when the program has ended, and with its last words."""

        def answer() -> T | None:
            has_ended = self.exit_code is not None  # asked first: its last words may be the answer
            found = condition()
            assert found or not has_ended, f"ended before {what}; {self.tail()}"
            return found

        return eventually(answer, within_s=within_s, what=lambda: f"{what}; {self.tail()}", every_s=_LOOK_S)

    def wait(self, *, within_s: float) -> int:
        """Until it ends by itself; its exit code."""
        eventually(lambda: self.exit_code is not None, within_s=within_s, what=lambda: f"the end of {self.tail()}")
        assert self.exit_code is not None
        return self.exit_code

    def send(self, number: signal.Signals) -> None:
        """SIGTERM asks it to stop, SIGSTOP freezes it, SIGCONT thaws it, SIGKILL ends it without a word."""
        self._process.send_signal(number)

    def kill(self) -> None:
        """End it now, whatever it is doing, frozen too. Ending it again does nothing."""
        self._process.kill()
        self._process.wait()


class Children:
    """Starts programs, and ends every one that still runs when the test is over."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._started: list[Child] = []

    def __enter__(self) -> Children:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for child in self._started:
            child.kill()

    def start(self, name: str, command: Sequence[str], environment: Mapping[str, str] | None = None) -> Child:
        """Start any program.

        Args:
            name: Stem of its two output files; the same name again appends to them.
            command: The program and its arguments.
            environment: Beside the test's own; settings of ours and of OpenTelemetry are not inherited.
        """
        child = Child(name, command, {**_inherited(), **(environment or {})}, self._folder)
        self._started.append(child)
        return child

    def consumer(self, name: str, *arguments: str, environment: Mapping[str, str] | None = None) -> Child:
        """Start `python -m consumer` with these arguments."""
        return self.module(name, "consumer", *arguments, environment=environment)

    def module(self, name: str, module: str, *arguments: str, environment: Mapping[str, str] | None = None) -> Child:
        """Start `python -m module` with these arguments."""
        return self.start(name, [sys.executable, "-m", module, *arguments], environment)


def _inherited() -> dict[str, str]:
    ours = ("CONVERSIONS_", "OTEL_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return {**kept, "PYTHONUNBUFFERED": "1", "PYTHONPATH": str(ROOT)}
