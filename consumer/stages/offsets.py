"""Commits: from the offsets not yet settled to the one that may be committed, with a map of what is settled above.

Pure: no Kafka, no clock. One `Tracker` lives as long as one assignment of one partition.
"""

from __future__ import annotations

import base64
import binascii
import zlib
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from consumer.errors import ContractError
from consumer.records import Record

MAX_METADATA_CHARS = 4_095
"""Apache Kafka broker configuration `offset.metadata.max.bytes`, 4,096 by default; librdkafka's trailing NUL counts."""
_MAGIC = "pcc1"
_MAX_RAW_BYTES = 1 << 20  # a map that unpacks to more than this is not one of ours
_MAX_OFFSET = (1 << 63) - 1  # Kafka's protocol guide: offsets are INT64
_SLACK = 1_024  # settled offsets that the queue may keep beside as many as are unsettled


@dataclass(frozen=True, slots=True)
class SettledMap:
    """Which offsets above a committed one are settled already, so that the next owner does not send them again.

    It travels in the commit's metadata as `pcc1:<base>:<leader epoch>:<crc32>:<ranges>`, where the ranges are
    unsigned varints (distance from the end of the last range, length), deflated, in base64. The checksum is of all
    the rest: a leader epoch that was damaged would let offsets be skipped that hold other records now.
    """

    base: int
    """The committed offset it belongs to; beside any other it means nothing."""
    leader_epoch: int
    """The newest leader epoch of any record settled so far; -1 if the broker tells none."""
    ranges: tuple[range, ...]
    """Ascending, disjoint, none below `base`."""

    def encode(self) -> str:
        """The map as commit metadata, never longer than `MAX_METADATA_CHARS`. An empty map is the empty string.

        Where it would be longer the highest ranges are left out: each one that is missing only costs repeats.
        """
        metadata = self._encode(len(self.ranges))
        if metadata is not None:
            return metadata
        best, fits, too_many = "", 0, len(self.ranges)
        # To the last range it would take many more attempts, each of them a compression.
        while too_many - fits > 1 + len(self.ranges) // 256:
            middle = (fits + too_many) // 2
            metadata = self._encode(middle)
            if metadata is None:
                too_many = middle
            else:
                best, fits = metadata, middle
        return best

    def _encode(self, count: int) -> str | None:
        """The map with its first `count` ranges, or `None` if it is too long."""
        if not count:
            return ""
        raw = _pack(self.base, self.ranges[:count])
        packed = zlib.compress(raw, 6)
        checksum = _checksum(self.base, self.leader_epoch, packed)
        metadata = f"{_MAGIC}:{self.base}:{self.leader_epoch}:{checksum:08x}:{base64.b64encode(packed).decode()}"
        return metadata if len(metadata) <= MAX_METADATA_CHARS and len(raw) <= _MAX_RAW_BYTES else None

    @classmethod
    def decode(cls, metadata: str | None, committed: int) -> SettledMap | None:
        """Read a map back, or `None` for anything that is not a whole map of ours for this very offset.

        Whatever stands there may have been written by another program: it degrades to no map, never to an error.
        """
        if not metadata:
            return None
        parts = metadata.split(":")
        if len(parts) != 5 or parts[0] != _MAGIC:
            return None
        try:
            base, epoch, checksum = int(parts[1]), int(parts[2]), int(parts[3], 16)
            packed = base64.b64decode(parts[4], validate=True)
            if base != committed or _checksum(base, epoch, packed) != checksum:
                return None
            inflater = zlib.decompressobj()
            raw = inflater.decompress(packed, _MAX_RAW_BYTES)
            if not inflater.eof:
                return None
            return cls(base, epoch, tuple(_unpack(base, raw)))
        except (ValueError, binascii.Error, zlib.error):
            return None


