"""What docs/quality.md shows and says of the score's components is what the commands make of it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from consumer.pinterest.components import COMPONENTS, components_of, names_of
from tests.docs.pages import ROOT, fenced, names_in, section, table
from tests.docs.test_mapping_page import an_order, mapped, put, time_ago
from tests.harness.one_answer import OneAnswer, http
from tests.unit.cli.test_quality import ACCOUNT, EVERYTHING, VISIT, a_consumer
from tests.unit.emulator.builders import event_of

TEXT = (ROOT / "docs" / "quality.md").read_text(encoding="utf-8")
(_, COMMAND), (_, SHOWN) = fenced(section(TEXT, "Asking for it"))
ROWS = table(section(TEXT, "What to do"), "Component")

CHECKOUT = {
    "hashed_email": 74.0, "hashed_maid": 0, "ip_address": 98.6, "user_agent": 98.9, "click_id_epik": 8.1,
    "advertiser_external_id": 99.7, "external_event_id": 100, "order_id": 100, "order_value": 100, "product_id": 99.5,
    "source_url": 99.8,
}  # fmt: skip
PAGE_VISIT = {
    "hashed_email": 21.4, "hashed_maid": 0, "ip_address": 99.2, "user_agent": 99.4, "click_id_epik": 5.6,
    "advertiser_external_id": 99.8, "external_event_id": 100, "order_id": 0, "order_value": 0, "product_id": 0,
    "source_url": 100,
}  # fmt: skip
OVERLAP = {"checkout": 68.2, "page_visit": 81.0}
ISSUE = {
    "id": "invalid_hashed_email",
    "name": "Invalid hashed e-mail",
    "reason": "Many of the hashes are those of an empty text.",
}

VALUES: dict[str, Any] = {
    "customer.emails": ["anna.meyer@example.com"],
    "device.advertising_id": "EA7583CD-A667-48BC-B806-42ECB2B48606",
    "client.ip_address": "203.0.113.7",
    "client.user_agent": "Mozilla/5.0",
    "client.page_url": "https://shop.example.com/p/shirt?epik=dj0yJnU9abc",
    "page.url": "https://shop.example.com/p/shirt?epik=dj0yJnU9abc",
    "totals.items_net": "20.00",
    "totals.items_gross": "20.00",
    "value": "20.00",
}
"""Of every other field any text will do."""


@pytest.fixture(autouse=True)
def _settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("CONVERSIONS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("CONVERSIONS_ROUTING__DEFAULT_AD_ACCOUNT_ID", ACCOUNT)


def pinterests_answer() -> list[dict[str, Any]]:
    components: dict[str, Any] = {
        name: {"checkout": {"coverage": CHECKOUT[name]}, "page_visit": {"coverage": PAGE_VISIT[name]}}
        for name in COMPONENTS
    }
    components["hashed_email"]["checkout"]["issues"] = [ISSUE]
    for event_name, overlap in OVERLAP.items():
        components["external_event_id"][event_name]["overlap"] = overlap
    return [
        {
            "overall_status": "GOOD",
            "quality_components": components,
            "ingestion_source": "CONVERSIONS_API",
            "source_platform": "WEB",
            "lookback_period": "14d",
        }
    ]


def an_event(*without: str, **changes: Any) -> dict[str, Any]:
    user_data = {key: value for key, value in EVERYTHING["user_data"].items() if key not in (*without, "hashed_maids")}
    return event_of(**{**EVERYTHING, **changes, "user_data": user_data})


def test_the_example_ends_as_shown(tmp_path: Path) -> None:
    (tmp_path / "oauth-token").write_text("a-made-up-token")
    first = [(ACCOUNT, an_event(), 41), (ACCOUNT, an_event("click_id"), 410), (ACCOUNT, an_event("em", "click_id"), 49)]
    second = [(ACCOUNT, an_event("em", "click_id", **VISIT), 648), (ACCOUNT, an_event("em", **VISIT), 52)]
    second.append((ACCOUNT, an_event("click_id", **VISIT), 190))

    with OneAnswer(http(200, pinterests_answer())) as api, a_consumer(*first) as one, a_consumer(*second) as two:
        command = COMMAND.replace("http://10.0.0.7:8080", one).replace("http://10.0.0.8:8080", two)
        done = subprocess.run(
            ["sh", "-c", f"conversions() {{ '{sys.executable}' -m consumer \"$@\"; }}\n{command}"],
            cwd=tmp_path,
            env={**os.environ, "CONVERSIONS_PINTEREST__BASE_URL": api.base_url, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    assert (done.stdout, done.stderr, done.returncode) == (SHOWN, "", 0)


def test_every_component_is_told_in_the_usual_order() -> None:
    assert [name for row in ROWS for name in names_in(row["Component"])] == list(COMPONENTS)


@pytest.mark.parametrize(
    ("component", "topic", "path"),
    [
        (names_in(row["Component"])[0], topic, path)
        for row in ROWS
        for topic, column in (("orders", "Of the order"), ("visits", "Of the visit"))
        for path in names_in(row[column])
    ],
)
def test_a_field_feeds_the_component_that_it_stands_beside(component: str, topic: str, path: str) -> None:
    bare, fed = a_record(topic), a_record(topic)
    if component == "hashed_email":
        put(bare, "client", {"ip_address": "203.0.113.7", "user_agent": "Mozilla/5.0"})
        del bare["customer"]
    value = VALUES.get(path, "made-up")
    if path.startswith(("lines.", "products.")):
        (lines, field) = path.split(".")
        fed[lines] = [{field: value, "quantity": "1"}]
    else:
        put(fed, path, value)

    carried = [set(names_of(components_of(mapped(record, topic)["event"]))) for record in (bare, fed)]

    is_always_there = component == "external_event_id" or path == "order_id"
    assert (component in carried[0]) == is_always_there
    assert component in carried[1]


def a_record(topic: str) -> dict[str, Any]:
    if topic == "orders":
        return an_order()
    return {
        "event_id": "msg-1",
        "occurred_at": time_ago(minutes=1),
        "merchant_id": "merchant-1",
        "type": "PAGE_VISIT",
        "currency": "EUR",
        "customer": {"emails": ["anna.meyer@example.com"]},
        "consent": {"advertising": "GRANTED", "jurisdiction": "DE"},
    }
