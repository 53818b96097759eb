"""Writes the table of metrics in docs/operations.md, as a scraper sees them: `python -m tests.docs.operations_page`."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal

from prometheus_client.parser import text_string_to_metric_families

from consumer.records import DeadLetterReason, HoldCause, SkipReason
from consumer.tallies import Snapshot, Tallies
from consumer.telemetry import PREFIX, Telemetry
from tests.docs.pages import ROOT

PAGE = ROOT / "docs" / "operations.md"

BEGIN = "<!-- The table is written by `python -m tests.docs.operations_page` out of consumer/telemetry.py. -->\n"
END = "<!-- The end of what is written so. -->\n"

_SNAPSHOT = Snapshot(
    retention_runway_s=1.0,
    missing_offsets={("orders", 0): 1},
    held_accounts={HoldCause.THROTTLED: 1},
    holds={HoldCause.REGISTRY: 1},
    tallies=Tallies(
        consumed=Counter({"orders": 1}),
        accepted=Counter({("orders", "checkout", "web"): 1}),
        skipped=Counter({("orders", "", SkipReason.BOT): 1}),
        dead_lettered=Counter({("orders", DeadLetterReason.INVALID): 1}),
        abandoned=Counter({"orders": 1}),
        value={("checkout", "EUR"): Decimal(1)},
        answers=Counter({"judged": 1}),
        retries=Counter({"throttled": 1}),
        clipped=Counter({"language": 1}),
        remarks=Counter({"currency": 1}),
        lacks=Counter({"orders": 1}),
        coverage=Counter({("549755885175", "checkout", 1): 1}),
    ),
    ledger={"total": {"imbalance": 0}, "partitions": {"orders[0]": {"gaps": 1, "expired": 1}}},
)
"""Something of everything, so that every metric shows its labels."""


def render(page: str) -> str:
    """The page with its table of metrics anew."""
    above, _, rest = page.partition(BEGIN)
    return f"{above}{BEGIN}\n{_table()}\n{END}{rest.partition(END)[2]}"


def _table() -> str:
    telemetry = Telemetry(lambda: _SNAPSHOT, is_test=False, requests=lambda: {"200": 1})
    exposition = telemetry.render().decode()
    telemetry.shutdown()
    rows = ["| Metric | Kind | Labels | Meaning |", "|---|---|---|---|"]
    for family in text_string_to_metric_families(exposition):
        if not family.name.startswith(PREFIX):
            continue
        is_histogram = family.type == "histogram"
        name = (family.name if is_histogram else family.samples[0].name).removeprefix(PREFIX)
        labels = ", ".join(f"`{label}`" for label in sorted(family.samples[0].labels) if not is_histogram)
        rows.append(f"| `{name}` | {family.type} | {labels} | {family.documentation} |")
    return "\n".join(rows) + "\n"


if __name__ == "__main__":
    PAGE.write_text(render(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
