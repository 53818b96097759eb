"""Examples beside a mapping: records, and what must become of them. `conversions check` runs them.

The file is a JSON array of objects:

    about   what it shows, in words
    now     the time at which the record is mapped, ISO 8601 with its zone: ages depend on it
    record  as `conversions map` reads it
    expect  what `conversions map` must print for it, as far as it is said here: further keys of an object may be there,
            `null` stands for a key that must not be, and `"sha256:ada@example.com"` for the hash of that text
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, assert_never

import orjson

from consumer.errors import ConfigError
from consumer.records import DeadLetterReason, HoldCause, Incompatible, Invalid, MapOutcome, Mapped, Skipped

_KEYS = frozenset({"about", "now", "record", "expect"})
_HASH = "sha256:"
_SHOWN = ("event.custom_data.", "event.event_name", "event.event_time", "event.action_source", "skipped", "invalid")
"""Where a difference tells what was found; elsewhere it might be of a person."""


@dataclass(frozen=True, slots=True)
class Example:
    """One record, and what is said to become of it."""

    about: str
    now_s: float
    """Unix seconds."""
    record: Any
    expect: Mapping[str, Any]


def answer_of(outcome: MapOutcome) -> dict[str, Any]:
    """What became of a record, as `conversions map` prints it."""
    match outcome:
        case Mapped():
            return {"ad_account_id": outcome.ad_account_id, "event": outcome.payload}
        case Skipped(reason):
            return {"skipped": reason.value}
        case Invalid(problems, DeadLetterReason.INVALID):
            return {"invalid": list(problems)}
        case Invalid(problems, reason):
            return {"invalid": [f"{reason}: {problem}" for problem in problems]}
        case Incompatible(problems):
            return {"invalid": [f"{HoldCause.SCHEMA_INCOMPATIBLE}: {problem}" for problem in problems]}
        case _:
            assert_never(outcome)


def read_examples(file: Path) -> list[Example]:
    """All of them.

    Raises:
        ConfigError: The file cannot be read, or some of its examples are not in the form above.
    """
    try:
        values = orjson.loads(file.read_bytes())
    except OSError as error:
        raise ConfigError([f"{file}: cannot be read: {error.strerror}"]) from None
    except orjson.JSONDecodeError as error:
        raise ConfigError([f"{file}:{error.lineno}: is not JSON"]) from None
    if not isinstance(values, list) or not values:
        raise ConfigError([f"{file}: must be an array of examples"])
    found, problems = [], []
    for number, value in enumerate(values, 1):
        example = _example(value)
        if isinstance(example, str):
            problems.append(f"{file}: example {number}: {example}")
        else:
            found.append(example)
    if problems:
        raise ConfigError(problems)
    return found


def differences(expected: Any, found: Any, at: str = "") -> Iterator[str]:
    """Where what was found is not what is expected, one line for each place."""
    if isinstance(expected, Mapping) and isinstance(found, Mapping):
        for key, value in expected.items():
            inner = f"{at}.{key}" if at else key
            if value is not None or key in found:
                yield from differences(value, found.get(key), inner)
    elif isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found):
        for number, (one, other) in enumerate(zip(expected, found, strict=True)):
            yield from differences(one, other, f"{at}[{number}]")
    elif not _is_same(expected, found):
        wanted = "nothing" if expected is None else orjson.dumps(expected).decode()
        yield f"{at}: {wanted} is expected, and there is {_shown(found, at)}"


def _example(value: Any) -> Example | str:
    """One of the file, or what is wrong with it."""
    if not isinstance(value, dict) or value.keys() != _KEYS:
        return f"must be an object with {', '.join(sorted(_KEYS))}"
    if not isinstance(value["expect"], dict) or not value["expect"]:
        return "`expect` must be an object such as `conversions map` prints"
    try:
        now = datetime.fromisoformat(value["now"])
    except (TypeError, ValueError):
        return '`now` must be an ISO 8601 time, as in "2026-11-01T10:00:00Z"'
    if now.tzinfo is None:
        return "`now` needs its zone"
    return Example(str(value["about"]), now.timestamp(), value["record"], value["expect"])


def _is_same(expected: Any, found: Any) -> bool:
    if isinstance(expected, str) and expected.startswith(_HASH):
        return bool(hashlib.sha256(expected.removeprefix(_HASH).encode()).hexdigest() == found)
    return bool(expected == found)


def _shown(found: Any, at: str) -> str:
    if found is None:
        return "nothing"
    return orjson.dumps(found).decode() if at.startswith(_SHOWN) else "something else"
