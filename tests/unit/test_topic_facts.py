"""What a topic's configuration says of gaps and retention."""

from __future__ import annotations

import pytest

from consumer.topic_facts import TopicFacts, facts_of


@pytest.mark.parametrize(
    ("policy", "retention_ms", "facts"),
    [
        ("delete", "604800000", TopicFacts(is_compacted=False, retention_s=604_800)),
        ("delete", "-1", TopicFacts(is_compacted=False, retention_s=None)),
        ("compact", "604800000", TopicFacts(is_compacted=True, retention_s=None)),
        ("compact,delete", "86400000", TopicFacts(is_compacted=True, retention_s=86_400)),
        ("delete, compact", "86400000", TopicFacts(is_compacted=True, retention_s=86_400)),
        (None, None, TopicFacts(is_compacted=False, retention_s=None)),
    ],
)
def test_compaction_and_retention_go_by_the_policy(
    policy: str | None, retention_ms: str | None, facts: TopicFacts
) -> None:
    assert facts_of({"cleanup.policy": policy, "retention.ms": retention_ms, "retention.bytes": "-1"}) == facts
