"""`conversions token` against the emulator: what it leaves behind, whatever happens to it, and what it never tells."""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import socket
import stat
import sys
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock
from urllib.parse import urlsplit
from urllib.request import urlopen

import pytest

from consumer import cli
from consumer.emulator import Settings
from consumer.pinterest.token_store import TokenDirectory, held_by_consumer
from tests.harness.processes import Child, Children, eventually
from tests.unit.cli.test_check_accounts import an_emulator

FIRST, SECRET, STRANGER = "pinr_planted_first", "planted-secret", "pinr_planted_stranger"
ACCOUNT = "549700000001"


@dataclass
class Setup:
    """A directory, an emulator that knows one refresh token, and the environment that names both."""

    folder: Path
    emulator_url: str
    environ: dict[str, str]

    @property
    def directory(self) -> TokenDirectory:
        return TokenDirectory(self.folder / "oauth")

    @property
    def first(self) -> str:
        return str(self.folder / "first")

    def access_token(self) -> str:
        return self.directory.access_token_file.read_text()

    def requests(self) -> dict[str, int]:
        with urlopen(f"{self.emulator_url.removesuffix('/v5')}/_emulator/stats") as answer:  # noqa: S310 - 127.0.0.1
            stats: dict[str, Any] = json.load(answer)
            requests: dict[str, int] = stats["requests"]
            return requests


@pytest.fixture
def setup(tmp_path: Path) -> Iterator[Setup]:
    (tmp_path / "oauth").mkdir()
    (tmp_path / "first").write_text(f"{FIRST}\n")
    with an_emulator(Settings(oauth_app=f"1234567:{SECRET}", refresh_token=FIRST)) as base_url:
        environ = {
            "PINTEREST__BASE_URL": base_url,
            "PINTEREST__OAUTH__DIRECTORY": str(tmp_path / "oauth"),
            "PINTEREST__OAUTH__APP_ID": "1234567",
            "PINTEREST__OAUTH__APP_SECRET": SECRET,
            "LOG__LEVEL": "debug",
        }
        yield Setup(tmp_path, base_url, named(environ))


@dataclass
class Done:
    code: int
    out: str
    err: str


def conversions(setup: Setup, *arguments: str, environ: Mapping[str, str] | None = None, stdin: str = "") -> Done:
    """Run it to its end. Whatever it says, no token and no secret is in it."""
    out, err = io.StringIO(), io.StringIO()
    with (
        mock.patch.dict(os.environ, setup.environ | named(environ or {})),
        mock.patch("sys.stdin", io.TextIOWrapper(io.BytesIO(stdin.encode()))),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        pytest.raises(SystemExit) as end,
    ):
        cli.main(arguments)
    assert isinstance(end.value.code, int)
    tells_no_secret(setup, out.getvalue() + err.getvalue())
    return Done(end.value.code, out.getvalue(), err.getvalue())


def named(environ: Mapping[str, str]) -> dict[str, str]:
    return {f"CONVERSIONS_{name}": value for name, value in environ.items()}


def tells_no_secret(setup: Setup, text: str) -> None:
    grant = setup.directory.peek().grant
    secrets = ["planted", "pinr_", "pina_", *([] if grant is None else [grant.access_token, grant.refresh_token])]
    assert not [secret for secret in secrets if secret in text]
    assert "Traceback" not in text


def seeded(setup: Setup) -> str:
    """The access token of a first refresh."""
    assert conversions(setup, "token", "refresh", "--initial-refresh-token-file", setup.first).code == 0
    return setup.access_token()


# --- refresh ------------------------------------------------------------------------------------------------------


def test_the_first_run_takes_the_token_it_is_given(setup: Setup) -> None:
    done = conversions(setup, "token", "refresh", "--initial-refresh-token-file", setup.first)

    assert (done.code, done.err) == (0, "")
    assert done.out.startswith(f"refreshed: {setup.directory.access_token_file} is good until 20")
    assert "next refresh from 20" in done.out
    assert "the refresh token is good until 20" in done.out
    assert setup.access_token().startswith("pina_")
    assert {stat.S_IMODE(file.stat().st_mode) for file in setup.directory.path.iterdir()} == {0o600}


