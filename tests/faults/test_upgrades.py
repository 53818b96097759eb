"""A release up and down again: each reads what the other committed. What other releases know stands here, frozen."""

from __future__ import annotations

import base64
import zlib

import pytest

from consumer.stages.offsets import SettledMap

WRITTEN_BY_0_1_0 = {
    "pcc1:5:3:332cc53a:eJxjYmJuYQYAASsAjw==": SettledMap(5, 3, (range(7, 9), range(12, 400))),
    "pcc1:1000000:-1:c79d56be:eJxjZAQAAAUAAw==": SettledMap(1_000_000, -1, (range(1_000_001, 1_000_002),)),
}


def read_as_0_1_0(metadata: str) -> tuple[int, int, list[tuple[int, int]]]:
    """The reader of that release, in its own words; no code of today's is called."""
    magic, base, epoch, checksum, ranges = metadata.split(":")
    packed = base64.b64decode(ranges, validate=True)
    assert magic == "pcc1"
    assert int(checksum, 16) == zlib.crc32(packed, zlib.crc32(f"{base}:{epoch}".encode()))
    numbers, number, shift = [], 0, 0
    for byte in zlib.decompress(packed):
        number |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            numbers.append(number)
            number = shift = 0
    found, position = [], int(base)
    for distance, length in zip(numbers[::2], numbers[1::2], strict=True):
        found.append((position + distance, position + distance + length))
        position += distance + length
    return int(base), int(epoch), found


@pytest.mark.parametrize("metadata", WRITTEN_BY_0_1_0)
def test_what_an_earlier_release_committed_is_read(metadata: str) -> None:
    wanted = WRITTEN_BY_0_1_0[metadata]

    found = SettledMap.decode(metadata, wanted.base)

    assert found == wanted


@pytest.mark.parametrize("settled", WRITTEN_BY_0_1_0.values(), ids=lambda settled: f"base {settled.base}")
def test_what_this_release_commits_is_read_by_an_earlier_one(settled: SettledMap) -> None:
    metadata = settled.encode()

    base, epoch, ranges = read_as_0_1_0(metadata)

    assert (base, epoch) == (settled.base, settled.leader_epoch)
    assert ranges == [(each.start, each.stop) for each in settled.ranges]


def test_what_only_a_later_release_knows_is_no_map_and_no_error() -> None:
    later = next(iter(WRITTEN_BY_0_1_0)).replace("pcc1", "pcc2")

    assert SettledMap.decode(later, 5) is None
