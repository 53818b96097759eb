"""What is bought in a sensitive category stays untold; what it was worth, and who bought it, does not."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from consumer.mapping.facts import LineFacts, Matter
from consumer.mapping.redaction import Redaction, redact
from tests.unit.mapping.builders import a_config, a_line, a_visit, an_order, mapped

HEALTH = {"redact_when": ["Health*", "*/hiv tests/*"]}
URL = "https://www.example.com/p/test-kit?colour=blue"


def sensitive_line(**changes: Any) -> dict[str, Any]:
    return a_line(
        product_id="kit", variant_id="kit-1", name="Test kit", brand="Acme", category="Health > Tests", **changes
    )


def matter_of(*categories: str | None, content_category: str | None = None) -> Matter:
    nothing: list[Any] = [None] * 13
    matter = Matter(*nothing)
    matter.lines = [LineFacts(None, None, each, None, None, None, None, None, None) for each in categories]
    matter.content_category = content_category
    return matter


def test_an_order_tells_its_worth_and_not_its_goods() -> None:
    order = an_order(
        lines=[sensitive_line(unit_price=Decimal("12.50"), quantity=Decimal(2)), a_line(category="Shirts")],
        client={"page_url": URL},
    )

    told, whole = mapped(order, privacy=HEALTH), mapped(order)

    assert told.payload["custom_data"] == {
        "value": "30.00",
        "currency": "AUD",
        "num_items": 3,
        "order_id": "1001",
        "contents": [{"item_price": "12.50", "quantity": 2}, {"item_price": "30.00", "quantity": 1}],
    }
    assert "event_source_url" in whole.payload
    assert told.payload.keys() == whole.payload.keys() - {"event_source_url"}
    assert told.payload["user_data"] == whole.payload["user_data"]
    assert (told.clipped, whole.clipped) == (("redacted",), ())


def test_a_visit_tells_neither_page_nor_search_term() -> None:
    visit = a_visit(
        type="SEARCH",
        page={"url": URL, "title": "Test kits"},
        category={"name": "Tests", "path": "Shop/HIV tests/Kits"},
        search={"term": "kit near me"},
        products=[sensitive_line(brand_id="b-1")],
        value=Decimal("12.50"),
        currency="AUD",
    )

    told = mapped(visit, privacy=HEALTH, events={"newer_fields": True}).payload

    assert told["custom_data"] == {
        "contents": [{"item_price": "30.00", "quantity": 1}],
        "num_items": 1,
        "currency": "AUD",
        "value": "12.50",
    }
    assert not any(word in str(told).lower() for word in ("kit", "hiv", "acme", "b-1", "health", "example.com/p"))


def test_a_page_of_which_only_the_category_is_known_is_redacted_too() -> None:
    visit = a_visit(page={"url": URL, "title": "Test kits"}, category={"path": "health"})

    told = mapped(visit, privacy=HEALTH).payload

    assert "custom_data" not in told
    assert "event_source_url" not in told


def test_other_categories_are_told_as_ever() -> None:
    order = an_order(lines=[a_line(category="Shirts > Healthy cotton")], client={"page_url": URL})

    assert mapped(order, privacy=HEALTH).payload == mapped(order).payload


@pytest.mark.parametrize("kind", ["FEE", "GIFT_CARD", "BUNDLE_CHILD"])
def test_a_line_that_is_no_item_counts_as_well(kind: str) -> None:
    """A bundle's own id would tell what is in it."""
    order = an_order(lines=[a_line(variant_id="set-1", type="BUNDLE_PARENT"), sensitive_line(type=kind)])

    assert mapped(order, privacy=HEALTH).clipped == ("redacted",)
    assert "set-1" not in str(mapped(order, privacy=HEALTH).payload)


@pytest.mark.parametrize(
    ("pattern", "category", "is_sensitive"),
    [
        ("Health", "Health", True),
        ("Health", "HEALTH", True),
        ("Health", " health\n", True),
        ("Health", "Health > Tests", False),
        ("Health", "My Health", False),
        ("Health*", "health > tests", True),
        ("Health*", "Health", True),
        ("*test*", "Health > HIV Tests > Kits", True),
        ("*test", "Tests", False),
        ("a*b*c", "a-b-b-c", True),
        ("a*b*c", "a-c-b", False),
        ("ab*ba", "aba", False),
        ("*a*", "xax", True),
        ("**", "x", True),
        ("a.c", "abc", False),
        ("a?[b]", "a?[b]", True),
        ("Gesundheit & Größen*", "GESUNDHEIT & GRÖßEN / XL", True),
        ("a*", "a\nb", True),
    ],
)
def test_a_pattern_is_held_against_the_whole_category(pattern: str, category: str, is_sensitive: bool) -> None:  # noqa: FBT001
    assert Redaction([pattern]).concerns(matter_of(category)) is is_sensitive
    assert Redaction(["nothing", pattern]).concerns(matter_of("x", category)) is is_sensitive
    assert Redaction([pattern]).concerns(matter_of(None, content_category=category)) is is_sensitive


def test_without_a_category_nothing_is_recognised() -> None:
    assert not Redaction(["*"]).concerns(matter_of(None))


def test_a_category_of_any_length_is_answered_at_once() -> None:
    """Going back and forth over it would take longer than anybody waits."""
    pattern = "*a" * 30 + "*b"

    assert not Redaction([pattern]).concerns(matter_of("a" * 100_000))


def test_redacting_leaves_nothing_behind_that_is_empty() -> None:
    event: dict[str, Any] = {
        "custom_data": {"contents": [{"id": "1"}, {"id": "2", "quantity": 1}], "search_string": "x"}
    }

    redact(event)

    assert event == {"custom_data": {"contents": [{"quantity": 1}]}}


@pytest.mark.parametrize("patterns", [[""], ["Health", "  "]])
def test_a_blank_pattern_is_refused(patterns: list[str]) -> None:
    with pytest.raises(ValidationError):
        a_config(privacy={"redact_when": patterns})


@pytest.mark.parametrize(
    ("pattern", "category"),
    [
        ("Sant\u00e9*", "Sante\u0301 > Tests"),
        ("* > Pregnancy tests", "Health >\u00a0Pregnancy  tests"),
        ("GROSSE*", "gro\u00dfe Gr\u00f6\u00dfen"),
    ],
)
def test_what_looks_the_same_is_the_same(pattern: str, category: str) -> None:
    assert Redaction([pattern]).concerns(matter_of(category))


def test_an_app_for_one_purpose_is_not_named() -> None:
    event = {"custom_data": {}, "app_info": {"app_name": "Cycle", "app_version": "2"}, "app_name": "Cycle"}

    redact(event)

    assert event == {"custom_data": {}, "app_info": {"app_version": "2"}}
