"""What an operator can set: sections, keys, defaults, limits. How it is read stands in `config_sources.py`."""

from __future__ import annotations

from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from consumer.by_topic import PATTERN_MARK, ByTopic, pattern_problem

AdAccountId = Annotated[str, Field(pattern=r"^[0-9]{1,18}$")]
"""Digits only, at most 18. Source: Pinterest API v5 description, parameter `path_ad_account_id`."""

NOT_ADVERTISED = "none"
"""In the routing table: this merchant does not advertise, skip its records."""

BundledName = Literal["order", "visit"]
BUNDLED_MAPPINGS: tuple[BundledName, ...] = get_args(BundledName)
"""The mappings that come along, by name."""
SKIP_RECORDS = "skip"
"""Instead of a mapping: records of this type are skipped."""

OWNED_PROPERTIES = frozenset(
    {
        "acks",
        "auto.commit.enable",
        "auto.offset.reset",
        "bootstrap.servers",
        "delivery.report.only.error",
        "enable.auto.commit",
        "enable.auto.offset.store",
        "enable.idempotence",
        "enable.partition.eof",
        "group.id",
        "group.instance.id",
        "group.protocol",
        "isolation.level",
        "log.queue",
        "metadata.broker.list",
        "offset.store.method",
        "partition.assignment.strategy",
        "request.required.acks",
        "transactional.id",
    }
)
"""librdkafka properties that the delivery promises rest on, by all their names; refused in `kafka.properties`."""

KEYS_OF_PROPERTIES = {
    "security.protocol": "security_protocol",
    "sasl.mechanism": "sasl_mechanism",
    "sasl.mechanisms": "sasl_mechanism",
    "sasl.username": "sasl_username",
    "sasl.password": "sasl_password",
    "ssl.ca.location": "ssl_ca_file",
}
"""librdkafka properties that have a key of their own in `kafka`; either may say it, never both."""

_CLASSIC_ONLY = frozenset({"session.timeout.ms", "heartbeat.interval.ms", "group.protocol.type"})
"""Under KIP-848 the broker decides these, and librdkafka refuses them. Source: its guide for that migration."""


