"""The examples of the emulator's README do what it says of them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

import consumer.emulator
from consumer.emulator.faults import _EFFECTS
from tests.unit.emulator.builders import Rig, event_of

README = (Path(consumer.emulator.__file__).parent / "README.md").read_text()
EXAMPLES = re.findall(r"```json\n(.*?)\n```\n> ([^\n]+)", README, re.DOTALL)


def struck(rig: Rig) -> str:
    """Send the three events once and say what became of them, in the words of the README."""
    before = (len(rig.recorded()), sum(rig.time.slept))
    try:
        answer = rig.post(event_of("A-1"), event_of("A-2"), event_of("A-3"))
    except httpx.RemoteProtocolError:
        came_back = "no answer"
    else:
        came_back = f"{answer.status_code}{how_large(answer)}{how_readable(answer)}"
    waited_s = sum(rig.time.slept) - before[1]
    after = f" after {waited_s:g} s" if waited_s else ""
    return f"{came_back}{after}, {len(rig.recorded()) - before[0]} accepted"


def how_large(answer: httpx.Response) -> str:
    mib = len(answer.content) // (1024 * 1024)
    return f" of {mib} MiB" if mib else ""


def how_readable(answer: httpx.Response) -> str:
    try:
        body = answer.json()
    except json.JSONDecodeError:
        return " page" if answer.headers["Content-Type"] == "text/html" else " unreadable"
    report = body.get("details", body)
    return " one short" if "events" in report and len(report["events"]) == 2 else ""


@pytest.mark.parametrize(("faults", "outcome"), EXAMPLES)
def test_each_example_strikes_as_described(rig_with: Callable[..., Rig], faults: str, outcome: str) -> None:
    rig = rig_with()
    rig.emulator.set_faults(json.loads(faults))

    assert f"{struck(rig)}; {struck(rig)}" == outcome


def test_every_kind_has_an_example() -> None:
    shown = {fault["kind"] for faults, _ in EXAMPLES for fault in json.loads(faults)}

    assert shown == set(_EFFECTS)
    assert README.count("```json") == len(EXAMPLES)
