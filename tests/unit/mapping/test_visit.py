"""What visits become, with which id, and what they were about."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from consumer.pinterest.events import EVENT_NAMES
from consumer.records import SkipReason
from tests.unit.mapping.builders import NOW_S, a_line, a_visit, event_of, mapped, problems_of, skip_of

WITH_TAG = {"dedup": {"browser_tag": "present"}}
TYPES = sorted(name.upper() for name in EVENT_NAMES - {"checkout"})


@pytest.mark.parametrize("kind", TYPES)
def test_every_type_is_the_event_of_its_name(kind: str) -> None:
    event = event_of(a_visit(type=kind))

    assert event["event_name"] == kind.lower()
    assert event["event_time"] == NOW_S - 60
    assert event["event_source_url"] == "https://www.example.com/shirts"


@pytest.mark.parametrize("kind", ["UNKNOWN", "INVENTED_LATER", None, "CHECKOUT"])
def test_other_types_are_no_conversions(kind: str | None) -> None:
    assert skip_of(a_visit(type=kind)) is SkipReason.NOT_A_CONVERSION


def test_the_tags_id_comes_before_the_bus() -> None:
    assert event_of(a_visit(client={"tag_event_id": "tag-1"}))["event_id"] == "tag-1"
    assert event_of(a_visit())["event_id"] == "visit-1"


@pytest.mark.parametrize(
    ("channel", "skip"),
    [
        pytest.param("WEB", SkipReason.NO_SHARED_ID, id="web"),
        pytest.param(None, SkipReason.NO_SHARED_ID, id="unknown counts as web"),
        pytest.param("APP_IOS", None, id="apps carry no tag"),
        pytest.param("POS", None, id="nor do tills"),
    ],
)
def test_beside_a_tag_a_web_visit_needs_the_tags_id(channel: str | None, skip: SkipReason | None) -> None:
    assert skip_of(a_visit(channel=channel), **WITH_TAG) is skip
    assert skip_of(a_visit(channel=channel, client={"tag_event_id": "tag-1"}), **WITH_TAG) is None
    assert skip_of(a_visit(channel=channel), dedup={"browser_tag": "absent"}) is None


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        pytest.param({"event_id": " "}, "event_id", id="no id at all"),
        pytest.param({"occurred_at": None}, "occurred_at", id="no time"),
        pytest.param({"value": Decimal(5)}, "currency", id="value without currency"),
    ],
)
def test_a_visit_that_lacks_what_is_required_is_invalid(changes: dict[str, Any], field: str) -> None:
    assert [problem.partition(":")[0] for problem in problems_of(a_visit(**changes))] == [field]


def test_products_are_contents() -> None:
    visit = a_visit(
        type="ADD_TO_CART",
        products=[a_line(name="Linen shirt", brand="Example", category="Clothing > Shirts", quantity=Decimal(2))],
        value=Decimal("60.00"),
        currency="AUD",
    )

    assert event_of(visit)["custom_data"] == {
        "value": "60.00",
        "currency": "AUD",
        "num_items": 2,
        "content_ids": ["shirt-m"],
        "contents": [
            {
                "id": "shirt-m",
                "item_name": "Linen shirt",
                "item_category": "Clothing > Shirts",
                "item_brand": "Example",
                "item_price": "30.00",
                "quantity": 2,
            }
        ],
        "content_name": "Linen shirt",
        "content_category": "Clothing > Shirts",
        "content_brand": "Example",
    }


@pytest.mark.parametrize(
    ("changes", "about"),
    [
        pytest.param(
            {"type": "SEARCH", "search": {"term": "linen shirt"}}, {"search_string": "linen shirt"}, id="search"
        ),
        pytest.param(
            {"category": {"name": "Shirts", "path": "Clothing > Shirts"}},
            {"content_category": "Clothing > Shirts"},
            id="path of a category",
        ),
        pytest.param({"category": {"name": "Shirts"}}, {"content_category": "Shirts"}, id="name of a category"),
        pytest.param({"video": {"title": "Ironing"}}, {"content_name": "Ironing"}, id="video"),
        pytest.param({"page": {"title": "All shirts"}}, {"content_name": "All shirts"}, id="page"),
        pytest.param({"lead": {"type": "newsletter"}}, {"content_category": "newsletter"}, id="lead"),
    ],
)
def test_what_it_was_about(changes: dict[str, Any], about: dict[str, str]) -> None:
    assert event_of(a_visit(**changes))["custom_data"] == about


def test_a_price_without_a_currency_is_left_out_and_the_visit_sent() -> None:
    outcome = mapped(a_visit(products=[a_line()]))

    assert outcome.payload["custom_data"]["contents"] == [{"id": "shirt-m", "quantity": 1}]
    assert outcome.clipped == ("contents.item_price",)


def test_a_negative_value_is_left_out_and_the_visit_sent() -> None:
    outcome = mapped(a_visit(value=Decimal(-5), currency="AUD"))

    assert outcome.payload["custom_data"] == {"currency": "AUD"}
    assert outcome.clipped == ("value",)


@pytest.mark.parametrize(
    "term", ["shopper@example.com", "mail shopper@example.com", "+61 2 5550 0143", "(202) 555-0143"]
)
def test_a_person_searched_for_is_not_passed_on(term: str) -> None:
    outcome = mapped(a_visit(type="SEARCH", search={"term": term}))

    assert "custom_data" not in outcome.payload
    assert outcome.clipped == ("search_string",)


def test_the_page_comes_before_the_clients() -> None:
    visit = a_visit(page=None, client={"page_url": "https://www.example.com/elsewhere"})

    assert event_of(visit)["event_source_url"] == "https://www.example.com/elsewhere"
