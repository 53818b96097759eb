"""The text of a mapping that `conversions init` drafts: what was recognised, what was answered, what is left to do."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import yaml

from consumer.cli.init_answers import CHECKOUT, AccountTable, Answers, Consent, NotRequired
from consumer.cli.init_targets import amounts, chosen
from consumer.mapping.known_names import CANCELLED_AT, CHANNEL, IS_BOT, IS_TEST, NEWSLETTER, STATE, STATE_BEFORE
from consumer.mapping.paths import Path
from consumer.mapping.recognition import Candidate, Recognised
from consumer.mapping.shapes import Kind
from consumer.mapping.targets import TARGETS, Takes
from consumer.pinterest.events import has_identity

OPEN = "{}"
"""A value that no mapping takes: `conversions check` names its line until somebody has filled it in."""

_PLAIN = re.compile(r"[A-Za-z_$./][\w.$/-]*")
_MOST_OTHERS = 3
_CHANNELS = {
    **dict.fromkeys(("web", "website", "online", "desktop", "mobile_web"), "web"),
    **dict.fromkeys(("app_ios", "ios", "iphone", "ipad"), "app_ios"),
    **dict.fromkeys(("app_android", "android"), "app_android"),
    **dict.fromkeys(("pos", "store", "retail", "call_center", "phone"), "offline"),
    **dict.fromkeys(("marketplace", "import"), "skip"),
}
_WORTH_HAVING = ("em", "ph", "external_id", "client_ip_address", "client_user_agent", "click_id", "country")
_REMARKS = {
    "landing_url": "the click id may stand in it as `epik`",
    "user_data.db": "sent only if privacy.fields has it",
    "user_data.ge": "sent only if privacy.fields has it",
    "totals.items_net": "goods after discount, without shipping; if before discount, this is items_gross",
    "lines.id": "as in the catalogue's feed",
    "lines.unit_price": "of one piece, before discount",
    "lines.tax": "of the whole line",
}


@dataclass(frozen=True, slots=True)
class Names:
    """Of the files that belong together."""

    schema: str
    mapping: str
    examples: str | None


def drafted_mapping(found: Recognised, answers: Answers, names: Names) -> str:
    """YAML, as people write it. What must be said and was not recognised stands there as `{}`, with what to do."""
    return "\n".join(_Draft(found, answers).lines(names)) + "\n"


def scalar(text: str) -> str:
    """A text as it stands in YAML, in quotes where it would be read as something else."""
    is_plain = _PLAIN.fullmatch(text) is not None and yaml.safe_load(text) == text
    return text if is_plain else '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


class _Draft:
    def __init__(self, found: Recognised, answers: Answers) -> None:
        self._found, self._answers = found, answers
        self._places = chosen(answers.event, found)
        self._is_checkout = answers.event == CHECKOUT

    def lines(self, names: Names) -> Iterator[str]:
        yield f"# Drafted by `conversions init` from the names of fields in {names.schema}, so by guesses: read"
        yield "# every line, and fill in those that say TO DO. The language: docs/mapping.md, A schema of your own."
        yield "version: 1"
        yield f"schema: {scalar(names.schema)}"
        if names.examples is not None:
            yield f"examples: {scalar(names.examples)}"
        if self._found.root is not None:
            yield f"root: {self._found.root} # an empty one, of a deleted row, is no conversion"
        if rules := list(self._rules()):
            yield from ("", "skip:", *(f"  - {rule}" for rule in rules))
        yield ""
        yield from self._event()
        yield from self._section("consent", self._consent())
        yield from self._section("user_data", self._user_data())
        yield from self._section("custom_data", self._custom_data())
        yield from self._section("totals", self._totals())
        yield from self._section("lines", self._lines())
        for section in ("app_info", "device_info"):
            yield from self._section(section, self._said(section))

    # --- which records, as what ----------------------------------------------------------------------------

    def _rules(self) -> Iterator[str]:
        if self._found.root is not None and self._answers.counting is None:
            yield "{reason: not_a_conversion, unless: {path: $.op, is: c}} # new rows, but no changes, nor snapshots"
        elif self._found.root is not None:
            yield "{reason: not_a_conversion, unless: {path: $.op, in: [c, u]}} # no snapshots (r), no deletions (d)"
        for reason, hint in (("test_order", IS_TEST), ("bot", IS_BOT)):
            if (candidate := self._hint(hint)) is not None:
                yield f"{{reason: {reason}, when: {scalar(str(candidate.path))}}}"
        if self._is_checkout and (cancelled := self._hint(CANCELLED_AT)) is not None:
            yield f"{{reason: not_a_conversion, when: {{path: {scalar(str(cancelled.path))}, present: true}}}}"
        counting = self._answers.counting
        if counting is None:
            return
        path, test = counting.path, _test(counting.words)
        yield f"{{reason: not_a_conversion, unless: {{path: {scalar(str(path))}, {test}}}}}"
        if (before := self._before(path)) is not None:  # a change that does not tell it counts as one into the state
            yield f"{{reason: not_a_transition, when: {{path: {scalar(before)}, {test}}}}}"

    def _before(self, path: Path) -> str | None:
        """Where an order's state before its change stands, if it does."""
        if self._found.root is not None and not path.is_absolute:
            return f"$.before.{path}"
        state, before = self._hint(STATE), self._hint(STATE_BEFORE)
        return str(before.path) if before is not None and state is not None and state.path == path else None

    def _event(self) -> Iterator[str]:
        several = f"{{path: {hint.path}, table: {{WORD: EVENT}}}}" if (hint := self._hint(STATE)) is not None else None
        yield _entry(
            "event_name",
            f"{{constant: {self._answers.event}}}",
            None if several is None or self._is_checkout else f"or, of several kinds of records: {several}",
        )
        yield from self._section("event_id", self._event_id(), gap=False)
        yield self._time()
        yield from self._action_source()
        for key in ("event_source_url", "landing_url", "language", "limit_ad_tracking", "advertiser_tracking_enabled"):
            if key in self._places:
                yield self._entry(key)
        if isinstance(self._answers.accounts, AccountTable):
            yield from self._section("routing", [f"merchant_id: {scalar(str(self._answers.accounts.merchant))}"])

    def _event_id(self) -> Iterator[str]:
        if self._is_checkout:
            order = self._best("custom_data.order_id")
            if order is None:
                yield f'shared: {OPEN} # TO DO: of the order\'s number, as {{template: "shop:{{number}}:checkout"}}'
                return
            shop, snippet = self._shop()
            template = f"{{template: {scalar(f'{shop}:{{{order.path}}}:checkout')}}}"
            tags = self._best("event_id.shared")
            or_that = "" if tags is None else f"; or {tags.path}, if that is what it sends for the checkout"
            yield _entry(
                "shared", template, f"the tag must send the same: {snippet}{or_that}" if self._has_tag else None
            )
            return
        shared, own, has_tag = self._best("event_id.shared"), self._best("event_id.own"), self._has_tag
        if shared is not None:
            yield self._entry("event_id.shared")
        elif has_tag:
            perhaps = "" if own is None else f"; {own.path}, if the page hands it to the tag"
            yield f"shared: {OPEN} # TO DO: the id that the tag sends for the same action{perhaps}"
        if own is not None and (shared is not None or not has_tag):
            yield self._entry("event_id.own")
        elif shared is None and not has_tag:
            yield f"own: {OPEN} # TO DO: an id that is the same at every redelivery of the record"

    def _shop(self) -> tuple[str, str]:
        """What stands before an order's number in its id, and the command that makes the tag send the same."""
        table, snippet = self._answers.accounts, "conversions tag-snippet"
        if isinstance(table, AccountTable):
            return f"{{{table.merchant}}}", snippet
        if (merchant := self._best("routing.merchant_id")) is not None:
            return f"{{{merchant.path}{'?' if merchant.shape.is_optional else ''}}}", snippet
        return "shop", f"{snippet} --merchant shop"

    @property
    def _has_tag(self) -> bool:
        return self._answers.browser_tag == "present"

    def _time(self) -> str:
        time = self._best("event_time")
        if time is None:
            return f"event_time: {OPEN} # TO DO: when it happened, of an order when it was placed"
        if Kind.LOCAL_INSTANT in time.shape.kinds:
            return (
                f"event_time: {OPEN} # TO DO: {{path: {time.path}, zone: Europe/Berlin}}, with the zone of these times"
            )
        remark = None
        if Kind.TEXT in time.shape.kinds:
            remark = "ISO 8601, with its zone"
        elif Kind.INTEGER in time.shape.kinds:
            remark = "since 1970; seconds, milliseconds and finer are told apart by their size"
        return self._entry("event_time", remark)

    def _action_source(self) -> Iterator[str]:
        channel = self._hint(CHANNEL)
        if channel is None:
            yield "action_source: {constant: web} # or app_ios, app_android, offline"
            return
        table = {word: _CHANNELS[word.lower()] for word in channel.shape.symbols if word.lower() in _CHANNELS}
        if table:
            words = ", ".join(f"{scalar(word)}: {source}" for word, source in table.items())
            yield f"action_source: {{path: {channel.path}, table: {{{words}}}, otherwise: web}}"
            return
        by_word = f"{{path: {channel.path}, table: {{web: web, ios: app_ios, pos: offline}}, otherwise: web}}"
        yield f"# If some are not of the web: {by_word}"
        yield "action_source: {constant: web}"

    # --- whether, who, what --------------------------------------------------------------------------------

    def _consent(self) -> Iterator[str]:
        said = self._answers.consent
        if isinstance(said, NotRequired):
            yield f"not_required: {scalar(said.basis)}"
            return
        table = ", ".join(
            f"{scalar(word)}: {meaning}"
            for words, meaning in ((said.granted, "granted"), (said.denied, "denied"))
            for word in words
        )
        yield f"advertising: {{path: {scalar(str(said.path))}, table: {{{table}}}}}"
        newsletter = self._hint(NEWSLETTER)
        if newsletter is not None and newsletter.path != said.path:
            yield f"# {newsletter.path} looks like agreement to a newsletter, which is no consent to advertising."
        yield from self._said("consent")

    def _user_data(self) -> Iterator[str]:
        names = {key.removeprefix("user_data.") for key in self._places if key.startswith("user_data.")}
        if not has_identity(dict.fromkeys(names, True)):
            others = "hashed_maids, or both client_ip_address and client_user_agent"
            yield f"em: {OPEN} # TO DO: an e-mail address; or, in its place, {others}"
        yield from self._said("user_data")
        missing = [name for name in _WORTH_HAVING if name not in names]
        if missing:
            yield f"# Not recognised, and worth having: {', '.join(missing)}"
        if "country" in missing and isinstance(self._answers.consent, Consent):
            yield "# Without a country everybody is asked as in the EEA."

    def _custom_data(self) -> Iterator[str]:
        if self._is_checkout and "custom_data.order_id" not in self._places:
            yield f"order_id: {OPEN} # TO DO: the order's number"
        if "custom_data.currency" not in self._places and (self._is_checkout or amounts(self._places)):
            yield f"currency: {OPEN} # TO DO: ISO 4217, as EUR"
        yield from self._said("custom_data")
        has_value = any(key.startswith(("totals.items", "custom_data.value")) for key in self._places)
        if self._is_checkout and not has_value:
            yield f"value: {OPEN} # TO DO: of the goods after discount, without shipping, {self._taxed}"

    @property
    def _taxed(self) -> str:
        how = "without" if self._answers.value_basis == "net" else "with"
        return f"{how} tax (events.value_basis: {self._answers.value_basis})"

    def _totals(self) -> Iterator[str]:
        yield from self._said("totals")
        if self._answers.tax_included is not None:
            yield f'tax_included: {{constant: "{self._answers.tax_included}"}}'

    def _lines(self) -> Iterator[str]:
        if not self._found.lines:
            return
        yield _entry("each", scalar(str(self._found.lines[0].path)), _others(self._found.lines))
        yield from self._said("lines")

    # --- small things --------------------------------------------------------------------------------------

    def _best(self, key: str) -> Candidate | None:
        return self._found.targets[key][0] if key in self._found.targets else None

    def _hint(self, name: str) -> Candidate | None:
        return self._found.hints[name][0] if name in self._found.hints else None

    def _said(self, section: str) -> Iterator[str]:
        yield from (self._entry(key) for key in self._places if TARGETS[key].section == section)

    def _entry(self, key: str, remark: str | None = None) -> str:
        """A target, where it is likeliest to stand, and where else it might."""
        candidates = self._places[key]
        if key == "custom_data.value":
            remark = f"of the goods after discount, without shipping, {self._taxed}?"
        elif key == "totals.items_net" and not {"totals.tax", "lines.tax"} & self._places.keys():
            remark = f"of the goods after discount, {self._taxed}?"
        said = [each for each in (remark or _REMARKS.get(key), _others(candidates)) if each is not None]
        return _entry(TARGETS[key].name, _value(key, candidates[0]), "; ".join(said) or None)

    def _section(self, name: str, entries: Iterator[str] | Sequence[str], *, gap: bool = True) -> Iterator[str]:
        if listed := list(entries):
            yield from (*([""] if gap else []), f"{name}:", *(f"  {entry}" for entry in listed))


def _value(key: str, candidate: Candidate) -> str:
    path = scalar(str(candidate.path))
    if candidate.unit is not None:
        return f"{{path: {path}, unit: {candidate.unit}}}"
    if TARGETS[key].takes is Takes.CHOICE and Kind.FLAG in candidate.shape.kinds:  # of lines: is it a gift card?
        return f'{{path: {path}, table: {{"true": gift_card}}, otherwise: product}}'
    return path


def _entry(name: str, value: str, remark: str | None) -> str:
    return f"{name}: {value}" if remark is None else f"{name}: {value} # {remark}"


def _others(candidates: Sequence[Candidate]) -> str | None:
    others = [str(candidate.path) for candidate in candidates[1 : 1 + _MOST_OTHERS]]
    return f"or: {', '.join(others)}" if others else None


def _test(words: Sequence[str]) -> str:
    listed = ", ".join(map(scalar, words))
    return f"is: {listed}" if len(words) == 1 else f"in: [{listed}]"