class Section(BaseModel):
    """Unknown keys are errors: a misspelt setting must not be a silent default."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, hide_input_in_errors=True)


AWS_REMEDY = "pip install 'pinterest-conversions-consumer[aws]'"
"""Installs what AWS Glue and IAM need."""

SectionT = TypeVar("SectionT", bound=Section)


def _has_aws() -> bool:
    return all(find_spec(name) is not None for name in ("boto3", "aws_msk_iam_sasl_signer"))


def _sound(section: SectionT, problems: list[str]) -> SectionT:
    """`section` as it is if nothing is wrong with it; else every problem at once, one a line."""
    if problems:
        raise ValueError("\n".join(problems))
    return section


def _with_zone(moment: Any) -> Any:
    if isinstance(moment, datetime) and moment.tzinfo is None:
        raise ValueError("a time needs its zone, as in 2026-11-01T00:00:00Z")
    return moment


class Kafka(Section):
    bootstrap_servers: str = Field(min_length=1)
    """Brokers to start from, `host:port` separated by commas."""
    group_id: str = "pinterest-conversions"
    """Consumer group; also the stem of the dead-letter topic's name."""
    group_protocol: Literal["classic", "consumer"] = "classic"
    """`consumer` is the protocol of KIP-848, for brokers from 4.0 on."""
    assignment_strategy: Literal["cooperative-sticky", "range", "roundrobin"] = "cooperative-sticky"
    """Only under the classic protocol; all but `cooperative-sticky` hand every partition over at each rebalance."""
    instance_id: str | None = None
    """Static membership: a stable name of this very process, such as the pod's."""
    start_at: Literal["earliest", "latest"] | datetime = "earliest"
    """Where to start a partition that has no commit yet; a time needs its zone."""
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    """How to talk to the brokers."""
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER", "AWS_MSK_IAM"] | None = None
    """SASL mechanism, with the `SASL_` protocols. `AWS_MSK_IAM` needs the `aws` extra and takes AWS credentials from
    where AWS' own tools find them: a pod's role, environment, shared files."""
    sasl_username: str | None = None
    """SASL user."""
    sasl_password: SecretStr | None = None
    """SASL password."""
    aws_region: str | None = Field(default=None, min_length=1)
    """`AWS_MSK_IAM`: the region of the cluster, such as `eu-west-1`."""
    ssl_ca_file: Path | None = None
    """Certificates of the authorities to trust, PEM; without it the system's."""
    dead_letter_topic: str | None = None
    """Where failed records go; `<group_id>.dead-letter` if unset."""
    replay_topic: str | None = None
    """Where `conversions dlq replay` puts them to be read again, beside `topics`; `<group_id>.replay` if unset.
    Of one group alone; in test mode `-test` is added to it."""
    properties: dict[str, str | int | float | bool] = Field(default_factory=dict)
    """Further librdkafka properties; those that the delivery promises rest on are refused."""

    _zone_is_said = field_validator("start_at")(_with_zone)

    @model_validator(mode="after")
    def _properties_and_keys_agree(self) -> Kafka:
        problems = [f"the consumer sets `{name}` itself; remove it from `properties`" for name in self._owned()]
        problems += [
            f"`{name}` stands in `properties` and as `{key}`; keep one of them"
            for name, key in KEYS_OF_PROPERTIES.items()
            if name in self.properties and key in self.model_fields_set
        ]
        if self.group_protocol == "consumer" and (taken := sorted(_CLASSIC_ONLY & self.properties.keys())):
            problems.append(f"under `group_protocol: consumer` the broker sets {', '.join(taken)}; remove them")
        return _sound(self, problems + self._sasl_problems())

    def _owned(self) -> list[str]:
        callbacks = {name for name in self.properties if name.endswith("_cb")}
        return sorted((OWNED_PROPERTIES | callbacks) & self.properties.keys())

    def _sasl_problems(self) -> list[str]:
        protocol = str(self.properties.get("security.protocol", self.security_protocol)).upper()
        said = {key for name, key in KEYS_OF_PROPERTIES.items() if name in self.properties}
        said |= {key for key in KEYS_OF_PROPERTIES.values() if getattr(self, key) is not None}
        if not protocol.startswith("SASL_"):
            unused = sorted(key for key in said if key.startswith("sasl_"))
            return [f"`{key}` needs `security_protocol` SASL_SSL or SASL_PLAINTEXT" for key in unused]
        if self.sasl_mechanism == "AWS_MSK_IAM":
            return self._msk_problems(protocol, said)
        if self.aws_region is not None:
            return ["`aws_region` belongs to `sasl_mechanism: AWS_MSK_IAM`, and only there"]
        if "sasl_mechanism" not in said:
            return ["the SASL_ values of `security_protocol` need `sasl_mechanism`"]
        if self.sasl_mechanism in {"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"}:
            missing = [key for key in ("sasl_username", "sasl_password") if key not in said]
            return [f"`sasl_mechanism: {self.sasl_mechanism}` needs `{key}`" for key in missing]
        return []

    def _msk_problems(self, protocol: str, said: set[str]) -> list[str]:
        problems = [
            f"`{key}` is not for `sasl_mechanism: AWS_MSK_IAM`, which takes AWS credentials; remove it"
            for key in ("sasl_username", "sasl_password")
            if key in said
        ]
        if protocol != "SASL_SSL":
            problems.append("`sasl_mechanism: AWS_MSK_IAM` needs `security_protocol: SASL_SSL`")
        if self.aws_region is None:
            problems.append("`sasl_mechanism: AWS_MSK_IAM` needs `aws_region`")
        if not _has_aws():
            problems.append(f"`sasl_mechanism: AWS_MSK_IAM` needs the `aws` extra: {AWS_REMEDY}")
        return problems


