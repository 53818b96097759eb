"""Normalisation and hashing of identifiers, against digests made by `sha256sum` of the normal form beside each."""

from __future__ import annotations

import json
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from consumer.pinterest import hashing

GOLDEN: list[dict[str, Any]] = json.loads(Path(__file__).with_name("golden_hashes.json").read_text(encoding="utf-8"))
HASHED = "A3" * 32
TAKES_COUNTRY = {"phone", "state", "postal_code"}
OF_ONE_TEXT = ("email", "name", "city", "country", "external_id", "advertising_id", "gender")


def hash_of(field: str, given: str, country: str | None = None) -> str | None:
    if field == "birth_date":
        return hashing.birth_date(date.fromisoformat(given))
    arguments = (given, country) if field in TAKES_COUNTRY else (given,)
    digest: str | None = getattr(hashing, field)(*arguments)
    return digest


@pytest.mark.parametrize("case", GOLDEN, ids=lambda case: f"{case['field']}-{case['given']}")
def test_an_identifier_is_hashed_in_its_normal_form(case: dict[str, Any]) -> None:
    assert hash_of(case["field"], case["given"], case.get("country")) == case["sha256"]


@pytest.mark.parametrize("field", [*OF_ONE_TEXT, *sorted(TAKES_COUNTRY)])
def test_what_is_hashed_already_passes_in_lower_case(field: str) -> None:
    assert hash_of(field, HASHED, "US") == HASHED.lower()
    assert hash_of(field, f" {HASHED} ", "US") == HASHED.lower()


@pytest.mark.parametrize("field", [*OF_ONE_TEXT, *sorted(TAKES_COUNTRY)])
@pytest.mark.parametrize("blank", ["", "  ", "\t\n"])
def test_blank_is_nobody(field: str, blank: str) -> None:
    assert hash_of(field, blank, "US") is None


@pytest.mark.parametrize(
    ("field", "given", "country"),
    [
        pytest.param("email", "no address", None, id="no at sign"),
        pytest.param("email", "@example.com", None, id="nobody at a host"),
        pytest.param("email", "shopper@", None, id="somebody at no host"),
        pytest.param("phone", "020 7946 0123", None, id="national number of no country"),
        pytest.param("phone", "020 7946 0123", "AQ", id="country without numbers of its own"),
        pytest.param("phone", "+1 202", None, id="too short"),
        pytest.param("phone", "ask my wife", "US", id="no number"),
        pytest.param("state", "California", "US", id="name of a state"),
        pytest.param("state", "NSW", "AU", id="three letters"),
        pytest.param("state", "13", "JP", id="digits"),
        pytest.param("city", "-", None, id="punctuation only"),
        pytest.param("country", "Germany", None, id="name of a country"),
        pytest.param("country", "ZZ", None, id="two letters of no country"),
        pytest.param("advertising_id", "00000000-0000-0000-0000-000000000000", None, id="the id of everybody"),
        pytest.param("gender", "unknown", None, id="no gender"),
    ],
)
def test_what_is_no_such_identifier_is_left_out(field: str, given: str, country: str | None) -> None:
    assert hash_of(field, given, country) is None


@pytest.mark.parametrize("digits", [63, 65])
def test_only_sixty_four_digits_are_a_hash(digits: int) -> None:
    text = "a" * digits

    assert hashing.external_id(text) == sha256(text.encode()).hexdigest()
