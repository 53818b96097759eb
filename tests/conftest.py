"""Brokers and child processes for every test that asks for them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest
import structlog

from consumer.demo.broker import EmbeddedBroker
from tests.harness.cluster import Cluster, EmbeddedCluster, RealCluster, a_real_cluster
from tests.harness.kafka.brokers import Brokers
from tests.harness.kafka.jars import NoKafkaError
from tests.harness.processes import Children


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Where tests run side by side (`-n 2 --dist loadgroup`), those with three brokers take turns, as a machine bears
    one such cluster, and those that look at the same groups of replicas stay together."""
    for item in items:
        fixtures = getattr(item, "fixturenames", ())
        if {"three_brokers", "quorum"} & set(fixtures):
            item.add_marker(pytest.mark.xdist_group("three brokers"))
        elif "stand" in fixtures:
            item.add_marker(pytest.mark.xdist_group("stand"))


@pytest.fixture(autouse=True)
def _logs_as_they_were() -> Iterator[None]:
    """A command that a test ran in this process set the level of logs for all of it."""
    yield
    structlog.reset_defaults()


@pytest.fixture
def embedded() -> Iterator[EmbeddedCluster]:
    """A fresh embedded broker, all its own: errors and outages harm nobody else."""
    with EmbeddedBroker() as broker:
        yield EmbeddedCluster(broker)


@pytest.fixture(scope="session")
def real_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealCluster]:
    """Apache Kafka, one broker for the whole run: name topics and groups with `unique`, break nothing.

    Without one the test is skipped, or fails where REQUIRE_REAL=1.
    """
    try:
        with a_real_cluster(tmp_path_factory.mktemp("kafka")) as cluster:
            yield cluster
    except NoKafkaError as error:
        do_without_kafka(error)


@pytest.fixture
def three_brokers(tmp_path: Path) -> Iterator[Brokers]:
    """Three Apache Kafka brokers of the test's own, to be killed and frozen; about 6 s to start."""
    try:
        with Brokers(tmp_path, nodes=3) as brokers:
            yield brokers
    except NoKafkaError as error:
        do_without_kafka(error)


@pytest.fixture(params=["embedded", pytest.param("real", marks=pytest.mark.real_kafka)])
def cluster(request: pytest.FixtureRequest) -> Cluster:
    """The test runs twice: on the embedded broker and on a real one."""
    found: Cluster = request.getfixturevalue({"embedded": "embedded", "real": "real_kafka"}[request.param])
    return found


@pytest.fixture
def children(tmp_path: Path) -> Iterator[Children]:
    """Starts programs; all of them are ended with the test."""
    with Children(tmp_path) as children:
        yield children


def do_without_kafka(error: NoKafkaError) -> NoReturn:
    """Skip the test, or fail it where REQUIRE_REAL=1."""
    if os.environ.get("REQUIRE_REAL") == "1":
        pytest.fail(f"REQUIRE_REAL=1, and no real Kafka: {error}", pytrace=False)
    pytest.skip(f"no real Kafka: {error}")
