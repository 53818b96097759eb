"""A record becomes what the consumer would have made of it at the time it was written."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from consumer.cli.preview_outcomes import Judge, Outcome, Sent, label_of
from consumer.records import DeadLetterReason, Decoded, Incompatible, Invalid, Skipped, SkipReason
from tests.unit.cli.preview_builders import TimedMessage, outcome_of, record_of, sent
from tests.unit.mapping.builders import ACCOUNT, NOW, NOW_S, a_config, an_order
from tests.unit.stages.builders import FakeMessage

DAY_S = 86_400


class MisnamedHeaders(FakeMessage):
    """As confluent-kafka behaves where a header's name is not UTF-8."""

    def headers(self) -> Any:
        raise UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte")


def test_a_record_that_is_mapped_would_be_sent() -> None:
    found = sent(an_order())

    assert found.event.event_id == found.mapped.payload["event_id"] == "merchant-1:1001:checkout"
    assert not found.is_test


@pytest.mark.parametrize("sections", [{"pinterest": {"test": True}}, {"ad_accounts": {ACCOUNT: {"mode": "test"}}}])
def test_an_event_of_an_account_in_test_is_known(sections: dict[str, Any]) -> None:
    assert sent(an_order(), **sections).is_test


def test_an_event_of_an_account_on_hold_is_known() -> None:
    assert sent(an_order(), ad_accounts={ACCOUNT: {"mode": "hold"}}).is_on_hold
    assert not sent(an_order()).is_on_hold


def test_its_age_is_that_at_which_it_was_written() -> None:
    written = NOW - timedelta(days=30)
    order = an_order(occurred_at=written, placed_at=written)
    judge = Judge(a_config(), "orders")

    then = judge.outcome(record_of(TimedMessage(int((NOW_S - 30 * DAY_S) * 1_000))), Decoded("any", order))
    now = judge.outcome(record_of(TimedMessage(int(NOW_S * 1_000))), Decoded("any", order))

    assert isinstance(then, Sent)
    assert now == Skipped(SkipReason.TOO_OLD)


def test_without_a_time_of_its_own_it_is_as_old_as_it_is_now() -> None:
    judge = Judge(a_config(), "orders")

    found = judge.outcome(record_of(TimedMessage(int(NOW_S * 1_000), kind=0)), Decoded("any", an_order()))

    assert found == Skipped(SkipReason.TOO_OLD)


def test_an_event_that_no_request_can_hold_is_a_dead_letter() -> None:
    found = outcome_of(an_order(), batch={"max_bytes": 1_000}, events={"partner_name": "ss-" + "x" * 90})
    larger = outcome_of(
        an_order(lines=[{"variant_id": f"shirt-{n}", "name": "Shirt" * 20} for n in range(10)]),
        batch={"max_bytes": 1_000},
    )

    assert isinstance(found, Sent)
    assert isinstance(larger, Invalid)
    assert larger.reason is DeadLetterReason.OVERSIZED


def test_headers_that_cannot_be_read_make_a_dead_letter() -> None:
    found = Judge(a_config(), "orders").outcome(record_of(MisnamedHeaders()), Decoded("any", an_order()))

    assert isinstance(found, Invalid)
    assert found.reason is DeadLetterReason.UNDECODABLE


def test_what_had_no_content_stays_what_it_is() -> None:
    tombstone = Skipped(SkipReason.TOMBSTONE)

    assert Judge(a_config(), "orders").outcome(record_of(), tombstone) is tombstone


def test_every_outcome_has_a_word_with_its_reason() -> None:
    outcomes: list[Outcome] = [
        sent(an_order()),
        Skipped(SkipReason.BOT),
        Invalid(("a problem",), DeadLetterReason.IN_FUTURE),
        Incompatible(("custom_data.value: gone",)),
    ]

    assert [label_of(outcome) for outcome in outcomes] == [
        *("sent", "skipped: bot", "dead letter: in_future", "held: schema_incompatible")
    ]
