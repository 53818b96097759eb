"""Log lines: their form, what they never show, and how repeats are counted."""

from __future__ import annotations

import io
import json
import logging
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog
from confluent_kafka import Producer

from consumer.logs import Form, Level, LimitedHandler, configure_logs, kafka_logger
from consumer.timing import ManualClock


class Written(io.StringIO):
    """Stands for standard error; may claim to be a terminal."""

    def __init__(self, *, is_terminal: bool = False) -> None:
        super().__init__()
        self._is_terminal = is_terminal

    def isatty(self) -> bool:
        return self._is_terminal

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.getvalue().splitlines()]


Logs = Callable[..., Written]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def logs(clock: ManualClock) -> Iterator[Logs]:
    """Configures logging for one test, and puts everything back."""
    root = logging.getLogger()
    level = root.level

    def configure(level: Level = "info", form: Form = "json", *, is_terminal: bool = False) -> Written:
        # Pytest's own keep every line for a report, and half a surrogate pair cannot be sent to it by a worker.
        root.handlers[:] = [handler for handler in root.handlers if isinstance(handler, LimitedHandler)]
        stream = Written(is_terminal=is_terminal)
        configure_logs(level, form, stream=stream, clock=clock)
        return stream

    yield configure
    for handler in [handler for handler in root.handlers if isinstance(handler, LimitedHandler)]:
        root.removeHandler(handler)
        handler.close()
    root.setLevel(level)
    for name in ("httpx", "httpcore", "boto3", "botocore", "urllib3"):
        logging.getLogger(name).setLevel(logging.NOTSET)
    logging.captureWarnings(False)
    structlog.reset_defaults()


def test_a_line_is_one_object_that_begins_with_time_level_event_and_logger(logs: Logs) -> None:
    stream = logs()

    structlog.get_logger("consumer.pipeline").info("batch_accepted", events=3)

    (line,) = stream.lines
    assert list(line) == ["timestamp", "level", "event", "logger", "events"]
    assert line | {"timestamp": ""} == {
        "timestamp": "",
        "level": "info",
        "event": "batch_accepted",
        "logger": "consumer.pipeline",
        "events": 3,
    }
    assert line["timestamp"].endswith("Z")


def test_lines_of_other_libraries_have_the_same_form(logs: Logs) -> None:
    stream = logs()

    logging.getLogger("other").warning("took %s", "long")

    assert [(line["event"], line["logger"], line["level"]) for line in stream.lines] == [
        ("took long", "other", "warning")
    ]


def test_warnings_are_lines_too(logs: Logs) -> None:
    stream = logs()

    with warnings.catch_warnings():
        warnings.simplefilter("default")
        logging.captureWarnings(False)  # another test may have left it on, and pytest has undone what that does
        logging.captureWarnings(True)
        warnings.warn("old spelling", DeprecationWarning, stacklevel=1)

    assert "old spelling" in stream.lines[0]["event"]


def test_what_is_below_the_level_is_not_written(logs: Logs) -> None:
    stream = logs("warning")

    structlog.get_logger("consumer").info("batch_accepted")
    logging.getLogger("other").info("hello")

    assert stream.lines == []


@pytest.mark.parametrize("name", ["httpx", "httpcore", "httpcore.http11", "boto3", "botocore.auth", "urllib3"])
def test_http_libraries_stay_quiet_even_at_debug(name: str, logs: Logs) -> None:
    stream = logs("debug")

    logging.getLogger(name).info("GET /v5/ad_accounts/549755885175/events Authorization: Bearer pina_x")
    logging.getLogger(name).warning("pool is full")

    assert [line["event"] for line in stream.lines] == ["pool is full"]


def test_a_request_leaves_no_trace_at_debug(logs: Logs) -> None:
    stream = logs("debug")

    with httpx.Client(trust_env=False) as client, pytest.raises(httpx.ConnectError):
        client.get("http://127.0.0.1:1/secret", headers={"Authorization": "Bearer pina_secret"})

    assert "secret" not in stream.getvalue()


def fail(text: str) -> None:
    email = "@".join(["jane", "example.com"])
    if email:
        raise ValueError(text)


@pytest.mark.parametrize("form", ["json", "console"])
def test_a_traceback_has_no_local_variables(form: Form, logs: Logs) -> None:
    stream = logs(form=form)

    try:
        fail("boom")
    except ValueError:
        structlog.get_logger("consumer").exception("failed")

    assert "ValueError: boom" in stream.getvalue()
    assert "jane@example.com" not in stream.getvalue()


