"""Which dead letters a command means, and which of them a replay takes."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from consumer.cli.dlq_letters import Choice, DeadLetter, letter_in
from consumer.cli.dlq_options import choice_of, letter_topics
from consumer.cli.dlq_plan import Failures, LeftOut, Plan, Tally, replay_headers, replayed_in, source_headers
from consumer.cli.dlq_summary import Summary, tally_as_text
from consumer.cli.dlq_topics import keeps_longer
from consumer.config import Config
from consumer.errors import ConfigError
from consumer.letters import said_of
from consumer.records import DeadLetterReason, Headers
from tests.unit.test_letters import OWN, REPLAYED, Message, without

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
POSITION = ("a-group.dead-letter", 1, 40)
LETTER_HEADERS: Headers = [header for header in REPLAYED if not header[0].startswith("conversions.letter")]
CONFIG = Config.model_validate(
    {
        "kafka": {"bootstrap_servers": "127.0.0.1:9"},
        "schema_registry": {"url": "http://127.0.0.1:9"},
        "topics": {
            "orders": {"mapping": "order", "dead_letter_topic": "orders.letters"},
            "visits": {"mapping": "visit"},
        },
    }
)


def a_letter(**said: str) -> DeadLetter:
    """Of account_held, given up on 2025-06-15 at 01:00, replayed once."""
    changed = {f"conversions.{name.replace('_', '-')}": text.encode() for name, text in said.items()}
    headers = [*((name, value) for name, value in LETTER_HEADERS if name not in changed), *changed.items()]
    letter = letter_in(Message(headers), POSITION)
    assert letter is not None
    return letter


def a_plan(**changes: Any) -> Plan:
    return replace(Plan(Failures(), {"orders"}, 3, frozenset()), **changes)


def test_a_letter_is_read_with_what_it_repeats_and_what_it_says() -> None:
    letter = a_letter()

    assert (letter.reason, letter.account) == (DeadLetterReason.ACCOUNT_HELD, "549000000001")
    assert (letter.origin.topic, letter.origin.partition, letter.origin.offset) == ("orders", 2, 17)
    assert (letter.value, letter.own, letter.needs_original) == (b"order", OWN, False)


@pytest.mark.parametrize("name", ["topic", "partition", "offset", "reason", "failed-at"])
def test_a_message_that_does_not_say_enough_is_no_letter(name: str) -> None:
    assert letter_in(Message(without(name)), POSITION) is None


@pytest.mark.parametrize(("name", "content"), [("reason", b"made_up"), ("failed-at", b"2025-06-15T01:00:00")])
def test_a_message_that_says_something_unknown_is_no_letter(name: str, content: bytes) -> None:
    assert letter_in(Message([*without(name), (f"conversions.{name}", content)]), POSITION) is None


@pytest.mark.parametrize("name", ["value_omitted", "headers_omitted"])
def test_a_letter_that_leaves_something_out_needs_the_original(name: str) -> None:
    assert a_letter(**{name: "true"}).needs_original


GIVEN_UP = datetime(2025, 6, 15, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("changes", "is_taken"),
    [
        ({}, True),
        ({"group": "another-group"}, False),
        ({"reasons": {DeadLetterReason.ACCOUNT_HELD, DeadLetterReason.INVALID}}, True),
        ({"reasons": {DeadLetterReason.INVALID}}, False),
        ({"accounts": {"549000000001"}}, True),
        ({"accounts": {"549000000002"}}, False),
        ({"topics": {"orders"}}, True),
        ({"topics": {"visits"}}, False),
        ({"since": GIVEN_UP}, True),
        ({"since": GIVEN_UP + timedelta(milliseconds=1)}, False),
        ({"until": GIVEN_UP}, False),
        ({"until": GIVEN_UP + timedelta(milliseconds=1)}, True),
        ({"partition": 1}, True),
        ({"partition": 2}, False),
        ({"from_offset": 40}, True),
        ({"from_offset": 41}, False),
        ({"until_offset": 40}, False),
        ({"until_offset": 41}, True),
    ],
)
def test_a_letter_is_taken_if_it_fits_all_that_was_asked_for(changes: dict[str, Any], *, is_taken: bool) -> None:
    choice = replace(Choice("a-group"), **changes)

    assert choice.takes(a_letter()) is is_taken


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("2026-11-01T08:00:00Z", datetime(2026, 11, 1, 8, tzinfo=UTC)),
        ("2026-11-01T08:00:00+02:00", datetime(2026, 11, 1, 6, tzinfo=UTC)),
        ("30m", NOW - timedelta(minutes=30)),
        ("2h", NOW - timedelta(hours=2)),
        ("1d", NOW - timedelta(days=1)),
        ("45s", NOW - timedelta(seconds=45)),
    ],
)
def test_times_are_said_as_such_or_as_ages(text: str, meant: datetime) -> None:
    choice = choice_of(CONFIG, since=text, until=text, now=NOW)

    assert (choice.since, choice.until) == (meant, meant)


def test_every_option_that_means_nothing_is_told_of_and_none_repeated() -> None:
    with pytest.raises(ConfigError) as raised:
        choice_of(CONFIG, reasons=["secret"], accounts=["secret"], since="secret", until="2026-11-01T08:00:00")

    assert [problem.partition(":")[0] for problem in raised.value.problems] == [
        *("--reason", "--account", "--since", "--until")
    ]
    assert "secret" not in str(raised.value)


def test_all_dead_letter_topics_are_read_or_the_one_that_was_named() -> None:
    assert list(letter_topics(CONFIG, None)) == ["pinterest-conversions.dead-letter", "orders.letters"]
    assert list(letter_topics(CONFIG, "orders.letters")) == ["orders.letters"]
    with pytest.raises(ConfigError):
        letter_topics(CONFIG, "orders")


@pytest.mark.parametrize(
    ("letter", "plan", "why"),
    [
        pytest.param(a_letter(), a_plan(), None, id="sound"),
        pytest.param(a_letter(replays="2"), a_plan(), None, id="twice"),
        pytest.param(a_letter(replays="3"), a_plan(), LeftOut.TOO_OFTEN, id="three times"),
        pytest.param(a_letter(), a_plan(topics={"visits"}), LeftOut.NOT_READ, id="not read"),
        pytest.param(a_letter(), a_plan(remembered_from=GIVEN_UP), None, id="remembered"),
        pytest.param(
            a_letter(),
            a_plan(remembered_from=GIVEN_UP + timedelta(seconds=1)),
            LeftOut.FORGOTTEN,
            id="perhaps forgotten",
        ),
        pytest.param(a_letter(reason="outcome_unknown"), a_plan(), LeftOut.UNCERTAIN, id="uncertain"),
        pytest.param(
            a_letter(reason="outcome_unknown"), a_plan(named={DeadLetterReason.OUTCOME_UNKNOWN}), None, id="named"
        ),
    ],
)
def test_what_speaks_against_a_replay(letter: DeadLetter, plan: Plan, why: LeftOut | None) -> None:
    assert plan.against(letter) is why


def test_what_the_replay_topic_names_was_replayed_and_nothing_else() -> None:
    letter = a_letter()
    others: list[Headers | None] = [None, OWN, without("letter-offset")]
    replayed = replayed_in((Message(each) for each in (replay_headers(letter, letter.own), *others)), "a-group")

    def why(letter: DeadLetter) -> LeftOut | None:
        return a_plan(replayed=replayed).against(letter)

    # Letters are written at least once, and a topic that was made anew has others at the same offsets.
    assert [why(replace(letter, position=place)) for place in (POSITION, ("another", 0, 0))] == [LeftOut.REPLAYED] * 2
    assert why(a_letter(replays="2")) is None  # it failed again, after that replay
    assert why(a_letter(replays="0")) is None
    changes = ({"topic": "visits"}, {"partition": "3"}, {"offset": "18"}, {"timestamp": "1"})
    assert LeftOut.REPLAYED not in [why(a_letter(**change)) for change in changes]


def test_what_another_group_replayed_is_not_replayed_here() -> None:
    letter = a_letter(group="another-group")

    replayed = replayed_in([Message(replay_headers(letter, OWN))], "a-group")

    assert letter.origin not in replayed
    assert letter.origin in replayed_in([Message(replay_headers(letter, OWN))], "another-group")


def test_a_replay_says_what_its_letter_said_and_counts_on() -> None:
    letter = a_letter(value_omitted="true", headers_omitted="true")

    headers = replay_headers(letter, OWN)

    assert headers[: len(OWN)] == OWN
    place = {"letter-topic": POSITION[0], "letter-partition": "1", "letter-offset": "40"}
    kept = {name: text for name, text in letter.said.items() if not name.endswith("omitted")}
    assert said_of(headers) == kept | {"replays": "2"} | place
    assert said_of(source_headers(letter, OWN)) == {"replays": "2"} | place


def test_letters_are_counted_by_kind_with_the_oldest_and_the_newest() -> None:
    summary = Summary()
    summary.add(a_letter(), is_replayed=True)
    summary.add(a_letter(failed_at="2025-06-14T01:00:00+00:00"), is_replayed=False)
    summary.add(a_letter(topic="visits", ad_account_id=""), is_replayed=False)

    counted = summary.as_json()

    assert (counted["letters"], counted["replayed"]) == (3, 1)
    assert counted["kinds"][1] == {
        "reason": "account_held",
        "ad_account_id": "549000000001",
        "topic": "orders",
        "letters": 2,
        "replayed": 1,
        "oldest": "2025-06-14T01:00:00Z",
        "newest": "2025-06-15T01:00:00Z",
    }
    assert summary.as_text().count("\n") == 3


def test_no_header_moves_a_terminal() -> None:
    summary, tally = Summary(), Tally()
    letter = a_letter(ad_account_id="\x1b[2J\x9b1m")
    summary.add(letter, is_replayed=False)
    tally.replay(letter)

    printed = summary.as_text() + tally_as_text(tally, "replays")

    assert printed.replace("\n", "").isprintable()


@pytest.mark.parametrize(
    ("one", "other", "is_longer"),
    [(2, 1, True), (1, 1, False), (-1, 1, True), (1, -1, False), (-1, -1, False), (None, 1, False), (1, None, False)],
)
def test_what_keeps_longer(one: int | None, other: int | None, *, is_longer: bool) -> None:
    assert keeps_longer(one, other) is is_longer
