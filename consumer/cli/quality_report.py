"""Pinterest's scores of one ad account beside our own coverage: compared, as text of 100 columns, and as JSON."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from consumer.cli.quality_coverage import EVENTS, percent
from consumer.pinterest.components import COMPONENTS
from consumer.pinterest.quality import Detail, NotScored, Score, Scored

APART_POINTS = 10.0
"""From more than this on two percentages are told to differ."""

_WIDTH = 100
_GAP = "  "
_NOTHING = "-"
_OVERLAP = "  of these by tag too"

OwnCounts = Mapping[str, Mapping[str, int]]
"""By event name, as on `/coverage`."""


@dataclass(frozen=True, slots=True)
class Compared:
    """One component of one kind of event, as Pinterest sees it and as we do; None where one does not tell."""

    detail: Detail
    own_percent: float | None

    @property
    def is_apart(self) -> bool:
        theirs, ours = self.detail.coverage_percent, self.own_percent
        return theirs is not None and ours is not None and abs(theirs - ours) > APART_POINTS


@dataclass(frozen=True, slots=True)
class Sheet:
    """One score, or where there is none our own coverage alone."""

    score: Score | None
    events: Mapping[str, Mapping[str, Compared]]
    """By event name and component."""


@dataclass(frozen=True, slots=True)
class Report:
    """All that is told of one ad account."""

    ad_account_id: str
    answer: Scored | NotScored
    own: OwnCounts | None
    """None if no consumer told anything."""
    sheets: tuple[Sheet, ...]
    unscored: tuple[str, ...]
    """Event names of ours that stand in none of the scores."""


def compare(ad_account_id: str, answer: Scored | NotScored, own: OwnCounts | None) -> Report:
    """Put side by side what belongs together. Kinds of events are known by their names however these are spelt."""
    counts = own or {}
    ours = {_plain(name): by_component for name, by_component in counts.items()}
    scores = answer.scores if isinstance(answer, Scored) else ()
    sheets = [Sheet(score, _compared(score, ours)) for score in scores]
    if not scores and counts:
        sheets = [Sheet(None, _alone(counts))]
    scored = {_plain(name) for score in scores for by_event in score.components.values() for name in by_event}
    unscored = tuple(sorted(name for name in counts if scores and _plain(name) not in scored))
    return Report(ad_account_id, answer, own, tuple(sheets), unscored)


def _compared(score: Score, ours: OwnCounts) -> dict[str, dict[str, Compared]]:
    events: dict[str, dict[str, Compared]] = {}
    for component, by_event in score.components.items():
        for name, detail in by_event.items():
            counts = ours.get(_plain(name))
            own_percent = None if counts is None else percent(counts, component)
            events.setdefault(name, {})[component] = Compared(detail, own_percent)
    return dict(sorted(events.items()))


def _alone(counts: OwnCounts) -> dict[str, dict[str, Compared]]:
    return {
        name: {component: Compared(Detail(None), percent(carried, component)) for component in COMPONENTS}
        for name, carried in sorted(counts.items())
    }


def _plain(event_name: str) -> str:
    """The description does not say how the names are spelt here; `add_to_cart` is AddToCart in the tag's world."""
    return "".join(c for c in event_name if c.isalnum()).lower()


# --- as text -----------------------------------------------------------------------------------------------------


def as_text(report: Report) -> str:
    """Tables of components by events, at most 100 columns wide, and what Pinterest dislikes below each."""
    if not report.sheets:
        nothing = "cannot be told" if isinstance(report.answer, NotScored) else "no score yet"
        return f"{report.ad_account_id}  {nothing}\n"
    blocks = [_sheet(report, sheet) for sheet in report.sheets]
    if report.unscored:
        blocks.append(_folded(f"Sent by us, and in none of the scores above: {', '.join(report.unscored)}", indent=""))
    return "\n".join(f"{block}\n" for block in blocks)


def _sheet(report: Report, sheet: Sheet) -> str:
    if sheet.score is None:
        status = "our own coverage alone: " + (
            "the score cannot be told" if isinstance(report.answer, NotScored) else "no score yet"
        )
        words = [report.ad_account_id, status]
    else:
        score = sheet.score
        about = (score.source_platform, score.ingestion_source, score.lookback_period)
        words = [report.ad_account_id, *filter(None, about), score.overall_status or "no status"]
    lines = [_GAP.join(words)]
    has_own = report.own is not None
    for names in _abreast(sheet, has_own=has_own):
        lines += ["", *_table({name: sheet.events[name] for name in names}, has_own=has_own)]
    if issues := list(_issues(sheet)):
        lines += ["", "Issues", *issues]
    return "\n".join(lines)


