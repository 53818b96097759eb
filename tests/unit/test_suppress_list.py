"""Who is suppressed: read from a file, read again when it changes, and never lost for a file that cannot be read."""

from __future__ import annotations

import asyncio
import os
from hashlib import sha256
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from consumer import suppress_list as module
from consumer.errors import ConfigError
from consumer.hash_set import HashSet
from consumer.suppress_list import SuppressList
from consumer.timing import ManualClock

ADA, BEN, KIM = (sha256(f"{name}@example.com".encode()).hexdigest() for name in ("ada", "ben", "kim"))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return put(tmp_path / "suppressed.txt", ADA)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


def put(file: Path, *lines: str) -> Path:
    """Another file in its place, as a rename leaves it."""
    beside = file.with_suffix(".new")
    beside.write_text("".join(f"{line}\n" for line in lines))
    return beside.rename(file)


def people_on(suppressed: SuppressList) -> set[str]:
    return {each for each in (ADA, BEN, KIM) if suppressed.holds({"em": [each]})}


def look(suppressed: SuppressList, times: int = 2) -> list[tuple[str, str]]:
    """Level and event of the lines that were logged; what changed is read at the second look."""
    with capture_logs() as lines:
        for _ in range(times):
            suppressed.look()
    return [(line["log_level"], line["event"]) for line in lines]


# --- the file ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(f"{ADA}\n{BEN}\n", id="one a line"),
        pytest.param(f"{ADA}\n{BEN}", id="without a last line feed"),
        pytest.param(f"# erased\n\n  {ADA}  \r\n\t\n{BEN} # ticket 17\n", id="comments, blanks, line ends of Windows"),
        pytest.param(f"{ADA.upper()}\n{BEN}\n{ADA}\n", id="any case, and twice"),
    ],
)
def test_each_line_is_somebody(content: str, file: Path, clock: ManualClock) -> None:
    file.write_text(content)

    suppressed = SuppressList(file, clock)

    assert people_on(suppressed) == {ADA, BEN}
    assert suppressed.size == 2


@pytest.mark.parametrize("name", ["em", "ph", "external_id"])
def test_somebody_is_known_by_each_of_the_three_and_by_any_of_several(
    name: str, file: Path, clock: ManualClock
) -> None:
    suppressed = SuppressList(file, clock)

    assert suppressed.holds({name: [BEN, ADA]})
    assert not suppressed.holds({name: [BEN]})
    assert not suppressed.holds({"fn": [ADA]})
    assert not suppressed.holds({})


def test_every_line_that_is_no_hash_is_told_by_its_number_alone(file: Path, clock: ManualClock) -> None:
    file.write_text(f"{ADA}\nada@example.com\n# fine\n{BEN[:-2]}\n{BEN}00\n{'g' * 64}\n\xe9\n")

    with pytest.raises(ConfigError) as refused:
        SuppressList(file, clock)

    assert [problem.split(": is")[0] for problem in refused.value.problems] == [
        f"privacy.suppress_file: {file}:{number}" for number in (2, 4, 5, 6, 7)
    ]
    assert "ada" not in str(refused.value)
    assert BEN[:20] not in str(refused.value)


def test_of_very_many_such_lines_the_first_are_told(file: Path, clock: ManualClock) -> None:
    file.write_text("x\n" * 1_000)

    with pytest.raises(ConfigError) as refused:
        SuppressList(file, clock)

    assert len(refused.value.problems) == 21
    assert "980 more" in refused.value.problems[-1]


@pytest.mark.parametrize("name", ["nowhere.txt", "."])
def test_a_file_that_cannot_be_read_at_the_start_is_refused(name: str, tmp_path: Path, clock: ManualClock) -> None:
    with pytest.raises(ConfigError, match=r"privacy\.suppress_file: .* cannot be read"):
        SuppressList(tmp_path / name, clock)


def test_an_empty_file_is_a_list_to_begin_with(file: Path, clock: ManualClock) -> None:
    file.write_text("# nobody yet\n")
    suppressed = SuppressList(file, clock)
    assert suppressed.size == 0

    put(file, ADA)
    look(suppressed)

    assert people_on(suppressed) == {ADA}


# --- when it changes -----------------------------------------------------------------------------------------


def test_what_has_changed_is_read_once_it_is_the_same_at_two_looks(file: Path, clock: ManualClock) -> None:
    suppressed = SuppressList(file, clock)
    put(file, ADA, BEN)

    assert look(suppressed, 1) == []
    assert people_on(suppressed) == {ADA}
    assert look(suppressed, 1) == [("info", "suppress_list_read")]
    assert people_on(suppressed) == {ADA, BEN}


def test_a_file_that_is_still_written_is_waited_for(file: Path, clock: ManualClock) -> None:
    """Written in place, and looked at in between: half a list would set the other half free."""
    suppressed = SuppressList(file, clock)
    file.write_text("")
    with file.open("a") as growing:
        for each in (BEN, KIM, ADA):
            suppressed.look()
            growing.write(f"{each}\n")
            growing.flush()

    assert people_on(suppressed) == {ADA}
    look(suppressed)
    assert people_on(suppressed) == {ADA, BEN, KIM}


