"""The values that stages hand to each other. Standard library only; no behaviour beyond themselves.

A *record* comes from Kafka, an *event* goes to Pinterest, a *batch* is what one request carries, a *verdict* is
what became of one event. A record is *settled* once nothing more is to be done for it: its event was accepted
(and its receipt, if there is to be one, acknowledged by the receipts topic), its letter was acknowledged by the
dead-letter topic, or it was skipped for a named reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Any, NamedTuple, Protocol

Headers = list[tuple[str, bytes | None]]


class SkipReason(StrEnum):
    """Why a record is settled without an event. A closed set: these are metric labels."""

    NOT_A_CONVERSION = "not_a_conversion"
    NOT_A_TRANSITION = "not_a_transition"
    ORIGIN_EXCLUDED = "origin_excluded"
    CHANNEL_EXCLUDED = "channel_excluded"
    NO_CONSENT = "no_consent"
    SUPPRESSED = "suppressed"
    BOT = "bot"
    TEST_ORDER = "test_order"
    TOO_OLD = "too_old"
    NO_IDENTITY = "no_identity"
    NOT_ADVERTISED = "not_advertised"
    OUTSIDE_CUTOVER = "outside_cutover"
    NO_SHARED_ID = "no_shared_id"
    DUPLICATE = "duplicate"
    ALREADY_SETTLED = "already_settled"
    TOMBSTONE = "tombstone"
    ACCOUNT_OFF = "account_off"
    ACCOUNT_IN_TEST = "account_in_test"


class DeadLetterReason(StrEnum):
    """Why a record went to the dead-letter topic. A closed set."""

    UNDECODABLE = "undecodable"
    SCHEMA_UNKNOWN = "schema_unknown"
    INVALID = "invalid"
    UNROUTABLE = "unroutable"
    IN_FUTURE = "in_future"
    OVERSIZED = "oversized"
    REJECTED = "rejected"
    REFUSED = "refused"
    ACCOUNT_HELD = "account_held"
    OUTCOME_UNKNOWN = "outcome_unknown"


class HoldCause(StrEnum):
    """Why something waits although nothing is wrong with the records themselves. A closed set."""

    UNAUTHORIZED = "unauthorized"
    FORBIDDEN = "forbidden"
    OPERATOR = "operator"
    THROTTLED = "throttled"
    UNAVAILABLE = "unavailable"
    AMBIGUOUS = "ambiguous"
    REGISTRY = "registry"
    SCHEMA_INCOMPATIBLE = "schema_incompatible"
    DEAD_LETTER_TOPIC = "dead_letter_topic"
    DEAD_LETTER_BREAKER = "dead_letter_breaker"
    RECEIPTS_TOPIC = "receipts_topic"
    POSITION_LOST = "position_lost"
    COMMITS = "commits"


class Wait(StrEnum):
    """Why a record is not settled yet, where nothing is held. A closed set."""

    BATCHING = "batching"
    QUEUED = "queued"
    IN_FLIGHT = "in_flight"
    COPY = "copy"
    SCHEMA = "schema"
    LETTER = "letter"
    RECEIPT = "receipt"
    NOWHERE = "nowhere"


@dataclass(frozen=True, slots=True)
class Hold:
    """What is not served for now, since when (monotonic) and what it was told."""

    cause: HoldCause
    since_s: float
    detail: str


class Message(Protocol):
    """A Kafka message as the client library hands it over; `confluent_kafka.Message` fits as it is.

    Kept whole until its record is settled, so that a dead letter can repeat it byte for byte.
    """

    def key(self) -> bytes | None: ...

    def value(self) -> bytes | None: ...

    def headers(self) -> Any: ...  # list of (name, bytes or None), or None when there are none

    def timestamp(self) -> tuple[int, int]: ...  # (type: 0 none, 1 create, 2 log append; milliseconds)

    def leader_epoch(self) -> int | None: ...


@dataclass(frozen=True, eq=False, slots=True)
class Assignment:
    """One period during which we own one partition; compared by identity.

    The same partition coming back is a new assignment, so a result that belongs to an old one finds nobody.
    """

    topic: str
    partition: int
    start_offset: int
    """Where this assignment starts to read."""
    metadata: str | None = None
    """What the last commit of this partition carried, if anything."""

    def __str__(self) -> str:
        return f"{self.topic}[{self.partition}]"


@dataclass(frozen=True, slots=True)
class CommitPoint:
    """What to commit for one assignment: the next offset to read, and the map of what is settled above it."""

    assignment: Assignment
    offset: int
    metadata: str


# Records and events are made once per message on the hot path: not frozen, as frozen dataclasses cost
# about three times as much to make. Only a record's size grows, by what is made of it.
@dataclass(eq=False, slots=True)
class Record:
    """One message taken from Kafka, and the assignment it was taken under."""

    assignment: Assignment
    offset: int
    message: Message
    size_bytes: int
    taken_s: float
    """Monotonic time at which it was taken."""
    _headers: Headers | None = field(default=None, init=False)
    _are_headers_read: bool = field(default=False, init=False)

    def headers(self) -> Headers | None:
        """The message's headers, or None if a name among them is not UTF-8.

        Asked of the message once only: confluent-kafka raises at such a name, and at the next call hands out tuples
        with a null pointer in them.
        """
        if not self._are_headers_read:
            self._are_headers_read = True
            try:
                self._headers = self.message.headers() or []
            except (UnicodeDecodeError, SystemError):  # which of them depends on how Python made the call
                self._headers = None
        return self._headers


@dataclass(eq=False, slots=True)
class Event:
    """One conversion on its way to one ad account, with the record it came from."""

    record: Record
    ad_account_id: str
    event_name: str
    action_source: str
    event_id: str
    order_id: str | None
    event_time_s: int
    value: Decimal | None
    currency: str | None
    body: bytes
    """The event as JSON, serialised once."""
    components: int = 0
    """Which of the eleven components of Pinterest's quality score it carries; see `pinterest/components.py`."""

    @property
    def key(self) -> tuple[str, str, str, str | None]:
        """Two events with the same key report the same action (P7)."""
        return (self.ad_account_id, self.event_name, self.event_id, self.order_id)


