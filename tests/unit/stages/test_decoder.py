"""What the decoder makes of a record's bytes, of schemas it is taught, and of bytes meant to harm."""

from __future__ import annotations

import json
import subprocess
import sys
import zlib
from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from typing import Any

import fastavro
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consumer.avro import fingerprint_of
from consumer.config import Topic, WireFormat
from consumer.errors import ConfigError
from consumer.records import (
    Assignment,
    DeadLetterReason,
    Decoded,
    Record,
    SchemaKind,
    SchemaNeeded,
    SchemaRef,
    Undecodable,
)
from consumer.stages.decoder import Decoder

ORDER = {
    "type": "record",
    "name": "OrderPlaced",
    "namespace": "com.acme",
    "fields": [{"name": "order_id", "type": "string"}, {"name": "units", "type": "int"}],
}
VISIT = {
    "type": "record",
    "name": "Visited",
    "namespace": "com.acme",
    "fields": [{"name": "url", "type": ["null", "string"], "default": None}],
}
TREE = {
    "type": "record",
    "name": "Category",
    "fields": [{"name": "name", "type": "string"}, {"name": "parent", "type": ["null", "Category"]}],
}
GUID = "89791762233641869674299b90a802e2"


class FakeMessage:
    def __init__(self, value: bytes | None, headers: Any = None) -> None:
        self._value = value
        self._headers = headers

    def key(self) -> bytes | None:
        return None

    def value(self) -> bytes | None:
        return self._value

    def headers(self) -> Any:
        if isinstance(self._headers, Exception):
            raise self._headers
        return self._headers

    def timestamp(self) -> tuple[int, int]:
        return (0, 0)

    def leader_epoch(self) -> int | None:
        return None


def record_of(value: bytes | None, topic: str = "orders", headers: Any = None) -> Record:
    size_bytes = len(value or b"")
    return Record(Assignment(topic, 0, 0), 0, FakeMessage(value, headers), size_bytes, 0.0)


def framed(datum: bytes, schema_id: int = 7) -> bytes:
    return b"\x00" + schema_id.to_bytes(4, "big", signed=True) + datum


def written(schema: Any, datum: Any) -> bytes:
    buffer = BytesIO()
    fastavro.schemaless_writer(buffer, fastavro.parse_schema(schema), datum)
    return buffer.getvalue()


def number(value: int) -> bytes:
    return written("long", value)


def decoder_of(schema: Any, references: Sequence[Any] = ()) -> Decoder:
    """A decoder that has learnt `schema` as id 7."""
    decoder = Decoder({"orders": Topic(mapping="order")})
    assert decoder.learn(SchemaRef(7), schema, references) is None
    return decoder


def decoded(schema: Any, datum: bytes, references: Sequence[Any] = ()) -> Decoded | SchemaNeeded | Undecodable:
    return decoder_of(schema, references).decode(record_of(framed(datum)))


def fields_of(outcome: Decoded | SchemaNeeded | Undecodable) -> dict[str, Any]:
    assert isinstance(outcome, Decoded), outcome
    return outcome.fields


def detail_of(outcome: Decoded | SchemaNeeded | Undecodable) -> str:
    assert isinstance(outcome, Undecodable), outcome
    assert outcome.reason is DeadLetterReason.UNDECODABLE
    return outcome.detail


# --- the frame ----------------------------------------------------------------------------------------------


def test_a_record_of_a_known_schema_is_read_with_that_schema() -> None:
    outcome = decoded(ORDER, written(ORDER, {"order_id": "o-1", "units": 3}))

    assert isinstance(outcome, Decoded)
    assert outcome.schema_name == "com.acme.OrderPlaced"
    assert outcome.fields == {"order_id": "o-1", "units": 3}


def test_a_schema_not_learnt_yet_is_asked_for() -> None:
    decoder = Decoder({"orders": Topic(mapping="order")})

    assert decoder.decode(record_of(framed(b"", 0x01020304))) == SchemaNeeded(SchemaRef(0x01020304))


