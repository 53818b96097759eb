"""`conversions map`: JSON lines in, one JSON line out for each, nothing else on standard output."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner, Result

from consumer.cli.map import map_command
from consumer.errors import ConfigError

ACCOUNT = "549000000001"
APP = typer.Typer()
APP.command("map")(map_command)


@pytest.fixture(autouse=True)
def _settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONVERSIONS_ROUTING__DEFAULT_AD_ACCOUNT_ID", ACCOUNT)


def an_order(**changes: Any) -> dict[str, Any]:
    return {
        "event_id": "order-1001-1",
        "occurred_at": (datetime.now(UTC) - timedelta(minutes=1)).isoformat(),
        "merchant_id": "merchant-1",
        "order_id": "1001",
        "status": "PLACED",
        "currency": "AUD",
        "totals": {"items_net": "12.30"},
        "customer": {"emails": ["shopper@example.com"], "address": {"country": "AU"}},
        **changes,
    }


def run(*arguments: str, lines: list[Any] | bytes) -> Result:
    text = lines if isinstance(lines, bytes) else "\n".join(map(json.dumps, lines)).encode()
    return CliRunner().invoke(APP, ["--topic", "orders", *arguments, "-"], input=text)


def answers(*arguments: str, lines: list[Any] | bytes) -> list[dict[str, Any]]:
    result = run(*arguments, lines=lines)
    assert result.exit_code == 0, result.exception
    assert result.stderr == ""
    return [json.loads(line) for line in result.stdout.splitlines()]


def problems_of(*arguments: str, lines: list[Any] | bytes) -> list[str]:
    result = run(*arguments, lines=lines)
    assert isinstance(result.exception, ConfigError), result.output
    return result.exception.problems


def test_each_line_is_answered_by_one_line() -> None:
    sent, skipped, invalid = answers(lines=[an_order(), an_order(status="PAID"), an_order(currency=None)])

    assert sent.keys() == {"ad_account_id", "event"}
    assert sent["ad_account_id"] == ACCOUNT
    assert sent["event"]["custom_data"]["value"] == "12.30"
    assert skipped == {"skipped": "not_a_conversion"}
    assert invalid.keys() == {"invalid"}
    assert invalid["invalid"][0].startswith("currency: ")


def test_reasons_other_than_invalid_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    monkeypatch.delenv("CONVERSIONS_ROUTING__DEFAULT_AD_ACCOUNT_ID")
    monkeypatch.setenv("CONVERSIONS_ROUTING__TABLE", json.dumps({"merchant-1": ACCOUNT}))

    ahead, unroutable = answers(lines=[an_order(occurred_at=tomorrow), an_order(merchant_id="merchant-2")])

    assert ahead["invalid"][0].startswith("in_future: placed_at or occurred_at: ")
    assert unroutable["invalid"][0].startswith("unroutable: merchant_id: ")


def test_explain_adds_the_rule_and_what_was_left_out() -> None:
    customer = {"emails": ["shopper@example.com", "nobody"], "address": {"country": "AU"}}

    sent, skipped, invalid = answers(
        "--explain", lines=[an_order(customer=customer), an_order(status="PAID"), an_order(currency=None)]
    )

    assert sent["clipped"] == ["em"]
    assert skipped["rule"].startswith("order.yaml:")
    assert skipped["rule"].endswith(" asks status")
    assert "required" in invalid["rule"]


def test_blank_lines_are_no_records_and_an_empty_file_has_no_answers() -> None:
    line = json.dumps(an_order()).encode()

    assert len(answers(lines=b"\n" + line + b"\n  \n\r\n" + line)) == 2
    assert answers(lines=b"") == []


def test_a_line_that_is_not_json_is_named_by_its_number() -> None:
    line = json.dumps(an_order()).encode()

    assert problems_of(lines=line + b"\n\n{broken\n") == ["line 3 is not JSON; give one JSON object per line"]
    assert problems_of(lines=b"\xff") == ["line 1 is not JSON; give one JSON object per line"]


def test_a_line_that_is_no_record_is_named_with_all_that_is_wrong() -> None:
    unknown, wrong = problems_of(lines=[an_order(), an_order(totals={"items_net": 1.5}, shoesize=41)])

    assert unknown == "line 2: shoesize: unknown; `Order` has no such field"
    assert wrong.startswith("line 2: totals.items_net: a fraction where a decimal as a string")


def test_visits_take_the_mapping_of_visits() -> None:
    visit = {"event_id": "visit-1", "occurred_at": an_order()["occurred_at"], "type": "PAGE_VISIT"}

    assert answers("--topic", "visits", lines=[visit]) == [{"skipped": "no_consent"}]


def test_an_unknown_topic_is_named_with_those_there_are() -> None:
    assert problems_of("--topic", "returns", lines=[]) == [
        "--topic: `returns` is not configured; take one of orders, visits"
    ]


def test_a_file_is_read_by_its_name(tmp_path: Path) -> None:
    file = tmp_path / "orders.jsonl"
    file.write_text(json.dumps(an_order(customer={"first_name": "Zoë"})), encoding="utf-8")

    result = CliRunner().invoke(APP, ["--topic", "orders", str(file)])

    assert json.loads(result.stdout) == {"skipped": "no_consent"}


def test_a_file_that_is_not_there_is_an_error() -> None:
    result = CliRunner().invoke(APP, ["--topic", "orders", "/nowhere/orders.jsonl"])

    assert isinstance(result.exception, ConfigError)
    assert "FILE" in result.exception.problems[0]


def test_settings_are_taken_from_the_file(tmp_path: Path) -> None:
    config = tmp_path / "conversions.yaml"
    config.write_text("events: {checkout_on: PAID}\n", encoding="utf-8")

    paid, placed = answers("--config", str(config), lines=[an_order(status="PAID"), an_order()])

    assert "event" in paid
    assert placed == {"skipped": "not_a_conversion"}
