"""What each answer of the API means, however it is written, and what of its words may be repeated."""

from __future__ import annotations

import json
import math
import re
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from hashlib import sha256
from time import perf_counter
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.pinterest.answers import (
    MAX_DELAY_S,
    MAX_OUTAGE_DELAY_S,
    Ambiguous,
    Answer,
    Forbidden,
    Judged,
    Refused,
    Throttled,
    Unauthorized,
    Unavailable,
    read_answer,
    read_delay_s,
    scrub,
    warned_field,
)
from consumer.pinterest.events import FIELD_NAMES
from consumer.records import Accepted, Rejected

WALL_S = 1_750_000_000.0
HASHED = sha256(b"ada@example.com").hexdigest()


def entry(status: str = "processed", **messages: Any) -> dict[str, Any]:
    return {"status": status, "error_message": "", "warning_message": "", **messages}


def report(*entries: Any) -> dict[str, Any]:
    return {"num_events_received": len(entries), "num_events_processed": 0, "events": list(entries)}


def partly(*entries: Any, **more: Any) -> dict[str, Any]:
    """A 422, as seen in the field."""
    return {"code": 953, "message": "Some or all of the data is invalid.", "details": report(*entries), **more}


def read(status: int, body: Any, sent: int = 1, headers: dict[str, str] | None = None) -> Answer:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return read_answer(status, headers or {}, raw, sent, WALL_S)


# --- verdicts -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [200, 201, 202])
def test_a_success_says_what_became_of_each_event(status: int) -> None:
    body = report(entry(), entry("failed", error_message="Invalid event_time."), entry(warning_message="Ignored x."))

    assert read(status, body, sent=3) == Judged(
        (Accepted(), Rejected("Invalid event_time.", http_status=status), Accepted("Ignored x."))
    )


def test_a_partial_failure_accepts_what_was_processed() -> None:
    body = partly(entry(), entry("failed", error_message="Invalid value."))

    assert read(422, body, sent=2) == Judged((Accepted(), Rejected("Invalid value.", http_status=422, api_code=953)))


@pytest.mark.parametrize("message", [None, "", 7, {"text": "x"}])
def test_a_message_in_another_form_changes_no_verdict(message: Any) -> None:
    body = report(entry(warning_message=message), entry("failed", error_message=message), {"status": "processed"})

    answer = read(200, body, sent=3)

    assert answer == Judged((Accepted(), Rejected("failed without a message", http_status=200), Accepted()))


def test_messages_are_scrubbed() -> None:
    answer = read(
        200, report(entry("failed", error_message="bad em ada@example.com"), entry(warning_message=HASHED)), 2
    )

    assert answer == Judged((Rejected("bad em <e-mail>", http_status=200), Accepted("<hash>")))


@pytest.mark.parametrize("code", ["ada@example.com", {"ip": "203.0.113.7"}, None, 1.5, True])
def test_a_code_that_is_no_number_is_not_repeated(code: Any) -> None:
    assert read(422, partly(entry("failed"), code=code)) == Judged(
        (Rejected("failed without a message", http_status=422),)
    )


@pytest.mark.parametrize(
    ("status", "body"),
    [
        pytest.param(200, b"", id="nothing"),
        pytest.param(204, b"", id="no content"),
        pytest.param(200, b"<html>welcome</html>", id="a page"),
        pytest.param(200, b'{"events": [{"status": "proc', id="cut short"),
        pytest.param(200, b"\xff\xfe", id="no UTF-8"),
        pytest.param(200, b"[" * 100_000, id="endless nesting"),
        pytest.param(200, None, id="null"),
        pytest.param(200, 7, id="a number"),
        pytest.param(200, [entry()], id="a list"),
        pytest.param(200, {"num_events_processed": 1}, id="no events"),
        pytest.param(200, {"events": {"0": entry()}}, id="events that are no list"),
        pytest.param(200, {"events": "x"}, id="events that are a text"),
        pytest.param(200, report(), id="one too few"),
        pytest.param(200, report(entry(), entry()), id="one too many"),
        pytest.param(200, report(None), id="an entry that is null"),
        pytest.param(200, report("processed"), id="an entry that is a text"),
        pytest.param(200, report([]), id="an entry that is a list"),
        pytest.param(200, report({}), id="an entry without a status"),
        pytest.param(200, report(entry("PROCESSED")), id="a status nobody knows"),
        pytest.param(200, report({"status": None}), id="a status that is null"),
        pytest.param(200, partly(entry()), id="a report in the wrong place"),
        pytest.param(422, {"code": 953, "message": "no"}, id="422 without details"),
        pytest.param(422, partly(), id="422 with one too few"),
        pytest.param(422, partly(details=None), id="422 with details null"),
        pytest.param(422, partly(details=[entry()]), id="422 with details a list"),
        pytest.param(422, report(entry()), id="422 with the report at the top"),
        pytest.param(422, [953], id="422 that is a list"),
        pytest.param(422, b"", id="422 with nothing"),
    ],
)
def test_a_success_that_cannot_be_matched_to_the_events_is_ambiguous(status: int, body: Any) -> None:
    answer = read(status, body)

    assert isinstance(answer, Ambiguous)
    assert answer.is_unreadable


