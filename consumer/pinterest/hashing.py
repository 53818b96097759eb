"""From one identifier in clear to the SHA-256 that Pinterest matches on: one pure function per field of `user_data`.

Every function takes the value as the shop has it, in clear or already hashed, and returns 64 lower-case hexadecimal
digits, or None if nothing is left that could match (blank, or not such an identifier). The rules are those of the
Pinterest API v5 description, schema `ConversionEventsUserDataProperties`; its sample hashes contradict its own rules
(the country is hashed in upper case, for one) and are not followed. Where it is silent, see
`docs/decisions/0003-normalisation.md`.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import date
from hashlib import sha256

import phonenumbers

from consumer.pinterest.countries import country_code

_HASHED = re.compile(r"[0-9A-Fa-f]{64}")
_GENDERS = {
    **dict.fromkeys(("f", "female", "woman"), "f"),
    **dict.fromkeys(("m", "male", "man"), "m"),
    **dict.fromkeys(("n", "x", "non-binary", "nonbinary", "non binary", "diverse"), "n"),
}


def email(text: str) -> str | None:
    """Rule: lower case. White space, of which addresses have none, is removed."""
    if hashed := _already(text):
        return hashed
    address = "".join(text.split()).lower()
    name, at, host = address.rpartition("@")
    return _digest(address) if name and at and host else None


def phone(text: str, country: str | None) -> str | None:
    """Rule: digits of country code, area code and number; no symbols, letters, spaces or leading zeros.

    `country` (ISO 3166-1 alpha-2) is where a number without a country code is dialled from; where it is unknown, such a
    number matches nobody.
    """
    if hashed := _already(text):
        return hashed
    try:
        number = phonenumbers.parse(text, country)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number):
        return None
    # Not `str(national_number)`: Italian numbers keep their zero after the country code.
    return _digest(f"{number.country_code}{phonenumbers.national_significant_number(number)}")


def name(text: str) -> str | None:
    """First or last name. Rule: lower case. Blanks, hyphens and accents within it stay."""
    return _already(text) or _digest(_folded(text.strip()))


def city(text: str) -> str | None:
    """Rule: lower case, without spaces or punctuation. Letters of every script stay."""
    return _already(text) or _digest("".join(c for c in _folded(text) if c.isalnum()))


def state(text: str, country: str | None) -> str | None:
    """Rule: two-letter code, lower case; `US-CA` counts as `CA`. Names and longer codes match nothing."""
    if hashed := _already(text):
        return hashed
    code = text.strip().lower()
    if country is not None:
        code = code.removeprefix(f"{country.lower()}-")
    return _digest(code) if len(code) == 2 and code.isascii() and code.isalpha() else None


def postal_code(text: str, country: str | None) -> str | None:
    """Rule: digits only. Of a US ZIP+4 the first five; where codes have letters, letters and digits in lower case."""
    if hashed := _already(text):
        return hashed
    code = "".join(c for c in text.lower() if c.isascii() and c.isalnum())
    if country == "US" and len(code) == 9 and code.isdigit():
        code = code[:5]
    return _digest(code)


def country(text: str) -> str | None:
    """Rule: two-letter ISO 3166 code, lower case."""
    if hashed := _already(text):
        return hashed
    code = country_code(text)
    return None if code is None else _digest(code.lower())


def external_id(text: str) -> str | None:
    """The shop's own id of a person, hashed as it is: it must equal what the browser tag sends."""
    return _already(text) or _digest(text.strip())


def advertising_id(text: str) -> str | None:
    """GAID or IDFA, in lower case; the all-zero one, which stands for nobody, is None."""
    if hashed := _already(text):
        return hashed
    identifier = text.strip().lower()
    return _digest(identifier) if identifier.strip("0-") else None


def gender(text: str) -> str | None:
    """Rule: f, m, or n for non-binary. Not sent by the bundled mappings."""
    return _already(text) or _digest(_GENDERS.get(text.strip().lower(), ""))


def birth_date(day: date) -> str | None:
    """Rule: year, month and day; written YYYYMMDD. Not sent by the bundled mappings."""
    return _digest(f"{day.year:04}{day.month:02}{day.day:02}")


def _already(text: str) -> str | None:
    """What is hashed already, in lower case; hashing it again would match nobody."""
    if len(text) < 64:
        return None
    text = text.strip()
    return text.lower() if _HASHED.fullmatch(text) else None


def _digest(normal: str) -> str | None:
    return sha256(normal.encode()).hexdigest() if normal else None


def _folded(text: str) -> str:
    """Lower case, composed: an accent typed as a character of its own must not make another person."""
    return text.lower() if text.isascii() else unicodedata.normalize("NFC", text).lower()
