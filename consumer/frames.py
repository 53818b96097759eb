"""How a record names its writer's schema: reads what stands before its Avro, or in its headers. Pure.

A reader is given a record's value and headers, and says which schema the record names, where its datum begins in the
value, and whether it is deflated from there on; or what it found instead.

Sources: Confluent, "Formats, Serializers, and Deserializers for Schema Registry", "Wire format", and the classes
`SchemaId` and `dual_schema_id_deserializer` of confluent-kafka 2.16; Apicurio Registry 3.3, "Configuring Kafka
serializers/deserializers in Java clients", and its classes `Default4ByteIdHandler`, `Legacy8ByteIdHandler`,
`OptimisticFallbackIdHandler` and `DefaultHeadersHandler`; Apache Avro specification, "Single-object encoding"; AWS Glue
Schema Registry Library, class `AWSSchemaRegistryConstants`.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable

from consumer.records import Headers, SchemaKind, SchemaRef, Undecodable

Frame = tuple[SchemaRef, int, bool]
"""Which schema, where the datum begins, and whether it is deflated."""
FrameReader = Callable[[bytes, Headers], Frame | Undecodable]

CONFLUENT_HEADER = "__value_schema_id"
APICURIO_ENCODING_HEADER = "apicurio.value.encoding"
APICURIO_ID_HEADERS = {
    # In this order, as Apicurio's own resolver asks.
    "apicurio.value.contentId": SchemaKind.CONTENT_ID,
    "apicurio.value.globalId": SchemaKind.GLOBAL_ID,
}
_APICURIO_OTHER_HEADERS = tuple(
    f"apicurio.value.{name}" for name in ("artifactId", "groupId", "version", "contentHash")
)
"""Without an id beside them the value is bare Avro, whose first byte may well look like a frame's."""
SINGLE_OBJECT_MARKER = b"\xc3\x01"

MAX_INFLATED_BYTES = 16 * 1024 * 1024
"""Of one value; brokers take messages of 1 MiB by default, and a megabyte of zlib may hold a gigabyte of zeros."""

_CONFLUENT_ID = struct.Struct(">bi")
_GUID_END = 17
_APICURIO_HEADER_BYTES = 8
_SINGLE_OBJECT_BYTES = 10
_GLUE_BYTES = 18
_GLUE_NONE, _GLUE_ZLIB = 0, 5

_TOO_SHORT = Undecodable("too short to name a schema")
_NO_ID = Undecodable("names a schema by a number that no registry gives")
_LOOKS_LIKE = {
    b"\x00": "looks like a frame of Confluent's or Apicurio's",
    b"\x01": "looks like the Confluent format with a GUID",
    b"\x03": "looks like an AWS Glue frame",
    b"\xc3": "looks like an Avro single-object frame",
    b"{": "looks like JSON text",
}


def read_confluent(value: bytes, headers: Headers) -> Frame | Undecodable:
    """`00` and an int32 id, or `01` and a GUID, before the datum; or the same in the header `__value_schema_id`.

    The header is no format of its own: it is a setting of each producer, so while producers are changed over a topic
    holds both, and Confluent's own deserializer looks for the header first as well. Numbers are big-endian.
    """
    named = None
    for name, content in headers:  # the last one of a name counts; a dictionary would take longer
        if name == CONFLUENT_HEADER:
            named = content
    if named is not None:
        framed = _read_confluent_prefix(named)
        if isinstance(framed, Undecodable) or framed[1] != len(named):
            return Undecodable(f"its header `{CONFLUENT_HEADER}` of {len(named)} bytes names no schema")
        return framed[0], 0, False
    return _read_confluent_prefix(value)


def _read_confluent_prefix(data: bytes) -> Frame | Undecodable:
    if len(data) < _CONFLUENT_ID.size:
        return _TOO_SHORT
    magic, schema_id = _CONFLUENT_ID.unpack_from(data)
    if magic == 0:
        # Some registries answer an id that is no int32 like a wrong URL, and a wrong URL means waiting.
        return _NO_ID if schema_id < 0 else (SchemaRef(schema_id), _CONFLUENT_ID.size, False)
    if magic == 1:
        if len(data) < _GUID_END:
            return _TOO_SHORT
        return SchemaRef(data[1:_GUID_END].hex(), SchemaKind.GUID), _GUID_END, False
    return _not_in("the Confluent wire format", data)


def read_apicurio_content_id(value: bytes, headers: Headers) -> Frame | Undecodable:
    """As Apicurio's serializers write since version 3, with `use-id: contentId`; see `_read_apicurio`."""
    return _read_apicurio(value, headers, SchemaKind.CONTENT_ID)


