"""No account, however busy, slow or ill, makes the others wait: order, caps, and twenty accounts in simulated time."""

from __future__ import annotations

import random
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from heapq import heappop, heappush

import pytest

from consumer.delivery.freshness import FRESH_S
from consumer.pinterest.answers import Answer, Judged, Throttled
from consumer.records import Batch
from tests.unit.stages.builders import ACCOUNT, WALL_S, batch_of, event_of
from tests.unit.stages.sink_rig import OTHER, UNAUTHORIZED, Rig, batches_of, judged

# --- order among accounts -----------------------------------------------------------------------------------


def test_those_with_fewer_requests_under_way_go_first_however_old_the_others_are() -> None:
    rig = Rig(max_in_flight=4)
    rig.submit(*batches_of(5, ACCOUNT, age_s=900))
    rig.submit(*batches_of(1, "1", age_s=10), *batches_of(1, "2", age_s=20), *batches_of(1, "3", age_s=30))

    order = [batch.ad_account_id for batch in rig.start()]

    assert order == [ACCOUNT, "3", "2", "1"]


def test_among_equals_the_oldest_event_goes_first() -> None:
    rig = Rig(max_in_flight=2)
    rig.submit(*batches_of(2, ACCOUNT, age_s=900), *batches_of(2, OTHER, age_s=800))
    first, second = rig.start()

    rig.accept(first)
    rig.accept(second)

    assert [batch.ad_account_id for batch in (first, second, *rig.start())] == [ACCOUNT, OTHER] * 2


def test_what_grows_past_the_hour_while_it_waits_takes_the_place_kept_for_that() -> None:
    rig = Rig(max_in_flight=4)
    rig.submit(*(batch_of(event_of(account=str(n), age_s=FRESH_S - 50), account=str(n)) for n in range(4)))
    rig.start()
    rig.submit(*(batch_of(event_of(account=str(n), age_s=FRESH_S - 40), account=str(n)) for n in range(5, 7)))
    rig.submit(*(batch_of(event_of(account=str(n), age_s=0), account=str(n)) for n in range(7, 9)))
    rig.elapsed_s += 30
    rig.accept(rig.under_way[0])
    (fresh,) = rig.start()
    rig.accept(fresh)

    (stale,) = rig.start(after_s=20)

    assert {fresh.ad_account_id, stale.ad_account_id} == {"5", "6"}


def test_an_account_waits_no_longer_than_its_own_pause() -> None:
    rig = Rig()
    rig.submit(*batches_of(2), *batches_of(1, OTHER))
    for batch in rig.start():
        rig.receive(batch, Throttled(50.0) if batch.ad_account_id == ACCOUNT else judged(batch))

    starts = [batch.ad_account_id for _ in range(60) for batch in rig.start(after_s=1)]

    assert starts == [ACCOUNT]  # width 4 halved twice: one at a time


@pytest.mark.parametrize("wish_s", [0.0, 0.001, None])
def test_who_may_ask_again_at_once_and_is_throttled_again_asks_ever_more_seldom(wish_s: float | None) -> None:
    rig = Rig()
    rig.submit(*batches_of(1))
    sent = 0
    for _ in range(600):  # a minute
        for batch in rig.start(after_s=0.1):
            sent += 1
            rig.receive(batch, Throttled(wish_s))

    assert sent <= 7  # after 1, 2, 4, 8, 16 and 32 s


# --- caps ---------------------------------------------------------------------------------------------------


def requests_a_minute(rig: Rig, minutes: int, answer: Callable[[Batch], Answer] = judged) -> dict[str, int]:
    """The most that went within any minute, by account."""
    starts: dict[str, list[float]] = {}
    for _ in range(minutes * 600):
        for batch in rig.start(after_s=0.1):
            starts.setdefault(batch.ad_account_id, []).append(rig.elapsed_s)
            rig.receive(batch, answer(batch))
    return {
        account: max(bisect_left(times, start_s + 59.99) - index for index, start_s in enumerate(times))
        for account, times in starts.items()
    }


def test_the_general_cap_holds_for_each_account_and_an_accounts_own_in_its_place() -> None:
    rig = Rig(caps={OTHER: 40}, requests_per_minute=12)
    rig.submit(*batches_of(200), *batches_of(200, OTHER))

    most = requests_a_minute(rig, minutes=3)

    assert most.keys() == {ACCOUNT, OTHER}
    assert 11 <= most[ACCOUNT] <= 12
    assert 36 <= most[OTHER] <= 40  # a turn is a tenth of a second


def test_a_cap_of_one_account_is_no_other_ones() -> None:
    rig = Rig(caps={OTHER: 5})
    rig.submit(*batches_of(100), *batches_of(100, OTHER))

    most = requests_a_minute(rig, minutes=1)

    assert most == {ACCOUNT: 100, OTHER: 5}


def test_requests_that_fail_count_as_well() -> None:
    rig = Rig(requests_per_minute=6, retry_base_s=0.1, retry_cap_s=0.1, hold_probe_s=0.5)
    rig.submit(*batches_of(10))

    most = requests_a_minute(rig, minutes=3, answer=lambda _: UNAUTHORIZED)

    assert most == {ACCOUNT: 6}


# --- twenty accounts in simulated time ----------------------------------------------------------------------

WELL = [f"well-{number}" for number in range(17)]
ILL = ["slow", "throttled", "unauthorized"]


