"""`conversions preview` as it is called: what it refuses, and what it says where there is nothing to read."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from consumer import cli
from tests.harness.cluster import EmbeddedCluster
from tests.unit.mapping.foreign import MAPPING, NAME, write_mapping

ACCOUNT = "549755885175"

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(
    embedded: EmbeddedCluster, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Run:
    embedded.create_topic("orders", 2)
    embedded.create_topic("bus", 2)
    topics: dict[str, Any] = {
        "orders": {"mapping": "order"},
        "bus": {"records": {NAME: str(write_mapping(tmp_path)), "com.acme.CartChanged": "skip"}},
        "gone": {"mapping": "order"},
    }
    config = tmp_path / "config.yaml"
    config.write_text(json.dumps({"topics": topics}), encoding="utf-8")
    settings = {
        "KAFKA__BOOTSTRAP_SERVERS": embedded.bootstrap_servers,
        "SCHEMA_REGISTRY__URL": "http://127.0.0.1:9",
        "ROUTING__DEFAULT_AD_ACCOUNT_ID": ACCOUNT,
        "DEDUP__BROWSER_TAG": "absent",
    }
    for name, value in settings.items():
        monkeypatch.setenv(f"CONVERSIONS_{name}", value)

    def run(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as end:
            cli.main(["preview", "--config", str(config), *arguments])
        printed = capsys.readouterr()
        assert isinstance(end.value.code, int)
        return end.value.code, printed.out, printed.err

    return run


def test_a_topic_without_records_is_told_of_in_both_forms(run: Run) -> None:
    code, text, _ = run("--topic", "orders")
    json_code, document, _ = run("--topic", "orders", "--output", "json")

    assert (code, json_code) == (0, 0)
    assert text.startswith("orders: 0 records written since ")
    assert json.loads(document)["records"] == 0


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        pytest.param(["--topic", "carts"], "--topic: `carts` is not configured", id="a topic of nobody's"),
        pytest.param(["--topic", "orders", "--last", "yesterday"], "--last: must be an age", id="no age"),
        pytest.param(["--topic", "orders", "--last", "0m"], "--last: must be an age", id="no time at all"),
        pytest.param(["--topic", "orders", "--grand-total", "totals..x"], "--grand-total: cannot", id="no path"),
        pytest.param(["--topic", "orders", "--against", "old.yaml"], "old.yaml: cannot be read", id="no mapping"),
        pytest.param(
            ["--topic", "bus", "--against", "order"],
            f"--record: topic `bus` has records of several types; take one of {NAME}",
            id="of which type?",
        ),
        pytest.param(
            ["--topic", "orders", "--against", "order", "--record", NAME],
            "--record: every record of topic `orders` takes the one mapping",
            id="there is but one type",
        ),
        pytest.param(["--topic", "bus", "--record", NAME], "--record: says which", id="of a mapping that is not there"),
        pytest.param(["--topic", "orders", "--limit", "0"], "--limit", id="no records"),
        pytest.param(["--last", "1h"], "--topic", id="no topic"),
    ],
)
def test_what_makes_no_sense_is_bad_usage(arguments: list[str], told: str, run: Run) -> None:
    code, out, err = run(*arguments)

    assert (code, out) == (2, "")
    assert told in err


def test_all_that_makes_no_sense_is_told_at_once(run: Run) -> None:
    code, _, err = run("--topic", "orders", "--last", "1w", "--grand-total", "", "--record", NAME)

    assert code == 2
    assert [line.split(" ")[1] for line in err.splitlines()] == ["--last:", "--grand-total:", "--record:"]


def test_what_is_wrong_with_the_other_mapping_is_told_with_its_lines(run: Run, tmp_path: Path) -> None:
    other = tmp_path / "old.yaml"
    other.write_text(MAPPING.replace("event_time: placed\n", ""), encoding="utf-8")

    code, _, err = run("--topic", "bus", "--record", NAME, "--against", str(other))

    assert code == 2
    assert "old.yaml" in err
    assert "event_time: must be said" in err


def test_a_topic_that_does_not_exist_fails(run: Run) -> None:
    code, out, err = run("--topic", "gone")

    assert (code, out) == (1, "")
    assert err == "conversions: gone does not exist, or DESCRIBE is not allowed\n"


def test_of_a_topic_of_several_types_one_takes_the_other_mapping(run: Run) -> None:
    code, out, _ = run("--topic", "bus", "--record", NAME, "--against", "order", "--last", "2d", "--output", "json")

    assert code == 0
    assert json.loads(out)["difference"]["against"] == "order"
