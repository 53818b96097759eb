"""File, environment and secrets put together; every problem told at once, without showing a value."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from consumer.config import Config
from consumer.config_sources import MASK, describe, ignored_names, load_config
from consumer.config_sources.keys import Kind, environment_name, keys
from consumer.errors import ConfigError
from consumer.yaml_file import dotted

LEAST = {
    "CONVERSIONS_KAFKA__BOOTSTRAP_SERVERS": "localhost:9092",
    "CONVERSIONS_SCHEMA_REGISTRY__URL": "http://localhost:8081",
}
LEAST_FILE = "kafka: {bootstrap_servers: localhost:9092}\nschema_registry: {url: http://localhost:8081}\n"

Written = Callable[[str], Path]


@pytest.fixture
def written(tmp_path: Path) -> Written:
    def write(text: str) -> Path:
        file = tmp_path / "config.yaml"
        file.write_text(text, encoding="utf-8")
        return file

    return write


def load(**environ: str) -> Config:
    """From the environment alone, names without their prefix."""
    return load_config(environ=LEAST | {f"CONVERSIONS_{name}": value for name, value in environ.items()})


def problems(file: Path | None = None, /, **environ: str) -> list[str]:
    with pytest.raises(ConfigError) as refused:
        load_config(file, environ=LEAST | {f"CONVERSIONS_{name}": value for name, value in environ.items()})
    return refused.value.problems


# --- where settings come from ------------------------------------------------------------------------------------


def test_the_environment_overrides_the_file_key_by_key(written: Written) -> None:
    file = written("batch: {max_events: 10, linger_s: 2}\n" + LEAST_FILE)

    config = load_config(file, environ={"CONVERSIONS_BATCH__MAX_EVENTS": "20"})

    assert (config.batch.max_events, config.batch.linger_s) == (20, 2.0)


def test_the_environment_names_the_file(written: Written) -> None:
    file = written("kafka: {group_id: named}\n")

    assert load(CONFIG=str(file)).kafka.group_id == "named"


def test_the_given_file_goes_before_the_named_one(written: Written, tmp_path: Path) -> None:
    other = tmp_path / "other.yaml"
    other.write_text("kafka: {group_id: other}\n")

    config = load_config(other, environ=LEAST | {"CONVERSIONS_CONFIG": str(written("kafka: {group_id: named}\n"))})

    assert config.kafka.group_id == "other"


def test_names_without_a_double_underscore_are_not_ours() -> None:
    load(SERVICE_HOST="10.0.0.1", PORT_8080_TCP_ADDR="10.0.0.1", KAFKA_NONSENSE="x")


def test_names_that_lack_one_underscore_are_found_out() -> None:
    ignored = ignored_names({"CONVERSIONS_KAFKA_GROUP_ID": "x", "CONVERSIONS_SERVICE_HOST": "10.0.0.1"})

    assert ignored == [("CONVERSIONS_KAFKA_GROUP_ID", "CONVERSIONS_KAFKA__GROUP_ID")]


def test_an_empty_value_says_nothing(written: Written) -> None:
    file = written("kafka:\nbatch: {max_events:}\n")

    config = load_config(file, environ=LEAST | {"CONVERSIONS_KAFKA__GROUP_ID": ""})

    assert (config.kafka.group_id, config.batch.max_events) == ("pinterest-conversions", 1_000)


def test_mappings_and_lists_are_json_in_the_environment() -> None:
    config = load(
        ROUTING__TABLE='{"m-1": 549755885175, "m-2": "none"}',
        ROUTING__ACCOUNTS="[549755885176]",
        KAFKA__PROPERTIES='{"socket.timeout.ms": 5000, "socket.keepalive.enable": true}',
    )

    assert config.routing.table == {"m-1": "549755885175", "m-2": "none"}
    assert config.routing.accounts == ["549755885176"]
    assert config.kafka.properties == {"socket.timeout.ms": "5000", "socket.keepalive.enable": True}


def test_values_in_a_file_need_no_quotes(written: Written) -> None:
    config = load_config(
        written(
            """\
kafka: {bootstrap_servers: localhost:9092, start_at: 2026-11-01T00:00:00Z, sasl_username: no, sasl_password: 012345,
        security_protocol: SASL_SSL, sasl_mechanism: PLAIN}
