"""IAM at Amazon MSK: tokens as the brokers want them, given to each kind of client."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import structlog
from confluent_kafka import Consumer, KafkaException, Producer
from confluent_kafka.admin import AdminClient

from consumer.config import Config
from consumer.kafka_settings import client_properties, consumer_properties, producer_properties
from consumer.msk import token_callback

SETTINGS = Config.model_validate(
    {
        "kafka": {
            "bootstrap_servers": "127.0.0.1:1",
            "security_protocol": "SASL_SSL",
            "sasl_mechanism": "AWS_MSK_IAM",
            "aws_region": "eu-west-1",
        },
        "schema_registry": {"url": "http://127.0.0.1:1"},
    }
)


@pytest.fixture(autouse=True)
def _aws(monkeypatch: pytest.MonkeyPatch) -> None:
    """Credentials of nobody, and nothing of this machine's."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "made-up-key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "made-up-secret")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")


def test_a_token_is_a_signed_request_to_connect_and_says_when_it_ends() -> None:
    token, expires_s = token_callback("eu-west-1")("")

    url = urlsplit(base64.urlsafe_b64decode(token + "=="))
    said = parse_qs(url.query)
    assert url.netloc == b"kafka.eu-west-1.amazonaws.com"
    assert said[b"Action"] == [b"kafka-cluster:Connect"]
    assert said[b"X-Amz-Credential"][0].startswith(b"made-up-key/")
    assert 800 < expires_s - time.time() <= 900


@pytest.mark.parametrize(
    ("client", "properties"),
    [
        pytest.param(Consumer, consumer_properties(SETTINGS), id="consumer"),
        pytest.param(Producer, producer_properties(SETTINGS.kafka), id="producer"),
        pytest.param(AdminClient, client_properties(SETTINGS.kafka), id="administrative"),
    ],
)
def test_every_client_asks_for_a_token(client: Callable[[dict[str, Any]], Any], properties: dict[str, Any]) -> None:
    tokens: list[tuple[str, float]] = []

    def noted(said: str) -> tuple[str, float]:
        tokens.append(properties["oauth_cb"](said))
        return tokens[-1]

    made = client({**properties, "oauth_cb": noted, "log_level": 0})  # it is not made without one

    if isinstance(made, Consumer):
        made.close()
    assert properties["sasl.mechanism"] == "OAUTHBEARER"
    assert len(tokens) == 1


def test_without_credentials_it_is_said_once_and_in_no_more_than_kinds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")

    with structlog.testing.capture_logs() as logs, pytest.raises(KafkaException, match="token"):
        Producer({**producer_properties(SETTINGS.kafka), "log_level": 0})

    assert [(line["event"], line["log_level"]) for line in logs] == [("msk_token_failed", "error")]
    assert "made-up" not in json.dumps(logs)


@pytest.mark.parametrize(
    "environment",
    [
        {"AWS_ROLE_ARN": "arn:aws:iam::000000000000:role/none", "AWS_WEB_IDENTITY_TOKEN_FILE": "{file}"},
        {
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1:1/v1/credentials",
            "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": "{file}",
        },
    ],
    ids=["IRSA", "Pod Identity"],
)
def test_a_file_of_credentials_that_cannot_be_read_is_said_alike(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    for name, value in environment.items():
        monkeypatch.setenv(name, value.format(file=tmp_path / "made-up"))

    with structlog.testing.capture_logs() as logs, pytest.raises(FileNotFoundError):
        token_callback("eu-west-1")("")

    assert [(line["event"], line["error"]) for line in logs] == [("msk_token_failed", "FileNotFoundError")]
    assert "made-up" not in json.dumps(logs)