def test_each_id_keeps_its_own_schema() -> None:
    decoder = decoder_of(ORDER)
    decoder.learn(SchemaRef(8), VISIT)

    visit = decoder.decode(record_of(framed(written(VISIT, {"url": None}), 8)))
    order = decoder.decode(record_of(framed(written(ORDER, {"order_id": "o", "units": 1}), 7)))

    assert isinstance(visit, Decoded)
    assert isinstance(order, Decoded)
    assert (visit.schema_name, order.schema_name) == ("com.acme.Visited", "com.acme.OrderPlaced")


@pytest.mark.parametrize(
    ("value", "says"),
    [
        pytest.param(b"", "too short", id="empty"),
        pytest.param(b"\x00\x00\x00\x01", "too short", id="four bytes"),
        pytest.param(b'{"order_id": 1}', "JSON", id="JSON"),
        pytest.param(b"\x03\x00" + bytes(20), "Glue", id="AWS Glue"),
        pytest.param(b"\xc3\x01" + bytes(20), "single-object", id="single object"),
        pytest.param(b"\x7fELF.........", "unknown format", id="anything else"),
        # Confluent's own registry answers ids beyond an int32 as it answers a wrong path: the partition would wait.
        pytest.param(b"\x00\xff\xff\xff\xff....", "no registry gives", id="an id that is no int32"),
    ],
)
def test_what_is_not_in_the_wire_format_is_undecodable(value: bytes, says: str) -> None:
    outcome = Decoder({"orders": Topic(mapping="order")}).decode(record_of(value))

    assert says in detail_of(outcome)


def test_a_header_whose_name_cannot_be_read_is_undecodable() -> None:
    broken = UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte")

    outcome = decoder_of(ORDER).decode(record_of(framed(b"\x00\x00"), headers=broken))

    assert "header is not UTF-8" in detail_of(outcome)


@pytest.mark.parametrize(
    ("wire_format", "ref", "frame", "headers"),
    [
        ("confluent", SchemaRef(GUID, SchemaKind.GUID), b"\x01" + bytes.fromhex(GUID), None),
        ("confluent", SchemaRef(7), b"", [("__value_schema_id", framed(b""))]),
        ("apicurio_content_id", SchemaRef(7, SchemaKind.CONTENT_ID), framed(b""), None),
        ("apicurio_global_id", SchemaRef(7, SchemaKind.GLOBAL_ID), bytes(8) + b"\x07", None),
        (
            "apicurio_content_id",
            SchemaRef(7, SchemaKind.GLOBAL_ID),
            b"",
            [("apicurio.value.globalId", bytes(7) + b"\x07")],
        ),
        ("glue", SchemaRef(GUID, SchemaKind.GLUE_VERSION), b"\x03\x00" + bytes.fromhex(GUID), None),
    ],
)
def test_in_every_wire_format_a_schema_is_asked_for_and_then_read_by(
    wire_format: WireFormat, ref: SchemaRef, frame: bytes, headers: Any
) -> None:
    decoder = Decoder({"orders": Topic(wire_format=wire_format, mapping="order")})
    record = record_of(frame + written(ORDER, {"order_id": "o-1", "units": 3}), headers=headers)

    assert decoder.decode(record) == SchemaNeeded(ref)

    decoder.learn(ref, ORDER)
    assert fields_of(decoder.decode(record)) == {"order_id": "o-1", "units": 3}


def test_the_same_number_of_another_kind_is_another_schema() -> None:
    names: list[WireFormat] = ["confluent", "apicurio_content_id"]
    decoder = Decoder({name: Topic(wire_format=name, mapping="order") for name in names})
    decoder.learn(SchemaRef(7), ORDER)

    assert decoder.decode(record_of(framed(b""), "apicurio_content_id")) == SchemaNeeded(
        SchemaRef(7, SchemaKind.CONTENT_ID)
    )


