"""Reports: what is held, in the log, once when it begins and once when it ends; and the picture for other threads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import structlog

from consumer.books import Books
from consumer.fronts import Fronts
from consumer.gaps import Gaps
from consumer.letter_breaker import LetterBreaker
from consumer.records import Hold, HoldCause
from consumer.runway import Runway
from consumer.schema_holds import SchemaHolds
from consumer.stages.batcher import Batcher, Repeats
from consumer.stages.deadletter import DeadLetters
from consumer.stages.lookups import Lookups
from consumer.stages.receipts import Receipts
from consumer.stages.sink import Sink
from consumer.stages.source import Source
from consumer.tallies import Snapshot
from consumer.timing import Clock
from consumer.topic_facts import Topics
from consumer.whereabouts import Whereabouts

_log = structlog.get_logger(__name__)

_NO_ALARM = frozenset({HoldCause.THROTTLED, HoldCause.UNAVAILABLE, HoldCause.OPERATOR})
"""The first two end by themselves, and the last is meant."""


class Reporter:
    """Looks at the stages and the books, and changes neither. Used by the control thread.

    Args:
        books: What is in hand, and what became of the rest.
        clock: For the time of each picture.
        source: A stage that may hold something back, as are those that follow.
        lookups: Schemas waited for.
        repeats: Copies held back.
        batcher: Growing batches.
        sink: Held accounts, and the API as a whole.
        dead_letters: Their topic.
        letter_breaker: Topics that no letters are written of any more.
        schema_holds: Records of schemas that their mapping does not fit.
        receipts: Their topic, if they are written.
        topics: Who knows how the source topics are configured.
        is_transactional: Is this topic written in transactions?
        stuck_after_s: How long a record may hold back its partition before that is told.
    """

    def __init__(
        self,
        books: Books,
        clock: Clock,
        *,
        source: Source,
        lookups: Lookups,
        repeats: Repeats,
        batcher: Batcher,
        sink: Sink,
        dead_letters: DeadLetters,
        letter_breaker: LetterBreaker,
        schema_holds: SchemaHolds,
        receipts: Receipts | None,
        topics: Topics,
        is_transactional: Callable[[str], bool],
        stuck_after_s: float,
    ) -> None:
        self._books = books
        self._clock = clock
        self._source = source
        self._lookups = lookups
        self._sink = sink
        self._dead_letters = dead_letters
        self._letter_breaker = letter_breaker
        self._schema_holds = schema_holds
        self._receipts = receipts
        whereabouts = Whereabouts(
            lookups=lookups,
            repeats=repeats,
            batcher=batcher,
            sink=sink,
            dead_letters=dead_letters,
            letter_breaker=letter_breaker,
            schema_holds=schema_holds,
            receipts=receipts,
        )
        self._topics = topics
        self._fronts = Fronts(whereabouts.find, stuck_after_s=stuck_after_s)
        self._gaps = Gaps(topics.of, is_transactional)
        self._runway = Runway(topics.of, source.has_more)
        self._told: dict[str, Hold] = {}
        self._told_of_api: Hold | None = None
        self._told_of_topics: set[str] = set()
        self._told_of_schemas: set[tuple[str, str]] = set()
        self._told_of_commits = False

    def report(self, *, is_member: bool) -> Snapshot:
        """Say what has changed about holds, and show how things stand."""
        self._tell_of_accounts()
        self._tell_of_api()
        self._tell_of_topics()
        self._tell_of_schemas()
        self._tell_of_commits()
        now_s = self._clock.monotonic_s()
        books = self._books
        books.post()
        self._look_at_partitions(now_s)
        oldest_s = self._fronts.oldest_taken_s()
        return Snapshot(
            is_member=is_member,
            partitions=len(books),
            paused=self._source.paused,
            in_hand_events=books.in_hand.events,
            in_hand_bytes=books.in_hand.size_bytes,
            in_flight=self._sink.in_flight,
            letters_waiting=self._dead_letters.waiting,
            commit_failures=self._source.commit_failures,
            oldest_unsettled_s=0.0 if oldest_s is None else now_s - oldest_s,
            retention_runway_s=self._runway.shortest_s,
            missing_offsets=dict(self._gaps.missing),
            held_accounts=dict(Counter(hold.cause for hold in self._told.values())),
            holds=self._holds(),
            tallies=books.tallies.copy(),
            ledger=self._ledger(now_s),
        )

    def closing_ledger(self) -> dict[str, Any]:
        """The ledger at the end, with nothing about it left untold."""
        now_s = self._clock.monotonic_s()
        self._gaps.look(self._books.ledger.gaps(), now_s, is_last=True)
        return self._ledger(now_s)

    def _ledger(self, now_s: float) -> dict[str, Any]:
        ledger = self._books.ledger.as_dict()
        for partition, front in self._fronts.told(now_s).items():
            ledger["partitions"][partition]["front"] = front
        missing = sorted(self._gaps.missing.items())
        return ledger | {"missing_offsets": {f"{topic}[{number}]": offsets for (topic, number), offsets in missing}}

    def _look_at_partitions(self, now_s: float) -> None:
        fronts = self._books.fronts()
        self._topics.ask({assignment.topic for assignment, _ in fronts})
        self._fronts.look(((assignment, front) for assignment, front in fronts if front is not None), now_s)
        self._gaps.look(self._books.ledger.gaps(), now_s)
        self._runway.look(fronts, now_s, self._clock.wall_s())

    def _tell_of_accounts(self) -> None:
        """One line when an account is held for a cause that is new for it, and one when it is well again."""
        held = dict(self._sink.holds())
        for account, hold in held.items():
            if account not in self._told or self._told[account].cause is not hold.cause:
                about = {"ad_account_id": account, "cause": hold.cause.value, "detail": hold.detail}
                if hold.cause in _NO_ALARM:
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

    def _tell_of_topics(self) -> None:
        for topic in self._letter_breaker.open.keys() - self._told_of_topics:
            opened = self._letter_breaker.open[topic]
            _log.error(
                "dead_letter_breaker_open",
                topic=topic,
                seen=opened.seen,
                reason=opened.first.reason.value,
                stage=opened.first.stage,
                http_status=opened.first.http_status,
                api_code=opened.first.api_code,
                remedy="nothing more of the topic is read or dead-lettered; find the cause, then restart",
            )
            self._told_of_topics.add(topic)

    def _tell_of_schemas(self) -> None:
        for about in self._schema_holds.problems.keys() - self._told_of_schemas:
            topic, schema_name = about
            _log.error(
                "schema_incompatible",
                topic=topic,
                record=schema_name,
                problems=list(self._schema_holds.problems[about]),
                remedy="its partitions are read no further; mend the mapping, or have the field restored; then restart",
            )
            self._told_of_schemas.add(about)

    def _tell_of_commits(self) -> None:
        overdue = self._source.holds.get(HoldCause.COMMITS, 0)
        if overdue and not self._told_of_commits:
            _log.error("commits_overdue", partitions=overdue)
        elif self._told_of_commits and not overdue:
            _log.info("commits_confirmed")
        self._told_of_commits = bool(overdue)

    def _holds(self) -> dict[HoldCause, int]:
        holds = self._lookups.holds | self._schema_holds.holds | self._source.holds
        if self._letter_breaker.open:
            holds[HoldCause.DEAD_LETTER_BREAKER] = len(self._letter_breaker.open)
        if self._dead_letters.hold is not None:
            holds[self._dead_letters.hold] = self._dead_letters.waiting
        if self._receipts is not None and self._receipts.hold is not None:
            holds[self._receipts.hold] = self._receipts.waiting
        if self._told_of_api is not None:
            holds[self._told_of_api.cause] = 1
        return holds
