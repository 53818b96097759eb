"""Which mapping a record takes, by its topic and type."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from consumer.config import Topic
from consumer.errors import ConfigError
from consumer.mapping.catalogue import Catalogue
from consumer.mapping.language import MappingFile
from consumer.records import Invalid, Skipped, SkipReason
from tests.unit.mapping.foreign import NAME, write_mapping


def catalogue(**topic: Any) -> Catalogue:
    return Catalogue({"bus": Topic.model_validate(topic)})


def test_every_record_of_a_topic_may_take_one_file(tmp_path: Path) -> None:
    file = write_mapping(tmp_path)

    found = catalogue(mapping=str(file)).mapping_for("bus", "whatever")

    assert isinstance(found, MappingFile)
    assert found.file == file


def test_types_of_records_take_mappings_of_their_own(tmp_path: Path) -> None:
    both = catalogue(records={NAME: str(write_mapping(tmp_path)), "com.acme.Visit": "visit", "com.acme.Ping": "skip"})

    placed, visit = both.mapping_for("bus", NAME), both.mapping_for("bus", "com.acme.Visit")

    assert isinstance(placed, MappingFile)
    assert isinstance(visit, MappingFile)
    assert (placed.file.name, visit.file.name) == ("order.yaml", "visit.yaml")
    assert both.mapping_for("bus", "com.acme.Ping") == Skipped(SkipReason.NOT_A_CONVERSION)
    assert {mapping.file.name for mapping in both.mappings_of("bus")} == {"order.yaml", "visit.yaml"}


def test_a_type_that_is_not_named_is_a_dead_letter_until_it_is_said_to_be_skipped() -> None:
    unsaid = catalogue(records={NAME: "order"}).mapping_for("bus", "com.acme.Refund")
    said = catalogue(records={NAME: "order"}, other="skip").mapping_for("bus", "com.acme.Refund")

    assert isinstance(unsaid, Invalid)
    assert "com.acme.Refund is not in `topics.bus.records`" in unsaid.problems[0]
    assert said == Skipped(SkipReason.NOT_A_CONVERSION)


def test_a_topic_that_is_not_configured_has_none() -> None:
    assert isinstance(catalogue(mapping="order").mapping_for("other", "any"), Invalid)


def test_all_files_that_cannot_be_read_are_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "wrong.yaml").write_text("version: 7\n", encoding="utf-8")
    topics = {"a": Topic(mapping=str(tmp_path / "none.yaml")), "b": Topic(mapping=str(tmp_path / "wrong.yaml"))}

    with pytest.raises(ConfigError) as refused:
        Catalogue(topics)

    told = "\n".join(refused.value.problems)
    assert "none.yaml: cannot be read" in told
    assert "wrong.yaml:1: version: must be 1" in told


@pytest.mark.parametrize(
    ("topic", "told"),
    [
        pytest.param({}, "needs either `mapping`, or `records`", id="neither"),
        pytest.param({"mapping": "order", "records": {NAME: "order"}}, "needs either", id="both"),
        pytest.param({"mapping": "oder"}, "`mapping` takes order, visit or a file ending in .yaml", id="a wrong name"),
        pytest.param({"mapping": "skip"}, "`mapping` takes order, visit or", id="all skipped"),
        pytest.param({"records": {NAME: "oder"}}, "`records` takes order, visit, skip or a file", id="in records"),
        pytest.param({"mapping": "order", "other": "skip"}, "`other` belongs to `records`", id="other alone"),
    ],
)
def test_a_topic_says_one_thing_about_its_records(topic: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told.replace("(", r"\(")):
        Topic.model_validate(topic)
