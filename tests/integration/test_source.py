"""The source against a broker: what callbacks may do, commits that fail, positions that move away."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition
from structlog.testing import capture_logs

from consumer.demo.broker import ApiKey
from consumer.errors import FatalError
from consumer.records import Assignment, CommitPoint, HoldCause, Record
from consumer.stages import source as source_module
from consumer.stages.source import Jump, Source, StartAt
from consumer.timing import Clock, ManualClock, SystemClock
from consumer.watchdog import Pulse
from tests.harness.cluster import FAST_GROUP, Cluster, EmbeddedCluster, unique
from tests.harness.ledger import committed_offsets
from tests.harness.processes import eventually

# Kafka protocol guide, "Error Codes".
OFFSET_METADATA_TOO_LARGE = 12
COORDINATOR_LOADING = 14
GROUP_AUTHORIZATION_FAILED = 30
REBALANCE_IN_PROGRESS = 27
FENCED_INSTANCE_ID = 82


@dataclass
class Heard:
    """A listener that keeps what it is told, and may be told to fail."""

    has: list[Assignment] = field(default_factory=list)
    left: list[Assignment] = field(default_factory=list)
    on_assigned: Callable[[], None] = lambda: None

    def assigned(self, assignments: list[Assignment]) -> None:
        self.on_assigned()
        self.has += assignments

    def revoked(self, assignments: list[Assignment]) -> None:
        self.left += assignments

    def lost(self, assignments: list[Assignment]) -> None:
        self.left += assignments


class Member:
    """A source in a group of its own, on a topic of one partition."""

    def __init__(self, cluster: Cluster, *, topic: str | None = None, group: str | None = None) -> None:
        self.cluster = cluster
        self.topic = topic or unique("orders")
        self.group = group or unique("group")
        if topic is None:
            cluster.create_topic(self.topic, 1)
        self.heard = Heard()
        self.pulse = Pulse(SystemClock())
        self.may_have_holes = False

    def join(
        self,
        start_at: StartAt = "earliest",
        properties: Mapping[str, object] | None = None,
        clock: Clock | None = None,
    ) -> Source:
        all_properties = {
            "bootstrap.servers": self.cluster.bootstrap_servers,
            "group.id": self.group,
            "enable.auto.commit": "false",
            "enable.auto.offset.store": "false",
            "auto.offset.reset": "error",
            "enable.partition.eof": "true",
            **self.cluster.fetching,
            **FAST_GROUP,
            "partition.assignment.strategy": "cooperative-sticky",
            **(properties or {}),
        }
        source = Source(
            all_properties,
            topics=[self.topic],
            start_at=start_at,
            is_incremental=True,
            may_have_holes=lambda _: self.may_have_holes,
            clock=clock or SystemClock(),
            pulse=self.pulse,
        )
        source.subscribe(self.heard)
        return source

    def write(self, count: int) -> None:
        producer = Producer({"bootstrap.servers": self.cluster.bootstrap_servers})
        for number in range(count):
            producer.produce(self.topic, str(number).encode(), partition=0)
        assert producer.flush(20) == 0

    def committed(self) -> int | None:
        return committed_offsets(self.cluster.bootstrap_servers, self.group, self.topic).get(0)


def read(source: Source, until: Callable[[list[Record | Jump]], bool]) -> list[Record | Jump]:
    """Take until the condition holds of all that was taken."""
    items: list[Record | Jump] = []

    def is_enough() -> bool:
        items.extend(source.take(100, 0.02))
        return until(items)

    eventually(is_enough, within_s=30, what=lambda: f"enough; {len(items)} were taken", every_s=0.0)
    return items


def commit(source: Source, assignment: Assignment, offset: int, metadata: str = "") -> None:
    """Commit as the pipeline does: say it again until the broker has confirmed it."""
    point = CommitPoint(assignment, offset, metadata)

    def is_committed() -> bool:
        source.commit([point])
        source.take(1, 0.02)
        return source.is_committed(point)

    eventually(is_committed, within_s=30, what=f"a confirmed commit of {offset}", every_s=0.0)


@pytest.fixture
def member(cluster: Cluster) -> Member:
    return Member(cluster)


@pytest.fixture
def embedded_member(embedded: EmbeddedCluster) -> Member:
    return Member(embedded)


@pytest.fixture
def closing() -> Iterator[list[Source]]:
    sources: list[Source] = []
    yield sources
    for source in sources:
        source.close()


def test_a_failing_callback_destroys_nothing_silently(member: Member) -> None:
    def fail() -> None:
        raise RuntimeError("a defect")

    member.write(10)
    member.heard.on_assigned = fail
    source = member.join()

    with pytest.raises(FatalError) as failure:
        read(source, lambda items: len(items) >= 10)

    assert isinstance(failure.value.__cause__, RuntimeError)
    with pytest.raises(FatalError):
        source.close()
    assert member.committed() is None


def test_the_watchdog_is_told_of_calls_that_may_wait_and_of_callbacks_within_them(
    member: Member, closing: list[Source], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hand-over waits for Pinterest within `consume`: that is no call that hangs."""
    calls: list[str | None] = []
    beat = member.pulse.beat

    def beat_and_note() -> None:
        beat()
        calls.append(member.pulse.latest[1])

    monkeypatch.setattr(member.pulse, "beat", beat_and_note)
    member.heard.on_assigned = lambda: calls.append("the callback")
    member.write(1)
    source = member.join()
    closing.append(source)

    read(source, lambda items: len(items) >= 1)

    at = calls.index("the callback")
    assert calls[at - 1] is None
    assert {"consume", "committed", "get_watermark_offsets"} <= set(calls)
    assert calls[-1] is None


