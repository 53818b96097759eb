"""Bytes and schemas that promise more than anybody can hold end in little memory and time, whoever made them."""

from __future__ import annotations

import json
import subprocess
import sys
from io import BytesIO
from pathlib import Path
from typing import Any

import fastavro
from hypothesis import given, settings
from hypothesis import strategies as st

from consumer.avro import WriterSchema, parse_writer_schema
from consumer.avro_guard import MAX_VALUES, Walk, extent_of
from consumer.records import Decoded, Undecodable

Json = dict[str, Any]


def record(name: str, *types: Any) -> Json:
    return {"type": "record", "name": name, "fields": [{"name": f"f{i}", "type": t} for i, t in enumerate(types)]}


def array(items: Any) -> Json:
    return {"type": "array", "items": items}


def number(value: int) -> bytes:
    """As Avro writes an int or a long."""
    coded = (value << 1) ^ (value >> 63) if value >= 0 else ((-value) << 1) - 1
    written = bytearray()
    while coded > 0x7F:
        written.append(coded & 0x7F | 0x80)
        coded >>= 7
    return bytes([*written, coded])


def nested(levels: int, innermost: Any) -> Any:
    """Records of one field each around a type."""
    for level in range(levels):
        innermost = record(f"Level{level}", innermost)
    return innermost


def doubled(levels: int) -> Json:
    """A type of no size that holds two of another, which holds two of another: a few kilobytes of schema."""
    twice = [record(f"Two{i}", f"Two{i - 1}", f"Two{i - 1}") for i in range(1, levels)]
    return record("Bomb", record("Two0"), *twice)


MEGABYTE = 1_000_000
HUGE = number(2**40)
BOMBS: dict[str, tuple[Any, bytes]] = {
    "endless nulls": (record("R", array("null")), HUGE + number(0)),
    "endless nulls in a block that gives its size": (record("R", array("null")), number(-(2**40)) + HUGE + number(0)),
    "nulls in many blocks": (record("R", array("null")), number(100_000) * 100_000 + number(0)),
    "endless empty records": (record("R", array(record("Empty"))), HUGE + number(0)),
    "endless items of fixed size nought": (
        record("R", array({"type": "fixed", "name": "Fixed", "size": 0})),
        HUGE + number(0),
    ),
    "a count that is not met": (record("R", array("long")), HUGE + b"\x02" * 100),
    "a map whose count is not met": (record("R", {"type": "map", "values": "int"}), HUGE + b"\x02a\x02"),
    "the least count there is": (record("R", array("boolean")), number(-(2**63)) * 2 + b"\x01" * 100),
    "a text longer than all there is": (record("R", "string"), HUGE + b"abc"),
    "bytes longer than all there are": (record("R", "bytes"), number(2**62) + b"abc"),
    "a text of negative length": (record("R", "string", "string"), number(-5) + b"abcdefgh"),
    "fixed larger than all there is": (record("R", {"type": "fixed", "name": "F", "size": 2**62}), b"abc"),
    "fixed beyond any number": (record("R", {"type": "fixed", "name": "F", "size": 2**80}), b"abc"),
    "a thousand nulls with each byte": (
        record("R", array(record("Wide", "boolean", *["null"] * 1_000))),
        number(MEGABYTE) + b"\x01" * MEGABYTE + number(0),
    ),
    "two hundred records around each byte": (
        record("R", array(nested(200, "boolean"))),
        number(MEGABYTE) + b"\x01" * MEGABYTE + number(0),
    ),
    "small records without number": (
        record("R", array(record("Small", "boolean"))),
        number(4 * MEGABYTE) + b"\x01" * 4 * MEGABYTE + number(0),
    ),
    "empty arrays without number": (record("R", array(array("int"))), number(MEGABYTE) + bytes(MEGABYTE) + number(0)),
    "doubled sixty times": (doubled(60), b""),
    "an array of what is doubled": (record("R", doubled(60), array("Two59")), number(1) + number(0)),
    "a choice of what is doubled": (record("R", array(["null", doubled(60)])), number(1) + number(1) + number(0)),
    "nested without end": (record("Tree", ["null", "Tree"]), b"\x02" * MEGABYTE + b"\x00"),
    "arrays nested without end": (record("Tree", array("Tree")), b"\x02" * MEGABYTE + b"\x00"),
    "a decimal of a megabyte": (
        record("R", {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}),
        number(MEGABYTE) + b"\x7f" * MEGABYTE,
    ),
}

GROWS_BY_MB, TAKES_CPU_S = 100, 20

