"""ISO 3166-1: which country a code or a name means, by its two letters."""

from __future__ import annotations

from functools import cache, lru_cache

from consumer.pinterest.country_names import COUNTRIES
from consumer.pinterest.place_names import key_of

# ISO 3166-1, officially assigned codes, and XK, which commerce uses for Kosovo.
_ASSIGNED = frozenset({
    "AD", "AE", "AF", "AG", "AI", "AL", "AM", "AO", "AQ", "AR", "AS", "AT", "AU", "AW", "AX", "AZ", "BA", "BB", "BD",
    "BE", "BF", "BG", "BH", "BI", "BJ", "BL", "BM", "BN", "BO", "BQ", "BR", "BS", "BT", "BV", "BW", "BY", "BZ", "CA",
    "CC", "CD", "CF", "CG", "CH", "CI", "CK", "CL", "CM", "CN", "CO", "CR", "CU", "CV", "CW", "CX", "CY", "CZ", "DE",
    "DJ", "DK", "DM", "DO", "DZ", "EC", "EE", "EG", "EH", "ER", "ES", "ET", "FI", "FJ", "FK", "FM", "FO", "FR", "GA",
    "GB", "GD", "GE", "GF", "GG", "GH", "GI", "GL", "GM", "GN", "GP", "GQ", "GR", "GS", "GT", "GU", "GW", "GY", "HK",
    "HM", "HN", "HR", "HT", "HU", "ID", "IE", "IL", "IM", "IN", "IO", "IQ", "IR", "IS", "IT", "JE", "JM", "JO", "JP",
    "KE", "KG", "KH", "KI", "KM", "KN", "KP", "KR", "KW", "KY", "KZ", "LA", "LB", "LC", "LI", "LK", "LR", "LS", "LT",
    "LU", "LV", "LY", "MA", "MC", "MD", "ME", "MF", "MG", "MH", "MK", "ML", "MM", "MN", "MO", "MP", "MQ", "MR", "MS",
    "MT", "MU", "MV", "MW", "MX", "MY", "MZ", "NA", "NC", "NE", "NF", "NG", "NI", "NL", "NO", "NP", "NR", "NU", "NZ",
    "OM", "PA", "PE", "PF", "PG", "PH", "PK", "PL", "PM", "PN", "PR", "PS", "PT", "PW", "PY", "QA", "RE", "RO", "RS",
    "RU", "RW", "SA", "SB", "SC", "SD", "SE", "SG", "SH", "SI", "SJ", "SK", "SL", "SM", "SN", "SO", "SR", "SS", "ST",
    "SV", "SX", "SY", "SZ", "TC", "TD", "TF", "TG", "TH", "TJ", "TK", "TL", "TM", "TN", "TO", "TR", "TT", "TV", "TW",
    "TZ", "UA", "UG", "UM", "US", "UY", "UZ", "VA", "VC", "VE", "VG", "VI", "VN", "VU", "WF", "WS", "XK", "YE", "YT",
    "ZA", "ZM", "ZW",
})  # fmt: skip
_ALSO = {"UK": "GB", "EL": "GR"}
"""Codes that the European Union writes for what ISO calls otherwise."""
_CODES = {code: code for code in _ASSIGNED} | _ALSO
_LONGEST_NAME = 100


def country_code(text: str | None) -> str | None:
    """The upper-case ISO 3166-1 alpha-2 code that `text` says: as alpha-2, as alpha-3, or by name.

    None if it says none. Consent hangs on it, so nothing is guessed: a name is known letter by letter, but for case,
    accents and punctuation, or it is unknown.
    """
    if text is None:
        return None
    code = text.strip().upper()
    if (found := _CODES.get(code)) is not None:
        return found
    return _by_name(code) if 2 < len(code) <= _LONGEST_NAME or not code.isascii() else None


@lru_cache(maxsize=1024)
def _by_name(text: str) -> str | None:
    key = key_of(text)
    return _names().get(key) or _CODES.get(key.upper())  # the latter: U.S., U.K.


@cache
def _names() -> dict[str, str]:
    """Codes by alpha-3 and by name, both as keys. Read at the first name: who sends codes never pays for it."""
    names = {}
    for line in COUNTRIES.strip().splitlines():
        code, alpha_3, spellings = line.split(" ", 2)
        names[alpha_3.lower()] = code
        names.update((key_of(spelling), code) for spelling in spellings.split(" | "))
    return names