def test_the_size_of_a_record_counts_key_value_and_headers(embedded_member: Member, closing: list[Source]) -> None:
    """As `limits.max_bytes` bounds memory, whatever a producer fills it with."""
    producer = Producer({"bootstrap.servers": embedded_member.cluster.bootstrap_servers})
    trail: list[tuple[str, str | bytes | None]] = [("trail", bytes(5_000))]
    producer.produce(embedded_member.topic, b"", b"", 0)
    producer.produce(embedded_member.topic, bytes(2_000), bytes(300), 0)
    producer.produce(embedded_member.topic, b"", b"", 0, headers=trail * 2)
    assert producer.flush(20) == 0
    source = embedded_member.join()
    closing.append(source)

    items = read(source, lambda items: len(items) >= 3)

    empty, large, trailed = (item.size_bytes for item in items if isinstance(item, Record))
    assert large - empty == 2_300
    assert trailed - empty > 2 * (len("trail") + 5_000)


def test_metadata_alone_can_be_committed_while_the_front_stands_still(member: Member, closing: list[Source]) -> None:
    member.write(5)
    source = member.join()
    closing.append(source)
    read(source, lambda items: len(items) >= 5)
    (assignment,) = member.heard.has

    commit(source, assignment, 2, "a map")
    commit(source, assignment, 2, "another map")

    source.close()
    closing.clear()
    again = Member(member.cluster, topic=member.topic, group=member.group)
    second = again.join()
    closing.append(second)
    items = read(second, lambda items: len(items) >= 3)
    assert [again.heard.has[0].start_offset, again.heard.has[0].metadata] == [2, "another map"]
    assert [item.offset for item in items[:3]] == [2, 3, 4]


def test_a_commit_never_goes_back(member: Member, closing: list[Source]) -> None:
    member.write(5)
    source = member.join()
    closing.append(source)
    read(source, lambda items: len(items) >= 5)
    (assignment,) = member.heard.has
    commit(source, assignment, 4)

    with pytest.raises(FatalError, match="would go back"):
        source.commit([CommitPoint(assignment, 3, "")])

    assert member.committed() == 4


def carried_out_late(source: Source, member: Member, offset: int) -> None:
    """As by a broker that was slow with an earlier commit of the member's."""
    source._consumer.commit(offsets=[TopicPartition(member.topic, 0, offset)], asynchronous=False)
    assert member.committed() == offset


@pytest.mark.parametrize("is_told", [True, False], ids=["its answer comes", "no answer comes"])
def test_a_commit_that_was_carried_out_late_does_not_keep_the_offset_back(
    embedded_member: Member, closing: list[Source], *, is_told: bool
) -> None:
    member, clock = embedded_member, ManualClock()
    member.write(5)
    source = member.join(clock=clock)
    closing.append(source)
    read(source, lambda items: len(items) >= 5)
    (assignment,) = member.heard.has
    if not is_told:
        source._on_commit(KafkaError(KafkaError._TIMED_OUT), [TopicPartition(member.topic, 0, 3)])
    commit(source, assignment, 5)
    carried_out_late(source, member, 3)
    if is_told:
        source._on_commit(None, [TopicPartition(member.topic, 0, 3)])

    clock.advance(10)
    source.commit([CommitPoint(assignment, 5, "")])

    read(source, lambda _: source.is_committed(CommitPoint(assignment, 5, "")) and member.committed() == 5)


