"""Which offset may be committed, and how the map of what is settled above it survives the journey to the next owner."""

from __future__ import annotations

import base64
import random
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from consumer.errors import ContractError
from consumer.stages.offsets import MAX_METADATA_CHARS, SettledMap, Tracker
from tests.unit.stages.builders import record_of


def tracker_of(*offsets: int, carried: SettledMap | None = None) -> Tracker:
    """Took these; the lowest is where its assignment starts."""
    tracker = Tracker(min(offsets), carried)
    for offset in offsets:
        tracker.skip_to(offset)
        tracker.take(offset)
    return tracker


def map_of(base: int, *ranges: range, epoch: int = 3) -> SettledMap:
    return SettledMap(base, epoch, ranges)


# --- the committable offset ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settled", "committable"),
    [
        pytest.param([], 10, id="nothing settled"),
        pytest.param([10], 11, id="the first"),
        pytest.param([11, 12], 10, id="a hole at the front holds back the rest"),
        pytest.param([10, 12], 11, id="a hole in the middle"),
        pytest.param([12, 10, 11], 13, id="any order, same end"),
    ],
)
def test_commits_stop_at_the_first_unsettled_offset(settled: list[int], committable: int) -> None:
    tracker = tracker_of(10, 11, 12)

    for offset in settled:
        tracker.settle(offset)

    assert tracker.committable == committable
    assert tracker.in_hand == 3 - len(settled)


def test_the_front_is_the_record_that_commits_wait_for() -> None:
    records = [record_of(offset=offset) for offset in (10, 11, 12)]
    tracker = Tracker(10)
    for record in records:
        tracker.take(record.offset, record)
    seen = [tracker.front]

    for offset in (11, 10, 12):
        tracker.settle(offset)
        seen.append(tracker.front)

    assert seen == [records[0], records[0], records[2], None]


def test_nothing_taken_commits_where_the_assignment_started() -> None:
    assert Tracker(42).committable == 42


def test_holes_in_the_log_hold_no_commit_back() -> None:
    tracker = tracker_of(10, 13)

    tracker.settle(10)
    assert tracker.committable == 13
    tracker.settle(13)
    assert tracker.skip_to(20) == 6

    assert tracker.committable == 20


def test_a_hole_before_the_first_record_is_committed_past() -> None:
    tracker = Tracker(10)

    assert tracker.skip_to(15) == 5

    assert tracker.committable == 15


def test_a_record_that_comes_again_is_a_broken_contract() -> None:
    tracker = tracker_of(10, 11)

    with pytest.raises(ContractError):
        tracker.take(11)
    with pytest.raises(ContractError):
        tracker.skip_to(11)


def test_a_record_beyond_an_unannounced_hole_is_a_broken_contract() -> None:
    with pytest.raises(ContractError):
        tracker_of(10).take(12)


@pytest.mark.parametrize("offset", [9, 10, 12])
def test_settling_what_is_not_in_hand_is_a_broken_contract(offset: int) -> None:
    tracker = tracker_of(10, 11)
    tracker.settle(10)

    with pytest.raises(ContractError):
        tracker.settle(offset)

    assert tracker.committable == 11


def test_its_state_tells_whether_the_commit_would_differ() -> None:
    tracker = Tracker(10)
    states = [tracker.state]

    tracker.take(10)
    states.append(tracker.state)
    tracker.settle(10)
    states.append(tracker.state)
    tracker.skip_to(12)
    states.append(tracker.state)

    assert len(set(states)) == 4
    assert tracker.state == states[-1]


def test_a_front_that_stays_unsettled_does_not_make_it_grow() -> None:
    tracker = Tracker(0)
    tracker.take(0)

    for offset in range(1, 20_000):
        tracker.take(offset)
        tracker.settle(offset)

    assert len(tracker._order) < 2_000
    assert tracker.committable == 0
    assert tracker.settled_map().ranges == (range(1, 20_000),)
    tracker.settle(0)
    assert tracker.committable == 20_000


# --- the settled map ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settled", "ranges"),
    [
        pytest.param([], (), id="nothing settled"),
        pytest.param([10, 11], (), id="nothing above the front"),
        pytest.param([12], (range(12, 13),), id="one above"),
        pytest.param([10, 12, 14, 15], (range(12, 13), range(14, 16)), id="two stretches"),
        pytest.param([11, 12, 13, 14, 15], (range(11, 16),), id="all but the first"),
    ],
)
def test_the_map_names_what_is_settled_above_the_front(settled: list[int], ranges: tuple[range, ...]) -> None:
    tracker = tracker_of(*range(10, 16))

    for offset in settled:
        tracker.settle(offset, leader_epoch=5)

    assert tracker.settled_map() == SettledMap(tracker.committable, 5 if settled else -1, ranges)


