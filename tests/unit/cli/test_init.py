"""`conversions init`: what it drafts for schemas of many habits passes `check`; what it cannot know is left to do."""

from __future__ import annotations

import json
import os
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

from consumer.cli.check_settings import settings_findings
from consumer.cli.findings import Grade
from consumer.cli.init import command
from consumer.cli.init_mapping import scalar
from consumer.config import Config
from consumer.config_sources import load_config
from consumer.errors import ConfigError
from consumer.mapping.language import MappingFile, read_mapping
from consumer.yaml_file import read_yaml
from tests.unit.mapping.shops import KNOWN, SCHEMAS, a_record, an_array, an_enum, optional

APP = typer.Typer()
APP.command("init")(command)

ACCOUNT = "549700000001"
NOTHING_ELSE = ["--tag", "absent", "--account", ACCOUNT, "--cut-over", "no"]
ANSWERS: dict[str, list[str]] = {
    "commerce": ["--counts-when", "orderStatus=CONFIRMED", "--consent", "adConsent", "--tax-included", "yes"],
    "warehouse": [
        *("--counts-when", "STATUS=paid,shipped", "--consent", "ADS_CONSENT", "--granted", "Y", "--denied", "N"),
        *("--integer-amounts", "major"),
    ],
    "page view": ["--event", "page_visit", "--consent", "consentStatus", "--granted", "YES", "--denied", "NO"],
    "shopify": [
        *("--consent", "note_attributes[name=ad_consent].value", "--granted", "yes,true", "--denied", "no"),
    ],
    "debezium": ["--counts-when", "status=paid", "--consent", "ads_allowed"],
    "order": [
        *("--counts-when", "status=PLACED", "--consent", "consent.advertising"),
        *("--granted", "GRANTED", "--denied", "DENIED"),
    ],
}


@pytest.fixture(autouse=True)
def _settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("CONVERSIONS_")]:
        monkeypatch.delenv(name)


def run(directory: Path, schema: dict[str, Any], *flags: str, typed: str = "") -> Result:
    file = directory / "given" / "shop.avsc"
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(schema), encoding="utf-8")
    return CliRunner().invoke(
        APP, ["--schema", str(file), "--directory", str(directory / "out"), *flags], input=typed or None
    )


def drafted(directory: Path, schema: dict[str, Any], *flags: str) -> Path:
    """Where everything was written, with nobody asked."""
    result = run(directory, schema, "--yes", *flags)
    assert result.exception is None, problems_of(result)
    return directory / "out"


def of_shop(directory: Path, name: str, *flags: str) -> Path:
    said = {flag for flag in flags if flag.startswith("--")}
    pairs = zip(NOTHING_ELSE[::2], NOTHING_ELSE[1::2], strict=True)
    others = [word for flag, value in pairs if flag not in said for word in (flag, value)]
    return drafted(directory, SCHEMAS[name], *ANSWERS[name], *others, *flags)


def problems_of(result: Result) -> list[str]:
    assert isinstance(result.exception, ConfigError), result.exception
    return result.exception.problems


def config_of(directory: Path) -> Config:
    return load_config(directory / "config.yaml", environ={"CONVERSIONS_PINTEREST__ACCESS_TOKEN": "pina_a_token"})


def mapping_of(directory: Path) -> MappingFile:
    return read_mapping(directory / "shop.yaml")


def failures(directory: Path) -> list[str]:
    """Of `conversions check`, without asking anybody."""
    return [each.text for each in settings_findings(config_of(directory), {}) if each.grade is not Grade.OK]


def line_of(file: Path, start: str) -> str:
    return next(line.strip() for line in file.read_text().splitlines() if line.strip().startswith(start))


def example_of(directory: Path) -> dict[str, Any]:
    (example,) = json.loads((directory / "shop.examples.json").read_text(encoding="utf-8"))
    told: dict[str, Any] = example
    return told


