"""Normalisation and hashing of identifiers, against digests made by `sha256sum` of the normal form beside each."""

from __future__ import annotations

import json
import unicodedata
from collections import Counter
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.pinterest import hashing

GOLDEN: list[dict[str, Any]] = json.loads(
    Path(__file__).with_name("golden_hashes.json").read_text(encoding="utf-8")
)["vectors"]  # fmt: skip
HASHED = "A3" * 32
TODAY = date(2025, 6, 15)
TAKES_COUNTRY = ("phone", "state", "postal_code")
OF_ONE_TEXT = ("email", "name", "city", "country", "external_id", "advertising_id", "gender")
FIELDS = (*OF_ONE_TEXT, *TAKES_COUNTRY, "birth_date")
COUNTRIES = (None, "US", "GB", "DE", "IT", "IN", "AQ")


def hash_of(field: str, text: str, country: str | None = None, today: date = TODAY) -> str | None:
    arguments: tuple[Any, ...] = (text,)
    if field in TAKES_COUNTRY:
        arguments = (text, country)
    elif field == "birth_date":
        arguments = (text, today)
    digest: str | None = getattr(hashing, field)(*arguments)
    return digest


def named(case: dict[str, Any]) -> str:
    return f"{case['field']}-{case['given'].encode('unicode_escape').decode()}-{case.get('country')}"


@pytest.mark.parametrize("case", GOLDEN, ids=named)
def test_an_identifier_is_hashed_in_its_normal_form(case: dict[str, Any]) -> None:
    today = date.fromisoformat(case["today"]) if "today" in case else TODAY

    assert hash_of(case["field"], case["given"], case.get("country"), today) == case["sha256"]


def test_the_digests_are_those_of_the_normal_forms() -> None:
    """Without the code under test: a digest was not copied from what it happened to say."""
    for case in GOLDEN:
        if case["normal"] is not None:
            assert case["sha256"] == sha256(case["normal"].encode("utf-8")).hexdigest(), case["normal"]


def test_every_field_has_vectors_of_what_is_sent_and_what_is_not() -> None:
    sent = Counter(case["field"] for case in GOLDEN if case["normal"] is not None)
    left_out = Counter(case["field"] for case in GOLDEN if case["sha256"] is None)

    assert sent.keys() == left_out.keys() == set(FIELDS)
    assert len(GOLDEN) >= 120


@pytest.mark.parametrize("field", FIELDS)
def test_what_is_hashed_already_passes_in_lower_case(field: str) -> None:
    assert hash_of(field, HASHED, "US") == HASHED.lower()
    assert hash_of(field, f" {HASHED} ", "US") == HASHED.lower()


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("nothing", ["", " ", "null", "NULL", "Undefined", "n/a", "0"])
def test_the_hash_of_nothing_is_nobody(field: str, nothing: str) -> None:
    digest = sha256(nothing.encode()).hexdigest()

    assert hash_of(field, digest, "US") is None
    assert hash_of(field, digest.upper(), "US") is None


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("blank", ["", "  ", "\t\n", "\u00a0", "\u3000"])
def test_blank_is_nobody(field: str, blank: str) -> None:
    assert hash_of(field, blank, "US") is None


@pytest.mark.parametrize("field", [field for field in FIELDS if field != "city"])  # of which only letters are taken
def test_half_of_a_surrogate_pair_is_no_text(field: str) -> None:
    assert hash_of(field, "Anna\ud800@example.com", "US") is None


@pytest.mark.parametrize("digits", [63, 65])
def test_only_sixty_four_digits_are_a_hash(digits: int) -> None:
    text = "a" * digits

    assert hashing.external_id(text) == sha256(text.encode()).hexdigest()


@pytest.mark.parametrize("field", ["email", "phone", "name", "city", "postal_code", "state"])
@pytest.mark.parametrize("country", COUNTRIES)
@pytest.mark.parametrize(
    "other",
    [
        pytest.param("5d41402abc4b2a76b9719d911017c592", id="MD5"),
        pytest.param("aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d", id="SHA-1"),
        pytest.param("LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=", id="SHA-256 in base64"),
        pytest.param("f" * 128, id="SHA-512"),
    ],
)
def test_what_is_hashed_by_another_rule_is_nobody(field: str, country: str | None, other: str) -> None:
    assert hash_of(field, other, country) is None


def test_a_day_of_birth_may_be_a_day() -> None:
    assert hashing.birth_date(date(1990, 2, 1), TODAY) == sha256(b"19900201").hexdigest()
    assert hashing.birth_date(TODAY, TODAY) is not None
    assert hashing.birth_date(date(2025, 6, 16), TODAY) is None


ANY_TEXT = st.text(st.characters(exclude_categories=())) | st.from_regex(r"\+?[0-9 ()\-x#;]{5,20}", fullmatch=True)


@given(text=ANY_TEXT, field=st.sampled_from(FIELDS), country=st.sampled_from(COUNTRIES))
def test_any_text_is_a_hash_or_nobody_and_never_an_error(text: str, field: str, country: str | None) -> None:
    digest = hash_of(field, text, country)

    assert digest is None or (len(digest) == 64 and set(digest) <= set("0123456789abcdef"))
    assert digest is None or hash_of(field, digest, country) == digest


# Letters whose capital is one letter and leads back: not ß, not the two small sigmas, not the dotted capital I.
LETTERS = st.characters(categories=("Lu", "Ll", "Lo", "Mn")).filter(
    lambda c: c.upper().lower() == c.lower() and len(c.upper()) == len(c.lower()) == 1 and c not in "σςΣ"
)
WORDS = st.text(LETTERS | st.sampled_from(" -'"), min_size=1)


@given(word=WORDS, field=st.sampled_from(("email", "name", "city")), blank=st.sampled_from(("", " ", "\t", "\u00a0")))
def test_case_unicode_form_and_outer_blanks_make_no_other_person(word: str, field: str, blank: str) -> None:
    text = f"{word}@example.com" if field == "email" else word
    expected = hash_of(field, text)

    for form in ("NFC", "NFD"):
        for written in (text, text.upper(), text.lower()):
            assert hash_of(field, blank + unicodedata.normalize(form, written) + blank) == expected
