"""Everybody in the play: emulator, stream and replicas around three brokers, each a process that can be ended alone."""

from __future__ import annotations

import json
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._config import AlterConfigOpType, ConfigEntry, ConfigResource
from confluent_kafka.admin._resource import ResourceType

from tests.chaos.schedule import ACCOUNTS, REPLICAS, SESSION_S, TIMEOUT_S, Protocol
from tests.harness.cluster import ANSWER_WITHIN_S, QUIET, RealCluster
from tests.harness.processes import Child, Children, free_port
from tests.harness.world import World

LATENCY_MS = "50-300"
PARTITIONS = 6
DRAIN_S = 8.0
_SESSION_MS = int(1_000 * SESSION_S)
_STOPS_WITHIN_S = 60.0
_STARTS_WITHIN_S = 60.0
_STREAM_PATIENCE_MS = 600_000

ALWAYS: tuple[Mapping[str, Any], ...] = (
    {"kind": "reject_event", "order_id_suffix": "-rejected", "message": "Invalid order_id parameter."},
)
"""In force throughout: the stream has orders that are meant for it."""

_PROTOCOLS: Mapping[Protocol, Mapping[str, object]] = {
    Protocol.COOPERATIVE: {"kafka__assignment_strategy": "cooperative-sticky"},
    Protocol.EAGER: {"kafka__assignment_strategy": "range"},
    Protocol.KIP_848: {"kafka__group_protocol": "consumer"},
    Protocol.STATIC: {"kafka__assignment_strategy": "cooperative-sticky"},
}


@dataclass(frozen=True, slots=True)
class Ended:
    """How a replica that was asked to stop has ended."""

    name: str
    exit_code: int
    ledger: Mapping[str, Any] | None
    """As it printed it; None if it printed none."""

    @property
    def problem(self) -> str | None:
        """What a clean stop must not have."""
        if self.ledger is None:
            return f"{self.name} ended with code {self.exit_code} and printed no ledger"
        if not self.ledger["balanced"]:
            return f"{self.name}: its ledger does not balance: {json.dumps(self.ledger)}"
        return f"{self.name} ended with code {self.exit_code}" if self.exit_code else None


