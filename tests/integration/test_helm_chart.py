"""The chart, rendered by a real Helm: what it sets up, and what it refuses to set up."""

from __future__ import annotations

import json
import os
import re
import subprocess
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from consumer.config import Config
from consumer.config_sources import load_config
from tests.harness import helm as harness

ROOT = Path(__file__).parents[2]
CHART = ROOT / "helm"
MINIMAL = CHART / "ci" / "minimal-values.yaml"

Manifests = dict[str, Any]
Render = Callable[..., Manifests]


@pytest.fixture(scope="session")
def helm() -> Path:
    return harness.require_helm()


@pytest.fixture
def run_helm(helm: Path, tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        home = {f"HELM_{part}_HOME": str(tmp_path / part.lower()) for part in ("CACHE", "CONFIG", "DATA")}
        command = [helm, *arguments]
        return subprocess.run(command, env=os.environ | home, capture_output=True, text=True, timeout=60, check=False)

    return run


@pytest.fixture
def attempt(run_helm: Callable[..., subprocess.CompletedProcess[str]]) -> Callable[..., Any]:
    """Render with the minimal values and others over them, given as `a__b=value` for `a.b`."""

    def render(**values: object) -> subprocess.CompletedProcess[str]:
        sets = [f"--set-json={key.replace('__', '.')}={json.dumps(value)}" for key, value in values.items()]
        return run_helm("template", "conversions", CHART, "--values", MINIMAL, *sets)

    return render


@pytest.fixture
def render(attempt: Callable[..., subprocess.CompletedProcess[str]]) -> Render:
    """The same, as the manifests by kind."""

    def manifests(**values: object) -> Manifests:
        done = attempt(**values)
        assert done.returncode == 0, done.stderr
        return {manifest["kind"]: manifest for manifest in yaml.safe_load_all(done.stdout) if manifest}

    return manifests


def pod_of(manifests: Manifests) -> dict[str, Any]:
    pod: dict[str, Any] = manifests["Deployment"]["spec"]["template"]["spec"]
    return pod


def environment_of(manifests: Manifests) -> dict[str, str]:
    return {entry["name"]: entry["value"] for entry in pod_of(manifests)["containers"][0]["env"]}


def test_the_linter_has_nothing_to_say(run_helm: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    done = run_helm("lint", "--strict", CHART, "--values", MINIMAL)

    assert done.returncode == 0, done.stdout
    assert "[WARNING]" not in done.stdout


def test_the_least_values_render_what_a_release_needs(render: Render) -> None:
    assert set(render()) == {"ConfigMap", "Deployment", "Service", "ServiceAccount"}


def test_the_consumer_accepts_the_rendered_configuration(render: Render, tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(render(config__limits={"max_bytes": 256_000_000})["ConfigMap"]["data"]["config.yaml"])

    config = load_config(file, environ={})

    assert config.kafka.bootstrap_servers == "kafka:9092"
    assert config.limits.max_bytes == 256_000_000
    assert config.routing.default_ad_account_id == "549755885175"


def test_the_schema_knows_the_sections_that_the_consumer_knows() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())

    assert set(schema["properties"]["config"]["properties"]) == set(Config.model_fields)


def test_the_chart_carries_the_version_of_the_package() -> None:
    package = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]

    assert yaml.safe_load((CHART / "Chart.yaml").read_text())["appVersion"] == package


def test_the_pod_keeps_to_the_restricted_security_standard(render: Render) -> None:
    """Source: Kubernetes, Pod Security Standards, profile Restricted."""
    pod = pod_of(render())
    container = pod["containers"][0]["securityContext"]

    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["allowPrivilegeEscalation"] is False
    assert container["capabilities"] == {"drop": ["ALL"]}
    assert {"configMap", "secret", "emptyDir", "name"} >= {key for volume in pod["volumes"] for key in volume}


def test_the_pod_writes_nowhere_and_is_told_of_no_other_service(render: Render) -> None:
    pod = pod_of(render())

    assert pod["containers"][0]["securityContext"]["readOnlyRootFilesystem"] is True
    assert pod["automountServiceAccountToken"] is False
    assert pod["enableServiceLinks"] is False


@pytest.mark.parametrize("port", [8080, 9090])
def test_probes_ask_where_the_consumer_serves(render: Render, port: int) -> None:
    manifests = render(config__health={"port": port})
    container = pod_of(manifests)["containers"][0]

    assert {name: container[f"{name}Probe"]["httpGet"] for name in ("startup", "liveness", "readiness")} == {
        "startup": {"path": "/startupz", "port": "http"},
        "liveness": {"path": "/livez", "port": "http"},
        "readiness": {"path": "/readyz", "port": "http"},
    }
    assert container["ports"] == [{"name": "http", "containerPort": port}]
    assert manifests["Service"]["spec"]["ports"] == [{"name": "http", "port": port, "targetPort": "http"}]


def test_the_token_comes_as_a_file_out_of_an_existing_secret(render: Render) -> None:
    manifests = render()
    pod = pod_of(manifests)
    [volume] = [volume["secret"] for volume in pod["volumes"] if volume["name"] == "pinterest"]
    [mount] = [m for m in pod["containers"][0]["volumeMounts"] if m["name"] == "pinterest"]

    assert volume["secretName"] == "pinterest-token"
    assert environment_of(manifests)["CONVERSIONS_PINTEREST__ACCESS_TOKEN_FILE"] == (
        f"{mount['mountPath']}/{volume['items'][0]['path']}"
    )


def test_tokens_of_several_accounts_come_as_a_directory(render: Render) -> None:
    manifests = render(pinterest={"existingSecret": "", "existingTokensSecret": "tokens"})
    [mount] = [m for m in pod_of(manifests)["containers"][0]["volumeMounts"] if m["name"] == "pinterest"]

    assert environment_of(manifests) == {"CONVERSIONS_PINTEREST__TOKENS_DIR": mount["mountPath"]}


def test_other_secrets_come_as_files_too(render: Render) -> None:
    manifests = render(secretFiles={"KAFKA__SASL_PASSWORD": {"existingSecret": "kafka", "key": "password"}})
    pod = pod_of(manifests)
    [volume] = [volume for volume in pod["volumes"] if volume.get("secret", {}).get("secretName") == "kafka"]
    [mount] = [m for m in pod["containers"][0]["volumeMounts"] if m["name"] == volume["name"]]

    assert volume["secret"]["items"] == [{"key": "password", "path": "value"}]
    assert environment_of(manifests)["CONVERSIONS_KAFKA__SASL_PASSWORD_FILE"] == f"{mount['mountPath']}/value"


def test_a_changed_configuration_rolls_the_pods(render: Render) -> None:
    before, after = (
        render(config__batch={"linger_s": linger_s})["Deployment"]["spec"]["template"]["metadata"]["annotations"]
        for linger_s in (1, 2)
    )

    assert before["checksum/config"] != after["checksum/config"]


def test_an_autoscaler_is_left_the_number_of_replicas(render: Render) -> None:
    assert render(replicaCount=3)["Deployment"]["spec"]["replicas"] == 3
    assert "replicas" not in render(replicaCount=None)["Deployment"]["spec"]


def test_a_disruption_budget_is_there_when_asked_for(render: Render) -> None:
    manifests = render(podDisruptionBudget__enabled=True)

    assert manifests["PodDisruptionBudget"]["spec"]["selector"] == manifests["Deployment"]["spec"]["selector"]


def test_the_default_grace_is_enough_for_the_default_drain(render: Render) -> None:
    drain_s = Config.model_fields["shutdown"].get_default(call_default_factory=True).drain_s

    assert pod_of(render())["terminationGracePeriodSeconds"] >= drain_s + 10


@pytest.mark.parametrize(
    ("drain_s", "grace_s", "fits"),
    [
        pytest.param(50, 60, True, id="just enough"),
        pytest.param(50.5, 60, False, id="half a second short"),
        pytest.param(None, 34, False, id="short of the drain that is the default"),
        pytest.param(120, 150, True, id="both raised"),
    ],
)
def test_the_grace_period_must_outlast_the_drain(
    attempt: Callable[..., subprocess.CompletedProcess[str]], drain_s: float | None, grace_s: int, *, fits: bool
) -> None:
    shutdown = {} if drain_s is None else {"drain_s": drain_s}

    done = attempt(config__shutdown=shutdown, terminationGracePeriodSeconds=grace_s)

    assert (done.returncode == 0) is fits
    assert fits or re.search(r"terminationGracePeriodSeconds.*give it at least [\d.]+", done.stderr)


@pytest.mark.parametrize(
    ("values", "remedy"),
    [
        ({"image__repository": ""}, r"image\.repository is required: .*Dockerfile"),
        ({"config__kafka__bootstrap_servers": ""}, r"config\.kafka\.bootstrap_servers is required"),
        ({"pinterest__existingSecret": ""}, r"pinterest\.existingSecret is required: .*access-token"),
        ({"pinterest__existingTokensSecret": "tokens"}, r"either pinterest\.existingSecret .* or .*, not both"),
        ({"config__kafak": {"group_id": "x"}}, r"/config.*kafak"),
        ({"replicas": 3}, r"additional properties 'replicas' not allowed"),
        ({"replicaCount": "three"}, r"/replicaCount.*got string, want null or integer"),
        ({"config__routing__default_ad_account_id": 549755885175}, r"default_ad_account_id.*got number"),
        ({"config__health": {"port": 0}}, r"/config/health/port"),
        ({"secretFiles": {"sasl_password": {"existingSecret": "a", "key": "b"}}}, r"sasl_password"),
        ({"secretFiles": {"KAFKA__SASL_PASSWORD": {"existingSecret": "a"}}}, r"missing property 'key'"),
        ({"image__digest": "latest"}, r"/image/digest"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, dict) else "",
)
def test_wrong_values_are_refused_with_a_word_of_help(
    attempt: Callable[..., subprocess.CompletedProcess[str]], values: dict[str, object], remedy: str
) -> None:
    done = attempt(**values)

    assert done.returncode != 0
    assert re.search(remedy, done.stderr), done.stderr


@pytest.mark.parametrize(
    ("require_real", "outcome"),
    [("", pytest.skip.Exception), ("1", pytest.fail.Exception)],
    ids=["skipped by default", "failing where the real thing is required"],
)
def test_without_a_helm_these_tests_say_so(
    require_real: str, outcome: type[BaseException], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(harness, "CACHED", tmp_path / "helm")
    monkeypatch.setenv("REQUIRE_REAL", require_real)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)

    with pytest.raises(outcome, match="no Helm: "):
        harness.require_helm()
