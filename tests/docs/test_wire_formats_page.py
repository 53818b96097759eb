"""What docs/wire-formats.md shows is what the configuration takes and the decoder reads."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

from consumer.cli.produce import WRITTEN
from consumer.config import WireFormat
from consumer.config_sources import load_config
from consumer.frames import FRAME_READERS, MAX_INFLATED_BYTES, read_confluent
from consumer.records import Headers, Undecodable
from tests.docs.pages import ROOT, fenced, names_in, section, table

TEXT = (ROOT / "docs" / "wire-formats.md").read_text(encoding="utf-8")
FORMATS = table(TEXT.partition("\n## ")[0], "`wire_format`")
EXAMPLES = table(section(TEXT, "Examples"), "`wire_format`")
DATUM = bytes.fromhex("06 6f 2d 31")
REST = {
    "kafka": "kafka: {bootstrap_servers: 'localhost:9092'}\n",
    "pinterest": "pinterest: {access_token: made-up}\n",
    "routing": "routing: {default_ad_account_id: '549755885175'}\n",
}


def test_every_wire_format_has_its_row() -> None:
    assert [names_in(row["`wire_format`"])[0] for row in FORMATS] == list(get_args(WireFormat))


@pytest.mark.parametrize("row", FORMATS, ids=lambda row: row["`wire_format`"])
def test_a_format_needs_what_its_row_says(row: dict[str, str], tmp_path: Path) -> None:
    (name,) = names_in(row["`wire_format`"])
    key = names_in(row["Needs"])[0].removeprefix("schema_registry.")
    values = {
        "url": "http://localhost:8081",
        "apicurio_url": "http://localhost:8080/apis/registry/v3",
        "glue_region": "eu-west-1",
        "schema_file": "order.avsc",
        "schema_files": ["order.avsc"],
    }
    of_topic = f", {key}: {values[key]}" if key.startswith("schema_file") else ""
    of_registry = "" if of_topic else f"schema_registry: {{{key}: '{values[key]}'}}\n"
    file = tmp_path / "config.yaml"

    def write(of_topic: str, of_registry: str) -> None:
        topics = f"topics: {{orders: {{mapping: order, wire_format: {name}{of_topic}}}}}\n"
        file.write_text("".join(REST.values()) + topics + of_registry, encoding="utf-8")

    write(of_topic, of_registry)
    assert load_config(file).topics["orders"].wire_format == name
    write("", "")
    with pytest.raises(Exception, match=key):
        load_config(file)


@pytest.mark.parametrize("row", EXAMPLES, ids=lambda row: row["The schema it names"])
def test_an_example_names_the_schema_that_it_is_said_to(row: dict[str, str]) -> None:
    (value,), (named,) = names_in(row["Value"]), names_in(row["The schema it names"])
    headers: Headers = [
        (name, bytes.fromhex(content))
        for name, _, content in (header.partition(": ") for header in names_in(row["Header"]))
    ]

    framed = FRAME_READERS[names_in(row["`wire_format`"])[0]](bytes.fromhex(value), headers)

    assert not isinstance(framed, Undecodable)
    assert str(framed[0]) == named
    assert bytes.fromhex(value)[framed[1] :] == DATUM


def test_the_examples_are_of_every_format_with_a_frame() -> None:
    framed = {names_in(row["`wire_format`"])[0] for row in EXAMPLES}

    assert framed == FRAME_READERS.keys() == set(get_args(WireFormat)) - {"avro"}


@pytest.mark.parametrize("example", [text for language, text in fenced(TEXT) if language == "yaml"])
def test_every_configuration_loads(example: str, tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(
        example + "".join(text for section_, text in REST.items() if f"{section_}:" not in example), encoding="utf-8"
    )

    load_config(file)


def test_the_page_says_what_is_found_how_much_is_inflated_and_what_is_produced() -> None:
    glue = read_confluent(b"\x03\x00" + bytes(16), [])

    assert isinstance(glue, Undecodable)
    assert f"`{glue.detail}`" in TEXT
    assert f"{MAX_INFLATED_BYTES // 2**20} MiB" in TEXT
    written = TEXT.rpartition("`conversions produce` writes ")[2]
    assert set(names_in(written)) == WRITTEN
