"""The mapper under every configuration: whatever a record holds, its event keeps to Pinterest's description."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from copy import deepcopy
from io import BytesIO
from typing import Any

import fastavro
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from consumer.config import BundledName, Config
from consumer.records import Decoded, Headers, Incompatible, Invalid, MapOutcome, Mapped, Skipped
from consumer.schemas import Encoder, bundled_schema
from consumer.stages.mapper import Mapper
from tests.harness.arbitrary import (
    ACCOUNT,
    NOW_S,
    Record,
    Records,
    any_record,
    bounded,
    configurations,
    damaged,
    likely_record,
    places_in,
    sent_record,
)
from tests.harness.description import Description
from tests.unit.mapping.builders import a_config

STRICT, NEWER = Description.from_file(), Description.from_file(is_newer=True)
BOTH: pytest.MarkDecorator = pytest.mark.parametrize("name", ["order", "visit"])
FLAT = {
    "app_id",
    "app_name",
    "app_version",
    "device_brand",
    "device_carrier",
    "device_model",
    "device_type",
    "os_version",
}
NESTED = {"app_info", "device_info"}

HEADERS: st.SearchStrategy[Headers] = st.lists(
    st.tuples(
        st.sampled_from(["pinterest-ad-account-id", "traceparent", ""]),
        st.none() | st.sampled_from([ACCOUNT.encode(), b"1", b"\xff"]),
    ),
    max_size=1,
)


def outcome_of(name: BundledName, record: Record, config: Config, headers: Headers | None = None) -> MapOutcome:
    return Mapper(config).map(f"{name}s", Decoded("any", record), headers or [], NOW_S)


def check(outcome: MapOutcome, config: Config) -> None:
    """Claims about every outcome whatever."""
    match outcome:
        case Mapped(account, payload, clipped):
            event = json.loads(orjson.dumps(payload))
            description = NEWER if config.events.newer_fields else STRICT
            assert description.event_violations(event, now_s=NOW_S) == []
            assert account == ACCOUNT
            assert event["user_data"].keys() <= set(config.privacy.fields)
            assert not event.keys() & (NESTED if config.events.app_fields == "flat" else FLAT)
            assert all(re.fullmatch(r"[a-z_.]+", label) for label in clipped), "they are labels of a metric"
            for amount in amounts_in(event):
                assert re.fullmatch(digits_of(event["custom_data"]["currency"]), amount)
        case Invalid(problems):
            assert problems
            assert all(0 < len(problem) < 300 for problem in problems)
        case Skipped():
            pass


def amounts_in(event: Record) -> Iterator[str]:
    custom = event.get("custom_data", {})
    yield from (custom[name] for name in ("value", "predicted_ltv") if name in custom)
    yield from (content["item_price"] for content in custom.get("contents", ()) if "item_price" in content)


def digits_of(currency: str) -> str:
    """ISO 4217, of those that are generated."""
    minor = {"JPY": 0, "KWD": 3, "CLF": 4}.get(currency, 2)
    return r"(0|[1-9]\d*)" + (rf"\.\d{{{minor}}}" if minor else "")


# --- the strategies -------------------------------------------------------------------------------------------


@BOTH
@bounded(60)
@given(data=st.data())
def test_any_record_is_one_that_avro_can_write_and_give_back(name: BundledName, data: st.DataObject) -> None:
    record = data.draw(any_record(name) | likely_record(name))

    encoded = Encoder(bundled_schema(name), schema_id=None).encode(record)

    assert fastavro.schemaless_reader(BytesIO(encoded), bundled_schema(name), None) == record


@BOTH
def test_any_record_reaches_every_field_with_a_value_and_without(name: BundledName) -> None:
    reached: set[tuple[str, bool]] = set()

    @bounded(150)
    @given(record=any_record(name))
    def reach(record: Record) -> None:
        for place in places_in(record):
            value: Any = record
            for step in place:
                value = value[step]
            reached.add((".".join(step for step in place if isinstance(step, str)), value is None))

    reach()

    assert set(wanted_of(bundled_schema(name), "")) - {("", False)} <= reached


def wanted_of(schema: Any, path: str) -> Iterator[tuple[str, bool]]:
    """Path of each field, with a value, and as null where that may stand."""
    if isinstance(schema, list):
        for branch in schema:
            yield from wanted_of(branch, path)
    elif schema == "null":
        yield path, True
    else:
        yield path, False
        kind = schema["type"] if isinstance(schema, dict) else schema
        if kind == "array":
            yield from wanted_of(schema["items"], path)
        elif kind == "record":
            for field in schema["fields"]:
                yield from wanted_of(field["type"], f"{path}.{field['name']}".lstrip("."))


@BOTH
def test_likely_records_often_become_events_and_sent_ones_nearly_always(name: BundledName) -> None:
    outcomes: dict[str, list[MapOutcome]] = {"likely": [], "sent": []}

    @bounded(60)
    @given(likely=likely_record(name), sent=sent_record(name))
    def collect(**records: Record) -> None:
        for kind, record in records.items():
            outcomes[kind].append(outcome_of(name, record, a_config(privacy={"consent_unknown_countries": "other"})))

    collect()

    mapped = {kind: [o.payload for o in found if isinstance(o, Mapped)] for kind, found in outcomes.items()}
    assert len(mapped["likely"]) >= 10
    assert len(mapped["sent"]) >= 30  # a third of the types of a visit are newer ones
    currencies = {event["custom_data"]["currency"] for event in mapped["sent"] if "value" in event["custom_data"]}
    assert currencies == {"EUR", "JPY", "KWD", "CLF"}


# --- the mapper -----------------------------------------------------------------------------------------------


def some_record(name: BundledName) -> Records:
    likely, sent = likely_record(name), sent_record(name)
    return st.one_of(sent, sent, damaged(sent), likely, damaged(likely), any_record(name))


@BOTH
@bounded(150)
@given(data=st.data(), sections=configurations(), headers=HEADERS)
def test_every_outcome_keeps_to_the_description(
    name: BundledName, data: st.DataObject, sections: Record, headers: Headers
) -> None:
    record, config = data.draw(some_record(name)), a_config(**sections)
    before = repr(record)

    with capture_logs() as lines:
        outcome = outcome_of(name, record, config, headers)

    check(outcome, config)
    assert repr(record) == before
    assert lines == []


@BOTH
@bounded(50)
@given(data=st.data(), sections=configurations())
def test_the_same_record_gives_the_same_bytes_in_whatever_order(
    name: BundledName, data: st.DataObject, sections: Record
) -> None:
    record, config = data.draw(some_record(name)), a_config(**sections)

    once = outcome_of(name, record, config)
    again = outcome_of(name, deepcopy(record), config)
    reordered = outcome_of(name, turned_round(record), config)

    assert as_bytes(once) == as_bytes(again) == as_bytes(reordered)


def as_bytes(outcome: MapOutcome) -> bytes:
    match outcome:
        case Mapped(account, payload, clipped):
            return orjson.dumps([account, payload, clipped])
        case Invalid() | Skipped() | Incompatible():
            return repr(outcome).encode()


def turned_round(node: Any) -> Any:
    """With the fields of every record in the opposite order; what stands in an array stays where it is."""
    if isinstance(node, dict):
        return {key: turned_round(value) for key, value in reversed(node.items())}
    return [turned_round(item) for item in node] if isinstance(node, list) else node


@BOTH
@bounded(5)
@given(data=st.data())
def test_half_a_surrogate_pair_in_any_text_is_a_problem_of_that_record(name: BundledName, data: st.DataObject) -> None:
    record, config = data.draw(sent_record(name)), a_config()
    for *way, last in places_in(record):
        damaged_record = deepcopy(record)
        part: Any = damaged_record
        for step in way:
            part = part[step]
        if isinstance(part[last], str):
            part[last] = "\ud800"
            check(outcome_of(name, damaged_record, config), config)
