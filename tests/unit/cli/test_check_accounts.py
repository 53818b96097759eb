"""What the check says of an ad account, by what the API answers."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from consumer.cli.check_accounts import account_findings
from consumer.cli.findings import Grade
from consumer.config import Config
from consumer.emulator import Emulator, Settings

GOOD, FORBIDDEN = "549700000001", "549700000002"


@contextmanager
def an_emulator(settings: Settings) -> Iterator[str]:
    """Runs on a loop of its own, as the check has one as well."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    emulator = Emulator(settings)
    try:
        asyncio.run_coroutine_threadsafe(emulator.__aenter__(), loop).result(10)
        yield emulator.base_url
        asyncio.run_coroutine_threadsafe(emulator.__aexit__(None, None, None), loop).result(10)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def a_config(base_url: str, token: str = "a-good-token") -> Config:
    return Config.model_validate(
        {
            "kafka": {"bootstrap_servers": "127.0.0.1:9"},
            "schema_registry": {"url": "http://127.0.0.1:9"},
            "pinterest": {"base_url": base_url, "access_token": token},
            "routing": {"table": {"merchant-1": GOOD, "merchant-2": FORBIDDEN, "merchant-3": "none"}},
        }
    )


def test_each_account_is_asked_and_nothing_is_recorded(tmp_path: Path) -> None:
    record = tmp_path / "record.jsonl"
    with an_emulator(Settings(forbidden=frozenset({FORBIDDEN}), record=record)) as base_url:
        findings = account_findings(a_config(base_url))

    assert [finding.grade for finding in findings] == [Grade.OK, Grade.FAIL]
    assert GOOD in findings[0].text
    assert "role on this account" in findings[1].text
    assert [line.count('"test":true') for line in record.read_text().splitlines()] == [1]


def test_a_wrong_token_fails_and_is_not_repeated() -> None:
    with an_emulator(Settings(tokens=frozenset({"another-token"}))) as base_url:
        findings = account_findings(a_config(base_url, token="a-secret-token"))

    assert [finding.grade for finding in findings] == [Grade.FAIL, Grade.FAIL]
    assert "a-secret-token" not in "".join(finding.text for finding in findings)
    assert "Ads Manager" in findings[0].text


def test_an_api_that_cannot_be_reached_fails() -> None:
    findings = account_findings(a_config("http://127.0.0.1:9/v5"))

    assert {finding.grade for finding in findings} == {Grade.FAIL}
    assert "pinterest.base_url" in findings[0].text
