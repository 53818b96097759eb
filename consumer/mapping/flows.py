"""What a mapping lets leave: for each of its targets from where, into which fields of an event, hashed or in clear."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from consumer.mapping.expressions import Constant, Setting, paths_in
from consumer.mapping.language import MappingFile
from consumer.mapping.paths import Path
from consumer.mapping.targets import TARGETS, Target
from consumer.pinterest.events import HASHED

_NOT_OFFLINE = frozenset({
    "user_data.client_ip_address", "user_data.client_user_agent", "user_data.click_id", "user_data.browser_id",
    "user_data.hashed_maids", "event_source_url", "landing_url", "language",
})  # fmt: skip
"""Besides app and device: at the till or in a call centre these are not the shopper's."""


class Leaves(StrEnum):
    """In which form a value leaves."""

    HASHED = "SHA-256"
    CLEAR = "in clear"
    DECIDES = "not itself"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class Flow:
    """One target of a mapping."""

    target: Target
    paths: tuple[Path, ...]
    """Where its value may come from; none of a constant."""
    leaves: Leaves
    is_offline: bool
    """Does it leave with offline events as well?"""


def flows(mapping: MappingFile, allowed: frozenset[str]) -> Iterator[Flow]:
    """Every target that the mapping speaks of, in the order of the documentation.

    Args:
        mapping: What the file says.
        allowed: The fields of `user_data` that may leave, `privacy.fields`.
    """
    for key, target in TARGETS.items():
        if (expression := mapping.targets.get(key)) is not None:
            paths = tuple(dict.fromkeys(paths_in(expression)))
            is_offline = key not in _NOT_OFFLINE and target.section not in ("app_info", "device_info")
            yield Flow(target, paths, _leaves(target, allowed), is_offline)


def origin(mapping: MappingFile, flow: Flow) -> str:
    """Where a value comes from, in the words of the mapping file."""
    if flow.paths:
        before = f"{mapping.each}[]." if flow.target.section == "lines" else ""
        return ", ".join(f"{before}{path}" for path in flow.paths)
    match mapping.targets[flow.target.key]:
        case Constant(text):
            return f"the constant {text}"
        case Setting(key):
            return f"the setting {key}"
        case _:
            return "nothing of the record"


def _leaves(target: Target, allowed: frozenset[str]) -> Leaves:
    if target.section in ("consent", "routing", "totals") or target.key in ("limit_ad_tracking", "lines.type"):
        return Leaves.DECIDES
    of_a_person = [name.removeprefix("user_data.") for name in target.feeds if name.startswith("user_data.")]
    if target.section == "user_data" and not allowed & set(of_a_person):
        return Leaves.NEVER
    return Leaves.HASHED if target.section == "user_data" and HASHED & set(of_a_person) else Leaves.CLEAR
