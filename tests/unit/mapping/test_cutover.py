"""From when, and until when, an account's events are ours to report: by the time of the event, to the millisecond."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from pydantic import ValidationError

from consumer.config import AdAccount
from consumer.mapping.cutover import Window, windows_of
from consumer.records import DeadLetterReason, Invalid, SkipReason
from tests.unit.mapping.builders import (
    ACCOUNT,
    NOW,
    NOW_S,
    OTHER_ACCOUNT,
    a_visit,
    an_order,
    event_of,
    outcome_of,
    skip_of,
)

OUTSIDE = SkipReason.OUTSIDE_CUTOVER
CUT = NOW - timedelta(hours=1)
MILLISECOND = timedelta(milliseconds=1)
BOTH = pytest.mark.parametrize("make", [an_order, a_visit], ids=["order", "visit"])


def happening(make: Any, moment: datetime) -> dict[str, Any]:
    record: dict[str, Any] = make(occurred_at=moment)
    return record | {"placed_at": moment} if "placed_at" in record else record


def window(**bounds: datetime) -> dict[str, Any]:
    return {ACCOUNT: {name: moment.isoformat() for name, moment in bounds.items()}}


@BOTH
@pytest.mark.parametrize(
    ("moment", "bounds", "skip"),
    [
        pytest.param(CUT - MILLISECOND, {"active_from": CUT}, OUTSIDE, id="just before the start"),
        pytest.param(CUT, {"active_from": CUT}, None, id="at the start"),
        pytest.param(CUT - MILLISECOND, {"active_until": CUT}, None, id="just before the end"),
        pytest.param(CUT, {"active_until": CUT}, OUTSIDE, id="at the end"),
        pytest.param(CUT, {"active_from": CUT, "active_until": CUT + MILLISECOND}, None, id="within both"),
        pytest.param(CUT + MILLISECOND, {"active_from": CUT, "active_until": CUT + MILLISECOND}, OUTSIDE, id="after"),
    ],
)
def test_an_event_is_ours_from_the_start_on_and_before_the_end(
    make: Any, moment: datetime, bounds: dict[str, datetime], skip: SkipReason | None
) -> None:
    assert skip_of(happening(make, moment), ad_accounts=window(**bounds)) is skip


@pytest.mark.parametrize("offset_ms", [-1_001, -1_000, -999, -1, 0, 1, 999, 1_000])
def test_of_two_integrations_that_meet_exactly_one_reports_an_event(offset_ms: int) -> None:
    order = happening(an_order, CUT + offset_ms * MILLISECOND)

    skips = [skip_of(order, ad_accounts=window(**{bound: CUT})) for bound in ("active_until", "active_from")]

    assert sorted(skips, key=str) == [None, OUTSIDE]


def test_the_time_of_an_order_is_that_of_its_event() -> None:
    """Placed before and told of after: it was the other integration's."""
    assert (
        skip_of(an_order(placed_at=CUT - MILLISECOND, occurred_at=NOW), ad_accounts=window(active_from=CUT)) is OUTSIDE
    )


def test_the_zone_that_is_said_counts() -> None:
    here = CUT.astimezone(timezone(timedelta(hours=5, minutes=30)))

    assert skip_of(happening(an_order, CUT), ad_accounts=window(active_from=here)) is None
    assert skip_of(happening(an_order, CUT), ad_accounts=window(active_until=here)) is OUTSIDE


def test_another_accounts_window_is_no_matter() -> None:
    ours = window(active_from=NOW + timedelta(days=1))

    assert skip_of(an_order(), ad_accounts={OTHER_ACCOUNT: ours[ACCOUNT]}) is None


def test_what_is_sent_as_of_now_is_judged_by_its_own_time() -> None:
    """Else the answer would depend on when it was read, and the other integration's on something else."""
    soon = happening(an_order, NOW + timedelta(seconds=200))
    cut = NOW + timedelta(seconds=100)

    assert skip_of(soon, ad_accounts=window(active_until=cut)) is OUTSIDE
    assert event_of(soon, ad_accounts=window(active_from=cut))["event_time"] == NOW_S


def test_a_time_that_cannot_be_decides_on_no_window() -> None:
    far = outcome_of(happening(an_order, NOW + timedelta(days=365)), ad_accounts=window(active_until=CUT))

    assert isinstance(far, Invalid)
    assert far.reason is DeadLetterReason.IN_FUTURE


def test_what_another_reported_is_not_told_as_lost_to_age() -> None:
    old = happening(an_order, NOW - timedelta(days=30))

    assert skip_of(old, ad_accounts=window(active_from=CUT)) is OUTSIDE
    assert skip_of(old, ad_accounts=window(active_until=CUT)) is SkipReason.TOO_OLD


def test_only_accounts_with_a_window_have_one() -> None:
    accounts = {"1": AdAccount(), "2": AdAccount.model_validate({"active_from": "1970-01-01T01:00:00.0019+01:00"})}

    assert windows_of(accounts) == {"2": Window(1, None)}


@pytest.mark.parametrize("bound", ["active_from", "active_until"])
@pytest.mark.parametrize("moment", ["2026-11-01T00:00:00", "2026-11-01"])
def test_a_time_without_its_zone_is_refused(bound: str, moment: str) -> None:
    with pytest.raises(ValidationError, match="needs its zone"):
        AdAccount.model_validate({bound: moment})


@pytest.mark.parametrize("until", ["2026-11-01T00:00:00Z", "2026-11-01T00:30:00+01:00"])
def test_a_window_that_holds_nothing_is_refused(until: str) -> None:
    with pytest.raises(ValidationError, match="`active_from` must be before `active_until`"):
        AdAccount.model_validate({"active_from": "2026-11-01T00:00:00Z", "active_until": until})
