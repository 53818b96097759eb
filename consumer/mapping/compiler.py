"""Turns a mapping and a writer's schema into plain Python that takes the facts out of one record after the other.

Compiled once per schema: what the schema settles (which fields there are, of which type, whether they may be null) is
not asked again for each record. What it leaves open, or what no schema tells of, is asked by `reading.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from difflib import get_close_matches
from typing import Any
from zoneinfo import ZoneInfo

from consumer.mapping import reading
from consumer.mapping.expressions import (
    All,
    Both,
    Call,
    Compared,
    Condition,
    Constant,
    Counted,
    Either,
    Expression,
    First,
    If,
    IsTrue,
    Local,
    Not,
    OneOf,
    Present,
    Setting,
    Table,
    Template,
    needed_paths,
    paths_in,
)
from consumer.mapping.facts import Circumstances, LineFacts, Matter, Person, Surroundings, Totals
from consumer.mapping.language import MappingFile
from consumer.mapping.paths import Every, Field, Item, Match, Path
from consumer.mapping.shapes import ANYTHING, Kind, Shape
from consumer.mapping.targets import SKIP, TARGETS, Takes, Target
from consumer.records import SkipReason

Problems = list[str]

_TEXTUAL = frozenset({Kind.TEXT, Kind.UUID, Kind.INTEGER})
_NUMERIC = frozenset({Kind.DECIMAL, Kind.DOUBLE, Kind.INTEGER, Kind.TEXT})
_ACCEPTED: Mapping[Takes, frozenset[Kind]] = {
    Takes.TEXT: _TEXTUAL,
    Takes.TEXTS: _TEXTUAL | {Kind.LIST},
    Takes.CHOICE: _TEXTUAL | {Kind.FLAG},
    Takes.FLAG: frozenset({Kind.FLAG}),
    Takes.COUNT: frozenset({Kind.INTEGER}),
    Takes.AMOUNT: _NUMERIC,
    Takes.QUANTITY: _NUMERIC,
    Takes.TIME: frozenset({Kind.INSTANT, Kind.LOCAL_INSTANT, Kind.INTEGER, Kind.TEXT}),
    Takes.DAY: frozenset({Kind.DAY, Kind.INSTANT, Kind.LOCAL_INSTANT, Kind.INTEGER, Kind.TEXT}),
}
_WORDS = _TEXTUAL | {Kind.FLAG}
_NULL = Shape("null", {})
_WORD = Target("", "a word", Takes.TEXT)
_FLAG = Target("", "a condition", Takes.FLAG)


@dataclass(frozen=True, slots=True)
class Finding:
    """A path of the mapping that the schema does not bear out."""

    target: str
    """Its key, or the reason of a rule."""
    problem: str
    is_vital: bool


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
) -> Compiled:
    """Compile a mapping for records of one shape.

    Args:
        mapping: What the file says.
        shape: Of the records, by their writer's schema; `ANYTHING` if no schema is known.
        settings: What the mapping may ask of the configuration.
        unit: What whole numbers in amounts of money count, where the mapping does not say: `minor`, `major`, or None.
        allowed: The fields of `user_data` that may leave at all; others are not even read. None: all.
    """
    return _Compiler(mapping, shape, settings, unit, allowed).compiled()


@dataclass(frozen=True, slots=True)
class _Base:
    """Where paths start from."""

    variable: str
    shape: Shape
    text: str = ""
    """What comes before a path in messages."""


@dataclass(frozen=True, slots=True)
class _Options:
    """What surrounds an expression says of its value."""

    zone: str | None = None
    unit: str | None = None


class _Function:
    """The text of one function as it grows."""

    def __init__(self, name: str, parameters: str) -> None:
        self.lines = [f"def {name}({parameters}):"]
        self._depth = 1
        self._known: dict[tuple[str, Path], tuple[str, Shape]] = {}
        self._variables = 0

    def line(self, text: str) -> None:
        self.lines.append("    " * self._depth + text)

    def assign(self, expression: str) -> str:
        """Give a value a name; what is a name or a literal keeps it."""
        if expression in ("None", "[]") or expression.isidentifier():
            return expression
        return self.reserve(expression)

    def reserve(self, expression: str) -> str:
        """A name of its own, which may be assigned to again."""
        self._variables += 1
        name = f"v{self._variables}"
        self.line(f"{name} = {expression}")
        return name

    @contextmanager
    def block(self, header: str) -> Iterator[None]:
        """Lines that do not always run: what is found out in them is not known after them."""
        self.line(header)
        known, self._known = self._known, dict(self._known)
        self._depth += 1
        before = len(self.lines)
        yield
        if len(self.lines) == before:
            self.line("pass")
        self._depth -= 1
        self._known = known

    def recall(self, base: _Base, path: Path) -> tuple[str, Shape] | None:
        return self._known.get((base.variable, path))

    def remember(self, base: _Base, path: Path, variable: str, shape: Shape) -> None:
        self._known[base.variable, path] = (variable, shape)


@dataclass(slots=True)
class _Compiler:
    mapping: MappingFile
    shape: Shape
    settings: Mapping[str, str]
    unit: str | None
    allowed: frozenset[str] | None
    findings: dict[Finding, None] = field(default_factory=dict)
    names: dict[str, Any] = field(default_factory=dict)
    """What the generated code refers to."""
    function: _Function = field(init=False)
    target: Target = field(default=_FLAG, init=False)
    """What the expression at hand is for."""
    scale: str = field(default="None", init=False)
    """The variable with the digits of minor units."""
    finding_for: tuple[str, bool] = field(default=("", False), init=False)
    absent_alternatives: list[Finding] | None = field(default=None, init=False)

    def compiled(self) -> Compiled:
        top = _Base("top", self.shape)
        record = top
        functions = []
        self._begin("enter", "top, problems", "root", is_vital=True)
        if self.mapping.root is not None:
            variable, shape = self._walk(self.mapping.root, top)
            self.function.line(f"return {variable}")
            record = _Base("record", shape.present(), f"{self.mapping.root}.")
        else:
            self.function.line("return top")
            record = _Base("record", self.shape)
        functions.append(self.function)
        for name, write in (
            ("decide", self._write_decide),
            ("circumstances", self._write_circumstances),
            ("person", self._write_person),
            ("surroundings", self._write_surroundings),
            ("matter", self._write_matter),
        ):
            self._begin(name, "record, top, problems", name, is_vital=False)
            write(record)
            functions.append(self.function)
        source = "\n\n\n".join("\n".join(function.lines) for function in functions) + "\n"
        namespace = {**_RUNTIME, **self.names}
        exec(compile(source, f"<mapping {self.mapping.file.name}>", "exec"), namespace)  # noqa: S102 - of our own making
        return Compiled(
            **{name: namespace[name] for name in _FUNCTIONS},
            findings=tuple(self.findings),
            source=source,
            paths={key: self._path_of(key) for key in TARGETS},
        )

    def _begin(self, name: str, parameters: str, finding_for: str, *, is_vital: bool) -> None:
        self.function = _Function(name, parameters)
        self.finding_for = (finding_for, is_vital)

    def _path_of(self, key: str) -> str:
        """Where a target's value is expected, for messages; the target itself if no path leads to it."""
        expression = self.mapping.targets.get(key)
        paths = () if expression is None else dict.fromkeys(map(str, needed_paths(expression)))
        return " or ".join(paths) or key

    # --- the functions -------------------------------------------------------------------------------------

    def _write_decide(self, record: _Base) -> None:
        for rule in self.mapping.skip:
            is_vital = rule.reason not in (SkipReason.BOT, SkipReason.TEST_ORDER)
            self.finding_for = (f"skip {rule.reason}", is_vital)
            condition = self._condition(rule.condition, record)
            with self.function.block(f"if {condition}:"):
                self.function.line(f"return {self._constant(rule.reason)}")
        skipped = self._constant(SkipReason.NOT_A_CONVERSION)
        name = self._value("event_name", record)
        if isinstance(self.mapping.targets.get("event_name"), Constant):
            self.function.line(f"return {name}")
        else:
            self.function.line(f"return {skipped} if {name} is None or {name} == {SKIP!r} else {name}")

    def _write_circumstances(self, record: _Base) -> None:
        keys = (
            "event_time", "action_source", "routing.merchant_id", "routing.ad_account_id", "consent.advertising",
            "consent.global_privacy_control", "consent.limited_data_processing", "consent.jurisdiction",
            "user_data.country", "limit_ad_tracking", "advertiser_tracking_enabled", "user_data.client_user_agent",
        )  # fmt: skip
        self._return("Circumstances", [self._value(key, record) for key in keys])

    def _write_person(self, record: _Base) -> None:
        keys = ("em", "ph", "fn", "ln", "db", "ge", "ct", "st", "zp", "external_id", "partner_id")
        self._return("Person", [self._value(f"user_data.{name}", record) for name in keys])

    def _write_surroundings(self, record: _Base) -> None:
        keys = (
            "user_data.client_ip_address", "user_data.click_id", "user_data.browser_id", "user_data.hashed_maids",
            "event_source_url", "landing_url", "language",
        )  # fmt: skip
        values = [self._value(key, record) for key in keys]
        self._return("Surroundings", [*values, self._dict("app_info", record), self._dict("device_info", record)])

    def _write_matter(self, record: _Base) -> None:
        keys = ("event_id.shared", "event_id.own", "custom_data.order_id", "custom_data.currency")
        values = [self._value(key, record) for key in keys]
        self.scale = self.function.assign(f"scale_of('minor', {values[-1]})")
        values += [self._value("custom_data.value", record), self._totals(record), self._lines(record)]
        names = ("predicted_ltv", "search_string", "content_name", "content_category", "content_brand",
                 "external_measurement_id")  # fmt: skip
        values += [self._value(f"custom_data.{name}", record) for name in names]
        self._return("Matter", values)

    def _totals(self, record: _Base) -> str:
        keys = [key for key, target in TARGETS.items() if target.section == "totals"]
        if not any(key in self.mapping.targets for key in keys):
            return "None"
        return self.function.assign(f"Totals({', '.join(self._value(key, record) for key in keys)})")

    def _lines(self, record: _Base) -> str:
        if self.mapping.each is None:
            return "[]"
        self.finding_for = ("lines.each", True)
        variable, shape = self._walk(self.mapping.each, record)
        inner = shape.item()
        text = f"{record.text}{self.mapping.each}"
        if inner is None:
            if variable != "None":
                self._no_array(variable, shape, text)
            return "[]"
        lines = self.function.reserve("[]")
        with self.function.block(f"for number, line in enumerate(records({variable}, {text!r}, problems)):"):
            before = self.function.assign("len(problems)")
            self._line(_Base("line", inner.present(), f"{text}[]."), lines)
            with self.function.block(f"if len(problems) != {before}:"):
                self.function.line(f"give_number(problems, {before}, {text + '[]'!r}, number)")
        return lines

    def _line(self, line: _Base, lines: str) -> None:
        if self.mapping.where is not None:
            self.finding_for = ("lines.where", True)
            with self.function.block(f"if not ({self._condition(self.mapping.where, line)}):"):
                self.function.line("continue")
        names = ("id", "item_name", "item_category", "item_brand", "item_brand_id", "quantity", "unit_price", "tax",
                 "type")  # fmt: skip
        values = [self._value(f"lines.{name}", line) for name in names]
        self.function.line(f"{lines}.append(LineFacts({', '.join(values)}))")

    def _dict(self, section: str, record: _Base) -> str:
        """Facts by name, of a section in which nearly all records say all or nothing."""
        keys = [key for key in self.mapping.targets if TARGETS[key].section == section]
        facts = self.function.reserve("{}")
        if not keys:
            return facts
        shared = _shared_prefix([path for key in keys for path in paths_in(self.mapping.targets[key])])
        if shared is None:
            self._entries(keys, record, facts)
            return facts
        self.finding_for = (section, False)
        variable, shape = self._walk(shared, record)
        if variable == "None":
            return facts
        with self.function.block(f"if {variable} is not None:"):
            self.function.remember(record, shared, variable, shape.present())
            self._entries(keys, record, facts)
        return facts

    def _entries(self, keys: Sequence[str], record: _Base, facts: str) -> None:
        for key in keys:
            value = self._value(key, record)
            if value in ("None", "[]"):
                continue
            is_there = value if TARGETS[key].takes is Takes.TEXTS else f"{value} is not None"
            with self.function.block(f"if {is_there}:"):
                self.function.line(f"{facts}[{TARGETS[key].name!r}] = {value}")

    def _return(self, name: str, values: Sequence[str]) -> None:
        self.function.line(f"return {name}({', '.join(values)})")

    # --- values --------------------------------------------------------------------------------------------

    def _value(self, key: str, base: _Base) -> str:
        """The variable, or the literal, with a target's value."""
        target = TARGETS[key]
        expression = self.mapping.targets.get(key)
        nothing = "[]" if target.takes is Takes.TEXTS else "None"
        if expression is None or not self._may_leave(target):
            return nothing
        self.target, self.finding_for = target, (key, target.is_vital)
        return self._expression(expression, base, _Options(unit=self.unit))

    def _may_leave(self, target: Target) -> bool:
        if self.allowed is None or target.section != "user_data" or target.name == "country":
            return True  # the country also decides whose law it is
        name = "external_id" if target.name == "browser_id" else target.name
        return name in self.allowed or name == "client_user_agent"  # by which bots are told

    def _expression(self, expression: Expression, base: _Base, options: _Options) -> str:
        takes = self._takes
        match expression:
            case Path():
                variable, shape = self._walk(expression, base)
                return self._converted(variable, shape, f"{base.text}{expression}", options)
            case Constant(text):
                return self._literal(text)
            case Setting(key):
                return self._literal(self.settings[key])
            case Template():
                return self._template(expression, base)
            case Table(of, entries, otherwise):
                return self._table(of, dict(entries), otherwise, base)
            case Local(of, zone):
                return self._expression(of, base, _Options(zone=zone, unit=options.unit))
            case Counted(of, unit):
                return self._expression(of, base, _Options(zone=options.zone, unit=unit))
            case First(of):
                return self._first(of, base, options)
            case All(of):
                found = [self._expression(each, base, options) for each in of]
                return self.function.assign(f"[{', '.join(f'*{each}' for each in found if each != '[]')}]")
            case If(condition, then):
                holds = self._condition(condition, base)
                result = self.function.reserve("[]" if takes is Takes.TEXTS else "None")
                with self.function.block(f"if {holds}:"):
                    self.function.line(f"{result} = {self._expression(then, base, options)}")
                return result
            case Call(function, name, arguments):
                values = [self._walk(path, base)[0] for path in arguments]
                given = "".join(f"{value}, " for value in values)
                called = f"called({self._constant(function)}, {name!r}, ({given}), problems)"
                return self._converted(self.function.assign(called), ANYTHING, name, options)

    @property
    def _takes(self) -> Takes:
        return self.target.takes

    def _first(self, of: Sequence[Expression], base: _Base, options: _Options) -> str:
        # One alternative that the schema bears out is enough.
        outer, self.absent_alternatives = self.absent_alternatives, []
        found = self.function.reserve(self._expression(of[0], base, options))
        is_found = found if self._takes is Takes.TEXTS else f"{found} is not None"
        for each in of[1:]:
            with self.function.block(f"if not {found}:" if is_found == found else f"if {found} is None:"):
                self.function.line(f"{found} = {self._expression(each, base, options)}")
        absent, self.absent_alternatives = self.absent_alternatives, outer
        is_vital = len(absent) == sum(1 for each in of for _ in paths_in(each))
        for finding in absent:
            self._note(Finding(finding.target, finding.problem, finding.is_vital and is_vital))
        return found

    def _template(self, template: Template, base: _Base) -> str:
        pieces, needed = [], []
        for part in template.parts:
            if isinstance(part, str):
                pieces.append(repr(part))
                continue
            is_vital = self.finding_for[1]
            self.finding_for = (self.finding_for[0], is_vital and not part.is_optional)
            variable, shape = self._walk(part.path, base)
            text = self._as_text(variable, shape, f"{base.text}{part.path}")
            self.finding_for = (self.finding_for[0], is_vital)
            pieces.append(f"({text} or '')" if part.is_optional else text)
            if not part.is_optional:
                needed.append(text)
        if "None" in needed:
            return "None"
        absent = " or ".join(f"{text} is None" for text in needed)
        return self.function.assign(f"None if {absent} else {' + '.join(pieces)}")

    def _table(self, of: Expression, entries: Mapping[str, str], otherwise: str | None, base: _Base) -> str:
        by_word = {name: self._meant(value) for name, value in entries.items()}
        last = None if otherwise is None else self._meant(otherwise)
        asked = self._word(of, base)
        if asked == "None":
            return self._constant(last)
        return self.function.assign(f"{self._constant(by_word)}.get({asked}, {self._constant(last)})")

    def _word(self, of: Expression, base: _Base) -> str:
        """What a table is asked for."""
        if not isinstance(of, Path):
            target, self.target = self.target, _WORD
            found = self._expression(of, base, _Options())
            self.target = target
            return found
        variable, shape = self._walk(of, base)
        if variable == "None":
            return "None"
        self._compare(shape, _WORDS, f"{base.text}{of}", "text")
        if shape.kinds <= {Kind.TEXT, Kind.NULL}:
            return variable
        return self.function.assign(f"word({variable}, {f'{base.text}{of}'!r}, problems)")

    def _meant(self, text: str) -> Any:
        """What the text of a file stands for, by what the target takes."""
        match self._takes:
            case Takes.FLAG:
                return text == "true"
            case Takes.COUNT:
                return int(text)
            case Takes.AMOUNT | Takes.QUANTITY:
                return Decimal(text)
            case Takes.TEXTS:
                return [text]
            case _:
                return text

    def _literal(self, text: str) -> str:
        return self._constant(self._meant(text))

    def _converted(self, variable: str, shape: Shape, text: str, options: _Options) -> str:
        """The value as the target takes it."""
        takes = self._takes
        nothing = "[]" if takes is Takes.TEXTS else "None"
        if variable == "None":
            return nothing
        self._compare(shape, _ACCEPTED[takes], text, takes)
        kinds = shape.kinds - {Kind.NULL}
        at = f"{text!r}, problems"
        match takes:
            case Takes.TEXT:
                return self._as_text(variable, shape, text)
            case Takes.TEXTS:
                item = shape.item()
                if kinds == {Kind.LIST} and item is not None and item.kinds == {Kind.TEXT}:
                    # Not called as any function is that the code calls: it is a name of the whole function.
                    several = f"[stripped for each in {variable} if (stripped := each.strip())]"
                    return self.function.assign(f"{several} if {variable} else []")
                return self.function.assign(f"texts({variable}, {at})")
            case Takes.CHOICE:
                choices = self._constant(frozenset(self.target.choices))
                return self.function.assign(f"choice({variable}, {choices}, {at})")
            case Takes.FLAG:
                return variable if kinds == {Kind.FLAG} else self.function.assign(f"flag({variable}, {at})")
            case Takes.COUNT:
                return variable if kinds == {Kind.INTEGER} else self.function.assign(f"count({variable}, {at})")
            case Takes.AMOUNT:
                if Kind.INTEGER not in kinds:
                    return self.function.assign(f"quantity({variable}, {at})")
                scale = self.scale if options.unit == "minor" else repr(reading.scale_of(options.unit, None))
                return self.function.assign(f"amount({variable}, {scale}, {at})")
            case Takes.QUANTITY:
                return self.function.assign(f"quantity({variable}, {at})")
            case Takes.TIME:
                if kinds == {Kind.INSTANT}:
                    found = f"({variable} - EPOCH) // MILLISECOND"
                    return self.function.assign(found if not shape.is_optional else _unless_none(variable, found))
                zone = "None" if options.zone is None else self._constant(ZoneInfo(options.zone))
                return self.function.assign(f"instant_ms({variable}, {zone}, {at})")
            case Takes.DAY:
                return self.function.assign(f"day({variable}, {at})")

    def _as_text(self, variable: str, shape: Shape, text: str) -> str:
        if variable == "None":
            return "None"
        self._compare(shape, _TEXTUAL, text, Takes.TEXT)
        if shape.kinds <= {Kind.TEXT, Kind.NULL}:
            stripped = f"{variable}.strip() or None"
            found = _unless_none(variable, stripped) if shape.is_optional else stripped
            return self.function.assign(found)
        return self.function.assign(f"text({variable}, {text!r}, problems)")

    def _compare(self, shape: Shape, accepted: frozenset[Kind], text: str, wanted: str) -> None:
        """Note if no value of this shape is what is wanted. Each that comes is a problem of its record all the same."""
        if not shape.kinds & accepted:
            self._find(f"{text}: {_words(shape.kinds)}, which cannot be read as {wanted}")

    # --- conditions ----------------------------------------------------------------------------------------

    def _condition(self, condition: Condition, base: _Base) -> str:
        match condition:
            case IsTrue(of):
                target, self.target = self.target, _FLAG
                found = self._expression(of, base, _Options())
                self.target = target
                return f"{found} is True"
            case OneOf(of, values):
                asked = self._word(of, base)
                texts = {value.text if isinstance(value, Constant) else self.settings[value.key] for value in values}
                return f"{asked} in {self._constant(frozenset(texts))}"
            case Present(of):
                variable = self._walk(of, base)[0] if isinstance(of, Path) else self._word(of, base)
                return f"is_present({variable})"
            case Compared(of, is_above, bound):
                path = of if isinstance(of, Path) else Path(())
                variable, _ = self._walk(path, base)
                at = f"{f'{base.text}{path}'!r}, problems, is_above={is_above}"
                return f"compared({variable}, {self._constant(Decimal(bound))}, {at})"
            case Not(of):
                return f"not ({self._condition(of, base)})"
            case Both(of):
                return " and ".join(f"({self._condition(each, base)})" for each in of)
            case Either(of):
                return " or ".join(f"({self._condition(each, base)})" for each in of)

    # --- paths ---------------------------------------------------------------------------------------------

    def _walk(self, path: Path, base: _Base) -> tuple[str, Shape]:
        """The variable with what a path leads to, and its shape; `None` where the schema knows no such path."""
        if path.is_absolute:
            base = _Base("top", self.shape)
        variable, shape = base.variable, base.shape
        for number, step in enumerate(path.steps):
            here = Path(path.steps[: number + 1])
            if (known := self.function.recall(base, here)) is not None:
                variable, shape = known
                continue
            before = f"{base.text}{Path(path.steps[:number])}"
            if isinstance(step, Every):
                return self._every(variable, shape, path.steps[number + 1 :], before)
            found = self._stepped(variable, shape, step, before)
            if found is None:
                return "None", _NULL
            expression, shape = found
            variable = self.function.assign(expression)
            self.function.remember(base, here, variable, shape)
        return variable, shape

    def _stepped(
        self, variable: str, shape: Shape, step: Field | Item | Match, before: str
    ) -> tuple[str, Shape] | None:
        """The expression for one step further, and its shape; None if the schema knows no such step."""
        at = f"{before!r}, problems"
        if not isinstance(step, Field):
            inner = shape.item()
            if inner is None:
                self._no_array(variable, shape, before)
                return None
            match step:
                case Item(number):
                    return f"item({variable}, {number!r}, {at})", inner.optional()
                case Match(name, value):
                    return f"match({variable}, {name!r}, {value!r}, {at})", inner.optional()
        inner = shape.field(step.name)
        if inner is None:
            self._find(_unknown(before, step, shape))
            if not shape.kinds & {Kind.RECORD, Kind.MAP}:
                self.function.line(f"member({variable}, {step.name!r}, {at})")  # notes what there is instead
            return None
        if not shape.kinds <= {Kind.RECORD, Kind.MAP, Kind.NULL}:
            return f"member({variable}, {step.name!r}, {at})", inner.optional()
        is_sure = shape.kinds <= {Kind.RECORD, Kind.NULL} and shape.is_one_record
        found = f"{variable}[{step.name!r}]" if is_sure else f"{variable}.get({step.name!r})"
        return (_unless_none(variable, found), inner.optional()) if shape.is_optional else (found, inner)

    def _every(
        self, variable: str, shape: Shape, rest: Sequence[Field | Item | Match | Every], before: str
    ) -> tuple[str, Shape]:
        """What the rest of a path finds in each item of an array, as one array."""
        inner = shape.item()
        if inner is None:
            self._no_array(variable, shape, before)
            return "None", _NULL
        expression = "each"
        at = f"{f'{before}[]'!r}, problems"
        for step in rest:
            following = inner.field(step.name) if isinstance(step, Field) else inner.item()
            if following is None:
                self._find(_unknown(f"{before}[]", step, inner))
                return "None", _NULL
            inner = following
            match step:
                case Field(name):
                    expression = f"member({expression}, {name!r}, {at})"
                case Item(number):
                    expression = f"item({expression}, {number!r}, {at})"
                case Match(name, value):
                    expression = f"match({expression}, {name!r}, {value!r}, {at})"
                case Every():
                    pass  # arrays within are laid out flat
        found = f"every({variable}, lambda each: {expression}, {before!r}, problems)"
        return self.function.assign(found), inner.listed()

    def _no_array(self, variable: str, shape: Shape, text: str) -> None:
        self._find(f"{text}: {_words(shape.kinds)}, and no array")
        self.function.line(f"records({variable}, {text!r}, problems)")  # notes what there is instead

    # --- small things --------------------------------------------------------------------------------------

    def _constant(self, value: Any) -> str:
        """How the generated code refers to a value: by a literal, or by a name."""
        if value is None or isinstance(value, bool | int) or type(value) is str:
            return repr(value)
        for name, known in self.names.items():
            if type(known) is type(value) and known == value:
                return name
        name = f"k{len(self.names) + 1}"
        self.names[name] = value
        return name

    def _find(self, problem: str) -> None:
        target, is_vital = self.finding_for
        finding = Finding(target, problem, is_vital)
        if self.absent_alternatives is not None:
            self.absent_alternatives.append(finding)
        else:
            self._note(finding)

    def _note(self, finding: Finding) -> None:
        if self.absent_alternatives is not None:
            self.absent_alternatives.append(finding)
        else:
            self.findings[finding] = None


