"""What is personal leaves as a hash or not at all: not in events, and in no word that is said about a record."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.config import BundledName
from consumer.letters import letter_headers
from consumer.pinterest.answers import Ambiguous, Judged, Refused, read_answer
from consumer.records import (
    Assignment,
    Decoded,
    Incompatible,
    Invalid,
    Letter,
    MapOutcome,
    Mapped,
    Record,
    Rejected,
    Skipped,
)
from consumer.stages.mapper import Mapper
from tests.harness.arbitrary import NOW_S, bounded, configurations, damaged
from tests.harness.planted import Person, people, records_about, urls_about, values_about
from tests.unit.mapping.builders import a_config
from tests.unit.stages.builders import FakeMessage

BOTH = pytest.mark.parametrize("name", ["order", "visit"])


def outcome_of(name: BundledName, record: dict[str, Any], sections: dict[str, Any]) -> MapOutcome:
    return Mapper(a_config(**sections)).map(f"{name}s", Decoded("any", record), [], NOW_S)


def said_of(outcome: MapOutcome) -> str:
    """All that a log, a metric or a letter would repeat of an outcome; not the event itself."""
    match outcome:
        case Mapped(account, _, clipped):
            return json.dumps([account, clipped])
        case Invalid(problems, reason):
            record = Record(Assignment("orders", 0, 0), 7, FakeMessage(), 5, 0.0)
            letter = Letter(record, reason, "map", "; ".join(problems))
            headers = letter_headers(
                letter,
                group="a-group",
                failed_s=NOW_S,
                origin=None,
                is_value_omitted=False,
                are_headers_omitted=False,
            )
            return repr(headers)
        case Skipped(reason):
            return reason
        case Incompatible(problems):
            return "; ".join(problems)


@BOTH
@bounded(80)
@given(data=st.data(), person=people(), sections=configurations())
def test_personal_fields_leave_as_hashes_alone(
    name: BundledName, data: st.DataObject, person: Person, sections: dict[str, Any]
) -> None:
    record = data.draw(records_about(name, person))

    outcome = outcome_of(name, record, sections)

    if isinstance(outcome, Mapped):
        assert person.traces_in(orjson.dumps(outcome.payload).decode()) == []
    assert person.traces_in(said_of(outcome)) == []


@BOTH
@bounded(80)
@given(data=st.data(), person=people(), sections=configurations())
def test_a_person_in_the_wrong_place_is_never_quoted(
    name: BundledName, data: st.DataObject, person: Person, sections: dict[str, Any]
) -> None:
    record = data.draw(damaged(records_about(name, person), values_about(person)))
    code = data.draw(st.sampled_from(["currency", "ad_account_id", None]))
    if code is not None:  # text is right there, but not this one
        record[code] = data.draw(st.sampled_from([person.letters, person.digits]))

    outcome = outcome_of(name, record, sections)

    assert person.traces_in(said_of(outcome)) == []


@BOTH
def test_people_do_get_into_events(name: BundledName) -> None:
    """Otherwise the test above would look for what was never there."""
    events: list[dict[str, Any]] = []

    @bounded(30)
    @given(data=st.data(), person=people())
    def collect(data: st.DataObject, person: Person) -> None:
        outcome = outcome_of(name, data.draw(records_about(name, person, is_sent=True)), {"privacy": EVERYTHING})
        if isinstance(outcome, Mapped):
            events.append(outcome.payload)

    collect()

    assert len(events) >= 20
    hashed = {field for event in events for field in event["user_data"]}
    assert {"em", "ph", "fn", "ln", "ct", "zp", "country", "external_id", "hashed_maids", "db", "ge"} <= hashed
    assert any("event_source_url" in event for event in events)


EVERYTHING = {
    "consent_unknown_countries": "other",
    "fields": [
        *("em", "ph", "ge", "db", "ln", "fn", "ct", "st", "zp", "country", "external_id", "hashed_maids"),
        *("client_ip_address", "client_user_agent", "click_id", "partner_id"),
    ],
}


@pytest.mark.parametrize("trace", ["{letters}", "{letters}%2540example.com", "x{digits}x", "{born}"])
def test_a_person_is_found_in_any_text(trace: str) -> None:
    @bounded(20)
    @given(person=people())
    def find(person: Person) -> None:
        facts = {"letters": person.letters.upper(), "digits": person.digits, "born": f"{person.born:%Y%m%d}"}
        assert person.traces_in(trace.format(**facts)) != []

    find()


# --- what the API repeats --------------------------------------------------------------------------------------


@st.composite
def messages_about(draw: st.DrawFn, person: Person) -> str:
    """What an API says of data that it did not like, with the data."""
    personal = st.sampled_from(
        [
            person.email,
            person.email.replace("@", "%40"),
            person.phone,
            f"+61 {person.digits[:3]} {person.digits[3:]}",
            *urls_about(person),
        ]
    )
    before = draw(st.sampled_from(["", "Invalid value ", "Invalid em parameter: '", "email=", "(", "x" * 1_990 + " "]))
    after = draw(st.sampled_from(["", ".", "' is not a hash", ")", ", " + "y" * 400]))
    return before + draw(personal) + after


@bounded(100)
@given(data=st.data(), person=people())
def test_what_the_api_repeats_of_a_person_goes_no_further(data: st.DataObject, person: Person) -> None:
    message = data.draw(messages_about(person))
    details = {
        "events": [{"status": "failed", "error_message": message}, {"status": "processed", "warning_message": message}]
    }
    partial = orjson.dumps({"code": 953, "message": message, "details": details})

    judged = read_answer(422, {}, partial, 2, NOW_S)
    refused = read_answer(400, {}, orjson.dumps({"code": 1, "message": message}), 1, NOW_S)
    unreadable = read_answer(200, {}, message.encode(), 1, NOW_S)

    assert isinstance(judged, Judged)
    assert isinstance(judged.outcomes[0], Rejected)
    assert isinstance(refused, Refused)
    assert isinstance(unreadable, Ambiguous)
    assert person.traces_in(repr((judged, refused, unreadable))) == []
