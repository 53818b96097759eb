"""The demo: broker, registry and emulator, two producers and a consumer, each its own process where it would be one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from consumer.demo.audit import Audit, Progress, audit, read_letters, read_lines
from consumer.demo.broker import EmbeddedBroker
from consumer.demo.registry import EmbeddedRegistry
from consumer.errors import ConsumerError

GROUP_ID = "pinterest-conversions"
DEAD_LETTER_TOPIC = f"{GROUP_ID}.dead-letter"
ACCOUNTS = 3
_DEAD_LETTER_PARTITIONS = 3
# The embedded broker keeps 5 MiB per partition; samples take up to 1.5 KB and keys spread them evenly.
_RECORDS_PER_PARTITION = 2_500
_NO_PROGRESS_S = 60.0
_TICK_S = 0.2
_STOP_S = 60.0

FAULTS: list[dict[str, Any]] = [
    {"kind": "reject_event", "order_id_suffix": "-rejected", "message": "Invalid order_id parameter."},
    {"kind": "status", "status": 429, "headers": {"Retry-After": "1"}, "count": 1},
    {"kind": "status", "status": 503, "count": 1},
]
"""What the emulator does to the run: refuses some orders for good, throttles once, is unavailable once."""


@dataclass(frozen=True, slots=True)
class Sight:
    """How far things have come, as seen from outside the consumer."""

    seconds: float
    produced: int
    accepted: int
    dead_lettered: int
    committed: int
    """Records that the group has committed past."""
    to_produce: int


@dataclass(frozen=True, slots=True)
class Report:
    """What the demo found."""

    audit: Audit
    ledger: dict[str, Any]
    """As the consumer printed it on stopping."""
    seconds: float
    """From the first record produced to the last one committed past."""

    @property
    def is_good(self) -> bool:
        """Nothing lost or doubled, every outcome as expected, and a ledger that balances."""
        a = self.audit
        return not (a.lost or a.duplicates or a.unexpected) and bool(self.ledger["balanced"])


def play(folder: Path, *, orders: int, visits: int, seed: int, watch: Callable[[Sight], None]) -> Report:
    """Run the whole scenario in `folder`, which keeps its manifests, records and logs.

    Args:
        watch: Called several times a second.

    Raises:
        ConsumerError: A process ended early, or nothing moved for a minute.
    """
    counts = {"orders": orders, "visits": visits}
    partitions = {topic: max(4, -(-count // _RECORDS_PER_PARTITION)) for topic, count in counts.items()}
    with ExitStack() as stack:
        broker = stack.enter_context(EmbeddedBroker())
        for topic, count in {**partitions, DEAD_LETTER_TOPIC: _DEAD_LETTER_PARTITIONS}.items():
            broker.create_topic(topic, count)
        registry = stack.enter_context(EmbeddedRegistry())
        record, faults = folder / "accepted.jsonl", folder / "faults.json"
        record.touch()
        faults.write_text(json.dumps(FAULTS), encoding="utf-8")
        cast = _Cast(folder)
        stack.callback(cast.end)
        emulator = cast.start(
            "emulator", "emulator", "--port", "0", "--record", record, "--faults", faults, "--latency-ms", "5-50"
        )
        base_url = _address_said_by(emulator, folder / "emulator.out")
        environment = _environment(broker.bootstrap_servers, registry.url, base_url)
        consumer = cast.start("consumer", "run", environment=environment)
        began_s = time.monotonic()
        manifests = {topic: folder / f"{topic}.manifest.jsonl" for topic in counts}
        producers = [
            cast.start(
                f"produce-{topic}",
                *("produce", "--topic", topic, "--count", str(count), "--seed", str(seed)),
                *("--accounts", str(ACCOUNTS), "--manifest", manifests[topic]),
                *(["--with-rejected"] if topic == "orders" else []),
                environment=environment,
            )
            for topic, count in counts.items()
            if count
        ]
        progress = Progress(broker.bootstrap_servers, GROUP_ID, partitions)
        stack.callback(progress.close)
        lines = {name: _LineCounter(path) for name, path in {**manifests, "accepted": record}.items()}
        letters = Progress(broker.bootstrap_servers, GROUP_ID, {DEAD_LETTER_TOPIC: _DEAD_LETTER_PARTITIONS})
        stack.callback(letters.close)

        def look() -> Sight:
            return Sight(
                seconds=time.monotonic() - began_s,
                produced=sum(lines[topic].count() for topic in counts),
                accepted=lines["accepted"].count(),
                dead_lettered=sum(letters.ends().values()),
                committed=sum(progress.committed().values()),
                to_produce=orders + visits,
            )

        moved_s, last = time.monotonic(), look()
        while not (last.produced == last.to_produce and last.committed >= sum(progress.ends().values())):
            cast.check(consumer, emulator, *producers)
            time.sleep(_TICK_S)
            sight = look()
            watch(sight)
            if (sight.produced, sight.accepted, sight.committed) != (last.produced, last.accepted, last.committed):
                moved_s = time.monotonic()
            elif time.monotonic() - moved_s > _NO_PROGRESS_S:
                raise ConsumerError(f"nothing has moved for {_NO_PROGRESS_S:.0f} s; the logs are in {folder}")
            last = sight
        seconds = time.monotonic() - began_s
        consumer.send_signal(signal.SIGTERM)
        ledger = _ledger_of(consumer, folder)
        found = audit(
            (line for path in manifests.values() if path.exists() for line in read_lines(path)),
            read_lines(record),
            read_letters(broker.bootstrap_servers, DEAD_LETTER_TOPIC, _DEAD_LETTER_PARTITIONS),
            progress.committed(),
        )
        return Report(found, ledger, seconds)


class _Cast:
    """The processes of the play: started in one folder, ended by id."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running: dict[subprocess.Popen[bytes], str] = {}

    def start(
        self, name: str, *arguments: str | Path, environment: dict[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        inherited = {key: value for key, value in os.environ.items() if not key.startswith(("CONVERSIONS_", "OTEL_"))}
        with (self._folder / f"{name}.out").open("wb") as out, (self._folder / f"{name}.log").open("wb") as log:
            process = subprocess.Popen(  # noqa: S603 - our own commands
                [sys.executable, "-m", "consumer", *map(str, arguments)],
                env=inherited | (environment or {}),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=log,
            )
        self._running[process] = name
        return process

    def check(self, *processes: subprocess.Popen[bytes]) -> None:
        """None of them may have failed."""
        for process in processes:
            if process.poll() not in (None, 0):
                name = self._running[process]
                raise ConsumerError(f"{name} ended with {process.returncode}; its log is {self._folder / name}.log")

    def end(self) -> None:
        for process in self._running:
            if process.poll() is None:
                process.kill()
            process.wait()


class _LineCounter:
    """Counts the lines of a growing file, reading only what is new."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read_bytes = 0
        self._lines = 0

    def count(self) -> int:
        if self._path.exists():
            with self._path.open("rb") as file:
                file.seek(self._read_bytes)
                new = file.read()
            self._read_bytes += len(new)
            self._lines += new.count(b"\n")
        return self._lines


def _ledger_of(consumer: subprocess.Popen[bytes], folder: Path) -> dict[str, Any]:
    """What the consumer prints as it ends, well or not."""
    try:
        consumer.wait(_STOP_S)
        ledger: dict[str, Any] = json.loads((folder / "consumer.out").read_text(encoding="utf-8"))
    except (subprocess.TimeoutExpired, json.JSONDecodeError):
        raise ConsumerError(f"the consumer did not end well; its log is {folder / 'consumer.log'}") from None
    return ledger


def _environment(bootstrap_servers: str, registry_url: str, base_url: str) -> dict[str, str]:
    table = {f"merchant-{number}": f"54970000000{number}" for number in range(1, ACCOUNTS + 1)}
    return {
        "CONVERSIONS_KAFKA__BOOTSTRAP_SERVERS": bootstrap_servers,
        "CONVERSIONS_KAFKA__GROUP_ID": GROUP_ID,
        # The embedded broker answers a fetch only when its wait is over.
        "CONVERSIONS_KAFKA__PROPERTIES": json.dumps({"fetch.wait.max.ms": 10}),
        "CONVERSIONS_SCHEMA_REGISTRY__URL": registry_url,
        "CONVERSIONS_PINTEREST__BASE_URL": base_url,
        "CONVERSIONS_PINTEREST__ACCESS_TOKEN": "a-token-for-the-demo",
        "CONVERSIONS_DEDUP__BROWSER_TAG": "present",
        "CONVERSIONS_ROUTING__TABLE": json.dumps({**table, "merchant-quiet": "none"}),
        "CONVERSIONS_BATCH__LINGER_S": "0.3",
        "CONVERSIONS_HEALTH__HOST": "127.0.0.1",
        "CONVERSIONS_HEALTH__PORT": "0",
    }


def _address_said_by(emulator: subprocess.Popen[bytes], output: Path) -> str:
    """The emulator's base URL, out of the line it prints once it listens."""
    deadline_s = time.monotonic() + _NO_PROGRESS_S
    while not (said := output.read_text(encoding="utf-8")).endswith("\n"):
        if emulator.poll() is not None or time.monotonic() > deadline_s:
            raise ConsumerError(f"the emulator did not start; its log is beside {output}")
        time.sleep(_TICK_S)
    return said.split()[-1]
