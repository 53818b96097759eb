"""What is ignored in an event that is processed all the same: the warnings of its verdict.

Source: Pinterest API v5 description 5.23.0, the sentences of `ConversionEvents`; where they do not say whether a value
is ignored or fails the event, README.md says which was chosen.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from consumer.emulator.description import USER_DATA, JsonObject

KNOWN_OPT_OUTS = frozenset({"LDP"})  # limited data processing; the others of the guide are not processed
FLAT_APP = ("app_id", "app_name", "app_version")
FLAT_DEVICE = ("device_brand", "device_carrier", "device_model", "device_type", "os_version")

_LANGUAGE = re.compile(r"[a-z]{2}", re.ASCII)
_URL = re.compile(r"https?://[^\s/?#]+\S*", re.IGNORECASE)


def event_warning(event: JsonObject) -> str:
    """All that is ignored, or "". For events that `read_events` let through: values are never repeated."""
    return " ".join(_warnings(event))


def _warnings(event: JsonObject) -> Iterator[str]:
    if not event["user_data"].keys() <= USER_DATA.types.keys():
        unknown = sorted(event["user_data"].keys() - USER_DATA.types.keys())
        yield f"Ignored non-standard fields of user_data: {', '.join(unknown)}."
    if (language := event.get("language")) is not None and not _LANGUAGE.fullmatch(language):
        yield "Ignored language: it is not two letters of ISO 639-1."
    if (url := event.get("event_source_url")) is not None and not _URL.fullmatch(url):
        yield "Ignored event_source_url: it is not the URL of a web page."
    flags = event.get("custom_data", {}).get("opt_out_type")
    if flags is not None and not {flag.strip() for flag in flags.split(",")} <= KNOWN_OPT_OUTS:
        yield "Ignored what opt_out_type has beside LDP."
    if "app_info" in event and any(event.get(name) is not None for name in FLAT_APP):
        yield "Ignored fields of the app beside app_info."
    if "device_info" in event:
        if any(event.get(name) is not None for name in FLAT_DEVICE):
            yield "Ignored fields of the device beside device_info."
        if not all(map(_LANGUAGE.fullmatch, event["device_info"].get("languages", ()))):
            yield "Ignored languages of device_info that are not two letters of ISO 639-1."
