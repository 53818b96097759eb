"""What docs/mapping.md says that `conversions preview` tells is what it prints."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal

from consumer.cli.preview import DEFAULT_LIMIT
from consumer.cli.preview_counts import Counts
from consumer.cli.preview_facts import OF_BUNDLED_ORDERS, Facts
from consumer.cli.preview_report import Report, as_text
from consumer.records import Incompatible, Invalid
from tests.docs.pages import ROOT, names_in, section, table
from tests.unit.cli.preview_builders import sent
from tests.unit.mapping.builders import an_order

PAGE = section((ROOT / "docs" / "mapping.md").read_text(encoding="utf-8"), "A schema of your own")
(PART,) = (part for part in PAGE.split("\n### ") if part.startswith("Seeing it on real records"))


def everything() -> str:
    """A report in which nothing is left out."""
    counts = Counts()
    counts.add(sent(an_order(client={"language": "german"})), Facts(has_shared_id=True, grand_total=Decimal(40)))
    counts.add(Invalid(("currency: missing",)))
    counts.add(Incompatible(("custom_data.value: goods: gone",)), schema_name="com.acme.Order")
    return as_text(
        Report(
            topic="orders",
            since=datetime(2026, 11, 1, tzinfo=UTC),
            offsets=3,
            limit=DEFAULT_LIMIT,
            counts=counts,
            lacks=["com.acme.Order: user_data.ph: phone: gone"],
            grand_total_lacks=[],
        )
    )


def test_all_that_is_told_is_in_the_table_and_in_its_order() -> None:
    blocks = everything().split("\n\n")[1:]
    told = [names_in(row["Told"])[0] for row in table(PART, "Told")]

    assert [name for name, block in zip(told, blocks, strict=True) if name not in block.split("\n")[0]] == []


def test_defaults_are_as_told() -> None:
    assert f"`--limit` records ({DEFAULT_LIMIT:,} unless said)" in PART
    assert f"Of the bundled orders it is `{OF_BUNDLED_ORDERS}`" in PART


def test_every_option_told_is_one() -> None:
    source = (ROOT / "consumer" / "cli" / "preview.py").read_text(encoding="utf-8")
    options = {name.replace("-", "_") for name in re.findall(r"--([a-z][a-z-]+)", PART)}

    assert options == {"topic", "last", "grand_total", "limit", "output", "against", "record"}
    assert all(re.search(rf"^    {name}: Annotated\[", source, re.MULTILINE) for name in options)