def glue_decoder() -> Decoder:
    decoder = Decoder({"orders": Topic(wire_format="glue", mapping="order")})
    decoder.learn(SchemaRef(GUID, SchemaKind.GLUE_VERSION), ORDER)
    return decoder


def test_a_compressed_frame_is_inflated_and_read() -> None:
    datum = zlib.compress(written(ORDER, {"order_id": "o-1", "units": 3}))

    outcome = glue_decoder().decode(record_of(b"\x03\x05" + bytes.fromhex(GUID) + datum))

    assert fields_of(outcome) == {"order_id": "o-1", "units": 3}


def test_a_frame_that_is_not_compressed_as_it_says_is_undecodable() -> None:
    datum = written(ORDER, {"order_id": "o-1", "units": 3})

    assert "zlib" in detail_of(glue_decoder().decode(record_of(b"\x03\x05" + bytes.fromhex(GUID) + datum)))


def test_a_null_value_is_not_for_the_decoder() -> None:
    with pytest.raises(ValueError, match="tombstone"):
        Decoder({"orders": Topic(mapping="order")}).decode(record_of(None))


# --- bare Avro ----------------------------------------------------------------------------------------------


def bare_topic(path: Path) -> Topic:
    return Topic(wire_format="avro", schema_file=path, mapping="visit")


def test_bare_avro_is_read_with_the_schema_of_its_topic(tmp_path: Path) -> None:
    (tmp_path / "visit.avsc").write_text(json.dumps(VISIT))
    decoder = Decoder({"orders": Topic(mapping="order"), "visits": bare_topic(tmp_path / "visit.avsc")})

    outcome = decoder.decode(record_of(written(VISIT, {"url": "https://example.com/"}), "visits"))

    assert fields_of(outcome) == {"url": "https://example.com/"}


def test_all_unusable_schema_files_are_reported_at_once(tmp_path: Path) -> None:
    (tmp_path / "text.avsc").write_text("not JSON")
    (tmp_path / "odd.avsc").write_text('{"type": "recor"}')
    (tmp_path / "number.avsc").write_text('"long"')
    files = {name: tmp_path / f"{name}.avsc" for name in ("missing", "text", "odd", "number")}

    with pytest.raises(ConfigError) as caught:
        Decoder({name: bare_topic(path) for name, path in files.items()})

    assert [problem.partition(".schema_file")[0] for problem in caught.value.problems] == [
        f"topics.{name}" for name in files
    ]
    assert all(str(path) in problem for path, problem in zip(files.values(), caught.value.problems, strict=True))


# --- single-object encoding ---------------------------------------------------------------------------------


def single_objects(*schemas: Any, under: Path) -> Decoder:
    """A decoder of the topic `orders`, whose records are of these schemas."""
    paths = [under / f"{number}.avsc" for number in range(len(schemas))]
    for path, schema in zip(paths, schemas, strict=True):
        path.write_text(json.dumps(schema))
    return Decoder({"orders": Topic(wire_format="single_object", schema_files=paths, mapping="order")})


def reference_fingerprint(text: str) -> int:
    """CRC-64-AVRO as the specification's own code computes it ("Schema Fingerprints")."""
    empty = 0xC15D213AA4D7A795
    table = []
    for byte in range(256):
        fp = byte
        for _ in range(8):
            fp = (fp >> 1) ^ (empty & -(fp & 1))
        table.append(fp)
    fp = empty
    for byte in text.encode():
        fp = (fp >> 8) ^ table[(fp ^ byte) & 0xFF]
    return fp


def test_a_single_object_is_read_with_the_file_that_has_its_fingerprint(tmp_path: Path) -> None:
    canonical = (
        '{"name":"com.acme.OrderPlaced","type":"record",'
        '"fields":[{"name":"order_id","type":"string"},{"name":"units","type":"int"}]}'
    )
    frame = b"\xc3\x01" + reference_fingerprint(canonical).to_bytes(8, "little")
    decoder = single_objects(VISIT, ORDER | {"doc": "what does not count"}, under=tmp_path)

    outcome = decoder.decode(record_of(frame + written(ORDER, {"order_id": "o-1", "units": 3})))

    assert fields_of(outcome) == {"order_id": "o-1", "units": 3}


