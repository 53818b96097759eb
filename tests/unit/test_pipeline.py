"""The control loop, turn by turn: real stages between a scripted source, a scripted API and a scripted letter box."""

from __future__ import annotations

import queue
import random
from collections.abc import Callable, Iterable, Iterator, Set
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from structlog.testing import capture_logs

from consumer.config import Config
from consumer.errors import FatalError
from consumer.pinterest.answers import Answer, Judged, Unauthorized, Unavailable
from consumer.pipeline import Mail, OutboxFailed, Pipeline, Stages
from consumer.records import (
    Accepted,
    Assignment,
    Batch,
    CommitPoint,
    HoldCause,
    Invalid,
    Letter,
    Record,
    Rejected,
    SchemaKind,
    SchemaRef,
)
from consumer.registry_answers import RegistryUnreachable, SchemaFound, SchemaUnknown
from consumer.schemas import Encoder, bundled_schema
from consumer.stages.batcher import Batcher, Repeats
from consumer.stages.decoder import Decoder
from consumer.stages.lookups import Lookups
from consumer.stages.mapper import Mapper
from consumer.stages.receipts import Receipts
from consumer.stages.sink import BatchResult, Sink
from consumer.stages.source import Jump
from consumer.timing import ManualClock
from consumer.topic_facts import TopicFacts, Unknown
from consumer.watchdog import Pulse
from tests.unit.stages.builders import FakeMessage, assignment_of

SCHEMA_ID = 7
CONFIG = Config.model_validate(
    {
        "kafka": {"bootstrap_servers": "127.0.0.1:9"},
        "schema_registry": {"url": "http://127.0.0.1:9", "unknown_grace_s": 60},
        "dedup": {"browser_tag": "absent"},
        "routing": {"default_ad_account_id": "549000000001"},
        "shutdown": {"drain_s": 20},
        "limits": {"max_events": 1_000},
    }
)


@dataclass
class ScriptedSource:
    """Hands out what it is given, and keeps what it is asked to do."""

    items: list[Record | Jump] = field(default_factory=list)
    commits: list[CommitPoint] = field(default_factory=list)
    paused_now: set[Assignment] = field(default_factory=set)
    commit_failures: int = 0
    unconfirmed: set[Assignment] = field(default_factory=set)

    def subscribe(self, listener: object) -> None:
        """Nothing is assigned by itself."""

    def close(self) -> None:
        """Nothing to leave."""

    def take(self, most: int, wait_s: float) -> list[Record | Jump]:
        del wait_s
        taken = [item for item in self.items if item.assignment not in self.paused_now][:most]
        self.items = [item for item in self.items if item not in taken]
        return taken

    def commit(self, points: list[CommitPoint], *, is_final: bool = False) -> None:
        del is_final
        self.commits += points

    def is_committed(self, point: CommitPoint) -> bool:
        return point in self.commits

    def set_paused(self, assignments: set[Assignment]) -> None:
        self.paused_now = assignments

    def overdue(self) -> set[Assignment]:
        return self.unconfirmed

    @property
    def holds(self) -> dict[HoldCause, int]:
        return {HoldCause.COMMITS: len(self.unconfirmed)} if self.unconfirmed else {}

    def has_more(self, assignment: Assignment) -> bool:
        return any(item.assignment is assignment for item in self.items)

    @property
    def paused(self) -> int:
        return len(self.paused_now)

    def last_commit(self, assignment: Assignment) -> int | None:
        points = [point.offset for point in self.commits if point.assignment is assignment]
        return points[-1] if points else None


