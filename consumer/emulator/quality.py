"""The event quality score: of which facts the accepted events brought how many, by ad account and event name.

Kept are counts, not events: how many of each hour brought the same facts. Source: Pinterest API v5 description 5.23.0,
`conversion_eqs/list` and `EventQualityScore`.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from urllib.parse import parse_qs

from consumer.emulator import answers
from consumer.emulator.answers import Answer
from consumer.emulator.description import AD_ACCOUNT_ID, JsonObject
from consumer.emulator.tokens import Need, Tokens

HOUR_S = 3_600
LOOKBACK_HOURS = {"1d": 24, "14d": 14 * 24}
INGESTION_SOURCES = ("TAG", "MMP", "FILE_UPLOAD", "CONVERSIONS_API", "NATIVE")
OWN_SOURCE = "CONVERSIONS_API"  # nothing gets here by another
SOURCE_PLATFORMS = {
    "WEB": ("web",),
    "MOBILE": ("app_android", "app_ios"),
    "MOBILE_ANDROID": ("app_android",),
    "MOBILE_IOS": ("app_ios",),
    "OFFLINE": ("offline",),
    "PINTEREST_WEB": (),
    "PINTEREST_ANDROID": (),
    "PINTEREST_IOS": (),
    "POINT_OF_SALE": (),
}
"""Platform → action sources that it stands for."""
APART = ("WEB", "MOBILE_ANDROID", "MOBILE_IOS", "OFFLINE")
"""The platforms that are told when none is asked for: each action source once."""

IDENTIFIERS = ("hashed_email", "hashed_maid", "ip_address", "user_agent", "click_id_epik", "advertiser_external_id")
COMPONENTS = (*IDENTIFIERS, "external_event_id", "order_id", "order_value", "product_id", "source_url")
GOOD_FROM = 50.0
FAIR_FROM = 25.0

_Facts = tuple[object, ...]
"""Event name, action source, and for each component whether the event has it."""


class QualityEndpoint:
    """`GET /v5/ad_accounts/{ad_account_id}/conversion_eqs`, and what it is computed from."""

    def __init__(self, tokens: Tokens, *, forbidden: frozenset[str], wall_s: Callable[[], float]) -> None:
        self._tokens = tokens
        self._forbidden = forbidden
        self._wall_s = wall_s
        self._hours: defaultdict[str, dict[int, Counter[_Facts]]] = defaultdict(dict)
        """Ad account → hour since the epoch at which the events came → how many came with the same facts."""

    def count(self, ad_account_id: str, events: Sequence[JsonObject]) -> None:
        """Take account of events that were just accepted."""
        hour = int(self._wall_s() // HOUR_S)
        hours = self._hours[ad_account_id]
        if hour not in hours:
            for past in [past for past in hours if past <= hour - max(LOOKBACK_HOURS.values())]:
                del hours[past]
            hours[hour] = Counter()
        hours[hour].update(map(_facts_of, events))

    def get(self, ad_account_id: str, *, query: str, authorization: str) -> Answer:
        """One score per source platform that events came from; an empty list without any."""
        if refusal := self._tokens.refusal(authorization, Need.READ, self._wall_s()):
            return refusal
        if AD_ACCOUNT_ID.fullmatch(ad_account_id) is None:
            return answers.no_account_id()
        if ad_account_id in self._forbidden:
            return answers.error(403)
        asked = {name: values[-1] for name, values in parse_qs(query, keep_blank_values=True).items()}
        if "lookback_period" not in asked:
            return answers.invalid_request("'lookback_period' is a required property")
        for name, choices in (
            ("lookback_period", LOOKBACK_HOURS),
            ("source_platform", SOURCE_PLATFORMS),
            ("ingestion_source", INGESTION_SOURCES),
        ):
            if name in asked and asked[name] not in choices:
                return answers.invalid_request(f"'{name}' is not one of {list(choices)}")
        if asked.get("ingestion_source", OWN_SOURCE) != OWN_SOURCE:
            return answers.as_json([])
        platforms = (asked["source_platform"],) if "source_platform" in asked else APART
        return answers.as_json(self._scores(ad_account_id, asked["lookback_period"], platforms))

    def _scores(self, ad_account_id: str, lookback_period: str, platforms: Sequence[str]) -> list[JsonObject]:
        after = int(self._wall_s() // HOUR_S) - LOOKBACK_HOURS[lookback_period]
        facts: Counter[_Facts] = Counter()
        for hour, counted in self._hours.get(ad_account_id, {}).items():
            if hour > after:
                facts += counted
        return [
            {
                "overall_status": _status(found),
                "quality_components": _components(found),
                "ingestion_source": OWN_SOURCE,
                "source_platform": platform,
                "lookback_period": lookback_period,
            }
            for platform in platforms
            if (found := {key: count for key, count in facts.items() if key[1] in SOURCE_PLATFORMS[platform]})
        ]


def _facts_of(event: JsonObject) -> _Facts:
    has = event["user_data"].get
    custom = event.get("custom_data", {})
    return (
        event["event_name"],
        event["action_source"],
        bool(has("em")),
        bool(has("hashed_maids")),
        bool(has("client_ip_address")),
        bool(has("client_user_agent")),
        bool(has("click_id")),
        bool(has("external_id")),
        bool(event["event_id"]),
        bool(custom.get("order_id")),
        bool(custom.get("value")),
        bool(custom.get("content_ids")) or any(content.get("id") for content in custom.get("contents", ())),
        bool(event.get("event_source_url")),
    )


def _components(found: Mapping[_Facts, int]) -> JsonObject:
    """Coverage by component and event name; nothing here can tell what the tag saw too, hence no overlap."""
    names = sorted({str(key[0]) for key in found})
    by_name = {name: {key: count for key, count in found.items() if key[0] == name} for name in names}
    return {
        component: {
            name: {
                "coverage": round(_coverage(by_name[name], component), 2),
                **({"overlap": 0} if component == "external_event_id" else {}),
            }
            for name in names
        }
        for component in COMPONENTS
    }


def _status(found: Mapping[_Facts, int]) -> str:
    """By the mean coverage of the six identifiers over all events, whatever their names."""
    mean = sum(_coverage(found, identifier) for identifier in IDENTIFIERS) / len(IDENTIFIERS)
    if mean >= GOOD_FROM:
        return "GOOD"
    return "FAIR" if mean >= FAIR_FROM else "NEEDS_IMPROVEMENT"


def _coverage(found: Mapping[_Facts, int], component: str) -> float:
    """Percent of the events that have it."""
    place = 2 + COMPONENTS.index(component)
    return 100 * sum(count for key, count in found.items() if key[place]) / sum(found.values())
