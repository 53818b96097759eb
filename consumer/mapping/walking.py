"""Writes the steps from a record to where a path leads, as far as the schema does not settle them."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

from consumer.mapping.drafting import Base, Draft, unless_none
from consumer.mapping.paths import Every, Field, Item, Match, Path, Step
from consumer.mapping.shapes import Kind, Shape

NULL = Shape("null", {})
_HOLDS_FIELDS = frozenset({Kind.RECORD, Kind.MAP})


class Walker:
    """Finds the variable that holds what a path leads to; steps that several paths share are taken once."""

    def __init__(self, draft: Draft) -> None:
        self._draft = draft

    def walk(self, path: Path, base: Base) -> tuple[str, Shape]:
        """The variable with what a path leads to, and its shape; `None` where the schema knows no such path."""
        if path.is_absolute:
            base = self._draft.top
        variable, shape = base.variable, base.shape
        for number, step in enumerate(path.steps):
            here = Path(path.steps[: number + 1])
            if (known := self._draft.function.recall(base, here)) is not None:
                variable, shape = known
                continue
            before = f"{base.text}{Path(path.steps[:number])}"
            if isinstance(step, Every):
                return self._every(variable, shape, path.steps[number + 1 :], before, is_optional=path.is_optional)
            found = self._stepped(variable, shape, step, before, is_optional=path.is_optional)
            if found is None:
                return "None", NULL
            expression, shape = found
            variable = self._draft.function.assign(expression)
            self._draft.function.remember(base, here, variable, shape)
        return variable, shape

    def _stepped(
        self, variable: str, shape: Shape, step: Field | Item | Match, before: str, *, is_optional: bool
    ) -> tuple[str, Shape] | None:
        """The expression for one step further, and its shape; None if the schema knows no such step."""
        at = f"{before!r}, problems"
        if not isinstance(step, Field):
            inner = shape.item()
            if inner is None:
                self.no_array(variable, shape, before)
                return None
            match step:
                case Item(number):
                    return f"item({variable}, {number!r}, {at})", inner.optional()
                case Match(name, value):
                    return f"match({variable}, {name!r}, {value!r}, {at})", inner.optional()
        inner = shape.field(step.name)
        if inner is None:
            self._unknown(before, step, shape, is_optional=is_optional)
            if not shape.kinds & _HOLDS_FIELDS:
                self._draft.function.line(f"member({variable}, {step.name!r}, {at})")  # notes what there is instead
            return None
        if not shape.kinds <= {Kind.RECORD, Kind.MAP, Kind.NULL}:
            return f"member({variable}, {step.name!r}, {at})", inner.optional()
        is_sure = shape.kinds <= {Kind.RECORD, Kind.NULL} and shape.is_one_record
        found = f"{variable}[{step.name!r}]" if is_sure else f"{variable}.get({step.name!r})"
        return (unless_none(variable, found), inner.optional()) if shape.is_optional else (found, inner)

    def _every(
        self, variable: str, shape: Shape, rest: Sequence[Step], before: str, *, is_optional: bool
    ) -> tuple[str, Shape]:
        """What the rest of a path finds in each item of an array, as one array."""
        inner = shape.item()
        if inner is None:
            self.no_array(variable, shape, before)
            return "None", NULL
        expression = "each"
        at = f"{f'{before}[]'!r}, problems"
        for step in rest:
            following = inner.field(step.name) if isinstance(step, Field) else inner.item()
            if following is None:
                self._unknown(f"{before}[]", step, inner, is_optional=is_optional)
                return "None", NULL
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
        return self._draft.function.assign(found), inner.listed()

    def no_array(self, variable: str, shape: Shape, text: str) -> None:
        """Note that there is no array where one is asked for, now and for each record."""
        if variable == "None":
            return  # noted where that came from
        self._draft.findings.unreadable(f"{text}: {words(shape.kinds)}, and no array")
        self._draft.function.line(f"records({variable}, {text!r}, problems)")  # notes what there is instead

    def _unknown(self, before: str, step: Step, shape: Shape, *, is_optional: bool) -> None:
        findings = self._draft.findings
        here = f"{before}{step}" if before else str(step).removeprefix(".")
        if not isinstance(step, Field) or not shape.kinds & _HOLDS_FIELDS:
            findings.unreadable(f"{here}: {words(shape.kinds)} has no such thing")
        elif not is_optional:
            near = get_close_matches(step.name, shape.names, n=1)
            hint = f"did you mean `{near[0]}`?" if near else f"it has {', '.join(shape.names)}"
            findings.absent(f"{here}: the schema has no such field; {hint}")


def words(kinds: frozenset[Kind]) -> str:
    """What values may be, for messages."""
    return " or ".join(sorted(kinds - {Kind.NULL})) or Kind.NULL
