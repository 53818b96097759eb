"""What is asked beside events, quality scores and tokens, is asked as Pinterest's description says, and so answered.

`DescriptionProxy` stands between our requests and the emulator, and holds both sides to it.
"""

from __future__ import annotations

import asyncio
import json
from typing import get_args

from consumer.config import OAuth, Pinterest
from consumer.emulator import Emulator, Settings
from consumer.pinterest.oauth import ConversionToken, Granted, request_conversion_token, token_requests
from consumer.pinterest.quality import SOURCE_PLATFORMS, LookbackPeriod, QualityScores, Scored
from tests.harness.description import FILE
from tests.harness.description_proxy import DescriptionProxy
from tests.unit.emulator.builders import ACCOUNT

PERIODS: tuple[LookbackPeriod, ...] = get_args(LookbackPeriod)
SCHEMAS = json.loads(FILE.read_text(encoding="utf-8"))["components"]["schemas"]


def test_every_choice_of_quality_scores_is_asked_and_answered_as_described() -> None:
    async def run() -> tuple[list[object], DescriptionProxy]:
        async with Emulator(Settings()) as api, DescriptionProxy(api.base_url) as proxy:
            settings = Pinterest(base_url=proxy.base_url)
            scores = [
                QualityScores(settings, "t", timeout_s=5, lookback_period=period, source_platform=platform)
                for period in PERIODS
                for platform in (None, *SOURCE_PLATFORMS)
            ]
            return [await asyncio.to_thread(each.of, ACCOUNT) for each in scores], proxy

    answers, proxy = asyncio.run(run())

    assert all(isinstance(answer, Scored) for answer in answers)
    assert (proxy.requests, proxy.violations) == (20, [])


def test_the_choices_are_the_described_ones() -> None:
    assert set(PERIODS) == set(SCHEMAS["LookbackPeriodOptions"]["enum"])
    assert set(SOURCE_PLATFORMS) == set(SCHEMAS["SourcePlatformOptions"]["enum"])


def test_tokens_are_asked_for_and_given_as_described() -> None:
    async def run() -> tuple[object, object, DescriptionProxy]:
        async with Emulator(Settings()) as api, DescriptionProxy(api.base_url) as proxy:
            oauth = OAuth.model_validate({"app_id": "1234567", "app_secret": "made-up+/= &x"})
            settings = Pinterest(base_url=proxy.base_url, oauth=oauth)
            granted = await asyncio.to_thread(token_requests(settings, timeout_s=5), "pinr_made-up+/= &x")
            assert isinstance(granted, Granted)

            made = await asyncio.to_thread(request_conversion_token, settings, granted.access_token, timeout_s=5)

            return granted, made, proxy

    _, made, proxy = asyncio.run(run())

    assert isinstance(made, ConversionToken)
    assert (proxy.requests, proxy.violations) == (2, [])
    assert proxy.answers == {200: 2}
