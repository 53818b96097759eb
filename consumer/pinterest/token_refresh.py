"""One refresh of the rotating tokens, from the question whether it is due to the new ones safe on the disk.

Pinterest forgets a refresh token once it has been exchanged, so its successor must not be lost between the answer
and the disk. Whatever could fail then is done before the request: the lock is held, the state file says that a
request is under way, room for the next state is written out, and signals are kept waiting.
"""

from __future__ import annotations

import hashlib
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import assert_never

from consumer.errors import ContractError
from consumer.pinterest.oauth import Denied, Granted, NotNow, TokenAnswer, Unanswered
from consumer.pinterest.secret_file import DisplacedError, NotSyncedError, Replacement
from consumer.pinterest.token_store import Grant, TokenDirectory, TokenState, encoded

LOCK_WAIT_S = 120.0
"""Longest wait for another refresh: it makes three requests at most."""

CLOCK_STEP_S = 300
"""Clocks of nodes may differ by as much."""


class Cause(StrEnum):
    """Why a refresh failed."""

    NO_REFRESH_TOKEN = "no_refresh_token"  # noqa: S105 - a cause
    REFUSED = "refused"
    NOT_SENT = "not_sent"
    UNANSWERED = "unanswered"
    DIRECTORY = "directory"
    SETTINGS = "settings"


@dataclass(frozen=True, slots=True)
class Refreshed:
    """New tokens are in place. `remark` is what the operator should know all the same."""

    grant: Grant
    remark: str = ""


@dataclass(frozen=True, slots=True)
class NotDue:
    """The tokens have more than half of their life before them, or somebody else has just refreshed them."""

    grant: Grant


@dataclass(frozen=True, slots=True)
class Failed:
    """No new tokens in place. `grant` is what there is to go on with."""

    cause: Cause
    detail: str
    grant: Grant | None