def test_the_first_token_may_come_by_standard_input(setup: Setup) -> None:
    assert conversions(setup, "token", "refresh", "--initial-refresh-token-file", "-", stdin=f"{FIRST}\n").code == 0

    assert setup.access_token().startswith("pina_")


def test_a_later_run_does_nothing_until_it_is_due_or_forced(setup: Setup) -> None:
    first = seeded(setup)

    runs = []
    for options in ([], ["--initial-refresh-token-file", setup.first], ["--force"]):
        done = conversions(setup, "token", "refresh", *options)
        runs.append((done.code, done.out.partition(":")[0], setup.access_token() == first))

    assert runs == [(0, "nothing to do", True), (0, "nothing to do", True), (0, "refreshed", False)]
    assert setup.requests() == {"200": 2}


def test_outcomes_can_be_read_by_programs(setup: Setup) -> None:
    def told(*options: str, **environ: str) -> dict[str, Any]:
        done = conversions(setup, "token", "refresh", "--json", *options, environ=environ)
        answer: dict[str, Any] = json.loads(done.out)
        return answer

    first = told("--initial-refresh-token-file", setup.first)
    second = told()
    third = told("--force", PINTEREST__BASE_URL="http://127.0.0.1:9/v5")

    assert [first["outcome"], second["outcome"], third["outcome"]] == ["refreshed", "not_due", "failed"]
    assert (third["cause"], third["detail"]) == ("not_sent", "not sent: ConnectError")
    times = ("access_token_expires_at", "refresh_token_expires_at", "next_refresh_at")
    assert [first[name] for name in times] == [second[name] for name in times] == [third[name] for name in times]
    assert first["access_token_expires_at"] - first["next_refresh_at"] == 15 * 86_400


def test_a_refusal_says_what_to_do_and_the_present_token_stays(setup: Setup) -> None:
    first = seeded(setup)

    done = conversions(setup, "token", "refresh", "--initial-refresh-token-file", "-", stdin=STRANGER)

    assert (done.code, done.out) == (1, "")
    assert "Pinterest refuses the refresh token: HTTP 401" in done.err
    assert "--initial-refresh-token-file" in done.err
    assert "the present access token is good until 20" in done.err
    assert setup.access_token() == first


def test_wrong_credentials_of_the_app_harm_nothing(setup: Setup) -> None:
    first = seeded(setup)

    done = conversions(
        setup, "token", "refresh", "--force", environ={"PINTEREST__OAUTH__APP_SECRET": "planted-otherwise"}
    )

    assert done.code == 1
    assert "check app_id and app_secret" in done.err
    assert setup.access_token() == first
    assert conversions(setup, "token", "refresh", "--force").code == 0


@pytest.mark.parametrize(
    ("arguments", "environ", "problem"),
    [
        ([], {"PINTEREST__OAUTH__DIRECTORY": ""}, "pinterest.oauth.directory is needed"),
        ([], {"PINTEREST__OAUTH__APP_ID": ""}, "pinterest.oauth.app_id is needed"),
        (["--initial-refresh-token-file", "/nowhere/token"], {}, "/nowhere/token cannot be read"),
        (["--initial-refresh-token-file", "/dev/null"], {}, "/dev/null is empty"),
        (["--nonsense"], {}, "No such option"),
        ([], {"PINTEREST__BASE_URL": "planted"}, "pinterest.base_url"),
    ],
)
def test_bad_usage_and_settings_end_with_2(
    setup: Setup, arguments: list[str], environ: dict[str, str], problem: str
) -> None:
    done = conversions(setup, "token", "refresh", *arguments, environ=environ)

    assert done.code == 2
    assert problem in done.err


