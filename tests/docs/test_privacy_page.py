"""What docs/privacy.md shows can be configured so, and ends as shown."""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from consumer.cli.suppress_hash import Kind
from consumer.config_sources import load_config
from consumer.mapping import redaction
from consumer.stages.mapper import Mapper
from consumer.suppress_list import FIELDS
from tests.docs.pages import ROOT, fenced, names_in, section

TEXT = (ROOT / "docs" / "privacy.md").read_text(encoding="utf-8")
BLOCKS = fenced(TEXT)
CONFIGURATIONS = [content for language, content in BLOCKS if language == "yaml"]
COMMANDS = [(asked, answered) for asked, answered in pairwise(BLOCKS) if asked[0] == "sh"]


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("CONVERSIONS_")]:
        monkeypatch.delenv(name)


def run(commands: str) -> tuple[str, str]:
    done = subprocess.run(
        ["sh", "-c", f"conversions() {{ '{sys.executable}' -m consumer \"$@\"; }}\n{commands}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.stdout, done.stderr


@pytest.mark.parametrize("example", CONFIGURATIONS, ids=range(len(CONFIGURATIONS)))
def test_every_configuration_works(example: str, tmp_path: Path) -> None:
    (tmp_path / "suppressed.txt").touch()
    here = example.replace("/etc/conversions/suppressed.txt", str(tmp_path / "suppressed.txt"))
    (tmp_path / "config.yaml").write_text(here)

    config = load_config(tmp_path / "config.yaml", offline=True)

    assert config.privacy.model_fields_set
    assert Mapper(config)


@pytest.mark.parametrize(("asked", "answered"), COMMANDS)
def test_every_command_ends_as_shown(asked: tuple[str, str], answered: tuple[str, str]) -> None:
    assert answered[0] == "text"
    assert run(asked[1]) == (answered[1], "")


def test_all_of_them_are_run() -> None:
    assert (len(CONFIGURATIONS), len(COMMANDS)) == (3, 2)
    assert len(BLOCKS) == 3 + 2 * 2


def test_what_redaction_leaves_out_is_told() -> None:
    (line,) = (line for line in section(TEXT, "Redaction").splitlines() if line.startswith("| Left out |"))

    of_the_event, of_a_line = (names_in(part) for part in line.split("in `contents`:"))
    assert sorted(of_the_event) == sorted((*redaction._OF_THE_EVENT, *redaction._OF_CUSTOM_DATA, *redaction._OF_AN_APP))
    assert tuple(of_a_line) == redaction._OF_A_LINE


def test_every_kind_of_identifier_is_told() -> None:
    told = section(TEXT, "Suppression")

    assert len(Kind) == len(FIELDS)
    assert all(f"--kind {kind}" in told for kind in Kind)