WireFormat = Literal["confluent", "apicurio_content_id", "apicurio_global_id", "single_object", "glue", "avro"]
"""How a record names its schema; read by `frames.py`."""

_REGISTRY_KEYS: dict[WireFormat, str] = {
    "confluent": "url",
    "apicurio_content_id": "apicurio_url",
    "apicurio_global_id": "apicurio_url",
    "glue": "glue_region",
}
"""Which registry knows the schemas, by its key in `schema_registry`."""


class Topic(Section):
    wire_format: WireFormat = "confluent"
    """How records name their schema: by a Confluent id or GUID, in the value or a header; by an id of Apicurio's, of a
    content or global; as an Avro single object; by an AWS Glue version; or not at all (`avro`).
    [wire-formats.md](wire-formats.md) shows each."""
    schema_file: Path | None = None
    """`avro`: the one schema of all records."""
    schema_files: list[Path] = Field(default_factory=list)
    """`single_object`: every schema that a record may name."""
    mapping: str | None = None
    """How its records become events: `order` or `visit`, the mappings that come along, or a mapping file (.yaml)."""
    records: dict[str, str] = Field(default_factory=dict)
    """Where a topic has records of several types: full record name → mapping, or `skip`. Instead of `mapping`."""
    other: Literal["dead_letter", "skip"] = "dead_letter"
    """What becomes of records of a type that `records` does not name."""
    transactional: bool = False
    """Is it written in transactions? These leave offsets without a record, which would else be told as missing."""
    dead_letter_topic: str | None = None
    """Where its failed records go, if not where the group's do."""

    @property
    def bundled(self) -> BundledName | None:
        """Which of the mappings that come along every record takes, if one of them."""
        return next((name for name in BUNDLED_MAPPINGS if name == self.mapping), None)

    @property
    def mappings(self) -> tuple[str, ...]:
        """All that its records may take, each once."""
        named = (*self.records.values(), *([] if self.mapping is None else [self.mapping]))
        return tuple(dict.fromkeys(name for name in named if name != SKIP_RECORDS))

    @model_validator(mode="after")
    def _schemas_in_files_where_records_need_them(self) -> Topic:
        problems = []
        if (self.wire_format == "avro") != (self.schema_file is not None):
            problems.append("`schema_file` belongs to `wire_format: avro`, and only there")
        if (self.wire_format == "single_object") != bool(self.schema_files):
            problems.append("`schema_files` belong to `wire_format: single_object`, and only there")
        return _sound(self, problems)

    @model_validator(mode="after")
    def _is_mapped(self) -> Topic:
        known = (*BUNDLED_MAPPINGS, *([SKIP_RECORDS] if self.records else []))
        problems = [
            f"`{'mapping' if self.mapping else 'records'}` takes {', '.join(known)} or a file ending in .yaml"
            for name in (*self.records.values(), *([] if self.mapping is None else [self.mapping]))
            if name not in known and not name.endswith((".yaml", ".yml"))
        ]
        if (self.mapping is None) == (not self.records):
            problems.append("a topic needs either `mapping`, or `records` with one for each type of record")
        if self.mapping is not None and self.other == "skip":
            problems.append("`other` belongs to `records`; every record of this topic takes `mapping`")
        return _sound(self, problems)


