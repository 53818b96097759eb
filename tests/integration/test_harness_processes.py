"""Children end with their test, and waiting ends with an answer or a reason."""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.harness.processes import Children, eventually, free_port

WITHIN_S = 20.0


def python(script: str) -> Sequence[str]:
    return [sys.executable, "-c", script]


def is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def test_waiting_returns_the_first_answer_that_counts() -> None:
    answers = iter(["", "", "yes", "no"])

    assert eventually(lambda: next(answers), within_s=WITHIN_S, what="an answer", every_s=0) == "yes"


def test_waiting_in_vain_says_for_what_and_what_came_instead() -> None:
    seen: list[int] = []

    with pytest.raises(AssertionError, match=r"not within 0.01 s: three; seen: \[1, 1"):
        eventually(lambda: seen.append(1), within_s=0.01, what=lambda: f"three; seen: {seen}", every_s=0.001)


def test_the_condition_is_asked_even_when_there_is_no_time() -> None:
    assert eventually(lambda: True, within_s=0, what="nothing")


def test_a_free_port_can_be_bound() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", free_port()))


@pytest.mark.parametrize("state", ["running", "deaf", "frozen"])
def test_no_child_outlives_its_test(state: str, tmp_path: Path) -> None:
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up'); time.sleep(600)"
    with Children(tmp_path) as children:
        child = children.start("sleeper", python(deaf))
        child.wait_for_output("up", within_s=WITHIN_S)
        if state != "running":
            child.send(signal.SIGTERM if state == "deaf" else signal.SIGSTOP)
        assert is_alive(child.id)

    assert not is_alive(child.id)


def test_a_signal_reaches_the_child_and_its_exit_code_comes_back(children: Children) -> None:
    script = "import signal, sys; signal.signal(signal.SIGTERM, lambda *_: sys.exit(7)); print('up'); signal.pause()"
    child = children.start("listener", python(script))
    child.wait_for_output("up", within_s=WITHIN_S)

    child.send(signal.SIGTERM)

    assert child.wait(within_s=WITHIN_S) == 7


def test_waiting_for_a_child_that_has_ended_gives_up_with_its_last_words(children: Children) -> None:
    child = children.start("failing", python("import sys; sys.exit('no such topic')"))

    with pytest.raises(AssertionError, match=r"ended before 'ready'; failing \(exit code 1\) said:\nno such topic"):
        child.wait_for_output("ready", within_s=600)


def test_last_words_count_although_the_child_has_ended(children: Children) -> None:
    child = children.start("quick", python("print('done')"))
    child.wait(within_s=WITHIN_S)

    child.wait_for_output("done", within_s=0)


def test_settings_of_this_process_are_not_inherited(children: Children, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONVERSIONS_KAFKA__GROUP_ID", "of the developer")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "of the developer")
    script = "import os; print(sorted(name for name in os.environ if name.startswith(('CONVERSIONS', 'OTEL'))))"

    child = children.start("environment", python(script), {"CONVERSIONS_HEALTH__PORT": "0"})

    child.wait(within_s=WITHIN_S)
    assert child.stdout() == "['CONVERSIONS_HEALTH__PORT']\n"


def test_the_consumer_is_started_from_any_directory(
    children: Children, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    child = children.consumer("usage", "no-such-command")

    assert child.wait(within_s=WITHIN_S) == 2
    assert "no-such-command" in child.stderr()