# --- what passes -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ANSWERS)
def test_what_is_drafted_passes_the_check(tmp_path: Path, name: str) -> None:
    out = of_shop(tmp_path, name)

    found = settings_findings(config_of(out), {})

    assert [finding.text for finding in found if finding.grade is not Grade.OK] == []
    assert {"mapping shop.yaml", "examples of shop.yaml"} <= {finding.about for finding in found}


@pytest.mark.parametrize("name", KNOWN)
def test_what_was_recognised_is_written(tmp_path: Path, name: str) -> None:
    decided_otherwise = {"routing.merchant_id", "consent.advertising", "event_id.own"}

    written = mapping_of(of_shop(tmp_path, name)).targets

    assert {key for key in KNOWN[name].keys() - decided_otherwise if key not in written} == set()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("commerce", {"event_id": "shop:A-1001:checkout", "custom_data": {"value": "90.00", "num_items": 2}}),
        ("shopify", {"event_id": "shop:1001:checkout", "custom_data": {"value": "90.00", "num_items": 2}}),
        ("order", {"event_id": "merchant-1:A-1001:checkout", "custom_data": {"value": "90.00", "num_items": 2}}),
        ("debezium", {"event_id": "merchant-1:1001:checkout", "custom_data": {"value": "90.00"}}),
        ("warehouse", {"event_id": "merchant-1:1001:checkout", "custom_data": {"value": "90.00"}}),
        ("page view", {"event_id": "00000000-0000-4000-8000-000000001001", "event_name": "page_visit"}),
    ],
)
def test_the_example_says_what_becomes_of_somebody_invented(
    tmp_path: Path, name: str, expected: dict[str, Any]
) -> None:
    event = example_of(of_shop(tmp_path, name))["expect"]["event"]

    assert {key: value for key, value in event.items() if key in expected and key != "custom_data"} | {
        "custom_data": {key: event["custom_data"][key] for key in expected.get("custom_data", {})}
    } == {"custom_data": {}} | expected
    if name != "page view":
        assert event["user_data"] == {"em": ["sha256:ada@example.com"]}


def test_the_schema_is_copied_beside_the_mapping(tmp_path: Path) -> None:
    out = of_shop(tmp_path, "debezium")

    assert json.loads((out / "shop.avsc").read_text()) == SCHEMAS["debezium"]
    assert mapping_of(out).schema == out / "shop.avsc"


def test_a_schema_that_stands_there_is_used_where_it_is(tmp_path: Path) -> None:
    file = tmp_path / "shop.avsc"
    file.write_text(json.dumps(SCHEMAS["debezium"]), encoding="utf-8")
    flags = ["--yes", *NOTHING_ELSE, *ANSWERS["debezium"]]

    result = CliRunner().invoke(APP, ["--schema", str(file), "--directory", str(tmp_path), *flags])

    assert result.exception is None
    assert failures(tmp_path) == []


def test_the_topic_gives_its_name_to_the_files(tmp_path: Path) -> None:
    out = of_shop(tmp_path, "debezium", "--topic", "bus.orders")

    assert sorted(file.name for file in out.iterdir()) == [
        *("bus.orders.examples.json", "bus.orders.yaml", "config.yaml", "shop.avsc"),
    ]
    assert list(config_of(out).topics) == ["bus.orders"]


# --- what was answered -------------------------------------------------------------------------------------


def test_an_order_counts_when_it_comes_into_the_state(tmp_path: Path) -> None:
    out = of_shop(tmp_path, "debezium")

    assert (out / "shop.yaml").read_text().partition("skip:\n")[2].splitlines()[:3] == [
        "  - {reason: not_a_conversion, unless: {path: $.op, in: [c, u]}} # no snapshots (r), no deletions (d)",
        "  - {reason: not_a_conversion, unless: {path: status, is: paid}}",
        "  - {reason: not_a_transition, when: {path: $.before.status, is: paid}}",
    ]


