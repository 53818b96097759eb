"""What is said of topics by name or by pattern, found by the name of a real one."""

from __future__ import annotations

import re
from typing import Any, TypeVar

T = TypeVar("T")

PATTERN_MARK = "^"
"""A topic's name that begins so is a pattern. Source: librdkafka, `rd_kafka_subscribe`."""

_OF_ONE_DIALECT = re.compile(r"\[\[?:|\\[A-Za-z0-9]|\(\?|[*+?}]\?")


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
    return said == topic or (said.startswith(PATTERN_MARK) and re.fullmatch(said, topic) is not None)


def pattern_problem(pattern: str) -> str | None:
    """Why a pattern may not mean the same to all who read it: we, as Python; librdkafka, as POSIX has extended regular
    expressions; and under `group_protocol: consumer` the broker, as RE2 and always of the whole name."""
    if found := _OF_ONE_DIALECT.search(pattern):
        return f"has `{found[0]}`, which not all who read it know; write it with . * + ? [ ] ( | ) alone"
    try:
        re.compile(pattern)
    except re.error:
        return "is no regular expression"
    if not pattern.endswith("$") or pattern.endswith("\\$"):
        return "must end with `$`: it is of the whole name, as in `^shop\\..*$`"
    if "|" in _outside_groups(pattern):
        return "has `|` outside of parentheses; write `^(one|other)$`"
    return None


def _outside_groups(pattern: str) -> str:
    outside, depth = [], 0
    for character in re.sub(r"\\.|\[[^\]]*\]", "", pattern):
        depth += (character == "(") - (character == ")")
        outside.append(character if depth == 0 else "")
    return "".join(outside)
