"""What is ignored in an event that is processed, and told as a warning."""

from __future__ import annotations

import json
from typing import Any

import pytest

from consumer.emulator.ignored import event_warning
from consumer.emulator.rules import event_error, read_events
from tests.unit.emulator.builders import NOW_S, event_of, hashed

EMAIL = hashed("ada@example.com")


def warning_of(event: dict[str, Any]) -> str:
    """The warning of an event that is read and processed."""
    assert read_events(json.dumps({"data": [event]}).encode()) == [event]
    assert event_error(event, NOW_S) == ""
    return event_warning(event)


@pytest.mark.parametrize(
    ("event", "named"),
    [
        pytest.param(event_of(user_data={"em": [EMAIL], "opt_out_type": "LDP"}), "opt_out_type", id="unknown key"),
        pytest.param(event_of(language="en-US"), "language", id="language with a country"),
        pytest.param(event_of(language="EN"), "language", id="language in capitals"),
        pytest.param(event_of(language=""), "language", id="empty language"),
        pytest.param(event_of(event_source_url="shop.example"), "event_source_url", id="no scheme"),
        pytest.param(event_of(event_source_url="https:///path"), "event_source_url", id="no host"),
        pytest.param(event_of(event_source_url="app://shop"), "event_source_url", id="no web page"),
        pytest.param(event_of(event_source_url=""), "event_source_url", id="empty URL"),
        pytest.param(event_of(custom_data={"opt_out_type": "CCPA"}), "opt_out_type", id="another law"),
        pytest.param(event_of(custom_data={"opt_out_type": "LDP,GDPR"}), "opt_out_type", id="another law beside LDP"),
        pytest.param(event_of(custom_data={"opt_out_type": ""}), "opt_out_type", id="empty flag"),
        pytest.param(event_of(app_info={"app_id": "1"}, app_name="Shop"), "app_info", id="app in both forms"),
        pytest.param(event_of(device_info={}, os_version="17"), "device_info", id="device in both forms"),
        pytest.param(event_of(device_info={"languages": ["en", "de-AT"]}), "languages", id="language of the device"),
    ],
)
def test_names_what_is_ignored(event: dict[str, Any], named: str) -> None:
    warning = warning_of(event)

    assert warning.startswith("Ignored")
    assert named in warning
    assert warning.count("Ignored") == 1


@pytest.mark.parametrize(
    "event",
    [
        pytest.param(event_of(), id="nothing odd"),
        pytest.param(event_of(language="en", event_source_url="https://shop.example/a?b=c#d"), id="right values"),
        pytest.param({**event_of(), "language": None, "event_source_url": None}, id="nulls"),
        pytest.param(event_of(custom_data={"opt_out_type": None}), id="null flag"),
        pytest.param(event_of(custom_data={"opt_out_type": "LDP"}), id="the one flag"),
        pytest.param(event_of(app_name="Shop", device_brand="Example"), id="flat form"),
        pytest.param(event_of(app_info={"app_id": "1"}, device_info={"languages": ["en"]}), id="nested form"),
        pytest.param({**event_of(app_info={}), "app_name": None}, id="nested form beside a null"),
        pytest.param(event_of(app_info={}, device_brand="Example"), id="app nested, device flat"),
    ],
)
def test_is_silent_where_all_is_used(event: dict[str, Any]) -> None:
    assert warning_of(event) == ""


def test_tells_all_at_once_and_no_values() -> None:
    warning = warning_of(event_of(language="klingon", event_source_url="ada@example.com"))

    assert warning.count("Ignored") == 2
    assert "klingon" not in warning
    assert "ada" not in warning
