"""What docs/receipts.md shows is what is written and printed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from confluent_kafka import Producer

from consumer import receipt_form
from consumer.config import Config
from consumer.receipt_form import key_of, value_of
from consumer.records import Assignment, Receipt, Record
from consumer.stages.receipts import MOST_WAITING
from tests.docs.pages import ROOT, fenced, names_in, section, table
from tests.harness.cluster import EmbeddedCluster
from tests.unit.stages.builders import FakeMessage, event_of

TEXT = (ROOT / "docs" / "receipts.md").read_text(encoding="utf-8")
(_, KEY), (_, VALUE) = fenced(section(TEXT, "What a receipt holds"))
(_, FIND), (_, FOUND) = fenced(section(TEXT, "Finding one"))
(_, SUM), (_, SUMMED) = fenced(section(TEXT, "Adding up"))

ACCOUNT, MERCHANT = "549755885175", "merchant-1"
MAPPING = json.loads(VALUE)["mapping"]
ACCEPTED_S = datetime(2026, 11, 24, 10, 15, 3, 412_000, tzinfo=UTC).timestamp()


@pytest.fixture(autouse=True)
def _release(monkeypatch: pytest.MonkeyPatch) -> None:
    """The page stays as it is when the version moves on."""
    monkeypatch.setattr(receipt_form, "__version__", json.loads(VALUE)["build"])


def receipt_of(order_id: str, value: str, happened: str, currency: str = "EUR") -> Receipt:
    event = event_of(
        f"{MERCHANT}:{order_id}:checkout", account=ACCOUNT, order_id=order_id, value=Decimal(value), currency=currency
    )
    event.event_time_s = int(datetime.fromisoformat(happened).timestamp())
    event.record = Record(Assignment("orders", 3, 0), 10_422, FakeMessage(), 0, 0.0)
    return Receipt(event, ACCEPTED_S)


def the_one() -> Receipt:
    return receipt_of("A-10017", "72.39", "2026-11-24T10:15:00Z")


def test_a_receipt_looks_as_shown() -> None:
    receipt = the_one()

    assert key_of(receipt).decode() + "\n" == KEY
    assert value_of(receipt, MAPPING).decode() + "\n" == VALUE


def test_every_member_is_told_and_no_other() -> None:
    rows = table(section(TEXT, "What a receipt holds"), "Member")

    assert [name for row in rows for name in names_in(row["Member"])] == list(json.loads(VALUE))


def test_the_examples_end_as_shown(embedded: EmbeddedCluster, tmp_path: Path) -> None:
    embedded.create_topic("pinterest-conversions.receipts", 6)
    producer = Producer({"bootstrap.servers": embedded.bootstrap_servers})
    for receipt in (
        the_one(),
        the_one(),
        receipt_of("A-10018", "1000.01", "2026-11-24T22:59:59Z"),
        receipt_of("A-10019", "5.00", "2026-11-24T23:00:00Z"),
        receipt_of("A-10020", "19.99", "2026-11-24T08:00:00Z", "USD"),
        receipt_of("A-10021", "5.00", "2026-11-25T23:00:00Z"),
    ):
        producer.produce("pinterest-conversions.receipts", key=key_of(receipt), value=value_of(receipt, MAPPING))
    assert producer.flush(10) == 0

    found, summed = (shell(command, embedded, tmp_path) for command in (FIND, SUM))

    assert (found.stdout, found.returncode) == (FOUND, 0), found.stderr
    assert (summed.stdout, summed.returncode) == (SUMMED, 0), summed.stderr


def shell(command: str, cluster: EmbeddedCluster, folder: Path) -> subprocess.CompletedProcess[str]:
    settings = {
        "CONVERSIONS_KAFKA__BOOTSTRAP_SERVERS": cluster.bootstrap_servers,
        "CONVERSIONS_SCHEMA_REGISTRY__URL": "http://127.0.0.1:9",
    }
    return subprocess.run(
        ["sh", "-c", f"conversions() {{ '{sys.executable}' -m consumer \"$@\"; }}\n{command}"],
        cwd=folder,
        env={**os.environ, **settings, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_bound_of_repeats_is_the_stages() -> None:
    assert f"never more than {MOST_WAITING:,} events" in TEXT


def test_the_topic_is_the_one_of_the_default_group() -> None:
    config = Config.model_validate({"kafka": {"bootstrap_servers": "127.0.0.1:9"}, "schema_registry": {"url": "x"}})

    assert f"--topic {config.receipts_topic} " in TEXT
    assert not config.receipts.enabled