def test_the_state_before_is_asked_for_by_its_own_field(tmp_path: Path) -> None:
    out = of_shop(tmp_path, "order")

    assert "{reason: not_a_transition, when: {path: previous_status, is: PLACED}}" in (out / "shop.yaml").read_text()


def test_every_record_may_count(tmp_path: Path) -> None:
    out = of_shop(tmp_path, "debezium", "--counts-when", "always")

    text = (out / "shop.yaml").read_text()
    assert "status" not in text
    assert "{reason: not_a_conversion, unless: {path: $.op, is: c}}" in text  # or each change would count again
    assert failures(out) == []


def test_the_answers_stand_in_the_configuration(tmp_path: Path) -> None:
    config = config_of(of_shop(tmp_path, "warehouse", "--tag", "present", "--value-basis", "gross"))

    assert config.dedup.browser_tag == "present"
    assert (config.events.value_basis, config.events.integer_amounts) == ("gross", "major")
    assert config.routing.default_ad_account_id == ACCOUNT


def test_merchants_may_have_accounts_of_their_own(tmp_path: Path) -> None:
    table = ["--account", f"berlin={ACCOUNT}", "--account", "hamburg=none"]

    out = of_shop(tmp_path, "warehouse", *table)

    assert config_of(out).routing.table == {"berlin": ACCOUNT, "hamburg": "none"}
    assert str(mapping_of(out).targets["routing.merchant_id"]) == "STORE_CODE"
    assert example_of(out)["expect"]["event"]["event_id"] == "berlin:1001:checkout"
    assert failures(out) == []


def test_the_cut_over_is_written_down_for_every_account(tmp_path: Path) -> None:
    table = ["--account", f"berlin={ACCOUNT},hamburg=549700000002", "--cut-over", "2026-12-01T00:00:00+01:00"]

    out = of_shop(tmp_path, "warehouse", *table)

    begin = datetime.fromisoformat("2026-12-01T00:00:00+01:00")
    accounts = config_of(out).ad_accounts
    assert {name: account.active_from for name, account in accounts.items()} == {ACCOUNT: begin, "549700000002": begin}
    assert example_of(out)["now"] > "2026-11-30T23:00:00Z"
    assert failures(out) == []


def test_where_nobody_is_asked_the_basis_is_written_down(tmp_path: Path) -> None:
    basis = 'Art. 6 (1) f GDPR: "legitimate" interest # since 2026'

    out = of_shop(tmp_path, "commerce", "--consent", "not_required", "--consent-basis", basis)

    assert mapping_of(out).consent_basis == basis
    assert failures(out) == []


def test_a_newsletter_is_told_of_and_never_taken_for_consent(tmp_path: Path) -> None:
    text = (of_shop(tmp_path, "commerce") / "shop.yaml").read_text()

    assert "  # acceptsMarketing looks like agreement to a newsletter" in text
    assert text.count("acceptsMarketing") == 1


def test_other_places_are_named_beside_the_likeliest(tmp_path: Path) -> None:
    out = of_shop(tmp_path, "shopify")

    assert line_of(out / "shop.yaml", "em:") == "em: email # or: customer.email"
    assert line_of(out / "shop.yaml", "id:") == "id: variant_id # as in the catalogue's feed; or: product_id, sku"


def test_channels_that_are_known_words_are_told_apart(tmp_path: Path) -> None:
    out = of_shop(tmp_path, "order")

    written = line_of(out / "shop.yaml", "action_source:")
    assert "POS: offline, CALL_CENTER: offline, MARKETPLACE: skip" in written
    assert written.endswith("otherwise: web}")


def test_no_secret_is_written(tmp_path: Path) -> None:
    text = (of_shop(tmp_path, "debezium") / "config.yaml").read_text()

    assert "CONVERSIONS_PINTEREST__ACCESS_TOKEN" in text
    assert "access_token:" not in text


# --- what is left to do ------------------------------------------------------------------------------------

BARE = a_record("Bare", code="string")


