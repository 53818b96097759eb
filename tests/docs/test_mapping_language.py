"""What docs/mapping.md says of the language of mappings is what is read, and its examples come true."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from consumer.cli.check_mappings import mapping_findings, subject_findings
from consumer.cli.findings import Finding, Grade
from consumer.config import Config, Topic
from consumer.errors import ConfigError
from consumer.mapping.language import read_mapping
from consumer.mapping.targets import SECTIONS, TARGETS
from tests.docs.pages import ROOT, fenced, names_in, section, table
from tests.unit.mapping.foreign import write_mapping

PAGE = section((ROOT / "docs" / "mapping.md").read_text(encoding="utf-8"), "A schema of your own")
BLOCKS = fenced(PAGE)
TOPICS = [text for kind, text in BLOCKS if kind == "yaml" and text.startswith("topics:")]
(SHORTEST,) = (text for kind, text in BLOCKS if kind == "yaml" and text.startswith("version:"))
(EXAMPLES,) = (text for kind, text in BLOCKS if kind == "json")
PARTS = {part.partition("\n")[0]: part for part in PAGE.split("\n### ")}
FOREIGN = sorted((ROOT / "docs" / "examples").glob("*/*.yaml"))

VALUES = [row["Written"].strip("`") for row in table(PARTS["Where a value comes from"], "Written")]
PATHS = [row["Written"].strip("`") for row in table(PARTS["Paths"], "Written")]
CONDITIONS = [row["Written"].strip("`") for row in table(PARTS["Conditions"], "Written")]


@pytest.fixture(autouse=True)
def _a_function_of_somebodys_own(monkeypatch: pytest.MonkeyPatch) -> None:
    package, module = ModuleType("shop"), ModuleType("shop.mapping")
    module.channel_of = lambda source, tags: source or tags  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "shop", package)
    monkeypatch.setitem(sys.modules, "shop.mapping", module)


def config_of(topics: dict[str, Any]) -> Config:
    return Config.model_validate(
        {
            "kafka": {"bootstrap_servers": "127.0.0.1:9092"},
            "schema_registry": {"url": "http://127.0.0.1:8081"},
            "dedup": {"browser_tag": "absent"},
            "routing": {"default_ad_account_id": "549755885175"},
            "topics": topics,
        }
    )


def is_read(directory: Path, key: str, written: str) -> bool:
    """Can a mapping say this for this target, or as its first rule?"""
    values = yaml.safe_load(SHORTEST)
    said = yaml.safe_load(written.replace("CONDITION", "is_paid").replace("VALUE", "status"))
    section_name, _, name = key.rpartition(".")
    (values.setdefault(section_name, {}) if section_name else values)[name] = said
    file = directory / "m.yaml"
    file.write_text(yaml.safe_dump(values), encoding="utf-8")
    try:
        read_mapping(file)
    except ConfigError:
        return False
    return True


@pytest.mark.parametrize("written", VALUES)
def test_a_value_can_be_written_so(tmp_path: Path, written: str) -> None:
    fitting = {key for key in TARGETS if is_read(tmp_path, key, written)}

    assert fitting, "no target takes it"


@pytest.mark.parametrize("written", PATHS)
def test_a_path_can_be_written_so(tmp_path: Path, written: str) -> None:
    assert is_read(tmp_path, "user_data.ph", f"'{written}'")


@pytest.mark.parametrize("written", CONDITIONS)
def test_a_condition_can_be_written_so(tmp_path: Path, written: str) -> None:
    assert is_read(tmp_path, "skip", f"[{{reason: bot, when: {written}}}]")


def test_values_and_conditions_that_are_not_on_the_page_are_not_read(tmp_path: Path) -> None:
    """Else the tests above could not fail."""
    assert not any(is_read(tmp_path, key, "{of: customer.email}") for key in TARGETS)
    assert not is_read(tmp_path, "user_data.ph", "customer..email")
    assert not is_read(tmp_path, "skip", "[{reason: bot, when: {path: a, equals: b}}]")


def test_the_page_has_every_target_with_what_it_takes() -> None:
    told = {name: row["Takes"] for row in table(PARTS["Targets"], "Target") for name in names_in(row["Target"])}

    assert told == {
        key: target.takes.value for key, target in TARGETS.items() if target.section not in ("app_info", "device_info")
    }


def test_the_page_has_every_part_of_a_file() -> None:
    told = {names_in(row["Key"])[0] for row in table(PARTS["The parts of a file"], "Key") if names_in(row["Key"])}
    beside = {"each", "where", "not_required"}

    assert told == {"version", "schema", "examples", "root", "skip", "consent", "lines"}
    assert beside <= set(names_in(PARTS["The parts of a file"]))
    assert {"consent", "lines"} <= SECTIONS.keys()


@pytest.mark.parametrize("text", TOPICS)
def test_a_topic_can_be_configured_so(text: str) -> None:
    for settings in yaml.safe_load(text)["topics"].values():
        assert Topic.model_validate(settings).mappings == ("mappings/order.yaml",)


def findings(file: Path) -> Iterator[Finding]:
    return mapping_findings(config_of({"shop.orders": {"mapping": str(file)}}))


def test_the_shortest_mapping_does_and_its_examples_come_true(tmp_path: Path) -> None:
    file = write_mapping(tmp_path, SHORTEST.replace("schema: order.avsc", "schema: order.avsc\nexamples: some.json"))
    (tmp_path / "some.json").write_text(EXAMPLES, encoding="utf-8")

    found = list(findings(file))

    assert {finding.grade for finding in found} == {Grade.OK}
    assert found[-1].text == "2 come true"


@pytest.mark.parametrize("file", FOREIGN, ids=lambda file: file.parent.name)
def test_a_schema_of_others_is_mapped_and_its_examples_come_true(file: Path) -> None:
    found = list(findings(file))

    assert [finding.text for finding in found if finding.grade is not Grade.OK] == []
    assert any(finding.text.endswith("come true") for finding in found)
    assert f"({file.relative_to(ROOT / 'docs')})" in PAGE


def test_a_producer_may_ask_whether_a_schema_will_do(tmp_path: Path) -> None:
    config = config_of({"shop.orders": {"mapping": str(write_mapping(tmp_path))}})

    (found,) = subject_findings(config, "shop.orders-value", tmp_path / "order.avsc")

    assert found.grade is Grade.OK
