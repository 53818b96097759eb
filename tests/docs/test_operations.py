"""What docs/operations.md tells the one who is paged is what the code does."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from enum import StrEnum
from itertools import takewhile
from typing import Any, get_args

import pytest
from confluent_kafka import KafkaError

from consumer.config import Config
from consumer.config_sources.keys import keys
from consumer.health import HealthServer
from consumer.ledger import Entry, Ledger
from consumer.letters import OURS
from consumer.mapping.targets import TARGETS
from consumer.pinterest.answers import Answer
from consumer.records import Assignment, DeadLetterReason, HoldCause, Letter, Record, SkipReason, Wait
from consumer.stages.deadletter import DeadLetters, LetterTopics
from consumer.tallies import Snapshot
from consumer.telemetry import DISTRIBUTIONS, METRICS, PREFIX
from consumer.timing import ManualClock
from consumer.yaml_file import dotted
from tests.docs.operations_page import PAGE, render
from tests.docs.pages import ROOT, names_in, section, table

TEXT = PAGE.read_text(encoding="utf-8")

TABLES = {SkipReason: ("Skips", "Reason"), DeadLetterReason: ("Dead letters", "Reason"), HoldCause: ("Holds", "Cause")}

OF_THE_LOG_ITSELF = {("librdkafka", "any"), ("log_lines_suppressed", "that of the lines")}
"""Written by `consumer/logs.py`, on behalf of others."""

LEVELS = {"debug", "info", "warning", "error", "critical", "exception"}


def trees(*left_out: str) -> Iterator[ast.Module]:
    for file in sorted((ROOT / "consumer").rglob("*.py")):
        if file.relative_to(ROOT / "consumer").parts[0] not in left_out:
            yield ast.parse(file.read_text(encoding="utf-8"))


def given_by_the_code(closed: type[StrEnum]) -> set[str]:
    """The members that some stage names. Commands and the demo speak of reasons that others give."""
    return {
        closed[node.attr].value
        for tree in trees("cli", "demo", "emulator")
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == closed.__name__
    }


def logged_by_the_code() -> set[tuple[str, str]]:
    """Every event key with its level."""
    found = set()
    for tree in trees():
        for node in ast.walk(tree):
            match node:
                case ast.Call(
                    func=ast.Attribute(value=ast.Name(id="_log"), attr=level), args=[ast.Constant(value=str(key)), *_]
                ):
                    found.add((key, level))
                case ast.Call(func=ast.Attribute(value=ast.Name(id="_log"), attr=level)):
                    assert level not in LEVELS, f"line {node.lineno}: an event key that is no constant"
                case _:
                    pass
    return found


def a_record() -> Record:
    class Message:
        def key(self) -> bytes | None:
            return b"key"

        def value(self) -> bytes | None:
            return b"value"

        def headers(self) -> Any:
            return [("the-producers", b"own")]

        def timestamp(self) -> tuple[int, int]:
            return 1, 1_730_714_400_000

        def leader_epoch(self) -> int | None:
            return None

    return Record(Assignment("orders", 0, 0), 0, Message(), 0, 0.0)


@pytest.mark.parametrize("closed", [SkipReason, DeadLetterReason, HoldCause])
def test_every_reason_and_cause_is_given_by_the_code(closed: type[StrEnum]) -> None:
    assert {member.value for member in closed} == given_by_the_code(closed)


@pytest.mark.parametrize("closed", [SkipReason, DeadLetterReason, HoldCause])
def test_every_reason_and_cause_that_can_occur_is_in_its_table_and_no_other(closed: type[StrEnum]) -> None:
    heading, column = TABLES[closed]
    told = [names_in(row[column])[0] for row in table(section(TEXT, heading), column)]

    assert sorted(told) == sorted(member.value for member in closed)


def test_every_other_reason_to_wait_is_told() -> None:
    rows = table(section(TEXT, "A partition that stands still"), "Because")

    assert [names_in(row["Because"])[0] for row in rows] == [wait.value for wait in Wait]


def test_every_figure_of_the_ledger_is_told() -> None:
    rows = table(section(TEXT, "The ledger"), "Figure")
    told = {name for row in rows for name in names_in(row["Figure"])}

    assert told == Entry().as_dict().keys() | {"front"}
    assert all(
        f"`{name}`" in section(TEXT, "The ledger")
        for name in (*Ledger().as_dict().keys() - {"partitions"}, "missing_offsets")
    )


def test_the_headers_are_those_of_a_letter(monkeypatch: pytest.MonkeyPatch) -> None:
    written: set[str] = set()

    class NarrowProducer:
        """Finds every letter too large until it has no value, as a broker may."""

        def __init__(self, _: dict[str, Any]) -> None:
            self.answers: list[Callable[[], None]] = []

        def produce(
            self,
            _: str,
            *,
            value: bytes | None,
            headers: list[tuple[str, bytes]],
            on_delivery: Callable[..., None],
            **__: Any,
        ) -> None:
            written.update(name for name, _ in headers if name in OURS)
            error = KafkaError(KafkaError.MSG_SIZE_TOO_LARGE) if value is not None else None
            self.answers.append(lambda: on_delivery(error, None))

        def poll(self, _: float) -> None:
            answers, self.answers = self.answers, []
            for answer in answers:
                answer()

    monkeypatch.setattr("consumer.acknowledged.Producer", NarrowProducer)
    letters = DeadLetters(
        {},
        topics=LetterTopics("letters"),
        group="a-group",
        clock=ManualClock(),
        alarm=lambda *why: pytest.fail(str(why)),
        is_ours=lambda _: True,
    )
    record = a_record()
    letters.send(Letter(record, DeadLetterReason.REJECTED, "deliver", "why", "1", "id", http_status=422, api_code=953))
    told = [name for row in table(section(TEXT, "Dead letters"), "Header") for name in names_in(row["Header"])]

    tries = takewhile(lambda _: letters.waiting, range(10))
    assert [letter.record for _ in tries for letter in letters.poll()[0]] == [record]
    assert sorted(told) == sorted(written)


def test_every_line_logged_is_told_with_its_level() -> None:
    told = {
        (name, row["Level"]) for row in table(section(TEXT, "Log lines"), "Event") for name in names_in(row["Event"])
    }

    assert told == logged_by_the_code() | OF_THE_LOG_ITSELF


def test_the_events_of_the_log_itself_are_in_its_source() -> None:
    source = (ROOT / "consumer" / "logs.py").read_text(encoding="utf-8")
    assert all(f'"{name}"' in source for name, _ in OF_THE_LOG_ITSELF)


def test_the_table_of_metrics_is_up_to_date() -> None:
    assert render(TEXT) == TEXT, "run: python -m tests.docs.operations_page"


def test_every_metric_is_told_with_its_meaning() -> None:
    told = {(row["Metric"], row["Kind"], row["Meaning"]) for row in table(section(TEXT, "Metrics"), "Metric")}
    declared: set[tuple[str, str, str]] = {
        (f"`{m.name}_total`" if m.kind == "counter" else f"`{m.name}`", m.kind, m.meaning) for m in METRICS
    }

    declared |= {(f"`{d.name}`", "histogram", d.meaning) for d in DISTRIBUTIONS}

    assert declared <= told
    # Those that read no snapshot: test_mode, accounts_in_test, build_info, api_requests, control_thread_stalls, and
    # the two of the suppression list.
    assert len(told) == len(declared) + 7


def test_every_metric_spoken_of_exists() -> None:
    known = {names_in(row["Metric"])[0] for row in table(section(TEXT, "Metrics"), "Metric")}
    asked = set(re.findall(rf"{PREFIX}(\w+)", TEXT))

    assert len(asked) > 0
    assert asked <= known
    assert {"accounts_held", "holds", "partitions_paused", "records_skipped_total"} <= known


def test_every_kind_of_answer_is_told() -> None:
    (sentence,) = re.findall(r"Kinds of answers: (.*)", TEXT)
    assert names_in(sentence) == [kind.__name__.lower() for kind in get_args(Answer)]


def test_every_path_is_answered() -> None:
    config = Config.model_validate({"kafka": {"bootstrap_servers": "127.0.0.1:9092"}, "schema_registry": {"url": "x"}})
    server = HealthServer(config, snapshot=lambda: Snapshot(is_member=True), metrics=lambda: b"", stall=lambda: None)
    paths = [path for row in table(section(TEXT, "Probes"), "Path") for path in names_in(row["Path"])]

    assert sorted(paths) == ["/coverage", "/ledger", "/livez", "/metrics", "/readyz", "/startupz"]
    assert [server.answer(f"GET {path} HTTP/1.1".encode())[0] for path in paths] == [200] * 6


@pytest.mark.parametrize("page", ["operations.md", "mapping.md", "cut-over.md", "privacy.md"])
def test_every_setting_spoken_of_exists(page: str) -> None:
    known = {dotted(key.path) for key in keys()}
    sections = {name.partition(".")[0] for name in known}
    known |= TARGETS.keys()
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    spoken_of = {
        name
        for code in names_in(text)
        for name in re.findall(r"^[a-z_]+\.[\w.<>]+", code)
        if name.partition(".")[0] in sections
    }

    assert len(spoken_of) > 3
    assert spoken_of - known == set()


@pytest.mark.parametrize("page", ["operations.md", "mapping.md", "cut-over.md"])
def test_every_default_told_is_the_default(page: str) -> None:
    config = Config.model_validate({"kafka": {"bootstrap_servers": "127.0.0.1:9092"}, "schema_registry": {"url": "x"}})
    seconds = {"s": 1, "minutes": 60, "days": 86_400}
    told = re.findall(r"`(\w+)\.(\w+)` \((\d+) (s|minutes|days)\)", (ROOT / "docs" / page).read_text(encoding="utf-8"))

    assert len(told) > 0
    for part, key, number, unit in told:
        assert (part, key, int(number) * seconds[unit]) == (part, key, getattr(getattr(config, part), key))
