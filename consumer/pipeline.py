"""The control loop: moves every record through the stages, and owns all state. Read this first.

    reads → decodes → maps → batches → delivers → commits / dead-letters

One thread runs it. What needs waiting for (requests, schema look-ups) is handed to an `Outbox` and comes back as a
frozen value through the inbox; nothing else crosses threads. A record is in exactly one place at any time: waiting
for its schema, in a growing batch, with the sink, a copy held back, with the dead letters or the receipts. Wherever
it is, its offset is unsettled, and the offset committed never passes an unsettled one.
"""

from __future__ import annotations

import math
import queue
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol, assert_never

import structlog

from consumer.acknowledged import OfRecord
from consumer.books import Books
from consumer.config import Config
from consumer.errors import FatalError
from consumer.ledger import Ledger
from consumer.letter_breaker import LetterBreaker
from consumer.records import (
    Abandoned,
    Accepted,
    Assignment,
    Batch,
    DeadLetterReason,
    Decoded,
    Event,
    Expired,
    Incompatible,
    Invalid,
    Letter,
    Mapped,
    Receipt,
    Record,
    Rejected,
    SchemaNeeded,
    SchemaRef,
    Skipped,
    SkipReason,
    Undecodable,
    Verdict,
)
from consumer.registry_answers import RegistryUnreachable, SchemaFound, SchemaRefused, SchemaUnknown
from consumer.remarks import Remarks
from consumer.replays import Replays
from consumer.reporting import Reporter
from consumer.schema_holds import SchemaHolds
from consumer.stages.batcher import Batcher, Repeats
from consumer.stages.deadletter import DeadLetters
from consumer.stages.decoder import Decoder
from consumer.stages.lookups import Lookups
from consumer.stages.mapper import Mapper, serialise
from consumer.stages.receipts import Receipts
from consumer.stages.sink import BatchResult, Sink
from consumer.stages.source import Jump, Source
from consumer.tallies import Snapshot
from consumer.timing import Clock
from consumer.topic_facts import Topics
from consumer.watchdog import Pulse

_log = structlog.get_logger(__name__)

_TAKE = 500
_TAKE_WAIT_S = 0.05
_SIP_S = 0.1
_PAUSE_AFTER_S = 2.0
_COMMIT_EVERY_S = 0.2
_COMMITS_WAIT_S = 5.0
_MOST_PROBLEMS = 20


@dataclass(frozen=True, slots=True)
class OutboxFailed:
    """A request or look-up ended in a defect of ours: what became of it is unknown."""

    failure: BaseException


Mail = BatchResult | SchemaFound | SchemaUnknown | SchemaRefused | RegistryUnreachable | OutboxFailed


class Outbox(Protocol):
    """What waits on our behalf; both calls return at once."""

    def send(self, batch: Batch) -> None:
        """Make one request; its `BatchResult` comes by the inbox."""

    def fetch(self, ref: SchemaRef) -> None:
        """Look a schema up; its answer comes by the inbox."""


@dataclass(frozen=True, slots=True)
class Stages:
    """The stages, in the order of the way."""

    source: Source
    decoder: Decoder
    lookups: Lookups
    mapper: Mapper
    repeats: Repeats
    batcher: Batcher
    sink: Sink
    dead_letters: DeadLetters
    receipts: Receipts | None = None
    """None if none are to be written."""


