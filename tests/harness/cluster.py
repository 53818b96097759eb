"""One interface over the brokers that tests run against: embedded, or a real Apache Kafka."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from consumer.demo.broker import EmbeddedBroker
from tests.harness.kafka.brokers import Brokers

ANSWER_WITHIN_S = 20.0

QUIET: Mapping[str, str | int] = {"log_level": 2}
"""Brokers come and go in tests; a client would note each attempt to reach one that is gone, on standard error."""

FAST_GROUP: Mapping[str, str | int] = {"session.timeout.ms": 2_000, "heartbeat.interval.ms": 250}
"""Client settings for quick rebalances under the classic protocol; under KIP-848 the brokers decide."""


class Cluster(Protocol):
    """What a test may ask of its brokers, and what it may expect of them."""

    @property
    def name(self) -> str: ...

    @property
    def bootstrap_servers(self) -> str: ...

    @property
    def fetching(self) -> Mapping[str, str | int]:
        """Client settings with which a message is read as soon as it is there, at no more cost than need be."""

    @property
    def supports_transactions(self) -> bool:
        """Aborted records stay hidden, open ones too."""

    @property
    def supports_compaction(self) -> bool: ...

    @property
    def supports_offsets_for_times(self) -> bool: ...

    @property
    def supports_eager_commit_in_rebalance(self) -> bool:
        """Under an eager assignor, commits are taken while the group hands its partitions over."""

    @property
    def fences_lost_members(self) -> bool:
        """A member whose partitions were given away can no longer commit, under KIP-848 either."""

    def create_topic(self, name: str, partitions: int, config: Mapping[str, str] | None = None) -> None:
        """Returns once the topic can be used."""

    def delete_records(self, topic: str, partition: int, before_offset: int) -> None:
        """Let the partition start at this offset, as retention would."""


class EmbeddedCluster:
    """The demo's broker. `broker` also injects errors, delays and outages."""

    name = "embedded"
    # A waiting fetch is answered only when this is over, not when a message comes.
    fetching: Mapping[str, str | int] = {"fetch.wait.max.ms": 10}
    supports_transactions = False
    supports_compaction = False
    supports_offsets_for_times = False
    supports_eager_commit_in_rebalance = False
    fences_lost_members = False

    def __init__(self, broker: EmbeddedBroker) -> None:
        self.broker = broker
        self.bootstrap_servers = broker.bootstrap_servers

    def create_topic(self, name: str, partitions: int, config: Mapping[str, str] | None = None) -> None:
        if config:
            raise ValueError("the embedded broker has no settings for topics")
        self.broker.create_topic(name, partitions)

    def delete_records(self, topic: str, partition: int, before_offset: int) -> None:
        self.broker.delete_records(topic, partition, before_offset)


class RealCluster:
    """Apache Kafka, ours or one that somebody else runs."""

    name = "real"
    # The end of a partition is told with the first fetch that found nothing.
    fetching: Mapping[str, str | int] = {"fetch.wait.max.ms": 200}
    supports_transactions = True
    supports_compaction = True
    supports_offsets_for_times = True
    supports_eager_commit_in_rebalance = True
    fences_lost_members = True

    def __init__(self, bootstrap_servers: str) -> None:
        self.bootstrap_servers = bootstrap_servers
        # Kept: the futures of an admin client that is gone never finish.
        self._admin = AdminClient({"bootstrap.servers": bootstrap_servers, **QUIET})

    def create_topic(self, name: str, partitions: int, config: Mapping[str, str] | None = None) -> None:
        topic = NewTopic(name, partitions, config=dict(config or {}))
        self._admin.create_topics([topic], operation_timeout=ANSWER_WITHIN_S)[name].result(ANSWER_WITHIN_S)

    def delete_records(self, topic: str, partition: int, before_offset: int) -> None:
        wanted = TopicPartition(topic, partition, before_offset)
        for future in self._admin.delete_records([wanted]).values():
            future.result(ANSWER_WITHIN_S)


@contextmanager
def a_real_cluster(folder: Path) -> Iterator[RealCluster]:
    """The one that KAFKA_BOOTSTRAP_SERVERS names, else one broker of our own in `folder`.

    Raises:
        NoKafkaError: Neither can be had.
    """
    if external := os.environ.get("KAFKA_BOOTSTRAP_SERVERS"):
        yield RealCluster(external)
        return
    with Brokers(folder) as brokers:
        yield RealCluster(brokers.bootstrap_servers)


def unique(stem: str) -> str:
    """A name for a topic or group that no other test uses: real brokers are shared by the whole run."""
    return f"{stem}-{uuid.uuid4().hex[:10]}"
