"""`conversions tag-snippet`: the code for the shop's pages that gives tag and API the same ids."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from consumer.config import Routing
from consumer.config_sources import load_config
from consumer.errors import ConfigError
from consumer.mapping.routing import Router
from consumer.pinterest.tag import snippet
from consumer.records import Invalid


def command(
    *,
    merchant: Annotated[
        str | None, typer.Option(help="Whose pages they are; without it the page names the merchant itself.")
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help="YAML file; without it CONVERSIONS_CONFIG names one.", show_default=False)
    ] = None,
) -> None:
    """Print HTML for the shop's pages, to be placed after Pinterest's own base code.

    Pinterest counts an action once if its tag in the browser and the API send it under the same id. The consumer makes
    a checkout's of the merchant's and the order's; any other action's is made in the browser and handed on to the bus.

    \b
    Examples:
      conversions tag-snippet --merchant merchant-1 > pinterest.html
      conversions tag-snippet                       one snippet for the pages of many merchants
    """
    settings = load_config(config, offline=True)
    if merchant is not None and not _may_be_routed(merchant, settings.routing):
        raise ConfigError(["--merchant: is not in routing.table; give an id that records carry as merchant_id"])
    if settings.dedup.browser_tag == "absent":
        note = "dedup.browser_tag is `absent`: set it to `present` once this is on the pages, or visits count twice"
        print(f"conversions: {note}", file=sys.stderr)
    print(snippet(merchant_id=merchant, is_gross=settings.events.value_basis == "gross"), end="")


def _may_be_routed(merchant: str, routing: Routing) -> bool:
    """False only if the table is there to be held against, and this merchant's records would be dead-lettered."""
    if not routing.table or routing.accounts:  # a record may name one of the accounts itself
        return True
    return not isinstance(Router(routing).route(merchant, None, [], {"routing.merchant_id": "merchant_id"}), Invalid)
