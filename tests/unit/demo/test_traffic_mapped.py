"""Sample traffic and the mapper were written apart: each must say the same of every record."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal
from io import BytesIO
from typing import Any, assert_never

import fastavro
import pytest

from consumer.config import BundledName, Config
from consumer.demo.encoding import SampleEncoder
from consumer.demo.samples import Rules, Sample
from consumer.demo.traffic import orders, visits
from consumer.records import Decoded, Incompatible, Invalid, MapOutcome, Mapped, Skipped
from consumer.schemas import bundled_schema
from consumer.stages.mapper import Mapper

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
COUNT = 1_500

CONFIGS: dict[str, dict[str, Any]] = {
    "defaults": {"routing": {"default_ad_account_id": "549000000001"}},
    "beside a browser tag": {
        "routing": {"default_ad_account_id": "549000000001"},
        "dedup": {"browser_tag": "present"},
    },
    "a routing table with gaps": {
        "routing": {"table": {"merchant-1": "549000000001", "merchant-2": "none"}},
        "dedup": {"browser_tag": "absent"},
    },
    "strangers skipped, paid orders, an hour's age, gross": {
        "routing": {"table": {"merchant-1": "549000000001"}, "unknown_merchant": "skip"},
        "events": {"checkout_on": "PAID", "max_age_s": 3_600, "future_tolerance_s": 0, "value_basis": "gross"},
    },
}


def config_of(name: str) -> Config:
    return Config.model_validate(
        {
            "kafka": {"bootstrap_servers": "127.0.0.1:9092"},
            "schema_registry": {"url": "http://127.0.0.1:8081"},
            **CONFIGS[name],
        }
    )


def made(name: BundledName, config: Config) -> list[Sample]:
    make = orders if name == "order" else visits
    samples = make(COUNT, seed=1, accounts=3, now=NOW, rules=Rules.of(config))
    return [sample for sample in samples if sample.fields is not None and not sample.is_cut]


class Journey:
    """Through Avro and the mapper, as a consumer would see a sample."""

    def __init__(self, name: BundledName, config: Config) -> None:
        self._encoder = SampleEncoder(name, schema_id=None)
        self._schema = fastavro.parse_schema(bundled_schema(name))
        self._mapper = Mapper(config)

    def outcome_of(self, sample: Sample) -> MapOutcome:
        assert sample.fields is not None
        fields = fastavro.schemaless_reader(BytesIO(self._encoder.encode(sample.fields)), self._schema, None)
        assert isinstance(fields, dict)
        headers = [(name, value if isinstance(value, bytes) else None) for name, value in sample.headers]
        return self._mapper.map(sample.topic, Decoded("", fields), headers, NOW.timestamp())


def said(outcome: MapOutcome) -> str:
    """In the manifest's words."""
    match outcome:
        case Mapped():
            return "accepted"
        case Skipped(reason):
            return f"skipped:{reason}"
        case Invalid(reason=reason):
            return f"dead_lettered:{reason}"
        case Incompatible(problems):
            return f"held: {problems}"
        case _:
            assert_never(outcome)


@pytest.mark.parametrize("name", ["order", "visit"])
@pytest.mark.parametrize("config", [config_of(name) for name in CONFIGS], ids=CONFIGS)
def test_the_mapper_agrees_with_what_a_sample_expects(name: BundledName, config: Config) -> None:
    journey = Journey(name, config)

    outcomes = [(sample, journey.outcome_of(sample)) for sample in made(name, config)]

    assert Counter((s.expect, said(o)) for s, o in outcomes if s.expect != said(o)) == {}
    mapped = [(s.event_id, o.payload["event_id"]) for s, o in outcomes if isinstance(o, Mapped)]
    assert [pair for pair in mapped if pair[0] != pair[1]] == []
    assert len(mapped) > COUNT / 4


def test_the_mapper_values_an_order_at_what_its_goods_cost() -> None:
    config = config_of("defaults")
    journey = Journey("order", config)

    for sample in made("order", config):
        outcome = journey.outcome_of(sample)
        if isinstance(outcome, Mapped):
            assert sample.fields is not None
            totals, lines = sample.fields["totals"], sample.fields["lines"]
            if totals["shipping_tax"] is not None:  # else the mapper may have to estimate
                gift_cards = sum(line["unit_price"] for line in lines if line["type"] == "GIFT_CARD")
                tax = totals["tax"] - totals["shipping_tax"] if totals["tax_included"] else 0
                value = Decimal(outcome.payload["custom_data"]["value"])
                assert value == totals["items_net"] - tax - gift_cards
