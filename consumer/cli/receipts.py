"""`conversions receipts`: what Pinterest acknowledged, for whoever has to prove it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import date, datetime, time, tzinfo
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

import orjson
import typer

from consumer.cli.receipts_sums import DIMENSIONS, Sum, Sums
from consumer.cli.tables import aligned, as_csv, shown
from consumer.cli.topic_reading import read_topic
from consumer.config import Config
from consumer.config_sources import load_config
from consumer.errors import ConfigError
from consumer.logs import configure_logs
from consumer.receipt_form import KeptReceipt, kept

group = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

MEANING = "Accepted means acknowledged by Pinterest, not attributed."
NONE_FOUND = """\
No receipt was found. Either Pinterest has not acknowledged such an event: it was skipped, is among the dead letters,
or is still on its way. Or there is no receipt of it: it was acknowledged while `receipts.enabled` was off, in test
mode, longer ago than the topic keeps receipts, or a moment ago. Or it is known by another id.
"""

Format = Literal["table", "json", "csv"]
ConfigFile = Annotated[
    Path | None, typer.Option(help="YAML file; without it CONVERSIONS_CONFIG names one.", show_default=False)
]
AsFormat = Annotated[Format, typer.Option("--format", help="How to print them.")]


@group.callback()
def receipts() -> None:
    """Read the receipts of accepted events, as `receipts.enabled` has them written.

    \b
    Examples:
      conversions receipts find --order A-10017
      conversions receipts sum --since 2026-11-01 --until 2026-12-01 --time-zone Europe/Berlin
    """


@group.command("find")
def find(
    *,
    config: ConfigFile = None,
    order: Annotated[str | None, typer.Option(metavar="ID", help="Of this order.", show_default=False)] = None,
    event_id: Annotated[str | None, typer.Option(metavar="ID", help="With this event id.", show_default=False)] = None,
    account: Annotated[str | None, typer.Option(metavar="ID", help="Of this ad account.", show_default=False)] = None,
    as_format: AsFormat = "table",
) -> None:
    """Print the receipts that all options given fit, each with the record that its event came from.

    The whole topic is read, without joining a group. What is found is kept in memory until the end, one receipt for
    each ad account, event name and event id: the latest.

    \b
    Examples:
      conversions receipts find --order A-10017
      conversions receipts find --event-id merchant-1:A-10017:checkout --format json

    Exit codes: 0 found; 1 none found, or the topic could not be read; 2 bad usage or configuration.
    """
    if order is None and event_id is None and account is None:
        raise ConfigError(["say what to find: --order, --event-id or --account"])
    settings = _settings(config)
    reading = _Reading(settings)
    found: dict[bytes, KeptReceipt] = {}
    for key, receipt in reading:
        if receipt is None:
            found.pop(key, None)
        elif (
            (order is None or receipt.order_id == order)
            and (event_id is None or receipt.event_id == event_id)
            and (account is None or receipt.ad_account_id == account)
            and (key not in found or receipt.accepted_at >= found[key].accepted_at)
        ):
            found[key] = receipt
    listed = [_as_texts(receipt) for receipt in sorted(found.values(), key=lambda each: each.accepted_at)]
    match as_format:
        case "table":
            print("\n".join(map(_as_block, listed)), end="")
        case "json":
            print(orjson.dumps(listed, option=orjson.OPT_INDENT_2).decode())
        case "csv":
            print(
                as_csv(_COLUMNS, [["" if cell is None else str(cell) for cell in each.values()] for each in listed]),
                end="",
            )
    print(MEANING if listed else NONE_FOUND.rstrip(), file=sys.stderr)
    reading.complain()
    if not listed or reading.unreadable:
        raise typer.Exit(1)


@group.command("sum")
def sum_command(
    *,
    config: ConfigFile = None,
    by: Annotated[
        str, typer.Option(metavar="NAMES", help=f"Separated by commas: {', '.join(DIMENSIONS)}.")
    ] = "day,currency",
    since: Annotated[
        str | None, typer.Option(metavar="TIME", help="Events from this day or time on.", show_default=False)
    ] = None,
    until: Annotated[
        str | None, typer.Option(metavar="TIME", help="Events before this day or time.", show_default=False)
    ] = None,
    time_zone: Annotated[str, typer.Option(metavar="ZONE", help="Where days begin, as in Europe/Berlin.")] = "UTC",
    as_format: AsFormat = "table",
) -> None:
    """Add up the values of accepted events, exactly, and count them.

    The day is that of the event, not of its acceptance. An ad account, event name and event id that occur several
    times count once, by the latest receipt. Different currencies are never added up, so `currency` is always told.

    The whole topic is read, without joining a group. Memory: some 0.3 KB for each ad account, event name and event id.

    \b
    Examples:
      conversions receipts sum --since 2026-11-01 --until 2026-12-01 --time-zone Europe/Berlin
      conversions receipts sum --by account,event_name,currency --format csv > november.csv

    Exit codes: 0 done; 1 the topic could not be read; 2 bad usage or configuration.
    """
    zone = _zone(time_zone)
    columns = _dimensions(by)
    sums = Sums(columns, since=_moment("--since", since, zone), until=_moment("--until", until, zone), zone=zone)
    reading = _Reading(_settings(config))
    for key, receipt in reading:
        if receipt is None:
            sums.remove(key)
        else:
            sums.add(key, receipt)
    _print_sums([*columns, "events", "value"], list(sums.sums()), as_format)
    print(MEANING, file=sys.stderr)
    reading.complain()
    if reading.unreadable:
        raise typer.Exit(1)


class _Reading:
    """All receipts of the topic by their keys, None where one was erased by a tombstone; counts what is neither."""

    def __init__(self, settings: Config) -> None:
        self._settings = settings
        self.unreadable = 0

    def __iter__(self) -> Iterator[tuple[bytes, KeptReceipt | None]]:
        for message in read_topic(self._settings, self._settings.receipts_topic):
            key: Any = message.key()
            value: Any = message.value()
            receipt = kept(key, value)
            if receipt is not None or (key is not None and value is None):
                yield key, receipt
            else:
                self.unreadable += 1

    def complain(self) -> None:
        if self.unreadable:
            topic = self._settings.receipts_topic
            print(
                f"conversions: {self.unreadable:,} messages of {topic} are not receipts; who else writes there?",
                file=sys.stderr,
            )


# --- what is asked -----------------------------------------------------------------------------------------------


def _settings(config: Path | None) -> Config:
    settings = load_config(config)
    configure_logs("error", settings.log.format)
    return settings


def _zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, KeyError):  # the name is not known, or leads out of the place where zones are kept
        raise ConfigError(["--time-zone: must be a name of the IANA time zones, as in Europe/Berlin"]) from None


def _dimensions(by: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(name.strip() for name in by.split(",")))
    if unknown := [name for name in names if name not in DIMENSIONS]:
        raise ConfigError([f"--by: {len(unknown)} of the names are none of {', '.join(DIMENSIONS)}"])
    return names if "currency" in names else (*names, "currency")


def _moment(option: str, text: str | None, zone: tzinfo) -> datetime | None:
    if text is None:
        return None
    try:
        if len(text) == len("2026-11-01"):
            return datetime.combine(date.fromisoformat(text), time(), zone)
        moment = datetime.fromisoformat(text)
    except ValueError:
        problem = f"{option}: must be a day or a time in ISO 8601, as in 2026-11-01 or 2026-11-01T08:00:00Z"
        raise ConfigError([problem]) from None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=zone)


# --- what is told ------------------------------------------------------------------------------------------------

_COLUMNS = (
    *("ad_account_id", "event_name", "event_id", "order_id", "value", "currency", "event_time", "verdict"),
    *("accepted_at", "topic", "partition", "offset", "build", "mapping"),
)


def _as_texts(receipt: KeptReceipt) -> dict[str, Any]:
    """Under the names and in the order of all formats."""
    every = {name: getattr(receipt, name) for name in _COLUMNS}
    every["value"] = None if receipt.value is None else format(receipt.value, "f")
    every["event_time"] = _iso(receipt.event_time, "seconds")
    every["accepted_at"] = _iso(receipt.accepted_at, "milliseconds")
    return every


def _iso(moment: datetime, timespec: str) -> str:
    return moment.isoformat(timespec=timespec).replace("+00:00", "Z")


def _as_block(texts: dict[str, Any]) -> str:
    width = max(map(len, texts))
    return "".join(f"{name:<{width}}  {shown(str(value))}\n" for name, value in texts.items() if value is not None)


def _print_sums(columns: list[str], sums: list[Sum], as_format: Format) -> None:
    values = ["" if each.value is None else format(each.value, "f") for each in sums]
    match as_format:
        case "table":
            rows = [
                [*each.group, f"{each.events:,}", f"{each.value:,f}" if each.value is not None else ""] for each in sums
            ]
            print(aligned(columns, rows, numbers={"events", "value"}), end="")
        case "json":
            objects = [
                dict(zip(columns, (*each.group, each.events, value or None), strict=True))
                for each, value in zip(sums, values, strict=True)
            ]
            print(orjson.dumps(objects, option=orjson.OPT_INDENT_2).decode())
        case "csv":
            rows = [[*each.group, str(each.events), value] for each, value in zip(sums, values, strict=True)]
            print(as_csv(columns, rows), end="")
