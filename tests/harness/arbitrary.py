"""Hypothesis strategies: whole records of the bundled Avro schemas, people planted in them, and configurations.

Records are built from the schemas themselves, so that a new field is generated from the day it stands there.
`any_record` takes every value that Avro allows; `likely_record` the same fields with values under which most records
become events; `damaged` puts into a record what no schema would allow.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping
from copy import deepcopy
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import cache
from hashlib import sha256
from typing import Any, get_args
from uuid import UUID

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

from consumer.config import BundledName, UserDataField
from consumer.schemas import bundled_schema

NOW_S = 1_750_000_000.0
NOW = datetime.fromtimestamp(NOW_S, UTC)
ACCOUNT = "549000000001"
MERCHANT = "merchant-1"

Record = dict[str, Any]
Records = st.SearchStrategy[Record]
Path = tuple[str | int, ...]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_MS, _LAST_MS = -62_135_596_800_000, 253_402_300_799_999  # the years 1 to 9999


def bounded(examples: int) -> settings:
    """So many examples, and the same ones at every run: a failure is of the change at hand.

    MORE_EXAMPLES=10 takes ten times as many, and others at every run.
    """
    factor = int(os.environ.get("MORE_EXAMPLES", "1"))
    return settings(
        max_examples=examples * factor,
        derandomize=factor == 1,
        database=None,
        deadline=None,
        phases=[Phase.explicit, Phase.generate, Phase.shrink],
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
    )


# --- as the schema has it ------------------------------------------------------------------------------------


def any_record(name: BundledName) -> Records:
    """Every value that the schema allows, in every field."""
    return _record_of(name, is_likely=False)


def likely_record(name: BundledName) -> Records:
    """Valid as well, and often such that it becomes an event: of a moment ago, by somebody who can be recognised."""
    return _record_of(name, is_likely=True)


def sent_record(name: BundledName) -> Records:
    """A likely one that becomes an event wherever the configuration lets it."""
    return st.builds(
        _with_nothing_in_its_way, likely_record(name), st.sampled_from(["EUR", "JPY", "KWD", "CLF"]), _SMALL
    )


def _with_nothing_in_its_way(likely: Record, currency: str, number: int) -> Record:
    record = deepcopy(likely)
    record |= {
        "occurred_at": NOW,
        "merchant_id": MERCHANT,
        "ad_account_id": None,
        "channel": record["channel"] or "WEB",
    }
    record |= {"currency": currency, "is_test": False}
    amount = Decimal(abs(number)).scaleb(-4)
    if "status" in record:
        record |= {"placed_at": None, "status": "PLACED", "previous_status": None, "origin": "NEW"}
        record["totals"] |= {"items_gross": None, "items_net": amount, "discount": None, "tax": Decimal(0)}
    else:
        record |= {"type": "PAGE_VISIT" if record["type"] == "UNKNOWN" else record["type"], "value": amount}
    record["customer"]["emails"].append("shopper@example.com")
    record["client"] |= {"is_bot": False, "tag_event_id": "tag-1", "user_agent": "Mozilla/5.0 (X11; Linux x86_64)"}
    record["consent"] |= {"advertising": "GRANTED", "jurisdiction": "AU"}
    record["device"] |= {"limit_ad_tracking": None, "advertiser_tracking_enabled": None}
    if record["channel"] == "MARKETPLACE":
        record["channel"] = "WEB"
    for line in record.get("lines") or record.get("products") or ():
        line["type"] = "PRODUCT"
    return record


@cache
def _record_of(name: BundledName, *, is_likely: bool) -> Records:
    return _Builder(is_likely=is_likely).record(bundled_schema(name), "")


class _Builder:
    """Strategies for the types of one schema; named types may be used again by their names."""

    def __init__(self, *, is_likely: bool) -> None:
        self._is_likely = is_likely
        self._named: dict[str, Any] = {}

    def record(self, schema: Mapping[str, Any], path: str) -> Records:
        fields = {}
        for field in schema["fields"]:
            at = f"{path}.{field['name']}".lstrip(".")
            right = self._value(field["type"], at)
            fields[field["name"]] = (
                _LIKELY.get(at, _LIKELY.get(f"*.{field['name']}", right)) if self._is_likely else right
            )
        return st.fixed_dictionaries(fields)

    def _value(self, schema: Any, path: str) -> st.SearchStrategy[Any]:
        if isinstance(schema, list):
            parts = [branch for branch in schema if isinstance(branch, dict) and branch["type"] == "record"]
            return st.one_of([self._value(branch, path) for branch in (parts if parts and self._is_likely else schema)])
        if isinstance(schema, str):
            schema = self._named.get(schema, {"type": schema})
        if "name" in schema:
            self._named[schema["name"]] = schema
        match schema["type"], schema.get("logicalType"):
            case "null", None:
                return st.none()
            case "record", None:
                return self.record(schema, path)
            case "array", None:
                return st.lists(self._value(schema["items"], path), max_size=3)
            case "enum", None:
                return st.sampled_from(schema["symbols"])
            case "boolean", None:
                return st.booleans()
            case "string", None:
                return st.text(st.characters(codec="utf-8"), max_size=10)
            case "long", None:
                return st.integers(-(2**63), 2**63 - 1)
            case "long", "timestamp-millis":
                return st.integers(_FIRST_MS, _LAST_MS).map(lambda ms: _EPOCH + timedelta(milliseconds=ms))
            case "int", "date":
                return st.dates()
            case "bytes", "decimal":
                most, scale = 10 ** schema["precision"] - 1, schema["scale"]
                return st.integers(-most, most).map(lambda unscaled: Decimal(unscaled).scaleb(-scale))
        raise AssertionError(f"{path}: a type that is not generated yet; add it here")


def _often(right: Any, *others: Any) -> st.SearchStrategy[Any]:
    return st.sampled_from([right] * 16 + list(others))


def _amounts(most: int) -> st.SearchStrategy[Decimal]:
    return st.integers(0, most * 10_000).map(lambda unscaled: Decimal(unscaled).scaleb(-4))


_MOMENTS = st.integers(0, 3 * 86_400_000).map(lambda ms: NOW - timedelta(milliseconds=ms))
_WORDS = st.sampled_from(["shirt", "Zoë's 2 > 1", "İstanbul", "x" * 300, " ", "", "帽子", "7", "de-AT", "\u200f\x00"])
_SMALL = st.integers(-1, 40_000)
_HASH = sha256(b"shopper@example.com").hexdigest()

_LIKELY: dict[str, st.SearchStrategy[Any]] = {
    "event_id": st.sampled_from(["e-1", "x" * 256]),
    "occurred_at": _MOMENTS,
    "placed_at": st.none() | _MOMENTS,
    "merchant_id": _often(MERCHANT, None, "merchant-2"),
    "ad_account_id": _often(None, ACCOUNT, "1"),
    "order_id": st.sampled_from(["1001", "Bestellung Nº 7"]),
    "status": _often("PLACED", "PAID", "CANCELLED"),
    "previous_status": _often(None, "CREATED", "PLACED"),
    "origin": _often("NEW", None, "RENEWAL"),
    "channel": st.sampled_from(["WEB", "WEB", None, "APP_IOS", "APP_ANDROID", "POS", "MARKETPLACE"]),
    "currency": st.sampled_from(["EUR", "EUR", "USD", "USD", "JPY", "JPY", "KWD", "KWD", "CLF", None, "eur"]),
    "is_test": _often(right=False),
    "client.is_bot": _often(right=False),
    "customer.emails": st.lists(_often("shopper@example.com", _HASH, _HASH.upper(), "a@b", "nobody", ""), max_size=3),
    "customer.phones": st.lists(st.sampled_from(["+49 30 5550143", "030 5550143", _HASH, "0", "x"]), max_size=2),
    "*.customer_id": st.none() | st.sampled_from([" 7 ", _HASH.upper(), "0" * 64]),
    "customer.address.country": st.sampled_from(["AU", "US", "GB", "de", None, "XX", "Germany"]),
    "consent.advertising": _often("GRANTED", "DENIED", None, "UNKNOWN"),
    "consent.jurisdiction": st.sampled_from([None, "AU", "US-CA", "us_tx", "EEA", "nowhere"]),
    "client.ip_address": st.sampled_from(["203.0.113.7", "203.0.113.8", "2001:db8::1", "10.0.0.1", "x", None]),
    "client.user_agent": _often("Mozilla/5.0 (X11; Linux x86_64)", None),
    "client.page_url": st.sampled_from(
        [None, "https://shop.example.com/a?epik=dj0&q=1", "http://[", "/cart", "ftp://x/"]
    ),
    "page.url": st.sampled_from([None, "https://shop.example.com/ü?epik=dj0#x", "https:///nowhere", "about:blank"]),
    "*.language": st.sampled_from(["de", "de-AT", "eng", "*", None]),
    "*.languages": st.lists(st.sampled_from(["de", "de-AT", "eng"]), max_size=2),
    "*.quantity": st.none() | _amounts(50),
    "*.unit_price": st.none() | _amounts(500),
    "*.tax": st.none() | _amounts(9),
    "*.name": st.none() | _WORDS,
    "search.term": st.none() | _WORDS,
    "device.advertising_id": st.sampled_from(["cdda802e-fb9c-47ad-9866-0794d394c912", "0" * 8 + "-0000-0000", None]),
    "device.limit_ad_tracking": _often(None, True, False),
    "device.form_factor": st.sampled_from(["tablet", "TV", "fridge", None]),
    "device.battery_level": st.none() | _SMALL,
    "device.screen_height": st.none() | _SMALL,
    "app.app_version": st.none() | _WORDS,
    "totals.items_gross": st.none() | _amounts(900),
    "totals.discount": st.none() | _amounts(90),
    "totals.items_net": st.none() | _amounts(900),
    "totals.tax": st.none() | _amounts(90),
    "totals.shipping": st.none() | _amounts(9),
    "value": st.none() | _amounts(900),
}
"""By the path of the field, or by its name wherever it stands. The others take what the schema allows."""


# --- as no schema would have it ------------------------------------------------------------------------------

HOSTILE: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.binary(max_size=5),
    st.text(max_size=5),
    st.sampled_from(
        [
            *(10**400, -(2**63) - 1, 2**64, math.nan, math.inf, -0.0, 1e308),
            *map(
                Decimal, ("NaN", "sNaN", "-Infinity", "1E+999999", "1E-999999", "0E-40", "-1", "1E+14", "99999.99999")
            ),
            *("\ud800", "\udfff\ud800", "\0", "NaN", "1,5", "x" * 20_000, "http://[", "https://a@b@c/?%ff=%00", "٣"),
            *(b"\xff" * 70, [], {}, [[]], [None], {"": None}, {None: 1}, [{"a": [{"b": Decimal(1)}]}], (), ("a",)),
            *(datetime(1, 1, 1), datetime(9999, 12, 31)),  # noqa: DTZ001 - local times are the point
            *(datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)),
            *(date.min, date.max, time.max, timedelta.max, UUID(int=0)),
        ]
    ),
)


@st.composite
def damaged(draw: st.DrawFn, records: Records, values: st.SearchStrategy[Any] = HOSTILE) -> Record:
    """A record in which up to four values, whole parts among them, are replaced or taken away."""
    record = deepcopy(draw(records))
    for _ in range(draw(st.integers(1, 4))):
        places = list(places_in(record))
        if not places:
            break
        *way, last = draw(st.sampled_from(places))
        part: Any = record
        for step in way:
            part = part[step]
        if draw(st.integers(0, 5)):
            part[last] = draw(values)
        else:
            del part[last]
    return record


def places_in(node: Any, path: Path = ()) -> Iterator[Path]:
    """The path of every value in a record, parts before what they hold."""
    if isinstance(node, dict | list):
        for key, value in node.items() if isinstance(node, dict) else enumerate(node):
            yield (*path, key)
            yield from places_in(value, (*path, key))


# --- configurations ------------------------------------------------------------------------------------------


def configurations() -> Records:
    """The sections that bear upon mapping, as in the file; every account is `ACCOUNT`."""
    fields = list(get_args(UserDataField))
    return st.fixed_dictionaries(
        {
            "routing": st.sampled_from(
                [
                    {"default_ad_account_id": ACCOUNT},
                    {"default_ad_account_id": ACCOUNT},
                    {"table": {MERCHANT: ACCOUNT}},
                    {"table": {MERCHANT: ACCOUNT, "merchant-2": "none"}, "unknown_merchant": "skip"},
                ]
            ),
            "ad_accounts": st.sampled_from(
                [{}, {}, {ACCOUNT: {"mode": "live"}}, *({ACCOUNT: {"mode": m}} for m in _MODES)]
            ),
            "dedup": st.sampled_from([{}, {"browser_tag": "absent"}, {"browser_tag": "present"}]),
            "events": st.fixed_dictionaries(
                {
                    "checkout_on": _often("PLACED", "PAID"),
                    "value_basis": st.sampled_from(["net", "gross"]),
                    "app_fields": st.sampled_from(["nested", "flat"]),
                    "newer_fields": st.booleans(),
                    "integer_amounts": st.sampled_from([None, "minor", "major"]),
                },
                optional={
                    "partner_name": st.just("ss-example"),
                    "named_partner": st.just("ss-example"),
                    "external_measurement_vendor_id": st.integers(0, 9),
                    "max_age_s": st.just(86_400),
                    "future_tolerance_s": st.just(0),
                },
            ),
            "privacy": st.fixed_dictionaries(
                {
                    "consent_unknown_countries": st.sampled_from(["eea", "other", "other"]),
                    "denied": st.sampled_from(["skip", "opt_out"]),
                },
                optional={"fields": st.just(fields) | st.lists(st.sampled_from(fields), unique=True)},
            ),
        }
    )


_MODES = ("test", "off")
