"""Ways in which a sample record may fail to become an event: each changes one thing and says what must come of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from consumer.demo.ordinary import OFFLINE_CHANNELS, checkout_event_id, key_of_order
from consumer.demo.samples import Rules, Sample, Scene, dead_lettered, skipped
from consumer.records import DeadLetterReason, SkipReason

Change = Callable[[Sample, Scene], None]

REJECTED_SUFFIX = "-rejected"
"""Ends the id of an order that the emulator is asked to refuse."""

NOT_AVRO = (b'{"event_id": "plain JSON"}', b"event_id,occurred_at", b"\x00\x00", b"")
"""Values that are neither framed nor bare Avro of a bundled schema."""

_CRAWLER = "Mozilla/5.0 (compatible; Pinterestbot/1.0; +https://www.pinterest.com/bot.html)"
_DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class Oddity:
    """What must come of a sample once `change` was done to it."""

    expect: str
    change: Change

    def befall(self, sample: Sample, scene: Scene) -> None:
        """Changes the sample, which must have been an ordinary one."""
        self.change(sample, scene)
        sample.expect = self.expect


def order_oddities(*, with_rejected: bool) -> list[Oddity]:
    """One of each; `rejected` needs an emulator that plays along."""
    oddities = [
        *_COMMON,
        Oddity(skipped(SkipReason.NOT_A_CONVERSION), _turn_another_way),
        Oddity(skipped(SkipReason.NOT_A_TRANSITION), _stay_as_it_was),
        Oddity(skipped(SkipReason.ORIGIN_EXCLUDED), _come_from_another_order),
        Oddity(skipped(SkipReason.CHANNEL_EXCLUDED), _be_sold_elsewhere),
    ]
    if with_rejected:
        oddities.append(Oddity(dead_lettered(DeadLetterReason.REJECTED), _ask_for_refusal))
    return oddities


def visit_oddities(rules: Rules) -> list[Oddity]:
    """One of each that these rules know."""
    oddities = [*_COMMON, Oddity(skipped(SkipReason.NOT_A_CONVERSION), _be_of_unknown_type)]
    if rules.has_browser_tag:
        oddities.append(Oddity(skipped(SkipReason.NO_SHARED_ID), _lose_the_shared_id))
    return oddities


def _fields(sample: Sample) -> dict[str, Any]:
    if sample.fields is None:
        raise TypeError("only an ordinary sample can be changed")
    return sample.fields


def _become_undecodable(sample: Sample, scene: Scene) -> None:
    sample.event_id = None
    if scene.chance.random() < 0.5:
        sample.is_cut = True
    else:
        sample.raw = scene.chance.choice(NOT_AVRO)
        sample.fields = None


def _become_tombstone(sample: Sample, _scene: Scene) -> None:
    sample.event_id = None
    sample.fields = None


def _lose_the_currency(sample: Sample, scene: Scene) -> None:
    fields = _fields(sample)
    fields["currency"] = None
    if "totals" not in fields:
        fields["value"] = scene.draw_basket(scene.draw_shopper()).goods_value


def _refuse_consent(sample: Sample, scene: Scene) -> None:
    fields = _fields(sample)
    shopper = scene.draw_shopper_in_eea()
    fields["customer"] = shopper.customer
    fields["consent"] = scene.chance.choice(
        (
            {**shopper.consent, "advertising": "DENIED"},
            {**shopper.consent, "advertising": "UNKNOWN"},
            {**shopper.consent, "advertising": None},
            None,
        )
    )


def _happen_at(sample: Sample, moment: datetime) -> None:
    fields = _fields(sample)
    fields["occurred_at"] = moment
    if "placed_at" in fields:
        fields["placed_at"] = moment


def _come_too_late(sample: Sample, scene: Scene) -> None:
    age_s = scene.rules.max_age_s + scene.chance.uniform(3_600, 3 * _DAY_S)
    _happen_at(sample, scene.now - timedelta(seconds=age_s))


def _come_too_early(sample: Sample, scene: Scene) -> None:
    # Days ahead, so that it still lies in the future when a busy consumer comes to it.
    ahead_s = scene.rules.future_tolerance_s + scene.chance.uniform(_DAY_S, 2 * _DAY_S)
    _happen_at(sample, scene.now + timedelta(seconds=ahead_s))


def _be_a_crawler(sample: Sample, _scene: Scene) -> None:
    fields = _fields(sample)
    if fields["channel"] in OFFLINE_CHANNELS:
        fields["channel"] = "WEB"
    fields["client"] = {**fields["client"], "is_bot": True, "user_agent": _CRAWLER}


def _be_a_rehearsal(sample: Sample, _scene: Scene) -> None:
    _fields(sample)["is_test"] = True


def _stay_anonymous(sample: Sample, _scene: Scene) -> None:
    """Leaves a telephone number and an address without a browser: neither is enough for Pinterest.

    Source: Pinterest API v5 description, schema `ConversionEventsUserData`.
    """
    fields = _fields(sample)
    if fields["customer"] is not None:
        fields["customer"] = {**fields["customer"], "emails": []}
    fields["client"] = {**fields["client"], "user_agent": None}
    fields["device"] = None


def _turn_another_way(sample: Sample, scene: Scene) -> None:
    fields = _fields(sample)
    others = [s for s in ("CREATED", "PAID", "FULFILLED", "CANCELLED", "REFUNDED") if s != scene.rules.checkout_on]
    fields["status"] = scene.chance.choice(others)
    fields["previous_status"] = None


def _stay_as_it_was(sample: Sample, _scene: Scene) -> None:
    fields = _fields(sample)
    fields["previous_status"] = fields["status"]


def _come_from_another_order(sample: Sample, scene: Scene) -> None:
    _fields(sample)["origin"] = scene.chance.choice(("RENEWAL", "EXCHANGE", "REPLACEMENT"))


def _be_sold_elsewhere(sample: Sample, scene: Scene) -> None:
    _fields(sample)["channel"] = scene.chance.choice(("MARKETPLACE", "IMPORT"))


def _ask_for_refusal(sample: Sample, _scene: Scene) -> None:
    fields = _fields(sample)
    fields["order_id"] += REJECTED_SUFFIX
    sample.key = key_of_order(fields)
    sample.event_id = checkout_event_id(fields)


def _be_of_unknown_type(sample: Sample, _scene: Scene) -> None:
    _fields(sample)["type"] = "UNKNOWN"


def _lose_the_shared_id(sample: Sample, _scene: Scene) -> None:
    fields = _fields(sample)
    fields.update(channel="WEB", app=None, device=None, client={**fields["client"], "tag_event_id": None})
    sample.event_id = None


_COMMON = (
    Oddity(dead_lettered(DeadLetterReason.UNDECODABLE), _become_undecodable),
    Oddity(skipped(SkipReason.TOMBSTONE), _become_tombstone),
    Oddity(dead_lettered(DeadLetterReason.INVALID), _lose_the_currency),
    Oddity(skipped(SkipReason.NO_CONSENT), _refuse_consent),
    Oddity(skipped(SkipReason.TOO_OLD), _come_too_late),
    Oddity(dead_lettered(DeadLetterReason.IN_FUTURE), _come_too_early),
    Oddity(skipped(SkipReason.BOT), _be_a_crawler),
    Oddity(skipped(SkipReason.TEST_ORDER), _be_a_rehearsal),
    Oddity(skipped(SkipReason.NO_IDENTITY), _stay_anonymous),
)
