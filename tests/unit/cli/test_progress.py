"""Whoever waits at a terminal sees a bar; the items come through either way."""

from __future__ import annotations

import pytest

from consumer.cli.progress import shown


def test_at_a_terminal_a_bar_is_drawn_on_standard_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")  # by which rich takes any stream for a terminal

    items = list(shown(range(100), 100, "reading"))

    printed = capsys.readouterr()
    assert items == list(range(100))
    assert "reading" in printed.err
    assert printed.out == ""


def test_elsewhere_nothing_is_written(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv("FORCE_COLOR", raising=False)

    items = list(shown(range(100), 100, "reading"))

    assert items == list(range(100))
    assert capsys.readouterr() == ("", "")
