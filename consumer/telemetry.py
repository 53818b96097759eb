"""Every metric, declared once: name, kind, unit, meaning, and how it is read from a snapshot.

Nothing is recorded on the way of a record: counters are plain tallies of the control thread, and are read only when
somebody scrapes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, Literal

from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.metrics import CallbackOptions, Observation
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.resources import Resource
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import HistogramMetricFamily
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from consumer import __version__
from consumer.pinterest.components import names_of
from consumer.records import HoldCause
from consumer.suppress_list import SuppressList
from consumer.tallies import Histogram, Snapshot

PREFIX = "pinterest_conversions_"

Labels = Mapping[str, str]
Reading = Iterable[tuple[float, Labels]]


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric. Its Prometheus name is `PREFIX` + `name`, and `_total` behind a counter's."""

    name: str
    kind: Literal["counter", "gauge"]
    unit: str
    meaning: str
    read: Callable[[Snapshot], Reading]


@dataclass(frozen=True, slots=True)
class Distribution:
    """A metric that tells how values are spread. Its Prometheus name is `PREFIX` + `name`."""

    name: str
    meaning: str
    read: Callable[[Snapshot], Histogram]


def _one(value: float) -> Reading:
    return [(value, {})]


def _by_cause(counts: Mapping[HoldCause, int]) -> Reading:
    return [(count, {"cause": cause}) for cause, count in counts.items()]


def _by_topic(ledger: Mapping[str, Any], figure: str) -> Reading:
    counts: Counter[str] = Counter()
    for partition, entry in ledger.get("partitions", {}).items():  # named as in `orders[3]`
        counts[partition.rpartition("[")[0]] += entry[figure]
    return [(count, {"topic": topic}) for topic, count in counts.items()]


def _summed_by_topic(offsets: Mapping[tuple[str, int], int]) -> Reading:
    counts: Counter[str] = Counter()
    for (topic, _), n in offsets.items():
        counts[topic] += n
    return [(n, {"topic": topic}) for topic, n in counts.items()]


def _by_component(coverage: Mapping[tuple[str, str, int], int]) -> Reading:
    counts: Counter[str] = Counter()
    for (_, _, components), events in coverage.items():
        for name in names_of(components):
            counts[name] += events
    return [(count, {"component": name}) for name, count in counts.items()]


