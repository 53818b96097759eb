"""Of a topic no more is read than was asked for, and nothing once somebody wants it to stop."""

from __future__ import annotations

from typing import Any

import pytest
from confluent_kafka import Producer

from consumer.cli.dlq_letters import Choice
from consumer.cli.dlq_reading import Letters
from consumer.cli.topic_reading import Extent, Span, newest, read_extent, read_topic, size_of
from consumer.config import Config
from tests.harness.cluster import EmbeddedCluster
from tests.unit.test_letters import REPLAYED


@pytest.fixture
def config(embedded: EmbeddedCluster) -> Config:
    """Of a topic `letters` with ten messages in each of two partitions."""
    embedded.create_topic("letters", 2)
    producer = Producer({"bootstrap.servers": embedded.bootstrap_servers})
    for partition in (0, 1):
        for _ in range(10):
            headers: Any = [*REPLAYED, ("conversions.group", b"others")]  # typed for sending
            producer.produce("letters", b"", partition=partition, headers=headers)
    assert producer.flush(10) == 0
    return Config.model_validate(
        {
            "kafka": {"bootstrap_servers": embedded.bootstrap_servers, "dead_letter_topic": "letters"},
            "schema_registry": {"url": "http://127.0.0.1:9"},
        }
    )


@pytest.mark.parametrize(
    ("span", "meant"),
    [
        (Span(), {0: (2, 10), 1: (0, 3)}),
        (Span(1), {1: (0, 3)}),
        (Span(0, 1, 5), {0: (2, 5)}),
        (Span(None, 3), {0: (3, 10)}),
        (Span(0, 4, 5), {0: (4, 5)}),
        (Span(2), {}),
    ],
)
def test_a_span_is_what_is_there_of_it(span: Span, meant: dict[int, tuple[int, int]]) -> None:
    assert span.of({0: (2, 10), 1: (0, 3), 3: (7, 7)}) == meant


def test_a_topic_is_read_whole_unless_a_span_is_named(config: Config) -> None:
    assert len(list(read_topic(config, "letters"))) == 20


def test_a_reading_begins_where_the_span_does(config: Config) -> None:
    first = next(iter(read_topic(config, "letters", Span(1, 7))))

    assert (first.partition(), first.offset()) == (1, 7)


def test_of_letters_only_the_partition_that_was_named_is_read(config: Config) -> None:
    letters = Letters(config, ["letters"], Choice("a-group", partition=1, from_offset=8))

    list(letters)

    assert letters.of_other_groups == 2


def test_nothing_is_read_once_it_was_stopped_though_no_letter_was_chosen(config: Config) -> None:
    letters = Letters(config, ["letters"], Choice("a-group"), is_stopped=lambda: True)

    list(letters)

    assert letters.of_other_groups == 0


@pytest.mark.parametrize(
    ("extent", "most", "chosen"),
    [
        pytest.param({0: (2, 10), 1: (0, 3)}, 11, {0: (2, 10), 1: (0, 3)}, id="all, if they are no more"),
        pytest.param({0: (0, 100), 1: (50, 150)}, 20, {0: (90, 100), 1: (140, 150)}, id="the newest of each"),
        pytest.param({0: (0, 300), 1: (0, 100)}, 40, {0: (270, 300), 1: (90, 100)}, id="in proportion"),
        pytest.param({0: (0, 5), 1: (0, 5), 2: (0, 5)}, 2, {1: (4, 5), 2: (4, 5)}, id="of some nothing"),
        pytest.param({}, 5, {}, id="nothing of nothing"),
    ],
)
def test_the_newest_of_an_extent_are_as_many_as_are_wanted(extent: Extent, most: int, chosen: Extent) -> None:
    assert newest(extent, most) == chosen


@pytest.mark.parametrize("most", range(1, 24))
def test_however_it_is_rounded_the_newest_add_up(most: int) -> None:
    assert size_of(newest({0: (0, 7), 1: (3, 4), 2: (10, 25)}, most)) == min(most, 23)


def test_of_an_extent_nothing_is_read_that_came_later(config: Config) -> None:
    read = list(read_extent(config, "letters", {0: (3, 5), 1: (9, 10)}))

    assert sorted((message.partition(), message.offset()) for message in read) == [(0, 3), (0, 4), (1, 9)]
