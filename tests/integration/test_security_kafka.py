"""A broker that asks who is there and allows only what is listed: every way in, and each refusal."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # documented names that its types do not export
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)

from tests.conftest import do_without_kafka
from tests.harness.certificates import Certificates
from tests.harness.cluster import ANSWER_WITHIN_S, QUIET, RealCluster
from tests.harness.kafka.brokers import Brokers
from tests.harness.kafka.jars import NoKafkaError
from tests.harness.kafka.security import Security
from tests.harness.ledger import Settlement
from tests.harness.processes import Child, Children
from tests.harness.world import World, stop

pytestmark = [pytest.mark.real_kafka, pytest.mark.xdist_group("secured kafka")]

USER, PASSWORD = "consumer", "secret-of-kafka"
SECRETS = (PASSWORD, "wrong-secret-of-kafka")
RECORDS = 60


class Secured(World):
    """A world whose consumers come in by the guarded doors; the test itself uses the open one."""

    def __init__(self, brokers: Brokers, certificates: Certificates, children: Children, folder: Path) -> None:
        super().__init__(RealCluster(brokers.bootstrap_servers), children, folder, latency_ms="5-20")
        self._brokers = brokers
        self._certificates = certificates
        self._admin = AdminClient({"bootstrap.servers": brokers.bootstrap_servers, **QUIET})
        self.rights = {
            "orders": (ResourceType.TOPIC, self.topics["orders"], AclOperation.READ),
            "visits": (ResourceType.TOPIC, self.topics["visits"], AclOperation.READ),
            "dead-letter": (ResourceType.TOPIC, self.dead_letter_topic, AclOperation.WRITE),
            "group": (ResourceType.GROUP, self.group, AclOperation.READ),
        }

    def allow(self, *names: str) -> None:
        """Give these rights, or all, to everybody who got through a door: by name, or by certificate."""
        given = [
            AclBinding(kind, name, ResourcePatternType.LITERAL, principal, "*", operation, AclPermissionType.ALLOW)
            for kind, name, operation in (self.rights[right] for right in names or self.rights)
            for principal in (f"User:{USER}", "User:CN=client")
        ]
        for future in self._admin.create_acls(given).values():
            future.result(ANSWER_WITHIN_S)

    def with_password(self, mechanism: str = "SCRAM-SHA-512", **settings: object) -> dict[str, Any]:
        return {
            "kafka__bootstrap_servers": self._brokers.secured_address("SASL_SSL"),
            "kafka__security_protocol": "SASL_SSL",
            "kafka__sasl_mechanism": mechanism,
            "kafka__ssl_ca_file": self._certificates.authority,
            "kafka__sasl_username": USER,
            "kafka__sasl_password": PASSWORD,
            **settings,
        }

    def with_a_certificate(self, **settings: object) -> dict[str, Any]:
        shown = self._certificates.client
        return {
            "kafka__bootstrap_servers": self._brokers.secured_address("SSL"),
            "kafka__security_protocol": "SSL",
            "kafka__ssl_ca_file": self._certificates.authority,
            "properties": {
                "ssl.certificate.location": str(shown),
                "ssl.key.location": str(self._certificates.key_of(shown)),
            },
            **settings,
        }

    def ways_in(self, way: str) -> dict[str, Any]:
        if way == "certificate":
            return self.with_a_certificate()
        if way == "OAUTHBEARER":
            settings = self.with_password(way)
            del settings["kafka__sasl_username"], settings["kafka__sasl_password"]
            unsecured = {"enable.sasl.oauthbearer.unsecure.jwt": "true", "sasl.oauthbearer.config": f"principal={USER}"}
            return {**settings, "properties": unsecured}
        return self.with_password(way)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def brokers(certificates: Certificates, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Brokers]:
    security = Security(certificates, {USER: PASSWORD}, certificates.server)
    try:
        with Brokers(tmp_path_factory.mktemp("kafka"), security=security) as brokers:
            yield brokers
    except NoKafkaError as error:
        do_without_kafka(error)


@pytest.fixture
def world(brokers: Brokers, certificates: Certificates, children: Children, tmp_path: Path) -> Iterator[Secured]:
    world = Secured(brokers, certificates, children, tmp_path)
    with world:
        world.produce("orders", RECORDS)
        world.produce("visits", RECORDS)
        yield world


def everything_arrives(world: World, consumer: Child) -> None:
    world.wait_until_committed_to_the_end(consumer)
    ledger = stop(consumer)
    assert world.settlement() == Settlement()
    assert world.letters(), "no record made use of the right to write dead letters"
    assert ledger["balanced"]


def no_secret_in(*children: Child) -> None:
    written = {child.name: child.stdout() + child.stderr() for child in children}
    assert [(name, secret) for name, text in written.items() for secret in SECRETS if secret in text] == []


@pytest.mark.parametrize("way", ["SCRAM-SHA-256", "SCRAM-SHA-512", "PLAIN", "OAUTHBEARER", "certificate"])
def test_every_record_arrives_by_each_way_in(world: Secured, way: str) -> None:
    world.allow()

    consumer = world.consumer("consumer", log__level="debug", **world.ways_in(way))

    everything_arrives(world, consumer)
    no_secret_in(consumer)


REFUSED_AT_THE_DOOR = {
    "password": "invalid credentials",
    "authority": "broker certificate could not be verified",
    "host name": "certificate verify failed",
    "client certificate": "bad certificate",
}
"""What is wrong, and what the log says of it."""


def wrong(world: Secured, what: str, stranger: Path) -> dict[str, Any]:
    match what:
        case "password":
            return world.with_password(kafka__sasl_password=SECRETS[1])
        case "authority":
            return world.with_password(kafka__ssl_ca_file=stranger)
        case "host name":
            settings = world.with_password()
            _, _, port = settings["kafka__bootstrap_servers"].partition(":")
            return {**settings, "kafka__bootstrap_servers": f"localhost:{port}"}
        case _:
            return world.with_a_certificate(properties={})


@pytest.mark.parametrize("what", REFUSED_AT_THE_DOOR)
def test_whoever_is_refused_at_the_door_says_why_and_loses_nothing(
    world: Secured, certificates: Certificates, what: str
) -> None:
    world.allow()

    refused = world.consumer("refused", **wrong(world, what, certificates.stranger))
    refused.wait_for_output(REFUSED_AT_THE_DOOR[what], within_s=30)

    assert stop(refused)["total"]["consumed"] == 0
    assert set(world.committed().values()) <= {0}
    everything_arrives(world, consumer := world.consumer("consumer", **world.with_password()))
    no_secret_in(refused, consumer)


@pytest.mark.parametrize(
    ("missing", "told"),
    [
        ("orders", "TOPIC_AUTHORIZATION_FAILED"),
        ("group", "GROUP_AUTHORIZATION_FAILED"),
        ("dead-letter", "TOPIC_AUTHORIZATION_FAILED"),
    ],
)
def test_a_right_that_is_missing_is_told_and_waited_for(world: Secured, missing: str, told: str) -> None:
    world.allow(*(world.rights.keys() - {missing}))
    consumer = world.consumer("consumer", **world.with_password())
    consumer.wait_for_output(told, within_s=30)
    settled_without = world.settlement()

    world.allow(missing)

    assert settled_without.lost, "the right was not needed"
    everything_arrives(world, consumer)
    no_secret_in(consumer)


def check(world: Secured, children: Children, **settings: Any) -> Child:
    environment = world.environment(**settings)
    checked = children.consumer("check", "check", "--connectivity", environment=environment)
    checked.wait(within_s=60)
    return checked


@pytest.mark.parametrize("missing", ["orders", "visits", "dead-letter", "group"])
def test_check_names_the_right_that_is_missing(world: Secured, children: Children, missing: str) -> None:
    _, name, _ = world.rights[missing]
    world.allow(*(world.rights.keys() - {missing}))
    before = check(world, children, **world.with_password())

    world.allow(missing)
    after = check(world, children, **world.with_password())

    assert before.exit_code == 1
    no_secret_in(before, after)
    assert [line.split()[0] for line in before.stdout().splitlines() if name in line and "allowed" in line] == ["FAIL"]
    assert after.exit_code == 0, after.stdout()


@pytest.mark.parametrize("what", REFUSED_AT_THE_DOOR)
def test_check_says_why_it_is_refused_at_the_door(
    world: Secured, children: Children, certificates: Certificates, what: str
) -> None:
    checked = check(world, children, **wrong(world, what, certificates.stranger))

    assert checked.exit_code == 1
    assert REFUSED_AT_THE_DOOR[what] in " ".join(checked.stdout().split())
    no_secret_in(checked)
