"""What Pinterest remarks on accepted events is counted, and told as a sample."""

from __future__ import annotations

from collections import Counter

from structlog.testing import capture_logs

from consumer.remarks import Remarks


def test_every_remark_is_counted_and_one_of_a_field_told_in_ten_minutes() -> None:
    counts: Counter[str] = Counter()
    remarks = Remarks(counts)

    with capture_logs() as lines:
        for now_s in (0.0, 1.0, 599.9, 600.0):
            remarks.note("'currency' is not supported", now_s)
        remarks.note("something new", 601.0)

    assert counts == {"currency": 4, "other": 1}
    assert [(line["field"], line["so_far"], line["log_level"]) for line in lines] == [
        ("currency", 1, "warning"),
        ("currency", 4, "warning"),
        ("other", 1, "warning"),
    ]
    assert lines[0]["detail"] == "'currency' is not supported"
