"""Sample orders and visits, each with what must become of it, known from how it was made and never from the mapper.

Every sample starts as a record that Pinterest must get. One in ten is then changed in a single respect, and that
respect names the expectation. The same seed, time and rules give the same samples.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TypeVar

from consumer.config import NOT_ADVERTISED
from consumer.demo.baskets import fill_baskets
from consumer.demo.oddities import Oddity, order_oddities, visit_oddities
from consumer.demo.ordinary import VISIT_TYPES, make_order, make_visit
from consumer.demo.samples import ACCEPTED, Rules, Sample, Scene
from consumer.demo.shoppers import invent_shoppers

_T = TypeVar("_T")

UNLISTED_MERCHANT = "merchant-unlisted"
_ORDINARY_PER_ODDITY = 9
_SHOPPERS = 1_100
_BASKETS_PER_COUNTRY = 60


def orders(
    count: int,
    *,
    seed: int,
    accounts: int,
    now: datetime,
    rules: Rules,
    topic: str = "orders",
    with_rejected: bool = False,
) -> Iterator[Sample]:
    """`count` orders of `merchant-1` … `merchant-<accounts>`, placed within the five minutes before `now`.

    Every oddity comes once in each round of about 150; every merchant is among the first `accounts` samples, later
    ones in proportion to 1, 1/2, 1/3 … `with_rejected` adds orders that the emulator must be told to refuse. `now`
    is aware; it is part of every id, so another run never repeats one.
    """
    scene = _set_scene(f"orders {seed}", seed, now, rules)
    cards = _dealt(_deck(order_oddities(with_rejected=with_rejected), _strangers(rules)), scene.chance)
    merchants = _merchants(accounts, scene.chance)
    for number in range(count):
        card = next(cards)
        merchant = card if isinstance(card, str) else next(merchants)
        sample = make_order(scene, topic=topic, merchant=merchant, number=number)
        yield _fated(sample, card, rules.fate_of(merchant), scene)


def visits(
    count: int, *, seed: int, accounts: int, now: datetime, rules: Rules, topic: str = "visits"
) -> Iterator[Sample]:
    """`count` visits of all types, otherwise as `orders`."""
    scene = _set_scene(f"visits {seed}", seed, now, rules)
    cards = _dealt(_deck(visit_oddities(rules), _strangers(rules)), scene.chance)
    types = _dealt(VISIT_TYPES, scene.chance)
    merchants = _merchants(accounts, scene.chance)
    for number in range(count):
        card = next(cards)
        merchant = card if isinstance(card, str) else next(merchants)
        sample = make_visit(scene, topic=topic, merchant=merchant, number=number, visit_type=next(types))
        yield _fated(sample, card, rules.fate_of(merchant), scene)


def _fated(sample: Sample, card: Oddity | str | None, fate: str, scene: Scene) -> Sample:
    """A merchant without an account decides alone: two oddities at once would leave the outcome to their order."""
    if fate != ACCEPTED:
        sample.expect = fate
    elif isinstance(card, Oddity):
        card.befall(sample, scene)
    return sample


def _deck(oddities: Sequence[Oddity], strangers: Sequence[str]) -> list[Oddity | str | None]:
    """None for an ordinary sample, a name for one of a merchant that has no account."""
    odd: list[Oddity | str | None] = [*oddities, *strangers]
    return odd + [None] * (_ORDINARY_PER_ODDITY * len(odd))


def _strangers(rules: Rules) -> list[str]:
    unlisted = [UNLISTED_MERCHANT] if rules.fate_of(UNLISTED_MERCHANT) != ACCEPTED else []
    return unlisted + sorted(merchant for merchant, account in rules.table.items() if account == NOT_ADVERTISED)[:1]


def _merchants(accounts: int, chance: random.Random) -> Iterator[str]:
    names = [f"merchant-{number}" for number in range(1, accounts + 1)]
    yield from chance.sample(names, accounts)
    yield from _dealt([name for rank, name in enumerate(names, 1) for _ in range(-(-accounts // rank))], chance)


def _dealt(cards: Sequence[_T], chance: random.Random) -> Iterator[_T]:
    """The cards in random order, for ever: unlike independent draws, each comes as often as it is in the deck."""
    deck = list(cards)
    while True:
        chance.shuffle(deck)
        yield from deck


def _set_scene(stream: str, seed: int, now: datetime, rules: Rules) -> Scene:
    chance = random.Random(stream)
    shoppers = invent_shoppers(_SHOPPERS, chance)
    return Scene(
        chance=chance,
        now=now,
        run=f"{seed}-{int(now.timestamp() * 1_000):x}",
        rules=rules,
        shoppers=shoppers,
        shoppers_in_eea=[shopper for shopper in shoppers if shopper.country.in_eea],
        baskets=fill_baskets(_BASKETS_PER_COUNTRY, chance),
    )
