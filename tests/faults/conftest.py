"""Groups that run through many tests: to start one takes longer than most faults last."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.conftest import do_without_kafka
from tests.faults.group import PROTOCOLS, REPLICAS, Group, Stand, a_group
from tests.harness.cluster import Cluster, RealCluster
from tests.harness.kafka.brokers import Brokers
from tests.harness.kafka.jars import NoKafkaError
from tests.harness.world import stop


@pytest.fixture(scope="package")
def stand(real_kafka: RealCluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    """All groups, on a broker that nothing befalls."""
    with a_stand(real_kafka, tmp_path_factory.mktemp("stand")) as groups:
        yield groups


@pytest.fixture(scope="package")
def quorum(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Brokers]:
    """Three Apache Kafka brokers. Whoever kills or freezes one brings it back."""
    try:
        with Brokers(tmp_path_factory.mktemp("quorum"), nodes=3) as brokers:
            yield brokers
    except NoKafkaError as error:
        do_without_kafka(error)


@pytest.fixture(scope="module")
def stand_on_quorum(quorum: Brokers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    """All groups, on brokers that something befalls."""
    with a_stand(RealCluster(quorum.bootstrap_servers), tmp_path_factory.mktemp("stand")) as groups:
        yield groups


@contextmanager
def a_stand(cluster: Cluster, folder: Path) -> Iterator[Stand]:
    """Under each protocol a group of one replica and a group of three, all running."""
    with ExitStack() as ending:

        def begin(shape: tuple[str, int]) -> Group:
            own_folder = folder / f"{shape[0]}-{shape[1]}"
            own_folder.mkdir()
            return ending.enter_context(a_group(cluster, own_folder, *shape))

        shapes = [(protocol, replicas) for protocol in PROTOCOLS for replicas in REPLICAS]
        with ThreadPoolExecutor(2) as pool:  # more at once would only wait for each other
            stand = dict(zip(shapes, pool.map(begin, shapes), strict=True))
        yield stand
        for group in stand.values():
            assert all(stop(replica)["balanced"] for replica in group.replicas)
