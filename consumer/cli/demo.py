"""`conversions demo`."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated

import orjson
import typer
from rich.console import Console

from consumer.demo.scenario import Report, play
from consumer.demo.view import View


def command(
    orders: Annotated[int, typer.Option(min=0, help="How many orders to produce.")] = 2_000,
    visits: Annotated[int, typer.Option(min=0, help="How many visits to produce.")] = 3_000,
    seed: Annotated[int, typer.Option(help="The same seed makes the same records.")] = 1,
    report: Annotated[
        Path | None, typer.Option(help="Write the outcome as JSON to this file.", show_default=False)
    ] = None,
) -> None:
    """Run everything in one command: broker, registry, Pinterest emulator, sample traffic and the consumer.

    Nothing needs to be installed and nothing leaves this machine. Orders and visits flow through an embedded Kafka
    broker; about one in ten is awkward on purpose: undecodable, invalid, unroutable, without consent, too old, a
    bot's, refused by the API. The API throttles once and fails once. All figures are taken from outside the
    consumer: the producers' manifest, the emulator's record, the dead-letter topic, the committed offsets.

    Exits with 0 only if nothing was lost or doubled and the consumer's ledger balances.
    """
    if orders + visits == 0:
        raise typer.BadParameter("nothing to produce: give --orders or --visits")
    console = Console()
    view = View(console)
    folder = Path(tempfile.mkdtemp(prefix="conversions-demo-"))
    with view.running():
        found = play(folder, orders=orders, visits=visits, seed=seed, watch=view.show)
    view.summarise(found)
    console.print(f"manifests, accepted events and logs: {folder}", soft_wrap=True)
    if report is not None:
        report.write_bytes(orjson.dumps(as_json(found), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    raise typer.Exit(0 if found.is_good else 1)


def as_json(report: Report) -> dict[str, object]:
    """The report file's content."""
    found = report.audit
    return {
        "produced": found.produced,
        "accepted": found.accepted,
        "skipped": found.skipped,
        "dead_lettered": found.dead_lettered,
        "lost": found.lost,
        "duplicates": found.duplicates,
        "unexpected": found.unexpected,
        "batches": found.batches,
        "seconds": round(report.seconds, 3),
        "ledger_balanced": report.ledger["balanced"],
        "outcomes": dict(sorted(found.outcomes.items())),
    }
