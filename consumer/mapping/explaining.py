"""Explains one outcome: which rule decided, and of each target where its value came from and what became of it.

Shapes are told, never values.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, assert_never

from consumer.config import Config
from consumer.mapping import reading
from consumer.mapping.expressions import Constant, paths_in
from consumer.mapping.flows import Flow, Leaves, flows, origin
from consumer.mapping.language import MappingFile, SkipRule
from consumer.mapping.paths import Every, Field, Item, Match, Path, Step
from consumer.records import DeadLetterReason, Incompatible, Invalid, MapOutcome, Mapped, Skipped, SkipReason

_DEAD_LETTERS = {
    DeadLetterReason.INVALID: "what is required is missing, or a field has a wrong type or value",
    DeadLetterReason.UNROUTABLE: "no ad account: header, field, routing.table, then routing.default_ad_account_id",
    DeadLetterReason.IN_FUTURE: "it lies ahead of now by more than events.future_tolerance_s",
}


def rule_behind(outcome: MapOutcome, mapping: MappingFile, paths: Mapping[str, str], config: Config) -> str:
    """What decided.

    Args:
        outcome: Of a record.
        mapping: That it took.
        paths: By target, where its value is expected; of the compiled mapping.
        config: With the settings that had a say.
    """
    match outcome:
        case Mapped():
            return "no rule kept it back"
        case Skipped(reason):
            return _skipped_by(reason, mapping, paths, config)
        case Invalid(_, reason):
            return _DEAD_LETTERS[reason]
        case Incompatible():
            return "the schema lacks what the mapping must have: the partition would be held"
        case _:
            assert_never(outcome)


def _skipped_by(reason: SkipReason, mapping: MappingFile, paths: Mapping[str, str], config: Config) -> str:
    of_settings = {
        SkipReason.NOT_ADVERTISED: "the merchant is `none` in routing.table, or not there (routing.unknown_merchant)",
        SkipReason.ACCOUNT_OFF: "the ad account it goes to has `mode: off` in ad_accounts",
        SkipReason.NO_CONSENT: (
            f"the law of {paths['consent.jurisdiction']}, else of {paths['user_data.country']}, asks for more consent"
        ),
        SkipReason.TOO_OLD: f"it happened more than {config.events.max_age_s} s ago (events.max_age_s)",
        SkipReason.NO_SHARED_ID: (
            f"{paths['event_id.shared']} is absent, and the browser has the tag as well (dedup.browser_tag)"
        ),
        SkipReason.OUTSIDE_CUTOVER: "it happened before active_from, or not before active_until, of its ad account",
        SkipReason.SUPPRESSED: ("an e-mail address, telephone number or external id of it is in privacy.suppress_file"),
        SkipReason.NO_IDENTITY: ("neither e-mail, nor advertising id, nor both public address and user agent are left"),
    }
    if reason in of_settings:
        return of_settings[reason]
    said = [_rule(rule) for rule in mapping.skip if rule.reason is reason]
    if reason is SkipReason.NOT_A_CONVERSION and not isinstance(mapping.targets["event_name"], Constant):
        newer = "" if config.events.newer_fields else ", or one that needs events.newer_fields"
        said.append(f"{mapping.places['event_name']} gives no name{newer}")
    if reason is SkipReason.CHANNEL_EXCLUDED:
        said.append(f"{mapping.places['action_source']} says skip")
    if reason is SkipReason.BOT:
        said.append("it has the user agent of Pinterest's crawler")
    return "; or ".join(each.removeprefix(f"{mapping.file.parent}/") for each in said)


def _rule(rule: SkipRule) -> str:
    return f"{rule.place} asks {', '.join(map(str, dict.fromkeys(paths_in(rule.condition))))}"


def fields_of(
    outcome: Mapped, mapping: MappingFile, record: Mapping[str, Any], whole: Mapping[str, Any], config: Config
) -> Iterator[dict[str, Any]]:
    """Of each target of the mapping: what was found, and into which fields of the event it went, or why into none.

    Args:
        outcome: The event.
        mapping: That made it.
        record: What the mapping is about.
        whole: The record with its envelope.
        config: Whose `privacy.fields` had a say.
    """
    for flow in flows(mapping, frozenset(config.privacy.fields)):
        is_of_lines = flow.target.section == "lines"
        bases = _lines(mapping, record, whole) if is_of_lines else [record]
        before = f"{mapping.each}[]." if is_of_lines else ""
        found = {f"{before}{path}": _found(path, bases, whole) for path in flow.paths}
        told: dict[str, Any] = {"target": flow.target.key}
        told |= {"found": found} if flow.paths else {"from": origin(mapping, flow)}
        sent = [field for field in flow.target.feeds if _is_in(field, outcome.payload)]
        if flow.leaves is Leaves.DECIDES:
            told["decides"] = list(flow.target.feeds) or ["ad_account_id"]
        elif sent:
            told |= {"sent": sent, "as": flow.leaves.value}
        else:
            told["absent"] = _why_absent(flow, outcome, is_found=any(shape != _NOTHING for shape in found.values()))
        yield told


_NOTHING = "nothing"


def _why_absent(flow: Flow, outcome: Mapped, *, is_found: bool) -> str:
    if flow.leaves is Leaves.NEVER:
        return "privacy.fields keeps it back"
    if flow.paths and not is_found:
        return "there is nothing"
    if not flow.is_offline and outcome.payload["action_source"] == "offline":
        return "not the shopper's, of an offline event"
    names = {name for field in flow.target.feeds for name in (field, field.rpartition(".")[2])}
    if names & {clipped.removeprefix("user_data.") for clipped in outcome.clipped} | names & set(outcome.clipped):
        return "not usable as it is, or beyond a limit: clipped"
    return "not told by this event"


def _lines(mapping: MappingFile, record: Mapping[str, Any], whole: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    lines = None if mapping.each is None else _at(mapping.each, record, whole)
    return [line for line in lines if isinstance(line, dict)] if isinstance(lines, list) else []


def _found(path: Path, bases: list[Mapping[str, Any]], whole: Mapping[str, Any]) -> str:
    """The shape of what a path leads to, in the first of several records in which it leads to anything."""
    for base in bases:
        value = _at(path, base, whole)
        if reading.is_present(value):
            return reading.shape_of(value)
    return _NOTHING


def _at(path: Path, record: Any, whole: Any) -> Any:
    value = whole if path.is_absolute else record
    for number, step in enumerate(path.steps):
        if isinstance(step, Every):
            rest = Path(path.steps[number + 1 :])
            return (
                [found for each in value if (found := _at(rest, each, whole)) is not None]
                if isinstance(value, list)
                else None
            )
        value = _stepped(value, step)
    return value


def _stepped(value: Any, step: Step) -> Any:
    ignored: list[str] = []  # an event was made, so nothing that was read has a wrong type
    match step:
        case Field(name):
            return reading.member(value, name, "", ignored)
        case Item(at):
            return reading.item(value, at, "", ignored)
        case Match(name, wanted):
            return reading.match(value, name, wanted, "", ignored)
        case Every():
            return value


def _is_in(field: str, payload: Any) -> bool:
    name, _, rest = field.partition(".")
    if isinstance(payload, list):
        return any(_is_in(field, each) for each in payload)
    if not isinstance(payload, dict) or name not in payload:
        return False
    return _is_in(rest, payload[name]) if rest else True
