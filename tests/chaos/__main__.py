"""`make chaos SECONDS=600 SEED=7`: one run, its schedule printed first, exit code 1 if a promise was broken."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from tests.chaos.report import Progress, as_json, table
from tests.chaos.run import Run
from tests.chaos.schedule import BROKERS, Protocol, make_schedule
from tests.harness.kafka.brokers import Brokers
from tests.harness.kafka.jars import NoKafkaError


def main() -> int:
    """Play, and tell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="how long records are written")
    parser.add_argument("--seed", type=int, default=1, help="decides faults, times and the group's protocol")
    parser.add_argument("--rate", type=float, default=300.0, help="records a second, over both topics")
    parser.add_argument("--protocol", type=Protocol, choices=list(Protocol), help="instead of the seed's")
    parser.add_argument("--report", type=Path, help="write what was found to this file, as JSON")
    parser.add_argument("--keep", type=Path, help="a folder for logs, manifests and records, kept afterwards")
    asked = parser.parse_args()
    schedule = make_schedule(asked.seed, asked.seconds, protocol=asked.protocol)
    for line in schedule.lines():
        print(line, flush=True)
    with tempfile.TemporaryDirectory(prefix="chaos-") as temporary:
        folder = asked.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        try:
            with Brokers(folder, nodes=BROKERS) as brokers:
                found = Run(schedule, asked.rate, folder, Progress(sys.stderr)).play(brokers)
        except NoKafkaError as error:
            print(f"no real Kafka: {error}", file=sys.stderr)
            return 2
    print(table(schedule, found))
    if asked.report is not None:
        asked.report.write_text(as_json(schedule, asked.rate, found), encoding="utf-8")
    return 1 if found.violations else 0


if __name__ == "__main__":
    sys.exit(main())
