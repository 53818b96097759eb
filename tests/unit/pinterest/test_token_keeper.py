"""Refreshing from within: when, how often after a failure or a 401, and what the log says of it."""

from __future__ import annotations

import asyncio
import json
import random
import threading
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import structlog

from consumer.config import Pinterest
from consumer.emulator import Emulator, Settings
from consumer.errors import ConfigError
from consumer.pinterest.token_keeper import (
    LEAST_BETWEEN_S,
    LOOK_EVERY_S,
    REFUSED_CAP_S,
    REFUSED_EVERY_S,
    RETRY_CAP_S,
    TokenKeeper,
    kept_tokens,
)
from consumer.pinterest.token_refresh import Cause, Failed, NotDue, Outcome, Refreshed, Wish
from consumer.pinterest.token_store import Grant, TokenDirectory, TokenState, held_by_consumer
from consumer.timing import ManualClock, SystemClock
from tests.harness.processes import eventually

DAY_S = 86_400
NOW_S = 1_750_000_000
GRANT = Grant("pina_1", "pinr_1", NOW_S, NOW_S + 30 * DAY_S, None)
NEW = Grant("pina_2", "pinr_2", NOW_S, NOW_S + 30 * DAY_S, None)
FAILED = Failed(Cause.NOT_SENT, "not sent: ConnectError", GRANT)
NO_GRANT = Failed(Cause.DIRECTORY, "No space left on device", None)


class Refresh:
    """Gives these outcomes, the last of them for ever, and notes what was wished for."""

    def __init__(self, *outcomes: Outcome) -> None:
        self._outcomes = list(outcomes)
        self.wishes: list[Wish] = []

    def __call__(self, wish: Wish) -> Outcome:
        self.wishes.append(wish)
        return self._outcomes.pop(0) if len(self._outcomes) > 1 else self._outcomes[0]


def turns(refresh: Callable[[Wish], Outcome], times: int = 1, *, clock: ManualClock | None = None) -> list[float]:
    """The delays after so many turns."""

    async def run() -> list[float]:
        keeper = TokenKeeper(refresh, clock or ManualClock(wall_s=NOW_S), random.Random(7))
        return [await keeper.turn() for _ in range(times)]

    return asyncio.run(run())


def test_it_looks_again_when_a_refresh_is_due() -> None:
    clock = ManualClock(wall_s=NOW_S + 15 * DAY_S - 600)

    assert turns(Refresh(NotDue(GRANT)), clock=clock) == [600]


def test_it_looks_again_before_long_all_the_same() -> None:
    assert turns(Refresh(NotDue(GRANT))) == [LOOK_EVERY_S]


def test_tokens_that_are_due_at_once_do_not_make_it_spin() -> None:
    dead_at_birth = Grant("pina_1", "pinr_1", NOW_S, NOW_S + 1, None)

    assert turns(Refresh(Refreshed(dead_at_birth))) == [LEAST_BETWEEN_S]


def test_failures_are_tried_again_with_growing_delays() -> None:
    delays = turns(Refresh(FAILED), 40)

    assert max(delays[:3]) <= 60 * 4
    assert max(delays) > RETRY_CAP_S / 2
    assert all(1.0 <= delay_s <= RETRY_CAP_S for delay_s in delays)


def test_a_success_makes_the_next_failure_the_first() -> None:
    delays = turns(Refresh(*[FAILED] * 10, NotDue(GRANT), FAILED), 12)

    assert delays[-1] <= 60


@pytest.mark.parametrize(
    ("days", "outcomes", "level"),
    [
        pytest.param(20, [FAILED], "warning", id="a third of the life is left"),
        pytest.param(27, [FAILED], "warning", id="a tenth is left"),
        pytest.param(27.01, [FAILED], "error", id="less than a tenth"),
        pytest.param(20, [NotDue(GRANT), NO_GRANT], "warning", id="a directory gone bad"),
        pytest.param(20, [NO_GRANT], "error", id="nothing to go on with"),
    ],
)
def test_a_failure_is_an_error_once_somebody_must_act(days: float, outcomes: list[Outcome], level: str) -> None:
    clock = ManualClock(wall_s=NOW_S + days * DAY_S)

    with structlog.testing.capture_logs() as lines:
        turns(Refresh(*outcomes), len(outcomes), clock=clock)

    (line,) = lines
    assert (line["event"], line["log_level"]) == ("token_refresh_failed", level)
    assert "pina_" not in json.dumps(line)