schema_registry: {url: http://localhost:8081}
routing: {table: {0123: 549755885175}}
pinterest: {test: true}
"""
        ),
        environ={},
    )

    assert config.kafka.start_at.isoformat() == "2026-11-01T00:00:00+00:00"  # type: ignore[union-attr]
    assert config.kafka.sasl_username == "no"
    assert config.kafka.sasl_password == SecretStr("012345")
    assert config.routing.table == {"0123": "549755885175"}
    assert config.pinterest.test is True


def test_the_environment_changes_one_key_of_a_bundled_topic() -> None:
    config = load(TOPICS__ORDERS__WIRE_FORMAT="avro", TOPICS__ORDERS__SCHEMA_FILE="order.avsc")

    assert config.topics["orders"].mapping == "order"
    assert config.topics["orders"].wire_format == "avro"
    assert config.topics["visits"].wire_format == "confluent"


def test_the_environment_finds_a_topic_of_the_file_whatever_its_signs(written: Written) -> None:
    file = written("topics: {shop.orders-v1: {mapping: order}}\n")

    config = load_config(file, environ=LEAST | {"CONVERSIONS_TOPICS__SHOP_ORDERS_V1__MAPPING": "visit"})

    assert {name: topic.mapping for name, topic in config.topics.items()} == {"shop.orders-v1": "visit"}


def test_a_topic_of_the_file_replaces_the_bundled_ones(written: Written) -> None:
    assert load_config(written("topics: {a: {mapping: order}}\n" + LEAST_FILE), environ={}).topics.keys() == {"a"}


# --- secrets ---------------------------------------------------------------------------------------------------


def test_a_secret_may_stand_in_a_file_of_its_own(written: Written, tmp_path: Path) -> None:
    (tmp_path / "token").write_text(" planted\n")
    registry = f"schema_registry: {{url: http://localhost:8081, bearer_token_file: {tmp_path / 'token'}}}\n"

    by_environment = load(SCHEMA_REGISTRY__BEARER_TOKEN_FILE=str(tmp_path / "token"))
    by_file = load_config(written(LEAST_FILE.partition("schema_registry")[0] + registry), environ={})

    found = [config.schema_registry.bearer_token for config in (by_environment, by_file)]
    assert found == [SecretStr("planted")] * 2


def test_a_file_that_is_read_at_each_request_is_kept_by_its_name(written: Written, tmp_path: Path) -> None:
    by_environment = load(PINTEREST__ACCESS_TOKEN_FILE=str(tmp_path / "token"))
    by_file = load_config(written(f"pinterest: {{access_token_file: {tmp_path / 'token'}}}\n" + LEAST_FILE), environ={})

    assert by_environment.pinterest == by_file.pinterest
    assert (by_file.pinterest.access_token_file, by_file.pinterest.access_token) == (tmp_path / "token", None)


@pytest.mark.parametrize("secret", ["PINTEREST__ACCESS_TOKEN", "SCHEMA_REGISTRY__BEARER_TOKEN"])
def test_a_secret_said_in_both_forms_is_refused(secret: str, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("pina_secret")

    found = problems(**{secret: "pina_other", f"{secret}_FILE": str(tmp_path / "token")})

    assert found == [f"CONVERSIONS_{secret}_FILE: CONVERSIONS_{secret} is said as well; keep one of them"]


@pytest.mark.parametrize(
    ("in_file", "above"), [("access_token", "access_token_file"), ("access_token_file", "access_token")]
)
def test_the_environments_secret_overrides_the_files_in_either_form(
    in_file: str, above: str, written: Written, tmp_path: Path
) -> None:
    file = written(f"pinterest: {{{in_file}: {tmp_path / 'old'}}}\n" + LEAST_FILE)

    config = load_config(file, environ={f"CONVERSIONS_PINTEREST__{above.upper()}": str(tmp_path / "new")})

    assert config.pinterest.model_fields_set == {above}


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        pytest.param(None, "cannot be read: No such file or directory", id="missing"),
        pytest.param(b" \n", "is empty", id="empty"),
        pytest.param(b"\xff\xfe", "is not UTF-8 text", id="binary"),
    ],
)
def test_a_secrets_file_that_holds_none_is_refused(content: bytes | None, problem: str, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "password").write_bytes(content)

    (found,) = problems(
        KAFKA__SECURITY_PROTOCOL="SASL_SSL",
        KAFKA__SASL_MECHANISM="PLAIN",
        KAFKA__SASL_USERNAME="u",
        KAFKA__SASL_PASSWORD_FILE=str(tmp_path / "password"),
    )

    assert found.startswith("CONVERSIONS_KAFKA__SASL_PASSWORD_FILE: the file it names")
    assert problem in found


def test_offline_needs_no_brokers_no_registry_and_no_secrets() -> None:
    config = load_config(environ={"CONVERSIONS_PINTEREST__ACCESS_TOKEN_FILE": "/nowhere/token"}, offline=True)

    assert config.kafka.bootstrap_servers.endswith(".invalid:9092")


# --- what is wrong ---------------------------------------------------------------------------------------------


def test_every_problem_is_told_at_once_with_its_place_and_remedy(written: Written) -> None:
    file = written(
        """\
kafka:
  bootstrap_server: localhost:9092
kakfa: {group_id: x}
batch:
  max_events: many
  linger_s: 3
  linger_s: 4
pinterest: all
delivery: {request_timeout_s: 30}
"""
    )

    with pytest.raises(ConfigError) as refused:
        load_config(file, environ={"CONVERSIONS_DEDUP__BROWSER_TAGS": "present"})

    contradiction = (
        "`delivery.request_timeout_s` must be below `shutdown.drain_s`, or a stop would abandon requests that "
        f"Pinterest may still accept (said at {file}:9: delivery.request_timeout_s)"
    )
    assert refused.value.problems == [
        f"{file}:7: batch.linger_s is said twice, first on line 6; keep one",
        f"{file}:2: kafka.bootstrap_server is not a setting; did you mean kafka.bootstrap_servers?",
        f"{file}:3: kakfa is not a setting; did you mean kafka?",
        f"{file}:8: pinterest: must be a section with keys below it; found text of 3 characters",
        "CONVERSIONS_DEDUP__BROWSER_TAGS is not a setting; did you mean CONVERSIONS_DEDUP__BROWSER_TAG?",
        f"{file}:5: batch.max_events: should be a valid integer; found text of 4 characters",
        contradiction,
        "topics in the `confluent` wire format need `schema_registry.url`",
    ]


def test_what_the_first_start_lacks_is_told_at_once() -> None:
    with pytest.raises(ConfigError) as refused:
        load_config(environ={})

    assert refused.value.problems == [
        "kafka.bootstrap_servers is needed: set it in the file, or as CONVERSIONS_KAFKA__BOOTSTRAP_SERVERS",
        "topics in the `confluent` wire format need `schema_registry.url`",
    ]


def test_a_broken_setting_is_not_called_missing_by_its_neighbours() -> None:
    found = problems(KAFKA__SECURITY_PROTOCOL="SASL_SSL", KAFKA__SASL_MECHANISM="plain-text")

    assert len(found) == 1
    assert found[0].startswith("CONVERSIONS_KAFKA__SASL_MECHANISM: should be 'PLAIN'")


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("KAKFA__GROUP_ID", "is not a setting; did you mean CONVERSIONS_KAFKA__GROUP_ID?"),
        ("BATCH__GROUP_ID", "is not a setting; did you mean CONVERSIONS_KAFKA__GROUP_ID?"),
        ("TOPICS__ORDERS__MAPING", "is not a setting; did you mean CONVERSIONS_TOPICS__ORDERS__MAPPING?"),
        ("ZZZ__QQQ", "is not a setting; remove it"),
        ("ROUTING__TABLE__M_1", "set the whole as JSON in CONVERSIONS_ROUTING__TABLE"),
        ("KAFKA__GROUP_ID__X", "is not a setting"),
        ("ROUTING__ACCOUNTS", 'must be JSON, such as ["one"]'),
    ],
)
def test_a_wrong_name_in_the_environment_is_answered_in_its_own_form(name: str, problem: str) -> None:
    (found,) = problems(**{name: "x"})

    assert found.startswith(f"CONVERSIONS_{name}")
    assert problem in found


def test_an_item_of_a_collection_is_named_with_its_line(written: Written) -> None:
    file = written("routing:\n  table:\n    m-1: 549755885175\n    m-2: acme\n")

    assert problems(file) == [
        f"{file}:4: routing.table.m-2: should match pattern '^[0-9]{{1,18}}$' or be 'none'; found text of 4 characters"
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param("kafka: {", ":1: is not YAML", id="cut off"),
        pytest.param("- kafka", ": must be a mapping of sections", id="a list"),
        pytest.param("batch: {max_events: !!binary aGk=}", ":1: batch.max_events has a YAML tag", id="a tag"),
        pytest.param("batch: &a {max_events: *a}", ":1: batch.max_events contains itself", id="a circle"),
        pytest.param("{[a]: b}", ":1: a key must be a plain word", id="a list as key"),
        pytest.param("a: \x07", ": holds a control character", id="a bell"),
    ],
)
def test_a_file_that_is_no_configuration_is_refused(text: str, problem: str, written: Written) -> None:
    file = written(text)

    assert f"{file}{problem}" in problems(file)[0]


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    assert problems(tmp_path / "none.yaml") == [f"{tmp_path / 'none.yaml'}: cannot be read: No such file or directory"]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("kafka:\n  sasl_password: *hunter2\n", id="an alias that is none"),
        pytest.param("kafka:\n  sasl_password: !hunter2\n", id="a tag"),
        pytest.param("kafka:\n  sasl_password: %hunter2\n", id="a directive"),
        pytest.param("kafka:\n  sasl_password: 'hunter2\n", id="an open quote"),
        pytest.param('kafka:\n  sasl_password: "\\hunter2"\n', id="an escape"),
        pytest.param("kafka: {sasl_password:hunter2}\n", id="no blank behind the colon"),
        pytest.param("kafka:\n  sasl_password:hunter2\n", id="no blank, alone"),
        pytest.param("kafka:\n  sasl_password: [hunter2]\n", id="a list"),
        pytest.param("kafka:\n  sasl_password: {hunter2}\n", id="a mapping"),
        pytest.param("kafka:\n  start_at: hunter2\n", id="in the wrong place"),
        pytest.param("kafka:\n  sasl_password: hunter2\n  sasl_password: hunter2\n", id="twice"),
        pytest.param("pinterest: hunter2\n", id="instead of a section"),
    ],
)
def test_no_problem_shows_a_secret_however_it_is_mistyped(text: str, written: Written) -> None:
    found = problems(written(text))

    assert found
    assert "hunter2" not in "\n".join(found)


@given(at=st.sampled_from([key for key in keys() if "<name>" not in key.path]), wrapped=st.sampled_from(["", "[", "{"]))
def test_no_problem_shows_a_value_of_the_environment(at: Any, wrapped: str) -> None:
    try:
        load_config(environ=LEAST | {environment_name(at.path): f"{wrapped}hunter2"})
    except ConfigError as refused:
        assert "hunter2" not in str(refused)  # noqa: PT017 - most keys of text take it


# --- what is in effect -------------------------------------------------------------------------------------------


def test_every_key_is_described() -> None:
    described = yaml.safe_load(describe(load(AD_ACCOUNTS__549700000001__MODE="test")))

    def below(values: dict[str, Any], path: str = "") -> set[str]:
        inner = {name: value for name, value in values.items() if isinstance(value, dict) and value}
        return {f"{path}{name}" for name in values}.union(*(below(v, f"{path}{n}.") for n, v in inner.items()))

    chosen = {"topics": "orders", "ad_accounts": "549700000001"}
    assert {dotted(key.path).replace("<name>", chosen.get(key.path[0], "")) for key in keys()} <= below(described)


def test_no_secret_is_described() -> None:
    names = [environment_name(key.path) for key in keys() if key.kind is Kind.SECRET]
    properties = [
        "ssl.key.password", "ssl.keystore.password", "ssl.key.pem", "sasl.oauthbearer.client.secret",
        "sasl.oauthbearer.config", "sasl.jaas.config", "some.secret",
    ]  # fmt: skip
    environ = LEAST | dict.fromkeys(names, "hunter2")
    environ |= {
        "CONVERSIONS_SCHEMA_REGISTRY__URL": "http://user:hunter2@/hunter2@registry.example.com/api",
        "CONVERSIONS_SCHEMA_REGISTRY__USERNAME": "u",
        "CONVERSIONS_KAFKA__SECURITY_PROTOCOL": "SASL_SSL",
        "CONVERSIONS_KAFKA__SASL_MECHANISM": "PLAIN",
        "CONVERSIONS_KAFKA__SASL_USERNAME": "u",
        "CONVERSIONS_KAFKA__PROPERTIES": str(dict.fromkeys(properties, "hunter2")).replace("'", '"'),
    }
    del environ["CONVERSIONS_SCHEMA_REGISTRY__BEARER_TOKEN"]

    text = describe(load_config(environ=environ))

    assert "hunter2" not in text
    assert text.count(MASK) == len(names) - 1 + len(properties) + 1
    assert "registry.example.com/api" in text


def test_what_is_described_loads_as_the_same(written: Written) -> None:
    config = load(KAFKA__START_AT="2026-11-01T00:00:00Z", ROUTING__TABLE='{"m-1": "1"}', TOPICS__A__MAPPING="order")

    assert load_config(written(describe(config)), environ={}) == config
