"""Receipts: writes for every accepted event, into a topic of their own, what was accepted, when, and from which record.

A record counts as settled only once every in-sync replica has its receipt. What is wrong with the topic holds receipts
here for another try, and, as they were accepted already, keeps further events from being sent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Set
from typing import Any

from consumer.acknowledged import Acknowledged, Written
from consumer.receipt_form import key_of, value_of
from consumer.records import Assignment, HoldCause, Receipt, Record
from consumer.timing import Clock

MOST_WAITING = 10_000
"""From so many receipts on that wait for the topic nothing more is sent: a kill makes all of them be sent again."""


class Receipts:
    """The producer of receipts. Used by one thread; `poll` serves its callbacks.

    Args:
        properties: Of librdkafka's producer, with acks=all and idempotence.
        topic: Where receipts go.
        mapping: The digest of what decides the mapping.
        clock: For the spacing of retries.
        alarm: Told once whenever the topic starts to refuse receipts: which, and the client's error name.
        is_ours: Is this assignment still ours, even if about to leave? Receipts of others are not tried again: the next
            owner sends the event once more, and writes its own.

    Raises:
        ConfigError: librdkafka refuses a property.
    """

    def __init__(
        self,
        properties: dict[str, Any],
        *,
        topic: str,
        mapping: str,
        clock: Clock,
        alarm: Callable[[str, str], None],
        is_ours: Callable[[Assignment], bool],
    ) -> None:
        def write(receipt: Receipt) -> Written:
            return Written(topic, key_of(receipt), value_of(receipt, mapping))

        self._producer = Acknowledged(properties, write=write, clock=clock, alarm=alarm, is_ours=is_ours)

    def send(self, receipt: Receipt) -> None:
        """Write a receipt; it comes back from `poll` once it is safe."""
        self._producer.send(receipt)

    def poll(self) -> tuple[list[Receipt], list[Receipt]]:
        """Serve the producer.

        Returns:
            The receipts that are safe since the last call; and those that were refused since, after their assignment
            had ended, and are not tried again.

        Raises:
            FatalError: The producer gave up.
        """
        return self._producer.poll()

    @property
    def hold(self) -> HoldCause | None:
        """Set while the topic refuses receipts."""
        return HoldCause.RECEIPTS_TOPIC if self._producer.is_refusing else None

    @property
    def has_room(self) -> bool:
        """May more events be sent, whose receipts would then have to be written?"""
        return not self._producer.is_refusing and self._producer.waiting < MOST_WAITING

    @property
    def waiting(self) -> int:
        """Receipts not yet safe."""
        return self._producer.waiting

    def under_way(self, assignments: set[Assignment]) -> list[Receipt]:
        """The receipts for events of these assignments that are not safe yet, those to be tried again among them.

        Pinterest has these events already, so whatever is not waited for will be sent twice.
        """
        return self._producer.under_way(assignments)

    def find(self, records: Set[Record]) -> Iterator[Receipt]:
        """The receipts for events of these records that are here."""
        return self._producer.find(records)

    def abandon(self, assignments: set[Assignment]) -> list[Receipt]:
        """Give up the receipts of these assignments that wait for another try; returns them."""
        return self._producer.abandon(assignments)

    def close(self) -> None:
        """Drop what is not written yet; its records were not settled, so they are read again."""
        self._producer.close()
