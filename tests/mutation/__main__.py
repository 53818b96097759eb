"""Removes each guard of the delivery promises in turn and shows a test failing for it: `python -m tests.mutation`.

Works on copies of the tree, so that the checkout stays as it is. A guard that nothing misses is a promise that nothing
proves: then this exits with 1.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.mutation.guard import ROOT, Guard
from tests.mutation.guards import GUARDS

_COPIED = ("consumer", "schemas", "tests", "docs", "pyproject.toml")
_WITHIN_S = 180.0
_TESTS_FAILED = 1  # pytest's exit code; any other says that they did not run


@dataclass(frozen=True)
class Finding:
    """What became of the tests without one guard."""

    guard: Guard
    survivors: tuple[str, ...]
    """Tests that passed all the same."""
    trouble: str = ""
    """Why a test could not be run."""

    @property
    def is_missed(self) -> bool:
        return not self.survivors and not self.trouble


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="only guards whose name contains one of these words")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="how many at once")
    asked = parser.parse_args()
    chosen = [guard for guard in GUARDS if not asked.names or any(word in guard.name for word in asked.names)]
    failed = 0
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(asked.jobs) as pool:
        for finding in pool.map(lambda guard: _without(guard, Path(folder)), chosen):
            failed += not finding.is_missed
            _tell(finding)
    print(f"{len(chosen) - failed} of {len(chosen)} guards are missed by a test when they are gone.")
    return 1 if failed else 0


def _without(guard: Guard, folder: Path) -> Finding:
    if problem := guard.problem():
        return Finding(guard, (), problem)
    root = Path(tempfile.mkdtemp(dir=folder))
    for name in _COPIED:
        source = ROOT / name
        copy = shutil.copytree if source.is_dir() else shutil.copy
        copy(source, root / name)
    guard.remove(root)
    survivors = []
    try:
        for test in guard.tests:
            exit_code, said = _run(test, root)
            if exit_code == 0:
                survivors.append(test)
            elif exit_code != _TESTS_FAILED:
                return Finding(guard, (), f"{test} could not be run: {said}")
    finally:
        shutil.rmtree(root)
    return Finding(guard, tuple(survivors))


def _run(test: str, root: Path) -> tuple[int, str]:
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", test]
    environment = {**os.environ, "PYTHONPATH": str(root), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        done = subprocess.run(
            command, cwd=root, env=environment, capture_output=True, text=True, timeout=_WITHIN_S, check=False
        )
    except subprocess.TimeoutExpired:
        return _TESTS_FAILED, "it hung"
    return done.returncode, " ".join(done.stdout.split())[-300:]


def _tell(finding: Finding) -> None:
    guard = finding.guard
    if finding.is_missed:
        print(f"missed    {guard.promise:3} {guard.name}", flush=True)
    elif finding.trouble:
        print(f"TROUBLE   {guard.promise:3} {guard.name}: {finding.trouble}", flush=True)
    else:
        print(f"SURVIVED  {guard.promise:3} {guard.name}: {', '.join(finding.survivors)} passed", flush=True)


if __name__ == "__main__":
    sys.exit(main())