def test_one_entry_that_cannot_be_read_leaves_none_to_be_believed() -> None:
    assert isinstance(read(200, report(entry(), {}, entry()), sent=3), Ambiguous)


# --- refusals -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [400, 413])
def test_a_request_may_be_refused_as_a_whole(status: int) -> None:
    body = {"code": 4196, "message": "Invalid request: ('x' was unexpected)"}

    answer = read(status, body)

    assert answer == Refused(f"HTTP {status}, code 4196: Invalid request: ('x' was unexpected)", status, 4196)


def test_a_refusal_is_one_also_if_it_lists_events() -> None:
    assert isinstance(read(400, {"code": 4196, "message": "no", **report(entry())}), Refused)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"<html><h1>400 Bad Request</h1></html>", id="a proxy's page"),
        pytest.param(b"Request blocked. Reference #18.2f1", id="a firewall's line"),
        pytest.param(b'{"code": 4196, "message": "Invalid requ', id="cut short"),
        pytest.param(b"\xff\xfe", id="no UTF-8"),
        pytest.param(b"[" * 100_000, id="endless nesting"),
        pytest.param({"message": "Forbidden"}, id="without a code"),
        pytest.param({"code": 4196}, id="without a message"),
        pytest.param({"code": "4196", "message": "no"}, id="a code that is a text"),
        pytest.param({"code": True, "message": "no"}, id="a code that is a boolean"),
        pytest.param({"code": 4196, "message": None}, id="a message that is null"),
        pytest.param({"code": 4196, "message": {"en": "no"}}, id="a message that is an object"),
        pytest.param([{"code": 4196, "message": "no"}], id="a list"),
        pytest.param(report(entry()), id="a report"),
    ],
)
def test_a_400_that_is_not_in_the_apis_words_says_nothing_of_the_events(body: Any) -> None:
    answer = read(400, body)

    assert isinstance(answer, Ambiguous)
    assert answer.is_unreadable
    assert answer.detail.startswith("HTTP 400")


@pytest.mark.parametrize("body", [b"", b"<html>413 Request Entity Too Large</html>", {"message": "too large"}])
def test_a_request_that_is_too_large_is_so_whoever_says_it(body: Any) -> None:
    assert isinstance(read(413, body), Refused)


@pytest.mark.parametrize("processed", [0, 1, 7, -1, None, "2"])
def test_the_entries_decide_whatever_the_sum_beside_them_says(processed: Any) -> None:
    body = {**report(entry(), entry("failed")), "num_events_processed": processed, "num_events_received": 9}

    assert read(200, body, sent=2) == Judged((Accepted(), Rejected("failed without a message", http_status=200)))


def test_a_wrong_token_is_unauthorized() -> None:
    answer = read(401, {"code": 2, "message": "Authentication failed.", "status": "failure"})

    assert answer == Unauthorized("HTTP 401, code 2: Authentication failed.")


@pytest.mark.parametrize("status", [402, 403, 404, 405, 409, 410, 415, 431, 451, 301, 302, 303, 304, 307, 308])
def test_whatever_else_the_client_is_blamed_for_holds_the_account_and_blames_no_event(status: int) -> None:
    assert isinstance(read(status, {"code": 29, "message": "no"}), Forbidden)


