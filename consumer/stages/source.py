"""Reads: owns the Kafka consumer. Takes records, keeps track of what is assigned, pauses, and makes the commit call.

Everything here happens on one thread: since confluent-kafka 2.16 a call from a second one may wait for ever beside a
loop of `consume`. Rebalance callbacks run inside `consume` on that same thread.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Set
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol

import structlog
from confluent_kafka import (
    Consumer,
    KafkaError,
    KafkaException,
    TopicPartition,
)
from confluent_kafka import Message as KafkaMessage

from consumer.errors import ConfigError, FatalError
from consumer.records import Assignment, CommitPoint, HoldCause, Record
from consumer.timing import Clock
from consumer.watchdog import Pulse

_log = structlog.get_logger(__name__)

_ASK_TIMEOUT_S = 10.0
_ASK_AGAIN_S = 1.0
_COMMIT_PATIENCE_S = 5.0
_CONFIRM_AFTER_S = 10.0
_OVERDUE_AFTER_S = 30.0
_MAY_BE_DONE_LATER = frozenset({KafkaError._TIMED_OUT, KafkaError._TRANSPORT, KafkaError.REQUEST_TIMED_OUT})  # noqa: SLF001
_NOWHERE = 2**62
"""Where a partition is assigned while its position is not known: beyond any log, so nothing can be read there. Never a
logical offset such as `OFFSET_END`: librdkafka asks the broker what that is, and a late answer moves the position of a
partition that has been assigned anew since, past records that nobody has read."""
_REREADS = 2
"""How often reading begins again where records seem to be missing, before they are taken for missing."""
_RECORD_OVERHEAD_BYTES = 200  # what a message and its bookkeeping take besides key, value and headers
_HEADER_OVERHEAD_BYTES = 150  # a tuple and its two objects

StartAt = Literal["earliest", "latest"] | datetime
_Key = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Jump:
    """Nothing is to be read below `offset`: the end was reached across a hole, or retention took the records."""

    assignment: Assignment
    offset: int
    is_expired: bool = False


class Listener(Protocol):
    """Told of assignments while they change, on the thread and within the call that reads."""

    def assigned(self, assignments: list[Assignment]) -> None:
        """These are ours from now on."""

    def revoked(self, assignments: list[Assignment]) -> None:
        """These go to another member when this returns; until then they may be committed."""

    def lost(self, assignments: list[Assignment]) -> None:
        """These are another member's already; nothing may be committed for them."""


@dataclass(slots=True)
class _Live:
    """What we know of one assignment that is ours."""

    assignment: Assignment
    next_offset: int
    acknowledged: tuple[int, str] | None
    """Offset and metadata of the last commit the broker has confirmed."""
    requested: tuple[int, str] | None = None
    requested_s: float = 0.0
    unconfirmed_since_s: float | None = None
    """When a commit was asked for, if none has been confirmed since."""
    confirm_at_s: float | None = None
    """When to say the last commit once more, as an earlier one may be carried out after it."""
    rereads: int = 0
    """How often reading was begun again at `next_offset`."""
    takes_metadata: bool = True
    """False once the broker has refused some as too large: then offsets go without."""

    def wanted(self, point: CommitPoint) -> tuple[int, str]:
        """What to ask for: offset and metadata."""
        return point.offset, point.metadata if self.takes_metadata else ""


