"""`conversions run`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from consumer import app
from consumer.config_sources import load_config
from consumer.errors import ConfigError
from consumer.logs import configure_logs

_TAG_UNSAID = (
    "dedup.browser_tag: say whether the Pinterest tag is on the site as well, `present` or `absent` "
    "(CONVERSIONS_DEDUP__BROWSER_TAG). With `present`, web events without an id shared with the tag are skipped "
    "instead of counted twice"
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
    configure_logs(settings.log.level, settings.log.format)
    if settings.dedup.browser_tag is None:
        raise ConfigError([_TAG_UNSAID])
    raise typer.Exit(app.run(settings))
