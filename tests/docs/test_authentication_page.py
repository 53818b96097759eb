"""What docs/authentication.md shows is what the commands do, and what it says of keys and files is so."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from consumer.config_sources import load_config
from consumer.config_sources.keys import keys
from consumer.emulator import Settings
from consumer.pinterest import token_store
from consumer.yaml_file import dotted
from tests.docs.pages import ROOT, fenced, names_in, section, table
from tests.unit.cli.test_check_accounts import an_emulator

TEXT = (ROOT / "docs" / "authentication.md").read_text(encoding="utf-8")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ|\b1[78]\d{8}\b")


def run(commands: str, folder: Path, base_url: str) -> str:
    """What the commands print, times made the same."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("CONVERSIONS_")}
    done = subprocess.run(
        ["sh", "-ec", f"conversions() {{ '{sys.executable}' -m consumer \"$@\"; }}\n{commands}"],
        cwd=folder,
        env=environ | {"CONVERSIONS_PINTEREST__BASE_URL": base_url, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "app-secret").write_text("made-up-secret")
    (tmp_path / "first-refresh-token").write_text("made-up-refresh-token")
    (tmp_path / "an-oauth-token").write_text("made-up-access-token")
    return tmp_path


@pytest.mark.parametrize("heading", ["A conversion token by command", "OAuth with rotating refresh tokens"])
def test_the_examples_end_as_shown(heading: str, folder: Path) -> None:
    blocks = fenced(section(TEXT, heading))
    if blocks[0][0] == "yaml":
        (folder / "config.yaml").write_text(blocks.pop(0)[1])

    with an_emulator(Settings(oauth_app="1234567:made-up-secret", refresh_token="made-up-refresh-token")) as base_url:
        printed = [run(commands, folder, base_url) for _, commands in blocks[::2]]

    assert [language for language, _ in blocks[::2]] == ["sh"] * len(printed)
    for (language, shown), told in zip(blocks[1::2], printed, strict=True):
        if language == "json":
            assert json.loads(TIME.sub("0", shown)) == json.loads(TIME.sub("0", told))
        else:
            assert TIME.sub("<time>", shown) == TIME.sub("<time>", told)


def test_the_configuration_shown_is_one_that_loads(folder: Path) -> None:
    (shown,) = (content for language, content in fenced(TEXT) if language == "yaml")
    (folder / "config.yaml").write_text(shown)

    oauth = load_config(folder / "config.yaml", offline=True).pinterest.oauth

    assert (oauth.directory, oauth.app_id, oauth.refresh) == (Path("tokens"), "1234567", "elsewhere")


def test_every_key_told_of_is_one() -> None:
    known = {dotted(key.path) for key in keys()}
    told = {name for name in names_in(TEXT) if re.fullmatch(r"(pinterest|delivery)(\.\w+)+", name)}

    assert told - known == set()
    assert {"pinterest.tokens_dir", "pinterest.access_token_file", "pinterest.oauth.directory"} <= told


def test_every_file_of_the_directory_is_told() -> None:
    names = {token_store.ACCESS_TOKEN, token_store.STATE, token_store.REFRESH_LOCK, token_store.CONSUMER_LOCK}
    page = section(TEXT, "OAuth with rotating refresh tokens")

    assert {names_in(row["File"])[0] for row in table(page, "File")} == names