def test_nothing_of_kafka_or_the_registry_need_be_said(setup: Setup, tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("schema_registry: {bearer_token_file: /nowhere/token}\n")

    done = conversions(setup, "token", "refresh", "--config", str(file), "--initial-refresh-token-file", setup.first)

    assert done.code == 0


# --- what may happen to a run -------------------------------------------------------------------------------------


class Gate:
    """Stands between the command and the emulator: keeps the request or the answer of its one visitor back."""

    def __init__(self, setup: Setup, *, keeps: str) -> None:
        to = urlsplit(setup.emulator_url)
        self._to = (to.hostname, to.port)
        self._keeps = keeps
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve)
        self.is_reached = threading.Event()
        self._is_open = threading.Event()
        self.setting = {"PINTEREST__BASE_URL": f"http://127.0.0.1:{self._listener.getsockname()[1]}/v5"}

    def __enter__(self) -> Gate:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.open()
        self._listener.close()
        self._thread.join(10)

    def open(self) -> None:
        self._is_open.set()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            visitor, _ = self._listener.accept()
            with visitor:
                request = b""
                while b"continuous_refresh=true" not in request:
                    request += visitor.recv(65_536)
                if self._keeps == "request":
                    self._wait()
                    return
                with socket.create_connection(self._to) as emulator:
                    emulator.sendall(request)
                    answer = emulator.recv(65_536)
                self._wait()
                visitor.sendall(answer)

    def _wait(self) -> None:
        self.is_reached.set()
        self._is_open.wait(60)


def started(children: Children, setup: Setup, gate: Gate, name: str = "refresh") -> Child:
    environ = setup.environ | named(gate.setting)
    child = children.consumer(name, "token", "refresh", "--force", environment=environ)
    child.wait_until(gate.is_reached.is_set, within_s=30, what="the request was made")
    return child


def test_killed_before_pinterest_had_the_request_the_next_run_goes_on(setup: Setup, children: Children) -> None:
    first = seeded(setup)
    with Gate(setup, keeps="request") as gate:
        started(children, setup, gate).kill()
    interrupted = setup.directory.peek()

    done = conversions(setup, "token", "refresh")

    assert interrupted.unanswered_since is not None
    assert done.code == 0
    assert "was lost, but no token with it" in done.out
    assert setup.access_token() != first


def test_killed_between_answer_and_disk_the_next_run_says_what_is_lost_and_a_new_authorisation_mends_it(
    setup: Setup, children: Children
) -> None:
    first = seeded(setup)
    with Gate(setup, keeps="answer") as gate:
        started(children, setup, gate).kill()

    told = conversions(setup, "token", "refresh")
    kept = setup.access_token()
    with an_emulator(Settings(refresh_token=STRANGER)) as base_url:
        (setup.folder / "second").write_text(STRANGER)
        options = ("--initial-refresh-token-file", str(setup.folder / "second"))
        mended = conversions(setup, "token", "refresh", *options, environ={"PINTEREST__BASE_URL": base_url})

    assert told.code == 1
    assert "never came, and the token that would be good now was probably in it" in told.err
    assert "--initial-refresh-token-file" in told.err
    assert kept == first
    assert mended.code == 0
    assert setup.access_token() != first


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_asked_to_stop_it_first_has_the_answer_on_the_disk(
    setup: Setup, children: Children, number: signal.Signals
) -> None:
    first = seeded(setup)
    with Gate(setup, keeps="answer") as gate:
        child = started(children, setup, gate)
        child.send(number)
        gate.open()
        child.wait(within_s=30)

    done = conversions(setup, "token", "refresh")

    assert child.exit_code != 0
    assert (done.code, done.out.partition(":")[0]) == (0, "nothing to do")
    assert setup.access_token() != first
    assert setup.directory.peek().unanswered_since is None
    tells_no_secret(setup, child.stdout() + child.stderr())