@pytest.mark.parametrize(
    ("key", "event"),
    [
        ("event_id.shared", "checkout"),
        ("event_time", "checkout"),
        ("user_data.em", "checkout"),
        ("custom_data.order_id", "checkout"),
        ("custom_data.currency", "checkout"),
        ("custom_data.value", "checkout"),
        ("event_id.own", "page_visit"),
    ],
)
def test_what_is_not_recognised_fails_the_check_by_its_line(tmp_path: Path, key: str, event: str) -> None:
    flags = ["--event", event, "--consent", "code", "--granted", "y", "--denied", "n"]

    out = drafted(tmp_path, BARE, *NOTHING_ELSE, *flags)

    lines = (out / "shop.yaml").read_text().splitlines()
    (told,) = [text for text in failures(out) if f" {key}: " in text]
    place, _, _ = told.partition(": ")
    line = lines[int(place.rpartition(":")[2]) - 1]
    assert line.strip().startswith(f"{key.rpartition('.')[2]}: {{}} # TO DO: ")
    assert example_of(out)["expect"] == {"event": {"event_name": event}}


def test_what_is_left_to_do_is_told_at_once(tmp_path: Path) -> None:
    flags = ["--event", "checkout", "--consent", "code", "--granted", "y", "--denied", "n"]

    result = run(tmp_path, BARE, "--yes", *NOTHING_ELSE, *flags)

    assert "Left to do:" in result.stdout
    assert all(problem in result.stdout for problem in failures(tmp_path / "out"))


def test_a_page_needs_the_id_of_the_tag_where_there_is_one(tmp_path: Path) -> None:
    out = of_shop(tmp_path, "page view", "--tag", "present")

    assert line_of(out / "shop.yaml", "shared:").startswith("shared: {} # TO DO: the id that the tag sends")
    assert "eventId, if the page hands it to the tag" in line_of(out / "shop.yaml", "shared:")
    assert any("event_id.shared" in text for text in failures(out))


def test_a_local_time_needs_its_zone(tmp_path: Path) -> None:
    local = {"type": "long", "logicalType": "local-timestamp-millis"}
    schema = a_record("Order", placed_at=local, email="string", ads="boolean")
    flags = ["--event", "page_visit", "--consent", "ads"]

    out = drafted(tmp_path, schema, *NOTHING_ELSE, *flags)

    assert line_of(out / "shop.yaml", "event_time:").startswith("event_time: {} # TO DO: {path: placed_at, zone: ")


def test_a_schema_that_cannot_be_written_as_json_has_no_example(tmp_path: Path) -> None:
    fields = [*SCHEMAS["debezium"]["fields"], {"name": "mac", "type": {"type": "fixed", "name": "Mac", "size": 6}}]
    flags = [*NOTHING_ELSE, *ANSWERS["debezium"]]

    result = run(tmp_path, {**SCHEMAS["debezium"], "fields": fields}, "--yes", *flags)

    assert "No example" in result.stdout
    assert not (tmp_path / "out" / "shop.examples.json").exists()
    assert failures(tmp_path / "out") == []


# --- asking ------------------------------------------------------------------------------------------------


def test_six_questions_are_asked_of_a_person(tmp_path: Path) -> None:
    typed = "\n".join(["present", "", "status=paid", "gross", "ads_allowed", "", "", ACCOUNT, "no"]) + "\n"

    result = run(tmp_path, SCHEMAS["debezium"], typed=typed)

    assert result.exception is None
    assert [number for number in "123456" if f"\n{number} " in result.stderr] == [*"123456"]
    assert "Written: " in result.stdout
    assert "Pinterest tag" not in result.stdout
    config = config_of(tmp_path / "out")
    assert (config.dedup.browser_tag, config.events.value_basis) == ("present", "gross")
    assert failures(tmp_path / "out") == []