@dataclass
class LetterBox:
    """A dead-letter topic that acknowledges when it is told to."""

    sent: list[Letter] = field(default_factory=list)
    acknowledged: list[Letter] = field(default_factory=list)
    hold: HoldCause | None = None

    def send(self, letter: Letter) -> None:
        self.sent.append(letter)

    def poll(self) -> tuple[list[Letter], list[Letter]]:
        answered, self.acknowledged = self.acknowledged, []
        return answered, []

    def acknowledge(self) -> None:
        self.acknowledged, self.sent = self.sent, []

    @property
    def waiting(self) -> int:
        return len(self.sent)

    def under_way(self, assignments: set[Assignment]) -> list[Letter]:
        return [letter for letter in self.sent if letter.record.assignment in assignments]

    def find(self, records: Set[Record]) -> Iterator[Letter]:
        return (letter for letter in self.sent if letter.record in records)

    def abandon(self, assignments: set[Assignment]) -> list[Letter]:
        del assignments
        return []

    def close(self) -> None:
        """Nothing to drop."""


@dataclass
class ScriptedWorld:
    """What waits on the pipeline's behalf."""

    requests: list[Batch] = field(default_factory=list)
    asked: list[SchemaRef] = field(default_factory=list)
    inbox: queue.SimpleQueue[Mail] | None = None
    defect: OutboxFailed | None = None

    def send(self, batch: Batch) -> None:
        self.requests.append(batch)
        if self.inbox is not None and self.defect is not None:
            self.inbox.put(self.defect)

    def fetch(self, ref: SchemaRef) -> None:
        self.asked.append(ref)


@dataclass
class KnownTopics:
    """What the brokers say of each topic."""

    said: TopicFacts | Unknown | None = field(default_factory=lambda: Unknown("_TIMED_OUT"))
    asked: set[str] = field(default_factory=set)

    def ask(self, names: Iterable[str]) -> None:
        self.asked |= set(names)

    def of(self, name: str) -> TopicFacts | Unknown | None:
        return self.said if name in self.asked else None


class OddHeaders(FakeMessage):
    """Behaves as confluent-kafka 2.16 does when the name of a header is not UTF-8."""

    def headers(self) -> Any:
        raise UnicodeDecodeError("utf-8", b"caf\xe9", 3, 4, "unexpected end of data")


class Rig:
    def __init__(
        self, config: Config = CONFIG, *, receipts: Receipts | None = None, pulse: Pulse | None = None
    ) -> None:
        self.clock = ManualClock(wall_s=1_790_000_000.0)
        self.source, self.letters, self.world = ScriptedSource(), LetterBox(), ScriptedWorld()
        self.inbox: queue.SimpleQueue[Mail] = queue.SimpleQueue()
        stages = Stages(
            source=cast("Any", self.source),
            decoder=Decoder(config.topics),
            lookups=Lookups(unknown_grace_s=config.schema_registry.unknown_grace_s),
            mapper=Mapper(config),
            repeats=Repeats(),
            batcher=Batcher(max_events=10, max_bytes=1_000_000, linger_s=0.0),
            sink=Sink(
                config.delivery,
                max_age_s=604_800,
                chance=random.Random(1),
                is_live=self._is_live,
                caps={},
                most_parked=1_000,
                on_hold=config.accounts_on_hold,
            ),
            dead_letters=cast("Any", self.letters),
            receipts=receipts,
        )
        self.topics, self.pulse = KnownTopics(), pulse or Pulse(self.clock)
        self.pipeline = Pipeline(
            config, stages, self.world, self.inbox, self.clock, topics=self.topics, pulse=self.pulse
        )
        self._encode = Encoder(bundled_schema("order"), schema_id=SCHEMA_ID).encode

    def _is_live(self, assignment: Assignment) -> bool:
        return self.pipeline.is_live(assignment)

    def assign(self, *assignments: Assignment, knows_schema: bool = True) -> None:
        self.pipeline.assigned(list(assignments))
        if knows_schema:
            self.inbox.put(SchemaFound(SchemaRef(SCHEMA_ID), bundled_schema("order")))

    def give(self, assignment: Assignment, offset: int, order_id: str, **changes: Any) -> None:
        now = datetime.fromtimestamp(self.clock.wall_s() - 60, UTC)
        fields = {
            "event_id": f"bus-{order_id}",
            "occurred_at": now,
            "merchant_id": "merchant-1",
            "order_id": order_id,
            "status": "PLACED",
            "customer": {"emails": ["ada@example.com"], "address": {"country": "BR"}},
            **changes,
        }
        self.give_bytes(assignment, offset, self._encode(fields))

    def give_bytes(self, assignment: Assignment, offset: int, value: bytes) -> None:
        self.source.items.append(Record(assignment, offset, FakeMessage(value), len(value), self.clock.monotonic_s()))

    def turn(self, times: int = 2) -> None:
        """The second turn delivers and commits what the first has read."""
        for _ in range(times):
            self.pipeline.turn()
            self.clock.advance(0.3)

    def answer(self, batch: Batch, answer: Answer | None = None) -> None:
        """By default everything is accepted."""
        self.inbox.put(BatchResult(batch, answer or Judged(tuple(Accepted() for _ in batch.events))))

    @property
    def ledger(self) -> dict[str, Any]:
        self.turn(1)
        return self.pipeline.ledger.as_dict()


