"""Faults to order: which requests they strike, how often, and what they do. The language stands in README.md."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from consumer.emulator.answers import Drip, Headers
from consumer.emulator.description import JsonObject
from consumer.emulator.fields import Fields

MAX_MIB = 10_240


@dataclass(frozen=True, slots=True)
class Delay:
    """Adds to the latency."""

    seconds: float


@dataclass(frozen=True, slots=True)
class RejectEvent:
    """The matching events fail, the others are processed."""

    message: str
    status: int
    """Of the answer that says so."""


@dataclass(frozen=True, slots=True)
class Status:
    """An error answer; code and message default to the usual ones of the status."""

    status: int
    code: int | None = None
    message: str | None = None
    headers: Headers = ()
    html: bool = False
    """A page as of a proxy in between, which has neither code nor message."""


@dataclass(frozen=True, slots=True)
class Disconnect:
    """No answer."""


@dataclass(frozen=True, slots=True)
class Garbage:
    """An answer that says success, or partial success, and cannot be matched to the events."""

    status: int
    too_few_events: bool


@dataclass(frozen=True, slots=True)
class Oversized:
    """The true answer, and blanks after it, which JSON allows."""

    mib: int


@dataclass(frozen=True, slots=True)
class Before:
    """Instead of looking at the request."""

    outcome: Status | Disconnect | Garbage


@dataclass(frozen=True, slots=True)
class After:
    """Instead of the true answer, once the good events are recorded. Spares a request that is refused as a whole."""

    outcome: Status | Disconnect | Garbage | Drip | Oversized


Effect = Delay | RejectEvent | Before | After
SomeEffect = TypeVar("SomeEffect", bound=Effect)


@dataclass(frozen=True, slots=True)
class Fault:
    """An effect and the requests that it strikes; filters left None let everything through."""

    effect: Effect
    wording: dict[str, Any] = field(default_factory=dict)
    """As it was given, to be shown."""
    ad_account_id: str | None = None
    event_name: str | None = None
    event_id_suffix: str | None = None
    order_id_suffix: str | None = None
    count: int | None = None
    """How many requests it strikes in all; None: every one until it is withdrawn."""

    @property
    def filters_events(self) -> bool:
        return (self.event_name, self.event_id_suffix, self.order_id_suffix) != (None, None, None)

    def matches_event(self, event: JsonObject) -> bool:
        if self.event_name is not None and event["event_name"] != self.event_name:
            return False
        if self.event_id_suffix is not None and not event["event_id"].endswith(self.event_id_suffix):
            return False
        if self.order_id_suffix is None:
            return True
        order_id: str | None = event.get("custom_data", {}).get("order_id")
        return order_id is not None and order_id.endswith(self.order_id_suffix)

    def matches(self, ad_account_id: str, events: Sequence[JsonObject]) -> bool:
        if self.ad_account_id is not None and self.ad_account_id != ad_account_id:
            return False
        return not self.filters_events or any(map(self.matches_event, events))


class FaultError(Exception):
    """Faults that cannot be understood: one line per problem, all found at once."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def parse_faults(given: object) -> list[Fault]:
    """Read a list of faults out of decoded JSON.

    Raises:
        FaultError: Something in it is not of the language; nothing of the list may be used.
    """
    if not isinstance(given, list):
        raise FaultError(["faults must be a list of objects"])
    problems: list[str] = []
    faults = [fault for number, item in enumerate(given, 1) if (fault := _fault(item, number, problems))]
    if problems:
        raise FaultError(problems)
    return faults


def _fault(item: object, number: int, problems: list[str]) -> Fault | None:
    if not isinstance(item, dict):
        problems.append(f"fault {number}: must be an object with a `kind`")
        return None
    fields = Fields(item, f"fault {number}", problems)
    kind = fields.one_of("kind", _EFFECTS)
    if kind is None:
        return None
    fault = Fault(
        effect=_EFFECTS[kind](fields),
        wording=item,
        ad_account_id=fields.text("ad_account_id"),
        event_name=fields.text("event_name"),
        event_id_suffix=fields.text("event_id_suffix"),
        order_id_suffix=fields.text("order_id_suffix"),
        count=fields.whole("count", 1, 1_000_000),
    )
    if kind == "poison_event" and not fault.filters_events:
        fields.problem("a poison_event needs `event_name`, `event_id_suffix` or `order_id_suffix`")
    fields.refuse_others()
    return fault


def _status(fields: Fields) -> Before:
    # 2xx is the business of `garbage`.
    return Before(_error(fields, fields.whole("status", 300, 599, is_required=True) or 500))


