"""When new tokens are asked for, with which refresh token, and what stands on the disk at every moment of it."""

from __future__ import annotations

import errno
import os
import signal
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from consumer.pinterest.oauth import Denied, Granted, NotNow, TokenAnswer, Unanswered
from consumer.pinterest.secret_file import Replacement, pending_of
from consumer.pinterest.token_refresh import (
    CLOCK_STEP_S,
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
from consumer.pinterest.token_store import STATE, Grant, TokenDirectory, TokenState
from consumer.timing import ManualClock

DAY_S = 86_400
NOW_S = 1_750_000_000
GRANT = Grant("pina_1", "pinr_1", NOW_S, NOW_S + 30 * DAY_S, NOW_S + 60 * DAY_S)
NEW = Granted("pina_2", 30 * DAY_S, "pinr_2", 60 * DAY_S, NOW_S + 75 * DAY_S)


class Pinterest:
    """Answers by refresh token, and notes what stood on the disk when it was asked."""

    def __init__(self, directory: TokenDirectory, **answers: TokenAnswer) -> None:
        self._directory = directory
        self._answers = answers
        self.asked: list[str] = []
        self.states: list[TokenState] = []

    def __call__(self, refresh_token: str) -> TokenAnswer:
        self.asked.append(refresh_token)
        self.states.append(self._directory.peek())
        return self._answers[refresh_token]


@pytest.fixture
def directory(tmp_path: Path) -> TokenDirectory:
    return TokenDirectory(tmp_path)


def seeded(directory: TokenDirectory, **changes: Any) -> TokenState:
    state = replace(TokenState(1, GRANT, "pinr_0"), **changes)
    directory.save(state)
    directory.publish(GRANT)
    return state


def run(
    directory: TokenDirectory,
    pinterest: Callable[[str], TokenAnswer],
    *,
    days: float = 0,
    wish: Wish | None = None,
    lock_wait_s: float = 0,
) -> Outcome:
    clock = ManualClock(wall_s=NOW_S + days * DAY_S)
    return refresh(directory, pinterest, wish or Wish(), wall_s=clock.wall_s, lock_wait_s=lock_wait_s)


# --- when ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("days", "wish", "asked"),
    [
        pytest.param(0, Wish(), [], id="fresh"),
        pytest.param(14.99, Wish(), [], id="more than half of its life is left"),
        pytest.param(15, Wish(), ["pinr_1"], id="half is left"),
        pytest.param(31, Wish(), ["pinr_1"], id="it is dead"),
        pytest.param(0, Wish(is_forced=True), ["pinr_1"], id="fresh, but wanted"),
    ],
)
def test_a_refresh_is_due_at_half_of_the_life(
    directory: TokenDirectory, days: float, wish: Wish, asked: list[str]
) -> None:
    seeded(directory)
    pinterest = Pinterest(directory, pinr_1=NEW)

    outcome = run(directory, pinterest, days=days, wish=wish)

    assert isinstance(outcome, Refreshed if asked else NotDue)
    assert pinterest.asked == asked


def test_a_refresh_token_that_dies_first_decides() -> None:
    short = replace(GRANT, refresh_token_expires_at=NOW_S + 10 * DAY_S)

    assert next_refresh_s(short) == NOW_S + 5 * DAY_S
    assert next_refresh_s(replace(GRANT, refresh_token_expires_at=None)) == NOW_S + 15 * DAY_S


def test_a_lost_answer_makes_it_due_at_once(directory: TokenDirectory) -> None:
    seeded(directory, unanswered_since=NOW_S - 60)
    pinterest = Pinterest(directory, pinr_1=NEW)

    outcome = run(directory, pinterest)

    assert isinstance(outcome, Refreshed)
    assert f"the answer of {utc(NOW_S - 60)} was lost" in outcome.remark
    assert directory.peek().unanswered_since is None


# --- what is kept -------------------------------------------------------------------------------------------------


def test_new_tokens_and_their_times_are_kept_with_the_old_refresh_token(directory: TokenDirectory) -> None:
    seeded(directory)

    outcome = run(directory, Pinterest(directory, pinr_1=NEW), days=15)

    now_s = NOW_S + 15 * DAY_S
    grant = Grant("pina_2", "pinr_2", now_s, now_s + 30 * DAY_S, NOW_S + 75 * DAY_S)
    assert outcome == Refreshed(grant)
    assert directory.peek() == TokenState(3, grant, "pinr_1")
    assert directory.access_token_file.read_text() == "pina_2"
    assert not pending_of(directory.path / STATE).exists()


