"""Turns the `kafka` section into librdkafka properties, for each kind of client the ones that suit it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from consumer.config import Config, Kafka

# librdkafka logs a warning for every property that is of no use to the client it is given to.
# Source: librdkafka 2.16 CONFIGURATION.md, column C/P; those the consumer refuses in `kafka.properties` left out.
CONSUMER_ONLY = frozenset(
    {
        "auto.commit.interval.ms",
        "check.crcs",
        "consume.callback.max.messages",
        "coordinator.query.interval.ms",
        "fetch.error.backoff.ms",
        "fetch.max.bytes",
        "fetch.message.max.bytes",
        "fetch.min.bytes",
        "fetch.queue.backoff.ms",
        "fetch.wait.max.ms",
        "group.protocol.type",
        "group.remote.assignor",
        "heartbeat.interval.ms",
        "max.partition.fetch.bytes",
        "max.poll.interval.ms",
        "queued.max.messages.kbytes",
        "queued.min.messages",
        "session.timeout.ms",
    }
)
PRODUCER_ONLY = frozenset(
    {
        "batch.num.messages",
        "batch.size",
        "compression.codec",
        "compression.level",
        "compression.type",
        "delivery.timeout.ms",
        "enable.gapless.guarantee",
        "linger.ms",
        "message.send.max.retries",
        "message.timeout.ms",
        "partitioner",
        "produce.offset.report",
        "queue.buffering.backpressure.threshold",
        "queue.buffering.max.kbytes",
        "queue.buffering.max.messages",
        "queue.buffering.max.ms",
        "queuing.strategy",
        "request.timeout.ms",
        "retries",
        "sticky.partitioning.linger.ms",
        "transaction.timeout.ms",
    }
)

# Two names of one property; passed on under the right-hand one, so that the operator's word replaces ours.
# Source: librdkafka 2.16 CONFIGURATION.md, "Alias for".
_ALIASES = {
    "compression.codec": "compression.type",
    "message.timeout.ms": "delivery.timeout.ms",
    "queue.buffering.max.ms": "linger.ms",
    "sasl.mechanisms": "sasl.mechanism",
}


def client_properties(kafka: Kafka) -> dict[str, Any]:
    """What any client needs, administrative ones too: where the brokers are, and how to talk to them."""
    ours: dict[str, Any] = {
        "bootstrap.servers": kafka.bootstrap_servers,
        "client.id": "pinterest-conversions",
        "security.protocol": kafka.security_protocol,
        "socket.keepalive.enable": "true",
        # A broker that closes idle connections is no incident.
        "log.connection.close": "false",
        # From its default of 0.1 s a dead broker would be tried, and logged, many times a second at first.
        "reconnect.backoff.ms": "500",
        "reconnect.backoff.max.ms": "10000",
        # The replay topic may be made while we run. So long it goes unnoticed, instead of five minutes, for the price
        # of a question about a few topics each time.
        "topic.metadata.refresh.interval.ms": "30000",
    }
    if kafka.sasl_mechanism == "AWS_MSK_IAM":
        ours |= {"sasl.mechanism": "OAUTHBEARER", "oauth_cb": _msk_tokens(str(kafka.aws_region))}
    elif kafka.sasl_mechanism is not None:
        ours["sasl.mechanism"] = kafka.sasl_mechanism
    if kafka.sasl_username is not None:
        ours["sasl.username"] = kafka.sasl_username
    if kafka.sasl_password is not None:
        ours["sasl.password"] = kafka.sasl_password.get_secret_value()
    if kafka.ssl_ca_file is not None:
        ours["ssl.ca.location"] = str(kafka.ssl_ca_file)
    return ours | _passed_through(kafka.properties, refused=CONSUMER_ONLY | PRODUCER_ONLY)


def consumer_properties(config: Config) -> dict[str, Any]:
    """The group's member: offsets are stored and committed by us alone, and a missing position is ours to judge."""
    kafka = config.kafka
    ours = {
        "group.id": config.group_id,
        "group.protocol": kafka.group_protocol,
        "enable.auto.commit": "false",
        "enable.auto.offset.store": "false",
        "auto.offset.reset": "error",
        "enable.partition.eof": "true",
        "isolation.level": "read_committed",
        # Fetched ahead, beside what `limits` counts: half of librdkafka's default.
        "queued.max.messages.kbytes": "32768",
        # With its default of 1 s a full queue makes the fetcher sleep long after it has been emptied.
        "fetch.queue.backoff.ms": "20",
    }
    if kafka.group_protocol == "classic":
        ours["partition.assignment.strategy"] = kafka.assignment_strategy
    if kafka.instance_id is not None:
        ours["group.instance.id"] = kafka.instance_id
    return client_properties(kafka) | ours | _passed_through(kafka.properties, only=CONSUMER_ONLY)


def reader_properties(config: Config) -> dict[str, Any]:
    """Somebody who reads a topic to its end, without being a member of any group: it must only `assign`.

    The group is named because the client wants a name, and commands should need no access list of their own.
    """
    ours = {
        "group.id": config.group_id,
        "enable.auto.commit": "false",
        "auto.offset.reset": "earliest",
        "enable.partition.eof": "true",
        "isolation.level": "read_committed",
    }
    return client_properties(config.kafka) | ours | _passed_through(config.kafka.properties, only=CONSUMER_ONLY)


def producer_properties(kafka: Kafka) -> dict[str, Any]:
    """For dead letters and receipts: each settles its record, so every replica in sync must have it."""
    ours = {
        "acks": "all",
        "enable.idempotence": "true",
        "compression.type": "lz4",
        "linger.ms": "20",
        "delivery.timeout.ms": "30000",
    }
    return client_properties(kafka) | ours | _passed_through(kafka.properties, only=PRODUCER_ONLY)


def _msk_tokens(region: str) -> Callable[[str], tuple[str, float]]:
    from consumer.msk import token_callback  # noqa: PLC0415 - only the `aws` extra has what it needs

    return token_callback(region)


def _passed_through(
    properties: Mapping[str, str | int | float | bool],
    *,
    only: frozenset[str] | None = None,
    refused: frozenset[str] = frozenset(),
) -> dict[str, str]:
    """The operator's own properties as librdkafka takes them: text, and booleans in lower case."""
    return {
        _ALIASES.get(name, name): str(value).lower() if isinstance(value, bool) else str(value)
        for name, value in properties.items()
        if name not in refused and (only is None or name in only)
    }
