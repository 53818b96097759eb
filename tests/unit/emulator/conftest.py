"""Emulators on free ports, closed after each test."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.unit.emulator.builders import Rig


@pytest.fixture
def rig_with(tmp_path: Path) -> Iterator[Callable[..., Rig]]:
    """Start an emulator with some settings changed."""
    rigs: list[Rig] = []
    with asyncio.Runner() as runner:

        def start(**changes: Any) -> Rig:
            rigs.append(Rig(runner, tmp_path / "accepted.jsonl", changes))
            return rigs[-1]

        yield start
        for rig in rigs:
            rig.close()


@pytest.fixture
def rig(rig_with: Callable[..., Rig]) -> Rig:
    return rig_with()