@pytest.mark.parametrize(
    ("answer", "expires_at"),
    [
        pytest.param(Granted("pina_2", 100, "pinr_2", 5_000, None), NOW_S + 5_000, id="seconds from now"),
        pytest.param(Granted("pina_2", 100, "pinr_2"), None, id="not said"),
    ],
)
def test_the_end_of_a_refresh_token_is_as_far_as_it_is_said(
    directory: TokenDirectory, answer: Granted, expires_at: int | None
) -> None:
    seeded(directory)

    outcome = run(directory, Pinterest(directory, pinr_1=answer), wish=Wish(is_forced=True))

    assert outcome.grant is not None
    assert outcome.grant.refresh_token_expires_at == expires_at


def test_without_a_new_refresh_token_the_old_one_goes_on(directory: TokenDirectory) -> None:
    seeded(directory)

    run(directory, Pinterest(directory, pinr_1=Granted("pina_2", 100)), wish=Wish(is_forced=True))

    grant = directory.peek().grant
    assert grant is not None
    assert (grant.access_token, grant.refresh_token) == ("pina_2", "pinr_1")


def test_before_the_request_the_disk_says_so_and_has_room_for_the_answer(directory: TokenDirectory) -> None:
    before = seeded(directory)
    rooms: list[int] = []

    def ask(_: str) -> TokenAnswer:
        rooms.append(pending_of(directory.path / STATE).stat().st_size)
        states.append(directory.peek())
        return NEW

    states: list[TokenState] = []
    run(directory, ask, wish=Wish(is_forced=True))

    assert states == [replace(before, revision=2, unanswered_since=NOW_S)]
    assert rooms == [64 * 1024]


