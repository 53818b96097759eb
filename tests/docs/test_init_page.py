"""What docs/mapping.md says of `conversions init` is what it does."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from consumer.cli.init import command
from consumer.errors import ConfigError
from tests.docs.pages import ROOT, fenced, names_in, section, table

MAPPINGS = section((ROOT / "docs" / "mapping.md").read_text(encoding="utf-8"), "A schema of your own")
(PAGE,) = (part for part in MAPPINGS.split("\n### ") if part.startswith("Starting with init\n"))
ASKING, UNASKED = (text for kind, text in fenced(PAGE) if kind == "sh")
ROWS = table(PAGE.replace("| | Question |", "| Number | Question |"), "Number")
SCHEMA = (ROOT / "docs" / "examples" / "debezium" / "order.avsc").read_text(encoding="utf-8")

APP = typer.Typer(add_completion=False)
APP.command("init")(command)


@pytest.fixture(autouse=True)
def _in_a_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("order.avsc").write_text(SCHEMA, encoding="utf-8")


def invoked(shown: str, typed: str | None = None) -> Result:
    program, name, *arguments = shlex.split(shown)
    assert (program, name) == ("conversions", "init")
    return CliRunner().invoke(APP, arguments, input=typed)


@pytest.mark.parametrize(
    ("shown", "typed"),
    [
        pytest.param(ASKING, "absent\n\nstatus=paid\n\nads_allowed\n\n\n549755885175\nno\n", id="asking"),
        pytest.param(UNASKED, None, id="by flags"),
    ],
)
def test_a_command_shown_does_what_is_told(shown: str, typed: str | None) -> None:
    result = invoked(shown, typed)

    assert result.exception is None
    assert sorted(map(str, Path("pinterest").iterdir())) == [
        f"pinterest/{name}" for name in ("config.yaml", "order.avsc", "shop.orders.examples.json", "shop.orders.yaml")
    ]


def test_every_flag_that_answers_is_told() -> None:
    options = set(re.findall(r"(--[\w-]+)", CliRunner().invoke(APP, ["--help"]).stdout))
    others = {"--schema", "--directory", "--topic", "--yes", "--force", "--config", "--explain", "--help"}

    assert {flag for row in ROWS for flag in names_in(row["Flags"])} == options - others
    assert [row["Number"] for row in ROWS if row["Number"]] == [*"123456"]


def test_what_must_be_said_is_asked_for_by_name() -> None:
    schema = json.loads(SCHEMA)
    (row,) = (branch for branch in schema["fields"][0]["type"] if branch != "null")
    row["fields"] += [{"name": name, "type": "long"} for name in ("subtotal", "tax")]
    Path("order.avsc").write_text(json.dumps(schema), encoding="utf-8")

    result = invoked("conversions init --schema order.avsc --yes")

    assert isinstance(result.exception, ConfigError)
    missing = {problem.partition(":")[0] for problem in result.exception.problems}
    of_other_answers = {"--granted", "--denied", "--consent-basis", "--merchant-field"}
    told = {flag for row in ROWS if row["With `--yes`"] == "must be said" for flag in names_in(row["Flags"])}
    assert missing == told - of_other_answers
