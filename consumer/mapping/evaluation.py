"""Writes what a mapping's expressions and conditions come to, as their targets take it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from consumer.mapping import reading
from consumer.mapping.drafting import NOTHING, Base, Draft, unless_none
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
    Has,
    If,
    IsTrue,
    Local,
    Not,
    OneOf,
    Present,
    Setting,
    Table,
    Template,
)
from consumer.mapping.paths import Path
from consumer.mapping.shapes import ANYTHING, Kind, Shape
from consumer.mapping.targets import Takes, Target
from consumer.mapping.walking import Walker, words

_TEXTUAL = frozenset({Kind.TEXT, Kind.UUID, Kind.INTEGER})
_NUMERIC = frozenset({Kind.DECIMAL, Kind.DOUBLE, Kind.INTEGER, Kind.TEXT})
ACCEPTED: Mapping[Takes, frozenset[Kind]] = {
    Takes.TEXT: _TEXTUAL,
    Takes.TEXTS: _TEXTUAL | {Kind.LIST},
    Takes.CHOICE: _TEXTUAL | {Kind.FLAG},
    Takes.WORD: _TEXTUAL | {Kind.FLAG},
    Takes.FLAG: frozenset({Kind.FLAG}),
    Takes.COUNT: frozenset({Kind.INTEGER}),
    Takes.AMOUNT: _NUMERIC,
    Takes.QUANTITY: _NUMERIC,
    Takes.TIME: frozenset({Kind.INSTANT, Kind.LOCAL_INSTANT, Kind.INTEGER, Kind.TEXT}),
    Takes.DAY: frozenset({Kind.DAY, Kind.INSTANT, Kind.LOCAL_INSTANT, Kind.INTEGER, Kind.TEXT}),
}
"""What values may be so that they can be read for a target."""
_WORD = Target("", "a word", Takes.WORD)
_MADE = Shape(["null", "string"], {})
_FLAG = Target("", "a condition", Takes.FLAG)


@dataclass(frozen=True, slots=True)
class Options:
    """What surrounds an expression says of its value."""

    zone: str | None = None
    unit: str | None = None
    is_unit_said: bool = False
    """By the mapping, of this very value: then whatever comes counts it, and not only whole numbers."""


class Evaluator:
    """Writes values and conditions into the function at hand.

    Args:
        draft: What is being written.
        walker: Leads to where paths lead.
        settings: What the mapping may ask of the configuration.
        unit: What whole numbers in amounts of money count, where the mapping does not say.
    """

    def __init__(self, draft: Draft, walker: Walker, settings: Mapping[str, str], unit: str | None) -> None:
        self._draft = draft
        self._walker = walker
        self._settings = settings
        self._unit = unit
        self._target = _FLAG
        """What the expression at hand is for."""
        self.scale = "None"
        """The variable with the digits of minor units."""

    def value(self, target: Target, expression: Expression, base: Base) -> str:
        """The variable, or the literal, with a target's value."""
        self._target = target
        self._draft.findings.about(target.key, is_vital=target.is_vital)
        return self._expression(expression, base, Options(unit=self._unit))

    def _expression(self, expression: Expression, base: Base, options: Options) -> str:
        match expression:
            case Path():
                variable, shape = self._walker.walk(expression, base)
                return self._converted(variable, shape, f"{base.text}{expression}", options)
            case Constant(text):
                return self._literal(text)
            case Setting(key):
                return self._literal(self._settings[key])
            case Template():
                return self._template(expression, base, options)
            case Table(of, entries, otherwise):
                return self._table(of, dict(entries), otherwise, base)
            case Local(of, zone):
                return self._expression(of, base, Options(zone=zone, unit=options.unit))
            case Counted(of, unit):
                return self._expression(of, base, Options(zone=options.zone, unit=unit, is_unit_said=True))
            case First(of):
                return self._first(of, base, options)
            case All(of):
                found = [self._expression(each, base, options) for each in of]
                return self._draft.function.assign(f"[{', '.join(f'*{each}' for each in found if each != '[]')}]")
            case If(condition, then):
                with self._draft.findings.apart():  # what a condition asks for is no alternative to anything
                    holds = self.condition(condition, base)
                result = self._draft.function.reserve(self._nothing)
                with self._draft.function.block(f"if {holds}:"):
                    value = self._expression(then, base, options)
                    self._draft.function.line(f"{result} = {value}")
                return self._nothing if value in NOTHING else result
            case Call(function, name, arguments):
                values = [self._walker.walk(path, base)[0] for path in arguments]
                given = "".join(f"{value}, " for value in values)
                called = f"called({self._draft.constants.refer(function)}, {name!r}, ({given}), problems)"
                return self._converted(self._draft.function.assign(called), ANYTHING, name, options)

    @property
    def _takes(self) -> Takes:
        return self._target.takes

    @property
    def _nothing(self) -> str:
        return "[]" if self._takes is Takes.TEXTS else "None"

    def _first(self, of: Sequence[Expression], base: Base, options: Options) -> str:
        function = self._draft.function
        with self._draft.findings.alternatives() as able:
            first = self._expression(of[0], base, options)
            able.update({first} - NOTHING)
            found = function.reserve(first)
            is_missing = f"not {found}" if self._takes is Takes.TEXTS else f"{found} is None"
            for each in of[1:]:
                with function.block(f"if {is_missing}:"):
                    other = self._expression(each, base, options)
                    able.update({other} - NOTHING)
                    function.line(f"{found} = {other}")
        return found if able else self._nothing

    def _template(self, template: Template, base: Base, options: Options) -> str:
        pieces, needed = [], []
        for part in template.parts:
            if isinstance(part, str):
                pieces.append(repr(part))
                continue
            # Without it the text is another one: worth a word, even if the author knows that it may be absent.
            with self._draft.findings.optional() if part.is_optional else nullcontext():
                variable, shape = self._walker.walk(replace(part, is_optional=False), base)
            text = self._as_text(variable, shape, f"{base.text}{replace(part, is_optional=False)}")
            pieces.append(f"({text} or '')" if part.is_optional else text)
            if not part.is_optional:
                needed.append(text)
        if "None" in needed:
            return self._nothing
        absent = " or ".join(f"{text} is None" for text in needed)
        made = self._draft.function.assign(f"None if {absent} else {' + '.join(pieces)}")
        return self._converted(made, _MADE, "a template", options)

    def _table(self, of: Expression, entries: Mapping[str, str], otherwise: str | None, base: Base) -> str:
        by_word = {name: self._meant(value) for name, value in entries.items()}
        refer = self._draft.constants.refer
        last = self._nothing if otherwise is None else refer(self._meant(otherwise))
        asked = self._word(of, base)
        return last if asked == "None" else self._draft.function.assign(f"{refer(by_word)}.get({asked}, {last})")

    def _word(self, of: Expression, base: Base) -> str:
        """What a table is asked for."""
        target, self._target = self._target, _WORD
        found = self._expression(of, base, Options())
        self._target = target
        return found

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
        return self._draft.constants.refer(self._meant(text))

    def _converted(self, variable: str, shape: Shape, text: str, options: Options) -> str:
        """The value as the target takes it."""
        takes = self._takes
        if variable == "None":
            return self._nothing
        self._compare(shape, ACCEPTED[takes], text, takes)
        kinds = shape.kinds - {Kind.NULL}
        at = f"{text!r}, problems"
        match takes:
            case Takes.TEXT:
                return self._as_text(variable, shape, text)
            case Takes.WORD:
                if kinds <= {Kind.TEXT}:
                    return self._as_text(variable, shape, text)
                return self._draft.function.assign(f"word({variable}, {at})")
            case Takes.TEXTS:
                item = shape.item()
                if kinds == {Kind.LIST} and item is not None:
                    self._compare(item, _TEXTUAL, f"{text}[]", Takes.TEXT)
                if kinds == {Kind.LIST} and item is not None and item.kinds == {Kind.TEXT}:
                    # Not called as any function is that the code calls: it is a name of the whole function.
                    several = f"[stripped for each in {variable} if (stripped := each.strip())]"
                    return self._draft.function.assign(f"{several} if {variable} else []")
                return self._draft.function.assign(f"texts({variable}, {at})")
            case Takes.CHOICE:
                choices = self._draft.constants.refer(frozenset(self._target.choices))
                return self._draft.function.assign(f"choice({variable}, {choices}, {at})")
            case Takes.FLAG:
                return variable if kinds == {Kind.FLAG} else self._draft.function.assign(f"flag({variable}, {at})")
            case Takes.COUNT:
                return variable if kinds == {Kind.INTEGER} else self._draft.function.assign(f"count({variable}, {at})")
            case Takes.AMOUNT:
                scale = self.scale if options.unit == "minor" else repr(reading.scale_of(options.unit, None))
                if options.is_unit_said:
                    return self._draft.function.assign(f"counted({variable}, {scale}, {at})")
                if Kind.INTEGER not in kinds:
                    return self._draft.function.assign(f"quantity({variable}, {at})")
                if kinds == {Kind.INTEGER} and options.unit is None:
                    self._draft.findings.unreadable(
                        f"{text}: whole numbers; say what they count with `unit`, or with events.integer_amounts"
                    )
                return self._draft.function.assign(f"amount({variable}, {scale}, {at})")
            case Takes.QUANTITY:
                return self._draft.function.assign(f"quantity({variable}, {at})")
            case Takes.TIME:
                if kinds == {Kind.INSTANT}:
                    found = f"({variable} - EPOCH) // MILLISECOND"
                    return self._draft.function.assign(found if not shape.is_optional else unless_none(variable, found))
                if kinds == {Kind.LOCAL_INSTANT} and options.zone is None:
                    self._draft.findings.unreadable(f"{text}: a local time; say whose with `zone`")
                zone = "None" if options.zone is None else self._draft.constants.refer(ZoneInfo(options.zone))
                return self._draft.function.assign(f"instant_ms({variable}, {zone}, {at})")
            case Takes.DAY:
                return self._draft.function.assign(f"day({variable}, {at})")

    def _as_text(self, variable: str, shape: Shape, text: str) -> str:
        if variable == "None":
            return "None"
        self._compare(shape, _TEXTUAL, text, Takes.TEXT)
        if shape.kinds <= {Kind.TEXT, Kind.NULL}:
            stripped = f"{variable}.strip() or None"
            found = unless_none(variable, stripped) if shape.is_optional else stripped
            return self._draft.function.assign(found)
        return self._draft.function.assign(f"text({variable}, {text!r}, problems)")

    def _compare(self, shape: Shape, accepted: frozenset[Kind], text: str, wanted: str) -> None:
        """Note if no value of this shape is what is wanted. Each that comes is a problem of its record all the same."""
        if shape.kinds <= {Kind.NULL}:
            self._draft.findings.absent(f"{text}: the schema has only null there")
        elif not shape.kinds & accepted:
            self._draft.findings.unreadable(f"{text}: {words(shape.kinds)}, which cannot be read as {wanted}")

    # --- conditions ----------------------------------------------------------------------------------------

    def condition(self, condition: Condition, base: Base) -> str:
        match condition:
            case IsTrue(of):
                target, self._target = self._target, _FLAG
                found = self._expression(of, base, Options())
                self._target = target
                return f"{found} is True"
            case OneOf(of, values):
                return f"{self._word(of, base)} in {self._texts(values)}"
            case Has(of, value):
                path = of if isinstance(of, Path) else Path(())
                variable, shape = self._walker.walk(path, base)
                if variable == "None":
                    return "False"
                text = f"{base.text}{path}"
                self._compare(shape, frozenset({Kind.LIST}), text, "an array")
                return f"has({variable}, {self._texts((value,))}, {text!r}, problems)"
            case Present(of):
                variable = self._walker.walk(of, base)[0] if isinstance(of, Path) else self._word(of, base)
                return f"is_present({variable})"
            case Compared(of, is_above, bound):
                path = of if isinstance(of, Path) else Path(())
                variable, _ = self._walker.walk(path, base)
                at = f"{f'{base.text}{path}'!r}, problems, is_above={is_above}"
                return f"compared({variable}, {self._draft.constants.refer(Decimal(bound))}, {at})"
            case Not(of):
                return f"not ({self.condition(of, base)})"
            case Both(of):
                return " and ".join(f"({self.condition(each, base)})" for each in of)
            case Either(of):
                return " or ".join(f"({self.condition(each, base)})" for each in of)

    def _texts(self, values: Sequence[Constant | Setting]) -> str:
        texts = (value.text if isinstance(value, Constant) else self._settings[value.key] for value in values)
        return self._draft.constants.refer(frozenset(texts))
