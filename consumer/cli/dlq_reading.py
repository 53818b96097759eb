"""Reads dead letters, and which of them were replayed. No group is joined, nothing is committed."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Iterator
from typing import Any

from consumer.cli.dlq_letters import Choice, DeadLetter, letter_in
from consumer.cli.dlq_plan import Failures, replayed_in
from consumer.cli.topic_reading import Span, read_topic
from consumer.config import Config
from consumer.records import Message


class Letters:
    """The letters that were chosen, in the order of each partition; counts what else stands there.

    Args:
        settings: Of the consumer whose letters they are.
        topics: To be read.
        choice: Which are meant.
        is_stopped: Asked now and then: if so, no more are read.
    """

    def __init__(
        self,
        settings: Config,
        topics: Collection[str],
        choice: Choice,
        *,
        is_stopped: Callable[[], bool] = lambda: False,
    ) -> None:
        self._settings = settings
        self._topics = topics
        self._choice = choice
        self._span = Span(choice.partition, choice.from_offset, choice.until_offset)
        self._is_stopped = is_stopped
        self.of_other_groups = 0
        self.no_letters = 0

    def __iter__(self) -> Iterator[tuple[DeadLetter, Message]]:
        self.of_other_groups = self.no_letters = 0
        for topic in self._topics:
            for message in read_topic(self._settings, topic, self._span, is_stopped=self._is_stopped):
                read: Any = message
                letter = letter_in(read, (topic, message.partition() or 0, message.offset() or 0))
                if letter is None:
                    self.no_letters += 1
                elif not self._choice.is_of_the_group(letter):
                    self.of_other_groups += 1
                elif self._choice.takes(letter):
                    yield letter, read

    def complain(self) -> None:
        """Tell of what stands there and is not read."""
        where = ", ".join(self._topics)
        if self.of_other_groups:
            print(
                f"conversions: {where}: {self.of_other_groups:,} letters of other groups passed over", file=sys.stderr
            )
        if self.no_letters:
            print(f"conversions: {where}: {self.no_letters:,} messages are no letters of ours", file=sys.stderr)


def replayed(settings: Config, *, has_topic: bool) -> Failures:
    """What the replay topic holds a replay of; nothing if there is no such topic yet."""
    messages: Any = read_topic(settings, settings.replay_topic) if has_topic else ()
    return replayed_in(messages, settings.group_id)