def test_a_commit_that_was_answered_is_said_once(embedded_member: Member, closing: list[Source]) -> None:
    member, clock = embedded_member, ManualClock()
    member.write(5)
    source = member.join(clock=clock)
    closing.append(source)
    read(source, lambda items: len(items) >= 5)
    (assignment,) = member.heard.has
    commit(source, assignment, 5)
    carried_out_late(source, member, 3)

    clock.advance(100)
    source.commit([CommitPoint(assignment, 5, "")])
    source.take(1, 0.2)

    assert member.committed() == 3


def test_a_commit_for_an_assignment_that_ended_is_not_made(member: Member) -> None:
    member.write(5)
    source = member.join()
    read(source, lambda items: len(items) >= 5)
    (assignment,) = member.heard.has
    stranger = Assignment(assignment.topic, assignment.partition, 0)

    source.commit([CommitPoint(stranger, 5, "")])
    source.take(1, 0.2)

    source.close()
    assert member.committed() is None
    assert member.heard.left == [assignment]


@pytest.mark.parametrize("code", [REBALANCE_IN_PROGRESS, COORDINATOR_LOADING])
def test_a_refused_commit_is_made_again(embedded_member: Member, closing: list[Source], code: int) -> None:
    member = embedded_member
    assert isinstance(member.cluster, EmbeddedCluster)
    member.write(5)
    source = member.join()
    closing.append(source)
    read(source, lambda items: len(items) >= 5)
    (assignment,) = member.heard.has
    member.cluster.broker.push_errors(ApiKey.OFFSET_COMMIT, [code] * 3)

    commit(source, assignment, 5)

    assert member.committed() == 5


def test_partitions_whose_commits_nobody_confirms_are_overdue_until_one_is(
    embedded_member: Member, closing: list[Source]
) -> None:
    member = embedded_member
    assert isinstance(member.cluster, EmbeddedCluster)
    clock = ManualClock()
    member.write(5)
    source = member.join(clock=clock)
    closing.append(source)
    read(source, lambda items: len(items) >= 5)
    (assignment,) = member.heard.has
    member.cluster.broker.push_errors(ApiKey.OFFSET_COMMIT, [GROUP_AUTHORIZATION_FAILED] * 2)

    def commit_once(offset: int) -> None:
        failures = source.commit_failures
        source.commit([CommitPoint(assignment, offset, "")])
        eventually(
            lambda: source.take(1, 0.02) or source.commit_failures > failures,
            within_s=30,
            what="a refusal",
            every_s=0.0,
        )

    commit_once(2)
    clock.advance(29)
    commit_once(3)
    seen = [source.overdue()]
    clock.advance(1)
    seen.append(source.overdue())
    holds = source.holds
    commit(source, assignment, 5)
    seen.append(source.overdue())

    assert seen == [set(), {assignment}, set()]
    assert holds == {HoldCause.COMMITS: 1}
    assert source.holds == {}


def test_metadata_that_the_broker_refuses_does_not_keep_the_offset_from_moving(
    embedded_member: Member, closing: list[Source]
) -> None:
    member = embedded_member
    assert isinstance(member.cluster, EmbeddedCluster)
    member.write(5)
    source = member.join()
    closing.append(source)
    read(source, lambda items: len(items) >= 5)
    (assignment,) = member.heard.has
    member.cluster.broker.push_errors(ApiKey.OFFSET_COMMIT, [OFFSET_METADATA_TOO_LARGE])

    commit(source, assignment, 3, "a map that is too large")
    commit(source, assignment, 5, "another")

    source.close()
    closing.clear()
    again = Member(member.cluster, topic=member.topic, group=member.group)
    closing.append(again.join())
    eventually(lambda: closing[0].take(1, 0.02) or again.heard.has, within_s=30, what="an assignment", every_s=0.0)
    assert [again.heard.has[0].start_offset, again.heard.has[0].metadata] == [5, ""]


