"""A replay is written no faster than it may be, notices whoever writes beside it, and survives a large letter."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from consumer.cli import dlq_writing
from consumer.cli.dlq_replay import Progress
from consumer.cli.dlq_writing import Ends, Pace, ReplayWriter
from consumer.config import Kafka
from consumer.errors import ConsumerError

KAFKA = Kafka(bootstrap_servers="127.0.0.1:9")
Done = Callable[[KafkaError | None, Any], None]


class Delivered:
    def partition(self) -> int:
        return 0

    def offset(self) -> int:
        return -1


class Answering:
    """In the place of the client's producer: the next answer is for the next message."""

    def __init__(self) -> None:
        self.properties: dict[str, Any] = {}
        self.raises: list[int | None] = []
        self.answers: list[int | None] = []
        self._sent: list[Done] = []

    def __call__(self, properties: dict[str, Any], **_: object) -> Answering:
        self.properties = properties
        return self

    def produce(self, _topic: str, *, on_delivery: Done, **_: object) -> None:
        if self.raises and (code := self.raises.pop(0)) is not None:
            raise KafkaException(KafkaError(code))
        self._sent.append(on_delivery)

    def poll(self, _timeout_s: float) -> int:
        while self._sent and self.answers:
            code = self.answers.pop(0)
            self._sent.pop(0)(None if code is None else KafkaError(code), Delivered())
        return 0

    def flush(self, _timeout_s: float) -> int:
        self.poll(0)
        return len(self._sent)


@pytest.fixture
def producer(monkeypatch: pytest.MonkeyPatch) -> Answering:
    answering = Answering()
    monkeypatch.setattr(dlq_writing, "Producer", answering)
    return answering


def a_writer(ends: Ends | None = None) -> ReplayWriter:
    return ReplayWriter(KAFKA, rate=1_000_000, total=3, ends=ends, then="see above")


def write(writer: ReplayWriter, progress: Progress, offset: int) -> None:
    place = ("letters", 0, offset)
    progress.begin(place)
    writer.write("replays", key=None, value=b"", headers=[], done=lambda: progress.end(place))


@pytest.mark.parametrize("by_the_client", [True, False])
def test_a_letter_that_is_too_large_is_counted_and_the_others_go_on(
    producer: Answering, *, by_the_client: bool
) -> None:
    refused = KafkaError.MSG_SIZE_TOO_LARGE
    if by_the_client:
        producer.raises, producer.answers = [refused, None, None], [None, None]
    else:
        producer.answers = [refused, None, None]
    writer, progress = a_writer(), Progress()

    for offset in range(3):
        write(writer, progress, offset)
    writer.finish()

    assert (writer.written, writer.too_large) == (2, 1)
    assert progress.next_offset("letters", 0, 0) == 3
    # Brokers refuse whole batches, also for the size of what else is in them.
    assert producer.properties["batch.num.messages"] == 1


def test_any_other_refusal_ends_the_run_with_what_to_do(producer: Answering) -> None:
    writer, progress = a_writer(), Progress()
    for offset in range(3):
        write(writer, progress, offset + 7)
    producer.answers = [None, *[KafkaError.TOPIC_AUTHORIZATION_FAILED] * 2]

    with pytest.raises(ConsumerError, match="see above"):
        writer.finish()

    assert writer.written == 1
    assert progress.next_offset("letters", 0, 0) == 8


def test_one_goes_on_behind_what_is_safe_without_a_hole() -> None:
    progress = Progress()
    for offset in (4, 5, 9):
        progress.begin(("letters", 1, offset))
    progress.end(("letters", 1, 5))

    before = progress.next_offset("letters", 1, 0)
    progress.end(("letters", 1, 4))
    meanwhile = progress.next_offset("letters", 1, 0)
    progress.end(("letters", 1, 9))

    assert (before, meanwhile, progress.next_offset("letters", 1, 0)) == (4, 9, 10)
    assert progress.next_offset("letters", 2, 3) == 3  # not begun


def test_an_acknowledgement_without_its_offset_is_no_sign_of_others() -> None:
    ends = Ends(lambda: {0: 10})

    told = [ends.is_ours_alone(0, offset) for offset in (10, -1, None, 13)]

    assert told == [True] * 4
    assert not ends.is_ours_alone(0, 15)


@pytest.mark.parametrize(("real", "is_alone"), [({0: 11, 1: 5}, True), ({0: 11, 1: 6}, False), ({0: 12, 1: 5}, False)])
def test_others_are_noticed_by_the_end_wherever_they_wrote(real: dict[int, int], *, is_alone: bool) -> None:
    answers = iter([{0: 10, 1: 5}, real])
    ends = Ends(lambda: next(answers))
    ends.is_ours_alone(0, 10)

    assert ends.were_ours_alone() is is_alone


def test_a_run_does_not_succeed_beside_another_on_another_partition(producer: Answering) -> None:
    answers = iter([{0: 0, 1: 0}, {0: 1, 1: 1}])
    producer.answers = [None]
    writer = a_writer(Ends(lambda: next(answers)))
    write(writer, Progress(), 0)

    with pytest.raises(ConsumerError, match="at the same time"):
        writer.finish()


def test_time_that_was_lost_is_not_made_up_for() -> None:
    pace = Pace(rate=10)

    turns = [pace.next_s(now_s) for now_s in (0.0, 0.0, 5.0, 5.0, 5.0)]

    assert turns == pytest.approx([0.0, 0.1, 5.0, 5.1, 5.2])
