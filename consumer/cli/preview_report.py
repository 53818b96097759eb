"""What `conversions preview` tells: as text of some 100 columns, and as JSON under keys that stay. Pure."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from consumer.cli.preview_counts import Counts, Revenue
from consumer.cli.preview_difference import Change, Difference
from consumer.cli.quality_coverage import EVENTS, percent
from consumer.cli.tables import aligned, shown
from consumer.pinterest.components import COMPONENTS
from consumer.pinterest.currencies import minor_digits
from consumer.records import HoldCause

_WIDTH = 100
_MOST_PROBLEMS = 10
_ABREAST = 4
"""Kinds of events side by side in the table of coverage."""
_CHANGES: Sequence[Change] = ("gained", "lost", "changed")


@dataclass(frozen=True, slots=True)
class Report:
    """All that is told."""

    topic: str
    since: datetime
    offsets: int
    """From then on to the end, and how many of them were looked at at most."""
    limit: int
    counts: Counts
    lacks: Sequence[str]
    """What schemas do not have, and events go without."""
    grand_total_lacks: Sequence[str]
    """What schemas do not bear out of the path of the grand total."""
    against: str | None = None
    """Name of the other mapping."""
    difference: Difference | None = None

    @property
    def is_cut(self) -> bool:
        return self.offsets > self.limit


# --- as text -----------------------------------------------------------------------------------------------------


def as_text(report: Report) -> str:
    """Blocks with an empty line between them; one that would say nothing is left out."""
    blocks = [_head(report)]
    counts = report.counts
    if counts.records:
        blocks += [_outcomes(counts), _events(counts), _problems(counts), _held(counts)]
        blocks += [_revenue(report), *_coverage(counts), _ids(counts), _clipped(counts)]
    blocks.append(_listed("Not in a schema, so that events go without", report.lacks))
    if report.difference is not None:
        blocks += _difference(report, report.difference)
    return "\n".join(block for block in blocks if block)


def _head(report: Report) -> str:
    since = f"{report.since:%Y-%m-%dT%H:%M:%SZ}"
    head = f"{report.topic}: {report.counts.records:,} records written since {since}, each mapped as of then."
    lines = [f"{head} Nothing was sent."]
    if report.is_cut:
        lines.append(
            f"--limit: only the newest {report.limit:,} of some {report.offsets:,} were read, of each partition in "
            "proportion."
        )
    return "".join(f"{line}\n" for text in lines for line in textwrap.wrap(text, _WIDTH))


def _outcomes(counts: Counts) -> str:
    rows = [("sent", counts.events)]
    if counts.in_test:
        rows.append(("  of these in test: account_in_test", counts.in_test))
    if counts.on_hold:
        rows.append(("  of these waiting: account on hold", counts.on_hold))
    rows += [(f"skipped: {reason}", number) for reason, number in counts.skipped.most_common()]
    rows += [(f"dead letter: {reason}", number) for reason, number in counts.dead_letters.most_common()]
    if held := sum(each.records for each in counts.held.values()):
        rows.append((f"held: {HoldCause.SCHEMA_INCOMPATIBLE}", held))
    cells = [[what, f"{number:,}", f"{_share(number, counts.records)} %"] for what, number in rows]
    return aligned(["Outcome", "records", "share"], cells, numbers={"records", "share"})


def _events(counts: Counts) -> str:
    rows = [[name, source, f"{number:,}"] for (name, source), number in sorted(counts.sent.items())]
    return aligned(["Event", "action source", "events"], rows, numbers={"events"}) if rows else ""


def _problems(counts: Counts) -> str:
    if not counts.problems:
        return ""
    frequent = counts.problems.most_common(_MOST_PROBLEMS)
    rows = [[f"{number:,}", str(reason), problem] for (reason, problem), number in frequent]
    text = aligned(["records", "dead letter", "problem"], rows, numbers={"records"})
    more = len(counts.problems) - len(frequent)
    return f"{text}and {more:,} more kinds of problems\n" if more else text


def _held(counts: Counts) -> str:
    return "".join(
        _listed(
            f"Held as {HoldCause.SCHEMA_INCOMPATIBLE}: {each.records:,} records {shown(name)}; their schemas and the "
            "mapping do not go together",
            each.problems,
        )
        for name, each in sorted(counts.held.items())
    )


def _revenue(report: Report) -> str:
    counts = report.counts
    if not counts.events:
        return ""
    lines = [_worth(currency, revenue) for currency, revenue in sorted(counts.revenue.items())]
    if without := counts.events - sum(revenue.events for revenue in counts.revenue.values()):
        lines.append(f"{without:,} events have no currency, and so no value")
    lines += (f"--grand-total: {shown(lack)}" for lack in report.grand_total_lacks)
    return "Revenue\n" + "".join(f"  {line}\n" for line in lines)


def _worth(currency: str, revenue: Revenue) -> str:
    text = f"sent {_amount(revenue.value, currency)}"
    if not revenue.events_with_grand_total:
        return f"{text} in {revenue.events:,} events"
    text += f" of {_amount(revenue.grand_total, currency)} grand total"
    if (share := _share_of_grand_total(revenue)) is not None:
        text += f" ({share} %)"
    text += f" in {revenue.events:,} events"
    without = revenue.events - revenue.events_with_grand_total
    return f"{text}, of which {without:,} have no grand total" if without else text


def _coverage(counts: Counts) -> Iterator[str]:
    coverage = counts.coverage()
    names = list(coverage)
    for start in range(0, len(names), _ABREAST):
        abreast = names[start : start + _ABREAST]
        rows = [[component, *(_percent(coverage[name], component) for name in abreast)] for component in COMPONENTS]
        yield aligned(["Coverage, % of events", *abreast], rows, numbers=set(abreast))


def _ids(counts: Counts) -> str:
    if not counts.web:
        return ""
    share = _share(counts.web_with_shared_id, counts.web)
    return f"An id shared with the tag: {counts.web_with_shared_id:,} of {counts.web:,} web events ({share} %)\n"


def _clipped(counts: Counts) -> str:
    rows = [
        [name, f"{number:,}", f"{_share(number, counts.events)} %"] for name, number in counts.clipped.most_common()
    ]
    return aligned(["Shortened or left out", "events", "share"], rows, numbers={"events", "share"}) if rows else ""


def _difference(report: Report, difference: Difference) -> Iterator[str]:
    moved = difference.moves.total()
    yield (
        f"From {shown(str(report.against))} to the configured mapping: {moved:,} of {report.counts.records:,} records "
        "become something else;\n"
        f"of {difference.sent_by_both:,} events that both send, {difference.changed_events:,} are not the same.\n"
    )
    moves = [[f"{number:,}", was, becomes] for (was, becomes), number in difference.moves.most_common()]
    if moves:
        yield aligned(["records", "were", "become"], moves, numbers={"records"})
    fields = [
        [path, *(f"{number:,}" if number else "" for number in numbers)]
        for path, numbers in _fields_of(difference).items()
    ]
    if fields:
        yield aligned(["Field, in events that both send", *_CHANGES], fields, numbers=set(_CHANGES))
    values = [
        [currency, *(_digits(amount, currency) for amount in (value.before, value.after, value.after - value.before))]
        for currency, value in sorted(difference.values.items())
    ]
    if values:
        columns = ["Value of all events", "before", "after", "difference"]
        yield aligned(columns, values, numbers=set(columns[1:]))


def _fields_of(difference: Difference) -> dict[str, tuple[int, ...]]:
    """By path, those that concern most events first: how many times each change occurs."""
    totals: Counter[str] = Counter()
    for (path, _), number in difference.fields.items():
        totals[path] += number
    paths = sorted(totals, key=lambda path: (-totals[path], path))
    return {path: tuple(difference.fields[path, change] for change in _CHANGES) for path in paths}


def _listed(head: str, lines: Iterable[str]) -> str:
    items = [f"  {shown(line)}\n" for line in lines]
    return f"{head}:\n{''.join(items)}" if items else ""


def _percent(counts: Mapping[str, int], component: str) -> str:
    share = percent(counts, component)
    return "-" if share is None else f"{share:.1f}"


def _share(number: int, total: int) -> str:
    return f"{100 * number / total:.1f}" if total else "-"


def _share_of_grand_total(revenue: Revenue) -> str | None:
    return f"{100 * revenue.value / revenue.grand_total:.1f}" if revenue.grand_total > 0 else None


def _amount(amount: Decimal, currency: str) -> str:
    return f"{_digits(amount, currency)} {currency}"


def _digits(amount: Decimal, currency: str) -> str:
    return f"{_rounded(amount, currency):,f}"


def _rounded(amount: Decimal, currency: str) -> Decimal:
    return amount.quantize(Decimal(1).scaleb(-minor_digits(currency)), ROUND_HALF_UP)


# --- as JSON -----------------------------------------------------------------------------------------------------


def as_json(report: Report) -> dict[str, Any]:
    """Everything; amounts are strings."""
    counts = report.counts
    return {
        "topic": report.topic,
        "since": report.since.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "offsets": report.offsets,
        "limit": report.limit,
        "is_cut": report.is_cut,
        "records": counts.records,
        "sent": counts.events,
        "sent_in_test": counts.in_test,
        "waiting_on_hold": counts.on_hold,
        "skipped": {str(reason): number for reason, number in counts.skipped.most_common()},
        "dead_lettered": {str(reason): number for reason, number in counts.dead_letters.most_common()},
        "held": {
            name: {"records": each.records, "problems": list(each.problems)} for name, each in counts.held.items()
        },
        "events": [
            {"event_name": name, "action_source": source, "events": number}
            for (name, source), number in sorted(counts.sent.items())
        ],
        "problems": [
            {"reason": str(reason), "problem": problem, "records": number}
            for (reason, problem), number in counts.problems.most_common()
        ],
        "schema_lacks": list(report.lacks),
        "coverage": {
            name: {"events": carried[EVENTS], "percent": {each: _rounded_percent(carried, each) for each in COMPONENTS}}
            for name, carried in counts.coverage().items()
        },
        "web_events": counts.web,
        "web_events_with_shared_id": counts.web_with_shared_id,
        "clipped": dict(counts.clipped.most_common()),
        "revenue": {
            currency: {
                "events": revenue.events,
                "value": _plain(revenue.value, currency),
                "events_with_grand_total": revenue.events_with_grand_total,
                "grand_total": _plain(revenue.grand_total, currency) if revenue.events_with_grand_total else None,
            }
            for currency, revenue in sorted(counts.revenue.items())
        },
        "grand_total_lacks": list(report.grand_total_lacks),
        "difference": None if report.difference is None else _difference_json(report, report.difference),
    }


def _difference_json(report: Report, difference: Difference) -> dict[str, Any]:
    return {
        "against": report.against,
        "moved_records": difference.moves.total(),
        "moves": [
            {"from": was, "to": becomes, "records": number} for (was, becomes), number in difference.moves.most_common()
        ],
        "sent_by_both": difference.sent_by_both,
        "changed_events": difference.changed_events,
        "fields": {path: dict(zip(_CHANGES, numbers, strict=True)) for path, numbers in _fields_of(difference).items()},
        "values": {
            currency: {"before": _plain(value.before, currency), "after": _plain(value.after, currency)}
            for currency, value in sorted(difference.values.items())
        },
    }


def _plain(amount: Decimal, currency: str) -> str:
    return f"{_rounded(amount, currency):f}"


def _rounded_percent(counts: Mapping[str, int], component: str) -> float | None:
    share = percent(counts, component)
    return None if share is None else round(share, 2)