class Source:
    """A member of the consumer group.

    Args:
        properties: Of librdkafka's consumer, as `kafka_settings.consumer_properties` makes them.
        topics: To subscribe to.
        replay_topic: To subscribe to as well; it need not exist. Read from its start, wherever the others start: what
            stands there was put there to be tried again, perhaps before we knew of the topic.
        start_at: Where a partition without a commit starts.
        is_incremental: Does this member hand over partition by partition (cooperative, KIP-848)?
        may_have_holes: May a topic have offsets without a record: is it compacted, or written in transactions?
        clock: For the spacing of questions and commits.
        pulse: Told of every call that may have to wait for a broker.

    Raises:
        ConfigError: librdkafka refuses a property.
    """

    def __init__(
        self,
        properties: dict[str, Any],
        *,
        topics: Iterable[str],
        replay_topic: str | None = None,
        start_at: StartAt,
        is_incremental: bool,
        may_have_holes: Callable[[str], bool] = lambda _: False,
        clock: Clock,
        pulse: Pulse,
    ) -> None:
        self._topics = [*topics, *([] if replay_topic is None else [replay_topic])]
        self._replay_topic = replay_topic
        self._start_at = start_at
        self._is_incremental = is_incremental
        self._may_have_holes = may_have_holes
        self._clock = clock
        self._pulse = pulse
        self._live: dict[_Key, _Live] = {}
        self._unplaced: dict[_Key, float] = {}
        self._beyond_end: set[_Key] = set()
        self._paused: set[_Key] = set()
        self._jumps: list[Jump] = []
        self._begun_again: set[Assignment] = set()
        """What was assigned anew while the messages at hand were looked at: the rest of them come again."""
        self._failure: BaseException | None = None
        self._listener: Listener | None = None
        self.commit_failures = 0
        try:
            self._consumer = Consumer({**properties, "on_commit": self._on_commit, "error_cb": self._on_error})
        except KafkaException as error:
            raise ConfigError([f"kafka: the client refuses its settings: {error.args[0].str()}"]) from error

    def subscribe(self, listener: Listener) -> None:
        """Join the group."""
        self._listener = listener
        self._consumer.subscribe(
            self._topics,
            on_assign=self._on_assign,
            on_revoke=self._on_revoke,
            on_lost=self._on_lost,
        )

    # --- reading -------------------------------------------------------------------------------------------

    def take(self, most: int, wait_s: float) -> list[Record | Jump]:
        """Read up to `most` records, waiting at most `wait_s` for them; serves the group meanwhile.

        Raises:
            FatalError: The client gave up, or a callback failed. Messages may have been destroyed: commit nothing more.
        """
        self._ask_again()
        try:
            with self._pulse.within("consume"):
                messages = self._consumer.consume(most, wait_s)
        except KafkaException as error:
            raise FatalError(f"the Kafka client gave up: {error.args[0].name()}") from error
        self._raise_failure()
        now_s = self._clock.monotonic_s()
        taken: list[Record | Jump] = []
        live_partitions, begun_again = self._live, self._begun_again
        begun_again.clear()
        for message in messages:
            if (problem := message.error()) is not None:
                self._read_error(problem, message, taken)
                continue
            live = live_partitions.get((message.topic(), message.partition()))  # type: ignore[arg-type]
            offset: int = message.offset()  # type: ignore[assignment]
            # Messages of partitions that left during this very call, or from before a seek, are not ours to count.
            if live is None or offset < live.next_offset:
                continue
            if (offset > live.next_offset or begun_again) and self._is_to_come_again(live, offset):
                continue
            live.next_offset = offset + 1
            live.rereads = 0
            size_bytes = len(message) + len(message.key() or b"") + _RECORD_OVERHEAD_BYTES
            record = Record(live.assignment, offset, message, size_bytes, now_s)
            for name, value in record.headers() or ():
                record.size_bytes += len(name) + len(value or b"") + _HEADER_OVERHEAD_BYTES
            taken.append(record)
        if self._jumps:
            jumps, self._jumps = self._jumps, []
            return [*jumps, *taken]
        return taken

    def _read_error(self, error: KafkaError, message: KafkaMessage, taken: list[Record | Jump]) -> None:
        # A client that has given up says so by a message whose code is `_FATAL`; its flag is not set.
        if error.fatal() or error.code() == KafkaError._FATAL:  # noqa: SLF001
            raise FatalError(f"the Kafka client gave up: {error.name()}")
        key = (message.topic() or "", message.partition() if message.partition() is not None else -1)
        live = self._live.get(key)  # type: ignore[arg-type]
        code = error.code()
        if code == KafkaError._PARTITION_EOF:  # noqa: SLF001 - librdkafka's own codes begin with an underscore
            offset = message.offset()
            if live is not None and offset is not None and offset > live.next_offset:
                if self._is_to_come_again(live, offset):
                    return
                live.next_offset, live.rereads = offset, 0
                taken.append(Jump(live.assignment, offset))
        elif code == KafkaError._AUTO_OFFSET_RESET and live is not None:  # noqa: SLF001
            taken += self._find_again(live)
        elif code == KafkaError.UNKNOWN_TOPIC_OR_PART and key[0] == self._replay_topic:
            pass  # most groups never need one
        elif key in self._unplaced or key in self._beyond_end:
            pass  # there is nothing at `_NOWHERE`
        else:
            _log.warning("kafka_read_failed", topic=key[0], partition=key[1], error=error.name())

    def _is_to_come_again(self, live: _Live, offset: int) -> bool:
        """Is a message, or the end of the log, to be left alone because records before it have not come?

        On a topic without holes these were lost on the way to us, as the client has fetched them or begun to read in
        the wrong place: so reading begins again where they are missing. What is still not there then does not exist.
        """
        assignment = live.assignment
        if assignment in self._begun_again:
            return True
        if offset == live.next_offset or live.rereads >= _REREADS or self._may_have_holes(assignment.topic):
            return False
        live.rereads += 1
        self._begun_again.add(assignment)
        records = offset - live.next_offset
        _log.warning("reading_again", partition=str(assignment), offset=live.next_offset, records=records)
        self._go_on(live)
        return True

    def _go_on(self, live: _Live, low: int = 0) -> None:
        """Read on from the next offset, or from `low` if that is higher."""
        assignment = live.assignment
        start = TopicPartition(assignment.topic, assignment.partition, max(low, live.next_offset))
        try:
            self._reassign([start])
        except KafkaException as error:
            raise FatalError(f"no position could be found for {assignment}: {error.args[0].name()}") from error

    def _find_again(self, live: _Live) -> list[Jump]:
        """The position is outside the log: go on at its start if retention took records, else hold."""
        key = (live.assignment.topic, live.assignment.partition)
        try:
            with self._pulse.within("get_watermark_offsets"):
                low, high = self._consumer.get_watermark_offsets(TopicPartition(*key), timeout=_ASK_TIMEOUT_S)
            if live.next_offset > high:
                self._hold_beyond_end(key, live.next_offset)
                return []
        except KafkaException as error:
            raise FatalError(f"no position could be found for {live.assignment}: {error.args[0].name()}") from error
        self._go_on(live, low)
        return [self._expired(live, low)] if live.next_offset < low else []

    def _reassign(self, starts: list[TopicPartition]) -> None:
        """Go on reading elsewhere. A partition whose position failed is dead to `seek`, but not to this."""
        if self._is_incremental:
            self._consumer.incremental_unassign(starts)
            self._consumer.incremental_assign(starts)
            return
        keys = {(start.topic, start.partition) for start in starts}
        others = [TopicPartition(*key, live.next_offset) for key, live in self._live.items() if key not in keys]
        idle = [TopicPartition(*key, _NOWHERE) for key in self._unplaced.keys() | self._beyond_end if key not in keys]
        self._consumer.assign([*starts, *others, *idle])

    def _expired(self, live: _Live, low: int) -> Jump:
        _log.error("records_expired", partition=str(live.assignment), records=low - live.next_offset)
        live.next_offset = low
        return Jump(live.assignment, low, is_expired=True)

    def _hold_beyond_end(self, key: _Key, offset: int) -> None:
        self._beyond_end.add(key)
        self._pause(key)
        _log.error(
            "position_lost",
            topic=key[0],
            partition=key[1],
            offset=offset,
            remedy="the log ends below the committed offset; set the group's offset to where reading shall go on",
        )

    def has_more(self, assignment: Assignment) -> bool:
        """Is there more to be read, as far as the last fetch told? Of a paused partition nobody knows."""
        key = (assignment.topic, assignment.partition)
        live = self._live.get(key)
        if live is None or key in self._paused:
            return True
        try:
            _, high = self._consumer.get_watermark_offsets(TopicPartition(*key), cached=True)
        except KafkaException:
            return True
        return high < 0 or live.next_offset < high

    # --- pausing -------------------------------------------------------------------------------------------

    def set_paused(self, assignments: set[Assignment]) -> None:
        """Pause exactly these. Pausing throws prefetched records away, to be fetched again: it must not flutter."""
        wanted = {(a.topic, a.partition) for a in assignments} | self._unplaced.keys() | self._beyond_end
        if wanted == self._paused:
            return
        if pausing := [TopicPartition(*key) for key in wanted - self._paused]:
            self._consumer.pause(pausing)
        if resuming := [TopicPartition(*key) for key in self._paused - wanted]:
            self._consumer.resume(resuming)
        self._paused = wanted

    def _pause(self, key: _Key) -> None:
        self._consumer.pause([TopicPartition(*key)])
        self._paused.add(key)

    def _unpause(self, keys: Set[_Key]) -> None:
        """For newly placed partitions: a pause outlives the loss of a partition and its return."""
        if keys:
            self._consumer.resume([TopicPartition(*key) for key in keys])
            self._paused -= keys

    @property
    def holds(self) -> dict[HoldCause, int]:
        """Partitions that cannot be read for now, by cause."""
        counts = {HoldCause.POSITION_LOST: len(self._beyond_end), HoldCause.COMMITS: len(self.overdue())}
        return {cause: count for cause, count in counts.items() if count}

    @property
    def paused(self) -> int:
        """How many partitions are paused."""
        return len(self._paused)

    # --- committing ----------------------------------------------------------------------------------------

    def commit(self, points: Iterable[CommitPoint], *, is_final: bool = False) -> None:
        """Ask the broker to commit; its answer comes with a later call of `take`.

        Never waits: a synchronous commit hung for minutes against a silent broker, and librdkafka holds a hand-over
        and `close` for those under way. Left out are points of assignments that are no longer ours, points that the
        broker has confirmed already, and, unless `is_final`, partitions whose last commit it has not answered yet.

        A commit that got no answer may lie with a slow broker and be carried out after the one that followed it on
        another connection: then the group's offset goes back. So after such a failure the last one is said once more.
        """
        now_s = self._clock.monotonic_s()
        moved: list[TopicPartition] = []
        remapped: list[TopicPartition] = []
        for point in points:
            key = (point.assignment.topic, point.assignment.partition)
            live = self._live.get(key)
            if live is None or live.assignment is not point.assignment:
                continue
            wanted = live.wanted(point)
            is_to_confirm = live.confirm_at_s is not None and (is_final or now_s >= live.confirm_at_s)
            if wanted == live.acknowledged and not is_to_confirm:
                continue
            if live.requested is not None and not is_final and now_s - live.requested_s < _COMMIT_PATIENCE_S:
                continue
            if live.acknowledged is not None and point.offset < live.acknowledged[0]:
                raise FatalError(f"{point.assignment}: a commit of {point.offset} would go back")
            partition = TopicPartition(*key, *wanted)
            # Storing the offset that is stored already carries no new metadata, so a map that changed alone goes by
            # `commit(offsets=…)`. That call does not check ownership; the assignment was checked above.
            if live.acknowledged is None or point.offset > live.acknowledged[0]:
                moved.append(partition)
            else:
                remapped.append(partition)
            live.requested = wanted
            live.requested_s = now_s
            if live.unconfirmed_since_s is None:
                live.unconfirmed_since_s = now_s
            if is_to_confirm:
                live.confirm_at_s = None
        if moved:
            self._commit_moved(moved)
        if remapped:
            self._ask(remapped)

    def _commit_moved(self, moved: list[TopicPartition]) -> None:
        try:
            # Refuses partitions that are not ours any more, which `commit(offsets=…)` would overwrite.
            self._consumer.store_offsets(offsets=moved)
        except KafkaException as error:
            self._not_committed(moved, error.args[0])
            return
        try:
            self._consumer.commit(asynchronous=True)
        except KafkaException as error:
            self._not_committed(moved, error.args[0])

    def _ask(self, partitions: list[TopicPartition]) -> None:
        try:
            self._consumer.commit(offsets=partitions, asynchronous=True)
        except KafkaException as error:
            self._not_committed(partitions, error.args[0])

    def _not_committed(self, partitions: list[TopicPartition], error: KafkaError) -> None:
        """Not fatal: the next commit says it again, and a rebalance says if it is not ours any more."""
        self.commit_failures += 1
        _log.warning("commit_failed", error=error.name(), partitions=len(partitions))
        for partition in partitions:
            live = self._live.get((partition.topic, partition.partition))
            if live is not None:
                live.requested = None
                if error.code() in _MAY_BE_DONE_LATER:
                    live.confirm_at_s = self._clock.monotonic_s() + _CONFIRM_AFTER_S
                live.takes_metadata = live.takes_metadata and error.code() != KafkaError.OFFSET_METADATA_TOO_LARGE

    def _on_commit(self, error: KafkaError | None, partitions: list[TopicPartition]) -> None:
        with self._failures_kept():
            if error is not None and error.code() == KafkaError._NO_OFFSET:  # noqa: SLF001
                # What was stored is committed already as far as the client knows; ask outright.
                unsaid = [TopicPartition(*key, *live.requested) for key, live in self._live.items() if live.requested]
                if unsaid:  # to ask for nothing is answered by this very error, without end
                    self._ask(unsaid)
                return
            failed: dict[KafkaError, list[TopicPartition]] = {}
            for partition in partitions:
                live = self._live.get((partition.topic, partition.partition))
                if live is None or partition.offset < 0:  # the list names partitions with nothing to commit as well
                    continue
                if (failure := error or partition.error) is not None:
                    failed.setdefault(failure, []).append(partition)
                elif live.requested is not None and live.requested[0] == partition.offset:
                    live.acknowledged, live.requested = live.requested, None
                    live.unconfirmed_since_s = None
                elif live.acknowledged is not None and partition.offset < live.acknowledged[0]:
                    live.confirm_at_s = self._clock.monotonic_s()  # an older commit was carried out last
            for failure, those in failed.items():
                self._not_committed(those, failure)

    def is_committed(self, point: CommitPoint) -> bool:
        """Has the broker confirmed this very point? True as well if the assignment is not ours any more."""
        live = self._live.get((point.assignment.topic, point.assignment.partition))
        return live is None or live.assignment is not point.assignment or live.acknowledged == live.wanted(point)

    def overdue(self) -> set[Assignment]:
        """Those whose commits the broker has not confirmed for so long that no more should be read of them.

        A member may stay in its group while nothing can be committed, as when the offsets' own topic is short of
        replicas: whatever is delivered then is delivered again after a restart.
        """
        since_s = self._clock.monotonic_s() - _OVERDUE_AFTER_S
        return {
            live.assignment
            for live in self._live.values()
            if live.unconfirmed_since_s is not None and live.unconfirmed_since_s <= since_s
        }

    # --- assignments ---------------------------------------------------------------------------------------

    def _on_assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        with self._failures_kept():
            # A loss may go unreported (confluentinc/librdkafka#5604): what comes anew was lost before.
            self._forget(partitions, self._heard.lost)
            placed, assignments = self._place(partitions)
            unplaced = [p for p in partitions if (p.topic, p.partition) not in placed]
            starts = [*placed.values(), *(TopicPartition(p.topic, p.partition, _NOWHERE) for p in unplaced)]
            if not self._is_incremental:
                consumer.assign(starts)
            elif starts:
                consumer.incremental_assign(starts)
            self._unpause(placed.keys())
            for partition in unplaced:
                key = (partition.topic, partition.partition)
                self._pause(key)
                if key not in self._beyond_end:
                    self._unplaced[key] = self._clock.monotonic_s() + _ASK_AGAIN_S
            self._heard.assigned(assignments)

    def _place(self, partitions: list[TopicPartition]) -> tuple[dict[_Key, TopicPartition], list[Assignment]]:
        """Find out where to start. Partitions whose start the broker does not tell now are left out."""
        placed: dict[_Key, TopicPartition] = {}
        assignments: list[Assignment] = []
        try:
            with self._pulse.within("committed"):
                committed = self._consumer.committed(
                    [TopicPartition(p.topic, p.partition) for p in partitions], timeout=_ASK_TIMEOUT_S
                )
        except KafkaException as error:
            _log.warning("positions_unknown", error=error.args[0].name(), partitions=len(partitions))
            return placed, assignments
        timeout_s = _ASK_TIMEOUT_S
        for partition in committed:
            if partition.error is not None:
                continue
            key = (partition.topic, partition.partition)
            has_commit = partition.offset >= 0
            try:
                with self._pulse.within("get_watermark_offsets"):
                    low, high = self._consumer.get_watermark_offsets(TopicPartition(*key), timeout=timeout_s)
                start = partition.offset if has_commit else self._first_offset(key, low, high, timeout_s)
            except KafkaException as error:
                # One without a leader must keep neither the others nor this thread waiting.
                timeout_s = _ASK_AGAIN_S
                _log.warning("position_unknown", topic=key[0], partition=key[1], error=error.args[0].name())
                continue
            if start > high:
                self._hold_beyond_end(key, start)
                continue
            metadata = (partition.metadata or "") if has_commit else None
            assignment = Assignment(key[0], key[1], start, metadata)
            live = _Live(assignment, start, (start, metadata) if metadata is not None else None)
            if start < low:
                self._jumps.append(self._expired(live, low))
            self._live[key] = live
            self._unplaced.pop(key, None)
            placed[key] = TopicPartition(*key, live.next_offset)
            assignments.append(assignment)
        return placed, assignments

    def _first_offset(self, key: _Key, low: int, high: int, timeout_s: float) -> int:
        if self._start_at == "earliest" or key[0] == self._replay_topic:
            return low
        if self._start_at == "latest":
            return high
        since_ms = int(self._start_at.timestamp() * 1_000)
        with self._pulse.within("offsets_for_times"):
            (found,) = self._consumer.offsets_for_times([TopicPartition(*key, since_ms)], timeout=timeout_s)
        return found.offset if found.offset >= 0 else high

    def _ask_again(self) -> None:
        """Place partitions whose start the broker did not tell when they were assigned."""
        if not self._unplaced:
            return
        now_s = self._clock.monotonic_s()
        due = [TopicPartition(*key) for key, at_s in self._unplaced.items() if at_s <= now_s]
        if not due:
            return
        placed, assignments = self._place(due)
        for partition in due:
            key = (partition.topic, partition.partition)
            if key in self._beyond_end:
                self._unplaced.pop(key, None)
            elif key in self._unplaced:
                self._unplaced[key] = now_s + _ASK_AGAIN_S
        if placed:
            self._reassign(list(placed.values()))
            self._unpause(placed.keys())
        if assignments:
            self._heard.assigned(assignments)

    def _on_revoke(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        with self._failures_kept():
            self._forget(partitions, self._heard.revoked)

    def _on_lost(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        with self._failures_kept():
            self._forget(partitions, self._heard.lost)

    def _forget(self, partitions: list[TopicPartition], tell: Callable[[list[Assignment]], None]) -> None:
        """Take leave of partitions, of which some may never have been ours."""
        keys = [(p.topic, p.partition) for p in partitions]
        leaving = [self._live[key].assignment for key in keys if key in self._live]
        if leaving:
            tell(leaving)
        for key in keys:
            self._live.pop(key, None)
            self._unplaced.pop(key, None)
            self._beyond_end.discard(key)
            self._paused.discard(key)
        self._jumps = [jump for jump in self._jumps if jump.assignment not in leaving]

    @property
    def _heard(self) -> Listener:
        if self._listener is None:
            raise FatalError("an assignment came before the subscription")
        return self._listener

    # --- callbacks -----------------------------------------------------------------------------------------

    @contextmanager
    def _failures_kept(self) -> Iterator[None]:
        """Keep an exception for `take` to raise: leaving a callback inside `consume` it would destroy messages."""
        try:
            with self._pulse.within(None):
                yield
        except BaseException as failure:  # noqa: BLE001 - raised again by `_raise_failure`
            self._failure = self._failure or failure

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise FatalError("a rebalance or commit callback failed") from self._failure

    def _on_error(self, error: KafkaError) -> None:
        with self._failures_kept():
            _log.warning("kafka_client_error", error=error.name(), is_fatal=error.fatal())

    def close(self) -> None:
        """Leave the group. Commits under way are finished first; assignments still ours are revoked."""
        with self._pulse.within("close"):
            self._consumer.close()
        self._raise_failure()