def test_what_changes_while_it_is_read_is_not_taken(
    file: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    suppressed = SuppressList(file, clock)
    put(file, BEN)
    with monkeypatch.context() as patched:

        def read_slowly(hashes: object) -> HashSet:
            found = HashSet(hashes)  # type: ignore[arg-type]
            put(file, ADA, BEN, KIM)
            return found

        patched.setattr(module, "HashSet", read_slowly)
        look(suppressed)
    assert people_on(suppressed) == {ADA}

    look(suppressed)

    assert people_on(suppressed) == {ADA, BEN, KIM}


def test_nothing_is_read_while_nothing_changes(file: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> None:
    suppressed = SuppressList(file, clock)
    monkeypatch.setattr(module, "HashSet", lambda _: pytest.fail("it was read again"))

    assert look(suppressed, 5) == []


def test_a_change_that_keeps_size_and_time_is_seen_all_the_same(file: Path, clock: ManualClock) -> None:
    """As where two files were made by one build."""
    suppressed = SuppressList(file, clock)
    before = file.stat()
    put(file, BEN)
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))

    look(suppressed)

    assert people_on(suppressed) == {BEN}


def test_a_mount_of_kubernetes_is_followed_to_its_next_folder(tmp_path: Path, clock: ManualClock) -> None:
    for name, each in (("1", ADA), ("2", BEN)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "suppressed.txt").write_text(each)
    (tmp_path / "..data").symlink_to("1")
    (tmp_path / "suppressed.txt").symlink_to("..data/suppressed.txt")
    suppressed = SuppressList(tmp_path / "suppressed.txt", clock)

    (tmp_path / "..data_tmp").symlink_to("2")
    (tmp_path / "..data_tmp").rename(tmp_path / "..data")
    look(suppressed)

    assert people_on(suppressed) == {BEN}


# --- when it cannot be read ----------------------------------------------------------------------------------


def test_a_file_that_is_gone_leaves_the_list_in_force_and_is_told_once(file: Path, clock: ManualClock) -> None:
    suppressed = SuppressList(file, clock)
    file.unlink()

    assert look(suppressed, 6) == [("error", "suppress_list_not_read")]
    assert people_on(suppressed) == {ADA}


def test_lines_that_are_no_hashes_leave_it_in_force_and_are_told_once(file: Path, clock: ManualClock) -> None:
    suppressed = SuppressList(file, clock)
    put(file, BEN, "ben@example.com")

    with capture_logs() as lines:
        for _ in range(6):
            suppressed.look()

    (line,) = lines
    assert (line["event"], line["log_level"], line["in_force"]) == ("suppress_list_not_read", "error", 1)
    assert f"{file}:2" in line["problem"]
    assert "ben@" not in str(line)
    assert people_on(suppressed) == {ADA}


def test_a_file_that_was_refused_is_not_read_again(
    file: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be of a million lines."""
    suppressed = SuppressList(file, clock)
    put(file, "x")
    look(suppressed)
    monkeypatch.setattr(module, "HashSet", lambda _: pytest.fail("it was read again"))

    assert look(suppressed, 5) == []


def test_a_list_is_never_emptied_by_its_file(file: Path, clock: ManualClock) -> None:
    suppressed = SuppressList(file, clock)
    put(file, "# nobody")

    assert look(suppressed, 6) == [("error", "suppress_list_not_read")]
    assert people_on(suppressed) == {ADA}


def test_a_new_problem_is_told_as_well(file: Path, clock: ManualClock) -> None:
    suppressed = SuppressList(file, clock)
    put(file, "x")
    look(suppressed, 3)
    put(file, ADA, "x")

    assert look(suppressed, 3) == [("error", "suppress_list_not_read")]


def test_a_sound_file_ends_it(file: Path, clock: ManualClock) -> None:
    suppressed = SuppressList(file, clock)
    put(file, "x")
    look(suppressed)
    put(file, ADA, KIM)

    assert look(suppressed) == [("info", "suppress_list_read"), ("info", "suppress_list_recovered")]
    assert people_on(suppressed) == {ADA, KIM}
    file.unlink()
    assert look(suppressed) == [("error", "suppress_list_not_read")]


def test_the_same_file_within_reach_again_ends_it_too(tmp_path: Path, clock: ManualClock) -> None:
    folder = tmp_path / "mounted"
    folder.mkdir()
    suppressed = SuppressList(put(folder / "suppressed.txt", ADA), clock)
    folder.rename(tmp_path / "away")
    assert look(suppressed) == [("error", "suppress_list_not_read")]
    (tmp_path / "away").rename(folder)

    assert look(suppressed) == [("info", "suppress_list_recovered")]
    assert people_on(suppressed) == {ADA}


def test_its_age_is_the_time_since_it_was_known_to_be_the_latest(file: Path, clock: ManualClock) -> None:
    suppressed = SuppressList(file, clock)
    clock.advance(100)
    look(suppressed)
    assert suppressed.age_s == 0

    put(file, "x")
    clock.advance(100)
    look(suppressed)
    clock.advance(50)
    look(suppressed)
    assert suppressed.age_s == 150

    put(file, BEN)
    look(suppressed)
    assert suppressed.age_s == 0


def test_it_is_looked_at_until_that_is_cancelled(
    file: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LOOK_EVERY_S", 0)

    async def watch_until_read() -> SuppressList:
        loop, is_read = asyncio.get_running_loop(), asyncio.Event()

        class Told(SuppressList):
            def look(self) -> None:
                super().look()
                if people_on(self) == {BEN}:
                    loop.call_soon_threadsafe(is_read.set)

        suppressed = Told(file, clock)
        put(file, BEN)
        watching = asyncio.create_task(suppressed.watch())
        await asyncio.wait_for(is_read.wait(), 10)
        watching.cancel()
        await asyncio.wait([watching])
        return suppressed

    assert people_on(asyncio.run(watch_until_read())) == {BEN}
