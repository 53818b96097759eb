"""What a replay topic must be like, so that what was replayed is remembered as long as its letter stands."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from consumer.cli.dlq_topics import FOREVER_MS, Told, memory_problems, replay_topic_settings, start_of_memory
from consumer.errors import ConsumerError

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
LETTERS = {"cleanup.policy": "delete", "retention.ms": "1000"}


@pytest.mark.parametrize(
    ("replays", "words"),
    [
        pytest.param(LETTERS, [], id="alike"),
        pytest.param(None, [], id="not told"),
        pytest.param({"cleanup.policy": "compact", "retention.ms": "1000"}, ["is compacted"], id="compacted"),
        pytest.param({"cleanup.policy": "compact,delete", "retention.ms": "1000"}, ["is compacted"], id="both"),
        pytest.param({"cleanup.policy": "delete", "retention.ms": "999"}, ["shorter than that of letters"], id="short"),
    ],
)
def test_a_topic_that_forgets_is_refused(replays: Told, words: list[str]) -> None:
    problems = memory_problems("replays", {"replays": replays, "letters": LETTERS})

    assert len(problems) == len(words)
    assert all(word in problem for word, problem in zip(words, problems, strict=True))


@pytest.mark.parametrize(
    ("kept_ms", "start"),
    [(60_000, NOW - timedelta(minutes=1)), (FOREVER_MS, None), (None, None), (9_223_372_036_854_775_807, None)],
)
def test_what_is_older_than_the_retention_may_be_forgotten(kept_ms: int | None, start: datetime | None) -> None:
    assert start_of_memory(kept_ms, NOW) == start


def test_a_new_one_is_as_the_widest_topic_and_keeps_as_long_as_any() -> None:
    wide = {"retention.ms": "1000", "max.message.bytes": "5000000", "min.insync.replicas": "2"}
    narrow = {"retention.ms": "2000", "max.message.bytes": "1000", "min.insync.replicas": "1"}

    settings = replay_topic_settings("wide", {"wide": wide, "narrow": narrow})

    copied = {"max.message.bytes": "5000000", "min.insync.replicas": "2"}
    assert settings == {"cleanup.policy": "delete", "retention.ms": "2000", **copied}


def test_a_new_one_keeps_for_ever_if_any_does() -> None:
    told: dict[str, Told] = {"a": {"retention.ms": "1000"}, "b": {"retention.ms": "-1"}}

    assert replay_topic_settings("a", told)["retention.ms"] == "-1"


def test_none_is_made_where_nobody_tells_for_how_long_it_must_keep() -> None:
    with pytest.raises(ConsumerError, match="DESCRIBE_CONFIGS"):
        replay_topic_settings("letters", {"letters": LETTERS, "others": None})
