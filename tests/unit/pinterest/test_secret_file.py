"""A secret file is the old one or the new one, whole; what fails, fails before the new content is known."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from consumer.pinterest import secret_file
from consumer.pinterest.secret_file import (
    ROOM_BYTES,
    DisplacedError,
    NotSyncedError,
    Replacement,
    pending_of,
    replace_file,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "secret"


def test_new_content_takes_the_place_of_the_old(path: Path) -> None:
    path.write_bytes(b"old, and longer")

    replace_file(path, b"new")

    assert path.read_bytes() == b"new"
    assert [file.name for file in path.parent.iterdir()] == ["secret"]


def test_nobody_else_may_read_it_whoever_might_read_the_old_one(path: Path) -> None:
    path.write_bytes(b"old")
    path.chmod(0o644)
    left_behind = pending_of(path)
    left_behind.touch(0o666)
    left_behind.chmod(0o666)

    replace_file(path, b"new")

    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_until_the_commit_the_old_one_stands_and_the_room_is_taken(path: Path) -> None:
    path.write_bytes(b"old")

    with Replacement(path):
        read, room_bytes = path.read_bytes(), pending_of(path).stat().st_blocks * 512

    assert read == b"old"
    assert room_bytes >= ROOM_BYTES
    assert [file.name for file in path.parent.iterdir()] == ["secret"]


def test_a_directory_that_is_not_there_is_found_before_anything_is_committed(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), Replacement(tmp_path / "gone" / "secret"):
        pytest.fail("there is no room for it")


def test_a_link_somebody_laid_there_is_not_followed(path: Path, tmp_path: Path) -> None:
    pending_of(path).symlink_to(tmp_path / "elsewhere")

    with pytest.raises(OSError, match="symbolic links"):
        replace_file(path, b"new")

    assert not (tmp_path / "elsewhere").exists()


def test_more_than_the_room_is_refused_and_the_old_one_stays(path: Path) -> None:
    path.write_bytes(b"old")

    with pytest.raises(OSError, match="more than"):
        replace_file(path, bytes(ROOM_BYTES + 1))

    assert path.read_bytes() == b"old"


def test_what_cannot_take_its_place_is_kept_beside_it(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_from: Path, _to: Path) -> Path:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(Path, "replace", refuse)

    with pytest.raises(OSError, match="Input/output"):
        replace_file(path, b"new")

    assert pending_of(path).read_bytes() == b"new"


def test_what_another_process_moved_into_place_is_not_written_over(path: Path) -> None:
    with Replacement(path) as first:
        replace_file(path, b"the second's")  # opens the very file of the first, and renames it
        pending_of(path).write_bytes(b"the third's")
        with pytest.raises(DisplacedError):
            first.commit(b"the first's")

    assert path.read_bytes() == b"the second's"
    assert pending_of(path).read_bytes() == b"the third's"


def test_a_directory_that_cannot_be_synced_is_told_from_a_rename_that_failed(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: Path) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(secret_file, "sync_directory", refuse)

    with pytest.raises(NotSyncedError, match="Input/output"):
        replace_file(path, b"new")

    assert path.read_bytes() == b"new"


def test_everything_is_on_the_disk_in_the_order_that_survives_a_power_cut(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    fsync, replace = os.fsync, Path.replace

    def noted_fsync(file: int) -> None:
        steps.append("directory" if stat.S_ISDIR(os.fstat(file).st_mode) else f"file of {os.fstat(file).st_size}")
        fsync(file)

    def noted_replace(source: Path, target: Path) -> Path:
        steps.append("rename")
        return replace(source, target)

    monkeypatch.setattr(os, "fsync", noted_fsync)
    monkeypatch.setattr(Path, "replace", noted_replace)

    replace_file(path, b"new")

    assert steps == [f"file of {ROOM_BYTES}", "file of 3", "rename", "directory"]
