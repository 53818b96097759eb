"""Does what the schedule says, each fault in a thread of its own, and notes when it really came to pass."""

from __future__ import annotations

import signal
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from types import TracebackType
from typing import Any, assert_never

from consumer.demo.registry import Fault as RegistryFault
from tests.chaos.cast import ALWAYS, Cast, Ended
from tests.chaos.repeats import Done
from tests.chaos.schedule import Fault, Step
from tests.harness.kafka.brokers import Brokers

_AT_ONCE = 16
_MANY = 100_000


class Nemesis:
    """Use it as a context manager; leaving waits until every fault that has begun is lifted."""

    def __init__(self, cast: Cast, brokers: Brokers) -> None:
        self.done: list[Done] = []
        """Faults that are over."""
        self.ended: list[Ended] = []
        """Replicas that were asked to stop."""
        self.active: dict[int, tuple[Step, float]] = {}
        """Faults in force, and since when (Unix seconds)."""
        self._cast = cast
        self._brokers = brokers
        self._threads = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="fault")
        self._futures: list[Future[None]] = []
        self._turns: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        self._one_broker = threading.Lock()
        self._api_lock = threading.Lock()
        self._api_faults: dict[int, Mapping[str, Any]] = {}
        self._is_over = threading.Event()

    def __enter__(self) -> Nemesis:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_over.set()
        self._threads.shutdown()

    def begin(self, step: Step) -> None:
        """Returns at once."""
        self._futures.append(self._threads.submit(self._play, step))

    def is_quiet(self) -> bool:
        """Is every fault that has begun lifted? Raises what kept one from being done."""
        over = [future for future in self._futures if future.done()]
        for future in over:
            future.result()
        self._futures = [future for future in self._futures if future not in over]
        return not self._futures

    def _play(self, step: Step) -> None:
        with self._turns[step.target]:  # the fault before may take longer than planned, on a busy machine
            began_at = time.time()
            self.active[id(step)] = (step, began_at)
            with self._in_force(step):
                self._is_over.wait(step.duration_s)
                lifted_at = time.time()
            del self.active[id(step)]
            # A kill is over at once: what follows is the absence, which cuts nothing off.
            ended_at = began_at if step.fault is Fault.KILL else time.time()
            self.done.append(Done(step.fault, step.name, step.target, began_at, lifted_at, ended_at))

    @contextmanager
    def _in_force(self, step: Step) -> Iterator[None]:
        """Does it on entering, undoes it on leaving."""
        cast, brokers = self._cast, self._brokers
        number = int(step.target.rpartition("-")[2]) if "-" in step.target else 0
        match step.fault:
            case Fault.STOP:
                self.ended.append(cast.stop(step.target))
                yield
                cast.start(step.target)
            case Fault.KILL:
                cast.kill(step.target)
                yield
                cast.start(step.target)
            case Fault.FREEZE:
                cast.replicas[step.target].send(signal.SIGSTOP)
                yield
                cast.replicas[step.target].send(signal.SIGCONT)
            case Fault.SCALE_UP:
                cast.start(step.target)
                yield
                self.ended.append(cast.stop(step.target))
            case Fault.BROKER_KILL:
                with self._one_broker:
                    brokers.kill(number)
                    yield
                    brokers.restart(number)
            case Fault.BROKER_FREEZE:
                with self._one_broker:
                    brokers.freeze(number)
                    yield
                    brokers.thaw(number)
            case Fault.EMULATOR_RESTART:
                with self._api_lock:  # its faults cannot be ordered while it is away
                    cast.end_emulator()
                    yield
                    cast.start_emulator()
                    self._order_api_faults()
            case Fault.REGISTRY_DOWN:
                cast.registry.faults.extend([RegistryFault(is_dropped=True)] * _MANY)
                self.ended.append(cast.stop(step.target))
                cast.start(step.target)
                yield
                cast.registry.faults.clear()
            case Fault.LETTERS_REFUSED:
                with self._one_broker:
                    cast.refuse_letters(is_refusing=True)
                    brokers.freeze(number)
                    yield
                    brokers.thaw(number)
                    cast.refuse_letters(is_refusing=False)
            case Fault.API:
                with self._api_lock:
                    self._api_faults[id(step)] = self._worded(step)
                    self._order_api_faults()
                yield
                with self._api_lock:
                    del self._api_faults[id(step)]
                    self._order_api_faults()
            case _:
                assert_never(step.fault)

    def _worded(self, step: Step) -> Mapping[str, Any]:
        account = self._cast.accounts.get(step.target)
        return {**(step.api or {}), **({"ad_account_id": account} if account is not None else {})}

    def _order_api_faults(self) -> None:
        # Those that hit fewest first: of the faults that take an answer's place the first strikes.
        faults = sorted(self._api_faults.values(), key=lambda fault: "ad_account_id" not in fault)
        self._cast.set_faults(*faults, *ALWAYS)
