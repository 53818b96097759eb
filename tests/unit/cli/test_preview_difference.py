"""Two mappings are told apart by outcomes, by fields and by sums; no value of a person is kept."""

from __future__ import annotations

from decimal import Decimal

import pytest

from consumer.cli.preview_difference import Difference, Values
from consumer.records import DeadLetterReason, Invalid, Skipped, SkipReason
from tests.unit.cli.preview_builders import sent
from tests.unit.mapping.builders import ACCOUNT, OTHER_ACCOUNT, a_line, an_order

ORDER = an_order()


def difference_of(before: dict[str, object], after: dict[str, object]) -> Difference:
    difference = Difference()
    difference.add(sent(before), sent(after))
    return difference


def test_the_same_event_is_no_difference() -> None:
    found = difference_of(ORDER, ORDER)

    assert (found.sent_by_both, found.changed_events, found.moves, found.fields) == (1, 0, {}, {})
    assert found.values == {"AUD": Values(Decimal("30.00"), Decimal("30.00"))}


@pytest.mark.parametrize(
    ("before", "after", "fields"),
    [
        pytest.param(
            ORDER,
            an_order(totals={"items_net": Decimal("25.00"), "items_gross": Decimal("30.00")}),
            {("custom_data.value", "changed"): 1},
            id="another value",
        ),
        pytest.param(
            ORDER,
            an_order(customer={"phones": ["+61255501234"]}),
            {("user_data.ph", "gained"): 1},
            id="one more",
        ),
        pytest.param(
            ORDER, an_order(client={"ip_address": None}), {("user_data.client_ip_address", "lost"): 1}, id="one less"
        ),
        pytest.param(
            an_order(lines=[a_line(), a_line()]),
            an_order(lines=[a_line(name="Shirt"), a_line(name="Tie")]),
            {("custom_data.contents[].item_name", "gained"): 1},
            id="of several lines, once an event",
        ),
        pytest.param(
            ORDER,
            an_order(device={"model": "Phone"}, app={"app_name": "Shop"}),
            {("device_info.model", "gained"): 1, ("app_info.app_name", "gained"): 1},
            id="within what was not there at all",
        ),
        pytest.param(
            ORDER,
            an_order(lines=[a_line(), a_line()]),
            {
                ("custom_data.contents", "changed"): 1,
                ("custom_data.num_items", "changed"): 1,
            },
            id="as many lines as cannot be compared one by one",
        ),
    ],
)
def test_what_differs_is_told_by_its_path(
    before: dict[str, object], after: dict[str, object], fields: dict[tuple[str, str], int]
) -> None:
    found = difference_of(before, after)

    assert found.fields == fields
    assert found.changed_events == 1


def test_another_ad_account_is_a_difference() -> None:
    difference = Difference()

    difference.add(sent(ORDER), sent(ORDER, routing={"default_ad_account_id": OTHER_ACCOUNT}))

    assert difference.fields == {("ad_account_id", "changed"): 1}
    assert ACCOUNT not in repr(difference)


def test_outcomes_that_differ_are_counted_from_and_to() -> None:
    difference = Difference()
    dead = Invalid(("a problem",), DeadLetterReason.INVALID)

    difference.add(Skipped(SkipReason.BOT), sent(ORDER))
    difference.add(sent(ORDER), dead)
    difference.add(sent(ORDER), Invalid(("another problem",), DeadLetterReason.INVALID))
    difference.add(dead, Invalid(("another problem",), DeadLetterReason.INVALID))
    difference.add(Skipped(SkipReason.BOT), Skipped(SkipReason.NO_CONSENT))

    assert difference.moves == {
        ("skipped: bot", "sent"): 1,
        ("sent", "dead letter: invalid"): 2,
        ("skipped: bot", "skipped: no_consent"): 1,
    }
    assert difference.values == {"AUD": Values(before=Decimal("60.00"), after=Decimal("30.00"))}
    assert (difference.sent_by_both, difference.fields) == (0, {})
