"""The effective configuration for people to read, without its secrets."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, SecretStr

from consumer.config import Config

MASK = "**********"

_SECRET_PROPERTY = re.compile(
    r"password|passphrase|secret|token|credential|\bkey\.pem$|private\.key|^sasl\.oauthbearer\.|^sasl\.jaas\.config$",
    re.IGNORECASE,
)
"""librdkafka properties whose values are secrets, or may hold one."""


def describe(config: Config) -> str:
    """All of it as YAML, in the order of the documentation; secrets, and user names in URLs, are masked."""
    return yaml.safe_dump(_plain(config), sort_keys=False, allow_unicode=True, width=10_000)


def _plain(value: Any) -> Any:
    match value:
        case BaseModel():
            return {name: _masked(name, getattr(value, name)) for name in type(value).model_fields}
        case SecretStr():
            return MASK
        case datetime():
            return value.isoformat()
        case Path() | str():
            # To the last @: an unescaped password may hold an @ or a / itself.
            return re.sub(r"(?<=://)\S*@", f"{MASK}@", str(value))
        case Mapping():
            return {str(key): _plain(inner) for key, inner in value.items()}
        case list():
            return [_plain(inner) for inner in value]
        case _:
            return value


def _masked(name: str, value: Any) -> Any:
    if name != "properties":
        return _plain(value)
    return {key: MASK if _SECRET_PROPERTY.search(key) else _plain(inner) for key, inner in value.items()}
