"""`conversions check`: what it finds, what it prints, and how it ends."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from consumer.cli import main
from consumer.cli.check_connections import (
    connection_findings,
    judge_keeping,
    judge_memory,
    judge_originals,
    judge_retention,
)
from consumer.cli.check_settings import settings_findings
from consumer.cli.findings import Finding, Grade
from consumer.config import Config
from consumer.demo.registry import EmbeddedRegistry
from tests.harness.cluster import EmbeddedCluster

SOUND: dict[str, Any] = {
    "kafka": {"bootstrap_servers": "localhost:9092"},
    "schema_registry": {"url": "http://localhost:8081"},
    "pinterest": {"access_token": "pina_x"},
    "dedup": {"browser_tag": "absent"},
    "routing": {"default_ad_account_id": "549755885175"},
}

SOUND_FILE = """\
kafka: {bootstrap_servers: "localhost:9092", group_id: shop}
schema_registry: {url: "http://localhost:8081"}
pinterest: {access_token: pina_x}
dedup: {browser_tag: absent}
routing: {default_ad_account_id: 549755885175}
"""


def found(environ: dict[str, str] | None = None, **sections: Any) -> list[Finding]:
    return settings_findings(Config.model_validate(SOUND | sections), environ or {})


def failures(**sections: Any) -> list[Finding]:
    return [finding for finding in found(**sections) if finding.grade is Grade.FAIL]


def warnings(environ: dict[str, str] | None = None, **sections: Any) -> list[Finding]:
    return [finding for finding in found(environ, **sections) if finding.grade is Grade.WARN]


def test_a_sound_configuration_has_nothing_against_it() -> None:
    assert {finding.grade for finding in found()} == {Grade.OK}


def test_what_the_first_run_needs_is_told_at_once() -> None:
    assert {finding.about for finding in failures(dedup={}, routing={}, pinterest={})} == {
        "dedup",
        "routing",
        "tokens",
    }


@pytest.mark.parametrize(
    "routing",
    [
        {"table": {"m-1": "549755885175"}},
        {"default_ad_account_id": "549755885175"},
        {"accounts": ["549755885175"]},
    ],
)
def test_any_way_to_an_account_will_do(routing: dict[str, Any]) -> None:
    assert failures(routing=routing) == []


def test_settings_of_an_account_that_nothing_goes_to_are_warned_of() -> None:
    """One digit wrong, and the account that was meant has no cut-over window."""
    accounts = {"549755885175": {"mode": "live"}, "549755885157": {"active_from": "2026-11-01T00:00:00Z"}}

    (warning,) = warnings(ad_accounts=accounts)

    assert warning.about == "routing"
    assert warning.text.startswith("ad_accounts.549755885157: ")


def test_a_table_without_an_account_is_no_way() -> None:
    assert [finding.about for finding in failures(routing={"table": {"m-1": "none"}})] == ["routing"]


# --- tokens ------------------------------------------------------------------------------------------------------


@pytest.fixture
def tokens(tmp_path: Path) -> Path:
    directory = tmp_path / "tokens"
    directory.mkdir()
    return directory


TWO_ACCOUNTS = {"table": {"m-1": "1001", "m-2": "1002", "m-3": "none"}}


def test_every_routed_account_needs_its_token(tokens: Path) -> None:
    (tokens / "1001").write_text("pina_x\n")

    (failure,) = failures(pinterest={"tokens_dir": tokens}, routing=TWO_ACCOUNTS)

    assert f"{tokens / '1002'} is missing" in failure.text


def test_a_shared_token_stands_in_for_missing_ones(tokens: Path) -> None:
    settings: dict[str, Any] = {"pinterest": {"tokens_dir": tokens, "access_token": "pina_x"}, "routing": TWO_ACCOUNTS}

    assert failures(**settings) == []
    assert len(warnings(**settings)) == 2


def test_one_file_for_all_and_the_tokens_of_oauth_are_looked_at_as_well(tmp_path: Path) -> None:
    file, directory = tmp_path / "token", tmp_path / "oauth"
    directory.mkdir()

    missing = [
        *failures(pinterest={"access_token_file": file}),
        *failures(pinterest={"oauth": {"directory": directory}}),
    ]
    for path in (file, directory / "access_token"):
        path.write_text("pina_x")

    assert [failure.about for failure in missing] == ["tokens", "tokens"]
    assert "conversions token refresh" in missing[1].text
    assert (
        failures(pinterest={"access_token_file": file}) == failures(pinterest={"oauth": {"directory": directory}}) == []
    )


@pytest.mark.parametrize("content", [b"", b" \n", b"pina_x pina_y", b"pina_x\npina_y", b"\xff", "pïna".encode()])
def test_a_file_that_holds_no_token_fails(content: bytes, tokens: Path) -> None:
    (tokens / "549755885175").write_bytes(content)

    (failure,) = failures(pinterest={"tokens_dir": tokens})

    assert failure.about == "tokens"
    assert "pina" not in failure.text


def test_a_file_that_may_not_be_read_is_told_with_a_hint(tokens: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    really = Path.read_text

    def refuse(path: Path, encoding: str) -> str:
        if path.parent == tokens:
            raise PermissionError  # as root every file can be read
        return really(path, encoding)

    monkeypatch.setattr(Path, "read_text", refuse)

    (failure,) = failures(pinterest={"tokens_dir": tokens})

    assert "fsGroup" in failure.text


# --- the rest of the settings --------------------------------------------------------------------------------------


def test_a_certificate_that_is_not_there_fails(tmp_path: Path) -> None:
    registry = {"url": "https://registry.example.com", "ssl_ca_file": tmp_path / "ca.pem"}

    (failure,) = failures(schema_registry=registry)

    assert "schema_registry.ssl_ca_file" in failure.text


def test_a_schema_that_cannot_be_used_fails(tmp_path: Path) -> None:
    (tmp_path / "order.avsc").write_text("{")
    topic = {"mapping": "order", "wire_format": "avro", "schema_file": tmp_path / "order.avsc"}

    (failure,) = failures(topics={"orders": topic})

    assert "topics.orders.schema_file" in failure.text


@pytest.mark.parametrize(
    ("sections", "about"),
    [
        ({"pinterest": {"access_token": "pina_x", "base_url": "http://api.example.com"}}, "pinterest"),
        ({"pinterest": {"access_token": "pina_x", "test": True}}, "pinterest"),
        ({"kafka": SOUND["kafka"] | {"assignment_strategy": "range"}}, "kafka"),
        ({"kafka": SOUND["kafka"] | {"properties": {"enable.ssl.certificate.verification": "False"}}}, "kafka"),
    ],
)
def test_what_is_seldom_meant_is_warned_of(sections: dict[str, Any], about: str) -> None:
    assert [finding.about for finding in warnings(**sections)] == [about]


def test_the_emulator_on_this_machine_needs_no_https() -> None:
    assert warnings(pinterest={"access_token": "x", "base_url": "http://127.0.0.1:8099/v5"}) == []


def test_a_name_that_lacks_an_underscore_is_warned_of() -> None:
    (warning,) = warnings({"CONVERSIONS_KAFKA_GROUP_ID": "x", "CONVERSIONS_SERVICE_HOST": "10.0.0.1"})

    assert "did you mean CONVERSIONS_KAFKA__GROUP_ID?" in warning.text


# --- the command -------------------------------------------------------------------------------------------------


@pytest.fixture
def ends_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Runs the command on a file of this text, and gives its exit code."""
    for name in ("CONVERSIONS_CONFIG", "CONVERSIONS_KAFKA__BOOTSTRAP_SERVERS"):
        monkeypatch.delenv(name, raising=False)

    def run(text: str, *options: str) -> Any:
        file = tmp_path / "config.yaml"
        file.write_text(text)
        with pytest.raises(SystemExit) as end:
            main(["check", "--config", str(file), *options])
        return end.value.code

    return run