class Tracker:
    """What was taken from one partition under one assignment, and what of it is not settled yet."""

    def __init__(self, start_offset: int, carried: SettledMap | None = None) -> None:
        self.start_offset = start_offset
        self.next_offset = start_offset
        self._carried = deque(carried.ranges) if carried else deque()
        self._leader_epoch = carried.leader_epoch if carried else -1
        self._carried_epoch = self._leader_epoch
        # Offsets are taken in ascending order, so both run the same way. The queue finds the lowest in O(1);
        # a plain dict would scan past every deleted key to find its first.
        self._unsettled: dict[int, Record | None] = {}
        self._abandoned: set[int] = set()
        self._order: deque[int] = deque()

    @property
    def state(self) -> tuple[int, int]:
        """Equal to an earlier one only if nothing was taken, jumped over or settled in between."""
        return self.next_offset, len(self._unsettled)

    @property
    def in_hand(self) -> int:
        """How many records are taken and neither settled nor abandoned, counted from the records themselves."""
        return len(self._unsettled) - len(self._abandoned)

    @property
    def committable(self) -> int:
        """The lowest offset that is not settled: all below it are. Asking drops settled ones from the queue."""
        order, unsettled = self._order, self._unsettled
        while order and order[0] not in unsettled:
            order.popleft()
        return order[0] if order else self.next_offset

    @property
    def span(self) -> int:
        """How many offsets there are from the lowest that is not settled to the last that was taken."""
        return self.next_offset - self.committable

    @property
    def front(self) -> Record | None:
        """The record at `committable`, if it is not settled: the one that all commits wait for."""
        return self._unsettled.get(self.committable)

    def take(self, offset: int, record: Record | None = None) -> None:
        """Note the record at the next expected offset as taken and unsettled, and keep it for `front`.

        Raises:
            ContractError: It is not the next one: one came twice, or `skip_to` was not told of a hole.
        """
        if offset != self.next_offset:
            raise ContractError(f"offset {offset} came where {self.next_offset} was expected")
        self.next_offset = offset + 1
        self._unsettled[offset] = record
        self._order.append(offset)
        # While the lowest stays unsettled, as under a held account, nothing leaves the queue by itself.
        if len(self._order) > 2 * len(self._unsettled) + _SLACK:
            self._order = deque(self._unsettled)

    def skip_to(self, offset: int) -> int:
        """Note that nothing is to be read below this offset (compaction, transaction markers, retention).

        Returns:
            How many offsets were jumped over.

        Raises:
            ContractError: It lies below the next expected one, so the same record came twice.
        """
        jumped = offset - self.next_offset
        if jumped < 0:
            raise ContractError(f"offset {offset} came after {self.next_offset - 1} of the same assignment")
        self.next_offset = offset
        return jumped

    def settle(self, offset: int, leader_epoch: int | None = None) -> None:
        """Note a record as settled.

        Raises:
            ContractError: It was not in hand: settled twice, or never taken. Nothing may be committed then.
        """
        if offset not in self._unsettled or offset in self._abandoned:
            raise ContractError(f"offset {offset} was settled but is not in hand")
        del self._unsettled[offset]
        if leader_epoch is not None and leader_epoch > self._leader_epoch:
            self._leader_epoch = leader_epoch

    def abandon(self, offset: int) -> None:
        """Note that nothing more will be done for a record: it is in hand no longer, and never committed past.

        Raises:
            ContractError: It was not in hand.
        """
        if offset not in self._unsettled or offset in self._abandoned:
            raise ContractError(f"offset {offset} was abandoned but is not in hand")
        self._abandoned.add(offset)

    def was_settled_before(self, offset: int, leader_epoch: int | None) -> bool:
        """Did an earlier owner settle this offset? Asked once per record, in ascending order.

        A leader epoch newer than the map's may mean that another leader wrote other records at the same offsets
        (unclean election, KIP-320): then the map is not believed, nor handed on.
        """
        carried = self._carried
        if carried and leader_epoch is not None and leader_epoch > self._carried_epoch:
            carried.clear()
        while carried and carried[0].stop <= offset:
            carried.popleft()
        return bool(carried) and offset >= carried[0].start

    def settled_map(self) -> SettledMap:
        """What is settled above `committable` now, with what an earlier owner's map says of offsets not read yet."""
        base = self.committable
        ranges = [*_between(base, self._unsettled, self.next_offset), *self._carried_from(self.next_offset)]
        return SettledMap(base, self._leader_epoch, tuple(_joined(ranges)))

    def _carried_from(self, offset: int) -> Iterator[range]:
        for carried in self._carried:
            if carried.stop > offset:
                yield range(max(carried.start, offset), carried.stop)


def _between(base: int, unsettled: Iterable[int], end: int) -> Iterator[range]:
    """The stretches from `base` to `end` that hold no unsettled offset; `unsettled` ascends."""
    start = base
    for offset in unsettled:
        if offset > start:
            yield range(start, offset)
        start = offset + 1
    if end > start:
        yield range(start, end)


def _joined(ranges: Iterable[range]) -> Iterator[range]:
    last: range | None = None
    for each in ranges:
        if last is not None and last.stop == each.start:
            last = range(last.start, each.stop)
            continue
        if last is not None:
            yield last
        last = each
    if last is not None:
        yield last


def _checksum(base: int, leader_epoch: int, packed: bytes) -> int:
    return zlib.crc32(packed, zlib.crc32(f"{base}:{leader_epoch}".encode()))


def _pack(base: int, ranges: Iterable[range]) -> bytes:
    packed = bytearray()
    position = base
    for each in ranges:
        for number in (each.start - position, each.stop - each.start):
            remaining = number
            while remaining > 0x7F:
                packed.append(remaining & 0x7F | 0x80)
                remaining >>= 7
            packed.append(remaining)
        position = each.stop
    return bytes(packed)


def _unpack(base: int, packed: bytes) -> Iterator[range]:
    numbers: list[int] = []
    number = shift = 0
    for byte in packed:
        number |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            numbers.append(number)
            number = shift = 0
        elif shift > 63:
            raise ValueError("a number too long for an offset")
    if shift or len(numbers) % 2:
        raise ValueError("the ranges break off")
    position = base
    for distance, length in zip(numbers[::2], numbers[1::2], strict=True):
        if length == 0:
            raise ValueError("an empty range")
        start, position = position + distance, position + distance + length
        if position > _MAX_OFFSET:
            raise ValueError("a range beyond every offset")
        yield range(start, position)
