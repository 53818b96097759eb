"""Reads a mapping file: where each target's value stands in the records of one topic, and which records are skipped.

`schemas/order.yaml` and `schemas/visit.yaml` show the language. All that is wrong with a file is found at once, each
with its line.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path as FilePath
from typing import Any, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from consumer.errors import ConfigError
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
from consumer.mapping.paths import Path, parse_path
from consumer.mapping.targets import SECTIONS, TARGETS, Takes, Target
from consumer.records import SkipReason
from consumer.yaml_file import KeyPath, YamlFile, read_yaml

VERSION = "1"
SETTINGS = ("events.checkout_on",)
"""What of the configuration a mapping may ask for."""
SKIP_REASONS = (
    SkipReason.NOT_A_CONVERSION,
    SkipReason.NOT_A_TRANSITION,
    SkipReason.ORIGIN_EXCLUDED,
    SkipReason.CHANNEL_EXCLUDED,
    SkipReason.BOT,
    SkipReason.TEST_ORDER,
)
"""Those that a mapping may give; the others are ours to find."""

_EXAMPLE = "`version: 1` with `event_name: checkout` below it"
_REFINED = ("table", "otherwise", "zone", "unit")
_BESIDE: Mapping[str, tuple[str, ...]] = {
    "path": _REFINED,
    "first": _REFINED,
    "python": ("from", *_REFINED),
    "constant": (),
    "setting": (),
    "template": (),
    "all": (),
    "when": ("then",),
}
"""What an expression may be, and what may stand beside it."""
_HEADS = tuple(_BESIDE)
_DEEPEST = 30
"""Keys below each other; the code that is made of them has an indentation for each."""
_TESTS = ("is", "in", "has", "present", "above", "below")
_UNITS = ("minor", "major", "micros")


@dataclass(frozen=True, slots=True)
class SkipRule:
    """Records for which the condition holds are skipped for the reason."""

    reason: SkipReason
    condition: Condition
    place: str


@dataclass(frozen=True, slots=True)
class MappingFile:
    """What one file says."""

    file: FilePath
    schema: FilePath | None
    """The Avro schema of the records that it is for; they may be written by others as well."""
    examples: FilePath | None
    """Records of that schema, and what must become of them."""
    root: Path | None
    """Of an envelope: the record within it that all other paths start from."""
    skip: tuple[SkipRule, ...]
    targets: Mapping[str, Expression]
    """By key."""
    places: Mapping[str, str]
    """Where each target is said, as an editor finds it: `file:line: key`."""
    each: Path | None = None
    """The array of lines; their targets' paths start from one of them."""
    where: Condition | None = None
    """Which of them count."""
    consent_basis: str | None = None
    """Why consent is not asked for, in the words of whoever decided it."""


def read_mapping(file: FilePath) -> MappingFile:
    """Read and check one file, without looking at any schema.

    Raises:
        ConfigError: Everything that is wrong with it, each with file, line and key.
    """
    read = _Reader(read_yaml(file, example=_EXAMPLE))
    mapping = read.mapping()
    if read.problems:
        raise ConfigError(read.problems)
    return mapping


class _Wrong(Exception):  # noqa: N818 - never leaves this module
    """What one target, rule or section says makes no sense."""

    def __init__(self, at: KeyPath, why: str) -> None:
        super().__init__(why)
        self.at = at


_Read = TypeVar("_Read")


