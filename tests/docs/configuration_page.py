"""Writes the tables of docs/configuration.md from the models: `python -m tests.docs.configuration_page`."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from itertools import groupby
from pathlib import Path
from types import NoneType
from typing import Annotated, Any, Literal, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic import SecretStr
from pydantic.fields import FieldInfo

from consumer.config import AdAccountId
from consumer.config_sources.keys import Key, Kind, environment_name, keys
from consumer.yaml_file import dotted

PAGE = Path(__file__).parents[2] / "docs" / "configuration.md"

MARK = "<!-- From here on written by `python -m tests.docs.configuration_page` out of consumer/config.py. -->\n"


def render(page: str) -> str:
    """The page with its tables anew; what stands above the mark is written by hand."""
    sections = (
        f"\n## `{name}`\n\n{_table(group)}" for name, group in groupby(keys(), key=lambda key: dotted(key.path[:-1]))
    )
    return page.partition(MARK)[0] + MARK + "".join(sections)


def _table(group: Iterable[Key]) -> str:
    rows = ["| Key | Environment | Type | Default | Meaning |", "|---|---|---|---|---|"]
    listed = list(group)
    for key in listed:
        name = environment_name(key.path)
        has_own = any(other.path[-1] == f"{key.path[-1]}_file" for other in listed)
        or_file = f"<br>`{name}_FILE`" if key.kind is Kind.SECRET and not has_own else ""
        cells = [
            f"`{key.path[-1]}`",
            f"`{name}`{or_file}",
            _type(key.field.annotation) + _limits(key.field.metadata),
            _default(key.field),
            " ".join((key.field.description or "").split()),
        ]
        rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(rows) + "\n"


def _type(annotation: Any) -> str:
    plain = {str: "text", int: "whole number", float: "number", bool: "`true`, `false`", Path: "path"}
    plain |= {SecretStr: "secret", datetime: "time, ISO 8601", AdAccountId: "ad account id"}
    if annotation in plain:
        return plain[annotation]
    arguments = get_args(annotation)
    if set(arguments) == {str, int, float, bool}:
        return "text"  # all that librdkafka takes
    match get_origin(annotation):
        case origin if origin is Literal:
            return ", ".join(f"`{value}`" for value in arguments)
        case origin if origin is Annotated:
            return _type(arguments[0])
        case origin if origin is list:
            return f"list of {_type(arguments[0])}s"
        case origin if origin is dict:
            return f"mapping of {_type(arguments[0])} to {_type(arguments[1])}"
        case _:
            return " or ".join(_type(member) for member in arguments if member is not NoneType)


def _limits(metadata: Iterable[Any]) -> str:
    words = []
    for limit in metadata:
        match limit:
            case Ge(ge=least):
                words.append(f"from {least}")
            case Gt(gt=bound):
                words.append(f"above {bound}")
            case Le(le=most):
                words.append(f"up to {most}")
            case Lt(lt=bound):
                words.append(f"below {bound}")
            case _:
                pass
    return f", {' '.join(words)}" if words else ""


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "must be said"
    value = field.get_default(call_default_factory=True)
    if value is None:
        return ""
    return f"`{str(value).lower()}`" if isinstance(value, bool) else f"`{value}`"


if __name__ == "__main__":
    PAGE.write_text(render(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