@pytest.fixture
def rig() -> Rig:
    return Rig()


def test_nothing_is_committed_before_its_verdict_and_everything_after(rig: Rig) -> None:
    orders = assignment_of(0)
    rig.assign(orders)
    for offset in range(3):
        rig.give(orders, offset, f"A-{offset}")
    rig.turn()
    (batch,) = rig.world.requests
    assert rig.source.last_commit(orders) == 0

    rig.answer(batch)
    rig.turn()

    assert rig.source.last_commit(orders) == 3
    assert rig.ledger["total"]["accepted"] == 3


def test_an_account_in_test_has_nothing_accepted_while_others_do() -> None:
    accounts = {"549000000001": {"mode": "test"}, "549000000002": {}}
    routing = {"table": {"merchant-1": "549000000001", "merchant-2": "549000000002"}}
    rig = Rig(Config.model_validate({**CONFIG.model_dump(), "ad_accounts": accounts, "routing": routing}))
    orders = assignment_of(0)
    rig.assign(orders)
    rig.give(orders, 0, "A-0")
    rig.give(orders, 1, "B-0", merchant_id="merchant-2")
    rig.turn()

    for batch in rig.world.requests:
        rig.answer(batch)
    rig.turn()

    assert rig.ledger["total"]["skipped"] == {"account_in_test": 1}
    assert rig.ledger["total"]["accepted"] == 1
    assert {account for account, _, _ in rig.pipeline.snapshot.tallies.coverage} == {"549000000002"}


def test_what_was_clipped_is_counted_once_for_each_event(rig: Rig) -> None:
    orders = assignment_of(0)
    rig.assign(orders)
    rig.give(orders, 0, "A-0", client={"ip_address": "10.0.0.1"})
    rig.give(orders, 1, "A-1", client={"ip_address": "10.0.0.2", "language": "1"})

    rig.turn(3)

    assert rig.pipeline.snapshot.tallies.clipped == {"client_ip_address": 2, "language": 1}


def test_a_letter_names_the_first_problems_and_counts_the_others(rig: Rig) -> None:
    orders = assignment_of(0)
    rig.assign(orders)
    rig.give(orders, 0, "9" * 300, lines=[])
    rig.pipeline._mapper.map = lambda *_: Invalid(tuple(f"lines[{n}].tax: wrong" for n in range(6_000)))  # type: ignore[method-assign]

    rig.turn()

    (letter,) = rig.letters.sent
    assert letter.detail.endswith("lines[19].tax: wrong; and 5980 more")


