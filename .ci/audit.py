"""Asks OSV, the open database of vulnerabilities, about every version that a lock file names, in one request.

Ends with 1 if one of them is known to be vulnerable. Where the database cannot be asked it says so and ends with 0:
a machine without a way to it must still be able to test a change. OSV_QUERY_URL names another place that answers alike.
Source: OSV's documentation, `POST /v1/querybatch`; PyPI's advisories are part of it.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import sys
import urllib.request
from pathlib import Path

OSV = "https://api.osv.dev/v1/querybatch"
TIMEOUT_S = 30
_PIN = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)==([^\s;\\]+)", re.MULTILINE)


def known_vulnerabilities(pins: list[tuple[str, str]], url: str) -> dict[str, list[str]]:
    """Ids of advisories, by what they are about.

    Raises:
        OSError: No answer.
        HTTPException: No answer that is HTTP.
        ValueError: An answer that says nothing of them.
    """
    queries = [{"package": {"name": name, "ecosystem": "PyPI"}, "version": version} for name, version in pins]
    request = urllib.request.Request(  # noqa: S310 - https, or what the operator named
        url, data=json.dumps({"queries": queries}).encode(), headers={"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=TIMEOUT_S) as response:  # noqa: S310
        answer = json.load(response)
    results = answer.get("results") if isinstance(answer, dict) else None
    if not isinstance(results, list):
        raise ValueError("an answer of another kind")  # noqa: TRY004
    return {
        f"{name} {version}": [str(found["id"]) for found in result["vulns"]]
        for (name, version), result in zip(pins, results, strict=True)
        if result and result.get("vulns")
    }


def main(lock_file: str) -> int:
    pins = _PIN.findall(Path(lock_file).read_text(encoding="utf-8"))
    if not pins:
        print(f"{lock_file} names no version: nothing was audited")  # noqa: T201
        return 1
    try:
        found = known_vulnerabilities(pins, os.environ.get("OSV_QUERY_URL", OSV))
    except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError, AttributeError) as error:
        print(f"NOT AUDITED: {len(pins)} versions of {lock_file}; the database gave no usable answer ({error})")  # noqa: T201
        return 0
    for pin, ids in found.items():
        print(f"{pin}: {', '.join(ids)} (https://osv.dev/{ids[0]})")  # noqa: T201
    print(f"{len(pins)} versions of {lock_file} audited, {len(found)} known to be vulnerable")  # noqa: T201
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