@dataclass(slots=True)
class _Reader:
    """Walks through the values of one file. Targets and rules are read one by one, so that all problems are found."""

    file: YamlFile
    problems: list[str] = field(init=False)

    def __post_init__(self) -> None:
        self.problems = list(self.file.problems)

    def mapping(self) -> MappingFile:
        values = self.file.values
        self._try(self._known, values, (), ("version", "schema", "examples", "root", "skip", *SECTIONS))
        if values.get("version") != VERSION:
            self._refuse(("version",), f"must be {VERSION}, the version of the language that this program reads")
        said = {target.key: self._given(target) for target in TARGETS.values() if self._says(target)}
        found = {key: self._try(_expression, given, _at(TARGETS[key]), TARGETS[key]) for key, given in said.items()}
        lines, basis = self._section("lines"), self._section("consent").get("not_required")
        each = lines.get("each")
        mapping = MappingFile(
            file=self.file.path,
            schema=self._beside("schema"),
            examples=self._beside("examples"),
            root=self._try(_path, values["root"], ("root",)) if "root" in values else None,
            skip=tuple(self._rules(values.get("skip"))),
            targets={key: expression for key, expression in found.items() if expression is not None},
            places={key: self.file.place(_at(TARGETS[key])) for key in said},
            each=None if each is None else self._try(_path, each, ("lines", "each")),
            where=self._try(_condition, lines["where"], ("lines", "where")) if "where" in lines else None,
            consent_basis=None if basis is None else self._try(_text, basis, ("consent", "not_required")),
        )
        self._is_whole(mapping, frozenset(said))
        return mapping

    def _beside(self, key: str) -> FilePath | None:
        """A file named by this one, from whose directory its name starts."""
        if key not in self.file.values:
            return None
        name = self._try(_text, self.file.values[key], (key,))
        return None if name is None else self.file.path.parent / name

    def _section(self, name: str) -> Mapping[str, Any]:
        """Its keys; none of a section that is absent or none."""
        values = self.file.values.get(name)
        return values if isinstance(values, Mapping) else {}

    def _says(self, target: Target) -> bool:
        return target.name in (self._section(target.section) if target.section else self.file.values)

    def _given(self, target: Target) -> Any:
        return (self._section(target.section) if target.section else self.file.values)[target.name]

    def _rules(self, given: Any) -> Iterator[SkipRule]:
        if not isinstance(given, list):
            if given is not None:
                self._refuse(("skip",), "must be a list of rules, each with `reason` and `when`")
            return
        for number, rule in enumerate(given):
            if (found := self._try(_rule, rule, ("skip", str(number)))) is not None:
                yield SkipRule(*found, self.file.place(("skip", str(number))))

    def _is_whole(self, mapping: MappingFile, said: frozenset[str]) -> None:
        """What no mapping may leave open."""
        for section, names in SECTIONS.items():
            values = self.file.values.get(section)
            if not names or values is None:
                continue
            if isinstance(values, Mapping):
                self._try(self._known, values, (section,), names)
            else:
                self._refuse((section,), f"must be a section with keys below it: {', '.join(names)}")
        for key in ("event_name", "event_time", "action_source"):
            if key not in said:
                self._refuse((key,), "must be said")
        if not said & {"event_id.shared", "event_id.own"}:
            self._refuse(("event_id",), "must have `shared`, the id that the browser's tag sends as well, or `own`")
        if mapping.each is None and any(TARGETS[key].section == "lines" for key in said):
            self._refuse(("lines",), "needs `each`, the path of the array of lines")
        has_rules = any(key.startswith("consent.") for key in said)
        if "not_required" not in self._section("consent"):
            if "consent.advertising" not in said:
                why = "needs `advertising`; or `not_required` with the basis in law, in words, if nobody is asked"
                self._refuse(("consent",), why)
        elif has_rules:
            self._refuse(("consent", "not_required"), "contradicts the rules beside it; keep one of them")
        if "custom_data.currency" not in said and any(TARGETS[key].takes is Takes.AMOUNT for key in said):
            self._refuse(("custom_data", "currency"), "must be said where there are amounts of money")
        if mapping.examples is not None and mapping.schema is None:
            self._refuse(("examples",), "needs `schema`, the file by which the examples' records are read")
        if "custom_data.value" in said and any(key.startswith("totals.") for key in said):
            self._refuse(("custom_data", "value"), "is worked out from `totals`; keep one of them")

    def _known(self, values: Mapping[str, Any], at: KeyPath, names: Iterable[str]) -> None:
        known = list(names)
        for name in values:
            if name not in known:
                self._refuse((*at, name), f"is not known here; {_nearest(name, known)}")

    def _try(self, read: Callable[..., _Read], *arguments: Any) -> _Read | None:
        """What is read, or None and a problem more."""
        try:
            return read(*arguments)
        except _Wrong as wrong:
            self._refuse(wrong.at, str(wrong))
            return None

    def _refuse(self, at: KeyPath, why: str) -> None:
        self.problems.append(f"{self.file.place(at)}: {why}")


# --- expressions -------------------------------------------------------------------------------------------


def _expression(given: Any, at: KeyPath, target: Target) -> Expression:
    if len(at) > _DEEPEST:
        raise _Wrong(at[:_DEEPEST], "is nested too deeply")
    match given:
        case str():
            return _path(given, at)
        case list():
            return First(_several(given, at, target))
        case Mapping():
            return _headed(given, at, target)
        case _:
            raise _Wrong(at, "is empty; give a path, a list of paths, or a mapping")


