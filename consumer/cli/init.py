"""`conversions init`: drafts a configuration and a mapping for a schema of one's own."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from consumer.cli.check_mappings import mapping_findings
from consumer.cli.findings import Grade
from consumer.cli.init_files import Files, write_draft
from consumer.cli.init_questions import Given, answers_to
from consumer.config_sources import load_config
from consumer.errors import ConfigError
from consumer.json_records import JsonRecords
from consumer.mapping.recognition import Recognised, recognised
from consumer.mapping.shapes import Shape


def command(
    schema: Annotated[Path, typer.Option(help="The Avro schema of the records.", metavar="FILE")],
    *,
    directory: Annotated[Path, typer.Option(help="Where to write.", metavar="DIR")] = Path(),
    topic: Annotated[
        str | None, typer.Option(help="Of the records; without it called as the schema's file.", metavar="NAME")
    ] = None,
    tag: Annotated[str | None, typer.Option(help="1 Is the Pinterest tag on the site? present, absent.")] = None,
    event: Annotated[
        str | None, typer.Option(help="2 What a record is: checkout, page_visit... [default: checkout if it looks so]")
    ] = None,
    counts_when: Annotated[
        str | None, typer.Option(help="2 Which records count: FIELD=WORD[,WORD], or always.", metavar="RULE")
    ] = None,
    value_basis: Annotated[
        str | None, typer.Option(help="3 The value without tax or with it: net, gross. [default: net]")
    ] = None,
    tax_included: Annotated[str | None, typer.Option(help="3 Do the amounts include tax? yes, no.")] = None,
    integer_amounts: Annotated[
        str | None, typer.Option(help="3 What whole numbers in amounts count: minor, major.")
    ] = None,
    consent: Annotated[
        str | None, typer.Option(help="4 The field with the consent to advertising, or not_required.", metavar="FIELD")
    ] = None,
    granted: Annotated[
        str | None,
        typer.Option(help="4 Its words for yes, with commas. [default: true, if recognised]", metavar="WORDS"),
    ] = None,
    denied: Annotated[
        str | None,
        typer.Option(help="4 Its words for no, with commas. [default: false, if recognised]", metavar="WORDS"),
    ] = None,
    consent_basis: Annotated[
        str | None, typer.Option(help="4 With not_required: the basis in law, in words.", metavar="WORDS")
    ] = None,
    account: Annotated[
        list[str] | None,
        typer.Option(help="5 The ad account; or, once for each merchant, MERCHANT=ACCOUNT.", metavar="ACCOUNT"),
    ] = None,
    merchant_field: Annotated[
        str | None, typer.Option(help="5 The field with the merchant. [default: as recognised]", metavar="FIELD")
    ] = None,
    cut_over: Annotated[
        str | None, typer.Option(help="6 Until when does another integration report? A time, or no.", metavar="TIME")
    ] = None,
    yes: Annotated[
        bool, typer.Option("--yes", help="Ask nothing: take defaults, and fail where none is safe.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Write over files that are there.")] = False,
) -> None:
    """Draft a configuration and a mapping for records of an Avro schema.

    It recognises fields by name and type, asks six questions that no schema answers (tag, what counts, tax, consent,
    ad account, cut-over), and writes into DIR: config.yaml, a mapping, the schema, and an example with an invented
    record. Names are guesses: read the mapping. What is missing stands there as TO DO, and `conversions check` fails
    until it is filled in. Nothing is sent, and no broker asked.

    \b
    Examples:
      conversions init --schema order.avsc
      conversions init --schema order.avsc --directory pinterest --topic shop.orders
      conversions init --schema order.avsc --yes --tag present --counts-when status=PAID \\
        --consent ads_ok --account 549700000001 --cut-over no
    """
    records = JsonRecords(schema)
    files = Files(directory, topic or schema.stem, schema)
    files.refuse_those_there(is_forced=force)
    shape = Shape(records.record_schema.definition, records.record_schema.named)
    found = recognised(shape)
    given = Given(
        tag, event, counts_when, value_basis, tax_included, integer_amounts, consent, granted, denied, consent_basis,
        tuple(account or ()), merchant_field, cut_over,
    )  # fmt: skip
    answers = answers_to(given, found, shape, is_asking=not yes)
    has_example = write_draft(files, records, found, answers)
    _say(files, found, _left_to_do(files), has_example=has_example)


def _left_to_do(files: Files) -> list[str]:
    """What `conversions check` will say of the mapping."""
    try:
        findings = mapping_findings(load_config(files.config, environ={}, offline=True))
        return [finding.text for finding in findings if finding.grade is Grade.FAIL]
    except ConfigError as error:
        return error.problems


def _say(files: Files, found: Recognised, left: Iterable[str], *, has_example: bool) -> None:
    written = [files.config, files.mapping, files.schema, *([files.examples] if has_example else [])]
    print(f"Written: {', '.join(map(str, written))}")
    print(f"Recognised by name: {len(found.targets)} targets")
    if not has_example:
        print("No example: the schema has a type that records written as JSON cannot have, or one within itself.")
    if left := list(left):
        print("\nLeft to do:")
        print("\n".join(f"  {problem}" for problem in left))
    print(
        "\nThen:\n"
        f"  1. read {files.mapping} line by line, fill in what says TO DO, and name your brokers in {files.config}\n"
        f"  2. conversions check --config {files.config}\n"
        f"  3. conversions map --config {files.config} --topic {files.topic} --explain RECORDS, with records of yours\n"
        f"  4. conversions preview --config {files.config} --topic {files.topic} --last 1h, on what is in Kafka\n"
        f"  5. CONVERSIONS_PINTEREST__TEST=true conversions run --config {files.config}, of which nothing is recorded"
    )
    sys.stdout.flush()