def test_a_hole_in_the_log_above_the_front_counts_as_settled() -> None:
    tracker = tracker_of(10, 13, 14)

    tracker.settle(13)

    assert tracker.settled_map().ranges == (range(11, 14),)


@pytest.mark.parametrize(
    "settled_map",
    [
        map_of(10, range(12, 13)),
        map_of(10, range(10, 12)),
        map_of(0, range(1, 2), range(3, 200), range(500_000, 500_001)),
        map_of(2**62, range(2**62 + 1, 2**62 + 300), epoch=-1),
        map_of(7, *(range(n, n + 1) for n in range(9, 100_009, 2)), epoch=2**31 - 1),
    ],
    ids=["one range", "from the very base", "several", "far out", "every other of 100,000"],
)
def test_a_map_comes_back_as_it_was(settled_map: SettledMap) -> None:
    metadata = settled_map.encode()

    assert 0 < len(metadata) <= MAX_METADATA_CHARS
    assert SettledMap.decode(metadata, settled_map.base) == settled_map


@given(
    base=st.integers(0, 2**40),
    epoch=st.integers(-1, 2**31 - 1),
    steps=st.lists(st.tuples(st.integers(1, 2**20), st.integers(1, 2**20)), min_size=1, max_size=60),
)
def test_any_map_comes_back_as_it_was(base: int, epoch: int, steps: list[tuple[int, int]]) -> None:
    ranges, position = [], base
    for distance, length in steps:
        ranges.append(range(position + distance, position + distance + length))
        position = ranges[-1].stop
    settled_map = SettledMap(base, epoch, tuple(ranges))

    assert SettledMap.decode(settled_map.encode(), base) == settled_map


def test_an_empty_map_is_no_metadata() -> None:
    assert map_of(10).encode() == ""


def test_a_map_too_long_for_the_broker_keeps_its_lowest_ranges() -> None:
    chance = random.Random(1)
    starts = sorted(chance.sample(range(100, 1_000_000), 20_000))
    whole = map_of(10, *(range(start, start + 1) for start in starts))

    metadata = whole.encode()

    # Nearly full: whoever reads its length still sees that there is no room left.
    assert 0.9 * MAX_METADATA_CHARS < len(metadata) <= MAX_METADATA_CHARS
    kept = SettledMap.decode(metadata, 10)
    assert kept is not None
    assert kept.ranges == whole.ranges[: len(kept.ranges)]
    assert len(kept.ranges) > 1_000


def test_a_map_that_deflates_well_is_never_longer_than_what_is_read_back() -> None:
    whole = map_of(0, *(range(n, n + 1) for n in range(1, 1_200_000, 2)))  # 1.2 MB of ranges in 1.6 thousand characters

    metadata = whole.encode()

    kept = SettledMap.decode(metadata, 0)
    assert kept is not None
    assert kept.ranges == whole.ranges[: len(kept.ranges)]


# --- metadata that is not ours, or not whole ----------------------------------------------------------------


def packed(raw: bytes, base: int = 10, epoch: int = 3, magic: str = "pcc1") -> str:
    """Metadata in our form, with a checksum that is right, around whatever bytes."""
    return around(zlib.compress(raw), base, epoch, magic)


def around(deflated: bytes, base: int = 10, epoch: int = 3, magic: str = "pcc1") -> str:
    checksum = zlib.crc32(deflated, zlib.crc32(f"{base}:{epoch}".encode()))
    return f"{magic}:{base}:{epoch}:{checksum:08x}:{base64.b64encode(deflated).decode()}"


def test_the_hand_made_form_is_the_real_one() -> None:
    assert SettledMap.decode(packed(bytes([2, 1])), 10) == map_of(10, range(12, 13))
    assert map_of(10, range(12, 13)).encode() == around(zlib.compress(bytes([2, 1]), 6))