def test_an_answer_that_makes_no_sense_is_asked_for_again(tmp_path: Path) -> None:
    answers = ["perhaps", "absent", "orderStatus=CONFIRMD", "orderStatus=CONFIRMED", "soon", "no"]
    flags = ["--event", "checkout", "--value-basis", "net", "--tax-included", "yes", "--consent", "adConsent"]
    words = ["--granted", "true", "--denied", "false", "--account", ACCOUNT]

    result = run(tmp_path, SCHEMAS["commerce"], *flags, *words, typed="\n".join(answers) + "\n")

    assert result.exception is None
    assert "known are present, absent" in result.stderr
    assert "did you mean `CONFIRMED`?" in result.stderr
    assert "must be an ISO 8601 time" in result.stderr


def test_questions_that_flags_answer_are_not_asked(tmp_path: Path) -> None:
    result = run(tmp_path, SCHEMAS["debezium"], *NOTHING_ELSE, *ANSWERS["debezium"], "--event", "checkout",
                 "--value-basis", "net", "--granted", "true", "--denied", "false")  # fmt: skip

    assert (result.exception, result.stderr) == (None, "")


def test_with_nobody_to_ask_every_flag_that_must_be_said_is_named(tmp_path: Path) -> None:
    result = run(tmp_path, SCHEMAS["warehouse"], "--yes")

    flags = [problem.partition(":")[0] for problem in problems_of(result)]
    assert flags == ["--tag", "--counts-when", "--integer-amounts", "--consent", "--account", "--cut-over"]
    assert not (tmp_path / "out").exists()


def test_yes_and_no_of_a_name_that_is_not_known_must_be_said(tmp_path: Path) -> None:
    schema = a_record("R", id="string", at="string", opted_out="boolean")

    result = run(tmp_path, schema, "--yes", *NOTHING_ELSE, "--event", "lead", "--consent", "opted_out")

    assert [problem.partition(":")[0] for problem in problems_of(result)] == ["--granted", "--denied"]


def test_what_does_not_look_like_an_order_must_be_called_by_its_name(tmp_path: Path) -> None:
    result = run(tmp_path, SCHEMAS["page view"], "--yes", *NOTHING_ELSE)

    assert [problem.partition(":")[0] for problem in problems_of(result)] == ["--event", "--consent"]


@pytest.mark.parametrize(
    ("flags", "problem"),
    [
        (["--tag", "there"], "--tag: known are present, absent"),
        (["--event", "checkouts"], "--event: did you mean `checkout`?"),
        (["--counts-when", "paid"], "--counts-when: must be FIELD=WORD, FIELD=WORD,WORD or always"),
        (["--counts-when", "orderState=CONFIRMED"], "--counts-when: the schema has no such field; did you mean"),
        (["--counts-when", "orderStatus=PAID"], "--counts-when: the field has no such word; known are OPEN"),
        (["--counts-when", "buyer=PAID"], "--counts-when: holds neither text nor yes and no"),
        (["--consent", "adconsent"], "--consent: the schema has no such field; did you mean `adConsent`?"),
        (["--consent", "ad consent"], "--consent: cannot be read as a path"),
        (["--granted", "yes"], "--granted: the field has no such word; known are true, false"),
        (["--denied", "true"], "--granted and --denied both have true"),
        (["--consent", "not_required"], "--consent-basis: must be said"),
        (["--consent", "not_required", "--consent-basis", "yes"], "--consent-basis: must be a sentence"),
        (["--account", "my account"], "--account: an ad account is its number"),
        (["--account", "none"], "--account: an ad account is its number"),
        (["--account", f"berlin={ACCOUNT},{ACCOUNT}"], "--account: must be one ad account, or MERCHANT=ACCOUNT"),
        (["--account", f"berlin={ACCOUNT}"], "--merchant-field: must be said"),
        (["--account", f"berlin={ACCOUNT}", "--merchant-field", "shop"], "--merchant-field: the schema has no such"),
        (["--cut-over", "2026-11-01T00:00:00"], "--cut-over: needs its zone"),
        (["--cut-over", "tomorrow"], "--cut-over: must be an ISO 8601 time"),
        (["--integer-amounts", "cents"], "--integer-amounts: known are minor, major"),
    ],
)
def test_a_flag_that_makes_no_sense_is_told(tmp_path: Path, flags: list[str], problem: str) -> None:
    sound = ["--yes", *NOTHING_ELSE, *ANSWERS["commerce"]]
    said = {flag for flag in flags if flag.startswith("--")}
    others = [word for at in range(1, len(sound), 2) if sound[at] not in said for word in sound[at : at + 2]]

    (told,) = problems_of(run(tmp_path, SCHEMAS["commerce"], "--yes", *others, *flags))

    assert told.startswith(problem)
    assert not (tmp_path / "out").exists()