def test_it_prints_what_is_in_effect_without_secrets(
    ends_with: Callable[..., Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert ends_with(SOUND_FILE) == 0

    printed = capsys.readouterr().out
    assert "group_id: shop" in printed
    assert "max_in_flight: 8" in printed
    assert "pina_x" not in printed
    assert "0 failed" in printed


def test_a_failed_check_ends_with_1(ends_with: Callable[..., Any], capsys: pytest.CaptureFixture[str]) -> None:
    assert ends_with(SOUND_FILE.replace("dedup: {browser_tag: absent}", "")) == 1

    assert "FAIL  dedup" in capsys.readouterr().out


def test_a_configuration_that_cannot_be_read_ends_with_2(
    ends_with: Callable[..., Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert ends_with("kafka: {grup_id: x}\n") == 2

    complaint = capsys.readouterr().err
    assert "did you mean kafka.group_id?" in complaint
    assert "kafka.bootstrap_servers is needed" in complaint
    assert "Traceback" not in complaint


def test_with_connectivity_brokers_out_of_reach_fail(
    ends_with: Callable[..., Any], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def short(config: Config) -> list[Finding]:
        return connection_findings(config, timeout_s=0.2)

    monkeypatch.setattr("consumer.cli.check_connections.connection_findings", short)
    monkeypatch.setattr("consumer.cli.check.configure_logs", lambda *_: None)
    text = SOUND_FILE.replace("localhost:9092", "127.0.0.1:1").replace("http://localhost:8081", "http://127.0.0.1:1")

    assert ends_with(text, "--connectivity") == 1

    printed = capsys.readouterr().out
    assert "FAIL  brokers" in printed
    assert "FAIL  registry" in printed


# --- connections -------------------------------------------------------------------------------------------------


def connected(embedded: EmbeddedCluster, **changes: Any) -> dict[str, list[Finding]]:
    sections = SOUND | {
        "kafka": {"bootstrap_servers": embedded.bootstrap_servers},
        "topics": {"orders": {"mapping": "order", "wire_format": "avro", "schema_file": "order.avsc"}},
        "schema_registry": {},
        **changes,
    }
    by_subject: dict[str, list[Finding]] = {}
    for finding in connection_findings(Config.model_validate(sections), timeout_s=0.5):
        by_subject.setdefault(finding.about, []).append(finding)
    return by_subject


def test_topics_that_do_not_exist_fail_and_none_is_made(embedded: EmbeddedCluster) -> None:
    first, second = connected(embedded), connected(embedded)

    assert [finding.grade for finding in first["topics"]] == [Grade.FAIL, Grade.FAIL]
    assert first["topics"] == second["topics"]


def test_each_registry_that_is_configured_is_asked(embedded: EmbeddedCluster) -> None:
    with EmbeddedRegistry() as registry:
        urls = {"url": f"{registry.url}/nowhere", "apicurio_url": f"{registry.url}/apis/registry/v3"}
        findings = connected(embedded, schema_registry=urls)["registry"]

    assert [(finding.grade, finding.text.partition(":")[0]) for finding in findings] == [
        (Grade.FAIL, "schema_registry.url"),
        (Grade.OK, "schema_registry.apicurio_url"),
    ]


def test_topics_that_exist_are_ok(embedded: EmbeddedCluster) -> None:
    embedded.broker.create_topic("orders", 3)
    embedded.broker.create_topic("pinterest-conversions.dead-letter", 1)

    findings = connected(embedded)

    assert [(finding.grade, finding.text) for finding in findings["topics"]] == [
        (Grade.OK, "orders exists, 3 partitions"),
        (Grade.OK, "pinterest-conversions.dead-letter exists, 1 partition"),
    ]
    # The embedded broker answers neither question: that is no failure of the operator's.
    assert [finding.grade for finding in (*findings["retention"], *findings["group"])] == [Grade.WARN, Grade.WARN]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        pytest.param({"cleanup.policy": "delete", "retention.ms": "604800000"}, ["keeps letters 7 days"], id="sound"),
        pytest.param({"cleanup.policy": "delete", "retention.ms": "-1"}, ["for ever"], id="endless"),
        pytest.param({"cleanup.policy": "compact,delete", "retention.ms": "1000"}, ["compacted"], id="compacted"),
        pytest.param({"cleanup.policy": "compact", "retention.ms": "-1"}, ["compacted", "for ever"], id="both"),
        pytest.param({"retention.ms": "1209600000"}, ["14 days, past the 7"], id="longer than they can be sent"),
    ],
)
def test_a_dead_letter_topic_keeps_what_can_be_sent_and_no_longer(settings: dict[str, str], words: list[str]) -> None:
    findings = list(judge_retention("letters", settings, 7 * 86_400))

    assert len(findings) == len(words)
    assert all(word in finding.text for word, finding in zip(words, findings, strict=True))
    assert [finding.grade for finding in findings] == (
        [Grade.OK] if words == ["keeps letters 7 days"] else [Grade.WARN] * len(words)
    )


def test_the_receipts_topic_is_asked_about_where_receipts_are_written(embedded: EmbeddedCluster) -> None:
    cases: dict[str, dict[str, Any]] = {
        "off": {},
        "on": {"receipts": {"enabled": True}},
        "test": {"receipts": {"enabled": True}, "pinterest": {"access_token": "pina_x", "test": True}},
    }

    named = {
        name: [finding for finding in connected(embedded, **changes)["topics"] if "receipts" in finding.text]
        for name, changes in cases.items()
    }

    assert (named["off"], named["test"]) == ([], [])
    (missing,) = named["on"]
    assert missing.grade is Grade.FAIL
    assert "pinterest-conversions.receipts does not exist" in missing.text
    assert "receipts go there" in missing.text


def test_a_receipts_topic_that_exists_is_ok(embedded: EmbeddedCluster) -> None:
    embedded.broker.create_topic("audit", 2)

    findings = connected(embedded, receipts={"enabled": True, "topic": "audit"})

    assert "audit exists, 2 partitions" in [finding.text for finding in findings["topics"]]
    # What the embedded broker does not answer is no failure of the operator's.
    assert [finding.grade for finding in findings["receipts"]] == [Grade.WARN]


@pytest.mark.parametrize(
    ("settings", "grade", "words"),
    [
        pytest.param(
            {"cleanup.policy": "compact,delete", "retention.ms": "34560000000"},
            Grade.OK,
            "compacted and keeps receipts 400 days",
            id="sound",
        ),
        pytest.param({"cleanup.policy": "delete", "retention.ms": "1000"}, Grade.WARN, "not compacted", id="deleted"),
        pytest.param({"retention.ms": "1000"}, Grade.WARN, "not compacted", id="as by default"),
        pytest.param({"cleanup.policy": "compact"}, Grade.WARN, "for ever", id="compacted alone"),
        pytest.param(
            {"cleanup.policy": "compact,delete", "retention.ms": "-1"}, Grade.WARN, "for ever", id="kept for ever"
        ),
    ],
)
def test_a_receipts_topic_is_compacted_and_ends_some_day(settings: dict[str, str], grade: Grade, words: str) -> None:
    (finding,) = judge_keeping("audit", settings)

    assert finding.grade is grade
    assert words in finding.text


@pytest.mark.parametrize(
    ("replays_ms", "letters_ms", "is_warned_of"),
    [
        pytest.param(1_000, 1_000, False, id="equal"),
        pytest.param(1_000, 1_001, True, id="shorter"),
        pytest.param(1_000, -1, True, id="letters for ever"),
        pytest.param(-1, -1, False, id="both for ever"),
        pytest.param(-1, 1_000, False, id="replays for ever"),
        pytest.param(None, 1_000, False, id="not told"),
        pytest.param(1_000, None, False, id="not told of the letters"),
    ],
)
def test_a_replay_topic_must_not_forget_before_the_letters_are_gone(
    replays_ms: int | None, letters_ms: int | None, *, is_warned_of: bool
) -> None:
    findings = list(judge_memory("replays", {"letters": letters_ms, "replays": replays_ms}))

    assert [finding.grade for finding in findings] == [Grade.WARN] * is_warned_of


@pytest.mark.parametrize(
    ("settings", "letters_ms", "words"),
    [
        pytest.param({"retention.ms": "1000"}, 1_000, [], id="equal"),
        pytest.param({"retention.ms": "999"}, 1_000, ["less long than letters"], id="shorter"),
        pytest.param({"retention.ms": "999"}, None, [], id="not told of the letters"),
        pytest.param({"retention.ms": "-1"}, -1, [], id="both for ever"),
        pytest.param({"cleanup.policy": "compact", "retention.ms": "1"}, 1_000, ["is compacted"], id="compacted"),
    ],
)
def test_what_letters_refer_to_stands_as_long_as_they_do(
    settings: dict[str, str], letters_ms: int | None, words: list[str]
) -> None:
    findings = list(judge_originals("orders", settings, "letters", letters_ms))

    assert [finding.grade for finding in findings] == [Grade.WARN] * len(words)
    assert all(word in finding.text for word, finding in zip(words, findings, strict=True))


def test_sources_are_asked_how_long_they_keep_where_letters_only_refer_to_them(embedded: EmbeddedCluster) -> None:
    embedded.broker.create_topic("orders", 1)

    whole, referring = connected(embedded), connected(embedded, dead_letters={"payload": "reference"})

    # The embedded broker does not answer, which is told.
    assert "retention" not in whole
    assert [finding.grade for finding in referring["retention"]] == [Grade.WARN]
    assert "orders" in referring["retention"][0].text


def test_a_replay_topic_is_asked_about_only_where_there_is_one(embedded: EmbeddedCluster) -> None:
    without = connected(embedded)
    embedded.broker.create_topic("pinterest-conversions.replay", 1)

    findings = connected(embedded)

    assert not any("replay" in finding.text for finding in without["topics"])
    assert (Grade.OK, "pinterest-conversions.replay exists, 1 partition") in [
        (finding.grade, finding.text) for finding in findings["topics"]
    ]
