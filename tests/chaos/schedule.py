"""What goes wrong when: a pure function of the seed, so that a run that failed can be run again."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, TypeVar

REPLICAS = 3
ACCOUNTS = 6
BROKERS = 3

QUIET_S = 5.0
"""At both ends of a run nothing is done: the replicas have to find each other, and the last faults to end."""

STEADY = "replica-1"
"""Never ended, only frozen: what grows must have the time to show it."""


class Fault(StrEnum):
    """A closed set. What the API does has its own table below."""

    STOP = "stop"
    """SIGTERM, later started again."""
    KILL = "kill"
    """SIGKILL, later started again."""
    FREEZE = "freeze"
    """SIGSTOP for longer than the session, then SIGCONT."""
    SCALE_UP = "scale_up"
    """One replica more for a while, ended by SIGTERM."""
    BROKER_KILL = "broker_kill"
    BROKER_FREEZE = "broker_freeze"
    EMULATOR_RESTART = "emulator_restart"
    """Ended with requests under way, later started again."""
    REGISTRY_DOWN = "registry_down"
    """Does not answer, while a replica is started afresh and has to ask."""
    LETTERS_REFUSED = "letters_refused"
    """The dead-letter topic asks for all three replicas in sync, and a broker is frozen."""
    API = "api"
    """The emulator misbehaves; `Step.api` says how."""


Api = Mapping[str, Any]
"""A fault in the emulator's own words."""

TIMEOUT_S = 4.0
"""Of the replicas' requests: short, so that ambiguous outcomes come often."""

SESSION_S = 10.0
"""Of the replicas in their group; less would end by itself on a busy machine."""

OF_ONE_ACCOUNT: Sequence[Api] = (
    {"kind": "status", "status": 401},
    {"kind": "status", "status": 403},
    {"kind": "status", "status": 429, "headers": {"Retry-After": "2"}},
    {"kind": "status", "status": 429},
)
OF_ALL_ACCOUNTS: Sequence[Api] = (
    {"kind": "status", "status": 429, "headers": {"Retry-After": "1"}, "count": 10},
    {"kind": "status", "status": 503},
    {"kind": "status", "status": 502, "html": True},
    {"kind": "disconnect"},
    {"kind": "accept_then_disconnect", "count": 4},
    {"kind": "status_after_recording", "status": 500, "count": 4},
    {"kind": "delay", "ms": 1_000 * (TIMEOUT_S + 2), "count": 4},
    {"kind": "delay", "ms": 1_000 * TIMEOUT_S / 2},
    {"kind": "drip", "seconds": 2},
    {"kind": "drip", "seconds": TIMEOUT_S + 2, "head_too": True, "count": 4},
    {"kind": "garbage", "count": 4},
    {"kind": "garbage", "too_few_events": True, "count": 4},
    {"kind": "garbage", "recorded": False, "count": 4},
    {"kind": "oversized", "mib": 8, "count": 2},
    {"kind": "poison_event", "order_id_suffix": "-rejected"},
    {"kind": "reject_event", "order_id_suffix": "-rejected", "message": "Invalid order_id parameter.", "status": 200},
)


class Protocol(StrEnum):
    """How the group shares its partitions."""

    COOPERATIVE = "cooperative"
    EAGER = "eager"
    KIP_848 = "kip848"
    STATIC = "static"


@dataclass(frozen=True, slots=True)
class Step:
    """One fault: it begins `at_s` after the stream has, and is lifted `duration_s` later."""

    at_s: float
    fault: Fault
    target: str
    """`replica-2`, `broker-1`, `merchant-3`, or what there is only one of."""
    duration_s: float
    api: Api | None = None

    @property
    def ends_s(self) -> float:
        return self.at_s + self.duration_s

    @property
    def name(self) -> str:
        if self.api is None:
            return self.fault.value
        status = f" {self.api['status']}" if "status" in self.api else ""
        return f"api {self.api['kind']}{status}"


@dataclass(frozen=True, slots=True)
class Schedule:
    """Everything that the seed decides."""

    seed: int
    seconds: float
    protocol: Protocol
    steps: tuple[Step, ...]

    def lines(self) -> Iterator[str]:
        """JSON, one object a line."""
        yield json.dumps({"seed": self.seed, "seconds": self.seconds, "protocol": self.protocol})
        for step in self.steps:
            yield json.dumps({name: value for name, value in asdict(step).items() if value is not None})


