"""From one identifier to the SHA-256 that Pinterest matches on: one pure function per hashed field of `user_data`.

Every function takes the value as the shop has it, in clear or already hashed, and returns 64 lower-case hexadecimal
digits, or None if nothing is left that could match (blank, or not such an identifier). What is hashed is the normal
form (`normal_forms.py`), by Pinterest's words: the sample hashes of its API description contradict them (the country is
hashed in upper case, for one) and are not followed.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from hashlib import sha256
from typing import TypeVarTuple

from consumer.pinterest import normal_forms
from consumer.pinterest.phones import phone_digits
from consumer.pinterest.regions import region_code

_Context = TypeVarTuple("_Context")

_HASHED = re.compile(r"\s*([0-9A-Fa-f]{64})\s*")
_HASH_LENGTH = 64
_NO_ID = "00000000-0000-0000-0000-000000000000"
_OF_NOBODY = frozenset({
    "0" * _HASH_LENGTH,
    *(
        sha256(text.encode()).hexdigest()
        for word in ("", " ", "-", "0", _NO_ID, *normal_forms.NOBODY)
        for text in (word, word.upper(), word.capitalize())
    ),
})  # fmt: skip
"""What producers send that hash without looking: the hash of nothing, and of the words for nobody."""


def email(text: str) -> str | None:
    return _hash_of(text, normal_forms.email)


def phone(text: str, country: str | None) -> str | None:
    """`country` (ISO 3166-1 alpha-2) is where a number without a country code is dialled from."""
    return _hash_of(text, phone_digits, country)


def name(text: str) -> str | None:
    """First or last name."""
    return _hash_of(text, normal_forms.name)


def city(text: str) -> str | None:
    return _hash_of(text, normal_forms.city)


def state(text: str, country: str | None) -> str | None:
    """`country` (ISO 3166-1 alpha-2) is whose state it is."""
    return _hash_of(text, region_code, country)


def postal_code(text: str, country: str | None) -> str | None:
    """`country` (ISO 3166-1 alpha-2) is whose postal code it is."""
    return _hash_of(text, normal_forms.postal_code, country)


def country(text: str) -> str | None:
    return _hash_of(text, normal_forms.country)


def external_id(text: str) -> str | None:
    return _hash_of(text, normal_forms.external_id)


def advertising_id(text: str) -> str | None:
    return _hash_of(text, normal_forms.advertising_id)


def gender(text: str) -> str | None:
    return _hash_of(text, normal_forms.gender)


def birth_date(day: date | str, today: date) -> str | None:
    """A day, or text as in ISO 8601; one after `today` is nobody's."""
    return _hash_of(day if isinstance(day, str) else day.isoformat(), normal_forms.birth_date, today)


def _hash_of(text: str, normal_form: Callable[[str, *_Context], str | None], *context: *_Context) -> str | None:
    # What is hashed already passes: hashed again it would match nobody.
    if len(text) >= _HASH_LENGTH and (hashed := _HASHED.fullmatch(text)):
        digest = hashed[1].lower()
        return None if digest in _OF_NOBODY else digest
    normal = normal_form(text, *context)
    if not normal:
        return None
    try:
        return sha256(normal.encode()).hexdigest()
    except UnicodeEncodeError:  # half of a surrogate pair: no text
        return None
