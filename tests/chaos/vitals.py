"""What the replicas use, read from `/proc`: memory, open files and sockets, and whether any of it grows."""

from __future__ import annotations

import os
import statistics
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

WARM_S = 120.0
"""A process fills its caches at first: schemas, connections, the interpreter's own."""
JUDGED_FROM_S = 900.0
"""Less than so many seconds after that tell nothing of growth: a backlog comes and goes with the faults."""
MOST_GROWTH_MIB_PER_MIN = 1.0
MOST_RSS_MIB = 400.0
"""At the chaos run's rate; `limits.max_bytes` alone may take 256 MB where an account is held."""
MOST_DESCRIPTORS = 128
"""8 requests and their spare connections, three brokers twice, the client library's own."""
_MIB = 1024 * 1024
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Sample:
    """One look at one process."""

    at_s: float
    """Monotonic."""
    rss_mib: float
    descriptors: int
    sockets: int


def look_at(pid: int, at_s: float) -> Sample | None:
    """None if the process is gone."""
    process = Path("/proc") / str(pid)
    try:
        rss_mib = int((process / "statm").read_text().split()[1]) * _PAGE_BYTES / _MIB
        links = [_link(each) for each in (process / "fd").iterdir()]
    except OSError:
        return None
    return Sample(at_s, rss_mib, len(links), sum(link.startswith("socket:") for link in links))


def _link(descriptor: Path) -> str:
    try:
        return str(descriptor.readlink())
    except OSError:
        return ""  # closed just now


class Vitals:
    """The samples of every process, by its name."""

    def __init__(self) -> None:
        self._samples: dict[str, list[Sample]] = defaultdict(list)

    def note(self, name: str, sample: Sample) -> None:
        self._samples[name].append(sample)

    def problems(self) -> list[str]:
        """One line for whatever grows or is too much."""
        return [problem for name, samples in self._samples.items() for problem in _problems(name, samples)]

    def summary(self) -> dict[str, dict[str, float]]:
        """For the report."""
        return {name: _summary(samples) for name, samples in sorted(self._samples.items())}


def _problems(name: str, samples: Sequence[Sample]) -> list[str]:
    found = []
    if (most := max(sample.rss_mib for sample in samples)) > MOST_RSS_MIB:
        found.append(f"{name}: {most:.0f} MiB resident, more than {MOST_RSS_MIB:.0f}")
    if (most := max(sample.descriptors for sample in samples)) > MOST_DESCRIPTORS:
        found.append(f"{name}: {most:.0f} open descriptors, more than {MOST_DESCRIPTORS}")
    growth = growth_mib_per_min(samples)
    if growth is not None and growth > MOST_GROWTH_MIB_PER_MIN:
        found.append(f"{name}: memory grows by {growth:.2f} MiB a minute, more than {MOST_GROWTH_MIB_PER_MIN}")
    return found


def growth_mib_per_min(samples: Sequence[Sample]) -> float | None:
    """The trend of the memory once it is warm; None if it was not watched for long enough."""
    warm = [sample for sample in samples if sample.at_s - samples[0].at_s >= WARM_S]
    if not warm or warm[-1].at_s - warm[0].at_s < JUDGED_FROM_S:
        return None
    return statistics.linear_regression([s.at_s for s in warm], [s.rss_mib for s in warm]).slope * 60


def _summary(samples: Sequence[Sample]) -> dict[str, float]:
    growth = growth_mib_per_min(samples)
    summary = {
        "seconds": round(samples[-1].at_s - samples[0].at_s, 1),
        "rss_mib_first": round(samples[0].rss_mib, 1),
        "rss_mib_last": round(samples[-1].rss_mib, 1),
        "rss_mib_most": round(max(sample.rss_mib for sample in samples), 1),
        "descriptors_last": samples[-1].descriptors,
        "descriptors_most": max(sample.descriptors for sample in samples),
        "sockets_last": samples[-1].sockets,
        "sockets_most": max(sample.sockets for sample in samples),
    }
    return summary if growth is None else {**summary, "growth_mib_per_min": round(growth, 3)}
