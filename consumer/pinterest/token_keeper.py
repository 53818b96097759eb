"""Refreshes the tokens from within a running consumer, for as long as it is the only one.

Runs on the asyncio loop; a refresh itself works in a thread. Whatever fails is logged and tried again: the consumer
goes on with the token it has.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import assert_never

import structlog

from consumer.config import Pinterest
from consumer.errors import ConfigError
from consumer.pinterest.auth import ConfiguredTokens
from consumer.pinterest.oauth import token_requests
from consumer.pinterest.token_refresh import (
    Cause,
    Failed,
    NotDue,
    Outcome,
    Refreshed,
    Wish,
    next_refresh_s,
    refresh,
    utc,
)
from consumer.pinterest.token_store import Grant, TokenDirectory, held_by_consumer
from consumer.timing import Clock, full_jitter_s

LOOK_EVERY_S = 3_600.0
"""Longest wait until the tokens are looked at again: somebody may have changed them by hand, or set the clock."""
REFUSED_EVERY_S = 300.0
"""A 401 is a reason to refresh, at most this often: it may have another cause that no new token mends."""
REFUSED_CAP_S = 21_600.0
"""While the tokens that were got for it are refused as well, each wait is twice the last, up to this."""
FRESH_S = 3_600.0
"""A token refused within this time of the last refresh for a 401 did not mend it."""
LEAST_BETWEEN_S = 300.0
"""Between a refresh and the next that is due: wrong clocks or times of expiry would make it go on and on."""
LEAST_WAIT_S = 1.0
RETRY_BASE_S = 60.0
RETRY_CAP_S = 3_600.0
_LOCK_WAIT_S = 5.0  # a stop waits as long; whoever refreshes meanwhile does it for us
_LAST_SHARE = 10
"""When less than one of so many parts of an access token's life is left, somebody must act."""

_log = structlog.get_logger(__name__)


class TokenKeeper:
    """Keeps one directory's tokens fresh.

    Args:
        refresh: Does it; blocks, and tells what went wrong in its outcome.
        clock: For dates of expiry and for what may not happen too often.
        chance: For the jitter of retries.
    """

    def __init__(self, refresh: Callable[[Wish], Outcome], clock: Clock, chance: random.Random) -> None:
        self._refresh = refresh
        self._clock = clock
        self._chance = chance
        self._failures = 0
        self._grant: Grant | None = None
        self._is_refused = False
        self._heeded_s: float | None = None
        self._refused_every_s = REFUSED_EVERY_S
        self._is_refused_again = False
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin on the running loop."""
        self._task = asyncio.get_running_loop().create_task(self._run())
        self._task.add_done_callback(_tell_defect)

    def refused(self, token: str) -> None:
        """The API answered 401 to this token. To be called on the loop."""
        if self._grant is None or token != self._grant.access_token:  # an older one has its successor already
            return
        now_s = self._clock.monotonic_s()
        if self._heeded_s is not None:
            since_s = now_s - self._heeded_s
            self._is_refused_again = self._is_refused_again or since_s < FRESH_S
            if since_s < self._refused_every_s:
                return
        doubled_s = min(2 * self._refused_every_s, REFUSED_CAP_S)
        self._refused_every_s = doubled_s if self._is_refused_again else REFUSED_EVERY_S
        self._heeded_s, self._is_refused_again, self._is_refused = now_s, False, True
        self._wake.set()

    async def aclose(self) -> None:
        """End; a refresh under way is waited for, as its answer must reach the disk."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def turn(self) -> float:
        """Refresh if it is due or the token was refused; the seconds until it is to be called again."""
        wish, self._is_refused = Wish(is_forced=self._is_refused), False
        working = asyncio.get_running_loop().run_in_executor(None, self._refresh, wish)
        try:
            outcome = await asyncio.shield(working)
        except asyncio.CancelledError:
            await working
            raise
        return self._after(outcome)

    def _after(self, outcome: Outcome) -> float:
        self._grant = outcome.grant or self._grant
        expires = None if self._grant is None else utc(self._grant.access_token_expires_at)
        match outcome:
            case Refreshed(grant, remark):
                _log.info("access_token_refreshed", access_token_expires=expires, remark=remark or None)
                return self._until_due(grant, least_s=LEAST_BETWEEN_S)
            case NotDue(grant):
                return self._until_due(grant, least_s=LEAST_WAIT_S)
            case Failed(cause, detail):
                about = {"cause": cause, "detail": detail, "access_token_expires": expires}
                if _is_urgent(self._grant, self._clock.wall_s()):
                    _log.error("token_refresh_failed", **about)
                else:
                    _log.warning("token_refresh_failed", **about)
                delay_s = full_jitter_s(self._failures, base_s=RETRY_BASE_S, cap_s=RETRY_CAP_S, chance=self._chance)
                self._failures += 1
                return max(LEAST_WAIT_S, delay_s)
            case _:
                assert_never(outcome)

    def _until_due(self, grant: Grant, *, least_s: float) -> float:
        self._failures = 0
        return min(max(least_s, next_refresh_s(grant) - self._clock.wall_s()), LOOK_EVERY_S)

    async def _run(self) -> None:
        while True:
            delay_s = await self.turn()
            try:
                await asyncio.wait_for(self._wake.wait(), delay_s)
            except TimeoutError:
                continue
            self._wake.clear()


@asynccontextmanager
async def kept_tokens(settings: Pinterest, *, timeout_s: float, clock: Clock) -> AsyncIterator[ConfiguredTokens]:
    """The tokens of a consumer; kept fresh meanwhile, if it is to do that by itself.

    Args:
        settings: Where tokens are, and who refreshes them.
        timeout_s: Of one request for new ones.
        clock: As `TokenKeeper`.

    Raises:
        ConfigError: There is no token where one must be, or another consumer keeps the same directory.
    """
    path = settings.oauth.directory
    if settings.oauth.refresh == "elsewhere" or path is None:
        yield ConfiguredTokens(settings)
        return
    directory = TokenDirectory(path)

    def refresh_once(wish: Wish) -> Outcome:
        try:
            ask = token_requests(settings, timeout_s=timeout_s)  # anew, as the app's secret may be another
        except ConfigError as error:
            return Failed(Cause.SETTINGS, "; ".join(error.problems), None)
        return refresh(directory, ask, wish, wall_s=clock.wall_s, lock_wait_s=_LOCK_WAIT_S)

    with held_by_consumer(path):
        token_requests(settings, timeout_s=timeout_s)  # what is wrong with the settings is told at the start
        keeper = TokenKeeper(refresh_once, clock, random.Random())
        tokens = ConfiguredTokens(settings, on_refused=keeper.refused)
        keeper.start()
        try:
            yield tokens
        finally:
            await keeper.aclose()


def _is_urgent(grant: Grant | None, now_s: float) -> bool:
    if grant is None:
        return True
    life_s = grant.access_token_expires_at - grant.obtained_at
    return (grant.access_token_expires_at - now_s) * _LAST_SHARE < life_s


def _tell_defect(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (failure := task.exception()) is not None:
        _log.error(
            "token_refresh_broken", meaning="a defect; no token is refreshed until the restart", exc_info=failure
        )