METRICS: tuple[Metric, ...] = (
    Metric(
        "records_consumed",
        "counter",
        "{record}",
        "Records taken from Kafka.",
        lambda s: [(n, {"topic": topic}) for topic, n in s.tallies.consumed.items()],
    ),
    Metric(
        "events_accepted",
        "counter",
        "{event}",
        "Events that Pinterest acknowledged.",
        lambda s: [
            (n, {"topic": topic, "event_name": name, "action_source": source})
            for (topic, name, source), n in s.tallies.accepted.items()
        ],
    ),
    Metric(
        "records_skipped",
        "counter",
        "{record}",
        "Records settled on purpose without an accepted event, by reason.",
        lambda s: [
            (n, {"topic": topic, "event_name": name, "reason": reason})
            for (topic, name, reason), n in s.tallies.skipped.items()
        ],
    ),
    Metric(
        "records_dead_lettered",
        "counter",
        "{record}",
        "Records safe in the dead-letter topic, by reason.",
        lambda s: [(n, {"topic": topic, "reason": reason}) for (topic, reason), n in s.tallies.dead_lettered.items()],
    ),
    Metric(
        "records_abandoned",
        "counter",
        "{record}",
        "Records left to the next owner of their partition, unsettled.",
        lambda s: [(n, {"topic": topic}) for topic, n in s.tallies.abandoned.items()],
    ),
    Metric(
        "value_accepted",
        "counter",
        "{currency}",
        "Value of the accepted events, in units of their currency.",
        lambda s: [
            (float(value), {"event_name": name, "currency": currency})
            for (name, currency), value in s.tallies.value.items()
        ],
    ),
    Metric(
        "offset_gaps",
        "counter",
        "{offset}",
        "Offsets that held no record: compaction or transaction markers, else a loss.",
        lambda s: _by_topic(s.ledger, "gaps"),
    ),
    Metric(
        "offsets_missing",
        "counter",
        "{offset}",
        "Those of them on topics that are neither compacted nor transactional: records lost.",
        lambda s: _summed_by_topic(s.missing_offsets),
    ),
    Metric(
        "records_expired",
        "counter",
        "{record}",
        "Records that retention took before they were read: lost.",
        lambda s: _by_topic(s.ledger, "expired"),
    ),
    Metric(
        "answers",
        "counter",
        "{request}",
        "Requests to Pinterest by the kind of their answer.",
        lambda s: [(n, {"kind": kind}) for kind, n in s.tallies.answers.items()],
    ),
    Metric(
        "retries",
        "counter",
        "{request}",
        "Requests some of whose events have to be sent again, by the kind of their answer.",
        lambda s: [(n, {"cause": kind}) for kind, n in s.tallies.retries.items()],
    ),
    Metric(
        "events_with_identity",
        "counter",
        "{event}",
        "Accepted events that carry a component of Pinterest's event quality score.",
        lambda s: _by_component(s.tallies.coverage),
    ),
    Metric(
        "fields_clipped",
        "counter",
        "{field}",
        "Optional fields that were shortened or left out because they broke a limit; events whose goods were redacted.",
        lambda s: [(n, {"field": name}) for name, n in s.tallies.clipped.items()],
    ),
    Metric(
        "api_warnings",
        "counter",
        "{event}",
        "Pinterest's warnings about events it accepted, by the field they name.",
        lambda s: [(n, {"field": name}) for name, n in s.tallies.remarks.items()],
    ),
    Metric(
        "schema_fields_missing",
        "counter",
        "{field}",
        "Fields that a mapping reads and a writer's schema does not have, once for each schema; events go without.",
        lambda s: [(n, {"topic": topic}) for topic, n in s.tallies.lacks.items()],
    ),
    Metric(
        "commit_failures",
        "counter",
        "{commit}",
        "Commits that the broker refused or did not answer; they are repeated.",
        lambda s: _one(s.commit_failures),
    ),
    Metric("events_in_hand", "gauge", "{record}", "Records read and not settled.", lambda s: _one(s.in_hand_events)),
    Metric("in_hand_bytes", "gauge", "By", "Bytes of the records in hand.", lambda s: _one(s.in_hand_bytes)),
    Metric("requests_in_flight", "gauge", "{request}", "Requests under way.", lambda s: _one(s.in_flight)),
    Metric(
        "accounts_held",
        "gauge",
        "{account}",
        "Ad accounts not served for now, by cause.",
        lambda s: _by_cause(s.held_accounts),
    ),
    Metric("holds", "gauge", "{hold}", "What else waits, by cause.", lambda s: _by_cause(s.holds)),
    Metric("partitions_assigned", "gauge", "{partition}", "Partitions we own.", lambda s: _one(s.partitions)),
    Metric("partitions_paused", "gauge", "{partition}", "Partitions not read for now.", lambda s: _one(s.paused)),
    Metric(
        "oldest_unsettled_age_seconds",
        "gauge",
        "s",
        "Since the oldest unsettled record was taken from Kafka; 0 if there is none.",
        lambda s: _one(s.oldest_unsettled_s),
    ),
    Metric(
        "retention_runway_seconds",
        "gauge",
        "s",
        "Until retention takes a record that is still needed; absent where that cannot be, or is not known.",
        lambda s: [] if s.retention_runway_s is None else _one(s.retention_runway_s),
    ),
    Metric(
        "last_accepted_timestamp_seconds",
        "gauge",
        "s",
        "When Pinterest last accepted an event, in Unix seconds; 0 before the first.",
        lambda s: _one(s.tallies.last_accepted_wall_s),
    ),
    Metric(
        "ledger_imbalance",
        "gauge",
        "{record}",
        "Records that nobody can account for; anything but 0 is a defect.",
        lambda s: _one(s.ledger["total"]["imbalance"] if s.ledger else 0),
    ),
)


DISTRIBUTIONS: tuple[Distribution, ...] = (
    Distribution(
        "event_age_seconds",
        "From an event's happening to its acceptance; past an hour Pinterest takes it for an offline one.",
        lambda s: s.tallies.ages,
    ),
    Distribution(
        "delivery_duration_seconds",
        "From a record's being taken from Kafka to Pinterest's accepting its event.",
        lambda s: s.tallies.durations,
    ),
    Distribution("batch_events", "Events in a request.", lambda s: s.tallies.batch_events),
)


