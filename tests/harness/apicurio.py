"""A real schema registry, Apicurio, as a process on a loopback port: fetched once by Maven, run by Java, in memory."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

VERSION = "3.3.3"
JAVA_AT_LEAST = 21  # what Apicurio 3.3 is compiled for

_CACHE = Path(__file__).parents[2] / "build" / "apicurio" / VERSION
_ARTIFACT = f"io.apicurio:apicurio-registry-app:{VERSION}:tar.gz:all"
_UNPACK = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:unpack"
_FETCH_TIMEOUT_S, _START_TIMEOUT_S = 180, 90


class NotObtainableError(Exception):
    """What is missing on this machine to have it, in one line."""


@contextmanager
def apicurio() -> Iterator[str]:
    """Serve while entered; yields the base URL of its Confluent-compatible API.

    Raises:
        NotObtainableError: No fitting Java, no copy of it and no way to fetch one, or it does not start.
    """
    java, home = _find_java(), _fetched()
    port = _free_port()
    options = {
        "QUARKUS_HTTP_HOST": "127.0.0.1",
        "QUARKUS_HTTP_PORT": str(port),
        "QUARKUS_MANAGEMENT_HOST": "127.0.0.1",
        "QUARKUS_MANAGEMENT_PORT": "0",
    }
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            [java, "-Xmx512m", "-jar", home / "quarkus-run.jar"],
            cwd=home,
            env=os.environ | options,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            url = f"http://127.0.0.1:{port}/apis/ccompat/v7"
            if not _answers(f"{url}/subjects", process):
                log.seek(0)
                tail = log.read().decode(errors="replace")[-2_000:]
                raise NotObtainableError(f"Apicurio {VERSION} did not start within {_START_TIMEOUT_S} s:\n{tail}")
            yield url
        finally:
            process.terminate()
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _find_java() -> Path:
    homes = [os.environ[name] for name in ("JAVA_HOME_25", "JAVA_HOME_21", "JAVA_HOME") if os.environ.get(name)]
    candidates = [Path(home) / "bin" / "java" for home in homes]
    if on_path := shutil.which("java"):
        candidates.append(Path(on_path))
    candidates += sorted(Path("/usr/lib/jvm").glob("*/bin/java"))
    for java in candidates:
        if java.exists() and _java_release(java) >= JAVA_AT_LEAST:
            return java
    raise NotObtainableError(f"Apicurio {VERSION} needs Java {JAVA_AT_LEAST} or later; none was found")


def _java_release(java: Path) -> int:
    said = subprocess.run([java, "-version"], capture_output=True, text=True, timeout=30, check=False).stderr
    found = re.search(r'version "(\d+)', said)
    return int(found[1]) if found else 0


def _fetched() -> Path:
    if _CACHE.is_dir():
        return _CACHE
    maven = shutil.which("mvn")
    if maven is None:
        raise NotObtainableError(f"Apicurio {VERSION} is not in {_CACHE}, and there is no Maven to fetch it with")
    _CACHE.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=_CACHE.parent) as directory:
        unpacked = Path(directory) / "app"
        command = [maven, "-q", "-B", _UNPACK, f"-Dartifact={_ARTIFACT}", f"-DoutputDirectory={unpacked}"]
        try:
            # Away from the project: this is no build of it.
            fetching = subprocess.run(
                command, cwd=directory, capture_output=True, text=True, timeout=_FETCH_TIMEOUT_S, check=False
            )
        except subprocess.TimeoutExpired:
            raise NotObtainableError(f"Maven did not fetch {_ARTIFACT} within {_FETCH_TIMEOUT_S} s") from None
        if fetching.returncode != 0:
            raise NotObtainableError(f"Maven could not fetch {_ARTIFACT}:\n{fetching.stdout[-1_000:]}")
        try:
            unpacked.rename(_CACHE)
        except OSError:
            if not _CACHE.is_dir():  # or another run was faster
                raise
    return _CACHE


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _answers(url: str, process: subprocess.Popen[bytes]) -> bool:
    deadline_s = time.monotonic() + _START_TIMEOUT_S
    while time.monotonic() < deadline_s and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=2):  # noqa: S310 - our own address
                return True
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)  # the process itself is what is waited for
    return False