def _headed(given: Mapping[str, Any], at: KeyPath, target: Target) -> Expression:
    heads = [head for head in _HEADS if head in given]
    if len(heads) != 1:
        raise _Wrong(at, f"must have one of {', '.join(_HEADS)}, and found {' and '.join(heads) or 'none of them'}")
    (head,) = heads
    _only(given, at, (head, *_BESIDE[head]))
    value, inner = given[head], (*at, head)
    match head:
        case "path":
            return _refined(_path(value, inner), given, at, target)
        case "first":
            return _refined(First(_several(value, inner, target)), given, at, target)
        case "python":
            return _refined(_call(value, given.get("from"), at), given, at, target)
        case "constant":
            return _constant(value, inner, target)
        case "setting":
            if target.takes not in (Takes.TEXT, Takes.CHOICE, Takes.WORD):
                raise _Wrong(inner, f"{target.key} takes {target.takes.value}, and a setting is text")
            return Setting(_choice(value, inner, SETTINGS))
        case "template":
            return _template(value, inner)
        case "all":
            if target.takes is not Takes.TEXTS:
                raise _Wrong(inner, f"{target.key} takes one value; write a list of fallbacks instead")
            return All(_several(value, inner, target))
        case _:
            return If(_condition(value, inner), _then(given.get("then"), (*at, "then"), target))


def _then(given: Any, at: KeyPath, target: Target) -> Expression:
    """What holds under a condition: there even consent may be a constant, as the condition is what differs."""
    if isinstance(given, Mapping) and given.keys() == {"constant"} and target.section == "consent":
        return Constant(_meant(given["constant"], (*at, "constant"), target))
    return _expression(given, at, target)


def _refined(of: Expression, given: Mapping[str, Any], at: KeyPath, target: Target) -> Expression:
    """With what stands beside the head."""
    if "table" in given:
        return _table(of, given, at, target)
    if "otherwise" in given:
        raise _Wrong((*at, "otherwise"), "belongs to a `table`")
    if "zone" in given:
        zone = _text(given["zone"], (*at, "zone"))
        if target.takes is not Takes.TIME:
            raise _Wrong((*at, "zone"), "belongs to a time")
        if not _is_zone(zone):
            raise _Wrong((*at, "zone"), "is no name of the IANA time zone database, as Europe/Berlin")
        return Local(of, zone)
    if "unit" in given:
        if target.takes is not Takes.AMOUNT:
            raise _Wrong((*at, "unit"), "belongs to an amount of money")
        return Counted(of, _choice(given["unit"], (*at, "unit"), _UNITS))
    return of


def _several(given: Any, at: KeyPath, target: Target) -> tuple[Expression, ...]:
    if not isinstance(given, list) or not given:
        raise _Wrong(at, "must be a list of at least one")
    return tuple(_expression(each, (*at, str(number)), target) for number, each in enumerate(given))


def _path(given: Any, at: KeyPath) -> Path:
    if not isinstance(given, str):
        raise _Wrong(at, "must be a path, as in customer.emails")
    found = parse_path(given.strip())
    if isinstance(found, str):
        raise _Wrong(at, found)
    return found


def _constant(given: Any, at: KeyPath, target: Target) -> Constant:
    if target.section in ("user_data", "consent") or target.takes in (Takes.TIME, Takes.DAY):
        raise _Wrong(at, "differs from record to record; it cannot be the same for all")
    return Constant(_meant(given, at, target))


def _template(given: Any, at: KeyPath) -> Template:
    text = _text(given, at)
    parts: list[str | Path] = []
    for number, piece in enumerate(re.split(r"[{}]", text)):
        if number % 2:
            parts.append(_path(piece, at))
        elif piece:
            parts.append(piece)
    slots = [part for part in parts if isinstance(part, Path)]
    if re.sub(r"[^{}]", "", text) != "{}" * len(slots) or not slots:
        raise _Wrong(at, "must have paths in braces, as in {merchant_id?}:{order_id}; `?` lets one be absent")
    if all(slot.is_optional for slot in slots):
        raise _Wrong(at, "must need at least one of its values, or it would be the same for many records")
    return Template(tuple(parts))


def _table(of: Expression, given: Mapping[str, Any], at: KeyPath, target: Target) -> Table:
    entries, otherwise = given["table"], given.get("otherwise")
    if target.takes in (Takes.TIME, Takes.DAY):
        raise _Wrong((*at, "table"), f"{target.key} takes {target.takes.value}, which no table can give")
    if not isinstance(entries, Mapping) or not entries:
        raise _Wrong((*at, "table"), "must have entries, as in PLACED: checkout")
    found = tuple((name, _meant(value, (*at, "table", name), target)) for name, value in entries.items())
    return Table(of, found, None if otherwise is None else _meant(otherwise, (*at, "otherwise"), target))


def _meant(given: Any, at: KeyPath, target: Target) -> str:
    """Text of the file that stands for a value of the target."""
    if target.choices:
        return _choice(given, at, target.choices)
    if target.takes is Takes.FLAG:
        return _choice(given, at, ("true", "false"))
    text = _text(given, at)
    if target.takes in (Takes.AMOUNT, Takes.QUANTITY) and not _is_number(text):
        raise _Wrong(at, "must be a number")
    if target.takes is Takes.COUNT and not text.isdecimal():
        raise _Wrong(at, "must be a whole number")
    return text


