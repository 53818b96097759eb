"""Which of the components of Pinterest's quality score an event carries."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from consumer.pinterest.components import COMPONENTS, components_of, names_of

DESCRIPTION = Path(__file__).parents[2] / "contract" / "pinterest-openapi-events.json"
HASHES = ["0a" * 32]
ALWAYS = {"external_event_id"}


def carried_by(**changes: Any) -> set[str]:
    return set(names_of(components_of({"event_id": "id", "user_data": {}, **changes})))


@pytest.mark.parametrize(
    ("changes", "component"),
    [
        ({"user_data": {"em": HASHES}}, "hashed_email"),
        ({"user_data": {"hashed_maids": HASHES}}, "hashed_maid"),
        ({"user_data": {"client_ip_address": "203.0.113.7"}}, "ip_address"),
        ({"user_data": {"client_user_agent": "Browser"}}, "user_agent"),
        ({"user_data": {"click_id": "dj0"}}, "click_id_epik"),
        ({"user_data": {"external_id": HASHES}}, "advertiser_external_id"),
        ({"custom_data": {"order_id": "1"}}, "order_id"),
        ({"custom_data": {"value": "1.00"}}, "order_value"),
        ({"custom_data": {"content_ids": ["a"]}}, "product_id"),
        ({"event_source_url": "https://www.example.com"}, "source_url"),
    ],
)
def test_a_component_is_carried_by_its_field(changes: dict[str, Any], component: str) -> None:
    assert carried_by(**changes) == {component} | ALWAYS


def test_an_event_that_carries_nothing_has_its_id() -> None:
    assert carried_by(custom_data={"currency": "EUR"}) == ALWAYS


def test_the_components_are_pinterests() -> None:
    described = json.loads(DESCRIPTION.read_text(encoding="utf-8"))["components"]["schemas"]["QualityComponents"]

    assert set(COMPONENTS) == described["properties"].keys()
