"""Which targets a draft fills, from what was recognised in the records."""

from __future__ import annotations

from collections.abc import Mapping

from consumer.cli.init_answers import CHECKOUT
from consumer.mapping.recognition import Candidate, Recognised
from consumer.mapping.targets import TARGETS, Takes

_OF_ORDERS = frozenset({"custom_data.predicted_ltv"})
_OF_VISITS = frozenset(f"custom_data.{name}" for name in ("search_string", "content_name", "content_category"))
_ASKED_FOR = frozenset({"consent.advertising", "routing.merchant_id"})
"""Nothing that a name alone should decide."""


def chosen(event: str, found: Recognised) -> Mapping[str, tuple[Candidate, ...]]:
    """By target, in the order of the documentation, where it may stand; the likeliest place is the one to write."""
    left_out = (_OF_VISITS if event == CHECKOUT else _OF_ORDERS) | _ASKED_FOR
    is_summed = event == CHECKOUT and bool({"totals.items_net", "totals.items_gross"} & found.targets.keys())
    return {
        key: found.targets[key]
        for key, target in TARGETS.items()
        if key in found.targets
        and key not in left_out
        and (target.section != "totals" or is_summed)
        and (key != "custom_data.value" or not is_summed)
    }


def amounts(places: Mapping[str, tuple[Candidate, ...]]) -> list[Candidate]:
    """Those of money."""
    return [candidates[0] for key, candidates in places.items() if TARGETS[key].takes is Takes.AMOUNT]
