"""Obtains Apache Kafka from Maven's repository, once, and the Java to run it with; kept in `build/kafka/`."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.harness.processes import eventually

POM = Path(__file__).with_name("pom.xml")
CACHE = Path(__file__).parents[3] / "build" / "kafka"
OLDEST_JAVA = 17  # Kafka 4.0, KIP-1013: brokers need Java 17
DOWNLOAD_WITHIN_S = 200.0


class NoKafkaError(Exception):
    """A real Kafka cannot be had here; the message says what is missing."""


def kafka_jars() -> list[Path]:
    """Every jar a broker needs, fetched by Maven unless an earlier run did.

    Raises:
        NoKafkaError: No Maven, or it could not fetch them.
    """
    return _jars_of(POM, CACHE)


def find_java() -> Path:
    """The `java` of JAVA_HOME, else of PATH.

    Raises:
        NoKafkaError: There is none, or one that is too old for a broker.
    """
    home = os.environ.get("JAVA_HOME")
    found = shutil.which("java", path=str(Path(home) / "bin")) if home else shutil.which("java")
    if found is None:
        raise NoKafkaError(f"no java in {'JAVA_HOME' if home else 'PATH'}; brokers need Java {OLDEST_JAVA}")
    answer = subprocess.run([found, "-version"], capture_output=True, text=True, timeout=30, check=False)
    version = re.search(r'version "(\d+)', answer.stderr)
    if version is None or int(version[1]) < OLDEST_JAVA:
        raise NoKafkaError(f"{found} is Java {version[1] if version else 'unknown'}; brokers need {OLDEST_JAVA}")
    return Path(found)


def _jars_of(pom: Path, cache: Path) -> list[Path]:
    described = pom.read_bytes()
    version = re.search(r"<kafka\.version>(.+?)</", described.decode())
    assert version is not None, f"{pom} names no kafka.version"
    folder = cache / version[1]
    fetched_for = folder / "pom.sha256"
    wanted = hashlib.sha256(described).hexdigest()
    cache.mkdir(parents=True, exist_ok=True)
    with _alone(cache / "lock"):
        if not fetched_for.exists() or fetched_for.read_text() != wanted:
            shutil.rmtree(folder, ignore_errors=True)
            with tempfile.TemporaryDirectory(dir=cache) as unfinished:
                fetched = Path(unfinished) / version[1]
                _fetch(pom, fetched / "jars")
                (fetched / fetched_for.name).write_text(wanted)
                fetched.rename(folder)  # whole or not at all
    return sorted(folder.glob("jars/*.jar"))


def _fetch(pom: Path, folder: Path) -> None:
    maven = shutil.which("mvn")
    if maven is None:
        raise NoKafkaError("no mvn in PATH; Maven fetches the brokers' jars")
    goal = "dependency:copy-dependencies"
    options = ["--batch-mode", "--quiet", "-Dstyle.color=never", "-DincludeScope=runtime"]
    command = [maven, *options, "--file", str(pom), f"-DoutputDirectory={folder}", goal]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=DOWNLOAD_WITHIN_S, check=False)
    except subprocess.TimeoutExpired:
        raise NoKafkaError(f"Maven did not fetch the jars within {DOWNLOAD_WITHIN_S:.0f} s") from None
    if done.returncode:
        raise NoKafkaError(f"Maven could not fetch the jars: {(done.stdout + done.stderr).strip()[:600]}")


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """Two runs of the tests at once must not fetch into the same folder."""
    with lock.open("w") as file:

        def is_ours() -> bool:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            return True

        eventually(is_ours, within_s=DOWNLOAD_WITHIN_S, what=f"another run fetches Kafka and holds {lock}")
        yield
