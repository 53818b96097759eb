"""`conversions check`: shows the whole configuration and finds what is wrong, before anything is run."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from consumer.cli.check_mappings import subject_findings
from consumer.cli.check_settings import settings_findings
from consumer.cli.findings import Finding, Grade, table
from consumer.config_sources import describe, load_config
from consumer.errors import ConfigError
from consumer.logs import configure_logs


def command(
    *,
    config: Annotated[
        Path | None, typer.Option(help="YAML file; without it CONVERSIONS_CONFIG names one.", show_default=False)
    ] = None,
    connectivity: Annotated[
        bool, typer.Option("--connectivity", help="Also ask the brokers, the schema registry and each ad account.")
    ] = False,
    subject: Annotated[
        str | None,
        typer.Option(help="Only ask whether the mapping of this subject's records bears the schema in --schema."),
    ] = None,
    schema: Annotated[
        Path | None, typer.Option(help="With --subject: an Avro schema that a producer is about to write by.")
    ] = None,
) -> None:
    """Print the configuration in effect, secrets masked, and what is wrong with it; all of it at once.

    No consumer group is joined. With --connectivity each ad account gets one event of nobody's with `test=true`,
    which Pinterest checks and does not record.

    With --subject and --schema it is a gate for a producer's pipeline: it needs no brokers, no registry and no tokens,
    and fails if the schema has lost a field that feeds money, currency, ids, time or consent.

    Exit code 1: a check failed. 2: the configuration cannot be read at all.
    """
    if (subject is None) != (schema is None) or (subject is not None and connectivity):
        raise ConfigError(["--subject and --schema go together, and without --connectivity"])
    if subject is not None and schema is not None:
        _end(subject_findings(load_config(config, offline=True), subject, schema))
        return
    settings = load_config(config)
    findings = settings_findings(settings, os.environ)
    if connectivity:
        # Brings the Kafka client and the HTTP client with it.
        from consumer.cli.check_accounts import account_findings  # noqa: PLC0415
        from consumer.cli.check_connections import connection_findings  # noqa: PLC0415

        configure_logs("error", settings.log.format)
        findings += connection_findings(settings)
        findings += account_findings(settings)
    print(describe(settings))
    _end(findings)


def _end(findings: list[Finding]) -> None:
    print(table(findings))
    if any(finding.grade is Grade.FAIL for finding in findings):
        raise typer.Exit(1)
