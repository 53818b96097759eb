"""What an auditor asks for is found, whatever else stands in the topic; nobody's group is touched."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from confluent_kafka import Producer

from consumer import cli
from consumer.cli.receipts import MEANING
from consumer.receipt_form import key_of, value_of
from consumer.records import Receipt
from tests.harness.cluster import EmbeddedCluster
from tests.unit.stages.builders import event_of

TOPIC = "shop.receipts"
ACCOUNT, OTHER = "549755885175", "549755885176"

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def topic(embedded: EmbeddedCluster) -> EmbeddedCluster:
    embedded.create_topic(TOPIC, 3)
    return embedded


@pytest.fixture
def run(embedded: EmbeddedCluster, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    settings = {
        "KAFKA__BOOTSTRAP_SERVERS": embedded.bootstrap_servers,
        "KAFKA__GROUP_ID": "shop",
        "SCHEMA_REGISTRY__URL": "http://127.0.0.1:9",
        "KAFKA__PROPERTIES": '{"fetch.wait.max.ms": 10}',
    }
    for name, value in settings.items():
        monkeypatch.setenv(f"CONVERSIONS_{name}", value)

    def run(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as end:
            cli.main(["receipts", *arguments])
        printed = capsys.readouterr()
        assert isinstance(end.value.code, int)
        return end.value.code, printed.out, printed.err

    return run


def receipt_of(
    order_id: str, value: str | None = "10.00", *, accepted_s: float = 1_750_000_000, **changes: Any
) -> Receipt:
    event_id = f"merchant-1:{order_id}:checkout"
    amount = None if value is None else Decimal(value)
    fields = {"account": ACCOUNT, "order_id": order_id, "value": amount, **changes}
    return Receipt(event_of(event_id, **fields), accepted_s)


def write(cluster: EmbeddedCluster, *receipts: Receipt) -> None:
    put(cluster, *((key_of(receipt), value_of(receipt, "a-digest")) for receipt in receipts))


def put(cluster: EmbeddedCluster, *messages: tuple[bytes | None, bytes | None]) -> None:
    producer = Producer({"bootstrap.servers": cluster.bootstrap_servers})
    for key, value in messages:
        producer.produce(TOPIC, key=key, value=value)
    assert producer.flush(10) == 0


def orders_in(out: str) -> list[str]:
    return [found["order_id"] for found in json.loads(out)]


# --- find --------------------------------------------------------------------------------------------------------


def test_an_order_is_found_among_others(topic: EmbeddedCluster, run: Run) -> None:
    write(topic, *(receipt_of(f"A-{n}") for n in range(200)))

    code, out, err = run("find", "--order", "A-117")

    assert code == 0
    assert "order_id       A-117\n" in out
    assert "A-118" not in out
    assert err == f"{MEANING}\n"


@pytest.mark.parametrize(
    ("arguments", "orders"),
    [
        (["--event-id", "merchant-1:A-1:checkout"], ["A-1"]),
        (["--account", OTHER], ["A-2", "A-3"]),
        (["--account", OTHER, "--order", "A-3"], ["A-3"]),
    ],
)
def test_every_option_given_must_fit(arguments: list[str], orders: list[str], topic: EmbeddedCluster, run: Run) -> None:
    write(topic, receipt_of("A-1"), receipt_of("A-2", account=OTHER), receipt_of("A-3", account=OTHER))

    code, out, _ = run("find", *arguments, "--format", "json")

    assert (code, sorted(orders_in(out))) == (0, orders)


def test_of_several_receipts_of_one_event_the_latest_is_told(topic: EmbeddedCluster, run: Run) -> None:
    write(topic, receipt_of("A-1", "7.00", accepted_s=1_750_000_002), receipt_of("A-1", "5.00"))

    _, out, _ = run("find", "--order", "A-1", "--format", "json")

    assert [found["value"] for found in json.loads(out)] == ["7.00"]


def test_csv_holds_every_member_noughts_too(topic: EmbeddedCluster, run: Run) -> None:
    write(topic, receipt_of("A-1", value=None, currency=None))

    _, out, _ = run("find", "--order", "A-1", "--format", "csv")

    (row,) = csv.DictReader(io.StringIO(out))
    assert (row["partition"], row["offset"], row["value"], row["currency"]) == ("0", "0", "", "")
    assert row["event_time"] == "2025-06-15T15:05:40Z"


def test_what_is_not_found_is_explained(topic: EmbeddedCluster, run: Run) -> None:
    write(topic, receipt_of("A-1"))

    code, out, err = run("find", "--order", "A-2")

    assert (code, out) == (1, "")
    assert err.startswith("No receipt was found. Either Pinterest has not acknowledged such an event")


def test_an_id_moves_no_terminal(topic: EmbeddedCluster, run: Run) -> None:
    write(topic, receipt_of("A-1\x1b[2J"))

    _, out, _ = run("find", "--order", "A-1\x1b[2J")

    assert "\x1b" not in out


def test_without_anything_to_find_it_is_bad_usage(run: Run) -> None:
    code, _, err = run("find")

    assert code == 2
    assert "--order" in err


# --- sum ---------------------------------------------------------------------------------------------------------


def test_sums_are_told_in_every_format(topic: EmbeddedCluster, run: Run) -> None:
    write(topic, receipt_of("A-1", "1072.39"), receipt_of("A-2", "0.01"), receipt_of("A-2", "0.02"))

    tables = [run("sum", "--format", name) for name in ("table", "json", "csv")]

    assert [code for code, _, _ in tables] == [0, 0, 0]
    table, as_json, as_csv = (out for _, out, _ in tables)
    assert table == "day         currency  events     value\n2025-06-15  EUR            2  1,072.41\n"
    assert json.loads(as_json) == [{"day": "2025-06-15", "currency": "EUR", "events": 2, "value": "1072.41"}]
    assert as_csv == "day,currency,events,value\n2025-06-15,EUR,2,1072.41\n"


def test_currency_is_told_even_if_not_asked_for(topic: EmbeddedCluster, run: Run) -> None:
    write(topic, receipt_of("A-1"), receipt_of("A-2", currency="USD"))

    _, out, _ = run("sum", "--by", "account", "--format", "csv")

    assert out.splitlines() == ["account,currency,events,value", f"{ACCOUNT},EUR,1,10.00", f"{ACCOUNT},USD,1,10.00"]


@pytest.mark.parametrize(
    ("arguments", "events"),
    [
        pytest.param(["--since", "2025-06-15"], 1, id="from a day on"),
        pytest.param(["--since", "2025-06-16"], 0, id="after it"),
        pytest.param(["--until", "2025-06-15"], 0, id="before its day"),
        pytest.param(["--until", "2025-06-16"], 1, id="before the next day"),
        pytest.param(["--since", "2025-06-15T15:05:40Z", "--until", "2025-06-15T15:05:41Z"], 1, id="to the second"),
        pytest.param(["--since", "2025-06-16", "--time-zone", "Asia/Tokyo"], 1, id="a day that begins elsewhere"),
        pytest.param(["--since", "2025-06-15T16:00:00", "--time-zone", "Europe/Berlin"], 1, id="a time there"),
    ],
)
def test_a_range_is_by_event_time_in_the_zone(
    arguments: list[str], events: int, topic: EmbeddedCluster, run: Run
) -> None:
    write(topic, receipt_of("A-1"))  # at 15:05:40 UTC on 15 June 2025

    _, out, _ = run("sum", *arguments, "--format", "json")

    assert sum(found["events"] for found in json.loads(out)) == events


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--by", "day,weather"], "--by"),
        (["--since", "yesterday"], "--since"),
        (["--until", "2026-13-01"], "--until"),
        (["--time-zone", "Middle-earth/Shire"], "--time-zone"),
        (["--time-zone", "../../etc/passwd"], "--time-zone"),
    ],
)
def test_what_cannot_be_asked_is_bad_usage(arguments: list[str], told: str, run: Run) -> None:
    code, _, err = run("sum", *arguments)

    assert code == 2
    assert told in err


@pytest.mark.usefixtures("topic")
def test_an_empty_topic_sums_to_nothing(run: Run) -> None:
    code, out, _ = run("sum", "--format", "json")

    assert (code, json.loads(out)) == (0, [])


# --- reading -----------------------------------------------------------------------------------------------------


def test_what_was_erased_is_neither_found_nor_summed_and_no_complaint(topic: EmbeddedCluster, run: Run) -> None:
    erased, again = receipt_of("A-1"), receipt_of("A-2", "3.00")
    write(topic, erased, again, receipt_of("A-3", "5.00"))
    put(topic, (key_of(erased), None), (key_of(again), None))
    write(topic, again)

    found = run("find", "--account", ACCOUNT, "--format", "json")
    summed = run("sum", "--format", "json")

    assert (found[0], sorted(orders_in(found[1]))) == (0, ["A-2", "A-3"])
    assert (summed[0], summed[2]) == (0, f"{MEANING}\n")
    assert [(each["events"], each["value"]) for each in json.loads(summed[1])] == [(2, "8.00")]


def test_messages_that_are_no_receipts_are_counted_and_fail(topic: EmbeddedCluster, run: Run) -> None:
    write(topic, receipt_of("A-1"))
    put(topic, (b"somebody", b"else"), (None, None))

    code, out, err = run("sum", "--format", "json")

    assert code == 1
    assert [found["events"] for found in json.loads(out)] == [1]
    assert "2 messages of shop.receipts are not receipts" in err


def test_without_its_topic_it_fails_with_the_topics_name(run: Run) -> None:
    code, out, err = run("sum")

    assert (code, out) == (1, "")
    assert err == "conversions: shop.receipts does not exist, or DESCRIBE is not allowed\n"


def test_a_long_topic_tells_how_far_it_is(topic: EmbeddedCluster, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("consumer.cli.topic_reading._TELL_EVERY_S", 0.0)
    write(topic, *(receipt_of(f"A-{n}") for n in range(10)))

    _, _, err = run("sum")

    assert "shop.receipts: 10 of some 10 messages read" in err
