"""The search for the culprits of a request that was refused as a whole, within a budget.

A refused batch is halved until the culprits stand alone; what is accepted on the way is done with. One culprit among
n costs about 2 log2(n) requests, but where everything is refused, 2n - 1; so the requests refused in a search are
counted, and beyond the budget whoever is left is rejected together.
"""

from __future__ import annotations

from dataclasses import replace

from consumer.pinterest.answers import Refused
from consumer.records import Batch, DeadLetterReason, Rejected, Search


def narrow(batch: Batch, refused: Refused, *, budget: int) -> Rejected | tuple[Batch, Batch]:
    """What follows from a refusal that names nobody.

    Returns:
        The pieces to send in its place, or the verdict on all of its events: one alone is the culprit; several were
        not told apart within the budget. Then the other pieces of the search are to be rejected likewise.
    """
    if len(batch.events) == 1:
        reason = DeadLetterReason.OVERSIZED if refused.http_status == 413 else DeadLetterReason.REFUSED
        culprit = Rejected(refused.detail, reason, refused.http_status, refused.api_code)
        if batch.search is not None:
            _count(batch.search, refused, budget)
        return culprit
    search = batch.search or Search(batch.oldest_s, budget)
    _count(search, refused, budget)
    if search.given_up is not None:
        return search.given_up
    middle = len(batch.events) // 2
    return (
        replace(batch, events=batch.events[:middle], search=search),
        replace(batch, events=batch.events[middle:], search=search),
    )


def place(batch: Batch) -> tuple[int, int]:
    """Where a batch stands among those that wait: the oldest first.

    The pieces of a batch keep its place together, the larger ones first: each request then tells most events apart,
    and the many good ones are accepted before the last few are looked at closely.
    """
    search = batch.search
    return (batch.oldest_s if search is None else search.oldest_s, -len(batch.events))


def _count(search: Search, refused: Refused, budget: int) -> None:
    search.refusals_left -= 1
    if search.refusals_left <= 0 and search.given_up is None:
        search.given_up = Rejected(
            f"not told apart from the culprits of its batch within {budget} refused requests "
            f"(delivery.bisect_requests), replay it once they are mended; the API said: {refused.detail}",
            DeadLetterReason.REFUSED,
            refused.http_status,
            refused.api_code,
        )