def test_of_two_at_once_the_second_waits_and_finds_it_done(setup: Setup, children: Children) -> None:
    seeded(setup)
    with Gate(setup, keeps="answer") as gate:
        first = started(children, setup, gate, "first")
        second = children.consumer("second", "token", "refresh", "--force", environment=setup.environ)
        waits_on(second.id, setup.directory.path / "refresh.lock")
        gate.open()
        codes = [child.wait(within_s=30) for child in (first, second)]

    assert codes == [0, 0]
    assert (first.stdout().partition(":")[0], second.stdout().partition(":")[0]) == ("refreshed", "nothing to do")
    assert setup.requests() == {"200": 2}


def waits_on(process_id: int, lock: Path) -> None:
    def has_it_open() -> bool:
        return any(link.readlink() == lock for link in Path(f"/proc/{process_id}/fd").iterdir())

    def asks() -> bool:
        with contextlib.suppress(OSError):
            return has_it_open()
        return False

    eventually(asks, within_s=30, what="the second one has come to the lock")


def test_on_a_full_disk_nothing_is_asked_for(setup: Setup, children: Children) -> None:
    first = seeded(setup)

    command = [
        "sh",
        "-c",
        'ulimit -f 8; exec "$@"',
        "sh",
        sys.executable,
        "-m",
        "consumer",
        "token",
        "refresh",
        "--force",
    ]

    child = children.start("refresh", command, setup.environ)
    code = child.wait(within_s=30)

    assert code == 1
    assert f"{setup.directory.path}: File too large" in child.stderr()
    assert setup.access_token() == first
    assert setup.requests() == {"200": 1}
    assert conversions(setup, "token", "refresh", "--force").code == 0


def test_no_answer_in_time_is_told_as_what_it_is(setup: Setup) -> None:
    seeded(setup)
    with Gate(setup, keeps="answer") as gate:
        done = conversions(
            setup, "token", "refresh", "--force", environ={"DELIVERY__REQUEST_TIMEOUT_S": "0.5", **gate.setting}
        )

    assert done.code == 1
    assert "no answer: ReadTimeout; Pinterest may have replaced the refresh token all the same" in done.err
    assert setup.directory.peek().unanswered_since is not None


def test_a_consumer_that_refreshes_by_itself_is_one_alone(setup: Setup) -> None:
    environ = {
        "PINTEREST__OAUTH__REFRESH": "in_process",
        "KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:9",
        "SCHEMA_REGISTRY__URL": "http://127.0.0.1:9",
        "DEDUP__BROWSER_TAG": "absent",
        "ROUTING__DEFAULT_AD_ACCOUNT_ID": ACCOUNT,
        "HEALTH__PORT": "0",
    }

    with held_by_consumer(setup.directory.path):
        done = conversions(setup, "run", environ=environ)

    assert done.code == 2
    assert "conversions: pinterest.oauth.directory: another consumer refreshes the tokens in " in done.err


# --- create -------------------------------------------------------------------------------------------------------


@pytest.fixture
def out(setup: Setup) -> Path:
    return setup.folder / "conversion-token"


def test_a_conversion_token_is_written_and_not_shown(setup: Setup, out: Path) -> None:
    seeded(setup)

    done = conversions(setup, "token", "create", "--out", str(out))

    assert (done.code, done.out, done.err) == (0, f"wrote a conversion token to {out}\n", "")
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert out.read_text() not in done.out
    assert out.read_text() != setup.access_token()


def test_the_access_token_may_come_from_elsewhere(setup: Setup, out: Path) -> None:
    (setup.folder / "access").write_text("a-token-from-elsewhere")

    done = conversions(setup, "token", "create", "--out", str(out), "--access-token-file", str(setup.folder / "access"))

    assert done.code == 0


def test_a_file_that_is_there_is_not_replaced_unless_forced(setup: Setup, out: Path) -> None:
    seeded(setup)
    out.write_text("the one in use")

    refused = conversions(setup, "token", "create", "--out", str(out))
    kept, requests = out.read_text(), setup.requests()
    forced = conversions(setup, "token", "create", "--out", str(out), "--force")

    assert (refused.code, forced.code) == (2, 0)
    assert "is there already" in refused.err
    assert (kept, requests) == ("the one in use", {"200": 1})
    assert out.read_text() != kept


