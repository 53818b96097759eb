"""The event quality scores of an ad account: the request for them, and their reading.

Source: Pinterest API v5 description, `conversion_eqs/list`, schema `EventQualityScore`. Names that it does not have yet
are kept as they come.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, assert_never
from urllib.parse import urlencode

import orjson

from consumer.config import Pinterest
from consumer.errors import ContractError
from consumer.pinterest.answers import read_delay_s
from consumer.pinterest.components import COMPONENTS
from consumer.pinterest.connections import checked_url, ssl_context
from consumer.pinterest.single_request import NoReply, NotSent, Reply, Requests, error_text

MAX_ANSWER_BYTES = 1024 * 1024
MAX_TEXT_CHARS = 1_000

LookbackPeriod = Literal["1d", "14d"]
SOURCE_PLATFORMS = (
    "WEB", "MOBILE", "MOBILE_ANDROID", "MOBILE_IOS", "OFFLINE", "PINTEREST_WEB", "PINTEREST_ANDROID", "PINTEREST_IOS",
    "POINT_OF_SALE",
)  # fmt: skip
OWN_SOURCE = "CONVERSIONS_API"
"""The only way in that this consumer has anything to do with; the tag, for one, has scores of its own."""


@dataclass(frozen=True, slots=True)
class Issue:
    """Something that Pinterest dislikes."""

    id: str
    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Detail:
    """One component of one kind of event. Percentages are None where Pinterest does not tell them."""

    coverage_percent: float | None
    """Of the events, how many carry it."""
    overlap_percent: float | None = None
    """Of `external_event_id` alone: how many events came by the tag as well."""
    issues: tuple[Issue, ...] = ()


@dataclass(frozen=True, slots=True)
class Score:
    """What Pinterest thinks of one ad account's events from one platform; texts are empty where it does not say."""

    overall_status: str
    source_platform: str
    ingestion_source: str
    lookback_period: str
    components: Mapping[str, Mapping[str, Detail]]
    """By component, the known ones first and in their usual order, then by event name."""


@dataclass(frozen=True, slots=True)
class Scored:
    """One score per platform from which events came; none yet for an account that is new."""

    scores: tuple[Score, ...]


@dataclass(frozen=True, slots=True)
class NotScored:
    """There is no telling; the detail ends in what to do, and holds no secret."""

    detail: str


class QualityScores:
    """Asks for the scores of ad accounts, one request each.

    Args:
        settings: Where the API is, and whose certificates are good.
        access_token: An OAuth access token with ads:read.
        timeout_s: Of one request.
        lookback_period: The days that Pinterest looks back on.
        source_platform: Only this one; None for all.

    Raises:
        ConfigError: Address or authorities cannot be used.
    """

    def __init__(
        self,
        settings: Pinterest,
        access_token: str,
        *,
        timeout_s: float,
        lookback_period: LookbackPeriod,
        source_platform: str | None = None,
    ) -> None:
        self._base_url = checked_url(settings.base_url)
        self._requests = Requests(ssl_context(settings), timeout_s, MAX_ANSWER_BYTES)
        self._access_token = access_token
        query = {"lookback_period": lookback_period, "ingestion_source": OWN_SOURCE}
        if source_platform is not None:
            query["source_platform"] = source_platform
        self._query = urlencode(query)

    def of(self, ad_account_id: str) -> Scored | NotScored:
        """Ask, and wait for the answer."""
        url = f"{self._base_url}/ad_accounts/{ad_account_id}/conversion_eqs?{self._query}"
        outcome = self._requests.get(url, {"Authorization": f"Bearer {self._access_token}"})
        match outcome:
            case Reply():
                return _read(outcome, self._access_token)
            case NotSent(detail) | NoReply(detail):
                return NotScored(f"{detail}; check pinterest.base_url and what lies in between")
            case _:
                assert_never(outcome)


def read_scores(answer: object) -> tuple[Score, ...]:
    """Read the decoded body of a 200.

    Raises:
        ContractError: It has not the described form. What is only absent, or null, is let pass as not told.
    """
    return tuple(_score(entry, f"[{at}]") for at, entry in enumerate(_list(answer, "the answer")))


def _read(reply: Reply, secret: str) -> Scored | NotScored:
    try:
        answer = orjson.loads(reply.body)
    except orjson.JSONDecodeError:
        answer = None
    if reply.status == 200:
        try:
            return Scored(read_scores(answer))
        except ContractError as error:
            return NotScored(f"the answer cannot be read: {error}; does a proxy answer in Pinterest's place?")
    said = error_text(reply.status, answer, (secret,))
    if reply.status != 429:
        return NotScored(f"{said}; {_REMEDIES.get(reply.status, 'try again later')}")
    delay_s = read_delay_s(reply.headers, time.time())
    return NotScored(f"{said}; try again {'later' if delay_s is None else f'in {delay_s:.0f} s'}")


_REMEDIES = {
    400: "does Pinterest know this lookback and this platform?",
    401: (
        "this needs a good OAuth access token, and a conversion token is none: refresh it with `conversions token "
        "refresh`, or name another with --access-token-file"
    ),
    403: "the access token needs the scope ads:read, and its user a role on this ad account",
    404: "is the ad account's id right?",
}


def _score(entry: object, at: str) -> Score:
    fields = _object(entry, at)
    named = _object(fields.get("quality_components"), f"{at}.quality_components")
    components = {
        _clean(name): {
            _clean(event_name): _detail(detail, f"{at}.quality_components.{_clean(name)}")
            for event_name, detail in _object(by_event, f"{at}.quality_components.{_clean(name)}").items()
        }
        for name, by_event in named.items()
    }
    return Score(
        overall_status=_text(fields, "overall_status", at),
        source_platform=_text(fields, "source_platform", at),
        ingestion_source=_text(fields, "ingestion_source", at),
        lookback_period=_text(fields, "lookback_period", at),
        components={name: components[name] for name in dict.fromkeys((*COMPONENTS, *components)) if name in components},
    )


def _detail(entry: object, at: str) -> Detail:
    fields = _object(entry, at)
    return Detail(
        coverage_percent=_percent(fields, "coverage", at),
        overlap_percent=_percent(fields, "overlap", at),
        issues=tuple(_issue(issue, f"{at}.issues") for issue in _list(fields.get("issues") or [], f"{at}.issues")),
    )


def _issue(entry: object, at: str) -> Issue:
    fields = _object(entry, at)
    return Issue(_text(fields, "id", at), _text(fields, "name", at), _text(fields, "reason", at))


def _list(value: object, at: str) -> list[Any]:
    if not isinstance(value, list):
        raise ContractError(f"{at} is no list")
    return value


def _object(value: object, at: str) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ContractError(f"{at} is no object")
    return value


def _text(fields: Mapping[str, Any], key: str, at: str) -> str:
    value = fields.get(key)
    if value is not None and not isinstance(value, str):
        raise ContractError(f"{at}.{key} is no text")
    return _clean(value or "")


def _percent(fields: Mapping[str, Any], key: str, at: str) -> float | None:
    value = fields.get(key)
    if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
        raise ContractError(f"{at}.{key} is no number")
    return value


def _clean(text: str) -> str:
    """One line without what could command a terminal."""
    return " ".join("".join(c if c.isprintable() else " " for c in text[:MAX_TEXT_CHARS]).split())
