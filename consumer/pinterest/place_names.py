"""When two ways of writing the name of a place are one: case, accents, punctuation and a few small words aside."""

from __future__ import annotations

import re
import unicodedata

_WORD = re.compile(r"[^\W_]+")
_DROPPED = str.maketrans("", "", ".'`\u2018\u2019\u02bb")  # within a word: U.S.A., Côte d'Ivoire
_LETTERS = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ð": "d", "\u0131": "i", "ß": "ss", "æ": "ae", "&": " and "})
"""What Unicode does not take apart into a letter and its accent."""
_SAINT = frozenset({"saint", "sainte", "sankt"})


def key_of(name: str) -> str:
    """What all spellings of `name` have in common; equal keys are the same name, anything else is another.

    Nothing is guessed: a wrong letter makes another name. ISO's way to list a name is undone: `Korea, Republic of` is
    `Republic of Korea`.
    """
    head, comma, tail = name.partition(",")
    text = f"{tail} {head}" if comma else head
    if not text.isascii():
        text = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    words = _WORD.findall(text.lower().translate(_DROPPED).translate(_LETTERS))
    return "".join("st" if word in _SAINT else word for word in words if word != "the")
