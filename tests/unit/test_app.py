"""How the parts are put together where it matters which function goes where."""

from __future__ import annotations

import asyncio
import queue

from consumer.app import AsyncOutbox, build
from consumer.config import Config
from consumer.pinterest.client import ConversionsClient
from consumer.pinterest.token_keeper import kept_tokens
from consumer.pipeline import Mail, Pipeline
from consumer.records import HoldCause
from consumer.registry import Registry
from consumer.timing import SystemClock
from consumer.watchdog import Pulse
from tests.unit.stages.builders import assignment_of
from tests.unit.test_pipeline import CONFIG


def built(config: Config) -> Pipeline:
    async def build_on_a_loop() -> Pipeline:
        inbox: queue.SimpleQueue[Mail] = queue.SimpleQueue()
        clock = SystemClock()
        async with kept_tokens(config.pinterest, timeout_s=1, clock=clock) as tokens:
            client = ConversionsClient(
                config.pinterest, tokens, timeout_s=1, max_in_flight=1, accounts_in_test=frozenset()
            )
            try:
                return build(
                    config, AsyncOutbox(client, Registry(config.schema_registry), inbox), inbox, clock, Pulse(clock)
                )
            finally:
                await client.aclose()

    return asyncio.run(build_on_a_loop())


def test_a_letter_for_a_partition_about_to_leave_is_still_ours() -> None:
    """Its books are open until it has left, and would not balance if its letters were given up before."""
    pipeline = built(CONFIG)
    orders = assignment_of(0)
    pipeline.assigned([orders])
    pipeline._leaving.add(orders)

    assert pipeline._dead_letters._producer._is_ours(orders)
    assert not pipeline._sink._is_live(orders)


def test_an_account_on_hold_is_held_from_the_start() -> None:
    config = Config.model_validate({**CONFIG.model_dump(), "ad_accounts": {"549000000001": {"mode": "hold"}}})

    held = {name: hold.cause for name, hold in built(config)._sink.holds()}

    assert held == {"549000000001": HoldCause.OPERATOR}