Outcome = Refreshed | NotDue | Failed


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked for beside a refresh that is due."""

    is_forced: bool = False
    """Also if none is due."""
    initial_refresh_token: str | None = field(default=None, repr=False)
    """From an authorisation by hand. It is used once, and known again."""


def next_refresh_s(grant: Grant) -> int:
    """When a refresh is due (Unix seconds): half of the life of whichever token dies first is over then."""
    expires_at = grant.access_token_expires_at
    if grant.refresh_token_expires_at is not None:
        expires_at = min(expires_at, grant.refresh_token_expires_at)
    return (grant.obtained_at + expires_at) // 2


def utc(seconds: int) -> str:
    """A time as people and programs read it."""
    try:
        return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")
    except (OverflowError, ValueError, OSError):
        return "a time beyond the calendar"


def refresh(
    directory: TokenDirectory,
    ask: Callable[[str], TokenAnswer],
    wish: Wish,
    *,
    wall_s: Callable[[], float],
    lock_wait_s: float = LOCK_WAIT_S,
) -> Outcome:
    """Refresh if it is due or wished. At most three requests: another token is tried only where one was refused.

    Args:
        directory: Where the tokens are.
        ask: Makes one request; see `oauth.token_requests`.
        wish: What else is asked for.
        wall_s: Tells the time, Unix seconds.
        lock_wait_s: Longest wait for another process that refreshes.
    """
    try:
        seen = directory.peek()
        with directory.locked(wait_s=lock_wait_s) as is_ours:
            if not is_ours:
                return Failed(Cause.DIRECTORY, f"another process is refreshing in {directory.path}", seen.grant)
            return _Refresh(directory, ask, wall_s).run(seen, wish)
    except OSError as error:
        return Failed(Cause.DIRECTORY, f"{directory.path}: {error.strerror or error}", None)
    except ContractError as error:
        return Failed(Cause.DIRECTORY, str(error), None)


class _Refresh:
    """What is done under the lock."""

    def __init__(
        self, directory: TokenDirectory, ask: Callable[[str], TokenAnswer], wall_s: Callable[[], float]
    ) -> None:
        self._directory = directory
        self._ask = ask
        self._wall_s = wall_s

    def run(self, seen: TokenState, wish: Wish) -> Outcome:
        with _signals_waiting():
            state = self._directory.load()
        if state.grant is not None:
            self._directory.publish(state.grant)  # whoever got it may have died before
        initial = _unused(wish.initial_refresh_token, state)
        # What changed while we waited for the lock was done by whom we waited for.
        is_due = (wish.is_forced and state.grant == seen.grant) or _is_due(state, self._wall_s())
        if state.grant is not None and initial is None and not is_due:
            return NotDue(state.grant)
        candidates = [] if initial is None else [initial]
        if state.grant is not None and is_due:
            candidates.append(state.grant.refresh_token)
            if state.previous_refresh_token is not None:
                candidates.append(state.previous_refresh_token)
        if not candidates:
            return Failed(Cause.NO_REFRESH_TOKEN, _NOTHING_YET, None)
        return self._try_each(list(dict.fromkeys(candidates)), state, initial)

    def _try_each(self, candidates: list[str], state: TokenState, initial: str | None) -> Outcome:
        refusals: list[str] = []
        for token in candidates:
            with _signals_waiting():
                outcome = self._exchange(token, state, initial)
                if isinstance(outcome, Refreshed):
                    return self._publish(outcome.grant, refusals, state)
            match outcome:
                case Denied(detail, is_judgement):
                    if not is_judgement:  # a spent token shown without need may end them all (RFC 9700, 4.14.2)
                        return Failed(Cause.REFUSED, f"{detail}; {_NOT_JUDGED}", state.grant)
                    refusals.append(detail)
                    state = self._directory.peek()
                case Failed():
                    return outcome
                case _:
                    assert_never(outcome)
        return Failed(Cause.REFUSED, _refused(refusals[0], state), state.grant)

    def _exchange(self, token: str, state: TokenState, initial: str | None) -> Refreshed | Failed | Denied:
        now_s = int(self._wall_s())
        asked = replace(state, revision=state.revision + 1, unanswered_since=state.unanswered_since or now_s)
        self._directory.save(asked)
        with self._directory.replacement() as place:
            answer = self._ask(token)
            match answer:
                case Granted():
                    grant = _grant(token, answer, int(self._wall_s()))
                    known = state.initial_sha256 if initial is None else _sha256(initial)
                    try:
                        self._keep(place, asked, TokenState(asked.revision + 1, grant, token, known))
                    except NotSyncedError as error:
                        return Failed(Cause.DIRECTORY, _NOT_SYNCED.format(error.strerror), grant)
                    except OSError as error:
                        return Failed(Cause.DIRECTORY, _NOT_KEPT.format(error.strerror or error), state.grant)
                    return Refreshed(grant)
                case Denied() | NotNow():
                    # Nothing happened, so the mark of this request goes; that of an earlier one stays.
                    if self._directory.peek().revision != asked.revision:
                        return Failed(Cause.DIRECTORY, _TWO_AT_ONCE.format(self._directory.path), state.grant)
                    place.commit(encoded(replace(state, revision=asked.revision + 1)))
                    return answer if isinstance(answer, Denied) else Failed(Cause.NOT_SENT, answer.detail, state.grant)
                case Unanswered(detail):
                    return Failed(Cause.UNANSWERED, f"{detail}; {_UNANSWERED}", state.grant)
                case _:
                    assert_never(answer)

    def _keep(self, place: Replacement, asked: TokenState, new: TokenState) -> None:
        """New tokens get their place whoever else writes: the refresh token of any other state is spent."""
        try:
            revision = self._directory.peek().revision
        except (OSError, ContractError):
            revision = asked.revision
        new = replace(new, revision=max(revision, asked.revision) + 1)
        try:
            place.commit(encoded(new))
        except DisplacedError:
            self._directory.save(new)

    def _publish(self, grant: Grant, refusals: list[str], before: TokenState) -> Outcome:
        try:
            self._directory.publish(grant)
        except OSError as error:
            file = self._directory.access_token_file
            return Failed(Cause.DIRECTORY, _NOT_PUBLISHED.format(file, error.strerror or error), grant)
        remarks = [f"another refresh token was refused first ({refusals[0]})"] if refusals else []
        if before.unanswered_since is not None:
            remarks.append(f"the answer of {utc(before.unanswered_since)} was lost, but no token with it")
        return Refreshed(grant, "; ".join(remarks))


_NOTHING_YET = (
    "there is no refresh token yet: authorise the app and give the refresh token to `conversions token refresh "
    "--initial-refresh-token-file`"
)
_AUTHORISE = (
    "check app_id and app_secret; if they are right, authorise the app again and give its new refresh token to "
    "`conversions token refresh --initial-refresh-token-file`"
)
_UNANSWERED = (
    "Pinterest may have replaced the refresh token all the same; the next run tries the one we have, and says so if it "
    "is not good any more"
)
_NOT_KEPT = (
    "Pinterest gave new tokens, and the state file could not be replaced: {}. Mend that and run again: what could be "
    "written stands in state.json.pending and is taken from there"
)
_NOT_SYNCED = (
    "Pinterest gave new tokens, and state.json holds them, but its directory could not be synced: {}. A power cut may "
    "undo that until it is mended; run again then"
)
_TWO_AT_ONCE = (
    "another run writes in {} in spite of the lock: its volume's flock must work across nodes, else run one at a time"
)
_NOT_JUDGED = (
    "that is no judgement on the refresh token, which stays as it is: check pinterest.base_url and what lies in between"
)
_NOT_PUBLISHED = "the new tokens are safe in state.json, but {} could not be written: {}. Mend that and run again"


def _refused(detail: str, state: TokenState) -> str:
    lost = ""
    if state.unanswered_since is not None:
        lost = (
            f"; the answer to a request of {utc(state.unanswered_since)} never came, and the token that would be good "
            "now was probably in it"
        )
    return f"Pinterest refuses the refresh token: {detail}{lost}; {_AUTHORISE}"


def _grant(used: str, answer: Granted, now_s: int) -> Grant:
    expires_at = answer.refresh_expires_at
    if expires_at is None and answer.refresh_expires_in_s is not None:
        expires_at = now_s + answer.refresh_expires_in_s
    return Grant(
        access_token=answer.access_token,
        refresh_token=answer.refresh_token or used,
        obtained_at=now_s,
        access_token_expires_at=now_s + answer.expires_in_s,
        refresh_token_expires_at=expires_at,
    )


def _is_due(state: TokenState, now_s: float) -> bool:
    is_unsure = state.unanswered_since is not None  # whether the refresh token is still good: find out in time
    if state.grant is None or is_unsure:
        return True
    # Got in the future: the clock was ahead then and has been set right, so the times of expiry are wrong.
    return now_s >= next_refresh_s(state.grant) or now_s < state.grant.obtained_at - CLOCK_STEP_S


def _unused(initial: str | None, state: TokenState) -> str | None:
    return initial if initial is not None and _sha256(initial) != state.initial_sha256 else None


def _sha256(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


@contextmanager
def _signals_waiting() -> Iterator[None]:
    """SIGTERM and SIGINT reach this thread only after the block; SIGKILL leaves what the next run mends."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