def test_fingerprints_are_those_that_others_compute() -> None:
    assert fingerprint_of("null") == reference_fingerprint('"null"').to_bytes(8, "little").hex() == "8a8f25cce724dd63"


def test_a_fingerprint_that_no_file_has_is_told_and_nobody_is_asked(tmp_path: Path) -> None:
    outcome = single_objects(ORDER, under=tmp_path).decode(record_of(b"\xc3\x01" + b"somebody" + b"\x00"))

    assert isinstance(outcome, Undecodable)
    assert outcome.reason is DeadLetterReason.SCHEMA_UNKNOWN
    assert "fingerprint" in outcome.detail
    assert b"somebody".hex() not in outcome.detail  # what is no such frame has content there


def test_two_files_of_one_fingerprint_are_refused(tmp_path: Path) -> None:
    """Scales and logical types are no part of it, so the bytes would read differently by either."""
    cents, thousandths = (one_field(DECIMAL | {"scale": scale}) for scale in (2, 3))

    with pytest.raises(ConfigError, match="keep one of them") as caught:
        single_objects(cents, thousandths, under=tmp_path)

    assert caught.value.problems[0].startswith("topics.orders.schema_files: ")


def test_all_unusable_files_of_a_topic_are_reported_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        single_objects("long", ORDER, {"type": "recor"}, under=tmp_path)

    assert [problem.rpartition("/")[2] for problem in caught.value.problems] == ["0.avsc", "2.avsc"]


# --- values -------------------------------------------------------------------------------------------------


def one_field(schema: Any) -> dict[str, Any]:
    return {"type": "record", "name": "R", "fields": [{"name": "f", "type": schema}]}


DECIMAL = {"type": "bytes", "logicalType": "decimal", "precision": 4, "scale": 2}


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        (DECIMAL, Decimal("12.30")),
        (DECIMAL, Decimal("-0.01")),
        (DECIMAL | {"type": "fixed", "name": "F", "size": 9}, Decimal("7.50")),
        ({"type": "long", "logicalType": "timestamp-millis"}, datetime(2026, 11, 1, 12, 0, 0, 123_000, tzinfo=UTC)),
        ({"type": "long", "logicalType": "timestamp-micros"}, datetime(2026, 11, 1, 12, 0, 0, 123_456, tzinfo=UTC)),
        ({"type": "int", "logicalType": "date"}, date(1990, 5, 17)),
        ({"type": "enum", "name": "E", "symbols": ["A", "B"]}, "B"),
        ({"type": "map", "values": "int"}, {"a": 1}),
        (["null", {"type": "array", "items": "string"}], ["x", "y"]),
        ({"type": "string", "logicalType": "made-up"}, "kept as it is"),
    ],
)  # fmt: skip
def test_logical_types_become_python_values(schema: Any, value: Any) -> None:
    outcome = decoded(one_field(schema), written(one_field(schema), {"f": value}))

    assert fields_of(outcome) == {"f": value}


def test_a_decimal_with_more_digits_than_declared_is_not_rounded() -> None:
    datum = written("bytes", (12_345_678).to_bytes(4, "big"))

    assert fields_of(decoded(one_field(DECIMAL), datum)) == {"f": Decimal("123456.78")}


def test_a_decimal_of_the_greatest_length_is_exact() -> None:
    greatest = 2**511 - 1

    read = fields_of(decoded(one_field(DECIMAL), written("bytes", greatest.to_bytes(64, "big"))))["f"]

    assert read.as_tuple().exponent == -2
    assert int("".join(map(str, read.as_tuple().digits))) == greatest


# --- schemas ------------------------------------------------------------------------------------------------


