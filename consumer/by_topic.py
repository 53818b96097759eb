"""What is said of topics by name or by pattern, found by the name of a real one."""

from __future__ import annotations

import re
from typing import Any, TypeVar

T = TypeVar("T")

PATTERN_MARK = "^"
"""A topic's name that begins so is a pattern. Source: librdkafka, `rd_kafka_subscribe`."""


class ByTopic(dict[str, T]):
    """A dictionary whose keys are names and patterns; a real topic's name finds its own entry, else the first pattern's
    that it matches. Iterated over, it gives what was said."""

    def __missing__(self, topic: str) -> T:
        for said, value in self.items():
            if is_match(said, topic):
                return value
        raise KeyError(topic)

    def get(self, topic: str, default: Any = None) -> Any:
        return self[topic] if topic in self else default  # noqa: SIM401 - this is `get`

    def __contains__(self, topic: object) -> bool:
        return super().__contains__(topic) or (isinstance(topic, str) and any(is_match(said, topic) for said in self))


def is_match(said: str, topic: str) -> bool:
    """Is a configured name that topic's, or a pattern that it matches?"""
    return said == topic or (said.startswith(PATTERN_MARK) and re.match(said, topic) is not None)
