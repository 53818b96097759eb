"""Reads what the API answers to one request: which kind of answer it is and, where it says so, one outcome per event.

Pure. Source of the shapes: Pinterest API v5 description, `events/create` with `ConversionApiResponse`,
`DetailedError` and `Error`; the content of a 422's `details` is as observed in the field (code 953).
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any

import orjson

from consumer.pinterest.events import FIELD_NAMES
from consumer.records import Accepted, Rejected

MAX_DELAY_S = 86_400.0
"""A daily quota is the longest that Pinterest tells of; a wish beyond is followed this far, then asked again."""
MAX_OUTAGE_DELAY_S = 600.0
"""The longest wish that is followed of a server in trouble, which knows its own end no better than we."""
_MAX_DETAIL_CHARS = 300
_MAX_READ_CHARS = 2_000


@dataclass(frozen=True, slots=True)
class Judged:
    """One outcome per event, in the order sent: a 200, or a 422 that says which."""

    outcomes: tuple[Accepted | Rejected, ...]


@dataclass(frozen=True, slots=True)
class Refused:
    """The whole request is wrong and nobody is named: somewhere in it is a culprit. A 400 in the API's own words, or a
    413, which is true of a request whoever says it."""

    detail: str
    http_status: int
    api_code: int | None


@dataclass(frozen=True, slots=True)
class Unauthorized:
    """The token is missing, wrong or expired (401). Says nothing of the events."""

    detail: str
    was_asked: bool = True
    """Did the API say so? Without a usable token nothing is sent."""


@dataclass(frozen=True, slots=True)
class Forbidden:
    """This token, account or address will not do (403, 404, 405, a redirection). Says nothing of the events."""

    detail: str


@dataclass(frozen=True, slots=True)
class Throttled:
    """Too many requests (429). `delay_s` is the server's wish, if it told one."""

    delay_s: float | None


@dataclass(frozen=True, slots=True)
class Unavailable:
    """Not now: 5xx, or never reached. `delay_s` is the server's wish, if it told one."""

    detail: str
    delay_s: float | None = None


@dataclass(frozen=True, slots=True)
class Ambiguous:
    """Perhaps accepted: a timeout after sending, or an answer that cannot be matched to the events sent."""

    detail: str
    is_unreadable: bool
    is_refusal: bool = False
    """By its status nothing was accepted, whoever said so."""


Answer = Judged | Refused | Unauthorized | Forbidden | Throttled | Unavailable | Ambiguous


def read_answer(status: int, headers: Mapping[str, str], body: bytes, sent: int, wall_s: float) -> Answer:
    """Tell what an answer means for the `sent` events of its request. Reads anything, and raises at nothing.

    Args:
        status: Of the answer.
        headers: By lower-case name.
        body: The whole of it.
        sent: How many events the request carried.
        wall_s: Unix seconds, against which dates in headers are read.
    """
    if status == 422 or 200 <= status < 300:
        return _read_judgement(status, body, sent)
    code, message, is_described = _read_error(body)
    detail = f"HTTP {status}" + (f", code {code}" if code is not None else "") + (f": {message}" if message else "")
    match status:
        case 400 if not is_described:
            # A firewall's or proxy's page. To look for a culprit would dead-letter event after event for nothing.
            return Ambiguous(f"{detail}: not in the API's words", is_unreadable=True, is_refusal=True)
        case 400 | 413:
            return Refused(detail, status, code)
        case 401:
            return Unauthorized(detail)
        case 429:
            return Throttled(read_delay_s(headers, wall_s))
        case _ if status in (408, 425) or status >= 500:
            # Not `X-RateLimit-Reset`: it may stand on any answer, and tells of the quota alone.
            wish_s = _retry_after_s(headers.get("retry-after", "").strip(), wall_s)
            return Unavailable(detail, None if wish_s is None else min(max(0.0, wish_s), MAX_OUTAGE_DELAY_S))
        case _:
            return Forbidden(detail)


def _read_judgement(status: int, body: bytes, sent: int) -> Judged | Ambiguous:
    """One outcome per entry. The entries alone decide: the sums beside them (`num_events_processed`) name no event, and
    to doubt the entries for a wrong sum would send accepted events again."""
    code: int | None = None
    try:
        answer = orjson.loads(body)
        if status == 422:
            code = _code(answer)
            answer = answer["details"]
        entries = answer["events"]
        if not isinstance(entries, list) or len(entries) != sent:
            return Ambiguous(f"HTTP {status}: the answer does not speak of the {sent} events sent", is_unreadable=True)
        return Judged(tuple(_read_entry(entry, status, code) for entry in entries))
    except (KeyError, TypeError, AttributeError, ValueError):
        return Ambiguous(f"HTTP {status}: the answer is not in the described form", is_unreadable=True)


def _read_entry(entry: dict[str, Any], status: int, code: int | None) -> Accepted | Rejected:
    match entry["status"]:
        case "processed":
            return Accepted(_message(entry, "warning_message"))
        case "failed":
            detail = _message(entry, "error_message") or "failed without a message"
            return Rejected(detail, http_status=status, api_code=code)
        case _:
            raise ValueError("a status that the description does not know")


