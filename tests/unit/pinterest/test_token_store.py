"""The directory of tokens: what is found after every kind of death, and who may hold which lock."""

from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path

import pytest

from consumer.errors import ConfigError, ContractError
from consumer.pinterest.secret_file import pending_of
from consumer.pinterest.token_store import (
    ACCESS_TOKEN,
    STATE,
    Grant,
    TokenDirectory,
    TokenState,
    encoded,
    held_by_consumer,
)

GRANT = Grant("pina_planted", "pinr_planted", 1_750_000_000, 1_752_592_000, 1_755_184_000)
STATE_1 = TokenState(1, GRANT, "pinr_before", "an initial one's hash", None)
STATE_2 = TokenState(2, GRANT, "pinr_before", "an initial one's hash", 1_750_000_100)


@pytest.fixture
def directory(tmp_path: Path) -> TokenDirectory:
    return TokenDirectory(tmp_path)


def test_a_new_directory_knows_nothing(directory: TokenDirectory) -> None:
    assert directory.load() == TokenState()


@pytest.mark.parametrize("state", [TokenState(), STATE_1, STATE_2])
def test_what_was_saved_is_loaded(directory: TokenDirectory, state: TokenState) -> None:
    directory.save(state)

    assert directory.load() == directory.peek() == state


def test_nobody_else_may_read_what_is_in_it(directory: TokenDirectory) -> None:
    directory.save(STATE_1)
    directory.publish(GRANT)
    with directory.locked(wait_s=0):
        pass

    assert {stat.S_IMODE(file.stat().st_mode) for file in directory.path.iterdir()} == {0o600}


@pytest.mark.parametrize("end", [b"", bytes(100)], ids=["whole", "with the room behind it"])
def test_a_state_that_did_not_get_into_its_place_is_put_there(directory: TokenDirectory, end: bytes) -> None:
    directory.save(STATE_1)
    pending_of(directory.path / STATE).write_bytes(encoded(STATE_2) + end)

    state = directory.load()

    assert state == directory.peek() == STATE_2
    assert [file.name for file in directory.path.iterdir()] == [STATE]


def test_it_is_put_there_although_nothing_can_be_written(directory: TokenDirectory) -> None:
    """It is the only copy of a refresh token: to write it anew would lose it on a full disk."""
    directory.save(STATE_1)
    pending_of(directory.path / STATE).write_bytes(encoded(STATE_2))
    script = (
        "import resource, sys; from pathlib import Path; from consumer.pinterest.token_store import TokenDirectory\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))\n"
        "print(TokenDirectory(Path(sys.argv[1])).load().revision)"
    )

    done = subprocess.run(
        [sys.executable, "-c", script, str(directory.path)], capture_output=True, text=True, timeout=60, check=False
    )

    assert (done.stdout, done.stderr) == ("2\n", "")
    assert directory.peek() == STATE_2


def test_a_rename_that_fails_leaves_it_for_the_next_run(
    directory: TokenDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory.save(STATE_1)
    pending_of(directory.path / STATE).write_bytes(encoded(STATE_2))

    def refuse(_from: Path, _to: Path) -> Path:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", refuse)
        with pytest.raises(OSError, match="Input/output"):
            directory.load()

    assert pending_of(directory.path / STATE).read_bytes() == encoded(STATE_2)
    assert directory.load() == STATE_2


@pytest.mark.parametrize(
    "left_behind",
    [
        pytest.param(bytes(65_536), id="room alone"),
        pytest.param(encoded(STATE_2)[:-20] + bytes(100), id="half of it"),
        pytest.param(encoded(STATE_1), id="no newer than the state"),
        pytest.param(encoded(TokenState(0, None)), id="older"),
    ],
)
def test_what_is_left_behind_and_no_newer_state_is_passed_over(directory: TokenDirectory, left_behind: bytes) -> None:
    directory.save(STATE_1)
    pending_of(directory.path / STATE).write_bytes(left_behind)

    assert directory.load() == STATE_1


@pytest.mark.parametrize(
    "content", [b"", b"\0" * 9, b"pinr_planted", b"[]", b'{"revision": "pinr_planted"}', b'{"gran']
)
def test_a_file_that_is_no_state_is_refused_and_not_shown(directory: TokenDirectory, content: bytes) -> None:
    (directory.path / STATE).write_bytes(content)

    with pytest.raises(ContractError, match=STATE) as refused:
        directory.load()

    assert "planted" not in str(refused.value)
    assert refused.value.__context__ is None  # pydantic's error would show the value
    assert (directory.path / STATE).read_bytes() == content


def test_the_access_token_is_published_alone(directory: TokenDirectory) -> None:
    directory.publish(GRANT)

    assert (directory.path / ACCESS_TOKEN).read_text() == "pina_planted"


def test_what_is_published_already_is_left_as_it_is(directory: TokenDirectory) -> None:
    directory.publish(GRANT)
    before = directory.access_token_file.stat().st_ino

    directory.publish(GRANT)

    assert directory.access_token_file.stat().st_ino == before


def test_no_token_is_in_a_repr() -> None:
    assert "pin" not in repr(STATE_2).replace("expires", "")
    assert "hash" not in repr(STATE_2)


# --- locks -------------------------------------------------------------------------------------------------------


def test_one_refresh_at_a_time(directory: TokenDirectory) -> None:
    with directory.locked(wait_s=0) as first, directory.locked(wait_s=0.1) as second:
        held = (first, second)
    with directory.locked(wait_s=0) as third:
        pass

    assert held == (True, False)
    assert third


def test_one_consumer_at_a_time(tmp_path: Path) -> None:
    with (
        held_by_consumer(tmp_path),
        pytest.raises(ConfigError, match=r"pinterest\.oauth\.directory: another consumer"),
        held_by_consumer(tmp_path),
    ):
        pytest.fail("held twice")

    with held_by_consumer(tmp_path):
        pass


def test_a_consumer_does_not_keep_others_from_refreshing(directory: TokenDirectory) -> None:
    with held_by_consumer(directory.path), directory.locked(wait_s=0) as is_ours:
        assert is_ours


def test_a_directory_that_is_not_there_cannot_be_kept(tmp_path: Path) -> None:
    with (
        pytest.raises(ConfigError, match="cannot be locked: No such file or directory"),
        held_by_consumer(tmp_path / "gone"),
    ):
        pytest.fail("there is none")


def test_what_goes_wrong_in_the_consumer_is_not_told_as_a_matter_of_the_lock(tmp_path: Path) -> None:
    with pytest.raises(BrokenPipeError), held_by_consumer(tmp_path):
        raise BrokenPipeError
