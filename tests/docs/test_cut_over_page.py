"""What docs/cut-over.md shows can be configured so, and does what it says."""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, get_args

import pytest

from consumer.config import AdAccount, Config
from consumer.config_sources import load_config
from consumer.mapping.cutover import windows_of
from consumer.records import Decoded, Mapped, Skipped, SkipReason
from consumer.stages.mapper import Mapper
from tests.docs.pages import ROOT, fenced_anywhere, names_in, section, table

TEXT = (ROOT / "docs" / "cut-over.md").read_text(encoding="utf-8")
EXAMPLES = [content for language, content in fenced_anywhere(TEXT) if language == "yaml"]


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("CONVERSIONS_")]:
        monkeypatch.delenv(name)


def loaded(example: str, folder: Path) -> Config:
    (folder / "config.yaml").write_text(example)
    return load_config(folder / "config.yaml", offline=True)


def outcome_at(config: Config, moment: datetime, account: str) -> Any:
    order = {
        "event_id": "msg-1",
        "occurred_at": moment,
        "merchant_id": "merchant-1",
        "ad_account_id": account,
        "order_id": "A-1001",
        "status": "PLACED",
        "customer": {"emails": ["anna.meyer@example.com"]},
        "consent": {"advertising": "GRANTED"},
    }
    return Mapper(config).map("orders", Decoded("any", order), [], moment.timestamp() + 1)


@pytest.mark.parametrize("example", EXAMPLES, ids=range(len(EXAMPLES)))
def test_every_example_can_be_configured(example: str, tmp_path: Path) -> None:
    config = loaded(example, tmp_path)

    assert config.ad_accounts


def test_there_are_as_many_examples_as_are_shown() -> None:
    assert len(EXAMPLES) == TEXT.count("```yaml") == 6


def test_of_the_window_shown_the_first_instant_is_in_and_the_last_is_not(tmp_path: Path) -> None:
    config = loaded(EXAMPLES[0], tmp_path)
    (account,) = config.ad_accounts
    listed = config.model_copy(update={"routing": config.routing.model_copy(update={"accounts": [account]})})
    window = config.ad_accounts[account]
    assert window.active_from is not None
    assert window.active_until is not None
    moments = [window.active_from, window.active_until - timedelta(milliseconds=1)]
    outside = [window.active_from - timedelta(milliseconds=1), window.active_until]

    assert all(isinstance(outcome_at(listed, moment, account), Mapped) for moment in moments)
    assert [outcome_at(listed, moment, account) for moment in outside] == [Skipped(SkipReason.OUTSIDE_CUTOVER)] * 2


def test_leaving_another_integration_is_a_hold_and_then_a_window(tmp_path: Path) -> None:
    first, second = (content for language, content in fenced_anywhere(section(TEXT, "Leaving another integration")))
    held, live = loaded(first, tmp_path), loaded(second, tmp_path)

    assert held.accounts_on_hold == live.ad_accounts.keys()
    assert not live.accounts_on_hold
    assert windows_of(live.ad_accounts).keys() == held.accounts_on_hold
    assert not windows_of(held.ad_accounts)


def test_every_mode_is_told() -> None:
    modes = get_args(AdAccount.model_fields["mode"].annotation)

    assert [names_in(row["Mode"])[0] for row in table(section(TEXT, "Mode"), "Mode")] == list(modes)