class SchemaRegistry(Section):
    url: str | None = None
    """Base URL of a Confluent-compatible registry, for topics in the wire format `confluent`."""
    apicurio_url: str | None = None
    """Base URL of Apicurio's own API, for topics in its wire formats: `https://host:port/apis/registry/v3`, or `…/v2`
    of a registry before 3."""
    glue_region: str | None = Field(default=None, min_length=1)
    """Region of the AWS Glue registry, for topics in the wire format `glue`, which needs the `aws` extra; AWS
    credentials are taken from where AWS' own tools find them."""
    glue_endpoint_url: str | None = None
    """Where AWS Glue's API is, if not at the region's public endpoint."""
    username: str | None = None
    """Basic authentication: user. Credentials and certificates are those of both URLs."""
    password: SecretStr | None = None
    """Basic authentication: password."""
    bearer_token: SecretStr | None = None
    """Bearer authentication; not together with `username`."""
    ssl_ca_file: Path | None = None
    """Certificates of the authorities to trust, PEM."""
    ssl_certificate_file: Path | None = None
    """Client certificate, PEM, for mutual TLS."""
    ssl_key_file: Path | None = None
    """Key of the client certificate, PEM."""
    timeout_s: float = Field(default=5.0, gt=0, le=60)
    """Longest wait for any one step of a look-up."""
    unknown_grace_s: float = Field(default=60.0, ge=0)
    """How long an id the registry does not know is asked for again before its records are dead-lettered."""

    @field_validator("apicurio_url")
    @classmethod
    def _is_apicurios_own_api(cls, url: str | None) -> str | None:
        if url is not None and not url.rstrip("/").endswith(("/apis/registry/v2", "/apis/registry/v3")):
            raise ValueError("ends in /apis/registry/v3 or, before Apicurio 3, /apis/registry/v2")
        return url

    @model_validator(mode="after")
    def _one_way_to_authenticate(self) -> SchemaRegistry:
        problems = []
        if self.bearer_token is not None and self.username is not None:
            problems.append("set either `username` and `password` or `bearer_token`, not both")
        if (self.username is None) != (self.password is None):
            problems.append("`username` and `password` go together")
        if (self.ssl_certificate_file is None) != (self.ssl_key_file is None):
            problems.append("`ssl_certificate_file` and `ssl_key_file` go together")
        if self.glue_endpoint_url is not None and self.glue_region is None:
            problems.append("`glue_endpoint_url` needs `glue_region`, for which requests are signed")
        if self.glue_region is not None and not _has_aws():
            problems.append(f"`glue_region` needs the `aws` extra: {AWS_REMEDY}")
        return _sound(self, problems)


class OAuth(Section):
    directory: Path | None = None
    """Where `conversions token refresh` keeps the rotating tokens, a volume. Without any token above, the access token
    in it is the one for all accounts."""
    refresh: Literal["elsewhere", "in_process"] = "elsewhere"
    """Who refreshes: `conversions token refresh`, run by a timer, or a single consumer itself."""
    app_id: str | None = Field(default=None, min_length=1)
    """Of the app at developers.pinterest.com. Only whoever refreshes needs it."""
    app_secret: SecretStr | None = None
    """The app's secret; only whoever refreshes needs it."""
    app_secret_file: Path | None = None
    """The same, in a file; read at each refresh."""
    continuous_refresh: bool = True
    """Send `continuous_refresh=true`. Apps created before 25 September 2025 need it to get refresh tokens that rotate,
    and the others get them anyway."""

    @model_validator(mode="after")
    def _can_refresh(self) -> OAuth:
        if self.refresh == "elsewhere":
            return self
        problems = []
        if self.directory is None:
            problems.append("`refresh: in_process` needs a `directory` to keep the tokens in")
        if self.app_id is None or (self.app_secret is None and self.app_secret_file is None):
            problems.append("`refresh: in_process` needs `app_id`, and `app_secret` or `app_secret_file`")
        return _sound(self, problems)


class Pinterest(Section):
    base_url: str = "https://api.pinterest.com/v5"
    """Where the API is; change it to rehearse against `conversions emulator`. Without a path, `/v5` is meant."""
    access_token: SecretStr | None = None
    """One conversion access token for all accounts."""
    access_token_file: Path | None = None
    """The same, in a file; read at each request, so a new token in it counts at once."""
    tokens_dir: Path | None = None
    """A directory with one file per ad account, named by its id, holding the token; read at each request."""
    test: bool = False
    """Send everything with `test=true`: Pinterest checks and records nothing. Uses the group `<group_id>-test`."""
    ssl_ca_file: Path | None = None
    """Certificates of the authorities to trust, PEM."""
    oauth: OAuth = Field(default_factory=OAuth)