@pytest.mark.parametrize("status", [408, 425, 500, 501, 502, 503, 504, 520, 599])
def test_the_servers_own_trouble_is_temporary(status: int) -> None:
    assert read(status, b"<html>", headers={"retry-after": "7"}) == Unavailable(f"HTTP {status}", 7.0)


@pytest.mark.parametrize("status", [408, 425, 503])
@pytest.mark.parametrize(
    ("headers", "delay_s"),
    [
        pytest.param({"x-ratelimit-reset": "67150"}, None, id="the quota's end is no wish"),
        pytest.param({"retry-after": "5"}, 5.0, id="a wish"),
        pytest.param({"retry-after": "86400"}, MAX_OUTAGE_DELAY_S, id="a wish for a day"),
        pytest.param({"retry-after": "Tue, 01 Jan 2019 00:00:00 GMT"}, 0.0, id="a time that has passed"),
    ],
)
def test_in_trouble_only_a_wish_is_heard_and_not_for_long(
    status: int, headers: dict[str, str], delay_s: float | None
) -> None:
    answer = read_answer(status, headers, b"", 1, WALL_S)

    assert answer == Unavailable(f"HTTP {status}", delay_s)


def test_too_many_requests_are_throttled() -> None:
    assert read(429, {"code": 8, "message": "x"}) == Throttled(None)
    assert read(429, b"", headers={"retry-after": "30"}) == Throttled(30.0)


@pytest.mark.parametrize("body", [b"", b"<html>", b"null", b"[]", b'{"code": "x", "message": 7}', b"\xff"])
@pytest.mark.parametrize("status", [401, 403, 413, 500])
def test_an_error_in_another_form_is_told_by_its_status_alone(status: int, body: bytes) -> None:
    answer = read(status, body)

    assert isinstance(answer, Refused | Unauthorized | Forbidden | Unavailable)
    assert answer.detail == f"HTTP {status}"


@pytest.mark.parametrize(
    ("status", "code", "kind"), [(403, 2_625, Forbidden), (400, 1, Refused), (503, 4_197, Unavailable)]
)
def test_the_status_decides_and_a_code_nobody_knows_is_repeated(status: int, code: int, kind: type) -> None:
    answer = read(status, {"code": code, "message": "x"})

    assert isinstance(answer, kind)
    assert isinstance(answer, Forbidden | Refused | Unavailable)
    assert answer.detail == f"HTTP {status}, code {code}: x"


@given(
    status=st.integers(100, 599),
    body=st.one_of(
        st.binary(max_size=60),
        st.recursive(
            st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=8),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(
                    st.sampled_from(["events", "details", "status", "code", "message", "error_message"]),
                    inner,
                    max_size=4,
                )
            ),
            max_leaves=12,
        ).map(orjson.dumps),
    ),
    headers=st.dictionaries(st.sampled_from(["retry-after", "x-ratelimit-reset"]), st.text(max_size=30)),
    sent=st.integers(1, 3),
)
def test_nothing_that_may_be_answered_raises(status: int, body: bytes, headers: dict[str, str], sent: int) -> None:
    answer = read_answer(status, headers, body, sent, WALL_S)

    if isinstance(answer, Judged):
        assert status == 422 or 200 <= status < 300
        assert len(answer.outcomes) == sent
    if isinstance(answer, Ambiguous):
        assert status in (400, 422) or 200 <= status < 300


# --- delays -------------------------------------------------------------------------------------------------


def http_date(seconds_from_now: float) -> str:
    return format_datetime(datetime.fromtimestamp(WALL_S, UTC) + timedelta(seconds=seconds_from_now), usegmt=True)


