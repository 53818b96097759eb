"""What is counted adds up, and of lines and people nothing is kept but their number."""

from __future__ import annotations

from decimal import Decimal

from consumer.cli.preview_counts import Counts, Held, Revenue
from consumer.cli.preview_facts import Facts
from consumer.records import DeadLetterReason, Incompatible, Invalid, Skipped, SkipReason
from tests.unit.cli.preview_builders import sent
from tests.unit.mapping.builders import ACCOUNT, a_visit, an_order


def test_every_record_is_counted_once() -> None:
    counts = Counts()

    counts.add(sent(an_order()))
    counts.add(Skipped(SkipReason.BOT))
    counts.add(Skipped(SkipReason.BOT))
    counts.add(Invalid(("one", "other"), DeadLetterReason.INVALID))
    counts.add(Incompatible(("custom_data.value: gone",)), schema_name="com.acme.Order")

    assert counts.records == 5
    assert counts.sent == {("checkout", "web"): 1}
    assert counts.skipped == {SkipReason.BOT: 2}
    assert counts.dead_letters == {DeadLetterReason.INVALID: 1}
    assert counts.held == {"com.acme.Order": Held(1, {"custom_data.value: gone": None})}


def test_a_problem_of_many_lines_is_one_problem_of_a_record() -> None:
    counts = Counts()

    counts.add(Invalid(tuple(f"lines[{n}].quantity: a string where a decimal is expected" for n in range(20))))
    counts.add(Invalid(("lines[7].quantity: a string where a decimal is expected",)))

    assert counts.problems == {(DeadLetterReason.INVALID, "lines[].quantity: a string where a decimal is expected"): 2}


def test_of_held_records_each_problem_is_kept_once() -> None:
    counts = Counts()

    for problems in (("a: gone", "b: gone"), ("b: gone", "c: gone")):
        counts.add(Incompatible(problems), schema_name="com.acme.Order")

    assert counts.held["com.acme.Order"].records == 2
    assert list(counts.held["com.acme.Order"].problems) == ["a: gone", "b: gone", "c: gone"]


def test_revenue_is_summed_by_currency_beside_grand_totals() -> None:
    counts = Counts()

    counts.add(sent(an_order(totals={"items_net": Decimal("10.00")})), Facts(grand_total=Decimal("12.50")))
    counts.add(sent(an_order(totals={"items_net": Decimal("20.10")})), Facts())
    counts.add(sent(an_order(currency="JPY", totals={"items_net": Decimal(900)})), Facts(grand_total=Decimal(1000)))

    assert counts.revenue == {
        "AUD": Revenue(2, Decimal("30.10"), 1, Decimal("12.50")),
        "JPY": Revenue(1, Decimal(900), 1, Decimal(1000)),
    }


def test_coverage_tells_how_many_events_carry_each_component() -> None:
    counts = Counts()

    counts.add(sent(an_order()))
    counts.add(sent(an_order(client={"ip_address": None})))
    found = counts.coverage()

    assert found.keys() == {"checkout"}
    told = {name: found["checkout"][name] for name in ("events", "hashed_email", "ip_address", "click_id_epik")}
    assert told == {"events": 2, "hashed_email": 2, "ip_address": 1, "click_id_epik": 0}


def test_ids_shared_with_the_tag_are_counted_among_web_events_alone() -> None:
    counts = Counts()

    counts.add(sent(an_order()), Facts(has_shared_id=True))
    counts.add(sent(an_order()), Facts(has_shared_id=False))
    counts.add(sent(an_order(channel="POS")), Facts(has_shared_id=True))

    assert (counts.web, counts.web_with_shared_id) == (2, 1)


def test_a_field_is_clipped_once_an_event() -> None:
    counts = Counts()

    counts.add(sent(an_order(client={"ip_address": "10.0.0.1"})))
    counts.add(sent(an_order(client={"ip_address": "10.0.0.2", "language": "german"})))

    assert counts.clipped == {"client_ip_address": 2, "language": 1}


def test_events_that_pinterest_would_not_record_are_told_apart() -> None:
    counts = Counts()

    counts.add(sent(an_order()))
    counts.add(sent(an_order(), pinterest={"test": True}))

    assert (counts.events, counts.in_test) == (2, 1)


def test_events_that_would_wait_are_told_apart() -> None:
    counts = Counts()

    counts.add(sent(an_order()))
    counts.add(sent(an_order(), ad_accounts={ACCOUNT: {"mode": "hold"}}))

    assert (counts.events, counts.in_test, counts.on_hold) == (2, 0, 1)


def test_an_event_without_a_currency_has_no_revenue() -> None:
    counts = Counts()

    counts.add(sent(a_visit(), name="visit"))

    assert (counts.events, counts.revenue) == (1, {})
