"""Telephone numbers as digits of country code, area code and number, read with Google's table of numbering plans."""

from __future__ import annotations

import re
from functools import cache

import phonenumbers
from phonenumbers import NumberParseException, PhoneMetadata, PhoneNumber, ValidationResult

from consumer.pinterest.text_forms import ascii_digits, is_other_digest

_PLAIN = re.compile(r"[0-9 +()./-]*")
_BREAK = re.compile(r"[^\W\d_]+|[#,;]")
"""A word, or what sets off an extension."""
_IS_DIGIT = frozenset("0123456789").__contains__
_SHORTEST = 7
"""Digits of the shortest number that an extension or a remark may follow: `ext. 5`, `(home)`."""
_LONGEST_TEXT = 100


def phone_digits(text: str, country: str | None) -> str | None:
    """Without plus, prefixes and extension; None if it is no possible number with area code, or nobody's.

    `country` (ISO 3166-1 alpha-2) is where a number without a country code is dialled from; where it is unknown, such a
    number could be anybody's.
    """
    if len(text) > _LONGEST_TEXT or is_other_digest(text):
        return None
    if not _PLAIN.fullmatch(text):
        text = _without_words(ascii_digits(text))
    digits = "".join(filter(_IS_DIGIT, text))
    return _significant(_abroad(digits) if "+" in text else _at_home(digits, country))


def _without_words(text: str) -> str:
    """Letters go, as Pinterest says, and all that stands behind the first word that follows a whole number.

    They are not read as keys: whoever has bought something is not reached under 1-800-FLOWERS.
    """
    for found in _BREAK.finditer(text):
        before = text[: found.start()]
        if sum(map(_IS_DIGIT, before)) >= _SHORTEST:
            return before
    return text


def _abroad(digits: str) -> PhoneNumber | None:
    return _parsed("+" + digits.lstrip("0"), None)


def _at_home(digits: str, country: str | None) -> PhoneNumber | None:
    """`00` and a bare country code count as a plus where they could not be meant otherwise."""
    number = None if country is None else _parsed(digits, country)
    if digits.startswith("00"):
        # What ITU-T E.164 recommends for calls abroad; where another prefix is dialled people still write it.
        return number if number is not None and phonenumbers.is_valid_number(number) else _abroad(digits)
    if country is not None and digits.startswith(_written_with_trunk_prefix(country)):
        abroad = _abroad(digits)
        return abroad if abroad is not None and phonenumbers.is_valid_number(abroad) else number
    return number


@cache
def _written_with_trunk_prefix(country: str) -> str | tuple[()]:
    """The country code, if no national number as written begins like it, since all begin with a trunk prefix.

    Elsewhere (Italy, Spain) they may, and the library weighs it.
    """
    plan = PhoneMetadata.metadata_for_region(country)
    return str(plan.country_code) if plan is not None and plan.national_prefix else ()


def _parsed(text: str, country: str | None) -> PhoneNumber | None:
    try:
        return phonenumbers.parse(text, country)
    except NumberParseException:
        return None


def _significant(number: PhoneNumber | None) -> str | None:
    if number is None:
        return None
    if number.italian_leading_zero and not phonenumbers.is_valid_number(number):
        # A trunk zero too many. Italian numbers have theirs in earnest.
        number.italian_leading_zero, number.number_of_leading_zeros = False, None
    # Not possible "locally": those lack the area code.
    if phonenumbers.is_possible_number_with_reason(number) != ValidationResult.IS_POSSIBLE:
        return None
    national = phonenumbers.national_significant_number(number)
    if not national.strip(national[0]):
        return None  # 000 000 0000 is what fills a form
    return f"{number.country_code}{national}"