def test_the_new_refresh_token_is_safe_before_the_access_token_is_published(
    directory: TokenDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    seeded(directory)
    safe: list[str | None] = []
    publish = TokenDirectory.publish

    def noted(self: TokenDirectory, grant: Grant) -> None:
        found = directory.peek().grant
        safe.append(None if found is None else found.refresh_token)
        publish(self, grant)

    monkeypatch.setattr(TokenDirectory, "publish", noted)

    run(directory, Pinterest(directory, pinr_1=NEW), wish=Wish(is_forced=True))

    assert safe == ["pinr_1", "pinr_2"]


# --- no new tokens ------------------------------------------------------------------------------------------------


def test_nothing_happened_and_nothing_is_changed(directory: TokenDirectory) -> None:
    before = seeded(directory)

    outcome = run(directory, Pinterest(directory, pinr_1=NotNow("not sent: ConnectError")), days=15)

    assert outcome == Failed(Cause.NOT_SENT, "not sent: ConnectError", GRANT)
    assert replace(directory.peek(), revision=1) == before


def test_a_lost_answer_is_noted_and_the_tokens_stay(directory: TokenDirectory) -> None:
    before = seeded(directory)

    outcome = run(directory, Pinterest(directory, pinr_1=Unanswered("no answer: ReadTimeout")), days=15)

    assert isinstance(outcome, Failed)
    assert outcome.cause is Cause.UNANSWERED
    assert "may have replaced the refresh token all the same" in outcome.detail
    assert directory.peek() == replace(before, revision=2, unanswered_since=NOW_S + 15 * DAY_S)
    assert not pending_of(directory.path / STATE).exists()


def test_the_first_of_several_lost_answers_is_remembered(directory: TokenDirectory) -> None:
    seeded(directory, unanswered_since=NOW_S - 60)

    run(directory, Pinterest(directory, pinr_1=Unanswered("no answer: ReadTimeout")))

    assert directory.peek().unanswered_since == NOW_S - 60


def test_a_refused_token_gives_way_to_the_one_before_it(directory: TokenDirectory) -> None:
    """The newest may never have become good, if the API failed between the answer and its own books."""
    seeded(directory)
    pinterest = Pinterest(directory, pinr_1=Denied("HTTP 401"), pinr_0=NEW)

    outcome = run(directory, pinterest, days=15)

    assert pinterest.asked == ["pinr_1", "pinr_0"]
    assert isinstance(outcome, Refreshed)
    assert "refused first (HTTP 401)" in outcome.remark
    assert directory.peek().previous_refresh_token == "pinr_0"


def test_a_refusal_that_is_no_judgement_shows_no_spent_token(directory: TokenDirectory) -> None:
    before = seeded(directory)
    pinterest = Pinterest(directory, pinr_1=Denied("HTTP 404", is_judgement=False), pinr_0=NEW)

    outcome = run(directory, pinterest, days=15)

    assert pinterest.asked == ["pinr_1"]
    assert isinstance(outcome, Failed)
    assert "pinterest.base_url" in outcome.detail
    assert replace(directory.peek(), revision=1) == before


def test_the_revision_never_goes_back(directory: TokenDirectory) -> None:
    seeded(directory)
    pinterest = Pinterest(directory, pinr_1=Denied("HTTP 401"), pinr_0=NEW)

    run(directory, pinterest, days=15)

    assert [state.revision for state in pinterest.states] == [2, 4]
    assert directory.peek().revision == 5


def test_a_refresh_by_a_clock_that_was_ahead_is_made_again_once_it_is_right(directory: TokenDirectory) -> None:
    ahead = replace(GRANT, obtained_at=NOW_S + CLOCK_STEP_S + 1, access_token_expires_at=NOW_S + 400 * DAY_S)
    within = replace(ahead, obtained_at=NOW_S + CLOCK_STEP_S)

    outcomes = []
    for grant in (within, ahead):
        seeded(directory, grant=replace(grant, refresh_token_expires_at=None))
        outcomes.append(type(run(directory, Pinterest(directory, pinr_1=NEW))))

    assert outcomes == [NotDue, Refreshed]


def another_writes(directory: TokenDirectory, answer: TokenAnswer) -> Callable[[str], TokenAnswer]:
    """Answers while a run whose lock does not reach ours has the state file written."""

    def ask(_: str) -> TokenAnswer:
        directory.save(replace(directory.peek(), revision=7))
        pending_of(directory.path / STATE).write_bytes(bytes(100))
        return answer

    return ask


def test_new_tokens_are_kept_although_another_run_writes_in_spite_of_the_lock(directory: TokenDirectory) -> None:
    seeded(directory)

    run(directory, another_writes(directory, NEW), days=15)

    state = directory.load()
    assert state.grant is not None
    assert (state.revision, state.grant.refresh_token) == (8, "pinr_2")


def test_another_run_that_writes_in_spite_of_the_lock_is_not_written_over(directory: TokenDirectory) -> None:
    seeded(directory)

    outcome = run(directory, another_writes(directory, NotNow("HTTP 429")), days=15)

    assert isinstance(outcome, Failed)
    assert "flock must work across nodes" in outcome.detail
    assert directory.peek().revision == 7


def test_when_none_is_good_the_operator_is_told_what_to_do(directory: TokenDirectory) -> None:
    before = seeded(directory)
    pinterest = Pinterest(directory, pinr_1=Denied("HTTP 401, code 2"), pinr_0=Denied("HTTP 400"))

    outcome = run(directory, pinterest, days=15)

    assert isinstance(outcome, Failed)
    assert outcome.cause is Cause.REFUSED
    assert outcome.grant == GRANT
    assert "HTTP 401, code 2" in outcome.detail
    assert "--initial-refresh-token-file" in outcome.detail
    assert "never came" not in outcome.detail
    assert replace(directory.peek(), revision=1) == before


def test_after_a_lost_answer_a_refusal_is_explained_by_it(directory: TokenDirectory) -> None:
    seeded(directory, unanswered_since=NOW_S - 60)

    outcome = run(directory, Pinterest(directory, pinr_1=Denied("HTTP 401"), pinr_0=Denied("HTTP 401")))

    assert isinstance(outcome, Failed)
    assert f"the answer to a request of {utc(NOW_S - 60)} never came" in outcome.detail
    assert directory.peek().unanswered_since == NOW_S - 60


# --- the first token ----------------------------------------------------------------------------------------------


def test_the_first_one_is_given_from_outside(directory: TokenDirectory) -> None:
    outcome = run(directory, Pinterest(directory, pinr_first=NEW), wish=Wish(initial_refresh_token="pinr_first"))

    assert isinstance(outcome, Refreshed)
    assert directory.access_token_file.read_text() == "pina_2"


def test_without_any_the_operator_is_told_what_to_do(directory: TokenDirectory) -> None:
    outcome = run(directory, Pinterest(directory))

    assert isinstance(outcome, Failed)
    assert outcome.cause is Cause.NO_REFRESH_TOKEN
    assert "--initial-refresh-token-file" in outcome.detail


def test_the_first_one_is_used_once_although_it_is_given_every_time(directory: TokenDirectory) -> None:
    wish = Wish(initial_refresh_token="pinr_first")
    pinterest = Pinterest(directory, pinr_first=NEW, pinr_2=replace(NEW, refresh_token="pinr_3"))

    outcomes = [run(directory, pinterest, days=days, wish=wish) for days in (0, 1, 20)]

    assert [type(outcome) for outcome in outcomes] == [Refreshed, NotDue, Refreshed]
    assert pinterest.asked == ["pinr_first", "pinr_2"]


def test_another_first_one_is_a_new_authorisation(directory: TokenDirectory) -> None:
    seeded(directory)
    pinterest = Pinterest(directory, pinr_first=NEW)

    run(directory, pinterest, wish=Wish(initial_refresh_token="pinr_first"))

    assert pinterest.asked == ["pinr_first"]
    assert directory.access_token_file.read_text() == "pina_2"


def test_a_first_one_that_is_refused_does_not_spend_the_good_one(directory: TokenDirectory) -> None:
    before = seeded(directory)
    pinterest = Pinterest(directory, pinr_first=Denied("HTTP 401"))

    outcome = run(directory, pinterest, wish=Wish(initial_refresh_token="pinr_first"))

    assert isinstance(outcome, Failed)
    assert pinterest.asked == ["pinr_first"]
    assert replace(directory.peek(), revision=1) == before


def test_a_first_one_whose_answer_was_lost_is_tried_again(directory: TokenDirectory) -> None:
    wish = Wish(initial_refresh_token="pinr_first")
    run(directory, Pinterest(directory, pinr_first=Unanswered("no answer: ReadTimeout")), wish=wish)

    outcome = run(directory, Pinterest(directory, pinr_first=Denied("HTTP 401")), wish=wish)

    assert isinstance(outcome, Failed)
    assert "never came" in outcome.detail


# --- death, and what else may happen ------------------------------------------------------------------------------


def test_an_access_token_that_was_not_published_is_published_by_the_next_run(directory: TokenDirectory) -> None:
    directory.save(TokenState(1, GRANT))

    outcome = run(directory, Pinterest(directory))

    assert outcome == NotDue(GRANT)
    assert directory.access_token_file.read_text() == "pina_1"


def test_new_tokens_that_could_not_take_their_place_are_taken_up_by_the_next_run(
    directory: TokenDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    seeded(directory)
    really = Path.replace
    renames = iter([True, False])

    def refuse_the_second(source: Path, target: Path) -> Path:
        if next(renames, True):
            return really(source, target)
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", refuse_the_second)
        broken = run(directory, Pinterest(directory, pinr_1=NEW), wish=Wish(is_forced=True))
    mended = run(directory, Pinterest(directory))

    assert isinstance(broken, Failed)
    assert "state.json.pending" in broken.detail
    assert isinstance(mended, NotDue)
    assert mended.grant.refresh_token == "pinr_2"
    assert directory.access_token_file.read_text() == "pina_2"


def test_tokens_that_cannot_be_published_are_safe_and_told_so(
    directory: TokenDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    seeded(directory)
    enter = Replacement.__enter__

    def full(place: Replacement) -> Replacement:
        if place._path == directory.access_token_file:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return enter(place)

    monkeypatch.setattr(Replacement, "__enter__", full)

    outcome = run(directory, Pinterest(directory, pinr_1=NEW), wish=Wish(is_forced=True))

    assert isinstance(outcome, Failed)
    assert "the new tokens are safe" in outcome.detail
    assert "No space left on device" in outcome.detail
    grant = directory.peek().grant
    assert grant is not None
    assert grant.refresh_token == "pinr_2"


def test_a_full_disk_is_found_before_anybody_is_asked(
    directory: TokenDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    seeded(directory)
    pinterest = Pinterest(directory, pinr_1=NEW)

    def full(_: int, __: bytes | memoryview) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "write", full)

    outcome = run(directory, pinterest, wish=Wish(is_forced=True))

    assert outcome == Failed(Cause.DIRECTORY, f"{directory.path}: No space left on device", None)
    assert pinterest.asked == []


@pytest.mark.parametrize("content", [b"", b"not a state"])
def test_a_state_that_cannot_be_read_is_left_alone(directory: TokenDirectory, content: bytes) -> None:
    (directory.path / STATE).write_bytes(content)

    outcome = run(directory, Pinterest(directory), wish=Wish(is_forced=True, initial_refresh_token="pinr_first"))

    assert isinstance(outcome, Failed)
    assert outcome.cause is Cause.DIRECTORY
    assert (directory.path / STATE).read_bytes() == content


def test_a_directory_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    """It is a volume that was not mounted, more likely than not: tokens would be lost with the container."""
    directory = TokenDirectory(tmp_path / "volume")

    outcome = run(directory, Pinterest(directory), wish=Wish(initial_refresh_token="pinr_first"))

    assert isinstance(outcome, Failed)
    assert "No such file or directory" in outcome.detail
    assert not directory.path.exists()


def test_who_waited_for_another_run_finds_it_done_even_if_forced(directory: TokenDirectory) -> None:
    seeded(directory)
    is_asked, may_answer = threading.Event(), threading.Event()

    def slowly(_: str) -> TokenAnswer:
        is_asked.set()
        assert may_answer.wait(10)
        return NEW

    outcomes: list[Outcome] = []

    def forced(ask: Callable[[str], TokenAnswer]) -> threading.Thread:
        def work() -> None:
            outcomes.append(run(directory, ask, wish=Wish(is_forced=True), lock_wait_s=10))

        thread = threading.Thread(target=work)
        thread.start()
        return thread

    second = Pinterest(directory)
    first_thread = forced(slowly)
    assert is_asked.wait(10)
    second_thread = forced(second)
    may_answer.set()
    first_thread.join(10)
    second_thread.join(10)

    assert [type(outcome) for outcome in outcomes] == [Refreshed, NotDue]
    assert second.asked == []


def test_a_lock_that_is_not_given_back_is_not_waited_for_without_end(directory: TokenDirectory) -> None:
    seeded(directory)

    with directory.locked(wait_s=0):
        outcome = run(directory, Pinterest(directory), days=15, lock_wait_s=0.1)

    assert outcome == Failed(Cause.DIRECTORY, f"another process is refreshing in {directory.path}", GRANT)


def test_signals_wait_until_the_new_tokens_are_safe(directory: TokenDirectory) -> None:
    seeded(directory)
    told: list[tuple[str, str]] = []

    def on_signal(*_: object) -> None:
        grant = directory.peek().grant
        assert grant is not None
        told.append((grant.refresh_token, directory.access_token_file.read_text()))

    def ask(_: str) -> TokenAnswer:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.pthread_kill(threading.get_ident(), number)
        return NEW

    before = [signal.signal(number, on_signal) for number in (signal.SIGTERM, signal.SIGINT)]
    try:
        run(directory, ask, wish=Wish(is_forced=True))
    finally:
        for number, handler in zip((signal.SIGTERM, signal.SIGINT), before, strict=True):
            signal.signal(number, handler)

    assert told == [("pinr_2", "pina_2")] * 2


def test_no_token_is_in_an_outcome(directory: TokenDirectory) -> None:
    seeded(directory)
    outcomes = [
        run(directory, Pinterest(directory)),
        run(directory, Pinterest(directory, pinr_1=Denied("no"), pinr_0=Denied("no")), days=15),
        run(directory, Pinterest(directory, pinr_1=NEW), days=15),
        run(directory, Pinterest(directory), days=15),
        Wish(initial_refresh_token="pinr_first"),
        NEW,
    ]

    assert not [outcome for outcome in outcomes if "pina_" in repr(outcome) or "pinr_" in repr(outcome)]