class AdAccount(Section):
    mode: Literal["live", "test", "hold", "off"] = "live"
    """`test`: events go with `test=true` and are skipped as `account_in_test`; `hold`: none is sent, and they wait as
    those of an account that Pinterest refuses, until a restart with another mode; `off`: skipped as `account_off`."""
    requests_per_minute: int | None = Field(default=None, ge=1)
    """Fixed cap for this account; without it `delivery.requests_per_minute` holds."""
    active_from: datetime | None = None
    """Cut-over: what happened before this instant is another integration's to report, and skipped as `outside_cutover`.
    A time needs its zone."""
    active_until: datetime | None = None
    """Cut-over: so is what happened at this instant or later."""

    _zone_is_said = field_validator("active_from", "active_until")(_with_zone)

    @model_validator(mode="after")
    def _window_is_open(self) -> AdAccount:
        if self.active_from is not None and self.active_until is not None and self.active_from >= self.active_until:
            raise ValueError("`active_from` must be before `active_until`, or no event could be sent")
        return self


class Dedup(Section):
    browser_tag: Literal["present", "absent"] | None = None
    """Is the Pinterest tag on the site as well? Must be said before the first run."""


class Routing(Section):
    default_ad_account_id: AdAccountId | None = None
    """Account for records that name no merchant of the table."""
    table: dict[str, AdAccountId | Literal["none"]] = Field(default_factory=dict)
    """merchant id → ad account id, or `none` for a merchant that does not advertise."""
    allow_default: bool = False
    """Let `default_ad_account_id` stand beside `table`."""
    accounts: list[AdAccountId] = Field(default_factory=list)
    """Accounts that a record's `ad_account_id` may name, besides those above."""
    unknown_merchant: Literal["dead_letter", "skip"] = "dead_letter"
    """What becomes of a record whose merchant is in no table."""

    @model_validator(mode="after")
    def _default_is_meant(self) -> Routing:
        if self.table and self.default_ad_account_id is not None and not self.allow_default:
            raise ValueError(
                "with a `table`, a `default_ad_account_id` would take every unknown merchant's revenue; "
                "set `allow_default: true` if that is meant"
            )
        return self


class Batch(Section):
    max_events: int = Field(default=1_000, ge=1, le=1_000)
    """Most events in one request. Source: Pinterest API v5 description, `ConversionEvents.data.maxItems`."""
    max_bytes: int = Field(default=2_000_000, ge=1_000)
    """Largest request body. Pinterest states no limit; 2 MB is what other vendors keep to."""
    linger_s: float = Field(default=1.0, ge=0, le=300)
    """Longest wait of an event for company."""


class Delivery(Section):
    max_in_flight: int = Field(default=8, ge=1, le=32)
    """Requests under way at once."""
    request_timeout_s: float = Field(default=10.0, gt=0, le=120)
    """Longest a request may take as a whole; also the limit of each of its steps."""
    retry_base_s: float = Field(default=0.5, gt=0)
    """First step of the back-off; doubled at each retry, drawn with full jitter."""
    retry_cap_s: float = Field(default=60.0, gt=0)
    """Longest back-off that is not the server's own wish."""
    hold_s: float = Field(default=900.0, gt=0)
    """How long nothing of an ad account is accepted or even looked at before it is held like one that is refused by 401
    or 403: what it then has beyond its share may be dead-lettered as `account_held`, while others are accepted."""
    hold_probe_s: float = Field(default=30.0, gt=0)
    """How often a held account is tried with one request."""
    requests_per_minute: int | None = Field(default=None, ge=1)
    """Fixed cap on the requests of each ad account; unset, only Pinterest's 429 slow it down."""
    bisect_requests: int = Field(default=256, ge=2)
    """Requests that may be refused in the search for the culprits of one batch; what is left then is dead-lettered."""
    ambiguous_offline: Literal["retry", "dead_letter"] = "retry"
    """Events that Pinterest cannot de-duplicate (offline, or past the hour), after a request with unknown outcome: send
    them again, and perhaps count them twice, or dead-letter them as `outcome_unknown`, and perhaps count them never."""


