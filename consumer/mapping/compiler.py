"""Turns a mapping and a writer's schema into plain Python that takes the facts out of one record after the other.

Compiled once per schema: what the schema settles (which fields there are, of which type, whether they may be null) is
not asked again for each record. What it leaves open, or what no schema tells of, is asked by `reading.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from consumer.mapping import reading
from consumer.mapping.drafting import NOTHING, Base, Draft, Function
from consumer.mapping.evaluation import Evaluator
from consumer.mapping.expressions import Constant, needed_paths, paths_in
from consumer.mapping.facts import Circumstances, LineFacts, Matter, Person, Surroundings, Totals
from consumer.mapping.findings import Finding
from consumer.mapping.language import MappingFile
from consumer.mapping.paths import Path
from consumer.mapping.shapes import Shape
from consumer.mapping.targets import SKIP, TARGETS, Takes, Target
from consumer.mapping.walking import Walker
from consumer.pinterest.events import has_identity
from consumer.records import SkipReason

Problems = list[str]

_CATEGORIES = frozenset({"lines.item_category", "custom_data.content_category"})
_TELLS_OF_GOODS = frozenset({
    "event_source_url", "custom_data.search_string", "custom_data.content_name", "custom_data.content_brand",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Compiled:
    """A mapping for records of one schema. Each function takes the record as decoded, and a list for its problems."""

    enter: Callable[[Any, Problems], Any]
    """The record that the mapping is about: the whole, or what is in the envelope; None if that is empty."""
    decide: Callable[[Any, Any, Problems], str | SkipReason]
    """The name of the event, or why there is none."""
    circumstances: Callable[[Any, Any, Problems], Circumstances]
    person: Callable[[Any, Any, Problems], Person]
    surroundings: Callable[[Any, Any, Problems], Surroundings]
    matter: Callable[[Any, Any, Problems], Matter]
    findings: tuple[Finding, ...]
    source: str
    """The generated code, to be read."""
    paths: Mapping[str, str]
    """By target, the path that its value is expected at; for messages."""


def compile_mapping(
    mapping: MappingFile,
    shape: Shape,
    *,
    settings: Mapping[str, str],
    unit: str | None = None,
    allowed: frozenset[str] | None = None,
    needs_categories: bool = False,
) -> Compiled:
    """Compile a mapping for records of one shape.

    Args:
        mapping: What the file says.
        shape: Of the records, by their writer's schema; `ANYTHING` if no schema is known.
        settings: What the mapping may ask of the configuration.
        unit: What whole numbers in amounts of money count, where the mapping does not say: `minor`, `major`, or None.
        allowed: The fields of `user_data` that may leave at all; others are not even read. None: all.
        needs_categories: Does it depend on what was bought what may be told of it? Then no record is guessed at that
            does not say it.
    """
    compiler = _Compiler(mapping, shape, settings=settings, unit=unit, allowed=allowed, redacts=needs_categories)
    return compiler.compiled()


class _Compiler:
    """Writes the functions of one mapping."""

    def __init__(
        self,
        mapping: MappingFile,
        shape: Shape,
        *,
        settings: Mapping[str, str],
        unit: str | None,
        allowed: frozenset[str] | None,
        redacts: bool,
    ) -> None:
        self._mapping = mapping
        self._allowed = allowed
        self._redacts = redacts
        self._draft = Draft(Base("top", shape))
        self._walker = Walker(self._draft)
        self._evaluator = Evaluator(self._draft, self._walker, settings, unit)
        self._values: dict[str, str] = {}
        """By target, what the code calls its value."""

    def compiled(self) -> Compiled:
        top = record = self._draft.top
        functions = []
        self._begin("enter", "top, problems", "root", is_vital=True)
        if self._mapping.root is not None:
            variable, shape = self._walker.walk(self._mapping.root, top)
            self._draft.function.line(f"return {variable}")
            record = Base("record", shape.present(), f"{self._mapping.root}.")
        else:
            self._draft.function.line("return top")
            record = Base("record", top.shape)
        functions.append(self._draft.function)
        for name, write in (
            ("decide", self._write_decide),
            ("circumstances", self._write_circumstances),
            ("person", self._write_person),
            ("surroundings", self._write_surroundings),
            ("matter", self._write_matter),
        ):
            self._begin(name, "record, top, problems", name, is_vital=False)
            write(record)
            functions.append(self._draft.function)
        self._ask_for_identity()
        self._ask_for_categories()
        source = "\n\n\n".join("\n".join(function.lines) for function in functions) + "\n"
        namespace = {**_RUNTIME, **self._draft.constants.by_name}
        exec(compile(source, f"<mapping {self._mapping.file.name}>", "exec"), namespace)  # noqa: S102 - of our own making
        return Compiled(
            **{name: namespace[name] for name in _FUNCTIONS},
            findings=self._draft.findings.all,
            source=source,
            paths={key: self._path_of(key) for key in TARGETS},
        )

    def _begin(self, name: str, parameters: str, about: str, *, is_vital: bool) -> None:
        self._draft.function = Function(name, parameters)
        self._draft.findings.about(about, is_vital=is_vital)

    def _ask_for_identity(self) -> None:
        """Without one of these no event is ever sent. Source: Pinterest API v5 description, `user_data`."""
        able = {key.removeprefix("user_data."): True for key, value in self._values.items() if value not in NOTHING}
        if not has_identity(able):
            # Where the configuration keeps it back, that is as its operator wishes: every event is skipped.
            is_let = self._allowed is None or has_identity(dict.fromkeys(self._allowed, True))
            self._draft.findings.about("user_data", is_vital=is_let)
            self._draft.findings.absent(
                "no record can have what Pinterest needs to know a person by: em, or hashed_maids, "
                "or both client_ip_address and client_user_agent"
            )

    def _ask_for_categories(self) -> None:
        """A mapping that tells of goods must tell their category, or nobody could see that they are sensitive."""
        if not self._redacts:
            return
        said = self._mapping.targets.keys()
        self._draft.findings.about("privacy.redact_when", is_vital=True)
        if any(TARGETS[key].section == "lines" for key in said) and "lines.item_category" not in said:
            self._draft.findings.absent("`lines` tell what was bought, and no `item_category`")
        elif not said & _CATEGORIES and said & _TELLS_OF_GOODS:
            self._draft.findings.absent("goods are told of, and neither `lines.item_category` nor `content_category`")

    def _path_of(self, key: str) -> str:
        """Where a target's value is expected, for messages; the target itself if no path leads to it."""
        expression = self._mapping.targets.get(key)
        paths = () if expression is None else dict.fromkeys(map(str, needed_paths(expression)))
        return " or ".join(paths) or key

    # --- the functions -------------------------------------------------------------------------------------

    def _write_decide(self, record: Base) -> None:
        for rule in self._mapping.skip:
            is_vital = rule.reason not in (SkipReason.BOT, SkipReason.TEST_ORDER)
            self._draft.findings.about(f"skip {rule.reason}", is_vital=is_vital)
            condition = self._evaluator.condition(rule.condition, record)
            with self._draft.function.block(f"if {condition}:"):
                self._draft.function.line(f"return {self._draft.constants.refer(rule.reason)}")
        skipped = self._draft.constants.refer(SkipReason.NOT_A_CONVERSION)
        name = self._value("event_name", record)
        if isinstance(self._mapping.targets.get("event_name"), Constant):
            self._draft.function.line(f"return {name}")
        else:
            self._draft.function.line(f"return {skipped} if {name} is None or {name} == {SKIP!r} else {name}")

    def _write_circumstances(self, record: Base) -> None:
        keys = (
            "event_time", "action_source", "routing.merchant_id", "routing.ad_account_id", "consent.advertising",
            "consent.global_privacy_control", "consent.limited_data_processing", "consent.jurisdiction",
            "user_data.country", "limit_ad_tracking", "advertiser_tracking_enabled", "user_data.client_user_agent",
        )  # fmt: skip
        self._return("Circumstances", [self._value(key, record) for key in keys])

    def _write_person(self, record: Base) -> None:
        keys = ("em", "ph", "fn", "ln", "db", "ge", "ct", "st", "zp", "external_id", "partner_id")
        self._return("Person", [self._value(f"user_data.{name}", record) for name in keys])

    def _write_surroundings(self, record: Base) -> None:
        keys = (
            "user_data.client_ip_address", "user_data.click_id", "user_data.browser_id", "user_data.hashed_maids",
            "event_source_url", "landing_url", "language",
        )  # fmt: skip
        values = [self._value(key, record) for key in keys]
        self._return("Surroundings", [*values, self._dict("app_info", record), self._dict("device_info", record)])

    def _write_matter(self, record: Base) -> None:
        keys = ("event_id.shared", "event_id.own", "custom_data.order_id", "custom_data.currency")
        values = [self._value(key, record) for key in keys]
        self._evaluator.scale = self._draft.function.assign(f"scale_of('minor', {values[-1]})")
        values += [self._value("custom_data.value", record), self._totals(record), self._lines(record)]
        names = ("predicted_ltv", "search_string", "content_name", "content_category", "content_brand",
                 "external_measurement_id")  # fmt: skip
        values += [self._value(f"custom_data.{name}", record) for name in names]
        self._return("Matter", values)

    def _totals(self, record: Base) -> str:
        keys = [key for key, target in TARGETS.items() if target.section == "totals"]
        if not any(key in self._mapping.targets for key in keys):
            return "None"
        return self._draft.function.assign(f"Totals({', '.join(self._value(key, record) for key in keys)})")

    def _lines(self, record: Base) -> str:
        if self._mapping.each is None:
            return "[]"
        self._draft.findings.about("lines.each", is_vital=True)
        variable, shape = self._walker.walk(self._mapping.each, record)
        inner = shape.item()
        text = f"{record.text}{self._mapping.each}"
        if inner is None:
            self._walker.no_array(variable, shape, text)
            return "[]"
        lines = self._draft.function.reserve("[]")
        with self._draft.function.block(f"for number, line in enumerate(records({variable}, {text!r}, problems)):"):
            before = self._draft.function.assign("len(problems)")
            self._line(Base("line", inner.present(), f"{text}[]."), lines)
            with self._draft.function.block(f"if len(problems) != {before}:"):
                self._draft.function.line(f"give_number(problems, {before}, {text + '[]'!r}, number)")
        return lines

    def _line(self, line: Base, lines: str) -> None:
        if self._mapping.where is not None:
            self._draft.findings.about("lines.where", is_vital=True)
            with self._draft.function.block(f"if not ({self._evaluator.condition(self._mapping.where, line)}):"):
                if self._redacts:
                    self._left_out(line, lines)
                self._draft.function.line("continue")
        names = ("id", "item_name", "item_category", "item_brand", "item_brand_id", "quantity", "unit_price", "tax",
                 "type")  # fmt: skip
        values = [self._value(f"lines.{name}", line) for name in names]
        self._draft.function.line(f"{lines}.append(LineFacts({', '.join(values)}))")

    def _left_out(self, line: Base, lines: str) -> None:
        """A line of no quantity is told nowhere; its category may be what makes the others sensitive."""
        category, nothing = self._value("lines.item_category", line), self._draft.constants.refer(Decimal(0))
        self._draft.function.line(
            f"{lines}.append(LineFacts(None, None, {category}, None, None, {nothing}, None, None, None))"
        )

    def _dict(self, section: str, record: Base) -> str:
        """Facts by name, of a section in which nearly all records say all or nothing."""
        keys = [key for key in self._mapping.targets if TARGETS[key].section == section]
        facts = self._draft.function.reserve("{}")
        if not keys:
            return facts
        shared = _shared_prefix([tuple(paths_in(self._mapping.targets[key])) for key in keys])
        if shared is None:
            self._entries(keys, record, facts)
            return facts
        self._draft.findings.about(section, is_vital=False)
        variable, shape = self._walker.walk(shared, record)
        if variable == "None":
            return facts
        with self._draft.function.block(f"if {variable} is not None:"):
            self._draft.function.remember(record, shared, variable, shape.present())
            self._entries(keys, record, facts)
        return facts

    def _entries(self, keys: Sequence[str], record: Base, facts: str) -> None:
        for key in keys:
            value = self._value(key, record)
            if value in NOTHING:
                continue
            given = f"{facts}[{TARGETS[key].name!r}] = {value}"
            if not value.isidentifier() or value in ("True", "False"):  # a literal
                self._draft.function.line(given)
                continue
            is_there = value if TARGETS[key].takes is Takes.TEXTS else f"{value} is not None"
            with self._draft.function.block(f"if {is_there}:"):
                self._draft.function.line(given)

    def _return(self, name: str, values: Sequence[str]) -> None:
        self._draft.function.line(f"return {name}({', '.join(values)})")

    def _value(self, key: str, base: Base) -> str:
        """The variable, or the literal, with a target's value."""
        target, expression = TARGETS[key], self._mapping.targets.get(key)
        if expression is None or not self._may_leave(target):
            value = "[]" if target.takes is Takes.TEXTS else "None"
        else:
            if self._redacts and key in _CATEGORIES:
                target = replace(target, is_vital=True)
            value = self._evaluator.value(target, expression, base)
        self._values[key] = value
        return value

    def _may_leave(self, target: Target) -> bool:
        if self._allowed is None or target.section != "user_data" or target.name == "country":
            return True  # the country also decides whose law it is
        name = "external_id" if target.name == "browser_id" else target.name
        return name in self._allowed or name == "client_user_agent"  # by which bots are told


