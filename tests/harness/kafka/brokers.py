"""Runs Apache Kafka as processes of the test: one broker, or three that can be killed, frozen and started again."""

from __future__ import annotations

import base64
import os
import signal
import uuid
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from tests.harness.kafka.jars import find_java, kafka_jars
from tests.harness.kafka.security import LISTENERS, Listener, Security
from tests.harness.processes import Child, Children, free_port

LOGGING = Path(__file__).with_name("log4j2.properties")
READY_WITHIN_S = 60.0
STARTS = 3  # free ports can be taken by somebody else before the broker binds them
JVM = ["-Xms128m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]

# Fast where Kafka's defaults are patient; the rest is as in production.
SETTINGS = """
process.roles=broker,controller
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL_SSL:SASL_SSL,SSL:SSL
auto.create.topics.enable=false
offsets.topic.num.partitions=4
transaction.state.log.num.partitions=4
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
group.consumer.min.heartbeat.interval.ms=100
group.consumer.heartbeat.interval.ms=200
group.consumer.min.session.timeout.ms=1000
group.consumer.session.timeout.ms=3000
log.cleaner.backoff.ms=200
log.cleaner.dedupe.buffer.size=4194304
log.initial.task.delay.ms=100
log.retention.check.interval.ms=500
broker.heartbeat.interval.ms=250
broker.session.timeout.ms=2000
controller.quorum.election.timeout.ms=500
controller.quorum.fetch.timeout.ms=1000
replica.lag.time.max.ms=2000
num.network.threads=2
num.io.threads=4
"""


class Brokers:
    """A running cluster; use it as a context manager. Nodes count from 1; three of them replicate everything.

    With `security` each also listens where clients must say who they are.

    Raises:
        NoKafkaError: Java or Kafka cannot be had here.
        AssertionError: It did not come up; the message ends with what the brokers said last.
    """

    def __init__(self, folder: Path, *, nodes: int = 1, security: Security | None = None) -> None:
        self._java = str(find_java())
        self._classpath = os.pathsep.join(map(str, kafka_jars()))
        self._folder = folder
        self._security = security
        self._children = Children(folder)
        self._nodes: dict[int, Child] = {}
        for attempt in range(1, STARTS + 1):
            try:
                self._start_all(folder / f"attempt-{attempt}", nodes)
            except BaseException as error:
                log = "".join(child.stdout() for child in self._nodes.values())
                self.close()
                if not isinstance(error, AssertionError) or "BindException" not in log or attempt == STARTS:
                    raise
            else:
                return

    def __enter__(self) -> Brokers:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End every broker; their data is of no further use."""
        self._children.__exit__(None, None, None)

    def address(self, node: int) -> str:
        """Host and port of one broker."""
        port, _ = self._ports[node]
        return f"127.0.0.1:{port}"

    def secured_address(self, listener: Listener) -> str:
        """Host and port of the first broker where it asks for credentials."""
        return f"127.0.0.1:{self._secured_ports[1][listener]}"

    def kill(self, node: int) -> None:
        """SIGKILL: gone without a word, its data stays."""
        self._nodes[node].kill()

    def freeze(self, node: int) -> None:
        """SIGSTOP: connections stay open and nothing is answered."""
        self._nodes[node].send(signal.SIGSTOP)

    def thaw(self, node: int) -> None:
        self._nodes[node].send(signal.SIGCONT)

    def wait_until_given_up(self, node: int) -> None:
        """Until all the others take a silent broker for dead, and so have taken over what it led."""
        running = {other for other in self._nodes if other != node}
        for other, child in self._nodes.items():
            if other in running:
                child.wait_until(
                    lambda other=other: self._known_to(other) == running,  # type: ignore[misc]
                    within_s=READY_WITHIN_S,
                    what=f"broker {node} to be given up by broker {other}",
                )

    def restart(self, node: int) -> None:
        """Start a killed broker again, at the same address with the same data, and wait for it."""
        assert self._nodes[node].exit_code is not None, f"node {node} still runs"
        self._start(node)
        self._wait_until_ready()

    def _start_all(self, folder: Path, nodes: int) -> None:
        folder.mkdir()
        self._ports = {node: (free_port(), free_port()) for node in range(1, nodes + 1)}
        self._secured_ports = {
            node: {listener: free_port() for listener in LISTENERS} if self._security else {} for node in self._ports
        }
        self.bootstrap_servers = ",".join(self.address(node) for node in self._ports)
        self._settings = {node: self._write_settings(folder, node) for node in self._ports}
        cluster_id = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        tool = ["kafka.tools.StorageTool", "format", f"--cluster-id={cluster_id}"]  # it may begin with a dash
        tool += [*(self._security.format_arguments() if self._security else []), "-c"]
        formatting = [self._run(f"format-{node}", [*tool, str(file)]) for node, file in self._settings.items()]
        for child in formatting:
            assert child.wait(within_s=READY_WITHIN_S) == 0, child.tail()
        for node in self._ports:
            self._start(node)
        self._wait_until_ready()

    def _write_settings(self, folder: Path, node: int) -> Path:
        replicas = min(len(self._ports), 3)
        in_sync = min(replicas, 2)
        voters = ",".join(f"{n}@127.0.0.1:{controller}" for n, (_, controller) in self._ports.items())
        port, controller_port = self._ports[node]
        secured = "".join(f",{name}://127.0.0.1:{at}" for name, at in self._secured_ports[node].items())
        file = folder / f"node-{node}.properties"
        file.write_text(
            f"{SETTINGS}"
            f"{self._security.settings(folder) if self._security else ''}"
            f"node.id={node}\n"
            f"log.dirs={folder / f'data-{node}'}\n"
            f"controller.quorum.voters={voters}\n"
            f"listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}{secured}\n"
            f"default.replication.factor={replicas}\n"
            f"min.insync.replicas={in_sync}\n"
            f"offsets.topic.replication.factor={replicas}\n"
            f"transaction.state.log.replication.factor={replicas}\n"
            f"transaction.state.log.min.isr={in_sync}\n"
            f"share.coordinator.state.topic.replication.factor={replicas}\n"
            f"share.coordinator.state.topic.min.isr={in_sync}\n"
        )
        return file

    def _start(self, node: int) -> None:
        self._nodes[node] = self._run(f"node-{node}", ["kafka.Kafka", str(self._settings[node])])

    def _run(self, name: str, arguments: Sequence[str]) -> Child:
        logging = f"-Dlog4j2.configurationFile={LOGGING}"
        return self._children.start(name, [self._java, *JVM, "-cp", self._classpath, logging, *arguments])

    def _wait_until_ready(self) -> None:
        """Until every broker takes connections and tells of all the others that run."""
        running = {node for node, child in self._nodes.items() if child.exit_code is None}
        for node, child in self._nodes.items():
            if node in running:
                child.wait_until(
                    lambda node=node: running <= self._known_to(node),  # type: ignore[misc]
                    within_s=READY_WITHIN_S,
                    what=f"broker {node} to be ready",
                )

    def _known_to(self, node: int) -> set[int]:
        """The brokers that this one tells of; none while it takes no connections."""
        client = AdminClient({"bootstrap.servers": self.address(node), "log_level": 0})
        try:
            return set(client.list_topics(timeout=2).brokers)
        except KafkaException:
            return set()
