"""A set of hashes answers as Python's own would."""

from __future__ import annotations

import random
from hashlib import sha256

import pytest

from consumer.hash_set import HashSet


def hash_of(number: int) -> bytes:
    return sha256(str(number).encode()).digest()


@pytest.mark.parametrize("count", [0, 1, 2, 3, 255, 5_000])
def test_it_knows_what_was_put_in_and_nothing_else(count: int) -> None:
    inside = [hash_of(number) for number in range(count)]
    random.Random(1).shuffle(inside)

    hashes = HashSet(iter(inside))

    assert len(hashes) == count
    assert all(each in hashes for each in inside)
    assert not any(hash_of(number) in hashes for number in range(count, count + 2_000))


def test_what_is_said_twice_counts_once() -> None:
    assert len(HashSet([hash_of(1), hash_of(2), hash_of(1)])) == 2


@pytest.mark.parametrize("last", [b"\x00", b"\x7f", b"\xff"])
def test_neighbours_are_told_apart_at_the_ends_of_a_run(last: bytes) -> None:
    inside = bytes(31) + last

    hashes = HashSet([inside])

    assert inside in hashes
    assert bytes(31) + b"\x01" not in hashes
    assert bytes(30) + b"\x01" + last not in hashes
    assert b"\xff" * 32 not in hashes