def read_apicurio_global_id(value: bytes, headers: Headers) -> Frame | Undecodable:
    """As Apicurio's serializers wrote before version 3, or write with `use-id: globalId`; see `_read_apicurio`."""
    return _read_apicurio(value, headers, SchemaKind.GLOBAL_ID)


def _read_apicurio(value: bytes, headers: Headers, kind: SchemaKind) -> Frame | Undecodable:
    """`00` and an id of four or eight bytes before the datum, or an int64 id in a header whose name says which.

    The first four bytes tell how long an id is, as in Apicurio's handler for topics on the way from 2 to 3: ids count
    from 1, so zeros are the upper half of eight bytes. It would misread ids from 4,294,967,296 on.
    """
    said = dict(headers)  # the last one of a name counts
    if said.get(APICURIO_ENCODING_HEADER) not in (None, b"BINARY"):
        return Undecodable(f"its header `{APICURIO_ENCODING_HEADER}` is not BINARY; Avro written as JSON is not read")
    for name, kind_said in APICURIO_ID_HEADERS.items():
        if (named := said.get(name)) is not None:
            if len(named) != _APICURIO_HEADER_BYTES:
                return Undecodable(f"its header `{name}` has {len(named)} bytes in place of {_APICURIO_HEADER_BYTES}")
            return _numbered(named, kind_said, 0)
    if other := next((name for name in _APICURIO_OTHER_HEADERS if said.get(name) is not None), None):
        return Undecodable(f"names its schema by the header `{other}`, and only ids are read; have ids written")
    if value[:1] not in (b"\x00", b""):
        return _not_in("Apicurio's wire format", value)
    id_end = 9 if value[1:5] == bytes(4) else 5
    return _TOO_SHORT if len(value) < id_end else _numbered(value[1:id_end], kind, id_end)


def _numbered(number: bytes, kind: SchemaKind, start: int) -> Frame | Undecodable:
    schema_id = int.from_bytes(number, "big", signed=True)
    return (SchemaRef(schema_id, kind), start, False) if schema_id > 0 else _NO_ID


def read_single_object(value: bytes, headers: Headers) -> Frame | Undecodable:  # noqa: ARG001 - a FrameReader
    """`C3 01` and the schema's CRC-64-AVRO fingerprint, little-endian, before the datum."""
    if not value.startswith(SINGLE_OBJECT_MARKER):
        return _not_in("Avro's single-object encoding", value)
    if len(value) < _SINGLE_OBJECT_BYTES:
        return _TOO_SHORT
    return SchemaRef(value[2:_SINGLE_OBJECT_BYTES].hex(), SchemaKind.FINGERPRINT), _SINGLE_OBJECT_BYTES, False


def read_glue(value: bytes, headers: Headers) -> Frame | Undecodable:  # noqa: ARG001 - a FrameReader
    """`03`, a byte for the compression and the UUID of the schema's version, before the datum."""
    if not value.startswith(b"\x03"):
        return _not_in("AWS Glue's wire format", value)
    if len(value) < _GLUE_BYTES:
        return _TOO_SHORT
    if value[1] not in (_GLUE_NONE, _GLUE_ZLIB):
        return Undecodable("an AWS Glue frame whose compression is neither none nor zlib")
    return SchemaRef(value[2:_GLUE_BYTES].hex(), SchemaKind.GLUE_VERSION), _GLUE_BYTES, value[1] == _GLUE_ZLIB


FRAME_READERS: dict[str, FrameReader] = {
    "confluent": read_confluent,
    "apicurio_content_id": read_apicurio_content_id,
    "apicurio_global_id": read_apicurio_global_id,
    "single_object": read_single_object,
    "glue": read_glue,
}
"""By `topics.<name>.wire_format`; bare Avro has no frame."""


def inflated(value: bytes, start: int) -> bytes | Undecodable:
    """What `value` holds from `start` to its end, deflated by zlib.

    A bomb is undecodable, and no more than one byte beyond `MAX_INFLATED_BYTES` of it is made.
    """
    inflating = zlib.decompressobj()
    try:
        datum = inflating.decompress(value[start:], MAX_INFLATED_BYTES + 1)
    except zlib.error:
        return Undecodable("said to be compressed by zlib, and is not")
    if len(datum) > MAX_INFLATED_BYTES:
        return Undecodable(f"larger than {MAX_INFLATED_BYTES} bytes without its compression")
    if not inflating.eof or inflating.unused_data:
        return Undecodable("compressed by zlib, and cut short or with bytes left over after it")
    return datum


def _not_in(wire_format: str, data: bytes) -> Undecodable:
    return Undecodable(f"not in {wire_format}: {_LOOKS_LIKE.get(data[:1], 'an unknown format')}")
