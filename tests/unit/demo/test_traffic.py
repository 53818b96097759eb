"""Sample traffic: what it says must become of a record agrees with what the record shows."""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from io import BytesIO
from itertools import chain
from typing import Any

import fastavro
import pytest

from consumer.config import BundledName
from consumer.demo import encoding
from consumer.demo.encoding import SampleEncoder
from consumer.demo.oddities import NOT_AVRO
from consumer.demo.publishing import value_of
from consumer.demo.samples import Rules, Sample
from consumer.demo.traffic import orders, visits
from consumer.pinterest.events import EVENT_NAMES
from consumer.schemas import Encoder, bundled_schema

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
TAGGED = Rules(has_browser_tag=True)
MIXED = Rules(
    table={"merchant-1": "549000000001", "merchant-2": "549000000002", "merchant-9": "none"}, default_takes_all=False
)
ASKS_CONSENT = frozenset({"DE", "FR", "NL", "SE", "GB", "CH"})
DOCUMENTATION = [
    ipaddress.ip_network(n) for n in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32")
]

COMMON = {
    *("dead_lettered:undecodable", "dead_lettered:invalid", "dead_lettered:in_future"),
    *("skipped:tombstone", "skipped:no_consent", "skipped:too_old", "skipped:bot", "skipped:test_order"),
    *("skipped:no_identity", "skipped:not_a_conversion"),
}
OF_ORDERS = {*COMMON, "skipped:not_a_transition", "skipped:origin_excluded", "skipped:channel_excluded"}


def made(
    name: BundledName, count: int = 400, *, seed: int = 1, accounts: int = 2, now: datetime = NOW, rules: Rules = TAGGED
) -> list[Sample]:
    make = orders if name == "order" else visits
    return list(make(count, seed=seed, accounts=accounts, now=now, rules=rules))


def symptoms(sample: Sample, rules: Rules) -> set[str]:
    """All that is amiss with a record, read from the record alone; empty if Pinterest must get it."""
    if sample.is_cut or sample.raw is not None:
        return {"dead_lettered:undecodable"}
    if sample.fields is None:
        return {"skipped:tombstone"}
    return set(chain(_symptoms_of_all(sample.fields, rules), _symptoms_of_one(sample.fields, rules)))


def _symptoms_of_all(fields: dict[str, Any], rules: Rules) -> Iterator[str]:
    customer, client, consent = (fields.get(part) or {} for part in ("customer", "client", "consent"))
    happened = fields.get("placed_at") or fields["occurred_at"]
    if happened < NOW - timedelta(seconds=rules.max_age_s):
        yield "skipped:too_old"
    if happened > NOW + timedelta(seconds=rules.future_tolerance_s):
        yield "dead_lettered:in_future"
    country = (consent.get("jurisdiction") or customer.get("address", {}).get("country") or "DE")[:2]
    if country in ASKS_CONSENT and consent.get("advertising") != "GRANTED":
        yield "skipped:no_consent"
    is_offline = fields["channel"] in {"POS", "CALL_CENTER"}
    has_browser = client.get("ip_address") and client.get("user_agent") and not is_offline
    if not (customer.get("emails") or (fields.get("device") or {}).get("advertising_id") or has_browser):
        yield "skipped:no_identity"
    if client.get("is_bot") and not is_offline:  # a till is no crawler
        yield "skipped:bot"
    if fields.get("is_test"):
        yield "skipped:test_order"
    if (fields.get("totals") or fields.get("value") is not None) and not fields.get("currency"):
        yield "dead_lettered:invalid"
    account = rules.table.get(fields["merchant_id"])
    if account is None and not rules.default_takes_all:
        yield "skipped:not_advertised" if rules.unknown_merchant == "skip" else "dead_lettered:unroutable"
    elif account == "none":
        yield "skipped:not_advertised"


def _symptoms_of_one(fields: dict[str, Any], rules: Rules) -> Iterator[str]:
    if "order_id" in fields:
        if fields["status"] != rules.checkout_on:
            yield "skipped:not_a_conversion"
        elif fields["previous_status"] == rules.checkout_on:
            yield "skipped:not_a_transition"
        if fields["origin"] not in {None, "NEW"}:
            yield "skipped:origin_excluded"
        if fields["channel"] in {"MARKETPLACE", "IMPORT"}:
            yield "skipped:channel_excluded"
        if fields["order_id"].endswith("-rejected"):
            yield "dead_lettered:rejected"
    else:
        if fields["type"] == "UNKNOWN":
            yield "skipped:not_a_conversion"
        if rules.has_browser_tag and fields["channel"] == "WEB" and not fields["client"].get("tag_event_id"):
            yield "skipped:no_shared_id"


