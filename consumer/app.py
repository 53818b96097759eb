"""Builds the real things and runs them: the control thread, the asyncio loop beside it, signals, drain and stop."""

from __future__ import annotations

import asyncio
import os
import queue
import random
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import orjson
import structlog

from consumer import kafka_settings
from consumer.config import Config
from consumer.health import HealthServer
from consumer.logs import kafka_logger
from consumer.mapping.digest import mapping_digest
from consumer.pinterest.auth import Tokens
from consumer.pinterest.client import ConversionsClient
from consumer.pinterest.token_keeper import kept_tokens
from consumer.pipeline import Mail, OutboxFailed, Pipeline, Stages
from consumer.records import Batch, SchemaRef
from consumer.registry import Registry
from consumer.stages.batcher import Batcher, Repeats
from consumer.stages.deadletter import DeadLetters, LetterTopics
from consumer.stages.decoder import Decoder
from consumer.stages.lookups import Lookups
from consumer.stages.mapper import Mapper
from consumer.stages.receipts import Receipts
from consumer.stages.sink import BatchResult, Sink
from consumer.stages.source import Source
from consumer.suppress_list import SuppressList, suppress_list
from consumer.telemetry import Telemetry
from consumer.timing import Clock, SystemClock
from consumer.topic_facts import TopicFacts
from consumer.topics import TopicSettings
from consumer.watchdog import Pulse, Watchdog

_log = structlog.get_logger(__name__)

# A thread that computes lets others run at this interval; the default of 5 ms delays every request by as much.
_SWITCH_INTERVAL_S = 0.001


