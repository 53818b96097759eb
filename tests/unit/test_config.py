"""What the models refuse, and that docs/configuration.md says what they say."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from consumer.config import OWNED_PROPERTIES, Config, Kafka
from consumer.config_sources import load_config
from consumer.config_sources.checking import PLACEHOLDERS
from consumer.config_sources.keys import environment_name, keys
from tests.docs.configuration_page import PAGE, render


def kafka(**settings: Any) -> Kafka:
    return Kafka.model_validate({"bootstrap_servers": "localhost:9092", **settings})


def config(**sections: Any) -> Config:
    least: dict[str, Any] = {
        "kafka": {"bootstrap_servers": "localhost:9092"},
        "schema_registry": {"url": "http://localhost:8081"},
    }
    return Config.model_validate(least | sections)


def test_a_rehearsal_has_a_group_and_a_dead_letter_topic_of_its_own() -> None:
    rehearsal = config(pinterest={"test": True})

    assert rehearsal.group_id == "pinterest-conversions-test"
    assert rehearsal.dead_letter_topic == "pinterest-conversions-test.dead-letter"


@pytest.mark.parametrize("name", sorted(OWNED_PROPERTIES | {"error_cb"}))
def test_properties_that_the_promises_rest_on_are_refused(name: str) -> None:
    with pytest.raises(ValidationError, match=f"sets `{re.escape(name)}` itself"):
        kafka(properties={name: "x"})


def test_a_setting_with_a_key_of_its_own_cannot_be_said_twice() -> None:
    with pytest.raises(ValidationError, match="keep one of them"):
        kafka(ssl_ca_file="ca.pem", properties={"ssl.ca.location": "other.pem"})


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        pytest.param({"security_protocol": "SASL_SSL"}, "need `sasl_mechanism`", id="no mechanism"),
        pytest.param(
            {"security_protocol": "SASL_SSL", "sasl_mechanism": "PLAIN", "sasl_username": "u"},
            "needs `sasl_password`",
            id="no password",
        ),
        pytest.param({"sasl_password": "p"}, "`sasl_password` needs `security_protocol`", id="a password unused"),
    ],
)
def test_half_of_an_authentication_is_refused(settings: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValidationError, match=problem):
        kafka(**settings)


@pytest.mark.parametrize(
    "settings",
    [
        {"security_protocol": "SASL_SSL", "sasl_mechanism": "OAUTHBEARER"},
        {"properties": {"security.protocol": "sasl_ssl", "sasl.mechanism": "GSSAPI"}},
        {
            "security_protocol": "SASL_SSL",
            "sasl_mechanism": "PLAIN",
            "sasl_username": "u",
            "properties": {"sasl.password": "p"},
        },
    ],
)
def test_an_authentication_may_be_said_in_properties(settings: dict[str, Any]) -> None:
    kafka(**settings)


MSK = {"security_protocol": "SASL_SSL", "sasl_mechanism": "AWS_MSK_IAM", "aws_region": "eu-west-1"}


def test_iam_at_msk_needs_a_region_and_no_password() -> None:
    assert kafka(**MSK).aws_region == "eu-west-1"

    wrong = {"security_protocol": "SASL_PLAINTEXT", "sasl_mechanism": "AWS_MSK_IAM", "sasl_username": "u"}
    with pytest.raises(ValidationError) as caught:
        kafka(**wrong)

    for problem in ("`sasl_username` is not for", "needs `security_protocol: SASL_SSL`", "needs `aws_region`"):
        assert problem in str(caught.value)


def test_a_region_of_msk_belongs_to_iam() -> None:
    with pytest.raises(ValidationError, match="`aws_region` belongs to"):
        kafka(security_protocol="SASL_SSL", sasl_mechanism="OAUTHBEARER", aws_region="eu-west-1")


@pytest.mark.parametrize("missing", ["boto3", "aws_msk_iam_sasl_signer"])
def test_without_the_extra_aws_is_refused_with_the_remedy(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, missing, None)  # how Python notes what cannot be imported
    remedy = r"pip install 'pinterest-conversions-consumer\[aws\]'"

    with pytest.raises(ValidationError, match=rf"AWS_MSK_IAM` needs the `aws` extra: {remedy}"):
        kafka(**MSK)
    with pytest.raises(ValidationError, match=rf"`glue` wire format need the `aws` extra: {remedy}"):
        config(topics={"orders": {"mapping": "order", "wire_format": "glue"}})
    with pytest.raises(ValidationError, match=rf"`glue_region` needs the `aws` extra: {remedy}"):
        config(schema_registry={"glue_region": "eu-west-1"}, topics=BARE)


BARE = {"orders": {"mapping": "order", "wire_format": "avro", "schema_file": "order.avsc"}}


@pytest.mark.parametrize(
    ("wire_format", "key"),
    [
        ("confluent", "url"),
        ("apicurio_content_id", "apicurio_url"),
        ("apicurio_global_id", "apicurio_url"),
        ("glue", "glue_region"),
    ],
)
def test_a_wire_format_needs_the_registry_that_knows_its_schemas(wire_format: str, key: str) -> None:
    with pytest.raises(ValidationError, match=f"`{wire_format}` wire format need `schema_registry.{key}`"):
        config(topics={"orders": {"mapping": "order", "wire_format": wire_format}}, schema_registry={})


@pytest.mark.parametrize(
    ("topic", "problem"),
    [
        ({"wire_format": "avro"}, "`schema_file` belongs to"),
        ({"wire_format": "single_object"}, "`schema_files` belong to"),
        ({"wire_format": "single_object", "schema_files": []}, "`schema_files` belong to"),
        ({"schema_file": "order.avsc"}, "`schema_file` belongs to"),
        ({"wire_format": "glue", "schema_files": ["order.avsc"]}, "`schema_files` belong to"),
    ],
)
def test_schemas_stand_in_files_where_records_need_them(topic: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValidationError, match=problem):
        config(topics={"orders": {"mapping": "order", **topic}})


@pytest.mark.parametrize("url", ["http://localhost:8080", "http://localhost:8080/apis/ccompat/v7"])
def test_apicurios_own_api_has_a_path_of_its_own(url: str) -> None:
    with pytest.raises(ValidationError, match="ends in /apis/registry/v3"):
        config(schema_registry={"apicurio_url": url}, topics=BARE)


def test_an_endpoint_of_glues_needs_a_region() -> None:
    with pytest.raises(ValidationError, match="`glue_endpoint_url` needs `glue_region`"):
        config(schema_registry={"glue_endpoint_url": "http://localhost:1"}, topics=BARE)


def test_what_the_broker_decides_under_kip_848_is_refused() -> None:
    kafka(properties={"session.timeout.ms": 6_000})

    with pytest.raises(ValidationError, match="the broker sets session"):
        kafka(group_protocol="consumer", properties={"session.timeout.ms": 6_000})


def test_sections_that_contradict_each_other_are_all_told() -> None:
    with pytest.raises(ValidationError) as refused:
        config(delivery={"request_timeout_s": 30}, schema_registry={})

    assert "shutdown.drain_s" in str(refused.value)
    assert "schema_registry.url" in str(refused.value)


def test_receipts_have_a_topic_of_their_own_and_none_in_a_rehearsal() -> None:
    assert not config().writes_receipts
    on = {"enabled": True}
    assert config(receipts=on).writes_receipts
    assert config(receipts=on).receipts_topic == "pinterest-conversions.receipts"
    assert config(receipts=on | {"topic": "audit"}).receipts_topic == "audit"
    assert not config(receipts=on, pinterest={"test": True}).writes_receipts


@pytest.mark.parametrize("taken", ["orders", "pinterest-conversions.dead-letter", "pinterest-conversions.replay"])
def test_receipts_share_no_topic_with_records_or_letters(taken: str) -> None:
    with pytest.raises(ValidationError, match=r"receipts\.topic"):
        config(receipts={"topic": taken})


def test_letters_and_replays_go_where_they_are_said_to() -> None:
    settings = config(topics={"orders": {"mapping": "order", "dead_letter_topic": "others"}, "visits": VISITS})
    rehearsal = config(pinterest={"test": True})

    assert settings.dead_letter_topics == ("pinterest-conversions.dead-letter", "others")
    assert settings.own_dead_letter_topics == {"orders": "others", "visits": "pinterest-conversions.dead-letter"}
    assert settings.replay_topic == "pinterest-conversions.replay"
    assert rehearsal.dead_letter_topics == ("pinterest-conversions-test.dead-letter",)
    assert rehearsal.replay_topic == "pinterest-conversions-test.replay"


def test_a_rehearsal_replays_elsewhere_however_the_topic_is_named() -> None:
    live, rehearsal = (config(kafka=kafka(replay_topic="again"), pinterest={"test": test}) for test in (False, True))

    assert (live.replay_topic, rehearsal.replay_topic) == ("again", "again-test")


VISITS = {"mapping": "visit"}


@pytest.mark.parametrize(
    "sections",
    [
        pytest.param({"kafka": kafka(replay_topic="orders")}, id="replays among the records"),
        pytest.param({"kafka": kafka(replay_topic="letters", dead_letter_topic="letters")}, id="replays are letters"),
        pytest.param({"kafka": kafka(dead_letter_topic="visits")}, id="letters among the records"),
        pytest.param({"topics": {"visits": VISITS | {"dead_letter_topic": "visits"}}}, id="letters of one topic in it"),
    ],
)
def test_letters_and_replays_share_no_topic_with_what_is_read(sections: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="topic"):
        config(**sections)


def test_a_configuration_without_topics_is_refused() -> None:
    with pytest.raises(ValidationError, match="at least 1 item"):
        config(topics={})


def test_an_error_never_shows_what_was_given() -> None:
    with pytest.raises(ValidationError) as refused:
        config(pinterest={"access_token": ["hunter2"]}, batch={"max_events": "hunter2"})

    assert "hunter2" not in str(refused.value)


def test_ad_account_ids_are_ascii_digits() -> None:
    with pytest.raises(ValidationError, match="pattern"):
        config(routing={"default_ad_account_id": "٥٤٩"})


# --- docs/configuration.md ---------------------------------------------------------------------------------------


def test_the_page_is_what_the_models_say() -> None:
    page = PAGE.read_text(encoding="utf-8")

    assert page == render(page), "run: python -m tests.docs.configuration_page"


def test_every_key_has_its_row_with_a_meaning() -> None:
    rows = [line.split(" | ") for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]

    described = {row[1].split("`")[1]: row[4].strip("| ") for row in rows}

    assert described.keys() == {environment_name(key.path) for key in keys()}
    assert all(described.values())


def examples(language: str) -> list[str]:
    found = re.findall(rf"^```{language}\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert found
    return found


@pytest.mark.parametrize("example", examples("yaml"))
def test_every_example_of_a_file_loads(example: str, tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(example)

    # Offline: the secrets' files are not here.
    assert load_config(file, environ={}, offline=True).kafka.bootstrap_servers not in PLACEHOLDERS.values()


def test_the_example_of_an_environment_says_the_same_as_that_of_a_file(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(examples("yaml")[0])
    environ = dict(line.split("=", 1) for line in examples("sh")[0].splitlines())

    from_environment = load_config(environ=environ, offline=True)

    assert from_environment == load_config(file, environ={}, offline=True)
