"""Logs: one JSON object a line on standard error, or coloured lines when a person is looking.

Our own lines come from structlog and other libraries' from `logging`; both leave through the same handler. Each has a
stable `event`. What repeats too fast is counted instead of written.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from pathlib import PurePath
from typing import Any, Final, Literal, TextIO

import orjson
import structlog
from structlog.typing import EventDict, WrappedLogger

from consumer.timing import Clock, SystemClock

Level = Literal["debug", "info", "warning", "error"]
Form = Literal["auto", "json", "console"]

# Below WARNING they write URLs, headers and signatures: accounts and tokens.
_QUIET: Final = ("boto3", "botocore", "httpcore", "httpx", "urllib3")
_BURST: Final = 20
_INTERVAL_S: Final = 30.0
_MOST_KEYS: Final = 500
_KAFKA_FIELDS: Final = ("facility", "client", "detail")
_SUMMARY_FIELDS: Final = ("of", "suppressed")
_LONGEST: Final = 3_000  # characters of a field; the traceback's end says more than its start
_LONGEST_TRACEBACK: Final = 8_000  # a line beyond 16 KiB is cut in two by container runtimes (CRI logging format)

# C0, DEL, C1, what breaks or turns a line in a terminal, and halves of surrogate pairs, which no encoding writes.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def configure_logs(
    level: Level = "info", form: Form = "auto", *, stream: TextIO | None = None, clock: Clock | None = None
) -> None:
    """Send everything that is logged in this process to `stream` (standard error); may be called again."""
    target = stream or sys.stderr
    is_console = form == "console" or (form == "auto" and target.isatty())
    number = logging.getLevelNamesMapping()[level.upper()]
    handler = LimitedHandler(target, clock or SystemClock())
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.ExtraAdder(_KAFKA_FIELDS + _SUMMARY_FIELDS)],
            processors=[
                _head,
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,  # without local variables: they hold people's data
                _clip,
                *((_for_terminal, _console(target)) if is_console else (_render_json,)),
            ],
        )
    )
    root = logging.getLogger()
    for old in [old for old in root.handlers if isinstance(old, LimitedHandler)]:
        root.removeHandler(old)
        old.close()
    root.addHandler(handler)
    root.setLevel(number)
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(number, logging.WARNING))
    logging.captureWarnings(True)
    structlog.configure(
        processors=[structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(number),
        cache_logger_on_first_use=False,
    )


def kafka_logger() -> logging.Logger:
    """For librdkafka's `logger` setting: its lines become the event `librdkafka`, limited for each facility.

    A dead broker makes every client write some twenty lines a second.
    """
    logger = logging.getLogger("librdkafka")
    if not any(isinstance(old, _KafkaLines) for old in logger.filters):
        logger.addFilter(_KafkaLines())
    return logger


class _KafkaLines(logging.Filter):
    """confluent-kafka logs `"%s [%s] %s"` with facility, client and text: made into fields."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple) and len(record.args) == len(_KAFKA_FIELDS):
            record.__dict__.update(zip(_KAFKA_FIELDS, record.args, strict=True))
            record.msg, record.args = "librdkafka", ()
        return True


# --- writing ---------------------------------------------------------------------------------------------------


def _head(_logger: WrappedLogger, _method: str, fields: EventDict) -> EventDict:
    """Time, level, event and logger first, in this order."""
    record: logging.LogRecord = fields["_record"]
    time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
    head = {
        "timestamp": time.replace("+00:00", "Z"),
        "level": record.levelname.lower(),
        "event": fields["event"],
        "logger": record.name,
    }
    return head | {name: value for name, value in fields.items() if name not in head}


def _clip(_logger: WrappedLogger, _method: str, fields: EventDict) -> EventDict:
    """Texts from outside may be of any length, and a line may not."""
    traceback = fields.pop("exception", None)
    clipped: EventDict = _clipped(fields)
    if traceback is not None:
        start = max(0, len(traceback) - _LONGEST_TRACEBACK)
        clipped["exception"] = f"({start} characters left out) {traceback[start:]}" if start else traceback
    return clipped


def _clipped(value: Any) -> Any:
    match value:
        case str() if len(value) > _LONGEST:
            return f"{value[:_LONGEST]} ({len(value) - _LONGEST} characters left out)"
        case dict():
            return {_clipped(key): _clipped(inner) for key, inner in value.items()}
        case list() | tuple():
            return [_clipped(inner) for inner in value]
        case _:
            return value


