"""The compose file: sound in itself, private to the machine, and in words that the consumer understands."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from consumer.config_sources import load_config

ROOT = Path(__file__).parents[2]
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
OURS = [name for name, service in SERVICES.items() if "build" in service]
PORTS = [(name, port) for name, service in SERVICES.items() for port in service.get("ports", [])]


def test_every_dependency_is_a_service_that_can_meet_its_condition() -> None:
    for service in SERVICES.values():
        for needed, how in service.get("depends_on", {}).items():
            assert needed in SERVICES
            if how["condition"] == "service_healthy":
                assert "healthcheck" in SERVICES[needed], f"{needed} can never become healthy"


@pytest.mark.parametrize(("service", "port"), PORTS)
def test_every_port_is_published_on_loopback_only(service: str, port: str) -> None:
    assert re.fullmatch(r"127\.0\.0\.1:\d+:\d+", port), service


def test_no_two_services_publish_the_same_port() -> None:
    published = [port.split(":")[1] for _, port in PORTS]

    assert len(published) == len(set(published))


@pytest.mark.parametrize("name", SERVICES)
def test_every_image_is_ours_or_names_an_exact_version(name: str) -> None:
    service = SERVICES[name]

    assert "build" in service or re.fullmatch(r"[\w./-]+:\d+\.\d+\.\d+", service["image"])


@pytest.mark.parametrize("name", OURS)
def test_our_services_run_unprivileged(name: str) -> None:
    service = SERVICES[name]

    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]


@pytest.mark.parametrize("name", OURS)
def test_our_services_are_started_by_commands_and_options_that_exist(name: str) -> None:
    command = [sys.executable, "-m", "consumer", *SERVICES[name]["command"], "--help"]

    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 0, done.stderr


def test_the_consumer_accepts_its_settings_and_finds_the_other_services() -> None:
    config = load_config(None, environ=SERVICES["consumer"]["environment"])

    assert config.kafka.bootstrap_servers in SERVICES["kafka"]["environment"]["KAFKA_ADVERTISED_LISTENERS"]
    assert str(config.schema_registry.url).startswith("http://schema-registry:8080/")
    assert config.pinterest.base_url.startswith("http://emulator:")


def test_every_topic_that_the_consumer_needs_is_created_first() -> None:
    config = load_config(None, environ=SERVICES["consumer"]["environment"])
    created = re.findall(r"[\w.-]+", re.findall(r"for topic in (.*);", SERVICES["topic-init"]["command"][-1])[0])

    assert {*config.topics, config.dead_letter_topic} <= set(created)


def test_a_stop_leaves_the_consumer_time_to_drain() -> None:
    config = load_config(None, environ=SERVICES["consumer"]["environment"])

    assert int(SERVICES["consumer"]["stop_grace_period"].removesuffix("s")) >= config.shutdown.drain_s + 10
