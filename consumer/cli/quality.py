"""`conversions quality`: Pinterest's event quality scores of ad accounts, beside our own coverage."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import orjson
import typer

from consumer.cli.access_token import access_token_of
from consumer.cli.check_settings import accounts_of
from consumer.cli.quality_coverage import Counts, NoPage, added, ask_consumer
from consumer.cli.quality_report import APART_POINTS, as_json, as_text, compare
from consumer.config import Config
from consumer.config_sources import load_config
from consumer.errors import ConfigError
from consumer.logs import configure_logs
from consumer.pinterest.connections import ssl_context
from consumer.pinterest.quality import SOURCE_PLATFORMS, LookbackPeriod, NotScored, QualityScores

_ACCOUNT = re.compile(r"[0-9]{1,18}", re.ASCII)  # API v5 description: Pinterest.Lib.AdAccountId
_PLATFORM = re.compile(r"[A-Z][A-Z0-9_]{0,63}", re.ASCII)  # of which Pinterest may get more than we know


def command(
    *,
    config: Annotated[
        Path | None, typer.Option(help="YAML file; without it CONVERSIONS_CONFIG names one.", show_default=False)
    ] = None,
    ad_account: Annotated[
        list[str] | None,
        typer.Option(metavar="ID", help="Only this one; repeatable. Without it all that records can be routed to."),
    ] = None,
    consumer: Annotated[
        list[str] | None,
        typer.Option(
            metavar="URL",
            help="Health port of a running consumer, as in http://10.0.0.7:8080: its figures stand beside Pinterest's. "
            "Repeatable: name every replica by an address of its own, they are added up.",
        ),
    ] = None,
    lookback: Annotated[LookbackPeriod, typer.Option(help="The days that Pinterest looks back on.")] = "14d",
    source_platform: Annotated[
        str | None,
        typer.Option(metavar="PLATFORM", help=f"Only this one: {', '.join(SOURCE_PLATFORMS)}.", show_default=False),
    ] = None,
    access_token_file: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Holds an OAuth access token with ads:read, `-` for standard input. Without it the one in "
            "pinterest.oauth.directory is taken.",
            show_default=False,
        ),
    ] = None,
    as_json_text: Annotated[bool, typer.Option("--json", help="Print all of it as one JSON object.")] = False,
) -> None:
    """Show how good Pinterest finds the events of each ad account, and what we sent.

    The event quality score is GOOD, FAIR or NEEDS_IMPROVEMENT. Below it stands, for each kind of event, what percent
    carry each of eleven components: what a person can be recognised by, what makes tag and API count once, what
    was bought. A star marks where Pinterest's figure and ours are more than ten points apart. What to do for each
    component: docs/quality.md.

    Needs an OAuth access token with the scope ads:read; a conversion token is good for sending alone.

    \b
    Examples:
      conversions quality --config prod.yaml
      conversions quality --ad-account 549755885175 --lookback 1d --source-platform WEB
      conversions quality --consumer http://10.0.0.7:8080 --consumer http://10.0.0.8:8080
      conversions quality --access-token-file oauth-token --json

    Exit codes: 0 done; 1 some account or consumer could not be asked; 2 bad usage or configuration.
    """
    settings = load_config(config, offline=True)
    accounts = _accounts(settings, ad_account or [])
    urls = _consumers(consumer or [])
    platform = _platform(source_platform)
    access_token = access_token_of(settings.pinterest.oauth, access_token_file)
    scores = QualityScores(
        settings.pinterest,
        access_token,
        timeout_s=settings.delivery.request_timeout_s,
        lookback_period=lookback,
        source_platform=platform,
    )
    configure_logs("error", settings.log.format)

    pages = _pages(urls, settings)
    own = _own(pages)
    reports = []
    for account in accounts:
        report = compare(account, scores.of(account), None if own is None else own.get(account, {}))
        reports.append(report)
        if not as_json_text:
            print(as_text(report))
        if isinstance(report.answer, NotScored):
            _complain(f"{account}: {report.answer.detail}")
    if as_json_text:
        told = [{"url": url, "error": page.detail if isinstance(page, NoPage) else None} for url, page in pages.items()]
        document = as_json(reports, lookback_period=lookback, consumers=told)
        print(orjson.dumps(document, option=orjson.OPT_INDENT_2).decode())
    else:
        print(_NO_OWN if own is None else _LEGEND)
    answers = (*pages.values(), *(report.answer for report in reports))
    if any(isinstance(answer, NoPage | NotScored) for answer in answers):
        raise typer.Exit(1)


_LEGEND = (
    "Pinterest: percent of the events that it looked back on. ours: percent of the events accepted from\n"
    f"the consumers asked since their start, of all platforms. *: more than {APART_POINTS:g} points apart."
)
_NO_OWN = "For a column of our own name the health ports of the running consumers: --consumer http://HOST:8080"


# --- what is asked -----------------------------------------------------------------------------------------------


def _accounts(settings: Config, chosen: list[str]) -> list[str]:
    if any(_ACCOUNT.fullmatch(account) is None for account in chosen):
        raise ConfigError(["--ad-account: must be an ad account's id, 1 to 18 digits"])
    if accounts := list(dict.fromkeys(chosen)) or accounts_of(settings):
        return accounts
    raise ConfigError(["--ad-account is needed, or a configuration that routes to one"])


def _platform(chosen: str | None) -> str | None:
    if chosen is not None and _PLATFORM.fullmatch(chosen.upper()) is None:
        raise ConfigError(["--source-platform: must be a word such as WEB or MOBILE_IOS"])
    return None if chosen is None else chosen.upper()


def _consumers(chosen: list[str]) -> list[str]:
    """Each once: a replica that is named twice would be counted twice."""
    return list(dict.fromkeys(_address(url) for url in chosen))


def _address(url: str) -> str:
    try:
        parts = urlsplit(url)
        (parts.hostname or "").encode("idna")
        is_usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_usable = False
    if not is_usable or not url.isprintable() or set(" @?#") & set(url):
        raise ConfigError(["--consumer: must be a plain URL of a health port, as in http://10.0.0.7:8080"])
    return url.rstrip("/").removesuffix("/coverage")


def _pages(urls: list[str], settings: Config) -> dict[str, Counts | NoPage]:
    context, timeout_s = ssl_context(settings.pinterest), settings.delivery.request_timeout_s
    pages = {url: ask_consumer(url, context, timeout_s=timeout_s) for url in urls}
    for url, page in pages.items():
        if isinstance(page, NoPage):
            _complain(f"{url}: {page.detail}")
    return pages


def _own(pages: dict[str, Counts | NoPage]) -> Counts | None:
    """What the consumers that answered counted together; None if there is none."""
    counted = [page for page in pages.values() if not isinstance(page, NoPage)]
    return added(counted) if counted else None


def _complain(problem: str) -> None:
    print(f"conversions: {problem}", file=sys.stderr)