def test_new_tokens_are_told_with_their_end() -> None:
    with structlog.testing.capture_logs() as lines:
        turns(Refresh(Refreshed(NEW, "made up")))

    (line,) = lines
    assert line["event"] == "access_token_refreshed"
    assert line["access_token_expires"] == "2025-07-15T15:06:40Z"
    assert line["remark"] == "made up"


# --- at a 401 ------------------------------------------------------------------------------------------------------


def test_a_refused_token_is_refreshed_although_it_is_not_due() -> None:
    refresh = Refresh(NotDue(GRANT), Refreshed(NEW))

    async def run() -> None:
        keeper = TokenKeeper(refresh, ManualClock(wall_s=NOW_S), random.Random(7))
        await keeper.turn()
        keeper.refused("pina_1")
        await keeper.turn()
        await keeper.turn()

    asyncio.run(run())

    assert [wish.is_forced for wish in refresh.wishes] == [False, True, False]


@pytest.mark.parametrize(
    ("token", "after_s", "forced"),
    [
        pytest.param("pina_1", REFUSED_EVERY_S - 1, False, id="again, too soon"),
        pytest.param("pina_1", REFUSED_EVERY_S, True, id="again, later"),
        pytest.param("pina_0", REFUSED_EVERY_S, False, id="a token that was replaced already"),
    ],
)
def test_a_token_is_not_refreshed_at_every_401(token: str, after_s: float, *, forced: bool) -> None:
    clock = ManualClock(wall_s=NOW_S)
    refresh = Refresh(NotDue(GRANT))

    async def run() -> None:
        keeper = TokenKeeper(refresh, clock, random.Random(7))
        await keeper.turn()
        keeper.refused("pina_1")
        await keeper.turn()
        clock.advance(after_s)
        keeper.refused(token)
        await keeper.turn()

    asyncio.run(run())

    assert [wish.is_forced for wish in refresh.wishes] == [False, True, forced]


def heeded_s(clock: ManualClock, refresh: Refresh, refused_for_s: range, *, keeper: TokenKeeper) -> list[float]:
    """The times at which a 401 made it refresh, where one came at each of these."""

    async def run() -> list[float]:
        times: list[float] = []
        await keeper.turn()
        start_s = clock.monotonic_s()
        for at_s in refused_for_s:
            clock.advance(start_s + at_s - clock.monotonic_s())
            keeper.refused("pina_1")
            await keeper.turn()
            if refresh.wishes[-1].is_forced:
                times.append(at_s)
        return times

    return asyncio.run(run())


def test_a_401_that_no_refresh_mends_is_heeded_less_and_less_often() -> None:
    clock, refresh = ManualClock(wall_s=NOW_S), Refresh(Refreshed(GRANT))
    keeper = TokenKeeper(refresh, clock, random.Random(7))

    times = heeded_s(clock, refresh, range(0, 2 * DAY_S, 100), keeper=keeper)

    waits = [later - earlier for earlier, later in pairwise(times)]
    assert waits[:4] == [300, 600, 1200, 2400]
    assert max(waits) == waits[-1] == REFUSED_CAP_S


def test_after_a_token_that_held_a_401_is_heeded_soon_again() -> None:
    clock, refresh = ManualClock(wall_s=NOW_S), Refresh(Refreshed(GRANT))
    keeper = TokenKeeper(refresh, clock, random.Random(7))
    heeded_s(clock, refresh, range(0, DAY_S, 100), keeper=keeper)
    clock.advance(REFUSED_CAP_S)
    heeded_s(clock, refresh, range(1), keeper=keeper)  # the token got by it holds for a day
    clock.advance(DAY_S)

    times = heeded_s(clock, refresh, range(0, 1_000, 100), keeper=keeper)

    assert times == [0, 300, 900]


def test_a_refusal_wakes_it() -> None:
    refresh = Refresh(NotDue(GRANT))

    async def run() -> None:
        keeper = TokenKeeper(refresh, ManualClock(wall_s=NOW_S), random.Random(7))
        keeper.start()
        await until(lambda: len(refresh.wishes) == 1 and keeper._grant is not None)
        keeper.refused("pina_1")
        await until(lambda: len(refresh.wishes) == 2)
        await keeper.aclose()

    asyncio.run(run())

    assert refresh.wishes[1].is_forced


