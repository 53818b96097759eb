"""What is told is what was counted, in both forms; no person is in it, and nothing moves a terminal."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.cli.preview_counts import Counts
from consumer.cli.preview_difference import Difference
from consumer.cli.preview_facts import Facts, FactsReader
from consumer.cli.preview_outcomes import Judge, Outcome, Sent
from consumer.cli.preview_report import Report, as_json, as_text
from consumer.config import BundledName
from consumer.records import DeadLetterReason, Decoded, Incompatible, Invalid, Skipped, SkipReason
from tests.harness.arbitrary import bounded, configurations, damaged
from tests.harness.planted import Person, people, records_about, values_about
from tests.unit.cli.preview_builders import record_of, sent
from tests.unit.mapping.builders import ACCOUNT, a_config, a_visit, an_order


def report_of(counts: Counts, **changes: Any) -> Report:
    given: dict[str, Any] = {
        "topic": "orders",
        "since": datetime(2026, 11, 1, 9, tzinfo=UTC),
        "offsets": counts.records,
        "limit": 100_000,
        "counts": counts,
        "lacks": [],
        "grand_total_lacks": [],
        **changes,
    }
    return Report(**given)


def counted(*outcomes: Outcome, grand_total: str | None = None) -> Counts:
    counts = Counts()
    total = None if grand_total is None else Decimal(grand_total)
    for outcome in outcomes:
        counts.add(outcome, Facts(has_shared_id=True, grand_total=total), schema_name="com.acme.Order")
    return counts


def block(text: str, start: str) -> list[str]:
    """The lines of the block that begins so."""
    (found,) = (block for block in text.split("\n\n") if block.startswith(start))
    return found.rstrip("\n").split("\n")


def test_nothing_read_is_said_in_one_line() -> None:
    assert as_text(report_of(Counts())) == (
        "orders: 0 records written since 2026-11-01T09:00:00Z, each mapped as of then. Nothing was sent.\n"
    )


def test_outcomes_are_told_with_their_shares() -> None:
    dead = Invalid(("currency: missing",), DeadLetterReason.INVALID)

    text = as_text(
        report_of(
            counted(sent(an_order()), sent(an_order()), Skipped(SkipReason.BOT), dead, Incompatible(("a: gone",)))
        )
    )

    assert block(text, "Outcome") == [
        "Outcome                    records   share",
        "sent                             2  40.0 %",
        "skipped: bot                     1  20.0 %",
        "dead letter: invalid             1  20.0 %",
        "held: schema_incompatible        1  20.0 %",
    ]
    assert block(text, "Event") == ["Event     action source  events", "checkout  web                 2"]
    assert block(text, "records") == ["records  dead letter  problem", "      1  invalid      currency: missing"]
    assert block(text, "Held") == [
        "Held as schema_incompatible: 1 records com.acme.Order; their schemas and the mapping do not go together:",
        "  a: gone",
    ]


def test_events_of_which_pinterest_records_nothing_are_told_below_the_others() -> None:
    text = as_text(report_of(counted(sent(an_order()), sent(an_order(), pinterest={"test": True}))))

    assert block(text, "Outcome")[1:] == [
        "sent                                       2  100.0 %",
        "  of these in test: account_in_test        1   50.0 %",
    ]


def test_events_that_would_wait_are_told_below_the_others() -> None:
    report = report_of(counted(sent(an_order()), sent(an_order(), ad_accounts={ACCOUNT: {"mode": "hold"}})))

    text, document = as_text(report), as_json(report)

    assert (document["sent"], document["waiting_on_hold"]) == (2, 1)
    assert block(text, "Outcome")[1:] == [
        "sent                                       2  100.0 %",
        "  of these waiting: account on hold        1   50.0 %",
    ]


@pytest.mark.parametrize(
    ("grand_total", "told"),
    [
        ("113.05", "sent 1,090.00 AUD of 1,130.50 AUD grand total (96.4 %) in 10 events"),
        ("0", "sent 1,090.00 AUD of 0.00 AUD grand total in 10 events"),
        (None, "sent 1,090.00 AUD in 10 events"),
    ],
)
def test_revenue_stands_beside_the_grand_total(grand_total: str | None, told: str) -> None:
    event = sent(an_order(totals={"items_net": Decimal("109.00")}))

    text = as_text(report_of(counted(*[event] * 10, grand_total=grand_total)))

    assert block(text, "Revenue")[1:] == [f"  {told}"]


def test_events_without_a_grand_total_and_without_a_currency_are_told() -> None:
    counts = counted(sent(an_order()), sent(a_visit(), name="visit"), grand_total="40.00")
    counts.add(sent(an_order()))

    text = as_text(report_of(counts, grand_total_lacks=["totel: the schema has no such field"]))

    assert block(text, "Revenue")[1:] == [
        "  sent 60.00 AUD of 40.00 AUD grand total (150.0 %) in 2 events, of which 1 have no grand total",
        "  1 events have no currency, and so no value",
        "  --grand-total: totel: the schema has no such field",
    ]


def test_amounts_have_the_digits_of_their_currency() -> None:
    counts = counted(
        sent(an_order(currency="JPY", totals={"items_net": Decimal(1200)})),
        sent(an_order(currency="KWD", totals={"items_net": Decimal("1.5")})),
        grand_total="2000.0045",
    )

    revenue = as_json(report_of(counts))["revenue"]

    assert {code: (each["value"], each["grand_total"]) for code, each in revenue.items()} == {
        "JPY": ("1200", "2000"),
        "KWD": ("1.500", "2000.005"),
    }


def test_coverage_and_shared_ids_are_told_of_every_kind_of_event() -> None:
    visits = [sent(a_visit(type=name), name="visit") for name in ("SEARCH", "LEAD", "SIGNUP", "SUBSCRIBE", "CUSTOM")]

    text = as_text(report_of(counted(*visits)))

    heads = [line.split()[4:] for line in text.split("\n") if line.startswith("Coverage, % of events")]
    assert heads == [["custom", "lead", "search", "signup"], ["subscribe"]]
    assert "An id shared with the tag: 5 of 5 web events (100.0 %)\n" in text


def test_of_many_problems_the_most_frequent_are_told() -> None:
    often = Invalid(("often: wrong",), DeadLetterReason.INVALID)
    others = [Invalid((f"field_{n}: wrong",), DeadLetterReason.INVALID) for n in range(11)]
    report = report_of(counted(*others, often, often))

    lines = block(as_text(report), "records")

    assert lines[1].split() == ["2", "invalid", "often:", "wrong"]
    assert len(lines) == 12
    assert lines[-1] == "and 2 more kinds of problems"
    assert len(as_json(report)["problems"]) == 12


def test_a_limit_that_cut_is_told() -> None:
    text = as_text(report_of(Counts(), offsets=2_000_000))

    assert "only the newest 100,000 of some 2,000,000 were read" in text
    assert as_json(report_of(Counts(), offsets=2_000_000))["is_cut"] is True
    assert as_json(report_of(Counts()))["is_cut"] is False


def test_what_schemas_lack_is_told() -> None:
    text = as_text(report_of(Counts(), lacks=["com.acme.Order: user_data.ph: phone: the schema has no such field"]))

    assert block(text, "Not in a schema")[1:] == ["  com.acme.Order: user_data.ph: phone: the schema has no such field"]


def test_clipped_fields_are_told_with_their_share_of_events() -> None:
    text = as_text(report_of(counted(sent(an_order(client={"language": "german"})), sent(an_order()))))

    assert block(text, "Shortened")[1:] == ["language                    1  50.0 %"]


def test_a_difference_is_told_by_outcome_by_field_and_in_sums() -> None:
    difference = Difference()
    difference.add(Skipped(SkipReason.BOT), sent(an_order()))
    difference.add(sent(an_order()), sent(an_order(customer={"phones": ["+61255501234"]})))
    difference.add(sent(an_order()), sent(an_order(totals={"items_net": Decimal("25.00"), "items_gross": None})))
    report = report_of(counted(*[sent(an_order())] * 3), against="old.yaml", difference=difference)

    text = as_text(report)

    assert block(text, "From old.yaml") == [
        "From old.yaml to the configured mapping: 1 of 3 records become something else;",
        "of 2 events that both send, 2 are not the same.",
    ]
    assert "      1  skipped: bot  sent\n" in text
    assert block(text, "Field")[1:] == [
        "custom_data.value                                    1",
        "user_data.ph                          1",
    ]
    assert block(text, "Value")[1:] == ["AUD                   60.00  85.00       25.00"]
    assert as_json(report)["difference"] == {
        "against": "old.yaml",
        "moved_records": 1,
        "moves": [{"from": "skipped: bot", "to": "sent", "records": 1}],
        "sent_by_both": 2,
        "changed_events": 2,
        "fields": {
            "custom_data.value": {"gained": 0, "lost": 0, "changed": 1},
            "user_data.ph": {"gained": 1, "lost": 0, "changed": 0},
        },
        "values": {"AUD": {"before": "60.00", "after": "85.00"}},
    }


def test_without_another_mapping_there_is_no_difference() -> None:
    assert as_json(report_of(counted(sent(an_order()))))["difference"] is None


def test_a_name_out_of_a_schema_moves_no_terminal() -> None:
    counts = Counts()
    counts.add(Incompatible(("a\x1b[2J: gone",)), schema_name="com.acme.\x1b[2J")

    text = as_text(report_of(counts, lacks=["\x1b[2J"], against="\x1b[2J", difference=Difference()))

    assert "\x1b" not in text


@pytest.mark.parametrize("name", ["order", "visit"])
@bounded(60)
@given(data=st.data(), person=people(), sections=configurations())
def test_nobody_is_told_of(name: BundledName, data: st.DataObject, person: Person, sections: dict[str, Any]) -> None:
    topic, config = f"{name}s", a_config(**sections)
    now, before = Judge(config, topic), Judge(a_config(), topic)
    facts = FactsReader(config, topic, now.mapper, None)
    about = records_about(name, person)
    decoded = Decoded("any", data.draw(about | damaged(about, values_about(person))))
    counts, difference = Counts(), Difference()

    outcome = now.outcome(record_of(), decoded)
    counts.add(outcome, facts.of(decoded) if isinstance(outcome, Sent) else Facts())
    difference.add(before.outcome(record_of(), decoded), outcome)
    report = report_of(
        counts,
        lacks=[lack.problem for lack in now.mapper.take_lacks()],
        grand_total_lacks=list(facts.lacks),
        against="old.yaml",
        difference=difference,
    )

    assert person.traces_in(as_text(report)) == []
    assert person.traces_in(orjson.dumps(as_json(report)).decode()) == []
