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
        following = self._following(shape, step, before, is_optional=is_optional)
        if following is None:
            asked = shape.kinds - {Kind.NULL}
            if asked and not asked & (_HOLDS_FIELDS if isinstance(step, Field) else {Kind.LIST}):
                self._draft.function.line(_call(step, variable, before))  # notes what there is instead
            return None
        if not isinstance(step, Field):
            return _call(step, variable, before), following.optional()
        if not shape.kinds <= {*_HOLDS_FIELDS, Kind.NULL}:
            return _call(step, variable, before), following.optional()
        is_sure = shape.kinds <= {Kind.RECORD, Kind.NULL} and shape.is_one_record
        found = f"{variable}[{step.name!r}]" if is_sure else f"{variable}.get({step.name!r})"
        return (unless_none(variable, found), following.optional()) if shape.is_optional else (found, following)

    def _following(self, shape: Shape, step: Field | Item | Match, before: str, *, is_optional: bool) -> Shape | None:
        """What may stand one step further; None, and a finding, if the schema knows no such step."""
        if isinstance(step, Field):
            inner = shape.field(step.name)
            if inner is None:
                self._unknown(before, step.name, shape, is_optional=is_optional)
            return inner
        item = shape.item()
        if item is None:
            self._draft.findings.unreadable(f"{before}: {words(shape.kinds)}, and no array")
        elif isinstance(step, Match):
            asked = item.field(step.name)
            if asked is None:
                self._unknown(f"{before}[]", step.name, item, is_optional=is_optional)
                return None
            if not asked.kinds & {Kind.TEXT}:
                self._draft.findings.unreadable(f"{before}[].{step.name}: {words(asked.kinds)}, and no text to find")
                return None
        return item

    def _every(
        self, variable: str, shape: Shape, rest: Sequence[Step], before: str, *, is_optional: bool
    ) -> tuple[str, Shape]:
        """What the rest of a path finds in each item of an array, as one array; none of it is null."""
        if shape.item() is None:
            self.no_array(variable, shape, before)
            return "None", NULL
        found = self._of_each(variable, shape, rest, before, is_optional=is_optional)
        if found is None:
            return "None", NULL
        expression, one = found
        return self._draft.function.assign(expression), one.present().listed()

    def _of_each(
        self, array: str, shape: Shape, rest: Sequence[Step], before: str, *, is_optional: bool
    ) -> tuple[str, Shape] | None:
        """An expression for it, and the shape of one that is found: arrays within are laid out flat."""
        inner = shape.item()
        if inner is None:
            self._draft.findings.unreadable(f"{before}: {words(shape.kinds)}, and no array")
            return None
        expression, here = "each", f"{before}[]"
        for number, step in enumerate(rest):
            if isinstance(step, Every):
                nested = self._of_each(expression, inner, rest[number + 1 :], here, is_optional=is_optional)
                if nested is None:
                    return None
                expression, inner = nested
                break
            following = self._following(inner, step, here, is_optional=is_optional)
            if following is None:
                return None
            expression, inner = _call(step, expression, here), following
        items = inner.item() if inner.kinds <= {Kind.LIST, Kind.NULL} else None
        return f"every({array}, lambda each: {expression}, {before!r}, problems)", items or inner

    def no_array(self, variable: str, shape: Shape, text: str) -> None:
        """Note that there is no array where one is asked for, now and for each record."""
        if variable == "None":
            return  # noted where that came from
        self._draft.findings.unreadable(f"{text}: {words(shape.kinds)}, and no array")
        self._draft.function.line(f"records({variable}, {text!r}, problems)")  # notes what there is instead

    def _unknown(self, before: str, name: str, shape: Shape, *, is_optional: bool) -> None:
        findings = self._draft.findings
        here = f"{before}{Field(name)}" if before else str(Field(name)).removeprefix(".")
        if not shape.kinds & _HOLDS_FIELDS:
            findings.unreadable(f"{here}: {words(shape.kinds)} has no such thing")
        elif not is_optional:
            near = get_close_matches(name, shape.names, n=1)
            hint = f"did you mean `{near[0]}`?" if near else f"it has {', '.join(shape.names)}"
            findings.absent(f"{here}: the schema has no such field; {hint}")


def _call(step: Field | Item | Match, expression: str, before: str) -> str:
    at = f"{before!r}, problems"
    match step:
        case Field(name):
            return f"member({expression}, {name!r}, {at})"
        case Item(number):
            return f"item({expression}, {number!r}, {at})"
        case Match(name, value):
            return f"match({expression}, {name!r}, {value!r}, {at})"


def words(kinds: frozenset[Kind]) -> str:
    """What values may be, for messages."""
    return " or ".join(sorted(kinds - {Kind.NULL})) or Kind.NULL
