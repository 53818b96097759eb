"""What the README shows is what the project does."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from consumer.cli import COMMANDS
from consumer.config_sources import load_config

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    found = re.findall(r"^```(\w*)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    return [block for named, block in found if named == language]


def test_the_configuration_shown_is_one_that_loads(tmp_path: Path) -> None:
    (shown,) = blocks("yaml")
    file, password = tmp_path / "config.yaml", tmp_path / "password"
    file.write_text(shown, encoding="utf-8")
    password.write_text("a-password", encoding="utf-8")

    config = load_config(file, environ={"CONVERSIONS_KAFKA__SASL_PASSWORD_FILE": str(password)})

    assert config.routing.table["merchant-3"] == "none"
    assert config.dead_letter_topic == "pinterest-conversions.dead-letter"
    assert config.health.port == 8080


def test_every_command_shown_exists() -> None:
    assert set(re.findall(r"`conversions ([\w-]+)", README)) == set(COMMANDS)


def test_every_make_target_shown_exists() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    shown = {target for line in blocks("sh") for target in re.findall(r"make (\w+)", line)}
    assert shown == {"demo", "test"}
    assert all(re.search(rf"^{target}:", makefile, re.MULTILINE) for target in shown)


@pytest.mark.parametrize(("orders", "visits"), [(2_000, 3_000)])
def test_the_demo_ends_as_shown(tmp_path: Path, orders: int, visits: int) -> None:
    report = tmp_path / "report.json"
    command = [sys.executable, "-m", "consumer", "demo", "--orders", str(orders), "--visits", str(visits)]
    shown = next(block for block in blocks("") if "produced =" in block)

    done = subprocess.run(
        [*command, "--report", str(report)], cwd=ROOT, capture_output=True, text=True, timeout=200, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr
    printed = [line.strip() for line in done.stdout.splitlines()]
    assert [line for line in shown.splitlines() if line not in printed] == []
    found = json.loads(report.read_text(encoding="utf-8"))
    assert found["produced"] == orders + visits == found["accepted"] + found["skipped"] + found["dead_lettered"]
    assert (found["lost"], found["duplicates"], found["ledger_balanced"]) == (0, 0, True)
    assert found["batches"] > 0