def test_the_tax_of_lines_is_not_asked_about_where_one_amount_is_the_value(tmp_path: Path) -> None:
    fields = {"order_id": "string", "currency": "string", "total": "double", "tax": "double", "email": "string"}
    lines = an_array(a_record("Line", sku="string", price="double", tax="double"))
    schema = a_record("R", **fields, placed_at="string", ads="boolean", lines=lines)

    out = drafted(tmp_path, schema, *NOTHING_ELSE, "--consent", "ads")

    assert "totals:" not in (out / "shop.yaml").read_text()
    assert failures(out) == []


@pytest.mark.parametrize("name", ["shopify", "debezium"])
def test_tax_is_not_asked_about_where_nothing_rests_on_it(tmp_path: Path, name: str) -> None:
    result = run(tmp_path, SCHEMAS[name], "--yes", *NOTHING_ELSE, *ANSWERS[name], "--tax-included", "yes")

    assert problems_of(result) == ["--tax-included: nothing rests on it, or a field says it; leave it out"]


# --- files -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["config.yaml", "shop.yaml", "shop.avsc", "shop.examples.json"])
def test_a_file_that_is_there_is_not_written_over(tmp_path: Path, name: str) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / name).write_text("mine")

    result = run(tmp_path, SCHEMAS["debezium"], "--yes", *NOTHING_ELSE, *ANSWERS["debezium"])

    assert problems_of(result) == [f"{tmp_path / 'out' / name} is there already; give another --directory, or --force"]
    assert [file.read_text() for file in (tmp_path / "out").iterdir()] == ["mine"]


def test_it_is_if_that_is_meant(tmp_path: Path) -> None:
    of_shop(tmp_path, "debezium")

    out = of_shop(tmp_path, "debezium", "--tag", "present", "--force")

    assert config_of(out).dedup.browser_tag == "present"


@pytest.mark.parametrize("topic", ["config", "a/b"])
def test_a_topic_whose_name_does_not_do_for_files_is_refused(tmp_path: Path, topic: str) -> None:
    (told,) = problems_of(run(tmp_path, SCHEMAS["debezium"], "--yes", "--topic", topic))

    assert told.startswith("--topic: ")


def test_a_directory_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")

    result = run(tmp_path, SCHEMAS["debezium"], "--yes", *NOTHING_ELSE, *ANSWERS["debezium"])

    (told,) = problems_of(result)
    assert told.startswith(f"--directory: {tmp_path / 'out'} cannot be written")


def test_a_schema_of_something_else_is_told(tmp_path: Path) -> None:
    (told,) = problems_of(run(tmp_path, {"type": "enum", "name": "E", "symbols": ["A"]}, "--yes"))

    assert told.endswith("is not the Avro schema of a record")


@pytest.mark.parametrize(
    "text", ["no", "true", "null", "~", "1e3", "549700000001", "a: b", "a # b", 'say "so"', "C:\\d", "-", "y"]
)
def test_a_text_stands_in_yaml_as_itself(tmp_path: Path, text: str) -> None:
    file = tmp_path / "some.yaml"
    file.write_text(f"one: {{{scalar(text)}: {scalar(text)}}}\n")

    assert read_yaml(file, example="one").values == {"one": {text: text}}
    assert yaml.safe_load(scalar(text)) == text


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1))
def test_so_does_any_text_that_is_typed(text: str) -> None:
    assert yaml.safe_load(f"one: {{{scalar(text)}: {scalar(text)}}}") == {"one": {text: text}}


