"""Frames as their writers make them, and what is said of anything else."""

from __future__ import annotations

import tracemalloc
import zlib
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer import frames
from consumer.frames import (
    FRAME_READERS,
    Frame,
    FrameReader,
    inflated,
    read_apicurio_content_id,
    read_apicurio_global_id,
    read_confluent,
    read_glue,
    read_single_object,
)
from consumer.records import Headers, SchemaKind, SchemaRef, Undecodable

GUID = UUID("89791762-2336-4186-9674-299b90a802e2")
DATUM = b"\x06o-1"


def detail_of(outcome: Frame | bytes | Undecodable) -> str:
    assert isinstance(outcome, Undecodable), outcome
    return outcome.detail


@pytest.mark.parametrize(
    ("read", "value", "headers", "ref", "start"),
    [
        pytest.param(read_confluent, b"\x00\x00\x00\x01\x02" + DATUM, [], SchemaRef(258), 5, id="an id"),
        pytest.param(
            read_confluent, b"\x01" + GUID.bytes + DATUM, [], SchemaRef(GUID.hex, SchemaKind.GUID), 17, id="a GUID"
        ),
        pytest.param(
            read_confluent, DATUM, [("__value_schema_id", b"\x00\x00\x00\x00\x07")], SchemaRef(7), 0,
            id="an id beside it",
        ),
        pytest.param(
            read_confluent,
            b"",
            [("x", None), ("__value_schema_id", b"\x01" + GUID.bytes)],
            SchemaRef(GUID.hex, SchemaKind.GUID),
            0,
            id="a GUID beside nothing",
        ),
        pytest.param(
            read_confluent,
            b"\x00\x00\x00\x00\x07" + DATUM,
            [("__value_schema_id", b"\x00\x00\x00\x00\x08")],
            SchemaRef(8),
            0,
            id="the header counts before the value",
        ),
        pytest.param(
            read_confluent,
            DATUM,
            [("__value_schema_id", b"\x00\x00\x00\x00\x07"), ("__value_schema_id", b"\x00\x00\x00\x00\x08")],
            SchemaRef(8),
            0,
            id="the last of two headers counts",
        ),
        pytest.param(
            read_confluent, b"\x00\x00\x00\x00\x07", [("__key_schema_id", b"\x00\x00\x00\x00\x08")], SchemaRef(7), 5,
            id="the key's header does not count",
        ),
        pytest.param(
            read_apicurio_content_id, b"\x00\x00\x00\x00\x07" + DATUM, [], SchemaRef(7, SchemaKind.CONTENT_ID), 5,
            id="four bytes",
        ),
        pytest.param(
            read_apicurio_global_id, bytes(8) + b"\x07" + DATUM, [], SchemaRef(7, SchemaKind.GLOBAL_ID), 9,
            id="eight bytes",
        ),
        pytest.param(
            read_apicurio_global_id, b"\x00\x00\x00\x00\x00\xff\xff\xff\xff", [],
            SchemaRef(2**32 - 1, SchemaKind.GLOBAL_ID), 9,
            id="the greatest id of eight bytes",
        ),
        pytest.param(
            read_apicurio_global_id, DATUM, [("apicurio.value.contentId", bytes(7) + b"\x07")],
            SchemaRef(7, SchemaKind.CONTENT_ID), 0,
            id="the header says which id it is",
        ),
        pytest.param(
            read_apicurio_content_id, DATUM,
            [("apicurio.value.encoding", b"BINARY"), ("apicurio.value.globalId", (2**40).to_bytes(8, "big"))],
            SchemaRef(2**40, SchemaKind.GLOBAL_ID), 0,
            id="a global id of any size beside it",
        ),
        pytest.param(
            read_apicurio_content_id, DATUM,
            [("apicurio.value.globalId", bytes(7) + b"\x01"), ("apicurio.value.contentId", bytes(7) + b"\x02")],
            SchemaRef(2, SchemaKind.CONTENT_ID), 0,
            id="the content counts before its place",
        ),
        pytest.param(
            read_apicurio_content_id, DATUM,
            [("apicurio.value.artifactId", b"orders"), ("apicurio.value.contentId", bytes(7) + b"\x07")],
            SchemaRef(7, SchemaKind.CONTENT_ID), 0,
            id="an id counts whatever else names it",
        ),
        pytest.param(
            read_single_object, b"\xc3\x01" + bytes(range(8)) + DATUM, [],
            SchemaRef("0001020304050607", SchemaKind.FINGERPRINT), 10,
            id="a fingerprint",
        ),
        pytest.param(
            read_glue, b"\x03\x00" + GUID.bytes + DATUM, [], SchemaRef(GUID.hex, SchemaKind.GLUE_VERSION), 18,
            id="a version of Glue's",
        ),
    ],
)  # fmt: skip
def test_a_frame_says_which_schema_and_where_the_datum_begins(
    read: FrameReader, value: bytes, headers: Headers, ref: SchemaRef, start: int
) -> None:
    assert read(value, headers) == (ref, start, False)


