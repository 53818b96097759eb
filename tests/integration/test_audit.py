"""The audit of what is locked: it fails on what is known to be vulnerable, and says when it could not ask."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.harness.one_answer import OneAnswer, http
from tests.harness.processes import ROOT, free_port

LOCK = """\
first==1.0 \\
    --hash=sha256:00
second-one==2.4.1 ; python_full_version < '3.13' \\
    --hash=sha256:00
"""


def audit(folder: Path, url: str, lock: str = LOCK) -> subprocess.CompletedProcess[str]:
    file = folder / "scratch.lock"
    file.write_text(lock, encoding="utf-8")
    command = [sys.executable, str(ROOT / ".ci" / "audit.py"), str(file)]
    environment = {"OSV_QUERY_URL": url, "NO_PROXY": "*"}
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60, check=False)


def test_a_version_known_to_be_vulnerable_fails_and_is_named(tmp_path: Path) -> None:
    with OneAnswer(http(200, {"results": [{}, {"vulns": [{"id": "GHSA-1"}, {"id": "PYSEC-2"}]}]})) as osv:
        audited = audit(tmp_path, osv.base_url)

    assert audited.returncode == 1
    assert "second-one 2.4.1: GHSA-1, PYSEC-2" in audited.stdout
    asked = json.loads(osv.request.partition(b"\r\n\r\n")[2])["queries"]
    assert [(each["package"]["name"], each["version"]) for each in asked] == [("first", "1.0"), ("second-one", "2.4.1")]


def test_nothing_known_passes(tmp_path: Path) -> None:
    with OneAnswer(http(200, {"results": [{}, {}]})) as osv:
        audited = audit(tmp_path, osv.base_url)

    assert audited.returncode == 0
    assert audited.stdout.endswith(
        "2 versions of " + str(tmp_path / "scratch.lock") + " audited, 0 known to be vulnerable\n"
    )


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(http(404, {"message": "Not Found"}), id="no such page"),
        pytest.param(http(200, b"<html>"), id="something else"),
        pytest.param(http(200, {"results": [{}]}), id="one answer for two"),
        pytest.param(http(200, {"results": ["?", "?"]}), id="no objects"),
        pytest.param(b"?", id="no HTTP"),
    ],
)
def test_where_the_database_does_not_answer_it_says_that_nothing_was_audited(tmp_path: Path, answer: bytes) -> None:
    with OneAnswer(answer) as osv:
        audited = audit(tmp_path, osv.base_url)

    assert audited.returncode == 0
    assert audited.stdout.startswith("NOT AUDITED: 2 versions")
    assert audited.stderr == ""


def test_a_database_that_cannot_be_reached_is_no_clean_bill(tmp_path: Path) -> None:
    audited = audit(tmp_path, f"http://127.0.0.1:{free_port()}/")

    assert (audited.returncode, audited.stdout[:11]) == (0, "NOT AUDITED")


def test_a_lock_file_without_versions_fails(tmp_path: Path) -> None:
    assert audit(tmp_path, "http://127.0.0.1:9/", "nothing here\n").returncode == 1