def _status_after_recording(fields: Fields) -> After:
    return After(_error(fields, fields.whole("status", 300, 599) or 500))


def _error(fields: Fields, status: int) -> Status:
    error = Status(
        status=status,
        code=fields.whole("code", 0, 2**31),
        message=fields.text("message"),
        headers=fields.headers("headers"),
        html=fields.flag("html", default=False),
    )
    if error.html and (error.code, error.message) != (None, None):
        fields.problem("an `html` page has no `code` and no `message`")
    return error


def _poison(fields: Fields) -> Before:
    usual = "Invalid request: Additional properties are not allowed ('poison' was unexpected)"
    return Before(Status(status=400, message=fields.text("message") or usual))


def _garbage(fields: Fields) -> Before | After:
    garbage = Garbage(_reporting(fields, usual=200), too_few_events=fields.flag("too_few_events", default=False))
    return After(garbage) if fields.flag("recorded", default=True) else Before(garbage)


def _rejection(fields: Fields) -> RejectEvent:
    return RejectEvent(fields.text("message") or "Invalid event.", _reporting(fields, usual=422))


def _reporting(fields: Fields, *, usual: int) -> int:
    """One of the two that come with a verdict on each event."""
    status = fields.whole("status", 200, 422)
    if status not in (None, 200, 422):
        fields.problem("`status` must be 200 or 422")
    return status or usual


def _drip(fields: Fields) -> After:
    return After(Drip(fields.seconds("seconds"), head_too=fields.flag("head_too", default=False)))


def _oversized(fields: Fields) -> After:
    return After(Oversized(fields.whole("mib", 1, MAX_MIB, is_required=True) or 1))


_EFFECTS: dict[str, Callable[[Fields], Effect]] = {
    "status": _status,
    "status_after_recording": _status_after_recording,
    "reject_event": _rejection,
    "poison_event": _poison,
    "delay": lambda fields: Delay(fields.seconds("ms", per_unit=0.001)),
    "disconnect": lambda _: Before(Disconnect()),
    "accept_then_disconnect": lambda _: After(Disconnect()),
    "garbage": _garbage,
    "drip": _drip,
    "oversized": _oversized,
}


class FaultBoard:
    """The faults in force, in the order given, and how often each has struck."""

    def __init__(self, faults: Sequence[Fault] = ()) -> None:
        self._faults = list(faults)
        self._strikes = [0] * len(faults)

    def replace(self, faults: Sequence[Fault]) -> None:
        self._faults = list(faults)
        self._strikes = [0] * len(faults)

    def extend(self, faults: Sequence[Fault]) -> None:
        self._faults += faults
        self._strikes += [0] * len(faults)

    def listed(self) -> list[JsonObject]:
        """Each fault as it was given, and how many requests it has struck."""
        return [
            {"fault": fault.wording, "strikes": strikes}
            for fault, strikes in zip(self._faults, self._strikes, strict=True)
        ]

    def delay_s(self, ad_account_id: str, events: Sequence[JsonObject]) -> float:
        """What all matching delays add up to."""
        return sum(delay.seconds for _, delay in self._strike((Delay,), ad_account_id, events))

    def answering(self, ad_account_id: str, events: Sequence[JsonObject], *, is_refused: bool) -> Before | After | None:
        """The first effect that takes the place of the answer; a refused request has nothing to come after."""
        kinds: tuple[type[Before | After], ...] = (Before,) if is_refused else (Before, After)
        return next((effect for _, effect in self._strike(kinds, ad_account_id, events)), None)

    def rejections(self, ad_account_id: str, events: Sequence[JsonObject]) -> tuple[list[str], int]:
        """Per event the message that it is to fail with, "" for none; and the status of an answer with failed ones."""
        messages = [""] * len(events)
        struck = list(self._strike((RejectEvent,), ad_account_id, events))
        for fault, rejection in struck:
            for index, event in enumerate(events):
                if not messages[index] and fault.matches_event(event):
                    messages[index] = rejection.message
        return messages, struck[0][1].status if struck else 422

    def _strike(
        self, kinds: tuple[type[SomeEffect], ...], ad_account_id: str, events: Sequence[JsonObject]
    ) -> Iterator[tuple[Fault, SomeEffect]]:
        """Faults of these kinds that match the request, in order; each that is taken counts as having struck."""
        for index, fault in enumerate(self._faults):
            if fault.count is not None and self._strikes[index] >= fault.count:
                continue
            if isinstance(fault.effect, kinds) and fault.matches(ad_account_id, events):
                self._strikes[index] += 1
                yield fault, fault.effect