# --- expectations ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["order", "visit"])
@pytest.mark.parametrize(
    "rules",
    [
        pytest.param(Rules(), id="no tag"),
        pytest.param(TAGGED, id="tag"),
        pytest.param(MIXED, id="a table with merchants that do not advertise"),
        pytest.param(Rules(default_takes_all=False, unknown_merchant="skip"), id="nobody is listed, strangers skipped"),
        pytest.param(Rules(checkout_on="PAID", max_age_s=3_600, future_tolerance_s=0), id="other settings"),
    ],
)
def test_a_record_shows_its_expectation_and_nothing_else_amiss(name: BundledName, rules: Rules) -> None:
    for sample in made(name, 1_500, accounts=3, rules=rules):
        assert symptoms(sample, rules) == {sample.expect} - {"accepted"}


@pytest.mark.parametrize(
    ("name", "rules", "kinds"),
    [
        pytest.param("order", Rules(), OF_ORDERS, id="orders"),
        pytest.param(
            "order",
            MIXED,
            OF_ORDERS | {"dead_lettered:unroutable", "skipped:not_advertised"},
            id="orders with a routing table",
        ),
        pytest.param("visit", Rules(), COMMON, id="visits"),
        pytest.param("visit", TAGGED, COMMON | {"skipped:no_shared_id"}, id="visits beside a browser tag"),
    ],
)
def test_every_kind_comes_in_each_round_and_nine_in_ten_are_accepted(
    name: BundledName, rules: Rules, kinds: set[str]
) -> None:
    in_a_round = 10 * len(kinds)

    outcomes = Counter(sample.expect for sample in made(name, 2 * in_a_round, rules=rules))

    assert outcomes == {"accepted": 18 * len(kinds), **dict.fromkeys(kinds, 2)}


def test_orders_to_be_rejected_come_only_when_asked_for() -> None:
    asked = list(orders(300, seed=1, accounts=1, now=NOW, rules=TAGGED, with_rejected=True))

    rejected = [sample for sample in asked if sample.expect == "dead_lettered:rejected"]

    assert len(rejected) >= 2
    for sample in rejected:
        assert symptoms(sample, TAGGED) == {"dead_lettered:rejected"}
        assert sample.event_id is not None
        assert sample.event_id.endswith("-rejected:checkout")
        assert (sample.key or b"").endswith(b"-rejected")


# --- ids -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rules", [Rules(), TAGGED], ids=["no tag", "tag"])
def test_an_orders_event_id_is_made_of_its_business_keys(rules: Rules) -> None:
    for sample in made("order", rules=rules):
        if sample.fields is not None and not sample.is_cut:
            assert sample.event_id == f"{sample.fields['merchant_id']}:{sample.fields['order_id']}:checkout"


def test_a_visits_event_id_is_the_tags_where_the_tag_runs() -> None:
    for sample in made("visit", rules=TAGGED):
        if sample.expect == "accepted":
            assert sample.fields is not None
            is_web = sample.fields["channel"] == "WEB"
            assert sample.event_id == (sample.fields["client"]["tag_event_id"] if is_web else sample.fields["event_id"])


def test_without_a_tag_a_visits_event_id_is_that_of_the_bus() -> None:
    for sample in made("visit", rules=Rules()):
        if sample.expect == "accepted":
            assert sample.fields is not None
            assert sample.event_id == sample.fields["event_id"]
            assert "tag_event_id" not in sample.fields["client"]


@pytest.mark.parametrize("name", ["order", "visit"])
def test_no_id_or_key_comes_twice_in_this_or_another_run(name: BundledName) -> None:
    runs = [
        made(name),
        made(name, seed=2),
        made(name, now=NOW + timedelta(milliseconds=1)),
    ]

    samples = [sample for run in runs for sample in run]

    ids = [sample.event_id for sample in samples if sample.event_id is not None]
    assert len(set(ids)) == len(ids) > 1_000
    assert len({sample.key for sample in samples}) == len(samples)


@pytest.mark.parametrize("name", ["order", "visit"])
def test_the_same_seed_and_time_give_the_same_samples(name: BundledName) -> None:
    encoder = SampleEncoder(name, schema_id=1)

    first, second = ([(s.key, s.headers, value_of(s, encoder), s.expect) for s in made(name)] for _ in range(2))

    assert first == second
    assert first != [(s.key, s.headers, value_of(s, encoder), s.expect) for s in made(name, seed=2)]


def test_only_the_unreadable_have_no_event_id_and_what_lost_its_shared_one() -> None:
    nameless = {sample.expect for name in ("order", "visit") for sample in made(name) if sample.event_id is None}

    assert nameless == {"dead_lettered:undecodable", "skipped:tombstone", "skipped:no_shared_id"}


# --- the records themselves --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["order", "visit"])
def test_undecodable_values_are_no_avro_of_the_schema(name: BundledName) -> None:
    schema = fastavro.parse_schema(bundled_schema(name))
    bare = SampleEncoder(name, schema_id=None)

    values = [value_of(sample, bare) for sample in made(name, 3_000) if sample.expect == "dead_lettered:undecodable"]

    assert len(values) >= 20
    for value in values:
        assert value is not None
        with pytest.raises((EOFError, IndexError, UnicodeDecodeError, OverflowError)):
            fastavro.schemaless_reader(BytesIO(value), schema, None)


