"""Whoever is suppressed is not sent, by whatever they are known, also where that may not leave."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from consumer.errors import ConfigError
from consumer.records import Decoded, Invalid, Mapped, Skipped, SkipReason
from consumer.stages.mapper import Mapper
from consumer.suppress_list import SuppressList
from consumer.timing import ManualClock
from tests.unit.mapping.builders import NOW_S, a_config, a_visit, an_order, mapped, outcome_of, skip_of

BOTH = pytest.mark.parametrize("make", [an_order, a_visit], ids=["order", "visit"])
SHOPPER: dict[str, Any] = {
    "customer": {"emails": ["Shopper@Example.com", "s@example.com"], "phones": ["02 5550 1234"], "customer_id": "K-7"},
    "client": {"anonymous_id": "b-81f0", "unauth_id": "dWlkPTEyMw"},
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "suppressed.txt"


def suppress(file: Path, *normal_forms: str) -> dict[str, Any]:
    file.write_text("\n".join(sha256(text.encode()).hexdigest() for text in normal_forms))
    return {"suppress_file": str(file)}


@BOTH
@pytest.mark.parametrize(
    "normal_form", ["shopper@example.com", "s@example.com", "61255501234", "K-7", "b-81f0", "dWlkPTEyMw"]
)
def test_each_identifier_suppresses(make: Any, normal_form: str, file: Path) -> None:
    privacy = suppress(file, "nobody@example.com", normal_form)

    assert skip_of(make(**SHOPPER), privacy=privacy) is SkipReason.SUPPRESSED


@BOTH
def test_others_are_sent_as_without_a_list(make: Any, file: Path) -> None:
    assert (
        mapped(make(**SHOPPER), privacy=suppress(file, "nobody@example.com")).payload == mapped(make(**SHOPPER)).payload
    )


@BOTH
@pytest.mark.parametrize("normal_form", ["shopper@example.com", "61255501234", "K-7", "b-81f0"])
def test_what_may_not_leave_is_compared_all_the_same(make: Any, normal_form: str, file: Path) -> None:
    privacy = suppress(file, normal_form) | {"fields": ["client_ip_address", "client_user_agent"]}

    assert skip_of(make(**SHOPPER), privacy=privacy) is SkipReason.SUPPRESSED


@BOTH
def test_and_does_not_leave(make: Any, file: Path) -> None:
    privacy = suppress(file, "nobody@example.com") | {"fields": ["client_ip_address", "client_user_agent"]}

    outcome = mapped(make(customer={**SHOPPER["customer"], "customer_id": "0"}), privacy=privacy)

    assert outcome.payload["user_data"].keys() == {"client_ip_address", "client_user_agent"}
    assert outcome.clipped == ()


@BOTH
def test_nobody_else_is_recognised_by_what_is_only_compared(make: Any, file: Path) -> None:
    privacy = suppress(file, "nobody@example.com") | {"fields": ["click_id"]}

    assert skip_of(make(), privacy=privacy) is SkipReason.NO_IDENTITY


def test_an_address_that_cannot_be_read_is_no_answer(file: Path) -> None:
    """Whether its owner is suppressed cannot be told then."""
    privacy = suppress(file, "nobody@example.com") | {"fields": ["client_ip_address", "client_user_agent"]}

    assert isinstance(outcome_of(an_order(customer={"emails": [b"\x00"]}), privacy=privacy), Invalid)
    assert skip_of(an_order(customer={"emails": [b"\x00"]}), privacy={"fields": privacy["fields"]}) is None


def test_the_tills_ids_are_not_the_shoppers(file: Path) -> None:
    assert skip_of(an_order(**SHOPPER, channel="POS"), privacy=suppress(file, "b-81f0")) is None


def test_the_list_in_force_counts_from_one_record_to_the_next(file: Path) -> None:
    privacy = suppress(file)
    suppressed = SuppressList(file, ManualClock())
    mapper = Mapper(a_config(privacy=privacy), suppressed)
    before = mapper.map("orders", Decoded("any", an_order(**SHOPPER)), [], NOW_S)
    suppress(file, "K-7")
    suppressed.look()
    suppressed.look()

    after = mapper.map("orders", Decoded("any", an_order(**SHOPPER)), [], NOW_S)

    assert isinstance(before, Mapped)
    assert after == Skipped(SkipReason.SUPPRESSED)


def test_a_list_that_cannot_be_read_stops_the_start(file: Path) -> None:
    with pytest.raises(ConfigError, match=r"privacy\.suppress_file"):
        Mapper(a_config(privacy={"suppress_file": str(file)}))