class Telemetry:
    """Exports the metrics.

    Args:
        snapshot: Gives the latest picture.
        is_test: Is this a rehearsal, of which Pinterest records nothing?
        accounts_in_test: How many ad accounts are in test while others are live.
        requests: Gives the requests made so far, by the HTTP status of their answer.
        stalls: Gives how often the control thread came to a standstill; it cannot tell that itself.
        suppress_list: The suppression list, if there is one.
    """

    def __init__(
        self,
        snapshot: Callable[[], Snapshot],
        *,
        is_test: bool,
        accounts_in_test: int = 0,
        requests: Callable[[], Mapping[str, int]] = dict,
        stalls: Callable[[], int] = int,
        suppress_list: SuppressList | None = None,
    ) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(_Distributions(snapshot))
        reader = PrometheusMetricReader(registry=self._registry, scope_info_enabled=False)
        resource = Resource.create({"service.name": "pinterest-conversions-consumer", "service.version": __version__})
        self._provider = MeterProvider([reader], resource=resource, shutdown_on_exit=False)
        meter = self._provider.get_meter("consumer", __version__)
        fixed = (
            Metric("test_mode", "gauge", "1", "1 if everything is sent as a test.", lambda _: _one(int(is_test))),
            Metric(
                "accounts_in_test",
                "gauge",
                "{account}",
                "Ad accounts whose events are sent as a test while others are live.",
                lambda _: _one(accounts_in_test),
            ),
            Metric(
                "api_requests",
                "counter",
                "{request}",
                "Requests to Pinterest by the HTTP status of their answer; `none` where none came.",
                lambda _: [(n, {"code": code}) for code, n in requests().items()],
            ),
            Metric(
                "control_thread_stalls",
                "counter",
                "{stall}",
                "How often the control thread came to a standstill.",
                lambda _: _one(stalls()),
            ),
            Metric(
                "suppressed_hashes",
                "gauge",
                "{hash}",
                "Hashes on the suppression list in force; 0 without one.",
                lambda _: _one(0 if suppress_list is None else suppress_list.size),
            ),
            Metric(
                "suppress_list_age_seconds",
                "gauge",
                "s",
                "Since the suppression list in force was last known to be what its file says; 0 without one.",
                lambda _: _one(0.0 if suppress_list is None else suppress_list.age_s),
            ),
            Metric("build_info", "gauge", "1", "Always 1.", lambda _: [(1, {"version": __version__})]),
        )
        for metric in (*METRICS, *fixed):
            create = meter.create_observable_counter if metric.kind == "counter" else meter.create_observable_gauge
            create(PREFIX + metric.name, [_callback(metric, snapshot)], description=metric.meaning)

    def render(self) -> bytes:
        """All of them in Prometheus' text format."""
        return generate_latest(self._registry)

    def shutdown(self) -> None:
        """Stop exporting."""
        self._provider.shutdown()


class _Distributions(Collector):
    """Hands the finished histograms to Prometheus: OpenTelemetry's own would have to be told every single value."""

    def __init__(self, snapshot: Callable[[], Snapshot]) -> None:
        self._snapshot = snapshot

    def collect(self) -> Iterator[HistogramMetricFamily]:
        snapshot = self._snapshot()
        for distribution in DISTRIBUTIONS:
            histogram = distribution.read(snapshot)
            bounds = (*map(floatToGoString, histogram.bounds), "+Inf")
            buckets = list(zip(bounds, accumulate(histogram.counts), strict=True))
            family = HistogramMetricFamily(PREFIX + distribution.name, distribution.meaning)
            family.add_metric([], buckets=buckets, sum_value=histogram.total)
            yield family


def _callback(metric: Metric, snapshot: Callable[[], Snapshot]) -> Callable[[CallbackOptions], Iterator[Observation]]:
    def observe(_: CallbackOptions) -> Iterator[Observation]:
        for value, labels in metric.read(snapshot()):
            yield Observation(value, dict(labels))

    return observe