_DURATION_S: Mapping[Fault, tuple[float, float]] = {
    Fault.STOP: (0.5, 4.0),
    Fault.KILL: (0.5, 4.0),
    Fault.FREEZE: (SESSION_S + 2, SESSION_S + 4),
    Fault.SCALE_UP: (8.0, 15.0),
    Fault.BROKER_KILL: (3.0, 6.0),
    Fault.BROKER_FREEZE: (3.0, 6.0),
    Fault.EMULATOR_RESTART: (0.5, 3.0),
    Fault.REGISTRY_DOWN: (3.0, 6.0),
    Fault.LETTERS_REFUSED: (6.0, 9.0),  # the broker has to be missed first
    Fault.API: (2.0, 6.0),
}

# A target that was hit is left alone for so long: it must be back before it is hit again.
_RESTS_S: Mapping[Fault, float] = {
    Fault.STOP: 8.0,
    Fault.KILL: 8.0,
    Fault.FREEZE: 8.0,
    Fault.SCALE_UP: 5.0,
    Fault.BROKER_KILL: 20.0,  # started, caught up and in sync; two brokers out at once is another promise
    Fault.BROKER_FREEZE: 12.0,
    Fault.EMULATOR_RESTART: 3.0,
    Fault.REGISTRY_DOWN: 5.0,
    Fault.LETTERS_REFUSED: 12.0,
    Fault.API: 2.0,
}

_EVERY_S = (0.5, 4.0)
_ENDED_SOONEST_S = 10.0
"""Where less time is left no card is dealt any more: the longest faults would all be left out."""

# Half of the cards are for the API, whose ways of failing come in turn.
_DECK = (Fault.STOP, Fault.KILL, *[fault for fault in Fault if fault is not Fault.API], *[Fault.API] * 10)
_OF_ONE_ACCOUNT_SHARE = 0.4
_T = TypeVar("_T")


def make_schedule(seed: int, seconds: float, *, protocol: Protocol | None = None) -> Schedule:
    """The faults of a run of so many seconds. Each kind comes as often as in the deck, in random order.

    Args:
        seed: Decides everything else.
        seconds: How long the stream runs.
        protocol: Instead of the one that the seed takes.
    """
    chance = random.Random(f"chaos {seed}")
    drawn = chance.choice(list(Protocol))
    kinds = _dealt(_DECK, chance)
    of_one, of_all = _dealt(OF_ONE_ACCOUNT, chance), _dealt(OF_ALL_ACCOUNTS, chance)
    free_at_s: dict[str, float] = {}
    steps: list[Step] = []
    at_s = QUIET_S
    while (at_s := at_s + chance.uniform(*_EVERY_S)) < seconds - _ENDED_SOONEST_S:
        fault = next(kinds)
        api: Api | None = None
        if fault is Fault.API and chance.random() < _OF_ONE_ACCOUNT_SHARE:
            target, api = f"merchant-{chance.randint(1, ACCOUNTS)}", next(of_one)
        elif fault is Fault.API:
            target, api = "api", next(of_all)
        else:
            target = chance.choice(_TARGETS[fault])
        step = Step(round(at_s, 2), fault, target, round(chance.uniform(*_DURATION_S[fault]), 2), api)
        claimed = _claimed(step)
        if step.ends_s <= seconds - QUIET_S and all(free_at_s.get(name, 0.0) <= at_s for name in claimed):
            free_at_s |= dict.fromkeys(claimed, step.ends_s + _RESTS_S[fault])
            steps.append(step)
    return Schedule(seed, seconds, protocol or drawn, tuple(steps))


_REPLICAS = tuple(f"replica-{number}" for number in range(1, REPLICAS + 1))
_MORTAL = tuple(name for name in _REPLICAS if name != STEADY)
_BROKERS = tuple(f"broker-{number}" for number in range(1, BROKERS + 1))
_TARGETS: Mapping[Fault, Sequence[str]] = {
    Fault.STOP: _MORTAL,
    Fault.KILL: _MORTAL,
    Fault.FREEZE: _REPLICAS,
    Fault.SCALE_UP: (f"replica-{REPLICAS + 1}",),
    Fault.BROKER_KILL: _BROKERS,
    Fault.BROKER_FREEZE: _BROKERS,
    Fault.EMULATOR_RESTART: ("api",),
    Fault.REGISTRY_DOWN: _MORTAL,  # the one that has to ask
    Fault.LETTERS_REFUSED: _BROKERS,
}


def _claimed(step: Step) -> tuple[str, ...]:
    """What nothing else may be done to meanwhile."""
    match step.fault:
        case Fault.BROKER_KILL | Fault.BROKER_FREEZE | Fault.LETTERS_REFUSED:
            return ("brokers",)  # one at a time: with two out of sync nothing can be written
        case Fault.REGISTRY_DOWN:
            return ("registry", step.target)
        case _:
            return (step.target,)


def _dealt(cards: Sequence[_T], chance: random.Random) -> Iterator[_T]:
    """In random order, for ever; each as often as it is among the cards."""
    deck = list(cards)
    while True:
        chance.shuffle(deck)
        yield from deck
