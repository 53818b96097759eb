"""Redaction: a purchase in a sensitive category is reported by its worth, without what was bought."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any
from unicodedata import normalize

from consumer.mapping.facts import Matter

_MOST_REMEMBERED = 10_000
REDACTED = "redacted"
"""Stands among what was clipped of such an event."""
_OF_THE_EVENT = ("event_source_url",)
_OF_CUSTOM_DATA = (
    *("content_ids", "content_name", "content_category", "content_brand", "search_string"),
    "external_measurement_id",
)
_OF_AN_APP = ("app_id", "app_name", "app_package_name")
"""An app for one purpose tells it by its name."""
_OF_A_LINE = ("id", "item_name", "item_category", "item_brand", "item_brand_id")


class Redaction:
    """Which events are redacted.

    Args:
        categories: Patterns of whole categories, in any case and spelling of the same characters; `*` stands for any
            text.
    """

    def __init__(self, categories: Sequence[str]) -> None:
        self._matches = re.compile("|".join(map(_expression, categories)), re.DOTALL).fullmatch
        self._is_sensitive = lru_cache(_MOST_REMEMBERED)(self._asked)

    def concerns(self, matter: Matter) -> bool:
        """Is any category of it sensitive? Of every line of the record: also of those that are not told as items."""
        categories = (matter.content_category, *(line.category for line in matter.lines))
        return any(each is not None and self._is_sensitive(each) for each in categories)

    def _asked(self, category: str) -> bool:
        return self._matches(_plain(category)) is not None


def _plain(text: str) -> str:
    """One form for what looks the same: `é` as one character or two, a blank that does not break, `ß` and `SS`."""
    return " ".join(normalize("NFKC", normalize("NFKC", text).casefold()).split())


def _expression(pattern: str) -> str:
    first, *others = map(re.escape, _plain(pattern).split("*"))
    if not others:
        return first
    *middle, last = others
    # Each part as early as it can be, for good: a category may be of any length, and going back would take for ever.
    return f"{first}{''.join(f'(?>.*?{part})' for part in middle)}.*{last}"


def redact(event: dict[str, Any]) -> None:
    """Take out of a finished event, in place, whatever tells what was bought, looked at or searched for.

    Value, currency, number of items, prices and quantities stay, and so do order id and `user_data`.
    """
    _take_out(event, (*_OF_THE_EVENT, *_OF_AN_APP))
    _take_out(event.get("app_info", {}), _OF_AN_APP)
    custom_data: dict[str, Any] = event.get("custom_data", {})
    _take_out(custom_data, _OF_CUSTOM_DATA)
    contents = custom_data.pop("contents", ())
    for content in contents:
        _take_out(content, _OF_A_LINE)
    if kept := [content for content in contents if content]:
        custom_data["contents"] = kept


def _take_out(part: dict[str, Any], names: Sequence[str]) -> None:
    for name in names:
        part.pop(name, None)