async def until(condition: Callable[[], bool]) -> None:
    await asyncio.to_thread(eventually, condition, within_s=10, what="what the keeper was to do")


def test_the_end_waits_for_a_refresh_under_way() -> None:
    is_asked, may_answer = threading.Event(), threading.Event()
    is_done: list[bool] = []

    def slowly(_: Wish) -> Outcome:
        is_asked.set()
        assert may_answer.wait(10)
        is_done.append(True)
        return Refreshed(NEW)

    async def run() -> list[bool]:
        keeper = TokenKeeper(slowly, ManualClock(wall_s=NOW_S), random.Random(7))
        keeper.start()
        await until(is_asked.is_set)
        ending = asyncio.create_task(keeper.aclose())
        for _ in range(20):  # turns of the loop, more than it takes to end without waiting
            await asyncio.sleep(0)
        has_ended_early = ending.done()
        may_answer.set()
        await ending
        return [has_ended_early, *is_done]

    assert asyncio.run(run()) == [False, True]


def test_a_defect_is_told_and_harms_nobody_else() -> None:
    def broken(_: Wish) -> Outcome:
        raise ZeroDivisionError

    async def run() -> None:
        keeper = TokenKeeper(broken, ManualClock(wall_s=NOW_S), random.Random(7))
        keeper.start()
        await until(lambda: keeper._task is not None and keeper._task.done())
        await keeper.aclose()

    with structlog.testing.capture_logs() as lines:
        asyncio.run(run())

    assert [(line["event"], line["log_level"]) for line in lines] == [("token_refresh_broken", "error")]


# --- a consumer's tokens ---------------------------------------------------------------------------------------------


def settings_for(directory: Path, base_url: str = "http://127.0.0.1:9/v5", **oauth: Any) -> Pinterest:
    whole = {"directory": directory, "refresh": "in_process", "app_id": "1", "app_secret": "s3cret", **oauth}
    return Pinterest.model_validate({"base_url": base_url, "oauth": whole})


def test_a_consumer_refreshes_its_own_token_before_and_at_a_401(tmp_path: Path) -> None:
    directory = TokenDirectory(tmp_path)
    directory.save(TokenState(1, GRANT))  # long dead

    async def run() -> list[str | None]:
        async with Emulator(Settings(oauth_app="1:s3cret", refresh_token="pinr_1")) as emulator:
            settings = settings_for(tmp_path, emulator.base_url)
            async with kept_tokens(settings, timeout_s=10, clock=SystemClock()) as tokens:
                await until(lambda: len(lines) == 1)
                first = tokens.token_for("1")
                assert first is not None
                tokens.refused(first)
                await until(lambda: len(lines) == 2)
                return ["pina_1", first, tokens.token_for("1")]

    with structlog.testing.capture_logs() as lines:
        found = asyncio.run(run())

    grant = directory.peek().grant
    assert grant is not None
    assert found[-1] == grant.access_token
    assert len(set(found)) == 3


def test_a_second_consumer_of_the_same_directory_refuses_to_start(tmp_path: Path) -> None:
    async def run() -> None:
        async with kept_tokens(settings_for(tmp_path), timeout_s=1, clock=ManualClock()):
            pytest.fail("it started")

    with held_by_consumer(tmp_path), pytest.raises(ConfigError, match="another consumer refreshes"):
        asyncio.run(run())


def test_a_secret_that_is_missing_is_told_at_the_start(tmp_path: Path) -> None:
    settings = settings_for(tmp_path, app_secret=None, app_secret_file=tmp_path / "gone")

    async def run() -> None:
        async with kept_tokens(settings, timeout_s=1, clock=ManualClock()):
            pytest.fail("it started")

    with pytest.raises(ConfigError, match="app_secret_file"):
        asyncio.run(run())


def test_whoever_leaves_refreshing_to_others_holds_no_lock(tmp_path: Path) -> None:
    settings = Pinterest.model_validate({"oauth": {"directory": tmp_path}})

    async def run() -> None:
        async with kept_tokens(settings, timeout_s=1, clock=ManualClock()):
            with held_by_consumer(tmp_path):
                pass

    asyncio.run(run())