def test_what_could_not_be_kept_or_tried_is_refused_before_a_token_is_made(setup: Setup, out: Path) -> None:
    seeded(setup)
    out.mkdir()
    before = setup.requests()

    no_file = conversions(setup, "token", "create", "--out", str(out), "--force")
    no_account = conversions(setup, "token", "create", "--out", str(setup.folder / "new"), "--ad-account", "../x")

    assert (no_file.code, no_account.code) == (2, 2)
    assert "no regular file" in no_file.err
    assert "digits only" in no_account.err
    assert setup.requests() == before


def test_the_new_token_can_be_tried_on_an_ad_account(setup: Setup, out: Path) -> None:
    seeded(setup)

    done = conversions(setup, "token", "create", "--out", str(out), "--ad-account", ACCOUNT)

    assert done.code == 0
    assert f"{ACCOUNT} takes events with this token" in done.out


def test_a_token_that_does_not_work_there_fails_and_is_kept(setup: Setup, out: Path) -> None:
    (setup.folder / "access").write_text("a-token-from-elsewhere")
    options = ("--access-token-file", str(setup.folder / "access"), "--ad-account", ACCOUNT)

    with an_emulator(Settings(forbidden=frozenset({ACCOUNT}))) as base_url:
        done = conversions(
            setup, "token", "create", "--out", str(out), *options, environ={"PINTEREST__BASE_URL": base_url}
        )

    assert done.code == 1
    assert "role on this account" in done.out
    assert out.exists()


def test_a_refused_access_token_leaves_nothing_behind(setup: Setup, out: Path) -> None:
    (setup.folder / "access").write_text("a-token-from-elsewhere")
    options = ("--access-token-file", str(setup.folder / "access"))

    with an_emulator(Settings(tokens=frozenset({"another"}))) as base_url:
        done = conversions(
            setup, "token", "create", "--out", str(out), *options, environ={"PINTEREST__BASE_URL": base_url}
        )

    assert done.code == 1
    assert "HTTP 401" in done.err
    assert "ads:write" in done.err
    assert list(setup.folder.glob("conversion-token*")) == []


@pytest.mark.parametrize(
    ("target", "problem"),
    [("/nowhere/token", "cannot be written: No such file"), ("", "is no regular file")],
)
def test_a_place_that_will_not_do_is_found_before_a_token_is_made(setup: Setup, target: str, problem: str) -> None:
    seeded(setup)

    done = conversions(setup, "token", "create", "--out", target or str(setup.folder))

    assert done.code == 2
    assert problem in done.err
    assert setup.requests() == {"200": 1}


def test_without_an_access_token_it_says_where_it_looked(setup: Setup, out: Path) -> None:
    done = conversions(setup, "token", "create", "--out", str(out))

    assert done.code == 2
    assert str(setup.directory.access_token_file) in done.err


# --- what is never told -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", [[], ["refresh"], ["create"]])
def test_help_teaches_by_examples_and_shows_nothing_of_the_environment(setup: Setup, arguments: list[str]) -> None:
    done = conversions(setup, "token", *arguments, "--help")

    assert done.code == 0
    assert "Examples:\n" in done.out
    assert "conversions token" in done.out


def test_a_check_shows_neither_tokens_nor_secrets(setup: Setup) -> None:
    seeded(setup)
    environ = {
        "KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:9",
        "SCHEMA_REGISTRY__URL": "http://127.0.0.1:9",
        "DEDUP__BROWSER_TAG": "absent",
        "ROUTING__DEFAULT_AD_ACCOUNT_ID": ACCOUNT,
    }

    done = conversions(setup, "check", environ=environ)

    assert done.code == 0
    assert "app_secret: '**********'" in done.out
    assert "tokens" in done.out