_FUNCTIONS = ("enter", "decide", "circumstances", "person", "surroundings", "matter")
_RUNTIME: Mapping[str, Any] = {
    **{
        made.__name__: made
        for made in (Circumstances, Person, Surroundings, Matter, Totals, LineFacts)
    },
    **{
        used.__name__: used
        for used in (
            reading.amount, reading.called, reading.choice, reading.compared, reading.count, reading.counted,
            reading.day, reading.every, reading.flag, reading.give_number, reading.has, reading.instant_ms,
            reading.is_present, reading.item, reading.match, reading.member, reading.quantity, reading.records,
            reading.scale_of, reading.text, reading.texts, reading.word,
        )
    },
    "EPOCH": reading.EPOCH,
    "MILLISECOND": reading.MILLISECOND,
}  # fmt: skip
"""What generated code may refer to, besides the constants of its mapping."""


def _shared_prefix(expressions: Sequence[tuple[Path, ...]]) -> Path | None:
    """The first field, if every path of every expression leads through it and beyond, and each has one."""
    paths = [path for each in expressions for path in each]
    if not all(expressions) or any(path.is_absolute or len(path.steps) == 1 for path in paths):
        return None
    first = {path.steps[0] for path in paths}
    return Path((first.pop(),), is_optional=all(path.is_optional for path in paths)) if len(first) == 1 else None
