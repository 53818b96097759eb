"""`conversions run`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from consumer import app
from consumer.cli.check_settings import accounts_of
from consumer.config_sources import load_config
from consumer.errors import ConfigError
from consumer.logs import configure_logs

_TAG_UNSAID = (
    "dedup.browser_tag: say whether the Pinterest tag is on the site as well, `present` or `absent` "
    "(CONVERSIONS_DEDUP__BROWSER_TAG). With `present`, web events without an id shared with the tag are skipped "
    "instead of counted twice"
)
_NO_ACCOUNT = (
    "routing: no record could find an ad account, and all would be dead-lettered: set routing.table, "
    "routing.default_ad_account_id (CONVERSIONS_ROUTING__DEFAULT_AD_ACCOUNT_ID) or routing.accounts"
)


def command(
    config: Annotated[
        Path | None, typer.Option(help="YAML file; without it CONVERSIONS_CONFIG names one.", show_default=False)
    ] = None,
) -> None:
    """Carry conversions from Kafka to Pinterest until SIGTERM or SIGINT.

    The first signal lets the requests under way finish, commits, leaves the group and prints the ledger to standard
    output. A second one leaves at once, with offsets uncommitted.
    """
    settings = load_config(config)
    problems = [] if settings.dedup.browser_tag is not None else [_TAG_UNSAID]
    if not accounts_of(settings):
        problems.append(_NO_ACCOUNT)
    if problems:
        raise ConfigError(problems)
    configure_logs(settings.log.level, settings.log.format)
    raise typer.Exit(app.run(settings))