def test_a_union_of_records_says_which_one_was_written() -> None:
    datum = b"\x02" + written(VISIT, {"url": "https://example.com/"})

    outcome = decoded([ORDER, VISIT], datum)

    assert isinstance(outcome, Decoded)
    assert (outcome.schema_name, outcome.fields) == ("com.acme.Visited", {"url": "https://example.com/"})


@pytest.mark.parametrize("index", [-1, 2, 2**62])
def test_a_union_has_no_other_branches_than_its_own(index: int) -> None:
    assert "com.acme.OrderPlaced | com.acme.Visited" in detail_of(decoded([ORDER, VISIT], number(index) + b"\x00"))


def test_another_branch_than_a_record_is_undecodable() -> None:
    assert "other than a record" in detail_of(decoded(["null", ORDER], b"\x00"))


def test_types_of_referenced_schemas_are_found() -> None:
    money = {"type": "record", "name": "Money", "namespace": "com.acme", "fields": [{"name": "cents", "type": "long"}]}
    line = one_field("com.acme.Money") | {"name": "Line", "namespace": "com.acme"}
    order = one_field({"type": "array", "items": "com.acme.Line"})
    datum = number(1) + number(250) + b"\x00"

    assert fields_of(decoded(order, datum, [money, line])) == {"f": [{"f": {"cents": 250}}]}


def test_a_union_of_referenced_records_is_read() -> None:
    # Confluent documentation, "Multiple event types in the same topic": a union of nothing but references.
    datum = b"\x00" + written(ORDER, {"order_id": "o-1", "units": 1})

    outcome = decoded(["com.acme.OrderPlaced", "com.acme.Visited"], datum, [ORDER, VISIT])

    assert isinstance(outcome, Decoded)
    assert outcome.schema_name == "com.acme.OrderPlaced"


def test_names_without_a_namespace_stay_so() -> None:
    outcome = decoded(one_field("int"), b"\x02")

    assert isinstance(outcome, Decoded)
    assert outcome.schema_name == "R"


def test_a_default_that_does_not_fit_its_type_does_not_matter() -> None:
    lax = {"type": "record", "name": "R", "fields": [{"name": "f", "type": ["null", "int"], "default": "null"}]}

    assert fields_of(decoded(lax, b"\x02\x02")) == {"f": 1}


@pytest.mark.parametrize(
    ("schema", "references"),
    [
        pytest.param({"type": "recor", "name": "R", "fields": []}, (), id="no such type"),
        pytest.param({"type": "record", "fields": []}, (), id="a record without a name"),
        pytest.param(one_field("com.acme.Money"), (), id="a type that nobody defines"),
        pytest.param({"type": "record", "name": "R", "fields": [7]}, (), id="a field that is a number"),
        pytest.param({"type": "array", "items": ORDER}, (), id="an array"),
        pytest.param("string", (), id="a string"),
        pytest.param(["null", "long"], (), id="a union without records"),
        pytest.param(7, (), id="a number"),
        pytest.param(None, (), id="nothing"),
        pytest.param(ORDER, [{"type": "record"}], id="a reference that cannot be parsed"),
    ],
)
def test_records_of_an_unusable_schema_are_undecodable(schema: Any, references: Sequence[Any]) -> None:
    decoder = Decoder({"orders": Topic(mapping="order")})

    refused = decoder.learn(SchemaRef(7), schema, references)

    assert refused is not None
    assert decoder.decode(record_of(framed(b"\x00"))) is refused
    assert "schema 7" in refused.detail


def test_what_the_registry_refused_stays_undecodable() -> None:
    decoder = Decoder({"orders": Topic(mapping="order")})

    decoder.refuse(SchemaRef(7), "a schema of type PROTOBUF")

    assert "PROTOBUF" in detail_of(decoder.decode(record_of(framed(b"\x00"))))


