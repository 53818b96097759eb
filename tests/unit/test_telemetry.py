"""The metrics as a scraper sees them: their names and labels, which others rely on, and what they say."""

from __future__ import annotations

import re
from collections import Counter
from decimal import Decimal
from typing import get_args

import pytest
from prometheus_client.parser import text_string_to_metric_families

from consumer import __version__
from consumer.ledger import Entry, Ledger
from consumer.pinterest.answers import Answer
from consumer.pinterest.components import COMPONENTS
from consumer.records import Assignment, DeadLetterReason, HoldCause, SkipReason
from consumer.tallies import AGE_BOUNDS_S, BATCH_BOUNDS, DURATION_BOUNDS_S, Histogram, Snapshot, Tallies
from consumer.telemetry import METRICS, PREFIX, Telemetry

RELIED_ON = {
    "records_consumed_total": {"topic"},
    "events_accepted_total": {"topic", "event_name", "action_source"},
    "records_skipped_total": {"topic", "event_name", "reason"},
    "records_dead_lettered_total": {"topic", "reason"},
    "records_abandoned_total": {"topic"},
    "offset_gaps_total": {"topic"},
    "value_accepted_total": {"event_name", "currency"},
    "events_in_hand": set(),
    "in_hand_bytes": set(),
    "accounts_held": {"cause"},
    "partitions_paused": set(),
    "last_accepted_timestamp_seconds": set(),
    "commit_failures_total": set(),
    "ledger_imbalance": set(),
    "events_with_identity_total": {"component"},
    "event_age_seconds_bucket": {"le"},
    "event_age_seconds_count": set(),
    "event_age_seconds_sum": set(),
    "api_requests_total": {"code"},
    "retries_total": {"cause"},
    "batch_events_bucket": {"le"},
    "batch_events_count": set(),
    "batch_events_sum": set(),
    "delivery_duration_seconds_bucket": {"le"},
    "delivery_duration_seconds_count": set(),
    "delivery_duration_seconds_sum": set(),
    "oldest_unsettled_age_seconds": set(),
    "retention_runway_seconds": set(),
    "test_mode": set(),
    "build_info": {"version"},
}
"""Names that dashboards and alerts are written with, and their labels."""
OF_OURS_BESIDES = {
    "records_expired_total": {"topic"},
    "offsets_missing_total": {"topic"},
    "control_thread_stalls_total": set(),
    "answers_total": {"kind"},
    "requests_in_flight": set(),
    "holds": {"cause"},
    "partitions_assigned": set(),
    "fields_clipped_total": {"field"},
    "api_warnings_total": {"field"},
    "schema_fields_missing_total": {"topic"},
    "accounts_in_test": set(),
    "suppressed_hashes": set(),
    "suppress_list_age_seconds": set(),
}
CLOSED = {
    "topic": {"orders", "visits"},
    "event_name": {"checkout", "page_visit", ""},
    "action_source": {"web", "offline"},
    "currency": {"EUR", "USD"},
    "kind": {"judged", "throttled"},
    "component": set(COMPONENTS),
    "field": {"language", "currency"},
    "le": {*map(str, (*AGE_BOUNDS_S, *DURATION_BOUNDS_S, *BATCH_BOUNDS)), "+Inf"},
    "code": {"200", "429", "none"},
    "reason": {*SkipReason, *DeadLetterReason},
    "cause": {*HoldCause, *(kind.__name__.lower() for kind in get_args(Answer))},
    "version": {__version__},
}
"""All values that a label may take here; in earnest the topics are those configured, the rest those of the API."""


def spread_over(bounds: tuple[float, ...], *values: float) -> Histogram:
    histogram = Histogram(bounds)
    for value in values:
        histogram.observe(value)
    return histogram


