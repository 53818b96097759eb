"""Counts what records would become. Pure; keeps names of fields, numbers and sums, and nothing of any person."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from typing import assert_never

from consumer.cli.preview_facts import NO_FACTS, Facts
from consumer.cli.preview_outcomes import Outcome, Sent
from consumer.cli.quality_coverage import EVENTS
from consumer.pinterest.components import COMPONENTS, names_of
from consumer.records import DeadLetterReason, Incompatible, Invalid, Skipped, SkipReason

_NOTHING = Decimal(0)
_NUMBER_OF_LINE = re.compile(r"\[\d+\]")


@dataclass(slots=True)
class Revenue:
    """Of the events in one currency."""

    events: int = 0
    value: Decimal = _NOTHING
    """What is sent as `custom_data.value`; an event without one adds nothing."""
    events_with_grand_total: int = 0
    grand_total: Decimal = _NOTHING
    """What the records of these events say themselves that they come to."""


@dataclass(slots=True)
class Held:
    """Records of one type whose schema and mapping do not go together."""

    records: int = 0
    problems: dict[str, None] = field(default_factory=dict)
    """What their schemas lack, each once."""


@dataclass(slots=True)
class Counts:
    """Of all records that were added."""

    records: int = 0
    sent: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Events by name and action source."""
    in_test: int = 0
    """Of these, events of which Pinterest would record nothing."""
    on_hold: int = 0
    """Of these, events that would wait until their account's mode is another."""
    skipped: Counter[SkipReason] = field(default_factory=Counter)
    dead_letters: Counter[DeadLetterReason] = field(default_factory=Counter)
    problems: Counter[tuple[DeadLetterReason, str]] = field(default_factory=Counter)
    """Dead letters by reason and what was wrong; a record may have several of them."""
    held: dict[str, Held] = field(default_factory=dict)
    """By the name of the Avro record."""
    carried: Counter[tuple[str, int]] = field(default_factory=Counter)
    """Events by name and the components of the quality score that they carry, as `components_of` writes them."""
    web: int = 0
    """Events that the browser's tag may tell of as well."""
    web_with_shared_id: int = 0
    clipped: Counter[str] = field(default_factory=Counter)
    """Events by the field that was shortened or left out."""
    revenue: dict[str, Revenue] = field(default_factory=dict)
    """By currency."""

    def add(self, outcome: Outcome, facts: Facts = NO_FACTS, *, schema_name: str = "") -> None:
        """One record more.

        Args:
            outcome: What would become of it.
            facts: Of one that would be sent.
            schema_name: Of the Avro record that it was written as, where it could be read.
        """
        self.records += 1
        match outcome:
            case Sent():
                self._add_event(outcome, facts)
            case Skipped(reason):
                self.skipped[reason] += 1
            case Invalid(problems, reason):
                self.dead_letters[reason] += 1
                self.problems.update({(reason, _NUMBER_OF_LINE.sub("[]", problem)) for problem in problems})
            case Incompatible(problems):
                held = self.held.setdefault(schema_name, Held())
                held.records += 1
                held.problems |= dict.fromkeys(problems)
            case _:
                assert_never(outcome)

    @property
    def events(self) -> int:
        return self.sent.total()

    def coverage(self) -> dict[str, dict[str, int]]:
        """By event name: how many events there are, and how many of them carry each component."""
        found: dict[str, dict[str, int]] = {}
        for (event_name, carried), events in sorted(self.carried.items()):
            counts = found.setdefault(event_name, dict.fromkeys((EVENTS, *COMPONENTS), 0))
            for name in (EVENTS, *names_of(carried)):
                counts[name] += events
        return found

    def _add_event(self, sent: Sent, facts: Facts) -> None:
        event = sent.event
        self.sent[event.event_name, event.action_source] += 1
        self.in_test += sent.is_test
        self.on_hold += sent.is_on_hold
        self.carried[event.event_name, event.components] += 1
        self.clipped.update(set(sent.mapped.clipped))
        if event.action_source == "web":
            self.web += 1
            self.web_with_shared_id += facts.has_shared_id
        if event.currency is not None:
            revenue = self.revenue.setdefault(event.currency, Revenue())
            revenue.events += 1
            revenue.value += event.value or _NOTHING
            if facts.grand_total is not None:
                revenue.events_with_grand_total += 1
                revenue.grand_total += facts.grand_total
