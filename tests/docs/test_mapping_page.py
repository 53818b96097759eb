"""What docs/mapping.md says becomes of a record is what `conversions map` makes of it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from consumer.cli.map import map_command
from consumer.mapping.routing import ACCOUNT_HEADER
from consumer.pinterest.events import EVENT_NAMES, HASHED, NEWER_EVENT_NAMES
from consumer.schemas import bundled_schema
from tests.docs.pages import ROOT, fenced, names_in, section, table

TEXT = (ROOT / "docs" / "mapping.md").read_text(encoding="utf-8")
BLOCKS = fenced(section(TEXT, "Trying it"))
SETTINGS = BLOCKS[0][1]
EXAMPLES = list(zip(BLOCKS[1::2], BLOCKS[2::2], strict=True))

APP = typer.Typer()
APP.command("map")(map_command)


@pytest.fixture(autouse=True)
def _settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("CONVERSIONS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("CONVERSIONS_ROUTING__TABLE", '{"merchant-1": "549755885175", "merchant-3": "none"}')


def time_ago(**ago: float) -> str:
    return (datetime.now(UTC) - timedelta(**ago)).isoformat()


def an_order(**changes: Any) -> dict[str, Any]:
    return {
        "event_id": "msg-1",
        "occurred_at": time_ago(minutes=1),
        "merchant_id": "merchant-1",
        "order_id": "A-1001",
        "status": "PLACED",
        "currency": "EUR",
        "customer": {"emails": ["anna.meyer@example.com"]},
        "consent": {"advertising": "GRANTED", "jurisdiction": "DE"},
        **changes,
    }


def mapped(record: dict[str, Any], topic: str = "orders") -> dict[str, Any]:
    result = CliRunner().invoke(APP, ["--topic", topic, "--explain", "-"], input=json.dumps(record).encode())
    assert result.exit_code == 0, result.exception
    answer: dict[str, Any] = json.loads(result.stdout)
    return answer


def put(record: dict[str, Any], path: str, value: Any) -> None:
    *parts, last = path.split(".")
    for part in parts:
        record = record.setdefault(part, {})
    record[last] = value


@pytest.mark.parametrize(("asked", "answered"), EXAMPLES)
def test_an_example_ends_as_shown(asked: tuple[str, str], answered: tuple[str, str]) -> None:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("CONVERSIONS_")}
    commands = (
        f"conversions() {{ '{sys.executable}' -m consumer \"$@\"; }}\n"
        f"python3() {{ '{sys.executable}' \"$@\"; }}\n"
        f"{SETTINGS}{asked[1]}"
    )

    done = subprocess.run(
        ["sh", "-c", commands], cwd=ROOT, env=environ, capture_output=True, text=True, timeout=60, check=False
    )

    assert (asked[0], answered[0]) == ("sh", "json")
    assert (done.stdout, done.stderr) == (answered[1], "")


def test_the_worked_example_is_the_one_that_is_run() -> None:
    told = {row["Field of the order"]: row["Amount"] for row in table(section(TEXT, "Value"), "Field of the order")}
    (_, asked), (_, answered) = EXAMPLES[0]
    order = json.loads(asked.splitlines()[1])
    event = json.loads(answered)["event"]

    assert {f"`totals.{name}`": amount for name, amount in order["totals"].items() if name != "tax_included"} == told
    assert f"= **{event['custom_data']['value']}**" in section(TEXT, "Value")
    assert f"{event['custom_data']['contents'][0]['item_price']} in the example" in section(TEXT, "Items")


@pytest.mark.parametrize("row", table(section(TEXT, "Value"), "`value_basis`"), ids=lambda row: " ".join(row.values()))
def test_the_value_is_as_told(row: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONVERSIONS_EVENTS__VALUE_BASIS", names_in(row["`value_basis`"])[0])
    totals: dict[str, Any] = {name: row[f"`{name}`"] for name in ("items_net", "tax", "shipping_tax")}
    totals["tax_included"] = row["`tax_included`"] == "true"

    assert mapped(an_order(totals=totals))["event"]["custom_data"]["value"] == row["`value`"]


def test_the_questions_are_asked_in_the_order_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "suppressed.txt").write_text(sha256(b"4930901820").hexdigest())
    monkeypatch.setenv("CONVERSIONS_PRIVACY__SUPPRESS_FILE", str(tmp_path / "suppressed.txt"))
    order = an_order(
        is_test=True,
        client={"is_bot": True},
        status="PAID",
        previous_status="PLACED",
        origin="RENEWAL",
        channel="IMPORT",
        merchant_id="merchant-3",
        consent={"advertising": "DENIED", "jurisdiction": "DE"},
        occurred_at=time_ago(days=9),
        customer={"phones": ["+49 30 901820"]},
    )
    mend = {
        "test_order": ("is_test", False),
        "bot": ("client.is_bot", False),
        "not_a_conversion": ("status", "PLACED"),
        "not_a_transition": ("previous_status", "CREATED"),
        "origin_excluded": ("origin", "NEW"),
        "channel_excluded": ("channel", "WEB"),
        "not_advertised": ("merchant_id", "merchant-2"),
        "account_off": ("merchant_id", "merchant-1"),
        "no_consent": ("consent.advertising", "GRANTED"),
        "outside_cutover": ("occurred_at", time_ago(days=8)),
        "too_old": ("occurred_at", time_ago(minutes=1)),
        "suppressed": ("customer.phones", ["+49 30 901821"]),
        "no_identity": ("customer.emails", ["anna.meyer@example.com"]),
    }
    monkeypatch.setenv("CONVERSIONS_DEDUP__BROWSER_TAG", "present")
    accounts = {"merchant-1": "549755885175", "merchant-2": "549755885176", "merchant-3": "none"}
    monkeypatch.setenv("CONVERSIONS_ROUTING__TABLE", json.dumps(accounts))
    monkeypatch.setenv("CONVERSIONS_AD_ACCOUNTS__549755885176__MODE", "off")
    monkeypatch.setenv("CONVERSIONS_AD_ACCOUNTS__549755885175__ACTIVE_FROM", time_ago(days=8, hours=12))
    rows = table(section(TEXT, "Which records count"), "Question")
    told = [names_in(row["If not"])[0] for row in rows if row["Orders"]]

    found = []
    while "skipped" in (answer := mapped(order)):
        found.append(answer["skipped"])
        put(order, *mend[answer["skipped"]])

    assert found == told
    assert answer["event"]["event_id"] == "merchant-1:A-1001:checkout"
    assert [names_in(row["If not"])[0] for row in rows if not row["Orders"]] == ["no_shared_id"]


def test_every_type_of_visit_is_told() -> None:
    (sentence,) = re.findall(r"the event called as its `type`: (.*?), in lower case", TEXT)
    (newer,) = re.findall(r"With `events.newer_fields` also (`APP_OPEN`.*?), which", TEXT)
    (field,) = (field for field in bundled_schema("visit")["fields"] if field["name"] == "type")

    assert {name.lower() for name in names_in(sentence)} == EVENT_NAMES - {"checkout"}
    assert {name.lower() for name in names_in(newer)} == NEWER_EVENT_NAMES
    assert {*names_in(sentence), *names_in(newer)} == {*field["type"]["symbols"]} - {"UNKNOWN"}


@pytest.mark.parametrize("tag_event_id", ["tag-1", None])
def test_the_ids_are_as_told(tag_event_id: str | None) -> None:
    client = {"tag_event_id": tag_event_id, "ip_address": "203.0.113.7", "user_agent": "Mozilla/5.0"}
    visit = {**an_order(client=client), "type": "LEAD"}
    del visit["order_id"], visit["status"]
    told = [names_in(row["`event_id`"]) for row in table(section(TEXT, "Ids"), "Event")]

    assert told == [["{merchant_id}:{order_id}:checkout"], ["client.tag_event_id", "event_id"]]
    assert mapped(an_order(client=client))["event"]["event_id"] == "merchant-1:A-1001:checkout"
    assert mapped(visit, "visits")["event"]["event_id"] == (tag_event_id or "msg-1")


@pytest.mark.parametrize(
    "row", table(section(TEXT, "Where it happened"), "`channel`"), ids=lambda row: row["`channel`"]
)
def test_the_action_source_is_as_told(row: dict[str, str]) -> None:
    for channel in names_in(row["`channel`"]):
        answer = mapped(
            an_order(
                channel=channel,
                client={"page_url": "https://shop.example.com/", "ip_address": "203.0.113.7", "language": "de"},
                device={"model": "Phone"},
            )
        )

        if sources := names_in(row["`action_source`"]):
            event = answer["event"]
            assert [event["action_source"]] == sources
            assert ("event_source_url" in event) == ("page URL" not in row["What is left out"])
            assert ("client_ip_address" in event["user_data"]) == ("address" not in row["What is left out"])
            assert ("language" in event) == ("device_info" in event) == ("device" not in row["What is left out"])
        else:
            assert answer["skipped"] in names_in(row["What is left out"])


def test_every_channel_is_told() -> None:
    (field,) = (field for field in bundled_schema("order")["fields"] if field["name"] == "channel")
    told = [
        name for row in table(section(TEXT, "Where it happened"), "`channel`") for name in names_in(row["`channel`"])
    ]

    assert sorted([*told, "UNKNOWN"]) == sorted(field["type"][1]["symbols"])


@pytest.mark.parametrize("row", table(section(TEXT, "Consent"), "Where"), ids=lambda row: row["Where"])
@pytest.mark.parametrize(
    ("column", "advertising"), [("`GRANTED`", "GRANTED"), ("not known", None), ("`DENIED`", "DENIED")]
)
def test_consent_is_as_told(row: dict[str, str], column: str, advertising: str | None) -> None:
    for jurisdiction in names_in(row["Where"]):
        answer = mapped(an_order(consent={"advertising": advertising, "jurisdiction": jurisdiction}))

        if "skipped" in answer:
            assert (row[column], answer["skipped"]) == ("skipped", "no_consent")
        else:
            is_limited = answer["event"].get("custom_data", {}).get("opt_out_type") == "LDP"
            assert row[column] == ("sent, limited" if is_limited else "sent")


def test_the_header_that_routes_is_told_first() -> None:
    assert [names_in(row["Asked"]) for row in table(section(TEXT, "Routing"), "Asked")][:2] == [
        [ACCOUNT_HEADER],
        ["ad_account_id"],
    ]


def test_identifiers_are_sent_as_told() -> None:
    rows = table(section(TEXT, "Identifiers"), "Field")
    order = an_order(customer={})
    for row in rows:
        (path,), (example,) = names_in(row["Field"]), names_in(row["Example"])
        put(order, path, [example] if path in ("customer.emails", "customer.phones") else example)
    expected: dict[str, Any] = {}
    for row in rows:
        (name,), (normal,) = names_in(row["Event field"]), names_in(row["Normal form"])
        if row["Sent"] == "hashed":
            expected.setdefault(name, []).append(sha256(normal.encode()).hexdigest())
        else:
            expected[name] = normal

    answer = mapped(order)

    assert answer["event"]["user_data"] == expected
    assert answer["clipped"] == []
    assert {names_in(row["Event field"])[0] for row in rows if row["Sent"] == "hashed"} == HASHED - {"db", "ge"}


@pytest.mark.parametrize(
    ("path", "value", "name"),
    [
        ("customer.phones", ["call me"], "an identifier"),
        ("client.ip_address", "192.168.1.20", "client_ip_address"),
        ("client.page_url", "app://start", "event_source_url"),
        ("client.language", "german", "language"),
        ("lines", [{"unit_price": "-1"}], "contents.item_price"),
        ("predicted_ltv", "-1", "predicted_ltv"),
        ("device.model", "x" * 101, "device_info"),
        ("device.form_factor", "FRIDGE", "device_info"),
    ],
)
def test_what_breaks_a_limit_is_clipped_as_told(path: str, value: Any, name: str) -> None:
    order = an_order()
    put(order, path, value)
    told = " ".join(row["What"] for row in table(section(TEXT, "What is clipped"), "What"))

    answer = mapped(order)

    assert name in told
    assert len(answer["clipped"]) == 1
    assert name == "an identifier" or answer["clipped"][0].startswith(name)
