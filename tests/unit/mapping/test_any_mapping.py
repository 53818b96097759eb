"""No mapping, however wrong, sends an identifier unhashed, a value without currency, an event without a consent rule.

Mappings are drawn at random: any target from any field of a record about a person, with templates, fallbacks and
conditions in between. Names and addresses cannot be told from other words by their look, so where a mapping calls a
name a category it is sent as one; what can be told by its look never is.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from consumer.config import Config
from consumer.errors import ConfigError
from consumer.mapping.language import read_mapping
from consumer.mapping.targets import TARGETS, Takes, Target
from consumer.pinterest.events import HASHED
from consumer.records import Decoded, Mapped
from consumer.stages.mapper import Mapper
from tests.harness.arbitrary import bounded

NOW = datetime(2026, 11, 1, 10, 1, tzinfo=UTC)
MAIL, PHONE = "ada.lovelace@example.com", "+49 30 901820"
RECORD: dict[str, Any] = {
    "mail": MAIL,
    "phone": PHONE,
    "mails": [MAIL, "ada@example.org"],
    "profile": {"contact": {"mail": MAIL, "phone": PHONE}, "country": "DE", "optin": True},
    "number": "A-1001",
    "amount": "12.30",
    "currency": "EUR",
    "placed": datetime(2026, 11, 1, 10, 0, tzinfo=UTC),
    "count": 3,
    "page": f"https://shop.example/thanks?mail={MAIL}",
    "ip": "203.0.113.7",
    "agent": "Mozilla/5.0",
    "items": [{"sku": "shirt", "note": f"for {MAIL}", "price": "6.15", "quantity": 2, "phone": PHONE}],
}
PATHS = (
    "mail", "phone", "mails", "mails[0]", "mails[*]", "profile.contact.mail", "profile.contact.phone",
    "profile.country", "number", "amount", "currency", "placed", "count", "page", "ip", "agent", "items[0].note",
    "items[*].note", "items[only].phone", "profile.optin", "nowhere",
)  # fmt: skip
IN_LINES = ("sku", "note", "price", "quantity", "phone", "$.mail", "$.phone")
SOUND = {
    "event_name": {"constant": "checkout"},
    "event_time": "placed",
    "action_source": {"constant": "web"},
    "event_id.shared": "number",
    "custom_data.currency": "currency",
    "consent.advertising": {"path": "profile.optin", "table": {"true": "granted"}},
    "user_data.em": "mail",
    "user_data.country": "profile.country",
}
TEXTUAL = (Takes.TEXT, Takes.TEXTS)


def expressions(target: Target) -> st.SearchStrategy[Any]:
    """Anything that may stand for a target, sensible or not."""
    paths = st.sampled_from(IN_LINES if target.section == "lines" else PATHS)
    written = [
        paths,
        st.lists(paths, min_size=2, max_size=3),
        paths.map(lambda path: {"when": {"path": path, "present": "true"}, "then": path}),
    ]
    if target.takes in (*TEXTUAL, Takes.CHOICE, Takes.FLAG):
        words = [*target.choices, "true"] if target.takes is not Takes.TEXTS else ["ada@example.net"]
        tables = st.dictionaries(st.sampled_from(("EUR", "A-1001", "true", "DE")), st.sampled_from(words), min_size=1)
        written.append(st.tuples(paths, tables).map(lambda two: {"path": two[0], "table": two[1]}))
    if target.takes in TEXTUAL:
        written.append(st.tuples(paths, paths).map(lambda two: {"template": f"{{{two[0]}}}-{{{two[1]}}}"}))
    if target.takes is Takes.TEXTS:
        written.append(st.lists(paths, min_size=1, max_size=3).map(lambda several: {"all": several}))
    return st.one_of(written)


@st.composite
def mappings(draw: st.DrawFn) -> dict[str, Any]:
    """The values of a mapping file: mostly one that would do, with some targets as they come."""
    said: dict[str, Any] = dict(SOUND)
    for key in draw(st.lists(st.sampled_from(sorted(TARGETS)), max_size=7, unique=True)):
        said[key] = draw(expressions(TARGETS[key]))
    for key in draw(st.lists(st.sampled_from(sorted(SOUND)), max_size=1)):
        said.pop(key)
    values: dict[str, Any] = {"version": 1}
    for key, written in said.items():
        section, _, name = key.rpartition(".")
        (values.setdefault(section, {}) if section else values)[name] = written
    if "lines" in values:
        values["lines"]["each"] = "items"
    return values


def outcome_of(directory: Path, values: dict[str, Any]) -> Mapped | None:
    """The event, if there is one: most mappings so drawn are refused, or make the record invalid."""
    file = directory / "m.yaml"
    file.write_text(yaml.safe_dump(values), encoding="utf-8")
    config = Config.model_validate(
        {
            "kafka": {"bootstrap_servers": "127.0.0.1:9092"},
            "schema_registry": {"url": "http://127.0.0.1:8081"},
            "routing": {"default_ad_account_id": "549755885175"},
            "topics": {"bus": {"mapping": str(file)}},
            "events": {"newer_fields": True, "integer_amounts": "minor"},
        }
    )
    try:
        outcome = Mapper(config).map("bus", Decoded("any", RECORD), [], NOW.timestamp())
    except ConfigError:
        return None
    return outcome if isinstance(outcome, Mapped) else None


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("mappings")


def test_what_can_be_told_by_its_look_leaves_as_hashes_alone(directory: Path) -> None:
    events = 0

    @bounded(700)
    @given(values=mappings())
    def holds(values: dict[str, Any]) -> None:
        nonlocal events
        if (outcome := outcome_of(directory, values)) is None:
            return
        events += 1
        text = orjson.dumps(outcome.payload).decode().lower()
        assert "@" not in text
        assert "%40" not in text
        assert "901820" not in text.replace(" ", "")
        for name in HASHED & outcome.payload["user_data"].keys():
            assert all(len(digest) == 64 for digest in outcome.payload["user_data"][name])

    holds()

    assert events > 40, "it might hold because nothing is ever sent"


@bounded(150)
@given(values=mappings())
def test_no_value_is_sent_without_its_currency(directory: Path, values: dict[str, Any]) -> None:
    outcome = outcome_of(directory, values)
    custom_data = {} if outcome is None else outcome.payload.get("custom_data", {})

    if {"value", "predicted_ltv"} & custom_data.keys() or any(
        "item_price" in c for c in custom_data.get("contents", ())
    ):
        assert custom_data["currency"] == "EUR"


@bounded(60)
@given(values=mappings(), others=st.booleans())
def test_without_a_rule_of_consent_or_the_basis_of_none_nothing_is_read(
    directory: Path, values: dict[str, Any], *, others: bool
) -> None:
    consent = values.pop("consent", {})
    consent.pop("advertising", None)
    if others:
        values["consent"] = {**consent, "jurisdiction": "profile.country"}
    file = directory / "m.yaml"
    file.write_text(yaml.safe_dump(values), encoding="utf-8")

    with pytest.raises(ConfigError, match="consent: needs `advertising`; or `not_required`"):
        read_mapping(file)