def busy_snapshot() -> Snapshot:
    """Something of everything."""
    tallies = Tallies(
        consumed=Counter({"orders": 100, "visits": 50}),
        accepted=Counter({("orders", "checkout", "web"): 60, ("orders", "checkout", "offline"): 5}),
        skipped=Counter({("visits", "", SkipReason.BOT): 7, ("orders", "checkout", SkipReason.DUPLICATE): 2}),
        dead_lettered=Counter({("orders", DeadLetterReason.REJECTED): 3}),
        abandoned=Counter({"visits": 4}),
        value={("checkout", "EUR"): Decimal("1234.56"), ("checkout", "USD"): Decimal("0.10")},
        answers=Counter({"judged": 9, "throttled": 1}),
        clipped=Counter({"language": 2}),
        remarks=Counter({"currency": 3}),
        lacks=Counter({"orders": 2}),
        coverage=Counter({("549000000001", "checkout", 0b1000011): 4, ("549000000002", "checkout", 0b1000001): 6}),
        retries=Counter({"throttled": 1, "refused": 2}),
        ages=spread_over(AGE_BOUNDS_S, 0.5, 1.0, 4_000.0, 10_000_000.0),
        durations=spread_over(DURATION_BOUNDS_S, 0.3, 1.2),
        batch_events=spread_over(BATCH_BOUNDS, 1, 999, 1_000),
        last_accepted_wall_s=1_750_000_000.0,
    )
    ledger = Ledger()
    for topic, partition, gaps in (("orders", 0, 2), ("orders", 1, 3), ("visits", 0, 0)):
        assignment = Assignment(topic, partition, 0)
        ledger.open(assignment)
        expired = int(topic == "orders")
        ledger.of(assignment).add(Entry(gaps=gaps, expired=expired, span=gaps + expired + (topic == "visits")))
    return Snapshot(
        partitions=3,
        paused=1,
        in_hand_events=11,
        in_hand_bytes=2_200,
        in_flight=2,
        commit_failures=6,
        oldest_unsettled_s=12.5,
        retention_runway_s=3_600.0,
        missing_offsets={("orders", 0): 2, ("orders", 1): 1, ("visits", 0): 4},
        held_accounts={HoldCause.UNAUTHORIZED: 2, HoldCause.THROTTLED: 1},
        holds={HoldCause.REGISTRY: 1},
        tallies=tallies,
        ledger=ledger.as_dict(),
    )


Samples = dict[str, dict[tuple[tuple[str, str], ...], float]]


def scraped(snapshot: Snapshot, *, is_test: bool = False) -> Samples:
    """Name without the prefix → labels → value."""
    telemetry = Telemetry(
        lambda: snapshot,
        is_test=is_test,
        requests=lambda: {"200": 9, "429": 1, "none": 3},
        stalls=lambda: 2,
    )
    try:
        return samples_of(telemetry.render())
    finally:
        telemetry.shutdown()


def samples_of(page: bytes) -> Samples:
    found: Samples = {}
    for family in text_string_to_metric_families(page.decode()):
        for sample in family.samples:
            if sample.name.startswith(PREFIX):
                labels = tuple(sorted(sample.labels.items()))
                found.setdefault(sample.name.removeprefix(PREFIX), {})[labels] = sample.value
    return found


def test_every_metric_has_the_name_and_the_labels_that_others_rely_on() -> None:
    found = scraped(busy_snapshot())

    assert {name: {label for labels in samples for label, _ in labels} for name, samples in found.items()} == {
        **RELIED_ON,
        **OF_OURS_BESIDES,
    }


def test_no_label_takes_a_value_outside_its_closed_set() -> None:
    for samples in scraped(busy_snapshot()).values():
        for labels in samples:
            for label, value in labels:
                assert value in CLOSED[label]


def test_no_metric_tells_accounts_apart() -> None:
    labels = {label for samples in scraped(busy_snapshot()).values() for found in samples for label, _ in found}

    assert [label for label in labels if "account" in label or "merchant" in label or "id" in label.split("_")] == []


def test_the_figures_are_those_of_the_snapshot() -> None:
    found = scraped(busy_snapshot())

    assert found["records_consumed_total"] == {(("topic", "orders"),): 100, (("topic", "visits"),): 50}
    assert found["events_accepted_total"] == {
        (("action_source", "web"), ("event_name", "checkout"), ("topic", "orders")): 60,
        (("action_source", "offline"), ("event_name", "checkout"), ("topic", "orders")): 5,
    }
    assert found["records_skipped_total"] == {
        (("event_name", ""), ("reason", "bot"), ("topic", "visits")): 7,
        (("event_name", "checkout"), ("reason", "duplicate"), ("topic", "orders")): 2,
    }
    assert found["records_dead_lettered_total"] == {(("reason", "rejected"), ("topic", "orders")): 3}
    assert found["records_abandoned_total"] == {(("topic", "visits"),): 4}
    assert found["offset_gaps_total"] == {(("topic", "orders"),): 5, (("topic", "visits"),): 0}
    assert found["records_expired_total"] == {(("topic", "orders"),): 2, (("topic", "visits"),): 0}
    assert found["value_accepted_total"] == {
        (("currency", "EUR"), ("event_name", "checkout")): 1234.56,
        (("currency", "USD"), ("event_name", "checkout")): 0.1,
    }
    assert found["answers_total"] == {(("kind", "judged"),): 9, (("kind", "throttled"),): 1}
    assert found["retries_total"] == {(("cause", "throttled"),): 1, (("cause", "refused"),): 2}
    assert found["api_requests_total"] == {(("code", "200"),): 9, (("code", "429"),): 1, (("code", "none"),): 3}
    assert found["offsets_missing_total"] == {(("topic", "orders"),): 3, (("topic", "visits"),): 4}
    assert found["accounts_held"] == {(("cause", "unauthorized"),): 2, (("cause", "throttled"),): 1}
    assert found["holds"] == {(("cause", "registry"),): 1}
    assert found["events_with_identity_total"] == {
        (("component", "hashed_email"),): 10,
        (("component", "hashed_maid"),): 4,
        (("component", "external_event_id"),): 10,
    }
    assert found["fields_clipped_total"] == {(("field", "language"),): 2}
    assert found["api_warnings_total"] == {(("field", "currency"),): 3}


