"""Topics by name and by pattern: which entry is a real topic's."""

from __future__ import annotations

from typing import Any

import pytest

from consumer.by_topic import ByTopic
from consumer.config import Config
from consumer.stages.deadletter import LetterTopics

TOPICS = ByTopic({r"^shop\.(de|at)\..*$": "pattern", "shop.de.orders": "name", "^shop.*$": "later", "plain": "plain"})


@pytest.mark.parametrize(
    ("topic", "found"),
    [
        ("plain", "plain"),
        ("shop.de.orders", "name"),
        ("shop.at.orders", "pattern"),
        ("shop.fr.orders", "later"),
        ("shops", "later"),
    ],
)
def test_a_name_counts_before_the_patterns_and_these_in_their_order(topic: str, found: str) -> None:
    assert topic in TOPICS
    assert TOPICS[topic] == found


@pytest.mark.parametrize("topic", ["other", "plains", "my.shop.de.orders", ""])
def test_what_matches_nothing_has_no_entry(topic: str) -> None:
    assert topic not in TOPICS
    with pytest.raises(KeyError):
        TOPICS[topic]


def test_a_named_topic_takes_nothing_of_a_pattern_that_it_matches() -> None:
    shop = {"mapping": "order", "dead_letter_topic": "failed", "transactional": True}
    found = config(topics={r"^orders\..*$": shop, "orders.de": {"mapping": "order"}})

    assert (found.is_transactional("orders.de"), found.is_transactional("orders.at")) == (False, True)
    assert found.own_dead_letter_topics.get("orders.de") == "shop.dead-letter"
    assert found.own_dead_letter_topics.get("orders.at") == "failed"


def test_what_is_found_changes_nothing_of_what_was_said() -> None:
    before = list(TOPICS)

    assert TOPICS["shop.at.visits"] == "pattern"

    assert list(TOPICS) == before


def config(**sections: Any) -> Config:
    return Config.model_validate(
        {
            "kafka": {"bootstrap_servers": "127.0.0.1:9092", "group_id": "shop"},
            "schema_registry": {"url": "http://127.0.0.1:8081"},
            **sections,
        }
    )


def test_letters_of_a_patterns_topics_may_have_a_topic_of_their_own() -> None:
    own = config(
        topics={r"^orders\..*$": {"mapping": "order", "dead_letter_topic": "failed"}, "visits": {"mapping": "visit"}}
    )
    topics = LetterTopics(own.dead_letter_topic, own.own_dead_letter_topics)

    assert (topics.of("orders.de"), topics.of("visits")) == ("failed", "shop.dead-letter")


@pytest.mark.parametrize(
    ("pattern", "told"),
    [
        (r"^shop.*$", "a dead-letter topic stands in `topics`"),
        (r"^shop\.replay$", "`kafka.replay_topic` must be a topic of its own"),
        (r".*receipts", None),
        (r"^.*receipts$", "`receipts.topic` must be a topic of its own"),
        (r"^orders\.(de|at)[0-9]{1,2}$", None),
        (r"^shop($", "is no regular expression"),
        (r"^orders", "must end with"),
        (r"^orders-\d+$", "not all who read it know"),
        (r"^orders-[[:digit:]]+$", "not all who read it know"),
        (r"^(?:orders|visits)$", "not all who read it know"),
        (r"^orders.*?$", "not all who read it know"),
        (r"^orders|visits$", "outside of parentheses"),
    ],
)
def test_a_pattern_must_be_one_and_not_match_what_we_write(pattern: str, told: str | None) -> None:
    if told is None:
        assert pattern in config(topics={pattern: {"mapping": "order"}}).topics
        return
    with pytest.raises(ValueError, match=told):
        config(topics={pattern: {"mapping": "order"}})