HOSTILE = "a\x1b[2K\nb\r\x07\x9b\x7f\u2028\u202e"


def test_control_characters_stay_escaped_in_json(logs: Logs) -> None:
    stream = logs()

    structlog.get_logger("consumer").info("seen", value=HOSTILE, odd="\udc80")

    assert len(stream.getvalue().splitlines()) == 1
    assert "\x1b" not in stream.getvalue()
    assert stream.lines[0]["event"] == "seen"


def test_control_characters_are_escaped_on_a_console(logs: Logs) -> None:
    stream = logs(form="console")

    structlog.get_logger("consumer").info("seen" + HOSTILE, value=HOSTILE, nested={"k" + HOSTILE: [HOSTILE]})

    assert stream.getvalue().count("\n") == 1
    assert not set(stream.getvalue()[:-1]) & set(HOSTILE[1:]) - set("[2Kb")


def test_the_text_of_an_exception_cannot_pass_for_a_line_on_a_console(logs: Logs) -> None:
    stream = logs(form="console")

    try:
        fail("x\n2026-11-22T00:00:00.000Z [info     ] all_is_well\x1b[2K")
    except ValueError:
        structlog.get_logger("consumer").exception("failed")

    _head, *rest = stream.getvalue().splitlines()
    assert all(line.startswith("  ") for line in rest)
    assert "\x1b" not in stream.getvalue()


@dataclass
class Person:
    email: str


FROM_OUTSIDE = {
    "a line break": 'orders\n{"event":"forged"}',
    "a return": "orders\rforged",
    "colours": "\x1b[31mred\x1b[0m\x1b]0;title\x07",
    "a one-byte CSI": "\x9b31mred",
    "NUL": "orders\0",
    "line separators": "orders\u2028forged\u2029forged\x85forged",
    "text turned round": "\u202egnp.exe\u2066\u200f",
    "half a surrogate pair": "orders\ud800",
    "delete": "orders\x7f\x7f",
    "a megabyte": "x" * 1_000_000,
    "a megabyte of line breaks": "\n" * 1_000_000,
}
LONGEST_LINE = 64_000


@pytest.mark.parametrize("form", ["json", "console"])
@pytest.mark.parametrize("text", FROM_OUTSIDE.values(), ids=FROM_OUTSIDE.keys())
def test_no_text_of_the_outside_leaves_its_line_or_speaks_to_the_terminal(form: Form, text: str, logs: Logs) -> None:
    stream = logs(form=form)

    structlog.get_logger("consumer").warning("kafka_read_failed", topic=text, error=text, inner={text: [text]})
    kafka_logger().warning("%s [%s] %s", "FAIL", "client", text)
    logging.getLogger("library").error(text)

    *lines, after_the_last = stream.getvalue().split("\n")
    assert (len(lines), after_the_last) == (3, "")
    assert [character for line in lines for character in line if not character.isprintable()] == []
    assert max(map(len, lines)) < LONGEST_LINE


@pytest.mark.parametrize("form", ["json", "console"])
def test_of_a_long_traceback_the_end_is_kept(form: Form, logs: Logs) -> None:
    stream = logs(form=form)

    try:
        fail("x" * 1_000_000 + " is the end")
    except ValueError:
        structlog.get_logger("consumer").exception("failed")

    assert "is the end" in stream.getvalue()
    assert len(stream.getvalue()) < LONGEST_LINE


@pytest.mark.parametrize("form", ["json", "console"])
def test_of_an_unknown_object_only_the_type_is_shown(form: Form, logs: Logs) -> None:
    stream = logs(form=form)

    structlog.get_logger("consumer").info(
        "seen", person=Person("jane@example.com"), raw=b"jane@example.com", cause=ValueError("jane@example.com")
    )

    assert "jane" not in stream.getvalue()
    assert "<Person>" in stream.getvalue()
    assert "<16 bytes>" in stream.getvalue()


def test_values_that_json_cannot_hold_cost_no_line(logs: Logs) -> None:
    stream = logs()

    structlog.get_logger("consumer").info("seen", huge=2**70, path=Path("x"), names={"a"}, odd="\udc80")

    assert stream.lines[0] | {"timestamp": ""} == {
        "timestamp": "", "level": "info", "event": "seen", "logger": "consumer",
        "huge": str(2**70), "path": "x", "names": ["a"], "odd": "\\udc80",
    }  # fmt: skip


