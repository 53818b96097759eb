"""Exactly one verdict for every event, whatever is answered, whatever the clock does, whatever is taken away."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from typing import Literal

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from consumer.delivery.freshness import FRESH_S
from consumer.pinterest.answers import Answer, Judged, Throttled, Unavailable
from consumer.records import Accepted, Batch, Event, Rejected, Verdict
from tests.unit.stages.builders import NOW_S, WALL_S, assignment_of, batch_of, event_of
from tests.unit.stages.sink_rig import (
    DOWN,
    FORBIDDEN,
    MAX_AGE_S,
    REFUSED,
    TIMED_OUT,
    UNAUTHORIZED,
    UNREADABLE,
    Rig,
    judged,
)

CAPS = {"4": 3, "5": 130}
ACCOUNTS = ["1", "2", "3", *CAPS]


def answers_to(batch: Batch) -> st.SearchStrategy[Answer]:
    outcome = st.sampled_from([Accepted(), Rejected("no")])
    return st.one_of(
        st.tuples(*[outcome] * len(batch.events)).map(Judged),
        st.sampled_from([REFUSED, UNAUTHORIZED, FORBIDDEN, DOWN, DOWN, TIMED_OUT, TIMED_OUT, UNREADABLE]),
        st.sampled_from([None, 0.0, 5.0, 5_000.0]).map(Throttled),
        st.sampled_from([0.0, 90.0]).map(lambda delay_s: Unavailable("HTTP 503", delay_s)),
    )


class AnySequenceOfAnswers(RuleBasedStateMachine):
    """Every event submitted is in one place at a time, and gets one verdict."""

    @initialize(
        permits=st.integers(1, 9),
        budget=st.sampled_from([2, 3, 8, 256]),
        ambiguous_offline=st.sampled_from(["retry", "dead_letter"]),
    )
    def begin(self, permits: int, budget: int, ambiguous_offline: Literal["retry", "dead_letter"]) -> None:
        self.rig = Rig(caps=CAPS, max_in_flight=permits, bisect_requests=budget, ambiguous_offline=ambiguous_offline)
        self.permits = permits
        self.assignments = [assignment_of(partition) for partition in range(3)]
        self.open: set[Event] = set()
        self.under_way: list[Batch] = []
        self.starts_s: dict[str, list[float]] = {account: [] for account in ACCOUNTS}

    def conclude(self, verdicts: Sequence[Verdict]) -> None:
        for verdict in verdicts:
            self.open.remove(verdict.event)  # raises if it had one already

    @rule(
        account=st.sampled_from(ACCOUNTS),
        events=st.lists(
            st.tuples(
                st.integers(0, 2),
                st.sampled_from([0, 100, FRESH_S - 5, FRESH_S + 10, MAX_AGE_S - 5]),
                st.sampled_from(["web", "offline"]),
            ),
            min_size=1,
            max_size=9,
        ),
    )
    def submit(self, account: str, events: list[tuple[int, int, str]]) -> None:
        made = [
            event_of(account=account, assignment=self.assignments[partition], age_s=age_s, action_source=source)
            for partition, age_s, source in events
        ]
        self.open |= set(made)
        self.rig.submit(batch_of(*made, account=account))

    @rule(seconds=st.sampled_from([0.0, 0.5, 10.0, 31.0, 600.0, 4_000.0]))
    def start(self, seconds: float) -> None:
        rig = self.rig
        rig.elapsed_s += seconds
        was_down, were_under_way = rig.sink.api_hold is not None, len(self.under_way)
        started, verdicts = rig.sink.start(NOW_S + rig.elapsed_s, WALL_S + rig.elapsed_s)
        self.conclude(verdicts)
        self.under_way += started
        for batch in started:
            self.starts_s[batch.ad_account_id].append(rig.elapsed_s)
        assert not (was_down and started) or (were_under_way, len(started)) == (0, 1)

    @precondition(lambda self: self.under_way)
    @rule(data=st.data())
    def answer(self, data: st.DataObject) -> None:
        batch = self.under_way.pop(data.draw(st.integers(0, len(self.under_way) - 1)))
        self.conclude(self.rig.receive(batch, data.draw(answers_to(batch))))

    @precondition(lambda self: len(self.under_way) > 1)
    @rule(answer=st.sampled_from([DOWN, TIMED_OUT, REFUSED]))
    def answer_all_alike(self, answer: Answer) -> None:
        for batch in self.under_way:
            self.conclude(self.rig.receive(batch, answer))
        self.under_way = []

    @rule(partition=st.integers(0, 2))
    def revoke(self, partition: int) -> None:
        """And take it again, which is another assignment."""
        leaving = self.assignments[partition]
        self.assignments[partition] = assignment_of(partition)
        self.rig.gone.add(leaving)
        self.conclude(self.rig.sink.abandon({leaving}))
        carried = {event for batch in self.under_way for event in batch.events}
        left = {event for event in self.open if event.record.assignment is leaving}
        assert left <= carried
        assert set(self.rig.sink.under_way({leaving})) == left

    @invariant()
    def no_event_is_in_two_places_or_in_none(self) -> None:
        waiting = [b for account in self.rig.sink._accounts.values() for b in account.waiting]
        places = [event for batch in (*waiting, *self.under_way) for event in batch.events]
        assert len(places) == len(set(places))
        assert set(places) == self.open

    @invariant()
    def nobody_has_more_than_their_share(self) -> None:
        assert self.rig.sink.in_flight == len(self.under_way) <= self.permits
        by_account = Counter(batch.ad_account_id for batch in self.under_way)
        assert max(by_account.values(), default=0) <= max(1, self.permits // 2)

    @invariant()
    def no_cap_is_exceeded_in_any_minute(self) -> None:
        for account, cap in CAPS.items():
            starts_s = self.starts_s[account]
            assert all(bisect_left(starts_s, at_s + 59.99) - index <= cap for index, at_s in enumerate(starts_s))

    def teardown(self) -> None:
        """Once the API is well again, all that is left gets its verdict, in time: nothing was forgotten in a corner.

        The longest that anybody waits is the longest wish of the server, then one batch in twenty seconds of whoever
        may send three a minute.
        """
        if not hasattr(self, "rig"):
            return
        give_up_s = self.rig.elapsed_s + 5_000 + 20 * len(self.open) + 120
        while self.open and self.rig.elapsed_s < give_up_s:
            for batch in self.under_way:
                self.conclude(self.rig.receive(batch, judged(batch)))
            self.under_way = []
            self.start(5.0)
        assert self.open == set()
        assert self.rig.holds() == {}
        assert self.rig.start(3_600) == []


TestAnySequenceOfAnswers = AnySequenceOfAnswers.TestCase
TestAnySequenceOfAnswers.settings = settings(max_examples=80, stateful_step_count=40, deadline=None)
