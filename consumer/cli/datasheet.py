"""`conversions datasheet`: which field of a record goes where at Pinterest, hashed or in clear, and under which law."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer

from consumer.cli.check_settings import accounts_of
from consumer.config import Config
from consumer.config_sources import load_config
from consumer.mapping.catalogue import Catalogue
from consumer.mapping.consent import ASKING_FOR_CONSENT
from consumer.mapping.digest import mapping_digest
from consumer.mapping.flows import Flow, Leaves, flows, origin
from consumer.mapping.language import MappingFile


def command(
    *,
    config: Annotated[
        Path | None, typer.Option(help="YAML file; without it CONVERSIONS_CONFIG names one.", show_default=False)
    ] = None,
) -> None:
    """Print, as Markdown, all that may leave for Pinterest under this configuration.

    For whoever answers for privacy: which field of a record goes into which field of an event, whether as SHA-256 or in
    clear, of whom, and to which ad accounts. It depends on the configuration and the mappings alone, so that a change
    shows in a diff: keep it beside them, and let the pipeline compare.

    \b
    Example:
      conversions datasheet --config prod.yaml > datasheet.md
    """
    settings = load_config(config, offline=True)
    print("\n".join(_sheet(settings)))


def _sheet(config: Config) -> Iterator[str]:
    yield "# What leaves for Pinterest"
    yield ""
    yield f"Under the mappings and settings `{mapping_digest(config)}`."
    yield ""
    yield "## To whom"
    yield ""
    yield from _table(("Ad account", "Mode", "Gets the records of"), _accounts(config))
    yield "## Of whom"
    yield ""
    yield "Where they live is the recorded jurisdiction, else the country of the address. In the United States Global"
    yield "Privacy Control and limited data processing count as denied."
    yield ""
    yield from _table(("Where", "Consent granted", "not known", "denied"), _laws(config))
    catalogue = Catalogue(config.topics)
    for topic in config.topics:
        for mapping in catalogue.mappings_of(topic):
            yield f"## {topic}: {mapping.file.name}"
            yield ""
            yield _consent(mapping)
            yield ""
            yield from _table(("Field of the record", "Field at Pinterest", "Leaves", "When"), _rows(mapping, config))


def _accounts(config: Config) -> Iterator[tuple[str, ...]]:
    routing = config.routing
    for account in accounts_of(config):
        named = [merchant for merchant, to in sorted(routing.table.items()) if to == account]
        named += ["all others"] if account == routing.default_ad_account_id else []
        named += ["records that name it"] if account in routing.accounts else []
        mode = config.ad_accounts[account].mode if account in config.ad_accounts else "live"
        yield account, "test" if config.pinterest.test else mode, ", ".join(named)


def _laws(config: Config) -> Iterator[tuple[str, ...]]:
    denied = "with `opt_out`" if config.privacy.denied == "opt_out" else "no"
    yield f"{', '.join(sorted(ASKING_FOR_CONSENT))}; the EU or EEA as such", "yes", "no", "no"
    yield "US", "yes", "yes", "with `opt_out_type: LDP`"
    if config.privacy.consent_unknown_countries == "eea":
        yield "not known", "yes", "no", "no"
        yield "elsewhere", "yes", "yes", denied
    else:
        yield "not known", "yes", "yes", "no"
        yield "elsewhere", "yes", "yes", denied


def _consent(mapping: MappingFile) -> str:
    if mapping.consent_basis is not None:
        return f"Consent is not asked for. The basis given: {mapping.consent_basis}"
    return "Consent is asked for, as below."


def _rows(mapping: MappingFile, config: Config) -> Iterator[tuple[str, ...]]:
    for flow in flows(mapping, frozenset(config.privacy.fields)):
        yield origin(mapping, flow), _destination(flow), flow.leaves.value, _when(flow)


def _destination(flow: Flow) -> str:
    if flow.leaves is Leaves.DECIDES:
        decided = f", and so {', '.join(flow.target.feeds)}" if flow.target.feeds else ""
        return f"decides {flow.target.key}{decided}"
    return ", ".join(flow.target.feeds)


def _when(flow: Flow) -> str:
    if flow.leaves is Leaves.NEVER:
        return "`privacy.fields` keeps it back"
    return "" if flow.is_offline or flow.leaves is Leaves.DECIDES else "not of offline events"


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield _row(columns)
    yield "|" + "---|" * len(columns)
    yield from map(_row, rows)
    yield ""


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"