def test_a_compressed_frame_of_glues_says_so() -> None:
    outcome = read_glue(b"\x03\x05" + GUID.bytes + zlib.compress(DATUM), [])

    assert outcome == (SchemaRef(GUID.hex, SchemaKind.GLUE_VERSION), 18, True)


@pytest.mark.parametrize(
    ("format_", "value", "says"),
    [
        ("confluent", b"", "too short"),
        ("confluent", b"\x00\x00\x00\x01", "too short"),
        ("confluent", b"\x01" + bytes(15), "too short"),
        ("confluent", b"\x03\x00" + bytes(20), "Confluent wire format: looks like an AWS Glue frame"),
        ("confluent", b"\xc3\x01" + bytes(20), "single-object"),
        ("confluent", b'{"order_id": 1}', "JSON"),
        ("confluent", b"\x7fELF.........", "unknown format"),
        ("confluent", b"\x00\xff\xff\xff\xff....", "no registry gives"),
        ("apicurio_content_id", b"", "too short"),
        ("apicurio_content_id", b"\x00\x00\x00\x01", "too short"),
        ("apicurio_global_id", bytes(8), "too short"),
        ("apicurio_global_id", bytes(9), "no registry gives"),
        ("apicurio_global_id", b"\x00\xff\xff\xff\xff\x00\x00\x00\x07", "no registry gives"),
        ("apicurio_global_id", b"\x01" + bytes(20), "Apicurio's wire format: looks like the Confluent format"),
        ("single_object", b"\xc3\x01" + bytes(7), "too short"),
        ("single_object", b"\xc3\x02" + bytes(20), "single-object encoding"),
        ("single_object", b"\x00" + bytes(20), "looks like a frame of Confluent's or Apicurio's"),
        ("glue", b"\x03\x00" + bytes(15), "too short"),
        ("glue", b"\x03\x01" + bytes(16), "neither none nor zlib"),
        ("glue", b"\x00" + bytes(20), "AWS Glue's wire format"),
    ],
)
def test_anything_else_is_undecodable_and_says_what_was_found(format_: str, value: bytes, says: str) -> None:
    assert says in detail_of(FRAME_READERS[format_](value, []))


