"""Whereabouts: in which stage a record is, and so why it waits. The stage that has it knows; nothing else is kept."""

from __future__ import annotations

from collections.abc import Iterator, Set
from dataclasses import dataclass

from consumer.letter_breaker import LetterBreaker
from consumer.records import HoldCause, Record, Wait
from consumer.schema_holds import SchemaHolds
from consumer.stages.batcher import Batcher, Repeats
from consumer.stages.deadletter import DeadLetters
from consumer.stages.lookups import Lookups
from consumer.stages.receipts import Receipts
from consumer.stages.sink import Sink


@dataclass(frozen=True, slots=True)
class Place:
    """What is known of a record that is not settled."""

    because: Wait | HoldCause
    ad_account_id: str | None = None
    """Whose it is, if that is known already."""


class Whereabouts:
    """Searches the stages. Used by the control thread.

    Args:
        lookups: A stage that may have a record, as are those that follow.
        repeats: Copies held back.
        batcher: Growing batches.
        sink: What is sent, or is to be sent.
        dead_letters: Letters not yet safe.
        receipts: Receipts not yet safe, if they are written.
        letter_breaker: Letters that are withheld.
        schema_holds: Records of schemas that their mapping does not fit.
    """

    def __init__(
        self,
        *,
        lookups: Lookups,
        repeats: Repeats,
        batcher: Batcher,
        sink: Sink,
        dead_letters: DeadLetters,
        receipts: Receipts | None,
        letter_breaker: LetterBreaker,
        schema_holds: SchemaHolds,
    ) -> None:
        self._lookups = lookups
        self._repeats = repeats
        self._batcher = batcher
        self._sink = sink
        self._dead_letters = dead_letters
        self._receipts = receipts
        self._letter_breaker = letter_breaker
        self._schema_holds = schema_holds

    def find(self, wanted: Set[Record]) -> dict[Record, Place]:
        """Where these are. What is nowhere is lost to us: a defect."""
        found: dict[Record, Place] = {}
        if wanted:
            for record, place in self._everywhere(wanted):
                found[record] = place
                if len(found) == len(wanted):
                    return found
        return found | {record: Place(Wait.NOWHERE) for record in wanted - found.keys()}

    def _everywhere(self, wanted: Set[Record]) -> Iterator[tuple[Record, Place]]:
        """From where the oldest are likely to be to where the youngest are: the search ends with the last one found."""
        for event, why in self._sink.find(wanted):
            yield event.record, Place(why, event.ad_account_id)
        for letter in self._letter_breaker.find(wanted):
            yield letter.record, Place(HoldCause.DEAD_LETTER_BREAKER, letter.ad_account_id)
        for record in self._schema_holds.find(wanted):
            yield record, Place(HoldCause.SCHEMA_INCOMPATIBLE)
        for letter in self._dead_letters.find(wanted):
            yield letter.record, Place(self._dead_letters.hold or Wait.LETTER, letter.ad_account_id)
        if self._receipts is not None:
            for receipt in self._receipts.find(wanted):
                yield receipt.record, Place(self._receipts.hold or Wait.RECEIPT, receipt.event.ad_account_id)
        for record, is_unreachable in self._lookups.find(wanted):
            yield record, Place(HoldCause.REGISTRY if is_unreachable else Wait.SCHEMA)
        for event in self._repeats.find(wanted):
            yield event.record, Place(Wait.COPY, event.ad_account_id)
        for event in self._batcher.find(wanted):
            yield event.record, Place(Wait.BATCHING, event.ad_account_id)
