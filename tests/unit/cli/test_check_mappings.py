"""`conversions check` on mappings of one's own: held against their schema, and tried on their examples."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from consumer.cli.check_mappings import mapping_findings, subject_findings
from consumer.cli.findings import Finding, Grade
from consumer.config import Config
from consumer.errors import ConfigError
from tests.unit.mapping.foreign import MAPPING, NAME, RECORD, SCHEMA, schema_without, write_mapping

EXPECT = {"event": {"event_id": "acme:1001", "custom_data": {"value": "12.30", "currency": "EUR"}}}


def config_of(topics: dict[str, Any], **sections: Any) -> Config:
    return Config.model_validate(
        {
            "kafka": {"bootstrap_servers": "127.0.0.1:9092"},
            "schema_registry": {"url": "http://127.0.0.1:8081"},
            "dedup": {"browser_tag": "absent"},
            "routing": {"default_ad_account_id": "549000000001"},
            "topics": topics,
            **sections,
        }
    )


def findings(topic: dict[str, Any], **sections: Any) -> list[Finding]:
    return list(mapping_findings(config_of({"bus": topic}, **sections)))


def of_grade(found: list[Finding], grade: Grade) -> list[str]:
    return [finding.text for finding in found if finding.grade is grade]


def test_a_mapping_that_its_schema_bears_out_is_ok(tmp_path: Path) -> None:
    (found,) = findings({"mapping": str(write_mapping(tmp_path))})

    assert (found.grade, found.text) == (Grade.OK, f"for bus: every path is in {NAME}")


def test_the_bundled_mappings_fit_their_schemas() -> None:
    assert {finding.grade for name in ("order", "visit") for finding in findings({"mapping": name})} == {Grade.OK}


@pytest.mark.parametrize("field", ["goods", "currency", "placed", "number", "optin", "country"])
def test_a_vital_path_that_is_not_in_the_schema_fails(tmp_path: Path, field: str) -> None:
    file = write_mapping(tmp_path, schema=schema_without(field))

    failed = of_grade(findings({"mapping": str(file)}), Grade.FAIL)

    assert failed
    assert all(text.startswith(f"{file}:") and f" {field}: the schema has no such field" in text for text in failed)


def test_another_path_that_is_not_in_the_schema_is_a_warning(tmp_path: Path) -> None:
    file = write_mapping(tmp_path, MAPPING.replace("  em: mail", "  em: mail\n  ph: phone"))

    (told,) = of_grade(findings({"mapping": str(file)}), Grade.WARN)

    assert told.startswith(f"{file}:12: user_data.ph: phone: the schema has no such field")


def test_a_path_that_may_be_absent_is_not_missed(tmp_path: Path) -> None:
    file = write_mapping(tmp_path, MAPPING.replace("value: goods", 'value: ["goods_net?", goods]'))

    assert {finding.grade for finding in findings({"mapping": str(file)})} == {Grade.OK}


def test_a_type_that_never_does_fails_whatever_it_is_for(tmp_path: Path) -> None:
    file = write_mapping(tmp_path, MAPPING.replace("  em: mail", "  em: mail\n  ph: placed"))

    (told,) = of_grade(findings({"mapping": str(file)}), Grade.FAIL)

    assert told == f"{file}:12: user_data.ph: placed: a timestamp, which cannot be read as one text or several"


def test_a_mapping_by_which_nobody_could_be_known_fails(tmp_path: Path) -> None:
    file = write_mapping(tmp_path, MAPPING.replace("  em: mail", "  ph: mail"))

    (told,) = of_grade(findings({"mapping": str(file)}), Grade.FAIL)

    assert "no record can have what Pinterest needs to know a person by" in told


SENSITIVE = {"redact_when": ["Health*"]}


@pytest.mark.parametrize(
    ("goods", "told"),
    [
        ("lines: {each: goods, item_name: name}", "`lines` tell what was bought, and no `item_category`"),
        ("event_source_url: mail", "goods are told of, and neither `lines.item_category` nor `content_category`"),
    ],
)
def test_where_goods_may_be_sensitive_a_mapping_must_tell_their_category(tmp_path: Path, goods: str, told: str) -> None:
    schema = {**SCHEMA, "fields": [*SCHEMA["fields"], {"name": "more", "type": ["null", "string"], "default": None}]}
    goods = goods.replace("goods", "more")
    file = write_mapping(tmp_path, f"{MAPPING}{goods}\n", schema)

    with_it = of_grade(findings({"mapping": str(file)}, privacy=SENSITIVE), Grade.FAIL)

    assert any(told in text for text in with_it)
    assert not any(told in text for text in of_grade(findings({"mapping": str(file)}), Grade.FAIL))


def test_the_bundled_mappings_may_be_redacted() -> None:
    assert {f.grade for name in ("order", "visit") for f in findings({"mapping": name}, privacy=SENSITIVE)} == {
        Grade.OK
    }


def test_a_category_that_is_not_in_the_schema_fails_where_it_decides(tmp_path: Path) -> None:
    file = write_mapping(tmp_path, MAPPING.replace("  value: goods", "  value: goods\n  content_category: kind"))

    decides = of_grade(findings({"mapping": str(file)}, privacy=SENSITIVE), Grade.FAIL)
    decides_nothing = findings({"mapping": str(file)})

    assert [text.partition(": kind:")[0].rpartition(": ")[2] for text in decides] == ["custom_data.content_category"]
    assert of_grade(decides_nothing, Grade.FAIL) == []


@pytest.mark.parametrize("lost", [(), ("currency",)])
def test_the_schema_that_a_topic_is_written_by_is_held_against_the_mapping_too(
    tmp_path: Path, lost: tuple[str, ...]
) -> None:
    written = tmp_path / "written.avsc"
    written.write_text(json.dumps(schema_without(*lost)), encoding="utf-8")
    topic = {"mapping": str(write_mapping(tmp_path)), "wire_format": "avro", "schema_file": str(written)}

    failed = of_grade(findings(topic), Grade.FAIL)

    assert bool(failed) is bool(lost)


def test_a_subject_of_a_patterns_topic_is_known(tmp_path: Path) -> None:
    topics = {r"^shop\..*$": {"mapping": str(write_mapping(tmp_path))}}
    lenient = tmp_path / "lenient.avsc"
    odd = {"name": "odd", "type": "int", "default": "x"}
    lenient.write_text(json.dumps({**SCHEMA, "fields": [*SCHEMA["fields"], odd]}), encoding="utf-8")

    (found,) = subject_findings(config_of(topics), "shop.de-value", lenient)

    assert found.grade is Grade.OK
    with pytest.raises(ConfigError, match="no configured topic has records of"):
        subject_findings(config_of(topics), "other-value", lenient)


def test_a_mapping_that_names_no_schema_cannot_be_checked(tmp_path: Path) -> None:
    file = write_mapping(tmp_path, MAPPING.replace("schema: order.avsc\n", ""))

    (told,) = of_grade(findings({"mapping": str(file)}), Grade.WARN)

    assert "names no `schema`" in told


def test_a_schema_that_is_none_is_told(tmp_path: Path) -> None:
    file = write_mapping(tmp_path)
    (tmp_path / "order.avsc").write_text('{"type": "enum"}', encoding="utf-8")

    (told,) = of_grade(findings({"mapping": str(file)}), Grade.FAIL)

    assert told == f"{tmp_path / 'order.avsc'}: is not the Avro schema of a record"


def with_examples(directory: Path, *examples: dict[str, Any]) -> Path:
    file = write_mapping(directory, MAPPING.replace("schema: order.avsc", "schema: order.avsc\nexamples: some.json"))
    (directory / "some.json").write_text(json.dumps(examples), encoding="utf-8")
    return file


def an_example(**changes: Any) -> dict[str, Any]:
    return {"about": "an order", "now": "2026-11-01T10:01:00Z", "record": RECORD, "expect": EXPECT, **changes}


def test_examples_that_come_true_are_counted(tmp_path: Path) -> None:
    denied = an_example(record=RECORD | {"optin": False}, expect={"skipped": "no_consent"})

    found = findings({"mapping": str(with_examples(tmp_path, an_example(), denied))})

    assert [finding.text for finding in found] == [f"for bus: every path is in {NAME}", "2 come true"]


def test_an_example_that_does_not_come_true_fails(tmp_path: Path) -> None:
    dearer = an_example(record=RECORD | {"goods": "99.00"})

    (told,) = of_grade(findings({"mapping": str(with_examples(tmp_path, an_example(), dearer))}), Grade.FAIL)

    assert told == 'an order: event.custom_data.value: "12.30" is expected, and there is "99.00"'


def test_an_example_that_is_no_record_fails(tmp_path: Path) -> None:
    (told,) = of_grade(
        findings({"mapping": str(with_examples(tmp_path, an_example(record=RECORD | {"number": "x"})))}), Grade.FAIL
    )

    assert told == "an order: number: a string where an integer of 64 bits is expected"


def test_examples_of_a_topic_of_several_types_are_tried_as_theirs(tmp_path: Path) -> None:
    file = with_examples(tmp_path, an_example())

    found = findings({"records": {NAME: str(file)}, "other": "skip"})

    assert of_grade(found, Grade.FAIL) == []
    assert "1 come true" in of_grade(found, Grade.OK)