@pytest.mark.parametrize(
    ("format_", "headers", "says"),
    [
        ("confluent", [("__value_schema_id", b"")], "`__value_schema_id` of 0 bytes"),
        ("confluent", [("__value_schema_id", b"\x00\x00\x00\x00\x07\x01")], "`__value_schema_id` of 6 bytes"),
        ("confluent", [("__value_schema_id", b"7")], "`__value_schema_id` of 1 bytes"),
        ("apicurio_content_id", [("apicurio.value.contentId", b"\x00\x00\x00\x07")], "has 4 bytes in place of 8"),
        ("apicurio_content_id", [("apicurio.value.globalId", b"\xff" * 8)], "no registry gives"),
        ("apicurio_content_id", [("apicurio.value.encoding", b"JSON")], "not BINARY"),
        (
            "apicurio_content_id",
            [("apicurio.value.artifactId", b"orders")],
            "header `apicurio.value.artifactId`",
        ),
        (
            "apicurio_global_id",
            [("apicurio.value.contentHash", b"x" * 32)],
            "header `apicurio.value.contentHash`",
        ),
        ("apicurio_global_id", [("apicurio.value.groupId", b"shop")], "header `apicurio.value.groupId`"),
        ("apicurio_content_id", [("apicurio.value.version", b"3")], "header `apicurio.value.version`"),
    ],
)
def test_a_header_that_names_no_schema_is_undecodable_whatever_the_value_is(
    format_: str, headers: Headers, says: str
) -> None:
    assert says in detail_of(FRAME_READERS[format_](b"\x00\x00\x00\x00\x07" + DATUM, headers))


def test_a_header_without_a_value_is_none() -> None:
    assert read_confluent(b"\x00\x00\x00\x00\x07", [("__value_schema_id", None)]) == (SchemaRef(7), 5, False)
    for name in ("apicurio.value.contentId", "apicurio.value.artifactId"):
        assert read_apicurio_content_id(b"\x00\x00\x00\x00\x07", [(name, None)]) == (
            SchemaRef(7, SchemaKind.CONTENT_ID), 5, False,
        )  # fmt: skip


@given(
    st.sampled_from(sorted(FRAME_READERS)),
    st.sampled_from([b"", b"\x00", b"\x01", b"\x03\x00", b"\x03\x05", b"\xc3\x01"]),
    st.binary(max_size=24),
    st.lists(
        st.tuples(
            st.sampled_from(["__value_schema_id", "apicurio.value.contentId", "apicurio.value.encoding"]),
            st.none() | st.binary(max_size=18),
        ),
        max_size=2,
    ),
)
def test_any_bytes_have_a_frame_or_none(format_: str, beginning: bytes, rest: bytes, headers: Headers) -> None:
    outcome = FRAME_READERS[format_](beginning + rest, headers)

    if not isinstance(outcome, Undecodable):
        assert outcome[1] <= len(beginning + rest)


# --- compression --------------------------------------------------------------------------------------------


def test_a_deflated_datum_is_inflated() -> None:
    assert inflated(b"frame" + zlib.compress(DATUM), 5) == DATUM


@pytest.mark.parametrize(
    ("deflated", "says"),
    [
        pytest.param(b"not zlib", "said to be compressed", id="something else"),
        pytest.param(b"", "cut short", id="nothing"),
        pytest.param(zlib.compress(DATUM)[:-1], "cut short", id="cut short"),
        pytest.param(zlib.compress(DATUM) + b"\x00", "left over", id="more behind it"),
    ],
)
def test_what_is_no_whole_deflated_datum_is_undecodable(deflated: bytes, says: str) -> None:
    assert says in detail_of(inflated(deflated, 0))


@pytest.mark.parametrize(("more", "is_taken"), [(0, True), (1, False)])
def test_the_bound_is_what_is_taken_at_most(more: int, *, is_taken: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames, "MAX_INFLATED_BYTES", 1_000)

    outcome = inflated(zlib.compress(bytes(1_000 + more)), 0)

    assert (outcome == bytes(1_000)) is is_taken
    assert is_taken or "larger than 1000 bytes" in detail_of(outcome)


def test_a_bomb_is_never_inflated_beyond_the_bound() -> None:
    bomb = zlib.compress(bytes(8 * frames.MAX_INFLATED_BYTES), 9)
    tracemalloc.start()
    try:
        outcome = inflated(bomb, 0)
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert "larger than" in detail_of(outcome)
    assert peak_bytes < 3 * frames.MAX_INFLATED_BYTES  # the buffer grows by doubling