def test_a_remark_on_an_accepted_event_is_counted_by_its_field(rig: Rig) -> None:
    orders = assignment_of(0)
    rig.assign(orders)
    rig.give(orders, 0, "A-0")
    rig.turn()

    rig.answer(rig.world.requests[0], Judged((Accepted("Ignored 'language': not supported"),)))
    rig.turn()

    assert rig.ledger["total"]["accepted"] == 1
    assert rig.pipeline.snapshot.tallies.remarks == {"language": 1}


def test_a_letter_settles_its_record_only_when_acknowledged(rig: Rig) -> None:
    orders = assignment_of(0)
    rig.assign(orders)
    rig.give_bytes(orders, 0, b"not avro")
    rig.turn()
    assert rig.source.last_commit(orders) == 0

    rig.letters.acknowledge()
    rig.turn()

    assert rig.source.last_commit(orders) == 1
    assert rig.ledger["total"]["dead_lettered"] == {"undecodable": 1}


def test_a_lost_partition_is_never_committed_again_and_late_verdicts_change_nothing(rig: Rig) -> None:
    orders = assignment_of(0)
    rig.assign(orders)
    rig.give(orders, 0, "A-0")
    rig.turn()
    commits = list(rig.source.commits)

    rig.pipeline.lost([orders])
    again = assignment_of(0)
    rig.assign(again)
    rig.answer(rig.world.requests[0])
    rig.turn()

    assert [point for point in rig.source.commits if point.assignment is orders] == commits
    assert rig.source.last_commit(again) == 0
    assert rig.ledger["late_verdicts"] == 1
    assert rig.ledger["total"]["abandoned"] == 1
    assert rig.ledger["balanced"]


def test_a_revoked_partition_waits_for_its_request_and_commits_what_came_of_it(rig: Rig) -> None:
    orders, others = assignment_of(0), assignment_of(1)
    rig.assign(orders, others)
    rig.give(orders, 0, "A-0")
    rig.turn()
    rig.give(orders, 1, "A-1")
    rig.give(others, 0, "B-0")
    rig.turn(1)
    rig.answer(rig.world.requests[0])

    rig.pipeline.revoked([orders])

    assert rig.source.last_commit(orders) == 1
    assert all(event.record.assignment is others for batch in rig.world.requests[1:] for event in batch.events)
    assert rig.ledger["partitions"]["orders[0]"]["abandoned"] == 1
    assert rig.ledger["balanced"]


class SlowPost:
    """An inbox that nothing comes into: by the rig's clock a wait for it takes a second."""

    def __init__(self, clock: ManualClock, *, at_s: float, then: Callable[[], None]) -> None:
        self._clock, self._at_s, self._then = clock, at_s, then

    def get(self, timeout: float) -> Mail:
        del timeout
        self._clock.advance(1.0)
        if self._clock.monotonic_s() == self._at_s:
            self._then()
        raise queue.Empty

    def get_nowait(self) -> Mail:
        raise queue.Empty


def test_a_stop_within_a_hand_over_waits_no_longer_than_any_other(rig: Rig) -> None:
    leaving, staying = assignment_of(0), assignment_of(1)
    rig.assign(leaving, staying)
    rig.give(leaving, 0, "A-0")
    rig.turn()
    rig.give(staying, 0, "B-0")
    rig.turn()
    assert len(rig.world.requests) == 2, "of neither an answer will come"
    stop_at_s = rig.clock.monotonic_s() + 15
    rig.pipeline._inbox = cast("Any", SlowPost(rig.clock, at_s=stop_at_s, then=rig.pipeline.stop))

    rig.pipeline.revoked([leaving])
    rig.pipeline.run()

    assert rig.clock.monotonic_s() == stop_at_s + CONFIG.shutdown.drain_s
    assert rig.pipeline.ledger.as_dict()["total"]["abandoned"] == 2