def test_the_example_was_not_cancelled_and_happened_on_the_web(tmp_path: Path) -> None:
    fields = {
        "order_id": "string",
        "currency": "string",
        "total": "double",
        "email": "string",
        "cancelled_at": "string",
    }
    schema = a_record("R", **fields, placed_at="string", ads="boolean", channel=an_enum("Channel", "POS", "WEB"))

    out = drafted(tmp_path, schema, *NOTHING_ELSE, "--consent", "ads")

    assert example_of(out)["expect"]["event"]["action_source"] == "web"
    assert failures(out) == []


def test_optional_fields_without_default_are_null_in_an_example(tmp_path: Path) -> None:
    schema = a_record(
        "R",
        id="string",
        occurred_at="string",
        email="string",
        ads="boolean",
        note=["null", "string"],
        tags={"type": "map", "values": "string"},
        scores={"type": "array", "items": "int"},
        birthday=optional("string"),
    )

    out = drafted(tmp_path, schema, *NOTHING_ELSE, "--event", "lead", "--consent", "ads")

    record = example_of(out)["record"]
    assert (record["note"], record["tags"], record["scores"]) == (None, {}, [])
    assert failures(out) == []


def test_a_cut_over_of_no_account_is_refused(tmp_path: Path) -> None:
    said = [*ANSWERS["warehouse"], "--tag", "absent", "--account", "berlin=none", "--cut-over", "2026-12-01T00:00:00Z"]

    problems = problems_of(run(tmp_path, SCHEMAS["warehouse"], "--yes", *said))

    assert problems == ["--cut-over: is of an ad account, and every merchant is `none`; say `no`"]


LEAD = {"id": "string", "occurred_at": "string", "email": "string", "ads": "boolean"}
OF_LEAD = [*NOTHING_ELSE, "--event", "lead", "--consent", "ads"]


@pytest.mark.parametrize(
    ("name", "of", "made"),
    [
        pytest.param("next", ["N", "string"], "example", id="in a union"),
        pytest.param("next", optional("N"), None, id="or null"),
        pytest.param("m", a_record("M", n=["N", "M", "string"]), {"n": "example"}, id="through another"),
        pytest.param("address", a_record("A", next=["A", "int"]), {"next": 1}, id="not the outermost"),
        pytest.param("children", an_array("N"), [], id="in an array"),
    ],
)
def test_the_example_of_a_record_within_itself_ends(tmp_path: Path, name: str, of: Any, made: Any) -> None:
    out = drafted(tmp_path, a_record("N", **LEAD, **{name: of}), *OF_LEAD)

    assert example_of(out)["record"].get(name) == made
    assert failures(out) == []


@pytest.mark.parametrize(
    "of",
    [
        pytest.param("N", id="as it is"),
        pytest.param([a_record("M", n="N"), "string"], id="through a branch"),
        pytest.param(a_record("M", n=["N", "M"]), id="in every branch"),
    ],
)
def test_a_record_within_itself_without_end_has_no_example(tmp_path: Path, of: Any) -> None:
    result = run(tmp_path, a_record("N", **LEAD, next=of), "--yes", *OF_LEAD)

    assert result.exception is None
    assert "No example" in result.stdout
    assert not (tmp_path / "out" / "shop.examples.json").exists()


def test_a_record_that_is_defined_elsewhere_is_preferred_as_the_union_has_it(tmp_path: Path) -> None:
    address = a_record("Address", city="string")
    schema = a_record("R", **LEAD, billing=address, shipping=["Address", "string"])

    out = drafted(tmp_path, schema, *OF_LEAD)

    assert example_of(out)["record"]["shipping"].keys() == {"city"}