# --- what the decoder says of a record -------------------------------------------------------------------


class SchemaKind(StrEnum):
    """What a record names its writer's schema by. A closed set; each says how it stands in a text."""

    ID = ""
    """Of a Confluent-compatible registry."""
    GUID = "GUID "
    """Of the same registry, and of every other that holds the schema."""
    GLOBAL_ID = "global id "
    """Apicurio's, of one version of one artifact."""
    CONTENT_ID = "content id "
    """Apicurio's, of one content, in whichever artifacts it stands."""
    GLUE_VERSION = "version "
    """AWS Glue's, a UUID."""
    FINGERPRINT = "fingerprint "
    """Avro's CRC-64 of the schema itself: no registry knows it."""


class SchemaRef(NamedTuple):
    """Where a writer's schema is to be found."""

    # A tuple, as one is looked up for every record: with a dataclass that takes four times as long.
    id: int | str
    """A number; or the hexadecimal digits of a GUID, UUID or fingerprint, in the order in which they are written."""
    kind: SchemaKind = SchemaKind.ID

    def __str__(self) -> str:
        return f"{self.kind}{self.id}"

    @property
    def shape(self) -> str:
        """What may be told of it until somebody knows it: in another format its digits would be content."""
        return str(self) if isinstance(self.id, int) else f"{self.kind}of {len(self.id) // 2} bytes"


@dataclass(frozen=True, eq=False, slots=True)
class RecordSchema:
    """One Avro record of a writer's schema; compared by identity, as a schema is parsed once."""

    definition: Any
    """As fastavro has parsed it."""
    named: Mapping[str, Any]
    """Definitions of the named types that it uses, by full name."""


@dataclass(eq=False, slots=True)
class Decoded:
    """A record's content by field name, and the full name of the Avro record it was written as."""

    schema_name: str
    fields: dict[str, Any]
    schema: RecordSchema | None = None
    """What it was written by; None if only its content is known."""


@dataclass(frozen=True, slots=True)
class SchemaNeeded:
    """Ask the registry for this schema, then decode again."""

    ref: SchemaRef


@dataclass(frozen=True, slots=True)
class Undecodable:
    """Not what its topic promises; `detail` says what was found instead, never the bytes themselves."""

    detail: str
    reason: DeadLetterReason = DeadLetterReason.UNDECODABLE


# --- what the mapper says of a decoded record --------------------------------------------------------------


