"""What the demo shows: a table while it runs, and a summary at the end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table

from consumer.demo.scenario import Report, Sight

_SAY_EVERY_S = 2.0


class View:
    """Shows a run on a console: live on a terminal, else a line now and then."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live: Live | None = None
        self._said_s = 0.0

    @contextmanager
    def running(self) -> Iterator[None]:
        """While the demo runs."""
        if not self._console.is_terminal:
            yield
            return
        with Live(console=self._console, refresh_per_second=8, transient=True) as self._live:
            yield

    def show(self, sight: Sight) -> None:
        """How far things have come."""
        if self._live is not None:
            self._live.update(_table(sight))
        elif sight.seconds - self._said_s >= _SAY_EVERY_S:
            self._said_s = sight.seconds
            self._console.print(
                f"{sight.seconds:5.1f} s  produced {sight.produced:,} of {sight.to_produce:,}, "
                f"committed {sight.committed:,}, accepted {sight.accepted:,}, dead-lettered {sight.dead_lettered:,}"
            )

    def summarise(self, report: Report) -> None:
        """What came of it."""
        found = report.audit
        table = Table(title="What became of every record", title_justify="left")
        table.add_column("outcome")
        table.add_column("records", justify="right")
        for outcome, count in sorted(found.outcomes.items(), key=lambda item: (-item[1], item[0])):
            table.add_row(outcome.replace(":", ": ").replace("dead_lettered", "dead-lettered"), f"{count:,}")
        table.add_section()
        table.add_row("[bold]produced", f"[bold]{found.produced:,}")
        self._console.print(table)
        rate = found.produced / report.seconds if report.seconds else 0.0
        self._console.print(
            f"{found.produced:,} produced = {found.accepted:,} accepted + {found.skipped:,} skipped "
            f"+ {found.dead_lettered:,} dead-lettered\n"
            f"lost: {found.lost}   duplicates: {found.duplicates}   unexpected: {found.unexpected}   "
            f"ledger: {'balanced' if report.ledger['balanced'] else 'DOES NOT BALANCE'}\n"
            f"{found.batches:,} requests with accepted events, {report.seconds:.1f} s "
            f"from the first process started to the last commit ({rate:,.0f} records/s)"
        )


def _table(sight: Sight) -> RenderableType:
    table = Table(box=None, pad_edge=False)
    table.add_column("", min_width=14)
    table.add_column("records", justify="right", min_width=10)
    table.add_column("", width=40)
    for name, count in (
        ("produced", sight.produced),
        ("committed past", sight.committed),
        ("accepted", sight.accepted),
        ("dead-lettered", sight.dead_lettered),
    ):
        table.add_row(name, f"{count:,}", ProgressBar(total=max(1, sight.to_produce), completed=count, width=40))
    return Group(table, f"{sight.seconds:.1f} s")
