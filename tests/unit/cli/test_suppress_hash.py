"""`conversions suppress-hash` prints what the mapper compares, or nothing at all."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from consumer.cli.suppress_hash import command
from consumer.errors import ConfigError
from consumer.records import SkipReason
from tests.unit.mapping.builders import an_order, skip_of

APP = typer.Typer()
APP.command("suppress-hash")(command)


def run(*arguments: str, given: str | bytes) -> Result:
    return CliRunner().invoke(APP, arguments, input=given)


def problems_of(*arguments: str, given: str | bytes) -> list[str]:
    result = run(*arguments, given=given)
    assert isinstance(result.exception, ConfigError), result.output
    assert result.stdout == ""
    return result.exception.problems


def hash_of(text: str) -> str:
    return sha256(text.encode()).hexdigest()


@pytest.mark.parametrize(
    ("arguments", "given", "normal_forms"),
    [
        (["--kind", "email"], "Ada@Example.com\n\nben@example.com", ["ada@example.com", "ben@example.com"]),
        (["--kind", "email"], "Ada@Example.com\r\n", ["ada@example.com"]),
        (["--kind", "external-id"], "\ufeffK-1\r\nK-2", ["K-1", "K-2"]),
        (["--kind", "phone"], "+49 30 901820\n", ["4930901820"]),
        (["--kind", "phone", "--country", "DE"], "030 901820\n+1 415 555 2671\n", ["4930901820", "14155552671"]),
        (["--kind", "external-id"], "K-7\nk-7\n", ["K-7", "k-7"]),
    ],
)
def test_each_line_becomes_the_hash_that_is_sent(arguments: list[str], given: str, normal_forms: list[str]) -> None:
    result = run(*arguments, given=given)

    assert result.stdout.splitlines() == [hash_of(each) for each in normal_forms]
    assert (result.exit_code, result.stderr) == (0, "")


def test_what_is_a_hash_already_passes() -> None:
    assert run("--kind", "email", given=hash_of("ada@example.com").upper()).stdout == f"{hash_of('ada@example.com')}\n"


@pytest.mark.parametrize(
    ("arguments", "given"),
    [
        (["--kind", "email"], "shopper@example.com"),
        (["--kind", "phone", "--country", "AU"], "02 5550 1234"),
        (["--kind", "external-id"], "K-7"),
    ],
)
def test_its_lines_suppress(arguments: list[str], given: str, tmp_path: Path) -> None:
    file = tmp_path / "suppressed.txt"
    file.write_text(run(*arguments, given=given).stdout)
    order = an_order(customer={"phones": ["+61 2 5550 1234"], "customer_id": "K-7"})

    assert skip_of(order, privacy={"suppress_file": str(file)}) is SkipReason.SUPPRESSED


@pytest.mark.parametrize(
    ("arguments", "given", "numbers"),
    [
        (["--kind", "email"], "ada@example.com\nsecret-word\n\nsecret-word\n", [2, 4]),
        (["--kind", "phone"], "030 901820\n", [1]),
        (["--kind", "phone", "--country", "DE"], "secret-word\n", [1]),
        (["--kind", "external-id"], "null\n", [1]),
        (["--kind", "external-id"], "K-1\n\ufeffK-2\nK\u200b-3\nK\0-4\n", [2, 3, 4]),
        (["--kind", "email"], b"\xff\xf0\n", [1]),
    ],
)
def test_where_one_line_is_none_nothing_is_printed_and_nothing_repeated(
    arguments: list[str], given: str | bytes, numbers: list[int]
) -> None:
    problems = problems_of(*arguments, given=given)

    assert [problem.partition(":")[0] for problem in problems] == [f"line {number}" for number in numbers]
    assert "secret-word" not in str(problems)
    assert "901820" not in str(problems)


def test_a_number_without_a_country_asks_for_one() -> None:
    (problem,) = problems_of("--kind", "phone", given="030 901820\n")

    assert "--country" in problem


def test_of_very_many_the_first_are_told() -> None:
    problems = problems_of("--kind", "email", given="x\n" * 100)

    assert (len(problems), problems[-1]) == (21, "and 80 more such lines")


def test_a_country_must_be_one_and_be_asked_for() -> None:
    assert "is no country" in problems_of("--kind", "phone", "--country", "nowhere", given="1\n")[0]
    assert "leave it out" in problems_of("--kind", "email", "--country", "DE", given="1\n")[0]


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_a_table_of_another_encoding_is_refused(encoding: str) -> None:
    assert problems_of("--kind", "external-id", given="\ufeffK-1".encode(encoding)) == [
        "standard input is UTF-16; save it as UTF-8"
    ]