def test_a_hand_over_after_the_stop_waits_only_for_what_is_left_of_its_drain(rig: Rig) -> None:
    orders = assignment_of(0)
    rig.assign(orders)
    rig.give(orders, 0, "A-0")
    rig.turn()
    rig.pipeline.stop()
    stopped_at_s = rig.clock.monotonic_s()
    rig.clock.advance(15)
    rig.pipeline._inbox = cast("Any", SlowPost(rig.clock, at_s=0, then=rig.pipeline.stop))

    rig.pipeline.revoked([orders])

    assert rig.clock.monotonic_s() == stopped_at_s + CONFIG.shutdown.drain_s


def test_what_is_to_be_tried_again_is_abandoned_with_its_partition(rig: Rig) -> None:
    orders = assignment_of(0)
    rig.assign(orders)
    rig.give(orders, 0, "A-0")
    rig.turn()
    rig.answer(rig.world.requests[0], Unavailable("HTTP 503"))

    rig.pipeline.revoked([orders])
    rig.clock.advance(600)
    rig.turn()

    assert len(rig.world.requests) == 1
    assert rig.source.last_commit(orders) == 0
    assert rig.ledger["total"]["abandoned"] == 1
    assert rig.ledger["balanced"]


def test_what_a_former_owner_had_settled_above_its_commit_is_not_sent_again(rig: Rig) -> None:
    former = assignment_of(0)
    rig.assign(former)
    for offset in range(3):
        rig.give(former, offset, f"A-{offset}")
    rig.turn()
    rig.answer(rig.world.requests[0], Judged((Rejected("no"), Accepted(), Accepted())))
    rig.turn()
    metadata = next(point.metadata for point in reversed(rig.source.commits) if point.metadata)

    later = Rig()
    owner = Assignment("orders", 0, 0, metadata)
    later.assign(owner)
    for offset in range(3):
        later.give(owner, offset, f"A-{offset}")
    later.turn()

    assert [event.record.offset for batch in later.world.requests for event in batch.events] == [0]
    assert later.ledger["total"]["skipped"] == {"already_settled": 2}


def test_a_copy_waits_for_the_verdict_on_the_first(rig: Rig) -> None:
    orders = assignment_of(0)
    rig.assign(orders)
    rig.give(orders, 0, "A-0")
    rig.give(orders, 1, "A-0")
    rig.turn()
    (batch,) = rig.world.requests
    assert len(batch.events) == 1

    rig.answer(batch)
    rig.turn()

    assert rig.source.last_commit(orders) == 2
    assert rig.ledger["total"]["skipped"] == {"duplicate": 1}


def test_a_copy_takes_the_place_of_a_first_that_was_rejected(rig: Rig) -> None:
    orders = assignment_of(0)
    rig.assign(orders)
    rig.give(orders, 0, "A-0")
    rig.give(orders, 1, "A-0")
    rig.turn()
    rig.answer(rig.world.requests[0], Judged((Rejected("no"),)))
    rig.turn()
    rig.letters.acknowledge()

    rig.answer(rig.world.requests[1])
    rig.turn()

    assert [batch.events[0].record.offset for batch in rig.world.requests] == [0, 1]
    assert rig.source.last_commit(orders) == 2
    assert rig.ledger["total"]["accepted"] == 1
    assert rig.ledger["total"]["dead_lettered"] == {"rejected": 1}


def test_an_unreachable_registry_pauses_the_partition_and_settles_nothing(rig: Rig) -> None:
    orders = assignment_of(0)
    rig.assign(orders, knows_schema=False)
    rig.give(orders, 0, "A-0")
    rig.turn()
    assert rig.world.asked == [SchemaRef(SCHEMA_ID)]

    rig.inbox.put(RegistryUnreachable(SchemaRef(SCHEMA_ID), "refused"))
    rig.turn(1)
    rig.clock.advance(100)
    rig.turn(1)

    assert rig.source.paused_now == {orders}
    assert rig.world.asked == [SchemaRef(SCHEMA_ID)] * 2
    assert rig.letters.sent == []
    rig.inbox.put(SchemaFound(SchemaRef(SCHEMA_ID), bundled_schema("order")))
    rig.turn()
    assert rig.source.paused_now == set()
    assert len(rig.world.requests) == 1


