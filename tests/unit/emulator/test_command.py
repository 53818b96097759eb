"""The command: its one line, its options, its end."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
import typer
from typer.testing import CliRunner

from consumer.cli.emulator import emulator
from tests.unit.emulator.builders import ACCOUNT, event_of

APP = typer.Typer()
APP.command()(emulator)

PROGRAM = "import typer; from consumer.cli.emulator import emulator; typer.run(emulator)"


@pytest.mark.parametrize("signal_number", [signal.SIGTERM, signal.SIGINT])
def test_serves_as_told_until_a_signal_and_prints_one_line(tmp_path: Path, signal_number: signal.Signals) -> None:
    faults = tmp_path / "faults.json"
    faults.write_text('[{"kind": "status", "status": 503, "count": 1}]')
    record = tmp_path / "accepted.jsonl"
    options = (
        f"--port 0 --record {record} --faults {faults} --token good --forbid 549000000002 --latency-ms 0-1 --newer "
        "--oauth-app 1234567:app-secret --refresh-token pinr_first --access-token-expires-s 60"
    )
    command = [sys.executable, "-c", PROGRAM, *options.split()]

    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        opening, _, base_url = running.stdout.readline().strip().rpartition(" ")
        with httpx.Client(headers={"Authorization": "Bearer good"}) as client:
            body = {"data": [event_of(event_name="start_trial", event_time=int(time.time()))]}
            statuses = [
                client.post(f"{base_url}/ad_accounts/{account}/events", json=body).status_code
                for account in (ACCOUNT, ACCOUNT, "549000000002")
            ]
            renewed = client.post(
                f"{base_url}/oauth/token",
                data={"grant_type": "refresh_token", "refresh_token": "pinr_first"},
                auth=("1234567", "app-secret"),
            ).json()
            running.send_signal(signal_number)
            rest = running.communicate(timeout=10)

    assert opening == "emulator listening on"
    assert base_url.startswith("http://127.0.0.1:")
    assert base_url.endswith("/v5")
    assert statuses == [503, 200, 403]
    assert renewed["expires_in"] == 60
    assert [json.loads(line)["ad_account_id"] for line in record.read_text().splitlines()] == [ACCOUNT]
    assert rest == ("", "")
    assert running.returncode == 0


@pytest.mark.parametrize(
    ("options", "named"),
    [
        pytest.param(["--latency-ms", "200"], "--latency-ms", id="one number"),
        pytest.param(["--latency-ms", "300-200"], "--latency-ms", id="the wrong way round"),
        pytest.param(["--faults", "no-such-file"], "--faults", id="no faults file"),
        pytest.param(["--rate-limit", "0"], "--rate-limit", id="no calls at all"),
        pytest.param(["--test-calls-per-second", "0"], "--test-calls-per-second", id="no test calls at all"),
        pytest.param(["--oauth-app", "1234567"], "--oauth-app", id="an app without a secret"),
        pytest.param(["--access-token-expires-s", "0"], "--access-token-expires-s", id="tokens good for no time"),
        pytest.param(["--port", "65536"], "--port", id="no port"),
    ],
)
def test_wrong_usage_is_named(options: list[str], named: str) -> None:
    result = CliRunner().invoke(APP, options, env={"TERM": "dumb", "COLUMNS": "200"})

    assert result.exit_code == 2
    assert named in result.stderr


@pytest.mark.parametrize(
    ("faults", "named"),
    [("{", "not valid JSON"), ('[{"kind": "stauts"}, {"kind": "delay"}]', "fault 1:"), ("[{}]", "`kind`")],
)
def test_wrong_faults_are_named(tmp_path: Path, faults: str, named: str) -> None:
    path = tmp_path / "faults.json"
    path.write_text(faults)

    result = CliRunner().invoke(APP, ["--faults", str(path)], env={"TERM": "dumb", "COLUMNS": "200"})

    assert result.exit_code == 2
    assert named in result.stderr


def test_a_record_that_is_none_is_left_alone(tmp_path: Path) -> None:
    notes = tmp_path / "notes.txt"
    notes.write_text("not a record\n")

    result = CliRunner().invoke(APP, ["--port", "0", "--record", str(notes)])

    assert result.exit_code == 1
    assert "no emulator wrote" in result.stderr
    assert notes.read_text() == "not a record\n"