@pytest.mark.parametrize(
    "metadata",
    [
        pytest.param(None, id="none"),
        pytest.param("", id="empty"),
        pytest.param("consumed by another program", id="a remark"),
        pytest.param("a:b:c:d:e", id="five parts"),
        pytest.param(packed(bytes([2, 1]), magic="pcc2"), id="another version"),
        pytest.param(packed(bytes([2, 1])) + ":more", id="a part too many"),
        pytest.param(packed(bytes([2, 1]))[:-1], id="cut short"),
        pytest.param(packed(bytes([2, 1])).replace("pcc1:10:3:", "pcc1:10:4:"), id="another leader epoch"),
        pytest.param("pcc1:x:3:0:AAAA", id="a base that is no number"),
        pytest.param(f"pcc1:{'9' * 5_000}:3:0:AAAA", id="a base of five thousand digits"),
        pytest.param("pcc1:10:3:0:é", id="not ASCII"),
        pytest.param(around(b""), id="nothing inside"),
        pytest.param(around(b"not deflated"), id="not deflated"),
        pytest.param(around(zlib.compress(bytes([2, 1]))[:-4]), id="deflated, and cut short"),
        pytest.param(packed(bytes([2])), id="half a range"),
        pytest.param(packed(bytes([0x80])), id="half a number"),
        pytest.param(packed(bytes([2, 0])), id="an empty range"),
        pytest.param(packed(b"\xff" * 11 + b"\x01\x01"), id="a number without end"),
        pytest.param(packed(bytes([2]) + b"\xff" * 9 + b"\x7f"), id="a range beyond every offset"),
        pytest.param(packed((b"\x01" + b"\xff" * 8 + b"\x3f") * 3), id="ranges that add up beyond every offset"),
        pytest.param(packed(bytes(64 << 20)), id="a bomb"),
        pytest.param(packed(bytes([1]) * (2 << 20)), id="more ranges than we ever write"),
    ],
)
def test_what_is_not_a_whole_map_of_ours_is_no_map(metadata: str | None) -> None:
    assert SettledMap.decode(metadata, 10) is None


def test_a_map_beside_another_offset_means_nothing() -> None:
    metadata = map_of(10, range(12, 13)).encode()

    assert SettledMap.decode(metadata, 11) is None


@given(st.text(max_size=200))
def test_no_text_whatever_raises(text: str) -> None:
    assert SettledMap.decode(text, 10) is None


def test_no_single_damage_goes_unnoticed() -> None:
    whole = map_of(10, range(12, 13), range(15, 400), range(10_000, 10_007))
    metadata = whole.encode()
    damages = [
        metadata[:at] + character + metadata[at + 1 :]
        for at in range(len(metadata))
        for character in map(chr, range(32, 127))
    ]

    read = {damaged: SettledMap.decode(damaged, 10) for damaged in damages}

    # `A` for `a` in the checksum's digits changes nothing.
    assert [damaged for damaged, found in read.items() if found not in (None, whole)] == []


@given(st.binary(max_size=300))
def test_no_bytes_whatever_raise_even_with_a_right_checksum(raw: bytes) -> None:
    found = SettledMap.decode(packed(raw), 10)

    if found is not None:
        assert [r for r in found.ranges if r.start < 10 or r.stop <= r.start] == []
        assert SettledMap.decode(found.encode(), 10) in (None, found) or found.ranges == ()


# --- the map of a former owner ------------------------------------------------------------------------------


def test_an_offset_that_an_earlier_owner_settled_is_known_again() -> None:
    tracker = Tracker(10, map_of(10, range(12, 14), range(15, 16)))

    found = []
    for offset in range(10, 18):
        tracker.take(offset)
        if tracker.was_settled_before(offset, leader_epoch=3):
            found.append(offset)

    assert found == [12, 13, 15]


def test_without_a_map_nothing_was_settled_before() -> None:
    assert not tracker_of(10).was_settled_before(10, leader_epoch=None)


def test_a_hole_in_the_log_passes_over_what_the_map_says_of_it() -> None:
    tracker = Tracker(10, map_of(10, range(12, 14), range(15, 16)))

    assert not tracker.was_settled_before(14, leader_epoch=3)
    assert tracker.was_settled_before(15, leader_epoch=3)


def test_a_record_under_a_newer_leader_epoch_is_not_the_one_that_was_settled() -> None:
    tracker = Tracker(10, map_of(10, range(11, 14), epoch=3))
    tracker.take(10)
    tracker.take(11)

    assert not tracker.was_settled_before(10, leader_epoch=3)
    assert not tracker.was_settled_before(11, leader_epoch=4)

    tracker.take(12)
    assert not tracker.was_settled_before(12, leader_epoch=3)  # the map is not believed any more
    assert tracker.settled_map().ranges == ()  # nor handed on


@pytest.mark.parametrize("epoch", [None, 3, 2])
def test_the_same_or_no_leader_epoch_is_believed(epoch: int | None) -> None:
    tracker = Tracker(11, map_of(11, range(11, 14), epoch=3))

    assert tracker.was_settled_before(11, leader_epoch=epoch)


def test_an_epoch_newer_than_all_that_was_settled_here_does_not_make_the_old_map_newer() -> None:
    tracker = Tracker(10, map_of(10, range(12, 14), epoch=3))
    tracker.take(10)
    tracker.settle(10, leader_epoch=3)
    tracker.take(11)
    tracker.settle(11, leader_epoch=4)
    tracker.take(12)

    assert not tracker.was_settled_before(12, leader_epoch=4)