_FUNCTIONS = ("enter", "decide", "circumstances", "person", "surroundings", "matter")
_RUNTIME: Mapping[str, Any] = {
    **{
        made.__name__: made
        for made in (Circumstances, Person, Surroundings, Matter, Totals, LineFacts)
    },
    **{
        used.__name__: used
        for used in (
            reading.amount, reading.called, reading.choice, reading.compared, reading.count, reading.day,
            reading.every, reading.flag, reading.give_number, reading.instant_ms, reading.is_present, reading.item,
            reading.match, reading.member, reading.quantity, reading.records, reading.scale_of, reading.text,
            reading.texts, reading.word,
        )
    },
    "EPOCH": reading.EPOCH,
    "MILLISECOND": reading.MILLISECOND,
}  # fmt: skip
"""What generated code may refer to, besides the constants of its mapping."""


def _unless_none(variable: str, expression: str) -> str:
    return f"{expression} if {variable} is not None else None"


def _words(kinds: frozenset[Kind]) -> str:
    return " or ".join(sorted(kinds - {Kind.NULL})) or Kind.NULL


def _unknown(before: str, step: Field | Item | Match | Every, shape: Shape) -> str:
    here = f"{before}{step}" if before else str(step).removeprefix(".")
    if not isinstance(step, Field) or not shape.names:
        return f"{here}: {_words(shape.kinds)} has no such thing"
    near = get_close_matches(step.name, shape.names, n=1)
    return f"{here}: the schema has no such field; " + (
        f"did you mean `{near[0]}`?" if near else f"it has {', '.join(shape.names)}"
    )


def _shared_prefix(paths: Sequence[Path]) -> Path | None:
    """The first field, if all paths lead through it and beyond."""
    first = {path.steps[0] for path in paths if not path.is_absolute and len(path.steps) > 1}
    return Path((first.pop(),)) if len(first) == 1 and all(len(path.steps) > 1 for path in paths) else None