def test_what_is_no_avro_is_no_frame_either() -> None:
    """Or it would be taken for a record whose schema the registry does not know."""
    framed = [value for value in NOT_AVRO if value[:1] in {b"\0", b"\1"} and len(value) >= 5]

    assert framed == []


@pytest.mark.parametrize("make", [orders, visits], ids=["orders", "visits"])
@pytest.mark.parametrize("schema_id", [7, None], ids=["framed", "bare"])
@pytest.mark.parametrize("most_remembered", [20_000, 100], ids=["remembers all", "forgets now and then"])
def test_the_encoder_for_samples_writes_what_the_plain_one_writes(
    make: Callable[..., Iterator[Sample]],
    schema_id: int | None,
    most_remembered: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(encoding, "_MOST_REMEMBERED", most_remembered)
    name: BundledName = "order" if make is orders else "visit"
    quick, plain = SampleEncoder(name, schema_id=schema_id), Encoder(bundled_schema(name), schema_id=schema_id)

    for sample in make(400, seed=1, accounts=2, now=NOW, rules=TAGGED):  # each is gone before the next is made
        if sample.fields is not None:
            assert quick.encode(sample.fields) == plain.encode(sample.fields)


def test_the_encoder_for_samples_does_not_make_up_a_required_field() -> None:
    with pytest.raises(TypeError, match="must be string"):
        SampleEncoder("order", schema_id=1).encode({"status": "PLACED"})


@pytest.mark.parametrize("name", ["order", "visit"])
def test_what_must_be_accepted_happened_within_the_last_five_minutes(name: BundledName) -> None:
    for sample in made(name):
        if sample.expect == "accepted":
            assert sample.fields is not None
            happened = sample.fields.get("placed_at") or sample.fields["occurred_at"]
            assert NOW - timedelta(minutes=5) <= happened <= NOW - timedelta(seconds=1)


def test_all_types_of_visits_and_all_channels_of_orders_come() -> None:
    types = {s.fields["type"] for s in made("visit", 200) if s.fields and s.expect == "accepted"}
    channels = {s.fields["channel"] for s in made("order", 500) if s.fields and s.expect == "accepted"}

    assert types == {name.upper() for name in EVENT_NAMES} - {"CHECKOUT"}
    assert channels == {"WEB", "APP_IOS", "APP_ANDROID", "POS", "CALL_CENTER"}


def test_orders_come_from_places_with_and_without_consent_and_in_many_currencies() -> None:
    accepted = [s.fields for s in made("order", 500) if s.fields and s.expect == "accepted"]

    assert {fields["currency"] for fields in accepted} >= {"EUR", "USD", "GBP", "JPY", "KWD"}
    assert {fields["totals"]["tax_included"] for fields in accepted} == {True, False}
    in_the_us = [f["consent"] for f in accepted if f["customer"]["address"]["country"] == "US"]
    assert {(consent["advertising"], consent["gpc"]) for consent in in_the_us} == {
        ("GRANTED", None),
        ("GRANTED", True),
        ("DENIED", None),
    }


@pytest.mark.parametrize("accounts", [1, 20])
def test_every_merchant_comes_at_once_and_the_first_most_often(accounts: int) -> None:
    samples = made("order", 3_000, accounts=accounts, rules=Rules())

    merchants = [(sample.key or b"").split(b":")[0].decode() for sample in samples]
    names = [f"merchant-{number}" for number in range(1, accounts + 1)]
    counts = Counter(merchants)
    assert sorted(merchants[:accounts]) == sorted(names)
    assert counts.keys() == set(names)
    assert counts["merchant-1"] == max(counts.values())
    assert counts["merchant-1"] >= (5 if accounts > 1 else 1) * counts[names[-1]]


@pytest.mark.parametrize("name", ["order", "visit"])
def test_nobody_real_is_in_it(name: BundledName) -> None:
    for sample in made(name):
        fields = sample.fields or {}
        for email in (fields.get("customer") or {}).get("emails", ()):
            assert "@" not in email or email.strip().lower().endswith("@example.com")
        if address := (fields.get("client") or {}).get("ip_address"):
            assert any(ipaddress.ip_address(address) in network for network in DOCUMENTATION)


@pytest.mark.parametrize("name", ["order", "visit"])
def test_samples_that_share_parts_do_not_spoil_each_other(name: BundledName) -> None:
    """The odd ones are changed copies: the ordinary ones made before still read as they did."""
    samples = made(name, 1_500)

    assert all(symptoms(sample, TAGGED) == set() for sample in samples if sample.expect == "accepted")


def test_each_record_carries_a_trace_of_its_own() -> None:
    traces = [dict(sample.headers)["traceparent"] for sample in made("order")]

    assert len(set(traces)) == len(traces)
    for trace in traces:
        assert isinstance(trace, bytes)
        version, trace_id, span_id, flags = trace.decode().split("-")
        assert (version, len(trace_id), len(span_id), flags) == ("00", 32, 16, "01")