class Limits(Section):
    max_events: int = Field(default=50_000, ge=1_000)
    """Most records in hand: read and not yet settled. One ad account beside others may have a quarter of them."""
    max_bytes: int = Field(default=256_000_000, ge=1_000_000)
    """Most bytes in hand, raw records and ready events together. One ad account beside others may have a quarter."""
    max_span: int = Field(default=200_000, ge=1_000)
    """Most offsets of a partition from the lowest unsettled one to the last that was read."""


class DeadLetters(Section):
    payload: Literal["original", "reference"] = "original"
    """What a letter holds of its record: `original`, key, value and headers byte for byte; `reference`, only where it
    is and why it failed: no second copy of a person's data, but a replay needs the record still in its topic."""
    max_run: int = Field(default=2_500, ge=1)
    """Letters of one topic in a row beyond which none are written any more, until a restart: then it is not the records
    that are at fault. Half of it after a start, which should be more than one request may carry."""
    max_share: float = Field(default=0.5, gt=0, le=1)
    """The same for their share of the latest records of a topic, of which there must be 1,000."""


class Receipts(Section):
    enabled: bool = False
    """Write a receipt for every accepted event, and settle its record only once the receipt is acknowledged."""
    topic: str | None = None
    """Where receipts go; `<group_id>.receipts` if unset."""


class Events(Section):
    max_age_s: int = Field(default=7 * 86_400, ge=3_600)
    """Older events are skipped as `too_old`; other vendors report that Pinterest refuses them after 7 days."""
    future_tolerance_s: int = Field(default=300, ge=0)
    """Clocks may differ: events up to this far ahead are sent as of now, later ones are dead-lettered."""
    checkout_on: Literal["PLACED", "AUTHORIZED", "PAID", "FULFILLED"] = "PLACED"
    """The one order status that makes a checkout."""
    value_basis: Literal["net", "gross"] = "net"
    """`net`: goods after discount without tax; `gross`: the same with tax. Must agree with the browser tag."""
    integer_amounts: Literal["minor", "major"] | None = None
    """What whole numbers in fields of money count: `minor` units (1999 is 19.99 EUR, 1999 JPY) or `major` ones. Unsaid,
    a record with such a number is invalid."""
    app_fields: Literal["nested", "flat"] = "nested"
    """The form of app and device facts: `app_info` and `device_info`, or Pinterest's older flat names; never both."""
    newer_fields: bool = False
    """Also use names that Pinterest's guide has and its description 5.23.0 forbids: seven further event names,
    `advertiser_tracking_enabled`, `item_brand_id`."""
    partner_name: str | None = Field(default=None, pattern=r"^ss-[a-z0-9_-]+$", max_length=100)
    """`ss-<partner>`, only once agreed with Pinterest."""
    named_partner: str | None = Field(default=None, min_length=1)
    """`custom_data.np`; Pinterest: "Please do not use this unless specifically guided"."""
    external_measurement_vendor_id: int | None = Field(default=None, ge=0)
    """`custom_data.external_measurement_vendor_id`; Pinterest: "Only use when instructed"."""


UserDataField = Literal[
    "em", "ph", "ge", "db", "ln", "fn", "ct", "st", "zp", "country", "external_id", "hashed_maids",
    "client_ip_address", "client_user_agent", "click_id", "partner_id",
]  # fmt: skip


Category = Annotated[str, Field(pattern=r"\S")]
"""A pattern; blank it would match nothing, and promise much."""