class AsyncOutbox:
    """Makes requests and look-ups on the asyncio loop, for a caller on another thread."""

    def __init__(self, client: ConversionsClient, registry: Registry, inbox: queue.SimpleQueue[Mail]) -> None:
        self._loop = asyncio.get_running_loop()
        self._client = client
        self._registry = registry
        self._inbox = inbox
        self._tasks: set[asyncio.Task[None]] = set()

    def send(self, batch: Batch) -> None:
        self._loop.call_soon_threadsafe(self._start_sending, batch)

    def fetch(self, ref: SchemaRef) -> None:
        self._loop.call_soon_threadsafe(self._start_fetching, ref)

    def _start_sending(self, batch: Batch) -> None:
        self._keep(self._loop.create_task(self._send(batch)))

    def _start_fetching(self, ref: SchemaRef) -> None:
        self._keep(self._loop.create_task(self._fetch(ref)))

    def _keep(self, task: asyncio.Task[None]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (failure := task.exception()) is not None:
            self._inbox.put(OutboxFailed(failure))

    async def _send(self, batch: Batch) -> None:
        answer = await self._client.send(batch.ad_account_id, [event.body for event in batch.events])
        self._inbox.put(BatchResult(batch, answer))

    async def _fetch(self, ref: SchemaRef) -> None:
        self._inbox.put(await self._registry.fetch(ref))

    async def aclose(self) -> None:
        """Close all connections; what was still under way ends, and nobody waits for it any more."""
        await self._client.aclose()
        await self._registry.aclose()
        await asyncio.gather(*self._tasks, return_exceptions=True)


def run(config: Config) -> int:
    """Run the consumer until SIGTERM or SIGINT.

    Returns:
        The exit code: 0 after a clean stop, 1 if it had to give up; nothing was committed by a guess then.
    """
    sys.setswitchinterval(_SWITCH_INTERVAL_S)
    return asyncio.run(_run(config))


async def _run(config: Config) -> int:
    clock = SystemClock()
    timeout_s = config.delivery.request_timeout_s
    async with kept_tokens(config.pinterest, timeout_s=timeout_s, clock=clock) as tokens:
        return await _carry(config, tokens, clock)


async def _carry(config: Config, tokens: Tokens, clock: Clock) -> int:
    inbox: queue.SimpleQueue[Mail] = queue.SimpleQueue()
    client = ConversionsClient(
        config.pinterest,
        tokens,
        timeout_s=config.delivery.request_timeout_s,
        max_in_flight=config.delivery.max_in_flight,
        accounts_in_test=config.accounts_in_test,
    )
    outbox = AsyncOutbox(client, Registry(config.schema_registry), inbox)
    pulse = Pulse(clock)
    watchdog = Watchdog(pulse, clock)
    suppressed = suppress_list(config.privacy.suppress_file, clock)
    pipeline = build(config, outbox, inbox, clock, pulse, suppressed)
    in_test = config.accounts_in_test
    telemetry = Telemetry(
        lambda: pipeline.snapshot,
        is_test=config.pinterest.test,
        accounts_in_test=len(in_test),
        requests=lambda: client.requests,
        stalls=lambda: watchdog.stalls,
        suppress_list=suppressed,
    )
    health = HealthServer(config, snapshot=lambda: pipeline.snapshot, metrics=telemetry.render, stall=watchdog.stall)
    port = await health.start()
    watching = [asyncio.create_task(watchdog.watch())]
    if suppressed is not None:
        watching.append(asyncio.create_task(suppressed.watch()))
    _stop_on_signals(pipeline)
    _log.info("started", group=config.group_id, topics=sorted(config.topics), health_port=port)
    if config.pinterest.test:
        _log.warning("test_mode", meaning="Pinterest checks the events and records none")
    if in_test:
        _log.warning("ad_accounts_in_test", ad_account_ids=sorted(in_test), meaning="none of their events is recorded")
    try:
        with ThreadPoolExecutor(1, thread_name_prefix="control") as control:
            await asyncio.get_running_loop().run_in_executor(control, pipeline.run)
    except Exception:
        _log.critical("gave_up", meaning="nothing was committed on a guess; the next start reads on", exc_info=True)
        raise
    finally:
        # First of all, as everything that follows only tidies up.
        ledger = pipeline.closing_ledger()
        sys.stdout.write(orjson.dumps(ledger, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS).decode() + "\n")
        sys.stdout.flush()
        for task in watching:
            task.cancel()
        await outbox.aclose()
        await health.aclose()
        telemetry.shutdown()
    missing = sum(ledger["missing_offsets"].values())
    _log.info("stopped", balanced=ledger["balanced"], missing_offsets=missing)
    return 0 if ledger["balanced"] and not missing else 1


def build(
    config: Config,
    outbox: AsyncOutbox,
    inbox: queue.SimpleQueue[Mail],
    clock: Clock,
    pulse: Pulse,
    suppressed: SuppressList | None = None,
) -> Pipeline:
    """The pipeline with its real stages.

    Raises:
        ConfigError: A setting that only the stage itself could check is wrong.
    """

    def is_live(assignment: Any) -> bool:
        return pipeline.is_live(assignment)

    def is_open(assignment: Any) -> bool:
        return pipeline.is_open(assignment)

    kafka = config.kafka
    topics = TopicSettings(kafka_settings.client_properties(kafka) | {"logger": kafka_logger()}, clock=clock)

    def may_have_holes(topic: str) -> bool:
        facts = topics.of(topic)
        return config.is_transactional(topic) or (isinstance(facts, TopicFacts) and facts.is_compacted)

    stages = Stages(
        source=Source(
            kafka_settings.consumer_properties(config) | {"logger": kafka_logger()},
            topics=config.topics,
            replay_topic=config.replay_topic,
            start_at=kafka.start_at,
            is_incremental=kafka.group_protocol == "consumer" or kafka.assignment_strategy == "cooperative-sticky",
            may_have_holes=may_have_holes,
            clock=clock,
            pulse=pulse,
        ),
        decoder=Decoder(config.topics),
        lookups=Lookups(unknown_grace_s=config.schema_registry.unknown_grace_s),
        mapper=Mapper(config, suppressed),
        repeats=Repeats(),
        batcher=Batcher(
            max_events=config.batch.max_events, max_bytes=config.batch.max_bytes, linger_s=config.batch.linger_s
        ),
        sink=Sink(
            config.delivery,
            max_age_s=config.events.max_age_s,
            chance=random.Random(),
            is_live=is_live,
            caps={
                name: account.requests_per_minute
                for name, account in config.ad_accounts.items()
                if account.requests_per_minute is not None
            },
            most_parked=config.limits.max_events,
            on_hold=config.accounts_on_hold,
        ),
        dead_letters=DeadLetters(
            kafka_settings.producer_properties(kafka) | {"logger": kafka_logger()},
            topics=LetterTopics(config.dead_letter_topic, config.own_dead_letter_topics, config.replay_topic),
            payload=config.dead_letters.payload,
            group=config.group_id,
            clock=clock,
            alarm=lambda topic, error: _log.error("dead_letter_topic_refuses", topic=topic, error=error),
            is_ours=is_open,
        ),
        receipts=Receipts(
            kafka_settings.producer_properties(kafka) | {"logger": kafka_logger()},
            topic=config.receipts_topic,
            mapping=mapping_digest(config),
            clock=clock,
            alarm=lambda topic, error: _log.error("receipts_topic_refuses", topic=topic, error=error),
            is_ours=is_open,
        )
        if config.writes_receipts
        else None,
    )
    pipeline = Pipeline(config, stages, outbox, inbox, clock, topics=topics, pulse=pulse)
    return pipeline


def _stop_on_signals(pipeline: Pipeline) -> None:
    """The first signal drains and stops; the second leaves at once, with offsets uncommitted."""
    loop = asyncio.get_running_loop()
    received: list[signal.Signals] = []

    def on_signal(number: signal.Signals) -> None:
        received.append(number)
        if len(received) > 1:
            sys.stderr.flush()
            os._exit(1)
        _log.info("stopping", signal=number.name)
        pipeline.stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal, number)