@pytest.mark.parametrize("levels", [5_000, 200_000])
def test_a_schema_nested_beyond_all_reason_is_refused(levels: int) -> None:
    nested: Any = "int"
    for _ in range(levels):
        nested = {"type": "array", "items": nested}
    decoder = Decoder({"orders": Topic(mapping="order")})

    refused = decoder.learn(SchemaRef(7), one_field(nested))

    assert refused is not None
    assert "nested too deeply" in refused.detail


# --- damaged and hostile bytes ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("schema", "datum", "says"),
    [
        pytest.param("string", number(4) + b"abc", "cut short", id="a string cut short"),
        pytest.param("string", b"", "cut short", id="nothing at all"),
        pytest.param("string", number(2) + b"\xff\xff", "UTF-8", id="a string that is not UTF-8"),
        pytest.param("string", number(-5) + b"abc", "cut short", id="a negative length"),
        pytest.param("bytes", number(2**62) + b"abc", "cut short", id="a length beyond all memory"),
        pytest.param("long", b"\xff", "cut short", id="a number cut short"),
        pytest.param("double", b"abc", "cut short", id="a double cut short"),
        pytest.param({"type": "enum", "name": "E", "symbols": ["A"]}, number(9), "choice", id="an unknown symbol"),
        pytest.param(["null", "int"], number(9), "choice", id="an unknown branch"),
        pytest.param({"type": "array", "items": "int"}, number(2**40) + b"\x00", "cut short", id="a row of 2**40"),
        pytest.param({"type": "map", "values": "int"}, number(2**40) + b"\x00", "cut short", id="a map of 2**40"),
        pytest.param({"type": "long", "logicalType": "timestamp-millis"}, number(2**60), "range", id="a far time"),
        pytest.param({"type": "int", "logicalType": "date"}, number(2**40), "range", id="a far date"),
        pytest.param({"type": "string", "logicalType": "uuid"}, number(2) + b"ab", "range", id="no UUID"),
        pytest.param(DECIMAL, written("bytes", b"\x7f" * 1_000_000), "range", id="a decimal of a megabyte"),
        pytest.param("int", number(1) + b"\x00", "left over", id="one byte too many"),
    ],
)
def test_damaged_records_are_undecodable_and_say_how(schema: Any, datum: bytes, says: str) -> None:
    detail = detail_of(decoded(one_field(schema), datum))

    assert detail.startswith("not a R: ")
    assert says in detail


def test_the_detail_never_quotes_the_record() -> None:
    datum = number(40) + b"erika.mustermann@example.com"

    detail = detail_of(decoded(one_field({"type": "string", "logicalType": "uuid"}), datum))
    left_over = detail_of(decoded(one_field("string"), number(5) + b"erika.mustermann@example.com"))

    assert "erika" not in detail + left_over
    assert "example" not in detail + left_over


def test_recursive_records_are_read() -> None:
    shoes = {"name": "shoes", "parent": {"name": "clothes", "parent": None}}

    assert fields_of(decoded(TREE, written(TREE, shoes))) == shoes


EVERYTHING: dict[str, Any] = {
    "type": "record",
    "name": "Node",
    "fields": [
        {"name": "children", "type": {"type": "array", "items": "Node"}},
        {"name": "by_name", "type": {"type": "map", "values": ["null", "Node"]}},
        {"name": "numbers", "type": {"type": "record", "name": "N", "fields": [
            {"name": "i", "type": "int"}, {"name": "f", "type": "float"}, {"name": "d", "type": "double"},
            {"name": "b", "type": "boolean"}, {"name": "n", "type": "null"}, {"name": "y", "type": "bytes"},
            {"name": "e", "type": {"type": "enum", "name": "E", "symbols": ["A", "B"]}},
            {"name": "x", "type": {"type": "fixed", "name": "X", "size": 3}},
        ]}},
        {"name": "more", "type": {"type": "array", "items": "null"}},
    ],
}  # fmt: skip
NUMBERS = {"i": -70_000, "f": 0.5, "d": -2.25, "b": True, "n": None, "y": b"\x00\xff", "e": "B", "x": b"abc"}