def _abreast(sheet: Sheet, *, has_own: bool) -> Iterator[list[str]]:
    """The event names in groups that have room side by side."""
    first = max(map(len, (_OVERLAP, *(name for by_component in sheet.events.values() for name in by_component))))
    least = len(_cell("", "", "", has_own=has_own))
    group: list[str] = []
    for name in sheet.events:
        if group and first + sum(len(_GAP) + max(least, len(one)) for one in (*group, name)) > _WIDTH:
            yield group
            group = []
        group.append(name)
    if group:
        yield group


def _table(events: Mapping[str, Mapping[str, Compared]], *, has_own: bool) -> Iterator[str]:
    components = dict.fromkeys(name for by_component in events.values() for name in by_component)
    rows: list[list[str]] = [["", *events], ["", *(_cell("Pinterest", "ours", "", has_own=has_own) for _ in events)]]
    for component in components:
        found = [by_component.get(component) for by_component in events.values()]
        rows.append([component, *(_coverage(compared, has_own=has_own) for compared in found)])
        if any(compared is not None and compared.detail.overlap_percent is not None for compared in found):
            rows.append([_OVERLAP, *(_overlap(compared, has_own=has_own) for compared in found)])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        first, *rest = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield _GAP.join([first, *rest]).rstrip()


def _coverage(compared: Compared | None, *, has_own: bool) -> str:
    if compared is None:
        return _cell(_NOTHING, _NOTHING, "", has_own=has_own)
    mark = "*" if compared.is_apart else ""
    return _cell(_number(compared.detail.coverage_percent), _number(compared.own_percent), mark, has_own=has_own)


def _overlap(compared: Compared | None, *, has_own: bool) -> str:
    return _cell(_number(None if compared is None else compared.detail.overlap_percent), "", "", has_own=has_own)


def _cell(theirs: str, ours: str, mark: str, *, has_own: bool) -> str:
    return f"{theirs:>9} {ours:>5}{mark:1}" if has_own else f"{theirs:>9}"


def _number(percentage: float | None) -> str:
    return _NOTHING if percentage is None else f"{percentage:.1f}"


def _issues(sheet: Sheet) -> Iterator[str]:
    for event_name, by_component in sheet.events.items():
        for component, compared in by_component.items():
            for issue in compared.detail.issues:
                told = ": ".join(filter(None, (issue.name or issue.id, issue.reason)))
                yield _folded(f"{event_name}, {component}: {told}", indent="  ")


def _folded(text: str, *, indent: str) -> str:
    return textwrap.fill(text, _WIDTH, initial_indent=indent, subsequent_indent=f"{indent}  ")


# --- as JSON -----------------------------------------------------------------------------------------------------


def as_json(
    reports: Iterable[Report], *, lookback_period: str, consumers: Iterable[Mapping[str, Any]]
) -> dict[str, Any]:
    """Everything, under keys that stay."""
    return {
        "lookback_period": lookback_period,
        "consumers": list(consumers),
        "ad_accounts": [_report(report) for report in reports],
    }


def _report(report: Report) -> dict[str, Any]:
    own = report.own
    return {
        "ad_account_id": report.ad_account_id,
        "error": report.answer.detail if isinstance(report.answer, NotScored) else None,
        "scores": [_score(sheet.score, sheet) for sheet in report.sheets if sheet.score is not None],
        "own": None if own is None else {name: _own(counts) for name, counts in own.items()},
        "own_in_no_score": list(report.unscored),
    }


def _score(score: Score, sheet: Sheet) -> dict[str, Any]:
    return {
        "overall_status": score.overall_status,
        "source_platform": score.source_platform,
        "ingestion_source": score.ingestion_source,
        "lookback_period": score.lookback_period,
        "events": {
            name: {component: _compared_json(compared) for component, compared in by_component.items()}
            for name, by_component in sheet.events.items()
        },
    }


def _compared_json(compared: Compared) -> dict[str, Any]:
    detail = compared.detail
    return {
        "coverage_percent": detail.coverage_percent,
        "own_percent": None if compared.own_percent is None else round(compared.own_percent, 2),
        "is_apart": compared.is_apart,
        "overlap_percent": detail.overlap_percent,
        "issues": [{"id": issue.id, "name": issue.name, "reason": issue.reason} for issue in detail.issues],
    }


def _own(counts: Mapping[str, int]) -> dict[str, Any]:
    return {
        "events": counts[EVENTS],
        "percent": {name: None if (share := percent(counts, name)) is None else round(share, 2) for name in COMPONENTS},
    }
