"""Text as identifiers are compared: in one case, in one Unicode form, without what nobody sees."""

from __future__ import annotations

import re
import unicodedata

_OTHER_DIGEST = re.compile(r"[0-9A-Fa-f]{32}|[0-9A-Fa-f]{40}|[0-9A-Fa-f]{56,}|[A-Za-z0-9+/_-]{43}=")
"""MD5, SHA-1, SHA-224 and longer in hexadecimal digits, SHA-256 in base64."""
_SHORTEST_DIGEST = 32


def folded(text: str) -> str:
    """Lower case, composed (NFC), without control and format characters but white space.

    An accent typed as a character of its own, or an invisible mark that came along by copying, must not make another
    person. Composed a second time, as lower case may have brought letter and accent together.
    """
    if text.isascii() and text.isprintable():
        return text.lower()
    seen = "".join(c for c in text if c.isspace() or unicodedata.category(c) not in {"Cc", "Cf"})
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", seen).lower())


def ascii_digits(text: str) -> str:
    """With the digits of every script as those of ASCII, and full-width letters and signs as ordinary ones."""
    plain = unicodedata.normalize("NFKC", text)
    return "".join(str(unicodedata.decimal(c)) if c.isdecimal() else c for c in plain)


def is_other_digest(text: str) -> bool:
    """Is it hashed by another rule than Pinterest's? Hashed once more it would match nobody."""
    return len(text) >= _SHORTEST_DIGEST and _OTHER_DIGEST.fullmatch(text.strip()) is not None