def test_the_walk_over_recursive_data_steps_as_fastavro_does() -> None:
    def node(*children: dict[str, Any]) -> dict[str, Any]:
        return {"children": list(children), "by_name": {"a": None}, "numbers": NUMBERS, "more": [None] * 40}

    whole = node(node(), node(node()))
    whole["by_name"]["b"] = node()

    assert fields_of(decoded(EVERYTHING, written(EVERYTHING, whole))) == whole


def test_blocks_that_give_their_size_are_read() -> None:
    schema = {"type": "record", "name": "R", "fields": [
        {"name": "f", "type": {"type": "array", "items": "long"}}, {"name": "tree", "type": ["null", "R"]},
    ]}  # fmt: skip
    items = number(5_000) + number(6_000)
    datum = number(-2) + number(len(items)) + items + b"\x00" + b"\x00"

    assert fields_of(decoded(schema, datum)) == {"f": [5_000, 6_000], "tree": None}


HOSTILE = """
import sys
from tests.unit.stages.test_decoder import TREE, decoded, number, one_field
from consumer.records import Undecodable
deep = b"\\x00\\x02" * 400_000 + b"\\x00\\x00"  # a category without a name, whose parent is a category without…
endless = {"type": "record", "name": "R", "fields": [{"name": "f", "type": "R"}]}
assert isinstance(decoded(TREE, deep), Undecodable)
assert isinstance(decoded(endless, b""), Undecodable)
row = [one_field("int") | {"name": "R0"}, *(one_field(f"R{i}") | {"name": f"R{i + 1}"} for i in range(50_000))]
assert isinstance(decoded(row, number(50_000) + b"\\x00"), Undecodable)
print("alive")
"""


def test_endless_nesting_does_not_end_the_process() -> None:
    root = Path(__file__).parents[3]

    child = subprocess.run(
        [sys.executable, "-c", HOSTILE], cwd=root, capture_output=True, text=True, timeout=60, check=False
    )

    assert (child.returncode, child.stdout.strip()) == (0, "alive"), child.stderr


PRIMITIVES = st.sampled_from([
    "null", "boolean", "int", "long", "float", "double", "bytes", "string", "R", DECIMAL,
    {"type": "long", "logicalType": "timestamp-millis"}, {"type": "long", "logicalType": "local-timestamp-micros"},
    {"type": "int", "logicalType": "date"}, {"type": "int", "logicalType": "time-millis"},
    {"type": "long", "logicalType": "time-micros"}, {"type": "string", "logicalType": "uuid"},
    {"type": "bytes", "logicalType": "decimal"}, {"type": "string", "logicalType": "decimal", "precision": 3},
])  # fmt: skip
SCHEMAS = st.recursive(
    PRIMITIVES,
    lambda inner: st.one_of(
        inner.map(lambda items: {"type": "array", "items": items}),
        inner.map(lambda values: {"type": "map", "values": values}),
        st.lists(inner, min_size=1, max_size=3),
    ),
    max_leaves=4,
)


@settings(max_examples=300, deadline=None)
@given(schema=SCHEMAS, datum=st.binary(max_size=60))
def test_no_bytes_raise_anything(schema: Any, datum: bytes) -> None:
    decoder = Decoder({"orders": Topic(mapping="order")})
    decoder.learn(SchemaRef(7), one_field(schema))

    outcome = decoder.decode(record_of(framed(datum)))

    assert isinstance(outcome, Decoded | Undecodable)


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["record", "array", "enum", "fixed", "int", "R"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "name", "fields", "items", "values", "symbols", "size", "namespace", "scale"]),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None)
@given(schema=JUNK, references=st.lists(JUNK, max_size=2))
def test_no_schema_raises_anything(schema: Any, references: list[Any]) -> None:
    decoder = Decoder({"orders": Topic(mapping="order")})

    decoder.learn(SchemaRef(7), schema, references)