@pytest.mark.parametrize(
    ("headers", "delay_s"),
    [
        pytest.param({}, None, id="nothing said"),
        pytest.param({"retry-after": "0"}, 0.0, id="at once"),
        pytest.param({"retry-after": "120"}, 120.0, id="seconds"),
        pytest.param({"retry-after": " 120 "}, 120.0, id="seconds between blanks"),
        pytest.param({"retry-after": http_date(90)}, 90.0, id="a date"),
        pytest.param({"retry-after": http_date(-90)}, 0.0, id="a date that has passed"),
        pytest.param({"retry-after": http_date(90).removesuffix(" GMT")}, 90.0, id="a date without its zone"),
        pytest.param({"retry-after": "soon"}, None, id="a word"),
        pytest.param({"retry-after": ""}, None, id="empty"),
        pytest.param({"retry-after": "-5"}, None, id="below nought"),
        pytest.param({"retry-after": "60, 60"}, None, id="said twice"),
        pytest.param({"retry-after": "99999999999"}, MAX_DELAY_S, id="three thousand years"),
        pytest.param({"retry-after": "9" * 400}, MAX_DELAY_S, id="more than a float holds"),
        pytest.param({"retry-after": http_date(9e8)}, MAX_DELAY_S, id="a date far ahead"),
        pytest.param({"retry-after": "1 Oct 2015 07:29:00 +99999999999"}, None, id="a date in no zone"),
        pytest.param({"retry-after": "1 Oct W2015 07:29:00 +99999999999"}, None, id="a year that is none, in no zone"),
        pytest.param({"x-ratelimit-reset": "67150"}, 67_150.0, id="seconds left, as observed"),
        pytest.param({"x-ratelimit-reset": "0.5"}, 0.5, id="part of a second left"),
        pytest.param({"x-ratelimit-reset": "-3"}, 0.0, id="over already"),
        pytest.param({"x-ratelimit-reset": str(int(WALL_S) + 45)}, 45.0, id="Unix seconds"),
        pytest.param({"x-ratelimit-reset": str(int(WALL_S) - 45)}, 0.0, id="Unix seconds that have passed"),
        pytest.param({"x-ratelimit-reset": "100000"}, MAX_DELAY_S, id="more than a day"),
        pytest.param({"x-ratelimit-reset": "90000000"}, None, id="no time that anybody means"),
        pytest.param({"x-ratelimit-reset": "1750000000000"}, None, id="milliseconds"),
        pytest.param({"x-ratelimit-reset": "nan"}, None, id="not a number"),
        pytest.param({"x-ratelimit-reset": "inf"}, None, id="infinity"),
        pytest.param({"x-ratelimit-reset": "-inf"}, None, id="infinity below nought"),
        pytest.param({"x-ratelimit-reset": "x"}, None, id="a letter"),
        pytest.param({"retry-after": "5", "x-ratelimit-reset": "50"}, 5.0, id="both: the standard one"),
        pytest.param({"retry-after": "soon", "x-ratelimit-reset": "50"}, 50.0, id="the one that can be read"),
    ],
)
def test_the_server_may_say_how_long_to_wait_in_several_ways(headers: dict[str, str], delay_s: float | None) -> None:
    assert read_delay_s(headers, WALL_S) == (None if delay_s is None else pytest.approx(delay_s))


@given(st.dictionaries(st.sampled_from(["retry-after", "x-ratelimit-reset"]), st.text(max_size=40)))
def test_no_wait_is_below_nought_or_endless(headers: dict[str, str]) -> None:
    delay_s = read_delay_s(headers, WALL_S)

    assert delay_s is None or (math.isfinite(delay_s) and 0 <= delay_s <= MAX_DELAY_S)


# --- what a warning is about --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("warning", "field"),
    [
        pytest.param("Ignored field 'num_items'.", "num_items", id="in quotes"),
        pytest.param('"currency" is not standard', "currency", id="in double quotes"),
        pytest.param("`value` is no number", "value", id="in backticks"),
        pytest.param("custom_data.value: not a number", "value", id="a path"),
        pytest.param("user_data['em'] is not hashed", "em", id="a path in brackets"),
        pytest.param("contents[3].item_price is no string", "item_price", id="a path with an index"),
        pytest.param("custom_data is not standard", "custom_data", id="an object as a whole"),
        pytest.param("em is not hashed", "em", id="the first word"),
        pytest.param("the click_id given is unknown", "click_id", id="amid words"),
        pytest.param("unknown value of the type given", "other", id="ordinary words that are names as well"),
        pytest.param("Additional property 'colour' ignored", "other", id="a name that the API does not know"),
        pytest.param("'<e-mail>' is no <hash>", "other", id="what was scrubbed"),
        pytest.param("", "other", id="nothing"),
        pytest.param("VALUE_X", "other", id="capitals"),
        pytest.param("valued customer", "other", id="a word that begins like a name"),
    ],
)
def test_a_warning_is_counted_by_the_field_it_is_about(warning: str, field: str) -> None:
    assert warned_field(warning) == field