def test_a_schema_that_stays_unknown_is_given_up_only_after_the_grace_time(rig: Rig) -> None:
    orders = assignment_of(0)
    rig.assign(orders, knows_schema=False)
    rig.give(orders, 0, "A-0")
    rig.turn()

    rig.inbox.put(SchemaUnknown(SchemaRef(SCHEMA_ID)))
    rig.turn()
    assert rig.letters.sent == []
    rig.clock.advance(60)
    rig.inbox.put(SchemaUnknown(SchemaRef(SCHEMA_ID)))
    rig.turn(1)

    assert [letter.reason.value for letter in rig.letters.sent] == ["schema_unknown"]


def test_what_only_looks_like_a_guid_is_repeated_nowhere(rig: Rig) -> None:
    """Bare Avro in a topic that is said to be Confluent's may begin as a frame does, and go on with an address."""
    content = b"anna.meyer@exam."
    ref = SchemaRef(content.hex(), SchemaKind.GUID)
    orders = assignment_of(0)
    rig.assign(orders, knows_schema=False)
    rig.give_bytes(orders, 0, b"\x01" + content)
    rig.turn()

    assert rig.world.asked == [ref]
    with capture_logs() as lines:
        rig.inbox.put(RegistryUnreachable(ref, "refused"))
        rig.turn()
        rig.inbox.put(SchemaUnknown(ref))
        rig.turn()
        rig.clock.advance(60)
        rig.inbox.put(SchemaUnknown(ref))
        rig.turn()

    assert [line["schema"] for line in lines if line["event"] == "registry_unreachable"] == ["GUID of 16 bytes"]
    assert [letter.detail for letter in rig.letters.sent] == ["the registry knows no schema GUID of 16 bytes"]
    assert content.hex() not in str(lines)


def test_a_held_account_is_told_of_once_and_again_when_it_is_well(rig: Rig) -> None:
    orders = assignment_of(0)
    rig.assign(orders)
    rig.give(orders, 0, "A-0")
    rig.turn()
    with capture_logs() as lines:
        for _ in range(3):
            rig.answer(rig.world.requests[-1], Unauthorized("HTTP 401"))
            rig.turn()
            rig.clock.advance(60)
            rig.turn(1)
        assert rig.pipeline.snapshot.held_accounts == {HoldCause.UNAUTHORIZED: 1}
        rig.answer(rig.world.requests[-1])
        rig.turn()

    said = [(line["event"], line["log_level"], line["ad_account_id"], line["cause"]) for line in lines]
    assert said == [
        ("ad_account_held", "error", "549000000001", "unauthorized"),
        ("ad_account_released", "info", "549000000001", "unauthorized"),
    ]
    assert rig.pipeline.snapshot.held_accounts == {}


def test_an_outage_of_the_api_is_told_of_once_and_not_account_by_account() -> None:
    routing = {"table": {"merchant-1": "549000000001", "merchant-2": "549000000002"}}
    rig = Rig(Config.model_validate({**CONFIG.model_dump(), "routing": routing}))
    orders = assignment_of(0)
    rig.assign(orders)
    for offset in range(8):
        rig.give(orders, offset, f"A-{offset}", merchant_id=f"merchant-{1 + offset % 2}")
        rig.turn(1)
    with capture_logs() as lines:
        rig.turn()
        for _ in range(4):
            under_way, rig.world.requests = rig.world.requests, []
            for batch in under_way:
                rig.answer(batch, Unavailable("HTTP 503"))
            rig.turn()
            rig.clock.advance(60)
            rig.turn(1)
        assert rig.pipeline.snapshot.holds == {HoldCause.UNAVAILABLE: 1}
        assert rig.pipeline.snapshot.held_accounts == {}
        for batch in rig.world.requests:
            rig.answer(batch)
        rig.turn()

    said = [(line["event"], line["log_level"], line["cause"]) for line in lines]
    assert said == [("api_held", "warning", "unavailable"), ("api_released", "info", "unavailable")]
    assert rig.pipeline.snapshot.holds == {}