class Cast(World):
    """A world whose emulator keeps its address, and that knows its replicas by name."""

    def __init__(self, cluster: RealCluster, children: Children, folder: Path, protocol: Protocol) -> None:
        super().__init__(
            cluster,
            children,
            folder,
            accounts=ACCOUNTS,
            partitions=PARTITIONS,
            has_dead_letter_topic=False,
        )
        self.create_dead_letter_topic({"message.timestamp.type": "LogAppendTime"})
        self.answers_file = folder / "answers.jsonl"
        self.record_file = self._record
        self.manifest_files = {topic: folder / f"{topic}.manifest" for topic in self.topics.values()}
        self.replicas: dict[str, Child] = {}
        self._protocol = protocol
        self._port = free_port()
        self._runs = 0
        self._faults = folder / "faults.json"
        self._faults.write_text(json.dumps(ALWAYS), encoding="utf-8")
        self._admin = AdminClient({"bootstrap.servers": cluster.bootstrap_servers, **QUIET})
        if protocol is Protocol.KIP_848:
            self._alter(ResourceType.GROUP, self.group, "consumer.session.timeout.ms", str(_SESSION_MS))

    def __enter__(self) -> Cast:
        super().__enter__()
        # Made once: it also writes the configuration file, which replicas read at any time.
        self._environment = self.environment(
            **_PROTOCOLS[self._protocol],
            properties={"session.timeout.ms": _SESSION_MS, "heartbeat.interval.ms": 500},
            batch__max_events=100,
            batch__linger_s=0.2,
            delivery__request_timeout_s=TIMEOUT_S,
            delivery__retry_cap_s=2,
            delivery__hold_probe_s=1,
            shutdown__drain_s=DRAIN_S,
        )
        return self

    # --- the emulator --------------------------------------------------------------------------------------

    def start_emulator(self) -> Child:
        self._api = f"http://127.0.0.1:{self._port}"
        self.emulator = self._start(
            "emulator",
            *(
                "emulator",
                "--port",
                str(self._port),
                "--record",
                str(self._record),
                "--answers",
                str(self.answers_file),
            ),
            *("--latency-ms", LATENCY_MS, "--faults", str(self._faults)),
        )
        self.emulator.wait_for_output("emulator listening", within_s=30)
        return self.emulator

    def end_emulator(self) -> None:
        """Requests under way get no answer."""
        self.emulator.send(signal.SIGTERM)
        self.emulator.wait(within_s=30)

    # --- the stream ----------------------------------------------------------------------------------------

    def start_stream(self, folder: Path, rate: float) -> Child:
        arguments = ("--rate", str(rate), "--accounts", str(ACCOUNTS), "--manifests", str(folder))
        # A record that was given up may be stored all the same, and nobody would know: none may be given up.
        properties = json.dumps({**QUIET, "delivery.timeout.ms": _STREAM_PATIENCE_MS})
        environment = {**self._environment, "CONVERSIONS_KAFKA__PROPERTIES": properties}
        stream = self._children.module("stream", "tests.chaos.stream", *arguments, environment=environment)
        stream.wait_for_output("streaming", within_s=60)
        return stream

    # --- the replicas --------------------------------------------------------------------------------------

    def start(self, name: str) -> None:
        """Start a replica; returns at once."""
        environment = dict(self._environment)
        if self._protocol is Protocol.STATIC:
            environment["CONVERSIONS_KAFKA__INSTANCE_ID"] = name
        self.replicas[name] = self._start(name, "run", environment=environment)

    def stop(self, name: str) -> Ended:
        """SIGTERM, and wait for the end."""
        replica = self.replicas.pop(name)
        replica.wait_for_output('"started"', within_s=_STARTS_WITHIN_S)  # before that nobody listens to signals
        replica.send(signal.SIGTERM)
        exit_code = replica.wait(within_s=_STOPS_WITHIN_S)
        printed = replica.stdout()
        ledger = json.loads(printed[printed.index("{") :]) if "{" in printed else None
        return Ended(replica.name, exit_code, ledger)

    def wait_for_the_group(self) -> None:
        """Until every replica has its partitions."""
        for replica in self.replicas.values():
            replica.wait_for_output('"partitions_assigned"', within_s=_STARTS_WITHIN_S)

    def kill(self, name: str) -> None:
        self.replicas.pop(name).kill()

    def died(self) -> list[tuple[str, Child]]:
        """Replicas that ended without being asked to."""
        return [(name, replica) for name, replica in list(self.replicas.items()) if replica.exit_code is not None]

    # --- the brokers' settings -----------------------------------------------------------------------------

    def refuse_letters(self, *, is_refusing: bool) -> None:
        """Let the dead-letter topic ask for all of its replicas in sync: one that is out is one too many then."""
        self._alter(ResourceType.TOPIC, self.dead_letter_topic, "min.insync.replicas", "3" if is_refusing else "2")

    def _alter(self, kind: ResourceType, name: str, setting: str, wanted: str) -> None:
        entry = ConfigEntry(setting, wanted, incremental_operation=AlterConfigOpType.SET)
        resource = ConfigResource(kind, name, incremental_configs=[entry])
        for future in self._admin.incremental_alter_configs([resource]).values():
            future.result(ANSWER_WITHIN_S)

    def _start(self, name: str, *arguments: str, environment: Mapping[str, str] | None = None) -> Child:
        """Each start under a name of its own, so that what one said is not taken for another's."""
        self._runs += 1
        return self._children.consumer(f"{name}.{self._runs}", *arguments, environment=environment)


REPLICA_NAMES = tuple(f"replica-{number}" for number in range(1, REPLICAS + 1))
