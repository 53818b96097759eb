"""maps: a decoded record → an event for one ad account, skipped for a reason, or invalid.

Pure; the time is given, and the suppression list in force.
"""

from __future__ import annotations

from decimal import Decimal

import orjson

from consumer.config import Config
from consumer.mapping.catalogue import Catalogue
from consumer.mapping.compiler import Compiled, compile_mapping
from consumer.mapping.compose import CONTACT_IN_ID, compose, custom_data_of
from consumer.mapping.language import MappingFile
from consumer.mapping.reading import missing, refuse
from consumer.mapping.redaction import REDACTED, Redaction, redact
from consumer.mapping.rules import Rules, Terms
from consumer.mapping.scrub import holds_contact
from consumer.mapping.shapes import ANYTHING, Shape
from consumer.pinterest.components import components_of
from consumer.pinterest.events import NEWER_EVENT_NAMES, Contract, has_identity
from consumer.records import (
    Decoded,
    Event,
    Headers,
    Incompatible,
    Invalid,
    Lack,
    MapOutcome,
    Mapped,
    Record,
    RecordSchema,
    Skipped,
    SkipReason,
)
from consumer.suppress_list import FIELDS as SUPPRESSED_BY
from consumer.suppress_list import SuppressList, suppress_list

_Plan = tuple[MappingFile, Compiled] | Skipped | Invalid | Incompatible