def _message(answer: dict[str, Any], key: str) -> str:
    """A text of the API's, scrubbed. What it is not told in the described form does not change what was decided."""
    text = answer.get(key)
    return scrub(text) if isinstance(text, str) else ""


def _code(answer: dict[str, Any]) -> int | None:
    code = answer.get("code")
    return code if type(code) is int else None  # a boolean is an int as well


def _read_error(body: bytes) -> tuple[int | None, str, bool]:
    """Code and message, and whether it is an `Error` of the description: an object that has both."""
    try:
        error = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None, "", False
    if not isinstance(error, dict):
        return None, "", False
    code = _code(error)
    return code, _message(error, "message"), code is not None and isinstance(error.get("message"), str)


def read_delay_s(headers: Mapping[str, str], wall_s: float) -> float | None:
    """How long the server asks us to wait, at most `MAX_DELAY_S`, or `None` if it does not say.

    `Retry-After` first (RFC 9110, 10.2.3: seconds or a date), then `X-RateLimit-Reset`, which Pinterest sends as
    seconds left; a number too large for that is read as Unix seconds.
    """
    delay_s = _retry_after_s(headers.get("retry-after", "").strip(), wall_s)
    if delay_s is None:
        delay_s = _reset_s(headers.get("x-ratelimit-reset", ""), wall_s)
    return None if delay_s is None else min(max(0.0, delay_s), MAX_DELAY_S)


def _retry_after_s(after: str, wall_s: float) -> float | None:
    if after.isdecimal():
        return float(after)
    try:
        date = parsedate_to_datetime(after)
    except (ValueError, OverflowError):
        return None
    # RFC 9110 knows no date without a zone; the library takes one for local time.
    return (date if date.tzinfo is not None else date.replace(tzinfo=UTC)).timestamp() - wall_s


def _reset_s(reset: str, wall_s: float) -> float | None:
    try:
        seconds = float(reset)
    except ValueError:
        return None
    if seconds > 1_000_000_000:
        seconds -= wall_s
    return seconds if math.isfinite(seconds) and seconds < 10 * MAX_DELAY_S else None


# Each is anchored or bounded, so that none takes more than one pass over a text, whatever it holds.
_PERSONAL = (
    (re.compile(r"\b[a-z][a-z0-9+.-]{0,20}://\S+", re.IGNORECASE), "<url>"),
    (re.compile(r"(?<![\w.-])(?:www\.|(?:[\w-]+\.)+[a-z]{2,}/)\S*", re.IGNORECASE), "<url>"),
    (re.compile(r"(?:\"[^\"]{1,64}\"|\S{0,64}[)>])(?:@|%40)[^\s'\"<>(),;]+", re.IGNORECASE), "<e-mail>"),
    (re.compile(r"(?<![^\s@'\"<>(),;])[^\s@'\"<>(),;]+(?:@|%40)[^\s'\"<>(),;]+", re.IGNORECASE), "<e-mail>"),
    (re.compile(r"(?<!\d)\d{1,3}(?:\.\d{1,3}){3}(?!\d)"), "<ip>"),
    (re.compile(r"(?<![\w:])(?:[0-9a-f]{0,4}:){2,8}[0-9a-f]{0,4}(?![\w:])", re.IGNORECASE), "<ip>"),
    (re.compile(r"[0-9a-f]{32,}", re.IGNORECASE), "<hash>"),
    (re.compile(r"(?<![\w.])[+0]\d[\d ()./-]{5,}\d"), "<phone>"),
    (re.compile(r"(?<![\w.])\(?\d{3}\)?[ .-]{1,2}\d{3}[ .-]\d{4}(?!\d)"), "<phone>"),
)


def scrub(text: str) -> str:
    """A message of the API's made fit for headers and logs: no personal data it may repeat, one short line."""
    if not text:
        return ""
    if len(text) > _MAX_READ_CHARS:
        text = text[:_MAX_READ_CHARS].rpartition(" ")[0]  # half an address would not be known for one
    for pattern, name in _PERSONAL:
        text = pattern.sub(name, text)
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= _MAX_DETAIL_CHARS else line[: _MAX_DETAIL_CHARS - 1] + "…"


# Names as a text marks them: in quotes, in a path, or joined by underscores.
_NAMED = re.compile(r"""(?<=['"`.])[a-z][a-z0-9_]*|\b[a-z][a-z0-9]*(?:_[a-z0-9]+)+\b|\b[a-z][a-z0-9_]*(?=[.\[]\w)""")
_FIRST_WORD = re.compile(r"[a-z][a-z0-9_]*\b")
_OBJECTS = frozenset({"user_data", "custom_data", "contents", "app_info", "device_info"})


def warned_field(warning: str) -> str:
    """The field that a scrubbed warning is about, fit for a metric's label: a name that the API knows, or `other`.

    Ordinary words may be names as well (`value`, `type`), so a name counts only where the text marks it as one or
    begins with it. Of a path it is the innermost known name.
    """
    names = [name for name in _NAMED.findall(warning) if name in FIELD_NAMES]
    if not names and (first := _FIRST_WORD.match(warning)) is not None and first[0] in FIELD_NAMES:
        return first[0]
    return next((name for name in names if name not in _OBJECTS), names[0] if names else "other")
