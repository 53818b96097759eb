"""Dead letters as the commands see them: read out of messages, and chosen by what they say. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from consumer.letters import Origin, origin_of, own_headers, said_of
from consumer.records import DeadLetterReason, Headers, Message

Position = tuple[str, int, int]
"""Topic, partition, offset."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One letter, and where it stands itself."""

    position: Position
    reason: DeadLetterReason
    origin: Origin
    failed_at: datetime
    said: Mapping[str, str]
    """Our headers, without their prefix."""
    key: bytes | None
    value: bytes | None
    own: Headers
    """The producer's headers."""

    @property
    def account(self) -> str:
        """Its ad account; empty where there was none yet."""
        return self.said.get("ad-account-id", "")

    @property
    def needs_original(self) -> bool:
        """Is there less in it than its record had?"""
        return self.origin.is_value_omitted or self.said.get("headers-omitted") == "true"


def letter_in(message: Message, position: Position) -> DeadLetter | None:
    """The letter that a message is; None if it is something else."""
    headers = headers_of(message)
    said, origin = said_of(headers), origin_of(headers)
    try:
        reason = DeadLetterReason(said.get("reason", ""))
        failed_at = datetime.fromisoformat(said.get("failed-at", ""))
    except ValueError:
        return None
    if isinstance(origin, str) or failed_at.tzinfo is None:
        return None
    own = own_headers(headers)
    return DeadLetter(position, reason, origin, failed_at, said, message.key(), message.value(), own)


def headers_of(message: Message) -> Headers | None:
    """None if the name of one is not UTF-8."""
    try:
        return message.headers() or []
    except (UnicodeDecodeError, SystemError):  # which of them depends on how Python made the call
        return None


@dataclass(frozen=True, slots=True)
class Choice:
    """Which letters are meant; what is empty or None chooses none away."""

    group: str
    """Only what this consumer group gave up: another one may have delivered the same records."""
    reasons: frozenset[DeadLetterReason] = frozenset()
    accounts: frozenset[str] = frozenset()
    topics: frozenset[str] = frozenset()
    """Where the records first failed."""
    since: datetime | None = None
    until: datetime | None = None
    partition: int | None = None
    from_offset: int = 0
    until_offset: int | None = None

    def takes(self, letter: DeadLetter) -> bool:
        _, partition, offset = letter.position
        return (
            self.is_of_the_group(letter)
            and (not self.reasons or letter.reason in self.reasons)
            and (not self.accounts or letter.account in self.accounts)
            and (not self.topics or letter.origin.topic in self.topics)
            and (self.since is None or letter.failed_at >= self.since)
            and (self.until is None or letter.failed_at < self.until)
            and (self.partition is None or partition == self.partition)
            and offset >= self.from_offset
            and (self.until_offset is None or offset < self.until_offset)
        )

    def is_of_the_group(self, letter: DeadLetter) -> bool:
        return letter.said.get("group") == self.group
