"""What decides the mapping changes its digest, and nothing else does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from consumer.config import Config
from consumer.errors import ConfigError
from consumer.mapping import digest
from consumer.mapping.digest import mapping_digest
from tests.unit.mapping.foreign import MAPPING, write_mapping

SECTIONS: dict[str, Any] = {
    "kafka": {"bootstrap_servers": "127.0.0.1:9092"},
    "schema_registry": {"url": "http://127.0.0.1:8081"},
    "dedup": {"browser_tag": "absent"},
    "routing": {"table": {"merchant-1": "549755885175"}, "accounts": ["549755885176", "549755885177"]},
}


def digest_with(**sections: Any) -> str:
    return mapping_digest(Config.model_validate(SECTIONS | sections))


@pytest.mark.parametrize(
    "sections",
    [
        pytest.param({"events": {"value_basis": "gross"}}, id="events"),
        pytest.param({"privacy": {"denied": "opt_out"}}, id="privacy"),
        pytest.param({"routing": {"table": {"merchant-1": "549755885176"}}}, id="routing"),
        pytest.param({"dedup": {"browser_tag": "present"}}, id="dedup"),
        pytest.param({"topics": {"orders": {"mapping": "visit"}}}, id="the mapping of a topic"),
    ],
)
def test_a_setting_that_shapes_events_changes_it(sections: dict[str, Any]) -> None:
    assert digest_with(**sections) != digest_with()


@pytest.mark.parametrize(
    "sections",
    [
        pytest.param({"kafka": {"bootstrap_servers": "127.0.0.1:9093"}}, id="brokers"),
        pytest.param({"batch": {"max_events": 5}}, id="batches"),
        pytest.param({"pinterest": {"access_token": "a-token"}}, id="token"),
        pytest.param(
            {"routing": {**SECTIONS["routing"], "accounts": ["549755885177", "549755885176"]}}, id="another order"
        ),
        pytest.param({"privacy": {"suppress_file": "/etc/suppressed.txt"}}, id="where the suppression list is"),
        pytest.param({"events": {"value_basis": "net"}}, id="a default that is said"),
    ],
)
def test_what_shapes_no_event_leaves_it_alone(sections: dict[str, Any]) -> None:
    assert digest_with(**sections) == digest_with()


def test_a_mapping_file_changes_it_by_its_content(tmp_path: Path) -> None:
    topics = {"orders": {"mapping": str(write_mapping(tmp_path))}}
    before, again = digest_with(topics=topics), digest_with(topics=topics)

    write_mapping(tmp_path, MAPPING.replace("acme:", "shop:"))

    assert before == again != digest_with(topics=topics)


def test_what_is_skipped_changes_it() -> None:
    of_several: dict[str, Any] = {"records": {"com.acme.OrderPlaced": "order"}}

    assert digest_with(topics={"bus": of_several}) != digest_with(topics={"bus": of_several | {"other": "skip"}})


def test_a_mapping_file_that_is_gone_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        digest_with(topics={"orders": {"mapping": str(tmp_path / "none.yaml")}})


def test_another_release_changes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    before = digest_with()

    monkeypatch.setattr(digest, "__version__", "99.0.0")

    assert digest_with() != before


def test_it_is_short_and_the_same_in_every_process() -> None:
    assert digest_with(dedup={"browser_tag": "present"}) == digest_with(dedup={"browser_tag": "present"})
    assert len(digest_with()) == 16
    assert set(digest_with()) <= set("0123456789abcdef")
