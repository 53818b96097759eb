"""`conversions datasheet`: all that may leave, as Markdown that depends on configuration and mappings alone."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from consumer.cli.datasheet import command
from tests.docs.pages import section, table
from tests.unit.mapping.foreign import MAPPING, write_mapping

APP = typer.Typer()
APP.command("datasheet")(command)


def sheet(directory: Path, *lines: str, mapping: str = MAPPING) -> str:
    file = directory / "config.yaml"
    config = [
        "routing: {table: {m-1: 549755885175, m-2: 549755885176, m-3: none}, accounts: [549755885177]}",
        "ad_accounts: {549755885176: {mode: test}}",
        f"topics: {{shop.orders: {{mapping: {write_mapping(directory, mapping)}}}}}",
        *lines,
    ]
    file.write_text("\n".join(config), encoding="utf-8")
    result = CliRunner().invoke(APP, ["--config", str(file)])
    assert result.exit_code == 0, result.exception
    return result.stdout


def test_it_says_to_whom_and_from_whose_records(tmp_path: Path) -> None:
    accounts = table(section(sheet(tmp_path), "To whom"), "Ad account")

    assert [tuple(row.values()) for row in accounts] == [
        ("549755885175", "live", "m-1"),
        ("549755885176", "test", "m-2"),
        ("549755885177", "live", "records that name it"),
    ]


def test_it_says_from_where_each_field_comes_and_in_which_form(tmp_path: Path) -> None:
    rows = table(section(sheet(tmp_path), "shop.orders: order.yaml"), "Field of the record")
    told = {row["Field at Pinterest"]: (row["Field of the record"], row["Leaves"]) for row in rows}

    assert told["user_data.em"] == ("mail", "SHA-256")
    assert told["custom_data.value"] == ("goods", "in clear")
    assert told["decides consent.advertising, and so opt_out, custom_data.opt_out_type"] == ("optin", "not itself")


def test_what_the_settings_keep_back_is_told(tmp_path: Path) -> None:
    text = sheet(tmp_path, "privacy: {fields: [em]}")
    rows = table(section(text, "shop.orders: order.yaml"), "Field of the record")
    (country,) = (row for row in rows if row["Field at Pinterest"] == "user_data.country")

    assert (country["Leaves"], country["When"]) == ("never", "`privacy.fields` keeps it back")


@pytest.mark.parametrize(
    ("line", "where", "cells"),
    [
        ("", "not known", ("yes", "no", "no")),
        ("privacy: {consent_unknown_countries: other}", "not known", ("yes", "yes", "no")),
        ("", "elsewhere", ("yes", "yes", "no")),
        ("privacy: {denied: opt_out}", "elsewhere", ("yes", "yes", "with `opt_out`")),
        ("privacy: {denied: opt_out}", "US", ("yes", "yes", "with `opt_out_type: LDP`")),
    ],
)
def test_the_law_is_told_as_the_settings_have_it(
    tmp_path: Path, line: str, where: str, cells: tuple[str, str, str]
) -> None:
    rows = {row["Where"]: row for row in table(section(sheet(tmp_path, line), "Of whom"), "Where")}

    assert tuple(rows[where].values())[1:] == cells


def test_a_basis_of_not_asking_is_told_in_its_words(tmp_path: Path) -> None:
    rule = MAPPING[MAPPING.index("  advertising:") : MAPPING.index("user_data:")]

    text = sheet(tmp_path, mapping=MAPPING.replace(rule, "  not_required: orders by contract, article 6 (1) b\n"))

    assert "The basis given: orders by contract, article 6 (1) b" in text


def test_the_same_configuration_gives_the_same_sheet(tmp_path: Path) -> None:
    assert sheet(tmp_path) == sheet(tmp_path)
    assert sheet(tmp_path) != sheet(tmp_path, mapping=MAPPING.replace("em: mail", "em: mail\n  ph: phone"))