def test_a_distribution_counts_all_up_to_each_bound() -> None:
    found = scraped(busy_snapshot())
    buckets = {dict(labels)["le"]: count for labels, count in found["event_age_seconds_bucket"].items()}

    assert (buckets["1.0"], buckets["3600.0"], buckets["7200.0"], buckets["604800.0"]) == (2, 2, 3, 3)
    assert buckets["+Inf"] == found["event_age_seconds_count"][()] == 4
    assert found["event_age_seconds_sum"] == {(): 10_004_001.5}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("events_in_hand", 11),
        ("in_hand_bytes", 2_200),
        ("requests_in_flight", 2),
        ("partitions_assigned", 3),
        ("partitions_paused", 1),
        ("commit_failures_total", 6),
        ("last_accepted_timestamp_seconds", 1_750_000_000),
        ("ledger_imbalance", 1),
        ("oldest_unsettled_age_seconds", 12.5),
        ("retention_runway_seconds", 3_600),
        ("control_thread_stalls_total", 2),
        ("test_mode", 0),
    ],
)
def test_a_figure_without_labels_is_that_of_the_snapshot(name: str, value: float) -> None:
    assert scraped(busy_snapshot())[name] == {(): value}


def test_a_full_batch_is_told_from_one_that_is_nearly_full() -> None:
    found = scraped(busy_snapshot())["batch_events_bucket"]
    buckets = {dict(labels)["le"]: count for labels, count in found.items()}

    assert (buckets["1.0"], buckets["999.0"], buckets["1000.0"]) == (1, 2, 3)


def test_where_retention_takes_nothing_there_is_no_runway_rather_than_none_left() -> None:
    assert "retention_runway_seconds" not in scraped(Snapshot())


def test_a_rehearsal_shows_as_one() -> None:
    assert scraped(Snapshot(), is_test=True)["test_mode"] == {(): 1}


def test_accounts_in_test_beside_live_ones_show() -> None:
    telemetry = Telemetry(Snapshot, is_test=False, accounts_in_test=2)

    assert samples_of(telemetry.render())["accounts_in_test"] == {(): 2}
    telemetry.shutdown()


def test_the_build_is_told_by_its_version() -> None:
    assert scraped(Snapshot())["build_info"] == {(("version", __version__),): 1}


def test_before_anything_happened_there_is_a_page_all_the_same() -> None:
    found = scraped(Snapshot())

    assert found["events_in_hand"] == {(): 0}
    assert found["ledger_imbalance"] == {(): 0}
    assert "records_consumed_total" not in found


def test_each_scrape_tells_the_latest_snapshot_and_no_hold_that_is_over() -> None:
    snapshot = busy_snapshot()
    telemetry = Telemetry(lambda: snapshot, is_test=False)
    telemetry.render()

    snapshot = Snapshot(in_hand_events=1, held_accounts={HoldCause.THROTTLED: 1})
    found = samples_of(telemetry.render())
    telemetry.shutdown()

    assert found["events_in_hand"] == {(): 1}
    assert found["accounts_held"] == {(("cause", "throttled"),): 1}
    assert "holds" not in found


def test_two_consumers_in_one_process_do_not_mix() -> None:
    first = Telemetry(lambda: Snapshot(in_hand_events=1), is_test=False)
    second = Telemetry(lambda: Snapshot(in_hand_events=2), is_test=False)

    assert samples_of(first.render())["events_in_hand"] == {(): 1}
    assert samples_of(second.render())["events_in_hand"] == {(): 2}
    first.shutdown()
    second.shutdown()


def test_every_metric_says_what_it_means() -> None:
    telemetry = Telemetry(busy_snapshot, is_test=False)
    page = telemetry.render().decode()
    telemetry.shutdown()

    for metric in METRICS:
        assert re.search(rf"^# HELP {PREFIX}{metric.name}(_total)? \S", page, re.MULTILINE), metric.name
        assert metric.meaning.endswith(".")
        assert metric.unit
