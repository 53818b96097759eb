"""A Kafka broker inside this process, for the demo and the tests: librdkafka's mock cluster, reached by ctypes.

The library that comes inside confluent-kafka's wheels exports it (rdkafka_mock.h, called experimental there). It
speaks the real protocol on a real port: producing, consuming, groups (classic and KIP-848), commits with metadata.
It keeps at most 5 MiB per partition, has neither transactions nor compaction, creates topics that a client asks
for, and forgets everything when closed. Its threads are C threads: none of them runs Python.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterable
from enum import IntEnum
from types import TracebackType
from typing import Any, Final

from confluent_kafka import cimpl

from consumer.errors import ConfigError

ALL_BROKERS: Final = -1
_PRODUCER: Final = 0  # rdkafka.h: rd_kafka_type_t
_LOG_ERRORS_ONLY: Final = b"3"  # syslog levels; the handle would note at 5 that it has no bootstrap servers
_KIP848_HEARTBEAT_MS: Final = 200  # a broker's default is 5 s: far too slow for a demo on one machine


class ApiKey(IntEnum):
    """The requests that errors can be pushed for. Source: Kafka protocol guide, "Api Keys"."""

    PRODUCE = 0
    FETCH = 1
    LIST_OFFSETS = 2
    METADATA = 3
    OFFSET_COMMIT = 8
    OFFSET_FETCH = 9
    FIND_COORDINATOR = 10
    JOIN_GROUP = 11
    HEARTBEAT = 12
    LEAVE_GROUP = 13
    SYNC_GROUP = 14
    INIT_PRODUCER_ID = 22
    CONSUMER_GROUP_HEARTBEAT = 68


def _library() -> ctypes.CDLL:
    """The very librdkafka that the binding uses, with the signatures of what is called here.

    Asking the binding's own module finds it on every platform: a symbol is also looked for in the libraries
    that a module was linked with, wherever the wheel keeps them (dlsym(3), Linux and macOS alike).

    Raises:
        ConfigError: This build of confluent-kafka does not export the mock cluster.
    """
    pointer, text, i16, i32 = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int16, ctypes.c_int32
    signatures: dict[str, tuple[Any, list[Any]]] = {
        "rd_kafka_conf_new": (pointer, []),
        "rd_kafka_conf_set": (ctypes.c_int, [pointer, text, text, text, ctypes.c_size_t]),
        "rd_kafka_conf_destroy": (None, [pointer]),
        "rd_kafka_new": (pointer, [ctypes.c_int, pointer, text, ctypes.c_size_t]),
        "rd_kafka_destroy": (None, [pointer]),
        "rd_kafka_err2str": (text, [ctypes.c_int]),
        "rd_kafka_mock_cluster_new": (pointer, [pointer, ctypes.c_int]),
        "rd_kafka_mock_cluster_destroy": (None, [pointer]),
        "rd_kafka_mock_cluster_bootstraps": (text, [pointer]),
        "rd_kafka_mock_topic_create": (ctypes.c_int, [pointer, text, ctypes.c_int, ctypes.c_int]),
        "rd_kafka_mock_group_initial_rebalance_delay_ms": (None, [pointer, i32]),
        "rd_kafka_mock_set_group_consumer_heartbeat_interval_ms": (None, [pointer, ctypes.c_int]),
        "rd_kafka_mock_push_request_errors_array": (
            None,
            [pointer, i16, ctypes.c_size_t, ctypes.POINTER(ctypes.c_int)],
        ),
        "rd_kafka_mock_clear_request_errors": (None, [pointer, i16]),
        "rd_kafka_mock_broker_set_down": (ctypes.c_int, [pointer, i32]),
        "rd_kafka_mock_broker_set_up": (ctypes.c_int, [pointer, i32]),
        "rd_kafka_mock_broker_set_rtt": (ctypes.c_int, [pointer, i32, ctypes.c_int]),
        "rd_kafka_mock_partition_set_leader": (ctypes.c_int, [pointer, text, i32, i32]),
        "rd_kafka_mock_partition_delete_records": (ctypes.c_int, [pointer, text, i32, ctypes.c_int64]),
    }
    try:
        library = ctypes.CDLL(cimpl.__file__)
        for name, (result, arguments) in signatures.items():
            function = getattr(library, name)
            function.restype, function.argtypes = result, arguments
    except (AttributeError, OSError) as error:
        problem = (
            "the embedded broker needs a librdkafka that exports its mock cluster, and this installation of "
            f"confluent-kafka has none ({error}); install its wheel for Linux or macOS from the package index, "
            "or name a broker of your own as kafka.bootstrap_servers"
        )
        raise ConfigError([problem]) from error
    return library


class EmbeddedBroker:
    """A running cluster; use it as a context manager, or call `close`. Not for use from several threads.

    Raises:
        ConfigError: This installation cannot have one.
    """

    def __init__(self, *, brokers: int = 1) -> None:
        self._library = _library()
        self._handle: int | None = self._new_handle()
        self._cluster: int | None = self._library.rd_kafka_mock_cluster_new(self._handle, brokers)
        if not self._cluster:
            self.close()
            raise ConfigError(["the embedded broker could not listen on 127.0.0.1"])
        self._library.rd_kafka_mock_group_initial_rebalance_delay_ms(self._cluster, 0)
        self._library.rd_kafka_mock_set_group_consumer_heartbeat_interval_ms(self._cluster, _KIP848_HEARTBEAT_MS)
        self.bootstrap_servers: str = self._library.rd_kafka_mock_cluster_bootstraps(self._cluster).decode()

    def __enter__(self) -> EmbeddedBroker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Disconnect every client and forget all topics and groups. Closing again does nothing."""
        if self._cluster:
            self._library.rd_kafka_mock_cluster_destroy(self._cluster)
        if self._handle:
            self._library.rd_kafka_destroy(self._handle)
        self._cluster = self._handle = None

    def create_topic(self, name: str, partitions: int) -> None:
        """Raises ValueError if the topic is there already."""
        self._call("topic_create", name.encode(), partitions, 1)

    def push_errors(self, api_key: ApiKey, codes: Iterable[int]) -> None:
        """Answer the next requests of this kind with these codes, one each, whoever sends them.

        Args:
            api_key: Kind of request.
            codes: Numbers of `KafkaError`; 0 lets one request pass, `KafkaError._TRANSPORT` drops the connection.
        """
        listed = list(codes)
        array = (ctypes.c_int * len(listed))(*listed)
        self._library.rd_kafka_mock_push_request_errors_array(self._open(), api_key, len(listed), array)

    def clear_errors(self, api_key: ApiKey) -> None:
        """Forget what `push_errors` left over for this kind of request."""
        self._library.rd_kafka_mock_clear_request_errors(self._open(), api_key)

    def go_down(self, broker: int = ALL_BROKERS) -> None:
        """Drop the connections and refuse new ones; brokers count from 1. Leaders stay where they are."""
        self._call("broker_set_down", broker)

    def come_up(self, broker: int = ALL_BROKERS) -> None:
        """Take connections again, with everything still there."""
        self._call("broker_set_up", broker)

    def set_round_trip(self, milliseconds: int, broker: int = ALL_BROKERS) -> None:
        """Delay every answer by this much from now on."""
        self._call("broker_set_rtt", broker, milliseconds)

    def set_leader(self, topic: str, partition: int, broker: int) -> None:
        """Move a partition to another broker; the client learns of it by an error."""
        self._call("partition_set_leader", topic.encode(), partition, broker)

    def delete_records(self, topic: str, partition: int, before_offset: int) -> None:
        """Let the partition start at this offset, as retention would."""
        self._call("partition_delete_records", topic.encode(), partition, before_offset)

    def _new_handle(self) -> int:
        """A client that connects to nothing: the cluster only keeps its books with it."""
        problem = ctypes.create_string_buffer(512)
        conf = self._library.rd_kafka_conf_new()
        self._library.rd_kafka_conf_set(conf, b"log_level", _LOG_ERRORS_ONLY, problem, len(problem))
        handle: int | None = self._library.rd_kafka_new(_PRODUCER, conf, problem, len(problem))
        if not handle:
            self._library.rd_kafka_conf_destroy(conf)  # rd_kafka_new owns it only if it succeeds
            raise ConfigError([f"the embedded broker could not start: {problem.value.decode()}"])
        return handle

    def _open(self) -> int:
        if self._cluster is None:
            raise ValueError("the embedded broker is closed")
        return self._cluster

    def _call(self, name: str, *arguments: int | bytes) -> None:
        code = getattr(self._library, f"rd_kafka_mock_{name}")(self._open(), *arguments)
        if code:
            raise ValueError(f"{name}: {self._library.rd_kafka_err2str(code).decode()}")
