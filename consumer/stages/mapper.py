"""maps: a decoded record → an event for one ad account, skipped for a reason, or invalid. Pure; the time is given."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import orjson

from consumer.config import Config
from consumer.mapping.fields import Fields, integer_scale
from consumer.mapping.order import map_order
from consumer.mapping.rules import Rules
from consumer.mapping.visit import map_visit
from consumer.pinterest.components import components_of
from consumer.pinterest.events import Contract, has_identity
from consumer.records import Decoded, Event, Headers, Invalid, MapOutcome, Mapped, Record, Skipped, SkipReason

_Mapping = Callable[[Fields, Headers, float, Rules], MapOutcome]
_MAPPINGS: dict[str, _Mapping] = {"order": map_order, "visit": map_visit}


class Mapper:
    """The mapping of every configured topic, under one configuration. Keeps no state between records."""

    def __init__(self, config: Config) -> None:
        self._rules = Rules(config)
        self._contract = Contract(is_newer=config.events.newer_fields, fields=frozenset(config.privacy.fields))
        self._integer_amounts = config.events.integer_amounts
        self._mappings = {name: _MAPPINGS[topic.mapping] for name, topic in config.topics.items()}

    def map(self, topic: str, decoded: Decoded, headers: Headers, now_s: float) -> MapOutcome:
        """What becomes of one record; the questions and their order stand in `mapping/rules.py`.

        Args:
            topic: The topic whose mapping applies; of a replayed record the original one.
            decoded: Its fields, as the writer's schema had them: absent ones take the bundled schema's default,
                unknown ones are ignored, and no content whatever raises.
            headers: Of its message; one may name the ad account.
            now_s: Unix seconds.
        """
        mapping = self._mappings.get(topic)
        if mapping is None:
            return Invalid(("topic: has no mapping; add it to `topics`, or leave its records alone",))
        fields = Fields(decoded.fields, [], integers=integer_scale(self._integer_amounts, decoded.fields))
        outcome = mapping(fields, headers, now_s, self._rules)
        if fields.problems:
            # Also of a record that was to be skipped: the answer may rest on the very field that could not be read.
            return Invalid(tuple(fields.problems))
        return self._checked(outcome) if isinstance(outcome, Mapped) else outcome

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