def _render_json(_logger: WrappedLogger, _method: str, fields: EventDict) -> str:
    options = orjson.OPT_NON_STR_KEYS | orjson.OPT_PASSTHROUGH_DATACLASS
    try:
        line = orjson.dumps(fields, default=_plain, option=options).decode()
    except TypeError:  # half a surrogate pair, or a number beyond 64 bits
        line = orjson.dumps(_plain(fields)).decode()
    # JSON lets through what a terminal obeys, C1 and the marks that turn a line round; within texts, and only there.
    return _CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", line)


def _for_terminal(_logger: WrappedLogger, _method: str, fields: EventDict) -> EventDict:
    traceback = fields.pop("exception", None)
    plain: EventDict = _plain(fields)
    if traceback is not None:
        # Indented: no line of an exception's text can pass for a log line.
        plain["exception"] = "\n".join(f"  {_plain(line)}" for line in traceback.splitlines())
    return plain


def _console(stream: TextIO) -> structlog.dev.ConsoleRenderer:
    return structlog.dev.ConsoleRenderer(
        colors=stream.isatty(), sort_keys=False, exception_formatter=structlog.dev.plain_traceback
    )


def _plain(value: Any) -> Any:
    """As JSON can hold it and a terminal can show it; of what is not known to be harmless only the type's name."""
    match value:
        case Enum():
            return _plain(value.value)
        case None | bool() | float():
            return value
        case int():
            return value if -(2**63) <= value < 2**64 else str(value)
        case str():
            return _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), value)
        case datetime() | date():
            return value.isoformat()
        case Decimal() | PurePath():
            return _plain(str(value))
        case Mapping():
            return {str(_plain(key)): _plain(inner) for key, inner in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_plain(inner) for inner in value]
        case bytes():
            return f"<{len(value)} bytes>"
        case _:
            return f"<{type(value).__name__}>"


# --- limiting --------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Window:
    """The lines of one key since `start_s`."""

    start_s: float
    written: int = 0
    suppressed: int = 0
    level: int = logging.INFO


class LimitedHandler(logging.StreamHandler[TextIO]):
    """Writes the first lines of each event in an interval, counts the rest, and says how many there were.

    The count comes as a line of its own, `log_lines_suppressed`, with the first line that is logged after the
    interval, whatever its event, and at the end of the process.
    """

    def __init__(self, stream: TextIO, clock: Clock, *, burst: int = _BURST, interval_s: float = _INTERVAL_S) -> None:
        super().__init__(stream)
        self._clock = clock
        self._burst = burst
        self._interval_s = interval_s
        self._windows: dict[tuple[str, str, str], _Window] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """Write the line or count it; called under the handler's lock."""
        now_s = self._clock.monotonic_s()
        self._close_windows(lambda window: now_s - window.start_s >= self._interval_s)
        key = _key_of(record)
        if key not in self._windows and len(self._windows) >= _MOST_KEYS:
            self._close_windows(lambda _: True)
        window = self._windows.setdefault(key, _Window(now_s))
        if window.written < self._burst:
            window.written += 1
            super().emit(record)
        else:
            window.suppressed += 1
            window.level = max(window.level, record.levelno)

    def close(self) -> None:
        """Say what was suppressed last; `logging` calls this when the process ends."""
        self.acquire()
        try:
            if not self.stream.closed:
                self._close_windows(lambda _: True)
        finally:
            self.release()
        super().close()

    def _close_windows(self, is_over: Callable[[_Window], bool]) -> None:
        for key in [key for key, window in self._windows.items() if is_over(window)]:
            window = self._windows.pop(key)
            if window.suppressed:
                name, *event = key
                summary = logging.LogRecord(name, window.level, "", 0, "log_lines_suppressed", (), None)
                summary.__dict__.update(of=" ".join(filter(None, event)), suppressed=window.suppressed)
                super().emit(summary)


def _key_of(record: logging.LogRecord) -> tuple[str, str, str]:
    """What makes two lines the same: logger, the event or the text before arguments are put in, and facility."""
    event = record.msg.get("event") if isinstance(record.msg, Mapping) else record.msg
    return record.name, str(event)[:100], str(getattr(record, "facility", ""))