def _call(given: Any, arguments: Any, at: KeyPath) -> Call:
    name = _text(given, (*at, "python"))
    paths = arguments if isinstance(arguments, list) else [arguments]
    found = tuple(_path(each, (*at, "from")) for each in paths)
    module, _, function = name.rpartition(".")
    try:
        called = getattr(import_module(module), function)
    except Exception as error:  # noqa: BLE001 - whatever somebody's module does when it is loaded
        why = f"cannot be imported ({type(error).__name__}); write it as package.module.function"
        raise _Wrong((*at, "python"), why) from None
    if not callable(called):
        raise _Wrong((*at, "python"), "is no function")
    return Call(called, name, found)


# --- conditions --------------------------------------------------------------------------------------------


def _rule(given: Any, at: KeyPath) -> tuple[SkipReason, Condition]:
    if not isinstance(given, Mapping) or ("when" in given) == ("unless" in given):
        raise _Wrong(at, "must have `reason`, and either `when` or `unless`")
    _only(given, at, ("reason", "when", "unless"))
    reason = SkipReason(_choice(given.get("reason"), (*at, "reason"), SKIP_REASONS))
    if "when" in given:
        return reason, _condition(given["when"], (*at, "when"))
    return reason, Not(_condition(given["unless"], (*at, "unless")))


def _condition(given: Any, at: KeyPath) -> Condition:
    if len(at) > _DEEPEST:
        raise _Wrong(at[:_DEEPEST], "is nested too deeply")
    match given:
        case str():
            return IsTrue(_path(given, at))
        case {"all": inner} if len(given) == 1:
            return Both(_conditions(inner, (*at, "all")))
        case {"any": inner} if len(given) == 1:
            return Either(_conditions(inner, (*at, "any")))
        case {"not": inner} if len(given) == 1:
            return Not(_condition(inner, (*at, "not")))
        case {"path": _}:
            return _test(given, at)
        case _:
            raise _Wrong(at, "must be a path, or have `path`, `all`, `any` or `not`")


def _conditions(given: Any, at: KeyPath) -> tuple[Condition, ...]:
    if not isinstance(given, list) or not given:
        raise _Wrong(at, "must be a list of at least one condition")
    return tuple(_condition(each, (*at, str(number))) for number, each in enumerate(given))


def _test(given: Mapping[str, Any], at: KeyPath) -> Condition:
    _only(given, at, ("path", *_TESTS))
    path = _path(given["path"], (*at, "path"))
    said = [test for test in _TESTS if test in given]
    if len(said) != 1:
        raise _Wrong(at, f"must have one of {', '.join(_TESTS)}")
    (test,) = said
    value, inner = given[test], (*at, test)
    match test:
        case "is":
            return OneOf(path, (_compared_with(value, inner),))
        case "in":
            if not isinstance(value, list) or not value:
                raise _Wrong(inner, "must be a list of values")
            return OneOf(path, tuple(_compared_with(each, inner) for each in value))
        case "has":
            return Has(path, _compared_with(value, inner))
        case "present":
            is_there = Present(path)
            return is_there if _choice(value, inner, ("true", "false")) == "true" else Not(is_there)
        case _:
            bound = _text(value, inner)
            if not _is_number(bound):
                raise _Wrong(inner, "must be a number")
            return Compared(path, test == "above", bound)


def _compared_with(given: Any, at: KeyPath) -> Constant | Setting:
    if isinstance(given, Mapping):
        _only(given, at, ("setting",))
        return Setting(_choice(given.get("setting"), (*at, "setting"), SETTINGS))
    return Constant(_text(given, at))


# --- small things ------------------------------------------------------------------------------------------


def _only(given: Mapping[str, Any], at: KeyPath, known: Sequence[str]) -> None:
    for name in given:
        if name not in known:
            raise _Wrong((*at, name), f"is not known here; {_nearest(name, known)}")


def _text(given: Any, at: KeyPath) -> str:
    if not isinstance(given, str) or not given.strip():
        raise _Wrong(at, "must be text")
    return given


def _choice(given: Any, at: KeyPath, choices: Sequence[str]) -> str:
    if isinstance(given, str) and given in choices:
        return given
    raise _Wrong(at, _nearest(given, choices) if isinstance(given, str) else f"must be one of {', '.join(choices)}")


def _at(target: Target) -> KeyPath:
    return (target.section, target.name) if target.section else (target.name,)


def _nearest(name: str, known: Sequence[str]) -> str:
    near = get_close_matches(name, known, n=1)
    return f"did you mean `{near[0]}`?" if near else f"known are {', '.join(known)}"


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def _is_number(text: str) -> bool:
    try:
        return Decimal(text).is_finite()
    except ArithmeticError:
        return False
