"""Counts dead letters by reason, ad account and topic, and prints such counts. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from consumer.cli.dlq_letters import DeadLetter
from consumer.cli.dlq_plan import Tally
from consumer.cli.tables import aligned

_BY = ("reason", "ad_account_id", "topic")
_COLUMNS = (*_BY, "letters", "replayed", "oldest", "newest")


@dataclass(slots=True)
class _Count:
    oldest: datetime
    newest: datetime
    letters: int = 0
    replayed: int = 0


class Summary:
    """How many letters there are of each kind, since when, and how many of them were replayed."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, str, str], _Count] = {}

    def add(self, letter: DeadLetter, *, is_replayed: bool) -> None:
        kind = (letter.reason.value, letter.account, letter.origin.topic)
        count = self._counts.setdefault(kind, _Count(letter.failed_at, letter.failed_at))
        count.oldest = min(count.oldest, letter.failed_at)
        count.newest = max(count.newest, letter.failed_at)
        count.letters += 1
        count.replayed += is_replayed

    def as_json(self) -> dict[str, Any]:
        kinds = [
            dict(
                zip(
                    _COLUMNS,
                    (*kind, count.letters, count.replayed, _told(count.oldest), _told(count.newest)),
                    strict=True,
                )
            )
            for kind, count in sorted(self._counts.items())
        ]
        return {
            "letters": sum(count.letters for count in self._counts.values()),
            "replayed": sum(count.replayed for count in self._counts.values()),
            "kinds": kinds,
        }

    def as_text(self) -> str:
        rows = [
            [
                *map(_or_dash, kind),
                f"{count.letters:,}",
                f"{count.replayed:,}",
                _told(count.oldest),
                _told(count.newest),
            ]
            for kind, count in sorted(self._counts.items())
        ]
        return aligned(_COLUMNS, rows, numbers={"letters", "replayed"}) if rows else "no letters\n"


def tally_as_text(tally: Tally, to: str | None) -> str:
    """What is to be replayed, and why the rest is not; `to` tells where letters go, None: back to where they are of."""
    rows = [
        [reason, _or_dash(account), topic, to or topic, f"{count:,}"]
        for (reason, account, topic), count in sorted(tally.replays.items())
    ]
    columns = (*_BY, "to", "letters")
    table = aligned(columns, rows, numbers={"letters"}) if rows else ""
    left_out = [f"left out: {count:,} {why.value}\n" for why, count in sorted(tally.left_out.items())]
    return "".join([table, f"{counted(tally.replays.total())} to be replayed\n", *left_out])


def counted(letters: int) -> str:
    """So many letters, in words."""
    return f"{letters:,} letter{'s' * (letters != 1)}"


def _told(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")


def _or_dash(text: str) -> str:
    return text or "-"
