"""Personal data and the secrets of a configuration go into a running consumer; nothing that it writes repeats them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import pytest
from confluent_kafka import Producer

from tests.harness.cluster import EmbeddedCluster
from tests.harness.ledger import end_offsets
from tests.harness.one_answer import OneAnswer, http
from tests.harness.planted import Person
from tests.harness.processes import Child, Children
from tests.harness.world import World, stop

SOMEBODY = Person(letters="zqxjkvbwpfgm", digits="918273645", born=date(1931, 7, 29))
SECRETS = ("pina_secret_of_pinterest", "secret-of-the-registry", "secret-of-the-app", "pinr_secret+/=of_pinterest")

REPEATED = (
    f"Invalid em parameter: '{SOMEBODY.email}' of https://shop.example.com/?email={SOMEBODY.email} "
    f"and {SOMEBODY.phone} or {SOMEBODY.email.replace('@', '%40')}, by {SECRETS[0]}"
)
"""What the API says of somebody and of the token it was asked with, instead of naming a field."""

FAULTS = (
    {"kind": "status", "status": 503, "message": REPEATED, "count": 2},
    {"kind": "status", "status": 401, "message": REPEATED, "count": 1},
    {"kind": "status", "status": 429, "message": REPEATED, "headers": {"Retry-After": "1"}, "count": 1},
    {"kind": "garbage", "recorded": False, "count": 1},
    {"kind": "disconnect", "count": 1},
    {"kind": "reject_event", "order_id_suffix": "-rejected", "message": REPEATED},
    {"kind": "poison_event", "order_id_suffix": "-poisoned", "message": REPEATED},
)


def about_somebody(**changes: Any) -> dict[str, Any]:
    """What orders and visits have in common, in the JSON of `conversions produce`."""
    moment = (datetime.now(UTC) - timedelta(minutes=5)).isoformat()
    url = f"https://shop.example.com/thanks?email={SOMEBODY.email}&tel={SOMEBODY.phone}#{SOMEBODY.letters}"
    return {
        "event_id": "e-1",
        "occurred_at": moment,
        "merchant_id": "merchant-1",
        "channel": "WEB",
        "customer": {
            "customer_id": SOMEBODY.letters,
            "emails": [SOMEBODY.email, SOMEBODY.email.upper()],
            "phones": [SOMEBODY.phone, f"0{SOMEBODY.digits}"],
            "first_name": SOMEBODY.letters.title(),
            "last_name": f"von {SOMEBODY.letters}",
            "birth_date": SOMEBODY.born.isoformat(),
            "gender": "f",
            "address": {"city": SOMEBODY.letters, "region": "QLD", "postal_code": SOMEBODY.digits, "country": "AU"},
        },
        "client": {
            "ip_address": "203.0.113.77",
            "user_agent": "Mozilla/5.0",
            "anonymous_id": SOMEBODY.letters,
            "page_url": url,
            "referrer": url,
            "tag_event_id": "tag-1",
        },
        "device": {"advertising_id": f"cdda802e-fb9c-47ad-9866-{SOMEBODY.digits}abc"},
        "consent": {"advertising": "GRANTED", "source": SOMEBODY.letters},
        **changes,
    }


def an_order(order_id: str, **changes: Any) -> dict[str, Any]:
    order = {"order_id": order_id, "status": "PLACED", "currency": "AUD", "totals": {"items_net": "30.00", "tax": "0"}}
    return about_somebody(event_id=f"order-{order_id}", **{**order, **changes})


def a_visit(tag_id: str, **changes: Any) -> dict[str, Any]:
    visit = about_somebody(**{"type": "SEARCH", "search": {"term": f"parcel of {SOMEBODY.email}"}, **changes})
    return {**visit, "client": {**visit["client"], "tag_event_id": tag_id}}


ORDERS = [
    an_order("good"),
    an_order("good-too", channel="POS"),
    an_order("a-rejected"),
    an_order("a-poisoned"),
    an_order("without-currency", currency=None),
    an_order("wrong-currency", currency=SOMEBODY.letters),
    an_order("unroutable", ad_account_id=SOMEBODY.digits),
    an_order("denied", consent={"advertising": "DENIED", "jurisdiction": SOMEBODY.letters}),
    an_order("of-the-past", occurred_at="1999-12-31T23:59:59Z"),
    an_order("of-the-future", occurred_at="2099-12-31T23:59:59Z"),
]
VISITS = [
    a_visit("tag-of-a-search"),
    a_visit("tag-of-a-page", type="PAGE_VISIT", page={"title": SOMEBODY.email, "url": f"https://{SOMEBODY.email}/"}),
    a_visit("tag-of-nobody", merchant_id=SOMEBODY.letters),
]
BECOME_EVENTS = {"merchant-1:good:checkout", "merchant-1:good-too:checkout", "tag-of-a-search", "tag-of-a-page"}
BECOME_LETTERS = {"rejected", "refused", "invalid", "unroutable", "in_future", "undecodable"}


@pytest.fixture
def world(embedded: EmbeddedCluster, children: Children, tmp_path: Path) -> Iterator[World]:
    with World(embedded, children, tmp_path, latency_ms="1-5") as world:
        yield world


def produce_given(world: World, children: Children, folder: Path, kind: str, records: list[dict[str, Any]]) -> Child:
    """As a person would try it out, with a file of records."""
    file = folder / f"{kind}.jsonl"
    file.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    producer = children.consumer(
        f"produce-{kind}", "produce", "--topic", world.topics[kind], str(file), environment=world.environment()
    )
    assert producer.wait(within_s=60) == 0, producer.tail()
    return producer


def produce_what_is_no_avro(world: World) -> None:
    producer = Producer({"bootstrap.servers": world.cluster.bootstrap_servers})
    headers: list[tuple[str, str | bytes | None]] = [(SOMEBODY.email, SOMEBODY.phone.encode())]
    for value in (SOMEBODY.email.encode(), b"\0\0\0\0\1" + SOMEBODY.email.encode(), json.dumps(ORDERS[0]).encode()):
        producer.produce(world.topics["orders"], value, key=SOMEBODY.email.encode(), headers=headers)
    assert producer.flush(20) == 0


def test_no_output_repeats_what_is_personal_or_secret(world: World, children: Children, tmp_path: Path) -> None:
    producers = [
        produce_given(world, children, tmp_path, "orders", ORDERS),
        produce_given(world, children, tmp_path, "visits", VISITS),
    ]
    produce_what_is_no_avro(world)
    world.set_faults(*FAULTS)
    consumer = world.consumer(
        log__level="debug",
        log__format="json",
        pinterest__access_token=SECRETS[0],
        pinterest__oauth__app_id="1234567",
        pinterest__oauth__app_secret=SECRETS[2],
        schema_registry__username="somebody",
        schema_registry__password=SECRETS[1],
        privacy__consent_unknown_countries="other",
        properties={"debug": "cgrp,topic,msg,security"},
    )

    world.wait_until_committed_to_the_end(consumer)
    pages = {path: world.page(consumer, path) for path in ("/metrics", "/ledger", "/readyz", "/livez", "/startupz")}
    answered = world.emulator_stats()["requests"]
    ledger = stop(consumer)

    assert {"200", "400", "401", "422", "429", "503", "no_answer"} <= answered.keys()
    letters = world.letters()
    assert {event.event_id for event in world.record()} == BECOME_EVENTS
    assert {letter.why["reason"] for letter in letters} == BECOME_LETTERS
    assert ledger["balanced"]
    written = {
        **pages,
        **{f"stdout of {child.name}": child.stdout() for child in (consumer, *producers)},
        **{f"stderr of {child.name}": child.stderr() for child in (consumer, *producers)},
        **{f"letter of {letter.origin}": json.dumps(dict(letter.why)) for letter in letters},
        "events": json.dumps([dict(event.event) for event in world.record()]),
    }
    assert {where: SOMEBODY.traces_in(text) for where, text in written.items() if SOMEBODY.traces_in(text)} == {}
    assert [(where, secret) for where, text in written.items() for secret in SECRETS if secret in text] == []
    # All of them were there to be repeated, and a letter does repeat its record, byte for byte.
    assert '"librdkafka"' in written["stderr of consumer"]
    assert all(SOMEBODY.traces_in((letter.value or b"").decode("latin-1")) for letter in letters)
    assert any(letter.key == SOMEBODY.email.encode() for letter in letters)
    assert sum(end_offsets(world.cluster.bootstrap_servers, world.dead_letter_topic).values()) == len(letters)


def test_a_refused_refresh_repeats_no_token_and_no_secret(world: World, children: Children, tmp_path: Path) -> None:
    _, _, app_secret, refresh_token = SECRETS
    first = tmp_path / "first"
    first.write_text(refresh_token, encoding="utf-8")
    answer = {"code": 283, "message": f"{refresh_token} or {quote_plus(refresh_token)} is none of {app_secret}"}

    with OneAnswer(http(401, answer)) as server:
        refresh = children.consumer(
            "refresh",
            *("token", "refresh", "--json", "--initial-refresh-token-file", str(first)),
            environment=world.environment(
                log__level="debug",
                pinterest__base_url=server.base_url,
                pinterest__oauth__directory=tmp_path,
                pinterest__oauth__app_id="1234567",
                pinterest__oauth__app_secret=app_secret,
            ),
        )
        assert refresh.wait(within_s=30) == 1, refresh.tail()

    written = refresh.stdout() + refresh.stderr()
    assert quote_plus(refresh_token).encode() in server.request
    assert "code 283" in written
    assert [text for text in (*SECRETS, quote_plus(refresh_token)) if text in written] == []


@pytest.mark.parametrize("kind", ["orders", "visits"])
def test_a_rehearsal_on_the_command_line_shows_hashes(
    world: World, children: Children, tmp_path: Path, kind: str
) -> None:
    file = tmp_path / "records.jsonl"
    records = ORDERS if kind == "orders" else VISITS
    file.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")

    mapping = children.consumer(
        "map", "map", "--topic", world.topics[kind], "--explain", str(file), environment=world.environment()
    )

    assert mapping.wait(within_s=30) == 0, mapping.tail()
    answers = [json.loads(line) for line in mapping.stdout().splitlines()]
    assert len(answers) == len(records)
    assert any("event" in answer for answer in answers)
    assert SOMEBODY.traces_in(mapping.stdout() + mapping.stderr()) == []


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        pytest.param({"pinterest__base_url": f"ftp://{SOMEBODY.letters}/v5"}, "base_url", id="URL"),
        pytest.param({"pinterest__acces_token": SOMEBODY.letters}, "ACCES_TOKEN", id="misspelt key"),
        pytest.param({"routing__table": f"{{'{SOMEBODY.letters}'"}, "ROUTING__TABLE", id="no JSON"),
        pytest.param(
            {"schema_registry__bearer_token": SOMEBODY.letters, "schema_registry__username": "u"},
            "bearer_token",
            id="two ways",
        ),
        pytest.param({"kafka__start_at": SOMEBODY.letters}, "START_AT", id="no such choice"),
        pytest.param({"properties": {"sasl.password": SOMEBODY.letters, "no.such": "1"}}, "sasl", id="librdkafka"),
    ],
)
def test_a_wrong_configuration_is_named_and_not_quoted(
    world: World, children: Children, wrong: dict[str, Any], named: str
) -> None:
    consumer = children.consumer("consumer", "run", environment=world.environment(**wrong))

    assert consumer.wait(within_s=30) != 0
    assert named in consumer.stderr()
    assert SOMEBODY.letters not in (consumer.stdout() + consumer.stderr()).lower()