def _all_but_birth_and_gender() -> list[UserDataField]:
    return [name for name in get_args(UserDataField) if name not in {"db", "ge"}]


class Privacy(Section):
    consent_unknown_countries: Literal["eea", "other"] = "eea"
    """What an unknown country counts as where consent decides; `eea` asks for GRANTED."""
    denied: Literal["skip", "opt_out"] = "skip"
    """Where consent was DENIED and the law lets it be sent all the same (not EEA, UK, CH; the US have their own flag):
    skip it, or send it with `opt_out`."""
    fields: list[UserDataField] = Field(default_factory=_all_but_birth_and_gender)
    """The fields of `user_data` that may leave, whatever a mapping makes; birth date (`db`) and gender (`ge`) must be
    added to be sent."""
    redact_when: list[Category] = Field(default_factory=list)
    """Categories whose events are sent without ids, names, categories, brands, page and search term; value, identity
    and order id stay. Patterns of a whole category, in any case, with `*` for any text; each line's is compared, and
    the event's own."""
    suppress_file: Path | None = None
    """People of whom nothing is sent: a file with one SHA-256 a line, of an e-mail address, telephone number or
    external id as it is sent; `#` begins a comment. Their events are skipped as `suppressed`. Read again when it
    changes."""


class Shutdown(Section):
    drain_s: float = Field(default=25.0, gt=0, le=240)
    """How long requests in flight may finish at a stop or hand-over; the latter keeps the group waiting so long."""


class Health(Section):
    host: str = "0.0.0.0"  # noqa: S104 - probes and scrapers come from outside the pod
    """Address to serve on."""
    port: int = Field(default=8080, ge=0, le=65_535)
    """Port of `/livez`, `/readyz`, `/startupz`, `/metrics` and `/ledger`; 0 picks a free one."""
    stuck_after_s: float = Field(default=300.0, gt=0)
    """How long one record may hold back all commits of its partition before a warning says which and why."""


class Log(Section):
    level: Literal["debug", "info", "warning", "error"] = "info"
    """The least serious lines that are written. HTTP libraries stay at `warning`: theirs would show tokens."""
    format: Literal["auto", "json", "console"] = "auto"
    """`json`: one object a line; `console`: for people; `auto`: for people on a terminal, else JSON."""


def _bundled_topics() -> dict[str, Topic]:
    return {"orders": Topic(mapping="order"), "visits": Topic(mapping="visit")}


