"""Reports: what is held, in the log, once when it begins and once when it ends; and the picture for other threads."""

from __future__ import annotations

from collections import Counter

import structlog

from consumer.books import Books
from consumer.records import Hold, HoldCause
from consumer.stages.deadletter import DeadLetters
from consumer.stages.lookups import Lookups
from consumer.stages.sink import Sink
from consumer.stages.source import Source
from consumer.tallies import Snapshot
from consumer.timing import Clock

_log = structlog.get_logger(__name__)


class Reporter:
    """Looks at the stages and the books, and changes neither. Used by the control thread.

    Args:
        books: What is in hand, and what became of the rest.
        clock: For the time of each picture.
        source: A stage that may hold something back, as are those that follow.
        lookups: Schemas waited for.
        sink: Held accounts, and the API as a whole.
        dead_letters: Their topic.
    """

    def __init__(
        self,
        books: Books,
        clock: Clock,
        *,
        source: Source,
        lookups: Lookups,
        sink: Sink,
        dead_letters: DeadLetters,
    ) -> None:
        self._books = books
        self._clock = clock
        self._source = source
        self._lookups = lookups
        self._sink = sink
        self._dead_letters = dead_letters
        self._told: dict[str, Hold] = {}
        self._told_of_api: Hold | None = None

    def report(self, *, is_member: bool) -> Snapshot:
        """Say what has changed about holds, and show how things stand."""
        self._tell_of_accounts()
        self._tell_of_api()
        books = self._books
        books.post()
        return Snapshot(
            at_s=self._clock.monotonic_s(),
            is_member=is_member,
            partitions=len(books),
            paused=self._source.paused,
            in_hand_events=books.in_hand.events,
            in_hand_bytes=books.in_hand.size_bytes,
            in_flight=self._sink.in_flight,
            letters_waiting=self._dead_letters.waiting,
            commit_failures=self._source.commit_failures,
            held_accounts=dict(Counter(hold.cause for hold in self._told.values())),
            holds=self._holds(),
            tallies=books.tallies.copy(),
            ledger=books.ledger.as_dict(),
        )

    def _tell_of_accounts(self) -> None:
        """One line when an account is held for a cause that is new for it, and one when it is well again."""
        held = dict(self._sink.holds())
        for account, hold in held.items():
            if account not in self._told or self._told[account].cause is not hold.cause:
                about = {"ad_account_id": account, "cause": hold.cause.value, "detail": hold.detail}
                if hold.cause in (HoldCause.THROTTLED, HoldCause.UNAVAILABLE):  # these end by themselves
                    _log.warning("ad_account_held", **about)
                else:
                    _log.error("ad_account_held", **about)
        for account in self._told.keys() - held.keys():
            _log.info("ad_account_released", ad_account_id=account, cause=self._told[account].cause.value)
        self._told = held

    def _tell_of_api(self) -> None:
        api = self._sink.api_hold
        if api is not None and self._told_of_api is None:
            _log.warning("api_held", cause=api.cause.value, detail=api.detail)
        elif api is None and self._told_of_api is not None:
            _log.info("api_released", cause=self._told_of_api.cause.value)
        self._told_of_api = api

    def _holds(self) -> dict[HoldCause, int]:
        holds = self._lookups.holds | self._source.holds
        if self._dead_letters.hold is not None:
            holds[self._dead_letters.hold] = self._dead_letters.waiting
        if self._told_of_api is not None:
            holds[self._told_of_api.cause] = 1
        return holds
