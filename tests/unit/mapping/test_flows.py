"""What a mapping lets leave is all that leaves, in the form that is told."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, get_args

import pytest

from consumer.config import BundledName, UserDataField
from consumer.mapping.flows import Leaves, flows, origin
from consumer.mapping.language import read_mapping
from consumer.mapping.targets import TARGETS
from consumer.schemas import mapping_file
from tests.unit.mapping.builders import a_line, a_visit, an_order, event_of

ALL = frozenset(get_args(UserDataField))
OF_SETTINGS = {"event_name", "custom_data.np", "partner_name", "custom_data.external_measurement_vendor_id"}
HASH = re.compile(r"[0-9a-f]{64}")


def leaves_in(part: Any, at: str = "") -> Iterator[tuple[str, Any]]:
    """Every value of an event that is no object or array of objects, and the name of its field."""
    if isinstance(part, dict):
        for name, value in part.items():
            yield from leaves_in(value, f"{at}.{name}" if at else name)
    elif isinstance(part, list) and part and isinstance(part[0], dict):
        for each in part:
            yield from leaves_in(each, at)
    else:
        yield at, part


def rich(name: BundledName) -> dict[str, Any]:
    made = an_order(lines=[a_line()]) if name == "order" else a_visit(products=[a_line()])
    event: dict[str, Any] = event_of(made, privacy={"fields": sorted(ALL)})
    return event


@pytest.mark.parametrize("name", ["order", "visit"])
def test_every_field_of_an_event_is_told(name: BundledName) -> None:
    told = {field for flow in flows(read_mapping(mapping_file(name)), ALL) for field in flow.target.feeds}

    found = {field for field, _ in leaves_in(rich(name))}

    assert len(found) > 12
    assert found - told <= OF_SETTINGS


@pytest.mark.parametrize("name", ["order", "visit"])
def test_what_is_told_to_be_hashed_is(name: BundledName) -> None:
    hashed = {
        field
        for flow in flows(read_mapping(mapping_file(name)), ALL)
        if flow.leaves is Leaves.HASHED
        for field in flow.target.feeds
    }

    for field, value in leaves_in(rich(name)):
        values = value if isinstance(value, list) else [value]
        is_hashed = all(isinstance(each, str) and HASH.fullmatch(each) for each in values)
        assert is_hashed is (field in hashed), field


def test_what_privacy_fields_keeps_back_never_leaves() -> None:
    told = {flow.target.key: flow.leaves for flow in flows(read_mapping(mapping_file("order")), frozenset({"em"}))}

    assert told["user_data.em"] is Leaves.HASHED
    assert told["user_data.ph"] is told["user_data.click_id"] is Leaves.NEVER


def test_of_offline_events_the_surroundings_do_not_leave() -> None:
    offline = {
        field
        for flow in flows(read_mapping(mapping_file("order")), ALL)
        if flow.is_offline
        for field in flow.target.feeds
    }

    found = {field for field, _ in leaves_in(event_of(an_order(channel="POS", lines=[a_line()])))}

    assert found - offline <= OF_SETTINGS


def test_origins_are_those_of_the_file() -> None:
    mapping = read_mapping(mapping_file("order"))
    told = {flow.target.key: origin(mapping, flow) for flow in flows(mapping, ALL)}

    assert told["event_name"] == "the constant checkout"
    assert told["event_time"] == "placed_at, occurred_at"
    assert told["lines.id"] == "lines[].variant_id, lines[].product_id, lines[].sku"


def test_every_target_is_told_once() -> None:
    assert [flow.target.key for flow in flows(read_mapping(mapping_file("order")), ALL)] == [
        key for key in TARGETS if key in read_mapping(mapping_file("order")).targets
    ]
