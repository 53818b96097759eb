"""The normal form in which Pinterest wants each identifier before it is hashed: one pure function per field.

Each takes the value in clear, as the shop has it, and returns None where nothing is left that could be such an
identifier. The rules are those of the Pinterest API v5 description, schema `ConversionEventsUserDataProperties`, quoted
as "Rule"; where it is silent, see `docs/decisions/0003-normalisation.md`. Telephone numbers are in `phones.py`, states
in `regions.py`.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import date, datetime

from consumer.pinterest.countries import country_code
from consumer.pinterest.text_forms import ascii_digits, folded, is_other_digest

NOBODY = frozenset({"null", "(null)", "none", "nil", "undefined", "unknown", "n/a", "anonymous", "guest"})
"""What programs and people write where there is nobody."""
_NAMELESS = NOBODY - {"anonymous", "guest"}  # the last is a name
_CITYLESS = frozenset("".join(filter(str.isalnum, word)) for word in _NAMELESS)

_BRACKETED = re.compile(r"[^<>]*<([^<>]*)>\s*")
_MAILTO = re.compile(r"\s*mailto:([^?]*)", re.IGNORECASE)
_PLAIN_ADDRESS = re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")
"""Nearly all of them, known in one look."""
_ADDRESS = re.compile(r"""[^@"(),:;<>[\]\\]+@[^@"(),:;<>[\]\\.]+(?:\.[^@"(),:;<>[\]\\.]+)+""")
"""One @, a host of two names at least, nothing that an address has only within quotes or between several."""
_LETTER = re.compile(r"[^\W\d_]")
_UUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")
_BARE_UUID = re.compile(r"([0-9a-f]{8})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{12})")
_COMPACT = {code: chr(code).lower() if chr(code).isalnum() else None for code in range(128)}
"""ASCII to lower case, with nothing but letters and digits."""

_ZIP_CODES = frozenset({"US", "PR", "GU", "VI", "AS", "MP", "UM", "FM", "MH", "PW"})  # USPS Publication 28, appendix B
_ZIP_PLUS_4 = re.compile(r"\s*(\d{5})-\d{4}\s*", re.ASCII)
# Universal Postal Union, addressing of each country; all others have digits only.
_LETTERED_CODES = frozenset({
    "AD", "AI", "AQ", "AR", "BB", "BM", "BN", "CA", "FK", "GB", "GG", "GH", "GI", "GS", "IE", "IM", "IO", "JE", "JM",
    "KY", "LC", "MS", "MT", "NL", "PE", "PN", "SH", "SO", "SZ", "TC", "VC", "VG",
})  # fmt: skip
_DIGIT_CODE = re.compile(r"[a-z]*(\d+)[a-z]*")
_POSTAL_LENGTHS = range(3, 11)
_GENDERS = {
    **dict.fromkeys(("f", "female", "woman", "\u2640"), "f"),
    **dict.fromkeys(("m", "male", "man", "\u2642"), "m"),
    **dict.fromkeys(("n", "x", "non-binary", "nonbinary", "non binary", "diverse"), "n"),
}
_BORN_AFTER = date(1900, 1, 1)  # the day itself is what forms are filled with


def email(text: str) -> str | None:
    """Rule: lower case. Without white space, of which addresses have none; `Anna <anna@example.com>` is within."""
    if _PLAIN_ADDRESS.fullmatch(text):
        return text.lower()
    if ":" in text and (written := _MAILTO.match(text)):
        text = written[1]
    if "<" in text and (written := _BRACKETED.fullmatch(text)):
        text = written[1]
    address = "".join(folded(text).split())
    return address if _ADDRESS.fullmatch(address) else None


def name(text: str) -> str | None:
    """First or last name. Rule: lower case. Hyphens, apostrophes and accents stay, and single blanks within."""
    normal = " ".join(folded(text).split())
    return normal if _is_word(normal) and normal not in _NAMELESS and not is_other_digest(normal) else None


def city(text: str) -> str | None:
    """Rule: lower case, without spaces or punctuation. Letters, their marks and digits of every script stay."""
    if text.isascii():
        normal = text.translate(_COMPACT)
    else:
        kept = "".join(c for c in folded(text) if unicodedata.category(c)[0] in "LMN")
        normal = unicodedata.normalize("NFC", kept)
    return normal if _is_word(normal) and normal not in _CITYLESS and not is_other_digest(text) else None


def postal_code(text: str, country: str | None) -> str | None:
    """Rule: digits only. Where the country's codes have letters these stay, in lower case; of a ZIP+4 the first five.

    `country` is an ISO 3166-1 alpha-2 code; where it is unknown letters stay as well.
    """
    if not text.isascii():
        text = ascii_digits(text).encode("ascii", "ignore").decode()
    if country is not None and "-" in text:
        text = text.strip().upper().removeprefix(f"{country}-")
    code = text.translate(_COMPACT)
    if country is None:
        if zip_code := _ZIP_PLUS_4.fullmatch(text):
            code = zip_code[1]
    elif country not in _LETTERED_CODES and not code.isdigit():
        digits = _DIGIT_CODE.fullmatch(code)  # D-10115, CA 94107; not SW1A 1AA, which is elsewhere
        code = digits[1] if digits else ""
    if country in _ZIP_CODES:
        code = code[:5] if len(code) in (5, 9) else ""
    is_one = len(code) in _POSTAL_LENGTHS and not code.isalpha() and code.strip("0")
    return code if is_one else None


def country(text: str) -> str | None:
    """Rule: two-letter ISO 3166 code, lower case."""
    code = country_code(text)
    return None if code is None else code.lower()


def external_id(text: str) -> str | None:
    """The shop's own id of a person, as it is: it must equal what the browser tag sends. Zero is a guest's."""
    identifier = text.strip()
    return identifier if identifier.strip("0-") and identifier.lower() not in NOBODY else None


def advertising_id(text: str) -> str | None:
    """GAID or IDFA: a UUID in lower case with hyphens; not the all-zero one, which stands for nobody."""
    identifier = text.strip().lower()
    if not _UUID.fullmatch(identifier):
        bare = _BARE_UUID.fullmatch(identifier)
        if bare is None:
            return None
        identifier = "-".join(bare.groups())
    return identifier if identifier.strip("0-") else None


def gender(text: str) -> str | None:
    """Rule: f, m, or n for non-binary."""
    return _GENDERS.get(text.strip().lower())


def birth_date(text: str, today: date) -> str | None:
    """Rule: year, month and day; written YYYYMMDD. Read as ISO 8601; the hour, if there is one, is dropped."""
    try:
        day = datetime.fromisoformat(text.strip()).date()
    except ValueError:
        return None
    return f"{day:%Y%m%d}" if _BORN_AFTER < day <= today else None


def _is_word(text: str) -> bool:
    return text[:1].isalpha() or _LETTER.search(text) is not None