@given(st.text(max_size=80) | st.text("abem_.'[]0 ", max_size=40))
def test_whatever_a_warning_says_the_label_comes_from_a_closed_set(warning: str) -> None:
    assert warned_field(warning) in FIELD_NAMES | {"other"}


# --- words that may be repeated -----------------------------------------------------------------------------

PERSONAL = {
    "an e-mail address": "ada.lovelace+shop@mail.example.com",
    "an e-mail address encoded for a URL": "ada.lovelace%40example.com",
    "an e-mail address in capitals": "ADA@EXAMPLE.COM",
    "an e-mail address with a quoted name": '"ada.lovelace"@example.com',
    "an e-mail address with a quoted name of two words": '"ada lovelace"@example.com',
    "an e-mail address with a comment": "ada.lovelace(shop)@example.com",
    "an e-mail address beyond ASCII": "ådä@exämple.com",
    "a URL": "https://shop.example.com/thanks?order=A-1&mail=ada",
    "a URL in capitals": "HTTPS://SHOP.EXAMPLE.COM/A-1",
    "a deep link": "acme-shop://order/A-1?mail=ada",
    "a URL without its scheme": "www.example.com/ada",
    "a host with a path": "shop.example.com/customers/ada",
    "an IPv4 address": "203.0.113.7",
    "an IPv6 address": "2001:db8:85a3::8a2e:370:7334",
    "a short IPv6 address": "2001:db8::1",
    "a shorter one": "2001:db8::",
    "an IPv4 address in IPv6": "::ffff:203.0.113.7",
    "a hash": HASHED,
    "a hash in capitals": HASHED.upper(),
    "an MD5 hash": "0123456789abcdef0123456789abcdef",
    "an international number": "+49 30 901820",
    "an international number without blanks": "+4930901820",
    "one with the prefix dialled": "0049 30 901820",
    "a national number": "030 90182-0123",
    "one with brackets": "(212) 555-0100",
    "one with hyphens": "212-555-0100",
    "one with dots": "+1.212.555.0100",
}


@pytest.mark.parametrize("text", PERSONAL.values(), ids=PERSONAL.keys())
@pytest.mark.parametrize("around", ["{}", "Invalid ({}) given.", "em '{}', more", '"{}"', "at: {}, then", "<{}>"])
def test_nothing_personal_is_repeated(text: str, around: str) -> None:
    said = scrub(around.format(text))

    for piece in (text, *text.split("@"), *text.split("%40"), *text.split(" ")):
        if len(piece) > 3:
            assert piece.lower() not in said.lower()
    assert [word for word in re.findall(r"[A-Za-z]{2,}", around) if word not in said] == []


@pytest.mark.parametrize(
    "text",
    [
        "Given timestamp is in the past. Current timestamp: 1727469267, Given event_timestamp: 1678203524",
        "Invalid request: Additional properties are not allowed ('category_name' was unexpected)",
        "'num_items' is not of type 'integer'",
        "user_data: at least one of em, hashed_maids, or both client_ip_address and client_user_agent",
        "value -1.00 is below 0",
        "custom_data.contents[3].item_price: 12.50 is no string",
    ],
)
def test_what_helps_to_find_the_fault_stays(text: str) -> None:
    assert scrub(text) == text


def test_a_message_is_one_short_line() -> None:
    said = scrub("first\r\nInjected: header\x00\x1b[31m\u2028 " + "word " * 200)

    assert said.startswith("first Injected: header [31m word word")
    assert said.isprintable()
    assert len(said) == 300
    assert said.endswith("…")


def test_what_is_cut_off_leaves_no_half_of_anything_personal() -> None:
    url = "https://shop.example.com/" + "a" * 74 + " "  # a hundred characters that become six

    for before in range(60, 100):
        said = scrub(url * 19 + "-" * before + " ada.lovelace@example.com and more")
        assert said.startswith("<url> " * 19 + "-" * 60)
        assert "ada" not in said


@pytest.mark.parametrize("piece", ["a", "a.", "a-", "1 ", "0 ", "+1", ":", "a:", "%", "@", "a@", "(1", "w.", "0a"])
def test_a_long_message_takes_no_longer_than_its_length(piece: str) -> None:
    started_s = perf_counter()

    scrub(piece * 2_000_000)

    assert perf_counter() - started_s < 1.0
