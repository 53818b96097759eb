"""The language of mapping files: what it understands, and how it tells what it does not."""

from __future__ import annotations

from pathlib import Path

import pytest

from consumer.config import BundledName
from consumer.errors import ConfigError
from consumer.mapping.language import read_mapping
from consumer.schemas import mapping_file

WHOLE = """\
version: 1
event_name: {constant: checkout}
event_id:
  shared: {template: "{shop?}:{number}"}
event_time: created
action_source: {constant: web}
consent:
  advertising: {path: consent, table: {"yes": granted, "no": denied}}
user_data:
  em: [email, contact.email]
custom_data:
  value: price
  currency: currency
"""


def problems_of(tmp_path: Path, text: str) -> list[str]:
    file = tmp_path / "m.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as refused:
        read_mapping(file)
    return [problem.removeprefix(f"{file}:") for problem in refused.value.problems]


@pytest.mark.parametrize("name", ["order", "visit"])
def test_the_bundled_mappings_are_written_in_it(name: BundledName) -> None:
    mapping = read_mapping(mapping_file(name))

    assert {"event_name", "event_time", "user_data.em", "consent.advertising"} <= mapping.targets.keys()


@pytest.mark.parametrize(
    ("was", "becomes", "told"),
    [
        pytest.param("version: 1", "version: 2", "1: version: must be 1", id="another version"),
        pytest.param(
            "event_time:", "event_tiem:", "5: event_tiem: is not known here; did you mean `event_time`?", id="a"
        ),
        pytest.param("  em:", "  emm:", "10: user_data.emm: is not known here; did you mean `em`?", id="a target"),
        pytest.param("checkout}", "chekout}", "2: event_name.constant: did you mean `checkout`?", id="an event's name"),
        pytest.param('no": denied', 'no": deny', "8: consent.advertising.table.no: did you mean `denied`?", id="b"),
        pytest.param("path: consent", "paht: consent", "must have one of path, first", id="no head"),
        pytest.param("created", "cre..ated", "5: event_time: cannot be read as a path at character 4", id="no path"),
        pytest.param("{number}", "{number?}", "must need at least one of its values", id="an id for everybody"),
        pytest.param("{number}", "{number", "must have paths in braces", id="an open brace"),
        pytest.param("event_time: created", "event_time: {path: created, table: {a: b}}", "no table can", id="a time"),
        pytest.param("event_time: created", "event_time: {setting: events.checkout_on}", "a setting is text", id="c"),
        pytest.param("value: price", "value:", "custom_data.value: is empty; give a path", id="nothing"),
        pytest.param("user_data:", "app_info: {install_time: {constant: 1.5}}\nuser_data:", "a whole number", id="d"),
        pytest.param(
            "  currency: currency\n", "", "custom_data.currency: must be said where there are amounts", id="c"
        ),
        pytest.param(
            "[email, contact.email]", "{constant: a@example.com}", "cannot be the same for all", id="a person"
        ),
        pytest.param(
            "event_time: created", "event_time: {path: created, zone: Europe/Nowhere}", "time zone", id="zone"
        ),
        pytest.param("value: price", "value: {path: price, unit: cents}", "known are minor, major, micros", id="unit"),
        pytest.param(
            "[email, contact.email]", "{python: no.such.function, from: email}", "cannot be imported", id="code"
        ),
    ],
)
def test_what_is_wrong_is_named_with_line_key_and_remedy(tmp_path: Path, was: str, becomes: str, told: str) -> None:
    assert was in WHOLE

    problems = problems_of(tmp_path, WHOLE.replace(was, becomes))

    assert any(told in problem for problem in problems), problems


@pytest.mark.parametrize("section", ["event_name", "event_time", "action_source", "consent", "event_id"])
def test_what_no_event_can_be_without_must_be_said(tmp_path: Path, section: str) -> None:
    lines = WHOLE.splitlines(keepends=True)
    at = next(number for number, line in enumerate(lines) if line.startswith(f"{section}:"))
    after = at + 1 + (section in {"consent", "event_id"})

    (problem,) = problems_of(tmp_path, "".join(lines[:at] + lines[after:]))

    assert f"{section}: " in problem


def test_consent_is_asked_for_or_a_reason_given_why_not(tmp_path: Path) -> None:
    file = tmp_path / "m.yaml"
    rule = next(line for line in WHOLE.splitlines() if "advertising" in line)
    file.write_text(WHOLE.replace(rule, "  not_required: sold to businesses only"), encoding="utf-8")

    assert read_mapping(file).consent_basis == "sold to businesses only"
    assert "contradicts" in problems_of(tmp_path, WHOLE.replace(rule, f"{rule}\n  not_required: nobody asks"))[0]


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    broken = WHOLE.replace("version: 1", "version: 3").replace("checkout}", "nothing}").replace("created", "a[b]")

    assert [problem.partition(":")[0] for problem in problems_of(tmp_path, broken)] == ["1", "2", "5"]
