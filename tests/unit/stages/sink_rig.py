"""A sink to be driven by hand: its clock, its answers, and the assignments that are no longer ours."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from consumer.config import Delivery
from consumer.pinterest.answers import (
    Ambiguous,
    Answer,
    Forbidden,
    Judged,
    Refused,
    Unauthorized,
    Unavailable,
)
from consumer.records import Accepted, Assignment, Batch, HoldCause, Verdict
from consumer.stages.sink import BatchResult, Sink
from tests.unit.stages.builders import ACCOUNT, NOW_S, WALL_S, batch_of, event_of

OTHER = "549000000002"
MAX_AGE_S = 7 * 86_400

UNREADABLE = Ambiguous("HTTP 200: the answer is not in the described form", is_unreadable=True)
TIMED_OUT = Ambiguous("no answer: ReadTimeout", is_unreadable=False)
DOWN = Unavailable("HTTP 503")
REFUSED = Refused("HTTP 400", 400, 4196)
UNAUTHORIZED = Unauthorized("HTTP 401, code 2")
FORBIDDEN = Forbidden("HTTP 403, code 29")


class LongestWait(random.Random):
    """Draws the upper end, so that a wait is as long as it may be."""

    def uniform(self, a: float, b: float) -> float:  # noqa: ARG002
        return b


class Rig:
    """A sink with 8 permits, its clock, and the assignments that are no longer ours.

    Waits are as long as they may be, unless `chance` says otherwise.
    """

    def __init__(
        self,
        *,
        caps: Mapping[str, int] | None = None,
        chance: random.Random | None = None,
        on_hold: Iterable[str] = (),
        **changes: Any,
    ) -> None:
        self.gone: set[Assignment] = set()
        self.elapsed_s = 0.0
        self.sink = Sink(
            Delivery.model_validate({"max_in_flight": 8, "retry_base_s": 1.0, "retry_cap_s": 60.0, **changes}),
            max_age_s=MAX_AGE_S,
            chance=chance or LongestWait(),
            is_live=lambda assignment: assignment not in self.gone,
            caps=caps or {},
            most_parked=1_000,
            on_hold=on_hold,
        )

    def submit(self, *batches: Batch) -> None:
        for batch in batches:
            self.sink.submit(batch)

    def start(self, after_s: float = 0.0) -> list[Batch]:
        """What is started so much later; there must be no verdicts."""
        self.elapsed_s += after_s
        started, verdicts = self.sink.start(NOW_S + self.elapsed_s, WALL_S + self.elapsed_s)
        assert verdicts == []
        return started

    def start_one(self, after_s: float = 0.0) -> Batch:
        (batch,) = self.start(after_s)
        return batch

    def receive(self, batch: Batch, answer: Answer) -> list[Verdict]:
        return self.sink.receive(BatchResult(batch, answer), NOW_S + self.elapsed_s, WALL_S + self.elapsed_s)

    def accept(self, *batches: Batch) -> None:
        for batch in batches:
            self.receive(batch, judged(batch))

    def run(
        self, answer: Callable[[Batch], Answer], after_s: float = 0.0, turns: int = 1_000
    ) -> tuple[int, list[Verdict]]:
        """Start and answer at once until nothing more is started. Returns the number of requests, and the verdicts."""
        requests, verdicts = 0, []
        for _ in range(turns):
            if not (batches := self.start(after_s)):
                break
            for batch in batches:
                requests += 1
                verdicts += self.receive(batch, answer(batch))
        return requests, verdicts

    @property
    def under_way(self) -> list[Batch]:
        return list(self.sink._permits.under_way)

    def holds(self) -> dict[str, HoldCause]:
        return {account: hold.cause for account, hold in self.sink.holds()}


def judged(batch: Batch) -> Judged:
    return Judged(tuple(Accepted() for _ in batch.events))


def batches_of(count: int, account: str = ACCOUNT, age_s: int = 60) -> list[Batch]:
    return [batch_of(event_of(str(number), account=account, age_s=age_s), account=account) for number in range(count)]


def outcomes(verdicts: Iterable[Verdict]) -> list[tuple[str, type]]:
    return [(verdict.event.event_id, type(verdict.outcome)) for verdict in verdicts]
