"""The code for the shop's pages, run as a browser would: tag and consumer give one action one id."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from typing import Any

import pytest

from consumer import cli
from consumer.pinterest.tag import TAG_EVENTS, snippet
from tests.unit.mapping.builders import an_order, event_of

BROWSER = """
const calls = [];
globalThis.pintrk = (...call) => { calls.push(call); };
crypto.randomUUID = undefined;  // as on a page without https
"""


def in_a_browser(html: str, then: str) -> Any:
    """Run the snippet's script, then something more; returns the calls of the tag, and what came back."""
    node = shutil.which("node")
    if node is None:
        if os.environ.get("REQUIRE_REAL") == "1":
            pytest.fail("REQUIRE_REAL=1, and no Node.js to run the pages' code", pytrace=False)
        pytest.skip("no Node.js to run the pages' code")
    script = html.partition("<script>")[2].rpartition("</script>")[0]
    program = (
        f"{BROWSER}{script}\nconst answer = {then};\nconsole.log(JSON.stringify({{calls, answer: answer ?? null}}));"
    )
    run = subprocess.run([node, "-"], input=program, capture_output=True, text=True, timeout=60, check=True)
    return json.loads(run.stdout)


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[object, str, str]:
    with pytest.raises(SystemExit) as end:
        cli.main(["tag-snippet", *arguments])
    out, err = capsys.readouterr()
    return end.value.code, out, err


@pytest.mark.parametrize("merchant", ["merchant-1", '</script>"\\<!--', "Ünï"])
def test_a_checkout_has_the_id_that_the_consumer_gives_it(merchant: str) -> None:
    order = {"order_id": "A-1001", "value": 30, "currency": "AUD", "quantity": 1, "products": [{"id": "shirt-m"}]}

    ran = in_a_browser(snippet(merchant_id=merchant, is_gross=False), f"pinterestCheckout({json.dumps(order)})")

    ((action, name, data),) = ran["calls"]
    assert (action, name) == ("track", "checkout")
    assert data["event_id"] == event_of(an_order(merchant_id=merchant, order_id="A-1001"))["event_id"]
    assert (data["order_id"], data["value"], data["currency"], data["order_quantity"]) == ("A-1001", 30, "AUD", 1)
    assert data["line_items"][0]["product_id"] == "shirt-m"


def test_the_page_may_name_the_merchant() -> None:
    ran = in_a_browser(snippet(merchant_id=None, is_gross=True), 'pinterestCheckout({order_id: "7"}, "merchant-2")')

    assert ran["calls"][0][2]["event_id"] == event_of(an_order(merchant_id="merchant-2", order_id="7"))["event_id"]


def test_another_action_hands_out_the_id_it_was_sent_with() -> None:
    twice = '[pinterestVisit("addtocart", {value: 9, event_id: "old"}), pinterestVisit("addtocart")]'

    ran = in_a_browser(snippet(merchant_id="merchant-1", is_gross=False), twice)

    first, second = ran["answer"]
    assert first != second
    assert [call[2]["event_id"] for call in ran["calls"]] == [first, second]
    assert ran["calls"][0] == ["track", "addtocart", {"value": 9, "event_id": first}]
    assert all(re.fullmatch("[0-9a-f]{32}", event_id) for event_id in (first, second))


def test_no_merchant_ends_the_script_it_stands_in() -> None:
    html = snippet(merchant_id="</script><b>", is_gross=False)

    assert html.count("</script>") == 1


def test_the_command_prints_it_and_nothing_else(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONVERSIONS_DEDUP__BROWSER_TAG", "present")
    monkeypatch.setenv("CONVERSIONS_EVENTS__VALUE_BASIS", "gross")

    code, out, err = printed(capsys, "--merchant", "merchant-1")

    assert (code, out, err) == (0, snippet(merchant_id="merchant-1", is_gross=True), "")
    assert all(name in out for name in TAG_EVENTS)


def test_a_merchant_that_nobody_routes_is_refused(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONVERSIONS_ROUTING__TABLE", '{"merchant-1": "549755885175"}')

    code, out, err = printed(capsys, "--merchant", "merchant-9")

    assert (code, out) == (2, "")
    assert "--merchant: is not in routing.table" in err


@pytest.mark.parametrize(
    "routing",
    [
        pytest.param({"DEFAULT_AD_ACCOUNT_ID": "549755885176", "ALLOW_DEFAULT": "true"}, id="to the default"),
        pytest.param({"UNKNOWN_MERCHANT": "skip"}, id="skipped"),
        pytest.param({"ACCOUNTS": '["549755885176"]'}, id="its records name the account"),
    ],
)
def test_a_merchant_outside_the_table_is_taken_where_its_records_are(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, routing: dict[str, str]
) -> None:
    monkeypatch.setenv("CONVERSIONS_ROUTING__TABLE", '{"merchant-1": "549755885175"}')
    for name, value in routing.items():
        monkeypatch.setenv(f"CONVERSIONS_ROUTING__{name}", value)

    code, out, _ = printed(capsys, "--merchant", "merchant-9")

    assert (code, out) == (0, snippet(merchant_id="merchant-9", is_gross=False))


def test_it_reminds_of_the_setting_that_goes_with_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONVERSIONS_DEDUP__BROWSER_TAG", "absent")

    code, _, err = printed(capsys)

    assert code == 0
    assert "set it to `present`" in err