def test_a_hold_ends_with_the_last_event_that_could_lift_it(rig: Rig) -> None:
    orders = assignment_of(0)
    rig.assign(orders)
    rig.give(orders, 0, "A-0")
    rig.turn()
    rig.answer(rig.world.requests[0], Unauthorized("HTTP 401"))
    rig.turn()
    assert rig.pipeline.snapshot.held_accounts

    rig.pipeline.revoked([orders])
    rig.turn()

    assert rig.pipeline.snapshot.held_accounts == {}


def test_a_header_whose_name_is_no_text_harms_only_its_own_record(rig: Rig) -> None:
    orders = assignment_of(0)
    rig.assign(orders)
    rig.give(orders, 0, "A-0")
    rig.give(orders, 1, "A-1")
    odd = cast("Record", rig.source.items[0])
    odd.message = OddHeaders(odd.message.value())

    rig.turn()

    assert [letter.record.offset for letter in rig.letters.sent] == [0]
    assert [event.record.offset for batch in rig.world.requests for event in batch.events] == [1]
    assert odd.headers() is None, "not asked of the message again"


def test_the_ledger_of_a_run_that_gave_up_says_what_was_in_hand(rig: Rig) -> None:
    orders = assignment_of(0)
    rig.assign(orders)
    rig.turn()
    rig.give(orders, 0, "A-0")
    rig.clock.advance(-0.29)  # within the pause between two postings
    rig.world.defect = OutboxFailed(RuntimeError("a defect"))
    rig.world.inbox = rig.inbox

    with pytest.raises(FatalError):
        rig.pipeline.run()

    ledger = rig.pipeline.ledger.as_dict()
    assert ledger["total"]["in_hand"] == 1
    assert ledger["balanced"]


def test_a_defect_in_a_request_stops_the_run(rig: Rig) -> None:
    rig.assign(assignment_of(0))
    rig.inbox.put(OutboxFailed(RuntimeError("a defect")))

    with pytest.raises(FatalError):
        rig.turn()


def test_a_run_that_gave_up_commits_nothing_when_it_leaves(rig: Rig) -> None:
    orders = assignment_of(0)
    rig.assign(orders)
    rig.give(orders, 0, "A-0")
    rig.turn()
    rig.inbox.put(OutboxFailed(RuntimeError("a defect")))
    commits = list(rig.source.commits)
    with pytest.raises(FatalError):
        rig.pipeline.run()
    rig.answer(rig.world.requests[0])

    rig.pipeline.revoked([orders])

    assert rig.source.commits == commits


def test_nothing_more_is_taken_at_the_limit(rig: Rig) -> None:
    orders = assignment_of(0)
    rig.assign(orders)
    for offset in range(1_500):
        rig.give(orders, offset, f"A-{offset}")

    rig.turn(12)

    in_hand = rig.pipeline.snapshot.in_hand_events
    assert 1_000 <= in_hand <= 1_030
    assert rig.source.paused_now == {orders}, "at the limit for long, reading is paused"
    for _ in range(60):
        for batch in rig.world.requests:
            rig.answer(batch)
        rig.world.requests.clear()
        rig.turn(1)
    assert rig.source.last_commit(orders) == 1_500


def test_messages_that_vanish_show_as_gaps_in_the_ledger(rig: Rig) -> None:
    orders = assignment_of(0)
    rig.assign(orders)
    rig.give(orders, 0, "A-0")
    rig.give(orders, 5, "A-5")

    rig.turn()

    assert rig.ledger["total"]["gaps"] == 4
    assert rig.ledger["balanced"]