CHILD = """
import json, os, resource, time
from consumer.avro import parse_writer_schema
from tests.unit.test_avro_guard import BOMBS

def set_off(schema, datum):
    resource.setrlimit(resource.RLIMIT_CPU, (25, 25))
    resource.setrlimit(resource.RLIMIT_AS, (2 * 1024**3, 2 * 1024**3))
    before_kb, began_s = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    outcome = parse_writer_schema(schema)
    if hasattr(outcome, "read"):
        outcome = outcome.read(datum, 0)
    grown_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kb
    return type(outcome).__name__, grown_kb / 1024, time.process_time() - began_s

for bomb, (schema, datum) in BOMBS.items():
    if not os.fork():
        print(json.dumps([bomb, *set_off(schema, datum)]), flush=True)
        os._exit(0)
    os.wait()
"""


def test_no_bomb_goes_off() -> None:
    root = Path(__file__).parents[2]

    child = subprocess.run([sys.executable, "-c", CHILD], cwd=root, capture_output=True, text=True, check=False)

    told = {
        bomb: (outcome, grown_mb, cpu_s)
        for bomb, outcome, grown_mb, cpu_s in map(json.loads, child.stdout.split("\n")[:-1])
    }
    assert told.keys() == BOMBS.keys(), child.stderr[-2_000:]
    assert {bomb: outcome for bomb, (outcome, _, _) in told.items() if outcome != Undecodable.__name__} == {}
    assert {bomb: mb for bomb, (_, mb, _) in told.items() if mb > GROWS_BY_MB} == {}
    assert {bomb: cpu_s for bomb, (_, _, cpu_s) in told.items() if cpu_s > TAKES_CPU_S} == {}


def test_as_many_values_as_allowed_are_read_and_one_more_is_not() -> None:
    schema = parse_writer_schema(record("R", array("null")))
    assert isinstance(schema, WriterSchema)
    most = MAX_VALUES - 2  # beside the record and the array

    allowed, one_more = (schema.read(number(count) + number(0), 0) for count in (most, most + 1))

    assert isinstance(allowed, Decoded)
    assert len(allowed.fields["f0"]) == most
    assert one_more == Undecodable("not a R: deeper nested or larger than can be held")


NAMES = (f"Name{i}" for i in range(10**9))
LEAVES = st.sampled_from(["null", "boolean", "int", "long", "float", "double", "bytes", "string"])
VALUES = {
    "null": st.none(),
    "boolean": st.booleans(),
    "int": st.integers(-(2**31), 2**31 - 1),
    "long": st.integers(-(2**63), 2**63 - 1),
    "float": st.just(0.5),
    "double": st.just(0.25),
    "bytes": st.binary(max_size=3),
    "string": st.text(st.characters(codec="ascii"), max_size=3),
}


def schemas() -> st.SearchStrategy[Any]:
    return st.recursive(
        LEAVES | st.builds(lambda size: {"type": "fixed", "name": next(NAMES), "size": size}, st.integers(0, 3)),
        lambda inner: (
            inner.map(array)
            | inner.map(lambda values: {"type": "map", "values": values})
            | st.lists(inner, max_size=4).map(lambda types: record(next(NAMES), *types))
            | inner.filter(lambda branch: branch != "null" and not isinstance(branch, list)).map(lambda b: ["null", b])
        ),
        max_leaves=8,
    )


def values_of(schema: Any) -> st.SearchStrategy[Any]:
    if isinstance(schema, list):
        return st.one_of([values_of(branch) for branch in schema])
    if isinstance(schema, str):
        return VALUES[schema]
    match schema["type"]:
        case "fixed":
            return st.binary(min_size=schema["size"], max_size=schema["size"])
        case "array":
            return st.lists(values_of(schema["items"]), max_size=5)
        case "map":
            return st.dictionaries(st.sampled_from("abcde"), values_of(schema["values"]), max_size=5)
        case _:
            return st.fixed_dictionaries({field["name"]: values_of(field["type"]) for field in schema["fields"]})


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_no_datum_is_denser_or_shorter_than_its_schema_was_measured(data: st.DataObject) -> None:
    schema = record(next(NAMES), data.draw(schemas()))
    value = data.draw(values_of(schema))
    stream = BytesIO()
    fastavro.schemaless_writer(stream, schema, value)
    length = len(stream.getvalue())

    extent = extent_of(schema, {})
    walk = Walk(stream.getvalue(), {})
    end = walk.end_of(schema, 0)

    values = MAX_VALUES - walk._values_left
    assert end == length
    assert length >= extent.least_bytes
    assert not length or values <= extent.density * length


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_what_was_written_by_any_schema_is_read_alike_with_the_walk_and_without(data: st.DataObject) -> None:
    schema = record(next(NAMES), data.draw(schemas()))
    value = data.draw(values_of(schema))
    stream = BytesIO()
    fastavro.schemaless_writer(stream, schema, value)
    parsed = parse_writer_schema(schema)
    assert isinstance(parsed, WriterSchema)

    without = parsed.read(stream.getvalue(), 0)
    parsed._longest_sure_bytes = -1
    walked = parsed.read(stream.getvalue(), 0)

    assert isinstance(without, Decoded)
    assert isinstance(walked, Decoded)
    assert walked.fields == without.fields