@dataclass
class Simulation:
    """Accounts that get batches as `arrivals` says, and an API that takes as long for each account as it takes."""

    arrivals: Mapping[str, Iterable[float]]
    """Seconds from the start at which a batch is submitted, with an event that happened just then."""
    chance: random.Random = field(default_factory=lambda: random.Random(7))
    ages_s: dict[str, list[float]] = field(default_factory=dict)
    """Of accepted events, by account."""
    most_under_way: Counter[str] = field(default_factory=Counter)

    def run(self, until_s: float) -> Simulation:
        rig = Rig(chance=random.Random(1))
        agenda: list[tuple[float, int, Batch | str, Answer | None]] = []
        for account, times in self.arrivals.items():
            for at_s in times:
                heappush(agenda, (at_s, len(agenda), account, None))
        serial = len(agenda)
        for tenth in range(int(until_s * 10)):  # the control loop turns also when nothing happens
            heappush(agenda, (tenth / 10, serial + tenth, "", None))
        serial += int(until_s * 10)
        under_way: Counter[str] = Counter()
        while agenda and agenda[0][0] < until_s:
            at_s, _, what, answer = heappop(agenda)
            rig.elapsed_s = at_s
            if isinstance(what, Batch):
                assert answer is not None
                under_way[what.ad_account_id] -= 1
                verdicts = rig.receive(what, answer)
                ages = self.ages_s.setdefault(what.ad_account_id, [])
                ages += [WALL_S + at_s - verdict.event.event_time_s for verdict in verdicts]
            elif what:
                rig.submit(batch_of(event_of(account=what, age_s=-int(at_s)), account=what))
            for batch in rig.start():
                account = batch.ad_account_id
                under_way[account] += 1
                self.most_under_way[account] = max(self.most_under_way[account], under_way[account])
                serial += 1
                heappush(agenda, (at_s + self._takes_s(account), serial, batch, self._answers(batch)))
        return self

    def _takes_s(self, account: str) -> float:
        return 10.0 if account == "slow" else self.chance.uniform(0.2, 2.0)

    def _answers(self, batch: Batch) -> Answer:
        match batch.ad_account_id:
            case "throttled":
                return Throttled(None)
            case "unauthorized":
                return UNAUTHORIZED
            case _:
                return Judged(judged(batch).outcomes)

    def p99_s(self, accounts: Iterable[str]) -> float:
        ages = sorted(age_s for account in accounts for age_s in self.ages_s[account])
        return ages[int(0.99 * len(ages))]


def every(seconds: float, count: int, offset_s: float = 0.0) -> list[float]:
    return [offset_s + number * seconds for number in range(count)]


def busy(accounts: Iterable[str]) -> dict[str, list[float]]:
    """More than all permits could carry: each account has batches waiting for all of five minutes."""
    return {account: every(0.25 if account in ILL else 1.0, 300 if account in ILL else 100) for account in accounts}


def calm(accounts: Iterable[str]) -> dict[str, list[float]]:
    """Less than half of the permits are needed."""
    return {account: every(6.0, 50, offset_s=0.37 * number) for number, account in enumerate(accounts)}


def brisk(accounts: Iterable[str]) -> dict[str, list[float]]:
    """Four fifths of the permits are needed by those that are well, and the others have always something waiting."""
    gap_s = len(WELL) / (0.8 * 8 / 1.1)
    return {
        account: every(0.5, 600) if account in ILL else every(gap_s, 100, offset_s=gap_s * number / len(WELL))
        for number, account in enumerate(accounts)
    }


@pytest.mark.parametrize("traffic", [busy, brisk, calm])
def test_three_ill_accounts_do_not_double_the_age_of_the_others_events(
    traffic: Callable[[Iterable[str]], dict[str, list[float]]],
) -> None:
    undisturbed = Simulation(traffic(WELL)).run(until_s=600)

    disturbed = Simulation(traffic([*ILL, *WELL])).run(until_s=900)

    assert disturbed.p99_s(WELL) < 2 * undisturbed.p99_s(WELL)
    assert sum(len(disturbed.ages_s[account]) for account in WELL) == sum(
        len(undisturbed.ages_s[account]) for account in WELL
    )


def test_a_slow_account_holds_one_permit_in_a_lull_as_well() -> None:
    rig = Rig()
    rig.submit(*batches_of(1, OTHER), *batches_of(1, "slow"))
    (other, slow) = sorted(rig.start(), key=lambda batch: batch.ad_account_id)
    rig.accept(other)
    rig.elapsed_s += 10
    rig.accept(slow)

    rig.submit(*batches_of(9, "slow"), *batches_of(9, OTHER))

    assert Counter(batch.ad_account_id for batch in rig.start()) == {"slow": 1, OTHER: 4}


def test_a_new_account_begins_with_one_request_beside_others() -> None:
    rig = Rig()
    rig.submit(*batches_of(1, OTHER))
    rig.accept(rig.start_one())

    rig.submit(*batches_of(9))
    (first,) = rig.start()
    rig.accept(first)

    assert len(rig.start()) == 4


def test_a_slow_account_holds_one_permit_while_all_others_have_something_to_send() -> None:
    simulation = Simulation(busy([*ILL, *WELL])).run(until_s=120)

    assert simulation.most_under_way["slow"] == 1


def test_no_account_waits_much_longer_than_another_that_is_as_well() -> None:
    simulation = Simulation(busy([*ILL, *WELL])).run(until_s=150)

    served = sorted(len(simulation.ages_s[account]) for account in WELL)

    assert served[-1] <= 1.25 * served[0]
