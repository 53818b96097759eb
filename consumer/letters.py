"""What stands in the headers of a dead letter, and what a replay carries on of them. Pure.

A letter repeats its record and adds headers of ours. Where the record first failed survives every replay; what went
wrong is of the last failure. The producer's own headers stay as they were.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from consumer.records import Headers, Letter

PREFIX = "conversions."
"""Of every header that is ours; the producer's own headers stay as they were."""

_FIRST_FAILURE = ("topic", "partition", "offset", "timestamp", "first-failed-at")
_LAST_FAILURE = (
    *("reason", "detail", "stage", "group", "ad-account-id", "event-id", "http-status", "api-code", "attempts"),
    *("failed-at", "replays", "value-omitted", "headers-omitted"),
)
LETTER_POSITION = ("letter-topic", "letter-partition", "letter-offset")
"""Only on what is replayed: the letter that it was made of."""
OURS = frozenset(PREFIX + name for name in (*_FIRST_FAILURE, *_LAST_FAILURE, *LETTER_POSITION))
"""Every header that the consumer or a replay writes, by its whole name."""

_MOST_DIGITS = 19  # of a 64-bit number


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a record first failed, as its replay says."""

    topic: str
    partition: int
    offset: int
    timestamp: str
    first_failed_at: str
    replays: int
    is_value_omitted: bool


def said_of(headers: Headers | None) -> dict[str, str]:
    """Our own headers without their prefix; of several with one name the last, as Kafka's own clients take it."""
    return {
        name.removeprefix(PREFIX): (value or b"").decode("utf-8", "replace")
        for name, value in headers or []
        if name in OURS
    }


def own_headers(headers: Headers | None) -> Headers:
    """What the producer wrote, and not we."""
    return [(name, value) for name, value in headers or [] if name not in OURS]


def origin_of(headers: Headers | None) -> Origin | str:
    """Where a replayed record comes from, or what is wrong with the headers that should say it."""
    said = said_of(headers)
    if not said.get("topic"):
        return f"the header {PREFIX}topic is missing or empty: nothing says whose mapping applies"
    for name in ("partition", "offset"):
        if number_in(said, name) is None:
            return f"the header {PREFIX}{name} is missing or no number"
    return Origin(
        topic=said["topic"],
        partition=int(said["partition"]),
        offset=int(said["offset"]),
        timestamp=said.get("timestamp", ""),
        first_failed_at=said.get("first-failed-at", ""),
        replays=number_in(said, "replays") or 0,
        is_value_omitted=said.get("value-omitted") == "true",
    )


def origin_for(headers: Headers | None, group: str) -> Origin | str:
    """As `origin_of`, of a replay for this very consumer group: another group's is delivered by that one."""
    origin = origin_of(headers)
    if isinstance(origin, Origin) and said_of(headers).get("group") != group:
        return (
            f"the header {PREFIX}group does not name this consumer group: the letter was another one's, which delivers "
            "it; give each group a `kafka.replay_topic` of its own"
        )
    return origin


def number_in(said: Mapping[str, str], name: str) -> int | None:
    """A header that is a whole number, not negative; None if it is missing or something else."""
    text = said.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS else None


def letter_headers(
    letter: Letter,
    *,
    group: str,
    failed_s: float,
    origin: Origin | None,
    is_value_omitted: bool,
    are_headers_omitted: bool,
) -> Headers:
    """The headers of a letter: the record's own first, then ours.

    Args:
        letter: What went wrong.
        group: The consumer group that gave up.
        failed_s: Unix seconds at which it did.
        origin: Of a replayed record, where it first failed.
        is_value_omitted: The letter goes without its record's value.
        are_headers_omitted: It goes without the record's own headers.
    """
    record, where = letter.record, letter.record.assignment
    first_failed_at = iso(letter.first_failed_s or failed_s)
    before = record.headers()
    own = own_headers(before)
    ours: dict[str, object] = {
        "reason": letter.reason,
        "detail": letter.detail,
        "stage": letter.stage,
        "topic": where.topic,
        "partition": where.partition,
        "offset": record.offset,
        "timestamp": record.message.timestamp()[1],
        "group": group,
        "ad-account-id": letter.ad_account_id,
        "event-id": letter.event_id,
        "http-status": letter.http_status,
        "api-code": letter.api_code,
        "attempts": letter.attempts,
        "first-failed-at": first_failed_at,
        "failed-at": iso(failed_s),
        # Of any record, as one that was replayed to its source comes back from there.
        "replays": number_in(said_of(before), "replays") or 0,
        "value-omitted": "true" if is_value_omitted else None,
        # Or nobody could read them.
        "headers-omitted": "true" if before is None or (are_headers_omitted and own) else None,
    }
    if origin is not None:
        ours |= {
            "topic": origin.topic,
            "partition": origin.partition,
            "offset": origin.offset,
            "timestamp": origin.timestamp,
            "first-failed-at": origin.first_failed_at or first_failed_at,
        }
    added = [(PREFIX + name, str(value).encode()) for name, value in ours.items() if value is not None]
    return [*([] if are_headers_omitted else own), *added]


def iso(unix_s: float) -> str:
    """As the headers have times."""
    return datetime.fromtimestamp(unix_s, UTC).isoformat(timespec="milliseconds")