class Mapper:
    """The mapping of every configured topic, under one configuration. Learns the schemas that it meets, for ever.

    Args:
        config: What the operator decided.
        suppressed: The suppression list in force, if somebody keeps it up to date; else it is read here, once.

    Raises:
        ConfigError: A mapping file or the suppression list cannot be read, or makes no sense.
    """

    def __init__(self, config: Config, suppressed: SuppressList | None = None) -> None:
        self._rules = Rules(config)
        self._is_newer = config.events.newer_fields
        self._contract = Contract(is_newer=config.events.newer_fields, fields=frozenset(config.privacy.fields))
        self._settings = {"events.checkout_on": config.events.checkout_on}
        self._unit = config.events.integer_amounts
        allowed = frozenset[str](config.privacy.fields)
        self._suppressed = suppress_list(config.privacy.suppress_file) if suppressed is None else suppressed
        # Who is suppressed must be known also by what may not leave; the contract takes it out again.
        self._only_compared = frozenset() if self._suppressed is None else SUPPRESSED_BY - allowed
        self._read = allowed | self._only_compared
        self._redaction = Redaction(config.privacy.redact_when) if config.privacy.redact_when else None
        self._catalogue = Catalogue(config.topics)
        self._plans: dict[tuple[str, RecordSchema | str], _Plan] = {}
        """By topic, and by schema or, where none is known, by the record's name."""
        self._lacks: list[Lack] = []

    def map(self, topic: str, decoded: Decoded, headers: Headers, now_s: float) -> MapOutcome:
        """What becomes of one record; the questions and their order stand in `mapping/rules.py`.

        Args:
            topic: The topic whose mapping applies; of a replayed record the original one.
            decoded: Its fields, as the writer's schema had them: no content whatever raises.
            headers: Of its message; one may name the ad account.
            now_s: Unix seconds.
        """
        plan = self._plans.get((topic, decoded.schema or decoded.schema_name)) or self._plan(topic, decoded)
        if not isinstance(plan, tuple):
            return plan
        problems: list[str] = []
        outcome = self._outcome(*plan, decoded, headers, now_s, problems)
        if problems:
            # Also of a record that was to be skipped: the answer may rest on the very field that could not be read.
            return Invalid(tuple(dict.fromkeys(problems)))
        return outcome

    def take_lacks(self) -> list[Lack]:
        """What schemas were found to lack since the last call, and events do without."""
        taken, self._lacks = self._lacks, []
        return taken

    def compile(self, mapping: MappingFile, schema: RecordSchema | None) -> Compiled:
        """A mapping for the records of a schema, under this configuration; without one, for whatever may come."""
        shape = ANYTHING if schema is None else Shape(schema.definition, schema.named)
        return compile_mapping(
            mapping,
            shape,
            settings=self._settings,
            unit=self._unit,
            allowed=self._read,
            needs_categories=self._redaction is not None,
        )

    def _plan(self, topic: str, decoded: Decoded) -> _Plan:
        """What becomes of all records of this schema: learnt once, at the first of them."""
        plan = self._planned(topic, decoded)
        self._plans[topic, decoded.schema or decoded.schema_name] = plan
        return plan

    def _planned(self, topic: str, decoded: Decoded) -> _Plan:
        mapping = self._catalogue.mapping_for(topic, decoded.schema_name)
        if not isinstance(mapping, MappingFile):
            return mapping
        compiled = self.compile(mapping, decoded.schema)
        if vital := [str(finding) for finding in compiled.findings if finding.is_vital]:
            return Incompatible(tuple(vital))
        self._lacks += (Lack(topic, decoded.schema_name, str(finding)) for finding in compiled.findings)
        return mapping, compiled

    def _outcome(
        self,
        mapping: MappingFile,
        compiled: Compiled,
        decoded: Decoded,
        headers: Headers,
        now_s: float,
        problems: list[str],
    ) -> MapOutcome:
        whole, paths = decoded.fields, compiled.paths
        record = compiled.enter(whole, problems)
        if record is None:
            return Skipped(SkipReason.NOT_A_CONVERSION)
        name = compiled.decide(record, whole, problems)
        if isinstance(name, SkipReason):
            return Skipped(name)
        if name in NEWER_EVENT_NAMES and not self._is_newer:
            return Skipped(SkipReason.NOT_A_CONVERSION)
        said = compiled.circumstances(record, whole, problems)
        terms = self._rules.terms(said, headers, now_s, paths, asks_consent=mapping.consent_basis is None)
        if not isinstance(terms, Terms):
            return terms
        matter = compiled.matter(record, whole, problems)
        # Only web pages carry the tag; there an id of our own would be counted beside the tag's.
        if matter.shared_id is None and self._rules.needs_shared_id and terms.action_source == "web":
            return Skipped(SkipReason.NO_SHARED_ID)
        clipped: list[str] = []
        custom_data = custom_data_of(name, matter, terms, paths, problems, clipped)
        event_id = matter.shared_id or matter.own_id
        if event_id is None:
            key = "event_id.own" if "event_id.own" in mapping.targets else "event_id.shared"
            missing(paths[key], problems)
        elif holds_contact(event_id):
            key = "event_id.own" if matter.shared_id is None else "event_id.shared"
            refuse(paths[key], CONTACT_IN_ID, problems)
        if event_id is None or problems:
            return Invalid(tuple(problems))
        surroundings = None if terms.is_offline else compiled.surroundings(record, whole, problems)
        person = compiled.person(record, whole, problems)
        event = compose(name, said, person, surroundings, custom_data, event_id, terms, clipped)
        if self._suppressed is not None and self._suppressed.holds(event["user_data"]):
            return Skipped(SkipReason.SUPPRESSED)
        if self._only_compared:
            clipped = [each for each in clipped if each not in self._only_compared]
        if self._redaction is not None and self._redaction.concerns(matter):
            redact(event)
            clipped.append(REDACTED)
        return self._checked(Mapped(terms.route.ad_account_id, event, tuple(clipped)))

    def _checked(self, mapped: Mapped) -> MapOutcome:
        problems, clipped = self._contract.check(mapped.payload)
        if problems:
            return Invalid(tuple(problems))
        if not has_identity(mapped.payload["user_data"]):
            return Skipped(SkipReason.NO_IDENTITY)
        return Mapped(mapped.ad_account_id, mapped.payload, tuple(dict.fromkeys((*mapped.clipped, *clipped))))


def serialise(record: Record, mapped: Mapped) -> Event:
    """The event with its JSON, made once; requests are joined from these bytes."""
    payload = mapped.payload
    custom_data = payload.get("custom_data", {})
    value = custom_data.get("value")
    return Event(
        record=record,
        ad_account_id=mapped.ad_account_id,
        event_name=payload["event_name"],
        action_source=payload["action_source"],
        event_id=payload["event_id"],
        order_id=custom_data.get("order_id"),
        event_time_s=payload["event_time"],
        value=None if value is None else Decimal(value),
        currency=custom_data.get("currency"),
        components=components_of(payload),
        # A copy of its own size: what orjson returns keeps the 4 KiB or more of the buffer that it was written to.
        body=bytes(memoryview(orjson.dumps(payload))),
    )
