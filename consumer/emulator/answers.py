"""Answers as the API gives them. Source: Pinterest API v5 description, `events/create`, responses and examples."""

from __future__ import annotations

from dataclasses import dataclass
from http.client import responses
from typing import Any

import orjson

Headers = tuple[tuple[str, str], ...]

UNPROCESSED_CODE = 953  # of a 422; not in the description, seen in answers that integrators have published

_STANDARD_ERRORS = {
    400: (4196, "The request was invalid."),
    401: (2, "Authentication failed."),
    403: (29, "You are not permitted to access that resource."),
    422: (UNPROCESSED_CODE, "Some or all of the data in the request is invalid."),
    429: (8, "This request exceeded a rate limit."),
    503: (4197, "The endpoint has been ramped down and is currently not accepting any traffic."),
}


@dataclass(frozen=True, slots=True)
class Drip:
    """Spread the body evenly over `seconds`, a byte at a time where that suffices."""

    seconds: float
    head_too: bool
    """Status line and headers as well."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back over the connection; the body is JSON unless it is spoilt on purpose."""

    status: int
    body: bytes
    headers: Headers = ()
    drip: Drip | None = None
    blanks: int = 0
    """How many follow the body, as part of it."""
    content_type: str = "application/json"


def error(status: int, message: str | None = None, *, code: int | None = None, headers: Headers = ()) -> Answer:
    """An answer in the description's `Error` shape; code and message default to the usual ones of the status."""
    usual_code, usual_message = _STANDARD_ERRORS.get(status, (status, f"HTTP status {status}."))
    body = {"code": usual_code if code is None else code, "message": usual_message if message is None else message}
    return Answer(status, orjson.dumps(body), headers)


def error_page(status: int, *, headers: Headers = ()) -> Answer:
    """An error as a proxy in between tells it to a browser."""
    title = f"{status} {responses.get(status, 'Unknown')}"
    page = f"<html>\n<head><title>{title}</title></head>\n<body><center><h1>{title}</h1></center></body>\n</html>\n"
    return Answer(status, page.encode(), headers, content_type="text/html")


def invalid_request(breach: str) -> Answer:
    """A whole request refused, in the words seen in published answers."""
    return error(400, f"Invalid request: {breach}")


def no_account_id() -> Answer:
    """The path names no ad account."""
    return invalid_request("'ad_account_id' does not match '^\\d+$' or is longer than 18")


def verdicts(errors: list[str], warnings: list[str], *, status_if_any: int = 422) -> Answer:
    """One entry per event in the order sent: 200 if none failed, else 422 with the same under `details`.

    Args:
        errors: Why each event failed, "" for those processed.
        warnings: What was ignored in each event, "" for nothing.
        status_if_any: Instead of 422, 200, whose entries may say `failed` as well by the description.
    """
    return _report(_counted(errors, warnings), status_if_any if any(errors) else 200)


def unreadable(events: int, status: int) -> Answer:
    """Ends in the middle of its JSON."""
    whole = _report(_all_processed(events), status)
    return Answer(status, whole.body[: len(whole.body) // 2])


def one_short(events: int, status: int) -> Answer:
    """Lists one entry fewer than events were sent."""
    report = _all_processed(events)
    return _report({**report, "events": report["events"][:-1]}, status)


def as_json(value: Any, status: int = 200) -> Answer:
    """For the emulator's own pages."""
    return Answer(status, orjson.dumps(value))


def _all_processed(events: int) -> dict[str, Any]:
    return _counted([""] * events, [""] * events)


def _counted(errors: list[str], warnings: list[str]) -> dict[str, Any]:
    return {
        "num_events_received": len(errors),
        "num_events_processed": errors.count(""),
        "events": [
            {"status": "failed" if problem else "processed", "error_message": problem, "warning_message": warning}
            for problem, warning in zip(errors, warnings, strict=True)
        ],
    }


def _report(report: dict[str, Any], status: int) -> Answer:
    if status == 200:
        return Answer(200, orjson.dumps(report))
    code, message = _STANDARD_ERRORS[status]
    return Answer(status, orjson.dumps({"code": code, "message": message, "details": report}))
