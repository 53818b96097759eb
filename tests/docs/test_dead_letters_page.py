"""What docs/dead-letters.md shows is what the commands print, and what they write."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from confluent_kafka import Producer

from consumer.letters import OURS, PREFIX
from tests.docs.pages import ROOT, fenced, names_in, section
from tests.harness.cluster import EmbeddedCluster
from tests.harness.ledger import read_topic

TEXT = (ROOT / "docs" / "dead-letters.md").read_text(encoding="utf-8")
LETTERS, REPLAYS = "pinterest-conversions.dead-letter", "pinterest-conversions.replay"


@pytest.fixture
def cluster(embedded: EmbeddedCluster) -> EmbeddedCluster:
    """With the letters that the page speaks of."""
    for topic in ("orders", LETTERS, REPLAYS):
        embedded.create_topic(topic, 1)
    producer = Producer({"bootstrap.servers": embedded.bootstrap_servers})
    for minute in range(3):
        failed_at = f"2026-11-24T08:0{minute}:00.000+00:00"
        account = {"ad-account-id": "549755885175"}
        write(producer, why("account_held", "deliver", "held", 10 + minute, failed_at) | account)
    write(producer, why("invalid", "map", "currency: is missing", 20, "2026-11-24T09:00:00.000+00:00"))
    assert producer.flush(20) == 0
    return embedded


def why(reason: str, stage: str, detail: str, offset: int, failed_at: str) -> dict[str, str]:
    return {
        "reason": reason,
        "detail": detail,
        "stage": stage,
        "topic": "orders",
        "partition": "0",
        "offset": str(offset),
        "timestamp": "1795507200000",
        "group": "pinterest-conversions",
        "attempts": "0",
        "first-failed-at": failed_at,
        "failed-at": failed_at,
        "replays": "0",
    }


def write(producer: Producer, said: Mapping[str, str]) -> None:
    headers = [(PREFIX + name, text.encode()) for name, text in said.items()]
    producer.produce(LETTERS, b"order", key=b"A-1001", headers=headers)  # type: ignore[arg-type]


def run(command: str, cluster: EmbeddedCluster, folder: Path) -> subprocess.CompletedProcess[str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith("CONVERSIONS_")}
    settings = {
        "CONVERSIONS_KAFKA__BOOTSTRAP_SERVERS": cluster.bootstrap_servers,
        "CONVERSIONS_SCHEMA_REGISTRY__URL": "http://127.0.0.1:9",
        "PYTHONPATH": str(ROOT),
    }
    return subprocess.run(
        ["sh", "-c", f"conversions() {{ '{sys.executable}' -m consumer \"$@\"; }}\n{command}"],
        cwd=folder,
        env=own | settings,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_looking_and_replaying_end_as_shown(cluster: EmbeddedCluster, tmp_path: Path) -> None:
    blocks = [*fenced(section(TEXT, "Looking")), *fenced(section(TEXT, "Replaying"))]
    commands, shown = blocks[::2], blocks[1::2]

    done = [run(command, cluster, tmp_path) for _, command in commands]

    assert [language for language, _ in blocks] == ["sh", "text"] * 4
    # The embedded broker does not tell how long topics keep, which a replay warns of.
    told = [[line for line in each.stderr.splitlines() if "DESCRIBE_CONFIGS" not in line] for each in done]
    assert [(each.stdout, each.returncode) for each in done] == [(text, 0) for _, text in shown]
    assert told == [[]] * len(done)
    assert len(read_topic(cluster.bootstrap_servers, REPLAYS)) == 3


def test_to_the_source_the_example_writes_nothing_and_warns(cluster: EmbeddedCluster, tmp_path: Path) -> None:
    ((_, command),) = fenced(section(TEXT, "To the source"))

    done = run(command, cluster, tmp_path)

    assert done.returncode == 0
    assert "EVERY consumer" in done.stderr
    assert "1 letter to be replayed" in done.stdout
    assert read_topic(cluster.bootstrap_servers, "orders") == []


def test_every_option_and_header_spoken_of_exists(cluster: EmbeddedCluster, tmp_path: Path) -> None:
    pages = [run(f"conversions dlq {name} --help", cluster, tmp_path).stdout for name in ("list", "show", "replay")]
    options = {word for code in names_in(TEXT) for word in code.split() if word.startswith("--")} - {"--connectivity"}
    headers = {code.partition(":")[0] for code in names_in(TEXT) if code.startswith(PREFIX)} - {PREFIX}

    assert len(options) > 10
    assert {option for option in options if not any(option in page for page in pages)} == set()
    assert len(headers) > 3
    assert headers <= OURS
