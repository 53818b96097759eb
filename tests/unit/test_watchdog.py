"""A control thread that stands still is noticed and found; one that only has a lot to wait for is left in peace."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast

import pytest
from structlog.testing import capture_logs

from consumer.records import Assignment
from consumer.timing import ManualClock, SystemClock
from consumer.watchdog import CALL_WITHIN_S, TURN_WITHIN_S, Pulse, Stall, Watchdog
from tests.unit.stages.builders import assignment_of
from tests.unit.test_pipeline import CONFIG, Rig


def pass_by(clock: ManualClock, seconds: int, watchdog: Watchdog, *, meanwhile: Callable[[], object] = int) -> None:
    """Second by second, as the watchdog looks."""
    for _ in range(seconds):
        clock.advance(1)
        meanwhile()
        watchdog.look()


# --- by the clock -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "within_s"),
    [
        pytest.param(None, TURN_WITHIN_S, id="in our own code"),
        pytest.param("committed", CALL_WITHIN_S, id="in a call that may have to wait for a broker"),
    ],
)
def test_silence_is_a_standstill_once_it_is_too_long_for_what_the_thread_does(
    call: str | None, within_s: float
) -> None:
    clock = ManualClock()
    pulse = Pulse(clock)
    watchdog = Watchdog(pulse, clock)

    with pulse.within(call):
        pass_by(clock, int(within_s), watchdog)
        before = watchdog.stall()
        pass_by(clock, 1, watchdog)

        assert before is None
        assert watchdog.stall() == Stall(within_s + 1, call)


def test_a_callback_within_a_call_is_our_own_code_again() -> None:
    clock = ManualClock()
    pulse = Pulse(clock)
    watchdog = Watchdog(pulse, clock)

    with pulse.within("consume"), pulse.within(None):
        pass_by(clock, int(TURN_WITHIN_S) + 1, watchdog)

        stall = watchdog.stall()

    assert stall is not None
    assert stall.call is None
    assert pulse.latest[1] is None


def test_after_a_call_it_is_as_before() -> None:
    clock = ManualClock()
    pulse = Pulse(clock)

    with pulse.within("consume"):
        with pulse.within("committed"):
            clock.advance(1)
        inner = pulse.latest
        clock.advance(1)

    assert inner == (clock.monotonic_s() - 1, "consume")
    assert pulse.latest == (clock.monotonic_s(), None)


def test_beats_within_a_call_do_not_end_it() -> None:
    clock = ManualClock()
    pulse = Pulse(clock)

    with pulse.within("consume"):
        clock.advance(1)
        pulse.beat()

        assert pulse.latest == (clock.monotonic_s(), "consume")


def test_a_standstill_is_told_and_counted_once_and_its_end_as_well() -> None:
    clock = ManualClock()
    pulse = Pulse(clock)
    watchdog = Watchdog(pulse, clock)

    with capture_logs() as lines:
        pass_by(clock, 3 * int(TURN_WITHIN_S), watchdog)
        pulse.beat()
        pass_by(clock, 2, watchdog)

    assert [(line["event"], line["log_level"]) for line in lines] == [
        ("control_thread_stalled", "error"),
        ("control_thread_turned_again", "warning"),
    ]
    assert watchdog.stalls == 1
    assert watchdog.stall() is None


def test_a_process_that_was_stopped_as_a_whole_has_no_thread_that_hangs() -> None:
    """SIGSTOP, a frozen container, a machine that slept: the other threads did not turn either."""
    clock = ManualClock()
    watchdog = Watchdog(Pulse(clock), clock)
    clock.advance(3_600)

    woken = watchdog.stall()

    assert woken is None
    pass_by(clock, int(TURN_WITHIN_S) + 1, watchdog)
    assert watchdog.stall() is not None, "but if it goes on like this, it does"


# --- in earnest ---------------------------------------------------------------------------------------------


class Blocked:
    """A stage that never comes back from one call, until it is let go."""

    def __init__(self) -> None:
        self.is_in = threading.Event()
        self.may_go = threading.Event()

    def __call__(self, *_: object, **__: object) -> list[Any]:
        secret = "ada@example.com"  # a local variable of the very frame that is shown
        self.is_in.set()
        assert self.may_go.wait(30), secret
        return []


@contextmanager
def control_thread_of(rig: Rig) -> Iterator[threading.Thread]:
    thread = threading.Thread(target=rig.pipeline.run, name="control")
    thread.start()
    try:
        yield thread
    finally:
        rig.pipeline.stop()
        thread.join(30)
        assert not thread.is_alive()


def test_a_control_thread_that_is_really_blocked_is_noticed_and_shown_where_it_stands() -> None:
    clock = SystemClock()
    rig = Rig(CONFIG, pulse=Pulse(clock))
    blocked = Blocked()
    rig.pipeline._sink.start = cast("Any", lambda *_: (blocked(), []))  # type: ignore[method-assign]
    watchdog = Noticing(rig.pulse, clock, turn_within_s=0.05)

    with control_thread_of(rig), capture_logs() as lines:
        assert blocked.is_in.wait(30)
        watch(watchdog)
        stall = watchdog.stall()
        blocked.may_go.set()

    assert stall is not None
    assert stall.call is None
    (line,) = [line for line in lines if line["event"] == "control_thread_stalled"]
    stacks = {each["thread"]: each["stack"] for each in line["threads"]}
    functions = [frame.rpartition(" ")[2] for frame in stacks["control"]]
    assert functions.index("Blocked.__call__") < functions.index("Pipeline._deliver") < functions.index("Pipeline.run")
    assert any(frame.startswith(__file__) for frame in stacks["control"])
    assert {"MainThread", "control"} <= stacks.keys()
    assert "ada@example.com" not in str(line)


class Noticing(Watchdog):
    """Ends its watch with the first standstill."""

    def look(self) -> None:
        super().look()
        if self.stalls:
            raise asyncio.CancelledError


def watch(watchdog: Noticing) -> None:
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(asyncio.wait_for(watchdog.watch(), 30))


def test_a_call_of_the_client_that_hangs_is_told_apart() -> None:
    clock = SystemClock()
    pulse = Pulse(clock)
    watchdog = Noticing(pulse, clock, turn_within_s=0.0, call_within_s=0.05)
    blocked = Blocked()

    def call() -> None:
        with pulse.within("committed"):
            blocked()

    thread = threading.Thread(target=call)
    thread.start()
    assert blocked.is_in.wait(30)
    watch(watchdog)
    stall = watchdog.stall()
    blocked.may_go.set()
    thread.join(30)

    assert stall is not None
    assert stall.call == "committed"


# --- what takes long and is none ----------------------------------------------------------------------------


class Slow:
    """Wraps the inbox: each wait in vain lets a second go by, so that a drain takes as long as it may."""

    def __init__(self, rig: Rig, watchdog: Watchdog) -> None:
        self._rig = rig
        self._watchdog = watchdog
        self._inbox = rig.inbox
        self.stalls: list[Stall] = []

    def get(self, timeout: float) -> Any:
        del timeout
        self._rig.clock.advance(1)
        if (stall := self._watchdog.stall()) is not None:
            self.stalls.append(stall)
        return self._inbox.get_nowait()

    def get_nowait(self) -> Any:
        return self._inbox.get_nowait()


@pytest.mark.parametrize("end", ["hand-over", "stop"])
def test_a_long_drain_is_no_standstill(end: str) -> None:
    config = CONFIG.model_copy(update={"shutdown": CONFIG.shutdown.model_copy(update={"drain_s": 240.0})})
    rig = Rig(config)
    watchdog = Watchdog(rig.pulse, rig.clock)
    orders = assignment_of(0)
    rig.assign(orders)
    rig.give(orders, 0, "A-0")
    rig.turn()
    assert len(rig.world.requests) == 1
    slow = Slow(rig, watchdog)
    rig.pipeline._inbox = cast("Any", slow)
    began_s = rig.clock.monotonic_s()

    drain(rig, orders, end)

    assert rig.clock.monotonic_s() - began_s >= 240
    assert slow.stalls == []


def drain(rig: Rig, assignment: Assignment, end: str) -> None:
    if end == "stop":
        rig.pipeline.stop()
        rig.pipeline.run()
        return
    # As the source has it: the callback comes within a call of the client.
    with rig.pulse.within("consume"), rig.pulse.within(None):
        rig.pipeline.revoked([assignment])