def test_what_is_not_read_yet_stays_in_the_map_for_the_next_owner() -> None:
    tracker = Tracker(10, map_of(10, range(12, 16), range(20, 22), epoch=3))
    for offset in (10, 11, 12, 13):
        tracker.take(offset)
    tracker.settle(12, leader_epoch=3)
    tracker.settle(13, leader_epoch=3)

    handed_on = tracker.settled_map()

    assert handed_on == SettledMap(10, 3, (range(12, 16), range(20, 22)))


def test_the_map_handed_on_may_begin_at_the_very_offset_committed() -> None:
    tracker = Tracker(10, map_of(10, range(12, 16), epoch=3))
    for offset in (10, 11):
        tracker.take(offset)
        tracker.settle(offset, leader_epoch=3)

    handed_on = tracker.settled_map()

    assert handed_on == SettledMap(12, 3, (range(12, 16),))
    assert SettledMap.decode(handed_on.encode(), 12) == handed_on


# --- against a naive model ----------------------------------------------------------------------------------


class TrackerAgainstALog(RuleBasedStateMachine):
    """One partition with its log, read by one owner after another, whose commits go through the metadata."""

    @initialize(start=st.integers(0, 50))
    def begin(self, start: int) -> None:
        self.log: dict[int, tuple[int, int]] = {}
        """Offset → the leader epoch it was written under, and a number of its own."""
        self.end = start
        self.epoch = 0
        self.written = 0
        self.settled: set[int] = set()
        """Numbers of the records that some owner settled."""
        self.tracker = Tracker(start)
        self.next = start
        self.in_hand: set[int] = set()

    @rule(records=st.integers(1, 6))
    def write(self, records: int) -> None:
        for _ in range(records):
            self.log[self.end] = (self.epoch, self.written)
            self.end += 1
            self.written += 1

    @rule(width=st.integers(1, 5))
    def leave_a_hole(self, width: int) -> None:
        self.end += width

    @rule()
    def elect_another_leader(self) -> None:
        self.epoch += 1

    @rule(records=st.integers(1, 6))
    def read(self, records: int) -> None:
        for offset in [offset for offset in self.log if offset >= self.next][:records]:
            epoch, number = self.log[offset]
            assert self.tracker.skip_to(offset) == offset - self.next
            self.tracker.take(offset)
            self.next = offset + 1
            assert self.tracker.was_settled_before(offset, epoch) == (number in self.settled)
            if number in self.settled:
                self.tracker.settle(offset, epoch)
            else:
                self.in_hand.add(offset)

    @rule()
    def reach_the_end(self) -> None:
        self.read(len(self.log))
        self.tracker.skip_to(self.end)
        self.next = self.end

    @precondition(lambda self: self.in_hand)
    @rule(data=st.data())
    def settle(self, data: st.DataObject) -> None:
        offset = data.draw(st.sampled_from(sorted(self.in_hand)))
        epoch, number = self.log[offset]
        self.tracker.settle(offset, epoch)
        self.in_hand.remove(offset)
        self.settled.add(number)

    @rule(data=st.data(), is_truncated=st.booleans())
    def hand_over(self, *, data: st.DataObject, is_truncated: bool) -> None:
        committed = self.tracker.committable
        metadata = self.tracker.settled_map().encode()
        if is_truncated and committed < self.end:
            # A leader that had not all of the log: others will be written at the same offsets.
            self.end = data.draw(st.integers(committed, self.end))
            self.log = {offset: record for offset, record in self.log.items() if offset < self.end}
            self.epoch += 1
        self.tracker = Tracker(committed, SettledMap.decode(metadata, committed))
        self.next = committed
        self.in_hand = set()

    @invariant()
    def commits_end_at_the_first_unsettled(self) -> None:
        assert self.tracker.committable == min(self.in_hand, default=self.next)
        assert self.tracker.in_hand == len(self.in_hand)

    @invariant()
    def the_map_says_what_is_settled_and_nothing_else(self) -> None:
        settled_map = self.tracker.settled_map()
        said = {offset for r in settled_map.ranges for offset in r}
        assert settled_map.base == self.tracker.committable
        assert {o for o in said if o < self.next} == set(range(settled_map.base, self.next)) - self.in_hand
        for offset, (epoch, number) in self.log.items():
            if offset >= self.next:
                is_believed = offset in said and epoch <= settled_map.leader_epoch
                assert is_believed == (number in self.settled)


TestTrackerAgainstALog = TrackerAgainstALog.TestCase
TestTrackerAgainstALog.settings = settings(max_examples=150, stateful_step_count=30, deadline=None)