def test_a_partition_whose_commit_cannot_be_read_waits_and_is_asked_for_again(
    embedded_member: Member, closing: list[Source]
) -> None:
    member = embedded_member
    assert isinstance(member.cluster, EmbeddedCluster)
    member.write(5)
    first = member.join()
    read(first, lambda items: len(items) >= 5)
    commit(first, member.heard.has[0], 3)
    first.close()
    again = Member(member.cluster, topic=member.topic, group=member.group)
    member.cluster.broker.push_errors(ApiKey.OFFSET_FETCH, [29] * 2)  # GROUP_AUTHORIZATION_FAILED is not retried within

    source = again.join()
    closing.append(source)
    items = read(source, lambda items: len(items) >= 2)

    assert [item.offset for item in items[:2]] == [3, 4]
    assert again.heard.has[0].start_offset == 3


def test_a_commit_confirmed_twice_over_does_not_make_the_client_spin(
    embedded_member: Member, closing: list[Source], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hand-over asks again for what the broker has confirmed already, in an answer not yet read."""
    member = embedded_member
    member.write(5)
    source = member.join()
    closing.append(source)
    read(source, lambda items: len(items) >= 5)
    (assignment,) = member.heard.has
    asked: list[int] = []
    ask = source._ask

    def counted(partitions: list[TopicPartition]) -> None:
        asked.append(len(partitions))
        ask(partitions)

    monkeypatch.setattr(source, "_ask", counted)
    source.commit([CommitPoint(assignment, 5, "")])
    eventually(lambda: member.committed() == 5, within_s=20, what="the commit")

    source.commit([CommitPoint(assignment, 5, "")], is_final=True)
    for _ in range(50):
        source.take(1, 0.02)

    assert 0 not in asked, "asking for nothing is answered by the very error that leads to asking"
    assert len(asked) <= 1


def test_one_partition_without_a_leader_keeps_no_other_waiting(
    embedded: EmbeddedCluster, closing: list[Source], monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = unique("orders")
    embedded.create_topic(topic, 3)
    member = Member(embedded, topic=topic)
    source = member.join()
    closing.append(source)
    real = source._consumer

    class Leaderless:
        def __getattr__(self, name: str) -> Any:
            return getattr(real, name)

        def get_watermark_offsets(self, partition: TopicPartition, *, timeout: float) -> tuple[int, int]:
            if partition.partition == 0:
                raise KafkaException(KafkaError(KafkaError._TIMED_OUT))
            return real.get_watermark_offsets(partition, timeout=timeout)

    monkeypatch.setattr(source, "_consumer", Leaderless())

    eventually(lambda: source.take(1, 0.02) or len(member.heard.has) == 2, within_s=20, what="the others", every_s=0.0)

    assert sorted(assignment.partition for assignment in member.heard.has) == [1, 2]
    monkeypatch.setattr(source, "_consumer", real)
    eventually(lambda: source.take(1, 0.02) or len(member.heard.has) == 3, within_s=20, what="the third", every_s=0.0)


def test_a_partition_without_a_position_is_never_assigned_where_the_broker_has_to_be_asked(
    embedded_member: Member, closing: list[Source], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A late answer on where the end is would move it there after it has been placed: seen once in 20 times."""
    member = embedded_member
    assert isinstance(member.cluster, EmbeddedCluster)
    assigned: list[int] = []

    class Watched(Consumer):
        def incremental_assign(self, partitions: list[TopicPartition]) -> None:
            assigned.extend(partition.offset for partition in partitions)
            super().incremental_assign(partitions)

    monkeypatch.setattr(source_module, "Consumer", Watched)
    member.write(2)
    member.cluster.broker.push_errors(ApiKey.OFFSET_FETCH, [29] * 2)

    source = member.join()
    closing.append(source)
    read(source, lambda items: len(items) >= 2)

    assert len(assigned) == 2
    assert min(assigned) >= 0, "those below nought are librdkafka's logical offsets"


@pytest.mark.parametrize("lost", [2, 4], ids=["between others", "at the end"])
def test_what_the_client_loses_on_the_way_is_read_again(
    member: Member, closing: list[Source], monkeypatch: pytest.MonkeyPatch, lost: int
) -> None:
    left = [lost]

    class Leaky(Consumer):
        def consume(self, *arguments: Any, **named: Any) -> list[Message]:
            messages = super().consume(*arguments, **named)
            kept = [m for m in messages if m.error() is not None or m.offset() not in left]
            if len(kept) < len(messages):
                left.clear()
            return kept

    monkeypatch.setattr(source_module, "Consumer", Leaky)
    member.write(5)
    source = member.join()
    closing.append(source)

    with capture_logs() as lines:
        items = read(source, lambda items: len(items) >= 5)

    assert left == []
    assert [item.offset for item in items] == [0, 1, 2, 3, 4]
    assert [(line["offset"], line["records"]) for line in lines if line["event"] == "reading_again"] == [(lost, 1)]


def test_a_client_that_begins_in_the_wrong_place_is_made_to_begin_again(
    member: Member, closing: list[Source], monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = [3]

    class Astray(Consumer):
        def incremental_assign(self, partitions: list[TopicPartition]) -> None:
            starts = [TopicPartition(p.topic, p.partition, wrong.pop() if wrong else p.offset) for p in partitions]
            super().incremental_assign(starts)

    monkeypatch.setattr(source_module, "Consumer", Astray)
    member.write(5)
    source = member.join()
    closing.append(source)

    items = read(source, lambda items: len(items) >= 5)

    assert wrong == []
    assert [item.offset for item in items] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("has_holes", [True, False])
def test_what_stays_away_is_passed_over_at_once_where_holes_are_usual_and_soon_elsewhere(
    member: Member, closing: list[Source], monkeypatch: pytest.MonkeyPatch, *, has_holes: bool
) -> None:
    class Holed(Consumer):
        def consume(self, *arguments: Any, **named: Any) -> list[Message]:
            return [m for m in super().consume(*arguments, **named) if m.error() is not None or m.offset() != 2]

    monkeypatch.setattr(source_module, "Consumer", Holed)
    member.may_have_holes = has_holes
    member.write(5)
    source = member.join()
    closing.append(source)

    with capture_logs() as lines:
        items = read(source, lambda items: len(items) >= 4)

    assert [item.offset for item in items] == [0, 1, 3, 4]
    assert len([line for line in lines if line["event"] == "reading_again"]) == (0 if has_holes else 2)


def test_a_static_member_that_is_fenced_stops(embedded: EmbeddedCluster) -> None:
    member = Member(embedded)
    source = member.join(properties={"group.instance.id": "pod-0"})
    eventually(lambda: source.take(1, 0.02) or member.heard.has, within_s=20, what="an assignment", every_s=0.0)

    embedded.broker.push_errors(ApiKey.HEARTBEAT, [FENCED_INSTANCE_ID])

    with pytest.raises(FatalError):
        eventually(lambda: source.take(1, 0.02), within_s=20, what="the end", every_s=0.0)
    source.close()


def test_a_position_overtaken_by_retention_goes_on_at_the_start_of_the_log(
    member: Member, closing: list[Source]
) -> None:
    member.write(10)
    first = member.join()
    read(first, lambda items: len(items) >= 10)
    commit(first, member.heard.has[0], 4)
    first.close()
    member.cluster.delete_records(member.topic, 0, 7)

    again = Member(member.cluster, topic=member.topic, group=member.group)
    source = again.join()
    closing.append(source)
    items = read(source, lambda items: sum(isinstance(item, Record) for item in items) >= 3)

    assert items[0] == Jump(again.heard.has[0], 7, is_expired=True)
    assert [item.offset for item in items[1:]] == [7, 8, 9]


def test_a_position_beyond_the_end_holds_and_touches_nothing(member: Member, closing: list[Source]) -> None:
    member.write(3)
    first = member.join()
    read(first, lambda items: len(items) >= 3)
    commit(first, member.heard.has[0], 50)
    first.close()

    again = Member(member.cluster, topic=member.topic, group=member.group)
    source = again.join()
    closing.append(source)
    eventually(lambda: source.take(10, 0.02) or source.holds, within_s=30, what="a hold", every_s=0.0)
    member.write(2)
    for _ in range(20):
        assert source.take(10, 0.02) == []

    assert again.heard.has == []
    assert member.committed() == 50


def test_a_paused_partition_delivers_nothing_until_resumed_and_then_everything(
    member: Member, closing: list[Source]
) -> None:
    source = member.join()
    closing.append(source)
    eventually(lambda: source.take(1, 0.02) or member.heard.has, within_s=30, what="an assignment", every_s=0.0)
    source.set_paused(set(member.heard.has))
    member.write(20)
    for _ in range(20):
        assert source.take(10, 0.02) == []

    source.set_paused(set())
    items = read(source, lambda items: sum(isinstance(item, Record) for item in items) >= 20)

    assert [item.offset for item in items if isinstance(item, Record)] == list(range(20))
