"""The command as a whole: help, version, exit codes, and that no command loads what it does not need."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec

import pytest

from consumer import __version__, cli
from consumer.errors import ConfigError, ContractError


def end_of(*arguments: str) -> object:
    with pytest.raises(SystemExit) as end:
        cli.main(arguments)
    return end.value.code


def test_help_names_every_command_with_a_sentence_and_examples(capsys: pytest.CaptureFixture[str]) -> None:
    assert end_of("--help") == 0

    text = capsys.readouterr().out
    assert all(f"  {name} " in text and sentence in text for name, sentence in cli.COMMANDS.items())
    assert "Examples:" in text


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert end_of("--version") == 0

    assert capsys.readouterr().out == f"conversions {__version__}\n"


@pytest.mark.parametrize("arguments", [["maap"], [], ["check", "--nonsense"]])
def test_bad_usage_ends_with_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert end_of(*arguments) == 2

    assert "Usage: conversions" in "".join(capsys.readouterr())


def test_a_misspelt_command_is_answered_with_the_one_meant(capsys: pytest.CaptureFixture[str]) -> None:
    end_of("maap")

    assert "Did you mean 'map'?" in capsys.readouterr().err


@pytest.mark.parametrize(
    "name", sorted(name for name in cli.COMMANDS if find_spec(f"consumer.cli.{name.replace('-', '_')}"))
)
def test_every_command_has_help_of_its_own(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert end_of(name, "--help") == 0

    assert f"Usage: conversions {name}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("error", "code", "printed"),
    [
        pytest.param(ConfigError(["one", "two"]), 2, "conversions: one\nconversions: two\n", id="configuration"),
        pytest.param(ContractError("three"), 1, "conversions: three\n", id="any other of ours"),
    ],
)
def test_our_errors_are_told_without_a_traceback(
    error: Exception,
    code: int,
    printed: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail() -> None:
        raise error

    monkeypatch.setattr("consumer.cli.check.command", fail)

    assert end_of("check") == code

    assert capsys.readouterr().err == printed


def test_help_loads_neither_kafka_nor_http_nor_the_models() -> None:
    script = (
        "import sys; from consumer.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "print([name for name in ('confluent_kafka', 'httpx', 'fastavro', 'consumer.config') if name in sys.modules])"
    )

    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert run.stdout.splitlines()[-1] == "[]"