@pytest.mark.parametrize("is_at_the_end", [False, True])
def test_messages_that_vanish_on_an_ordinary_topic_are_told_as_a_loss(rig: Rig, *, is_at_the_end: bool) -> None:
    rig.topics.said = TopicFacts(is_compacted=False, retention_s=None)
    orders = assignment_of(0)
    rig.assign(orders)
    rig.give(orders, 0, "A-0")
    if is_at_the_end:
        rig.source.items.append(Jump(orders, 5))
    else:
        rig.give(orders, 5, "A-5")

    with capture_logs() as lines:
        rig.turn()
        rig.pipeline.lost([orders])

    assert [(line["log_level"], line["offsets"]) for line in lines if line["event"] == "offsets_missing"] == [
        ("error", 4)
    ]
    assert rig.pipeline.closing_ledger()["missing_offsets"] == {"orders[0]": 4}
    assert rig.pipeline.snapshot.missing_offsets == {("orders", 0): 4}


def test_messages_that_vanish_just_before_the_end_are_in_the_ledger_that_is_printed(rig: Rig) -> None:
    rig.topics.said = TopicFacts(is_compacted=False, retention_s=None)
    orders = assignment_of(0)
    rig.assign(orders)
    rig.give(orders, 3, "A-3")
    for item in rig.source.take(1, 0.0):
        rig.pipeline._read(item)

    with capture_logs() as lines:
        ledger = rig.pipeline.closing_ledger()

    assert [line["offsets"] for line in lines if line["event"] == "offsets_missing"] == [3]
    assert ledger["missing_offsets"] == {"orders[0]": 3}


def test_records_that_retention_took_are_no_gaps(rig: Rig) -> None:
    rig.topics.said = TopicFacts(is_compacted=False, retention_s=None)
    orders = assignment_of(0)
    rig.assign(orders)
    rig.source.items.append(Jump(orders, 5, is_expired=True))

    rig.turn()

    ledger = rig.pipeline.closing_ledger()
    assert (ledger["total"]["expired"], ledger["total"]["gaps"], ledger["missing_offsets"]) == (5, 0, {})


def test_a_topic_written_in_transactions_has_gaps_by_nature() -> None:
    topics = {"orders": CONFIG.topics["orders"].model_copy(update={"transactional": True})}
    rig = Rig(CONFIG.model_copy(update={"topics": topics}))
    rig.topics.said = TopicFacts(is_compacted=False, retention_s=None)
    orders = assignment_of(0)
    rig.assign(orders)
    rig.give(orders, 5, "A-5")

    rig.turn()

    assert rig.pipeline.closing_ledger()["missing_offsets"] == {}


def test_a_request_is_counted_with_its_events_its_answer_and_whether_it_is_to_be_made_again(rig: Rig) -> None:
    orders = assignment_of(0)
    rig.assign(orders)
    for offset in range(3):
        rig.give(orders, offset, f"A-{offset}")
    rig.turn(2)
    rig.answer(rig.world.requests.pop(), Unavailable("HTTP 503"))
    rig.turn(200)
    rig.answer(rig.world.requests.pop())

    rig.turn(2)

    tallies = rig.pipeline.snapshot.tallies
    assert tallies.answers == {"unavailable": 1, "judged": 1}
    assert tallies.retries == {"unavailable": 1}
    assert tallies.batch_events.total == 6
    assert sum(tallies.durations.counts) == 3
    assert tallies.durations.total == pytest.approx(3 * 0.3 * 202)


def test_a_record_nobody_can_account_for_unbalances_the_ledger(rig: Rig) -> None:
    orders = assignment_of(0)
    rig.assign(orders)
    rig.give(orders, 0, "A-0")
    rig.turn()

    # As a defect would: settled behind the back of everybody who counts.
    rig.pipeline._books._trackers[orders].settle(0)

    assert rig.ledger["total"]["imbalance"] == 1
    assert not rig.ledger["balanced"]
