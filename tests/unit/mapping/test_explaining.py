"""What `conversions map --explain` says of an outcome: which rule, which path, which form; never a value."""

from __future__ import annotations

from typing import Any

import orjson

from consumer.mapping.explaining import fields_of, rule_behind
from consumer.mapping.language import read_mapping
from consumer.records import Decoded, MapOutcome, Mapped
from consumer.schemas import mapping_file
from consumer.stages.mapper import Mapper
from tests.unit.mapping.builders import NOW_S, a_config, a_line, an_order

MAPPING = read_mapping(mapping_file("order"))


def explained(record: dict[str, Any], **sections: Any) -> tuple[str, dict[str, dict[str, Any]], MapOutcome]:
    config = a_config(**sections)
    mapper = Mapper(config)
    outcome = mapper.map("orders", Decoded("any", record), [], NOW_S)
    rule = rule_behind(outcome, MAPPING, mapper.compile(MAPPING, None).paths, config)
    told = fields_of(outcome, MAPPING, record, record, config) if isinstance(outcome, Mapped) else ()
    return rule, {each.pop("target"): each for each in told}, outcome


def test_a_sent_field_names_its_paths_their_shape_and_its_form() -> None:
    rule, fields, outcome = explained(an_order(lines=[a_line()]))

    assert rule == "no rule kept it back"
    assert fields["user_data.em"] == {
        "found": {"customer.emails": "an array of 1"},
        "sent": ["user_data.em"],
        "as": "SHA-256",
    }
    assert fields["event_name"] == {"from": "the constant checkout", "sent": ["event_name"], "as": "in clear"}
    assert fields["lines.id"]["sent"] == ["custom_data.content_ids", "custom_data.contents.id"]
    assert fields["routing.merchant_id"]["decides"] == ["ad_account_id"]
    assert isinstance(outcome, Mapped)


def test_an_absent_field_says_why() -> None:
    client = {"ip_address": "10.0.0.1", "user_agent": "Mozilla/5.0"}
    _, fields, _ = explained(an_order(client=client, customer={"emails": ["a@example.com"], "gender": "f"}))

    assert fields["user_data.ph"]["absent"] == "there is nothing"
    assert fields["user_data.ge"]["absent"] == "privacy.fields keeps it back"
    assert fields["user_data.client_ip_address"]["absent"] == "not usable as it is, or beyond a limit: clipped"


def test_of_an_offline_event_the_surroundings_are_not_the_shoppers() -> None:
    client = {"ip_address": "203.0.113.7", "user_agent": "Mozilla/5.0"}
    _, fields, _ = explained(an_order(channel="POS", client=client))

    assert fields["user_data.client_ip_address"]["absent"] == "not the shopper's, of an offline event"


def test_a_rule_of_the_file_is_named_by_its_line() -> None:
    text = mapping_file("order").read_text(encoding="utf-8").splitlines()

    rule, fields, _ = explained(an_order(is_test=True))

    file, line, _ = rule.split(":", 2)
    assert file == "order.yaml"
    assert "test_order" in text[int(line) - 1]
    assert fields == {}


def test_rules_of_the_settings_are_named_by_their_paths() -> None:
    denied, _, _ = explained(an_order(consent={"advertising": "DENIED", "jurisdiction": "DE"}))
    old, _, _ = explained(an_order(placed_at=None), events={"max_age_s": 3_600})

    assert denied == "the law of consent.jurisdiction, else of customer.address.country, asks for more consent"
    assert old == "no rule kept it back"


def test_nothing_of_a_person_is_shown() -> None:
    order = an_order(customer={"emails": ["ada@example.com"], "first_name": "Ada", "address": {"city": "Sydney"}})

    told = orjson.dumps(explained(order)[:2]).decode()

    assert not any(word in told for word in ("ada@example.com", "Ada", "Sydney"))