def test_auto_is_for_people_on_a_terminal_and_json_elsewhere(logs: Logs) -> None:
    terminal = logs(form="auto", is_terminal=True)
    structlog.get_logger("consumer").info("seen")
    pipe = logs(form="auto")
    structlog.get_logger("consumer").info("seen")

    assert not terminal.getvalue().startswith("{")
    assert "seen" in terminal.getvalue()
    assert pipe.lines[0]["event"] == "seen"


def test_configuring_again_replaces_and_writes_nothing_twice(logs: Logs) -> None:
    first, second = logs(), logs("error")

    structlog.get_logger("consumer").info("quiet")
    structlog.get_logger("consumer").error("loud")

    assert first.lines == []
    assert [line["event"] for line in second.lines] == ["loud"]


# --- repeats ---------------------------------------------------------------------------------------------------


def test_repeats_are_counted_and_the_count_is_written_after_the_interval(logs: Logs, clock: ManualClock) -> None:
    stream = logs()
    log = structlog.get_logger("consumer.sink")

    for number in range(25):
        log.warning("retried", number=number)
    clock.advance(31)
    log.info("other")

    assert [line["number"] for line in stream.lines[:20]] == list(range(20))
    summary, other = stream.lines[20:]
    assert summary | {"timestamp": ""} == {
        "timestamp": "", "level": "warning", "event": "log_lines_suppressed", "logger": "consumer.sink",
        "of": "retried", "suppressed": 5,
    }  # fmt: skip
    assert other["event"] == "other"


def test_one_events_repeats_hide_no_other(logs: Logs) -> None:
    stream = logs()

    for _ in range(25):
        structlog.get_logger("consumer").warning("retried")
    structlog.get_logger("consumer").error("held")

    assert stream.lines[-1]["event"] == "held"


def test_lines_that_differ_in_their_arguments_are_repeats(logs: Logs) -> None:
    stream = logs()

    for number in range(25):
        logging.getLogger("other").warning("try %d", number)

    assert len(stream.lines) == 20


def test_after_the_interval_lines_are_written_again(logs: Logs, clock: ManualClock) -> None:
    stream = logs()

    for _ in range(3):
        for _ in range(25):
            structlog.get_logger("consumer").warning("retried")
        clock.advance(31)

    assert sum(line["event"] == "retried" for line in stream.lines) == 60


def test_the_last_count_is_written_at_the_end(logs: Logs) -> None:
    stream = logs()
    for _ in range(25):
        structlog.get_logger("consumer").warning("retried")

    logs()  # the first handler is closed

    assert stream.lines[-1]["suppressed"] == 5


def test_any_number_of_different_events_is_remembered_in_bounds_and_every_count_written(logs: Logs) -> None:
    stream = logs()
    for _ in range(25):
        structlog.get_logger("consumer").warning("retried")

    for number in range(1_000):
        logging.getLogger("other").warning(f"made up {number}")  # noqa: G004 - the very case

    (handler,) = [handler for handler in logging.getLogger().handlers if isinstance(handler, LimitedHandler)]
    assert len(handler._windows) <= 500
    assert sum(line.get("suppressed", 0) for line in stream.lines) == 5


# --- librdkafka --------------------------------------------------------------------------------------------------


def test_librdkafkas_lines_are_one_event_with_fields(logs: Logs) -> None:
    stream = logs("debug")

    producer = Producer(
        {"bootstrap.servers": "127.0.0.1:1", "linger.ms": 3, "fetch.min.bytes": 1}, logger=kafka_logger()
    )
    producer.poll(0)

    line = next(line for line in stream.lines if line.get("facility") == "CONFWARN")
    assert (line["event"], line["logger"]) == ("librdkafka", "librdkafka")
    assert "fetch.min.bytes" in line["detail"]


def test_librdkafkas_lines_are_limited_for_each_facility(logs: Logs) -> None:
    stream = logs()
    logger = kafka_logger()

    for number in range(100):
        logger.error("%s [%s] %s", "FAIL", "client-1", f"connect attempt {number}")
    logger.error("%s [%s] %s", "SASLREFRESH", "client-1", "token expired")

    assert [line["facility"] for line in stream.lines] == ["FAIL"] * 20 + ["SASLREFRESH"]


def test_asking_for_the_kafka_logger_again_changes_nothing(logs: Logs) -> None:
    stream = logs()

    kafka_logger().error("%s [%s] %s", "FAIL", "client-1", "down")
    kafka_logger().error("%s [%s] %s", "FAIL", "client-1", "down")

    assert [line["detail"] for line in stream.lines] == ["down", "down"]
