"""Records on their way through a preview."""

from __future__ import annotations

from typing import Any

from consumer.cli.preview_outcomes import Judge, Outcome, Sent
from consumer.config import BundledName
from consumer.records import Assignment, Decoded, Record
from tests.unit.mapping.builders import a_config
from tests.unit.stages.builders import FakeMessage


class TimedMessage(FakeMessage):
    """Written at a time of the test's choice, in Unix milliseconds, or at none that is known."""

    def __init__(self, written_ms: int, kind: int = 1) -> None:
        super().__init__()
        self._timestamp = (kind, written_ms)

    def timestamp(self) -> tuple[int, int]:
        return self._timestamp


def record_of(message: FakeMessage | None = None) -> Record:
    return Record(Assignment("orders", 0, 0), 0, message or FakeMessage(), 5, 0.0)


def outcome_of(fields: dict[str, Any], name: BundledName = "order", **sections: Any) -> Outcome:
    """What would become of it under a configuration with these sections."""
    judge = Judge(a_config(**sections), f"{name}s")
    return judge.outcome(record_of(), Decoded("com.acme.Any", fields))


def sent(fields: dict[str, Any], name: BundledName = "order", **sections: Any) -> Sent:
    outcome = outcome_of(fields, name, **sections)
    assert isinstance(outcome, Sent), outcome
    return outcome