class Config(Section):
    """The whole of it."""

    kafka: Kafka
    topics: dict[str, Topic] = Field(default_factory=_bundled_topics, min_length=1)
    """By name, or by a pattern of whole names, `^…$`; of a topic that has both, the name counts."""
    schema_registry: SchemaRegistry = Field(default_factory=SchemaRegistry)
    pinterest: Pinterest = Field(default_factory=Pinterest)
    ad_accounts: dict[AdAccountId, AdAccount] = Field(default_factory=dict)
    dedup: Dedup = Field(default_factory=Dedup)
    routing: Routing = Field(default_factory=Routing)
    batch: Batch = Field(default_factory=Batch)
    delivery: Delivery = Field(default_factory=Delivery)
    limits: Limits = Field(default_factory=Limits)
    dead_letters: DeadLetters = Field(default_factory=DeadLetters)
    receipts: Receipts = Field(default_factory=Receipts)
    events: Events = Field(default_factory=Events)
    privacy: Privacy = Field(default_factory=Privacy)
    shutdown: Shutdown = Field(default_factory=Shutdown)
    health: Health = Field(default_factory=Health)
    log: Log = Field(default_factory=Log)

    @property
    def group_id(self) -> str:
        """The group in use: a rehearsal must not move the offsets of the real one."""
        return f"{self.kafka.group_id}-test" if self.pinterest.test else self.kafka.group_id

    @property
    def accounts_in_test(self) -> frozenset[str]:
        """The ad accounts that are in test while others may be live."""
        return frozenset(name for name, account in self.ad_accounts.items() if account.mode == "test")

    @property
    def accounts_on_hold(self) -> frozenset[str]:
        """The ad accounts of which nothing is to be sent, and nothing to be lost."""
        return frozenset(name for name, account in self.ad_accounts.items() if account.mode == "hold")

    def is_transactional(self, topic: str) -> bool:
        """Is it written in transactions, which leave offsets without a record?"""
        return topic in self.topics and self.topics[topic].transactional

    def is_test(self, ad_account_id: str) -> bool:
        """Does Pinterest only check this account's events, and record none?"""
        return self.pinterest.test or ad_account_id in self.accounts_in_test

    @property
    def dead_letter_topic(self) -> str:
        """Where failed records go whose topic has no dead-letter topic of its own."""
        return self.kafka.dead_letter_topic or f"{self.group_id}.dead-letter"

    @property
    def own_dead_letter_topics(self) -> ByTopic[str]:
        """Where the failed records of each topic go."""
        default = self.dead_letter_topic
        return ByTopic({name: topic.dead_letter_topic or default for name, topic in self.topics.items()})

    @property
    def dead_letter_topics(self) -> tuple[str, ...]:
        """All that failed records may go to, each once."""
        return tuple(dict.fromkeys((self.dead_letter_topic, *self.own_dead_letter_topics.values())))

    @property
    def receipts_topic(self) -> str:
        return self.receipts.topic or f"{self.group_id}.receipts"

    @property
    def writes_receipts(self) -> bool:
        """In test mode nothing is recorded, so there is nothing to give a receipt for."""
        return self.receipts.enabled and not self.pinterest.test

    @property
    def replay_topic(self) -> str:
        """What is to be tried again; read beside `topics`."""
        if self.kafka.replay_topic is None:
            return f"{self.group_id}.replay"
        # What is read there is sent, so a rehearsal's letters must never stand where the real group reads.
        return f"{self.kafka.replay_topic}-test" if self.pinterest.test else self.kafka.replay_topic

    def _has_topic_in(self, wire_format: WireFormat) -> bool:
        return any(topic.wire_format == wire_format for topic in self.topics.values())

    @field_validator("topics")
    @classmethod
    def _patterns_can_be_read(cls, topics: dict[str, Topic]) -> ByTopic[Topic]:
        patterns = [name for name in topics if name.startswith(PATTERN_MARK)]
        problems = [f"the pattern {name} {problem}" for name in patterns if (problem := pattern_problem(name))]
        if problems:
            raise ValueError("\n".join(problems))
        return ByTopic(topics)

    @model_validator(mode="after")
    def _sections_agree(self) -> Config:
        problems = []
        if self.delivery.request_timeout_s >= self.shutdown.drain_s:
            problems.append(
                "`delivery.request_timeout_s` must be below `shutdown.drain_s`, "
                "or a stop would abandon requests that Pinterest may still accept"
            )
        problems += [
            f"topics in the `{wire_format}` wire format need `schema_registry.{key}`"
            for wire_format, key in _REGISTRY_KEYS.items()
            if getattr(self.schema_registry, key) is None and self._has_topic_in(wire_format)
        ]
        if self._has_topic_in("glue") and not _has_aws():
            problems.append(f"topics in the `glue` wire format need the `aws` extra: {AWS_REMEDY}")
        if self.replay_topic in self.topics or self.replay_topic in self.dead_letter_topics:
            problems.append("`kafka.replay_topic` must be a topic of its own: neither read nor for dead letters")
        if self.receipts_topic in self.topics or self.receipts_topic in {*self.dead_letter_topics, self.replay_topic}:
            problems.append("`receipts.topic` must be a topic of its own: neither read nor for dead letters")
        if any(name in self.topics for name in self.dead_letter_topics):
            problems.append("a dead-letter topic stands in `topics`: its letters would be read, and fail, without end")
        return _sound(self, problems)
