"""Pinterest's own Python SDK understands the emulator: what the SDK sends is taken, what it is answered it can read.

The SDK was made from an older description (5.14.0) and is no judge of newer fields; it has no call for the quality
score or for conversion tokens.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from consumer.emulator import Emulator, Settings
from tests.unit.emulator.builders import ACCOUNT, NOW_S, event_of, hashed

PROGRAM = Path(__file__).with_name("pinterest_sdk_client.py")
WITHIN_S = 60
TOKEN = {"access_token": "good"}
APP = {"app_id": "1234567", "app_secret": "app-secret"}
PROCESSED = {"status": "processed", "error_message": "", "warning_message": ""}
Json = dict[str, Any]

FULL = event_of(
    "A-1",
    event_source_url="https://shop.example/thanks",
    partner_name="ss-example",
    opt_out=False,
    language="en",
    user_data={
        "em": [hashed("ada@example.com")],
        "external_id": [hashed("customer-7")],
        "client_ip_address": "203.0.113.7",
        "client_user_agent": "Mozilla/5.0",
        "click_id": "dj0yJnU9",
    },
    custom_data={
        "currency": "EUR",
        "value": "72.39",
        "order_id": "A-1",
        "content_ids": ["P-1"],
        "contents": [{"id": "P-1", "item_price": "24.13", "quantity": 3}],
        "num_items": 3,
    },
)


class Stage:
    """An emulator that checks tokens, started anew for each call, and the SDK beside it."""

    def __init__(self, runner: asyncio.Runner, empty: Path) -> None:
        self.record = empty / "accepted.jsonl"
        self._runner = runner
        self._working_directory = empty / "nothing" / "here"  # the SDK searches its parent and all below
        self._working_directory.mkdir(parents=True)

    def ask_sdk(self, *events: Json, credentials: Json = TOKEN, test: bool = False) -> Json:
        return self._runner.run(
            self._ask({"ad_account_id": ACCOUNT, "events": events, "credentials": credentials, "test": test})
        )

    async def _ask(self, asked: Json) -> Json:
        settings = Settings(
            record=self.record,
            wall_s=lambda: float(NOW_S),
            tokens=frozenset(TOKEN.values()),
            oauth_app=":".join(APP.values()),
            refresh_token="pinr_first",
        )
        async with Emulator(settings) as emulator:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-I", str(PROGRAM)),
                cwd=self._working_directory,
                env={
                    **{name: value for name, value in os.environ.items() if not name.startswith("PINTEREST_")},
                    "PINTEREST_API_URI": emulator.base_url,
                },
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )
            try:
                async with asyncio.timeout(WITHIN_S):
                    told, complaints = await process.communicate(json.dumps(asked).encode())
            finally:
                if process.returncode is None:
                    process.kill()
                    await process.wait()
        assert process.returncode == 0, complaints.decode()
        answer: Json = json.loads(told)
        return answer

    def recorded(self) -> list[Json]:
        return [json.loads(line) for line in self.record.read_text().splitlines()]


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with asyncio.Runner() as runner:
        yield Stage(runner, tmp_path)


def test_reads_a_success_and_what_it_sent_is_taken_whole(stage: Stage) -> None:
    answer = stage.ask_sdk(FULL, event_of("A-2"))

    assert answer == {
        "understood": {"num_events_received": 2, "num_events_processed": 2, "events": [PROCESSED, PROCESSED]}
    }
    sent = stage.recorded()[0]["event"]
    assert {key: value for key, value in sent.items() if value is not None} == FULL


def test_reads_which_event_failed(stage: Stage) -> None:
    answer = stage.ask_sdk(event_of("A-1"), event_of("A-2", user_data={"em": ["not-a-hash"]}))

    assert (answer["raised"], answer["status"]) == ("ApiException", 422)
    details = json.loads(answer["body"])["details"]
    assert [event["status"] for event in details["events"]] == ["processed", "failed"]
    assert len(stage.recorded()) == 1


@pytest.mark.parametrize(
    ("events", "credentials", "raised", "error"),
    [
        pytest.param(
            [event_of(custom_data={"category_name": "shoes"})],
            TOKEN,
            ("ApiException", 400),
            {
                "code": 4196,
                "message": "Invalid request: Additional properties are not allowed ('category_name' was unexpected)",
            },
            id="unknown key",
        ),
        pytest.param(
            [event_of()],
            {"access_token": "stale"},
            ("UnauthorizedException", 401),
            {"code": 2, "message": "Authentication failed."},
            id="unknown token",
        ),
    ],
)
def test_reads_a_refusal(
    stage: Stage, events: list[Json], credentials: Json, raised: tuple[str, int], error: Json
) -> None:
    answer = stage.ask_sdk(*events, credentials=credentials)

    assert (answer["raised"], answer["status"]) == raised
    assert json.loads(answer["body"]) == error


def test_the_switch_for_tests_is_understood(stage: Stage) -> None:
    assert "understood" in stage.ask_sdk(event_of(), test=True)

    assert [line["test"] for line in stage.recorded()] == [True]


def test_refreshes_a_token_and_sends_with_it(stage: Stage) -> None:
    answer = stage.ask_sdk(event_of(), credentials={"refresh_token": "pinr_first", **APP})

    assert answer["understood"]["events"] == [PROCESSED]


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        pytest.param({"refresh_token": "pinr_spent"}, 283, id="refresh token"),
        pytest.param({"app_secret": "wrong"}, 2, id="credentials"),
    ],
)
def test_reads_why_a_token_is_not_refreshed(stage: Stage, wrong: Json, code: int) -> None:
    answer = stage.ask_sdk(event_of(), credentials={"refresh_token": "pinr_first", **APP, **wrong})

    assert (answer["raised"], answer["status"]) == ("SdkException", 401)
    assert json.loads(answer["body"])["code"] == code
    assert not stage.recorded()