class Pipeline:
    """Joins the stages.

    Args:
        config: Limits and the drain budget.
        stages: Built by `app.py`; the sink's `is_live` must be this pipeline's.
        outbox: Makes requests and look-ups.
        inbox: Where their answers come.
        clock: Read once a turn.
        topics: Who knows how the source topics are configured.
        pulse: Told that the loop turns.
    """

    def __init__(
        self,
        config: Config,
        stages: Stages,
        outbox: Outbox,
        inbox: queue.SimpleQueue[Mail],
        clock: Clock,
        *,
        topics: Topics,
        pulse: Pulse,
    ) -> None:
        self._config = config
        self._source = stages.source
        self._decoder = stages.decoder
        self._lookups = stages.lookups
        self._mapper = stages.mapper
        self._repeats = stages.repeats
        self._batcher = stages.batcher
        self._sink = stages.sink
        self._dead_letters = stages.dead_letters
        self._receipts = stages.receipts
        self._outbox = outbox
        self._inbox = inbox
        self._clock = clock
        self._pulse = pulse
        self._books = Books(config.limits)
        self._in_test = config.accounts_in_test
        self._replays = Replays(config.replay_topic, config.topics, config.group_id)
        self._breaker = LetterBreaker(config.dead_letters)
        self._schema_holds = SchemaHolds()
        self._reporter = Reporter(
            self._books,
            clock,
            source=stages.source,
            lookups=stages.lookups,
            repeats=stages.repeats,
            batcher=stages.batcher,
            sink=stages.sink,
            dead_letters=stages.dead_letters,
            letter_breaker=self._breaker,
            schema_holds=self._schema_holds,
            receipts=stages.receipts,
            topics=topics,
            is_transactional=config.is_transactional,
            stuck_after_s=config.health.stuck_after_s,
        )
        self._remarks = Remarks(self._books.tallies.remarks)
        self._leaving: set[Assignment] = set()
        self._is_full = False
        self._full_since_s: float | None = None
        self._sipped_s = 0.0
        self._commit_at_s = 0.0
        self._stop = threading.Event()
        self._drained_by_s = math.inf
        """From the signal to stop on, one budget for all: hand-overs that are under way then, and the drain itself."""
        self._is_member = False
        self._is_broken = False
        self.snapshot = Snapshot()
        """The latest picture for other threads; replaced, never changed."""

    # --- the loop ------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Work until `stop` is called, then drain, commit, and leave the group.

        Raises:
            FatalError: Going on could lose something; nothing further was committed.
        """
        try:
            self._source.subscribe(self)
            while not self._stop.is_set():
                self.turn()
            self._finish()
        except BaseException:
            self._is_broken = True  # the group is still left, but without a word about offsets
            raise
        finally:
            self._books.post()
            self._dead_letters.close()
            if self._receipts is not None:
                self._receipts.close()
            self._source.close()

    def stop(self) -> None:
        """End the run soon. May be called from any thread."""
        self._drained_by_s = min(self._drained_by_s, self._clock.monotonic_s() + self._config.shutdown.drain_s)
        self._stop.set()

    def turn(self) -> None:
        """Once around."""
        self._receive(wait_s=0.0)
        self._deliver()
        self._commit_if_due()
        self._regulate()
        if self._is_full:
            self._receive(wait_s=_SIP_S)
            self._sip()
        else:
            for item in self._source.take(min(_TAKE, self._books.in_hand.room), _TAKE_WAIT_S):
                self._read(item)

    def _sip(self) -> None:
        """Serve the group although nothing more may be taken; this takes one record at most."""
        now_s = self._clock.monotonic_s()
        if now_s - self._sipped_s >= _SIP_S:
            self._sipped_s = now_s
            for item in self._source.take(1, 0.0):
                self._read(item)

    def _regulate(self) -> None:
        """Park what held accounts have beyond their share, and pause what must not be read now."""
        now_s = self._clock.monotonic_s()
        books, in_hand = self._books, self._books.in_hand
        parkable, unpaid = self._parkable(now_s)
        self._park(parkable, now_s)
        slowed = books.shares.slowed(parkable)
        crowded = books.shares.assignments_of(slowed) & set(books)
        held = self._lookups.held() | self._schema_holds.held() | self._breaker.held(books) | self._source.overdue()
        # Only the others' acceptances pay for parking, and these may wait behind what a pause would hold back.
        is_sipping = bool(unpaid & slowed or (unpaid and books.stretched))
        # Where all partitions are crowded nothing is read, but they are paused only if that lasts.
        is_crowded_out = bool(crowded) and crowded.issuperset(books) and not is_sipping
        self._is_full = in_hand.is_full or is_crowded_out or is_sipping
        if in_hand.is_full or is_crowded_out:
            self._full_since_s = self._full_since_s or now_s
        elif in_hand.is_half_empty or is_sipping:
            self._full_since_s = None
        if self._full_since_s is not None and now_s - self._full_since_s >= _PAUSE_AFTER_S:
            self._source.set_paused(set(books))
        elif self._is_full:
            self._source.set_paused(held if is_sipping else held | books.stretched)
        else:
            self._source.set_paused(held | books.stretched | crowded)

    def _parkable(self, now_s: float) -> tuple[set[str], set[str]]:
        """The accounts whose events may be parked now, and those held as well for which nobody's acceptance pays."""
        if self._dead_letters.hold is not None:  # what is parked would only wait elsewhere
            return set(), set()
        parkable = self._sink.parkable(now_s)
        return parkable, self._sink.out(now_s) - parkable

    def _park(self, parkable: set[str], now_s: float) -> None:
        """One bad account harms only itself: what it has in hand must keep the others neither from being read nor
        from being committed."""
        excess, stretched = self._books.shares.excess(), self._books.lower_halves()
        if not parkable or not (excess or stretched):
            return
        for account in parkable:
            if (stretched or self._sink.waiting_of(account) < excess.get(account, 0)) and (
                batch := self._batcher.close(account)
            ) is not None:
                self._sink.submit(batch)
        for verdict in self._sink.park(excess, stretched, now_s):
            self._conclude(verdict)

    # --- reads, decodes, maps, batches ---------------------------------------------------------------------

    def _read(self, item: Record | Jump) -> None:
        if isinstance(item, Jump):
            self._books.jump(item.assignment, item.offset, is_expired=item.is_expired)
        elif self._books.take(item):
            self._books.skipped(item, SkipReason.ALREADY_SETTLED)
        elif item.message.value() is None and not self._replays.is_replayed(item):
            self._books.skipped(item, SkipReason.TOMBSTONE)
        else:
            self._decode(item)

    def _decode(self, record: Record) -> None:
        source = self._replays.source_of(record)
        if isinstance(source, Undecodable):
            self._dead_letter(Letter(record, source.reason, "decode", source.detail))
            return
        match self._decoder.decode(record, source):
            case Decoded() as decoded:
                self._map(record, decoded, source)
            case SchemaNeeded(ref):
                if not self._lookups.add(ref, record, self._clock.monotonic_s()):
                    self._dead_letter(_schema_unknown(record, ref))
            case Undecodable(detail, reason):
                self._dead_letter(Letter(record, reason, "decode", detail))

    def _map(self, record: Record, decoded: Decoded, source: str) -> None:
        headers = record.headers() or []  # where one of them cannot be read, the record was not decoded
        topic = record.assignment.topic
        match self._mapper.map(source, decoded, headers, self._clock.wall_s()):
            case Mapped() as mapped:
                event = serialise(record, mapped)
                self._books.in_hand.grow(record, len(event.body))
                self._books.tallies.clip(mapped.clipped)
                if not self._batcher.fits(event):
                    detail = f"the event takes {len(event.body)} bytes, more than a request may"
                    self._dead_letter(
                        Letter(
                            record,
                            DeadLetterReason.OVERSIZED,
                            "map",
                            detail,
                            ad_account_id=event.ad_account_id,
                            event_id=event.event_id,
                        )
                    )
                else:
                    self._breaker.mapped(topic)
                    self._books.shares.enter(event)
                    if self._repeats.admit(event):
                        self._batch(event)
            case Skipped(reason):
                self._breaker.mapped(topic)
                self._books.skipped(record, reason)
            case Invalid(problems, reason):
                self._dead_letter(Letter(record, reason, "map", _told(problems)))
            case Incompatible(problems):
                self._schema_holds.add(record, source, decoded.schema_name, problems)

    def _batch(self, event: Event) -> None:
        for batch in self._batcher.add(event, self._clock.monotonic_s()):
            self._sink.submit(batch)

    # --- delivers ------------------------------------------------------------------------------------------

    def _deliver(self) -> None:
        now_s = self._clock.monotonic_s()
        for ref in self._lookups.to_ask(now_s):
            self._outbox.fetch(ref)
        for batch in self._batcher.due(now_s, self._sink.wants):
            self._sink.submit(batch)
        if self._receipts is None or self._receipts.has_room:
            started, verdicts = self._sink.start(now_s, self._clock.wall_s())
            for verdict in verdicts:
                self._conclude(verdict)
            for batch in started:
                self._outbox.send(batch)

    def _receive(self, wait_s: float) -> None:
        """Take in what came back, from requests, from look-ups and from the topics that are written."""
        self._pulse.beat()
        try:
            mail = self._inbox.get(timeout=wait_s) if wait_s else self._inbox.get_nowait()
            while True:
                self._open(mail)
                mail = self._inbox.get_nowait()
        except queue.Empty:
            pass
        letters, late_letters = self._dead_letters.poll()
        receipts, late_receipts = ([], []) if self._receipts is None else self._receipts.poll()
        for letter in letters:
            self._books.dead_lettered(letter.record, letter.reason)
        for receipt in receipts:
            self._books.accepted(receipt.event, receipt.wall_s)
        late: list[OfRecord] = [*late_letters, *late_receipts]
        for item in late:
            self._books.came_late(item.record)

    def _open(self, mail: Mail) -> None:
        now_s = self._clock.monotonic_s()
        match mail:
            case BatchResult(batch, answer):
                verdicts = self._sink.receive(mail, now_s, self._clock.wall_s())
                self._books.tallies.answered(batch, type(answer).__name__.lower(), verdicts, now_s)
                for verdict in verdicts:
                    self._conclude(verdict)
            case SchemaFound(ref, schema, references):
                self._decoder.learn(ref, schema, references)
                for record in self._lookups.answered(ref):
                    self._decode(record)
            case SchemaUnknown(ref):
                for record in self._lookups.unknown(ref, now_s):
                    self._dead_letter(_schema_unknown(record, ref))
            case SchemaRefused(ref, detail):
                self._decoder.refuse(ref, detail)
                for record in self._lookups.answered(ref):
                    self._decode(record)
            case RegistryUnreachable(ref, detail):
                self._lookups.unreachable(ref, now_s)
                _log.warning("registry_unreachable", schema=ref.shape, detail=detail)
            case OutboxFailed(failure):
                raise FatalError("a request ended in a defect of ours") from failure
            case _:
                assert_never(mail)

    def _conclude(self, verdict: Verdict) -> None:
        """One event is done with: settle its record, send it to the dead letters, or let go of it."""
        event, record = verdict.event, verdict.event.record
        self._books.shares.leave(event)
        match verdict.outcome:
            case Accepted(warning):
                self._accepted(event, has_warning=bool(warning))
                if warning:
                    self._remarks.note(warning, self._clock.monotonic_s())
                return
            case Rejected() as rejected:
                self._dead_letter(_rejected(verdict, rejected))
            case Expired():
                self._books.skipped(record, SkipReason.TOO_OLD, event.event_name)
            case Abandoned():
                self._books.abandoned(record)
            case _:
                assert_never(verdict.outcome)
        if (successor := self._repeats.next_in_line(event)) is not None:
            self._batch(successor)

    def _accepted(self, event: Event, *, has_warning: bool) -> None:
        copies = self._repeats.superfluous(event)
        self._breaker.accepted(event.record.assignment.topic)
        if self._config.pinterest.test or event.ad_account_id in self._in_test:
            self._books.skipped(event.record, SkipReason.ACCOUNT_IN_TEST, event.event_name)
        elif self._receipts is not None and event.record.assignment in self._books:
            self._receipts.send(Receipt(event, self._clock.wall_s(), has_warning))
        else:
            self._books.accepted(event, self._clock.wall_s())
        # These wait for nothing more: that the conversion has arrived is Pinterest's word, not the receipt's.
        for copy in copies:
            self._books.shares.leave(copy)
            self._books.skipped(copy.record, SkipReason.DUPLICATE, copy.event_name)

    # --- dead-letters --------------------------------------------------------------------------------------

    def _dead_letter(self, letter: Letter) -> None:
        if letter.record.assignment not in self._books:
            self._books.came_late(letter.record)
        elif self._breaker.admits(letter):
            self._dead_letters.send(letter)

    # --- commits -------------------------------------------------------------------------------------------

    def _commit_if_due(self) -> None:
        now_s = self._clock.monotonic_s()
        if now_s >= self._commit_at_s:
            self._commit_at_s = now_s + _COMMIT_EVERY_S
            self._commit(self._books)
            self._publish()

    def _commit(self, assignments: Iterable[Assignment], *, is_final: bool = False) -> None:
        self._source.commit(self._books.commit_points(assignments), is_final=is_final)

    def _is_committed(self, assignments: Iterable[Assignment]) -> bool:
        return all(self._source.is_committed(point) for point in self._books.commit_points(assignments))

    # --- assignments come and go ---------------------------------------------------------------------------

    def is_live(self, assignment: Assignment) -> bool:
        """Is this assignment ours, and not about to leave?"""
        return assignment in self._books and assignment not in self._leaving

    def is_open(self, assignment: Assignment) -> bool:
        """Is it ours at all, even if about to leave?"""
        return assignment in self._books

    def assigned(self, assignments: list[Assignment]) -> None:
        """Start to track. The list may be empty: a member of the group that has nothing to read."""
        self._is_member = True
        for assignment in assignments:
            self._books.open(assignment)
        self._breaker.suspect(assignment.topic for assignment in assignments)
        self._publish()
        _log.info("partitions_assigned", partitions=[str(a) for a in assignments], owned=len(self._books))

    def revoked(self, assignments: list[Assignment]) -> None:
        """Hand over: start nothing more for these, let what is under way finish, commit."""
        if self._is_broken:
            return
        self._hand_over({assignment for assignment in assignments if assignment in self._books})
        _log.info("partitions_revoked", partitions=[str(a) for a in assignments], owned=len(self._books))

    def lost(self, assignments: list[Assignment]) -> None:
        """Let go at once: another member owns these already, so nothing may be committed."""
        lost = {assignment for assignment in assignments if assignment in self._books}
        self._leaving |= lost
        self._let_go(lost)
        self._end(lost)
        _log.warning("partitions_lost", partitions=[str(a) for a in assignments], owned=len(self._books))

    def _hand_over(self, leaving: set[Assignment]) -> None:
        """Within a rebalance: the group waits for us, and sees our last commit before another owner reads."""
        self._leaving |= leaving
        self._let_go(leaving)
        deadline_s = self._clock.monotonic_s() + self._config.shutdown.drain_s
        while self._is_under_way(leaving) and self._clock.monotonic_s() < min(deadline_s, self._drained_by_s):
            self._receive(wait_s=_TAKE_WAIT_S)
            self._let_go(leaving)
            if not self._stop.is_set():
                self._deliver()
        self._commit(leaving, is_final=True)
        self._end(leaving)

    def _finish(self) -> None:
        """Before leaving the group: read nothing more, let what is under way finish, commit until it is confirmed.

        A commit may be refused because the group is just being rebalanced, so the group is served meanwhile; what
        is read by that is dropped, to be read by the next owner.
        """
        deadline_s = self._drained_by_s
        while True:
            staying = set(self._books)
            self._leaving |= staying
            self._let_go(staying)
            now_s = self._clock.monotonic_s()
            is_drained = not self._is_under_way(staying) or now_s >= deadline_s
            self._commit(staying)
            if is_drained and (self._is_committed(staying) or now_s >= deadline_s + _COMMITS_WAIT_S):
                break
            self._receive(wait_s=_TAKE_WAIT_S)
            self._source.take(1, 0.0)
        self._end(staying)

    def _is_under_way(self, assignments: set[Assignment]) -> bool:
        return bool(
            self._sink.under_way(assignments)
            or self._dead_letters.under_way(assignments)
            or (self._receipts is not None and self._receipts.under_way(assignments))
        )

    def _let_go(self, leaving: set[Assignment]) -> None:
        """Abandon what is not under way: nobody has seen it outside, so the next owner repeats nothing."""
        for record in (*self._lookups.abandon(leaving), *self._schema_holds.abandon(leaving)):
            self._books.abandoned(record)
        for letter in (*self._breaker.abandon(leaving), *self._dead_letters.abandon(leaving)):
            self._books.abandoned(letter.record)
        # Copies before originals, or a copy would take the place of its original.
        for event in self._repeats.abandon(leaving):
            self._books.shares.leave(event)
            self._books.abandoned(event.record)
        for event in self._batcher.abandon(leaving):
            self._conclude(Verdict(event, Abandoned(), attempts=0))
        for verdict in self._sink.abandon(leaving):
            self._conclude(verdict)

    def _end(self, leaving: set[Assignment]) -> None:
        """Close the books. Verdicts on what is still under way will find nobody."""
        kept_letters = self._dead_letters.abandon(leaving)
        kept_receipts = [] if self._receipts is None else self._receipts.abandon(leaving)
        events, letters = self._sink.under_way(leaving), self._dead_letters.under_way(leaving)
        receipts = [] if self._receipts is None else self._receipts.under_way(leaving)
        kept: list[OfRecord] = [*kept_letters, *kept_receipts]
        given: list[OfRecord] = [*events, *letters, *receipts]
        for item in kept:
            self._books.abandoned(item.record)
        for item in given:
            self._books.left_under_way(item.record)
        letters += kept_letters
        receipts += kept_receipts
        if events or letters or receipts:
            _log.warning("left_under_way", events=len(events), letters=len(letters), receipts=len(receipts))
        self._books.close(leaving)
        self._leaving -= leaving
        self._publish()

    # --- seen from outside ---------------------------------------------------------------------------------

    @property
    def ledger(self) -> Ledger:
        """To be read by other threads only after `run` has returned; until then `snapshot` shows it."""
        return self._books.ledger

    def closing_ledger(self) -> dict[str, Any]:
        """What to print once `run` has returned."""
        return self._reporter.closing_ledger()

    def _publish(self) -> None:
        for lack in self._mapper.take_lacks():
            self._books.tallies.lacks[lack.topic] += 1
            _log.error("schema_lacks_field", topic=lack.topic, record=lack.schema_name, problem=lack.problem)
        self.snapshot = self._reporter.report(is_member=self._is_member)


def _told(problems: tuple[str, ...]) -> str:
    """The first of them: a letter has a size, and an order may have thousands of lines."""
    more = len(problems) - _MOST_PROBLEMS
    return "; ".join(problems[:_MOST_PROBLEMS]) + (f"; and {more} more" if more > 0 else "")


def _schema_unknown(record: Record, ref: SchemaRef) -> Letter:
    return Letter(record, DeadLetterReason.SCHEMA_UNKNOWN, "decode", f"the registry knows no schema {ref.shape}")


def _rejected(verdict: Verdict, rejected: Rejected) -> Letter:
    event = verdict.event
    return Letter(
        event.record,
        rejected.reason,
        "deliver",
        rejected.detail,
        ad_account_id=event.ad_account_id,
        event_id=event.event_id,
        http_status=rejected.http_status,
        api_code=rejected.api_code,
        attempts=verdict.attempts,
        first_failed_s=verdict.first_failed_s,
    )