@dataclass(eq=False, slots=True)
class Mapped:
    """An event in Pinterest's own shape, for one ad account; checked, normalised and hashed."""

    ad_account_id: str
    payload: dict[str, Any]
    """Keys and values as the API takes them; money as strings."""
    clipped: tuple[str, ...] = ()
    """Names of optional fields that were shortened or left out because they broke a limit, and of what was done to the
    event as a whole: `tax_estimated`, `redacted`."""


@dataclass(frozen=True, slots=True)
class Skipped:
    """On purpose no event."""

    reason: SkipReason


@dataclass(frozen=True, slots=True)
class Invalid:
    """Cannot become an event, and a fix could save it. `problems` name fields and shapes, never values."""

    problems: tuple[str, ...]
    reason: DeadLetterReason = DeadLetterReason.INVALID


@dataclass(frozen=True, slots=True)
class Incompatible:
    """The mapping and the schema that the record was written by do not go together: a person must look."""

    problems: tuple[str, ...]
    """By target, what the schema lacks."""


@dataclass(frozen=True, slots=True)
class Lack:
    """A schema does not have something that the mapping of its records would like to read."""

    topic: str
    schema_name: str
    problem: str


MapOutcome = Mapped | Skipped | Invalid | Incompatible


# --- what one request carries ------------------------------------------------------------------------------


@dataclass(eq=False, slots=True)
class Search:
    """The search for the culprits of a batch that was refused without naming any; all pieces of the batch share it.

    It changes, and goes along on batches that cross threads: only the control thread looks inside.
    """

    oldest_s: int
    """Unix seconds of the oldest event of the batch as it was."""
    refusals_left: int
    """How many more requests may be refused before it is given up."""
    given_up: Rejected | None = None
    """The verdict on whoever was not told apart by then."""


@dataclass(frozen=True, eq=False, slots=True)
class Batch:
    """Events of one account for one request, and how often they were tried. Crosses threads, so it never changes."""

    ad_account_id: str
    events: tuple[Event, ...]
    attempts: int = 0
    """Requests made so far with these events."""
    not_before_s: float = 0.0
    """Monotonic time before which it must not be sent again."""
    unreadable: int = 0
    """How many of those requests were answered by something unreadable."""
    first_failed_s: float | None = None
    """Unix seconds of the first failure."""
    search: Search | None = None
    """What it is a piece of, if its batch was refused as a whole."""
    oldest_s: int = field(init=False)
    """Unix seconds of its oldest event."""

    def __post_init__(self) -> None:
        oldest_s = min((event.event_time_s for event in self.events), default=0)
        object.__setattr__(self, "oldest_s", oldest_s)


# --- what the sink says of an event ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Accepted:
    """Pinterest acknowledged this event. `warning` is its remark, if it made one."""

    warning: str = ""


@dataclass(frozen=True, slots=True)
class Rejected:
    """Pinterest will never take this event as it is."""

    detail: str
    reason: DeadLetterReason = DeadLetterReason.REJECTED
    http_status: int | None = None
    api_code: int | None = None


@dataclass(frozen=True, slots=True)
class Expired:
    """The event grew too old while it waited; Pinterest would refuse it."""


@dataclass(frozen=True, slots=True)
class Abandoned:
    """Its partition is no longer ours and nothing is under way for it: the next owner reads the record again."""


Outcome = Accepted | Rejected | Expired | Abandoned


@dataclass(frozen=True, slots=True)
class Verdict:
    """What finally became of one event, after how many requests."""

    event: Event
    outcome: Outcome
    attempts: int
    first_failed_s: float | None = None
    """Unix seconds of the first request that failed for it."""


# --- what a dead letter says of its record -----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Letter:
    """A record for the dead-letter topic, and why. Personal data never stands in `detail`."""

    record: Record
    reason: DeadLetterReason
    stage: str
    detail: str
    ad_account_id: str | None = None
    event_id: str | None = None
    http_status: int | None = None
    api_code: int | None = None
    attempts: int = 0
    first_failed_s: float | None = None
    """Unix seconds of the first failure, if this was not it."""


# --- what a receipt says of an accepted event --------------------------------------------------------------


@dataclass(eq=False, slots=True)
class Receipt:
    """Pinterest acknowledged an event, at that time; for the receipts topic."""

    event: Event
    wall_s: float
    """Unix seconds."""
    has_warning: bool = False

    @property
    def record(self) -> Record:
        return self.event.record
