"""What `conversions run` refuses before it connects to anything."""

from __future__ import annotations

import pytest

from consumer.cli import main

ENOUGH = {
    "CONVERSIONS_KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:9",
    "CONVERSIONS_SCHEMA_REGISTRY__URL": "http://127.0.0.1:9",
    "CONVERSIONS_DEDUP__BROWSER_TAG": "absent",
    "CONVERSIONS_ROUTING__DEFAULT_AD_ACCOUNT_ID": "549000000001",
}


@pytest.mark.parametrize(
    ("missing", "told"),
    [
        ("CONVERSIONS_DEDUP__BROWSER_TAG", "dedup.browser_tag: say whether"),
        ("CONVERSIONS_ROUTING__DEFAULT_AD_ACCOUNT_ID", "routing: no record could find an ad account"),
    ],
)
def test_what_must_be_said_first_is_asked_for(
    missing: str, told: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def never(_: object) -> int:
        raise AssertionError("it was run all the same")

    monkeypatch.setattr("consumer.app.run", never)
    for name, value in ENOUGH.items():
        if name != missing:
            monkeypatch.setenv(name, value)

    with pytest.raises(SystemExit) as left:
        main(["run"])

    assert left.value.code == 2
    said = capsys.readouterr().err
    assert told in said
    assert said.count("conversions:") == 1


def test_with_both_said_it_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("consumer.app.run", lambda _: 0)
    monkeypatch.setattr("consumer.cli.run.configure_logs", lambda *_: None)  # for the whole process, others' tests too
    for name, value in ENOUGH.items():
        monkeypatch.setenv(name, value)

    with pytest.raises(SystemExit) as left:
        main(["run"])

    assert left.value.code == 0
