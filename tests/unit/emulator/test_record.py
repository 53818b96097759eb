"""The file of accepted events."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from consumer.emulator.record import Record
from tests.unit.emulator.builders import ACCOUNT, event_of


def test_lines_are_in_the_file_as_soon_as_they_are_written(tmp_path: Path) -> None:
    path = tmp_path / "made" / "accepted.jsonl"
    record = Record(path)
    record.open()

    record.write(ACCOUNT, record.next_request(), 1.5, [event_of("A-1"), event_of("A-2")], is_test=True)

    assert [json.loads(line) for line in path.read_text().splitlines()] == [
        {"ad_account_id": ACCOUNT, "request": 1, "received_at": 1.5, "test": True, "event": event_of(order_id)}
        for order_id in ("A-1", "A-2")
    ]
    record.close()


def test_a_line_torn_by_a_kill_is_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "accepted.jsonl"
    whole = b'{"ad_account_id":"1","request":7}\n'
    path.write_bytes(whole + b'{"ad_account_id":"1","requ')
    record = Record(path)

    record.open()

    assert path.read_bytes() == whole
    assert record.next_request() == 8
    record.close()


@pytest.mark.parametrize("content", [b"hello\n", b"{}\n", b"[1]\n", b"1\n"])
def test_a_file_of_something_else_is_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "notes.txt"
    path.write_bytes(content)
    record = Record(path)

    with pytest.raises(ValueError, match="no emulator wrote"):
        record.open()

    record.close()
    assert path.read_bytes() == content


def test_without_a_file_requests_are_still_numbered() -> None:
    record = Record(None)
    record.open()

    record.write(ACCOUNT, 1, 0.0, [event_of()], is_test=False)

    assert [record.next_request(), record.next_request()] == [1, 2]
