"""`conversions suppress-hash`: lines for `privacy.suppress_file`, of people who are never to be sent."""

from __future__ import annotations

import sys
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Callable
from enum import StrEnum
from functools import partial
from typing import Annotated

import typer

from consumer.errors import ConfigError
from consumer.pinterest import hashing
from consumer.pinterest.countries import country_code

_MOST_PROBLEMS = 20


class Kind(StrEnum):
    EMAIL = "email"
    PHONE = "phone"
    EXTERNAL_ID = "external-id"


def command(
    *,
    kind: Annotated[Kind, typer.Option(help="What is on standard input.")],
    country: Annotated[
        str | None, typer.Option(help="For telephone numbers without a country code: where they are dialled, as `DE`.")
    ] = None,
) -> None:
    """Read one value a line from standard input, and print the hash of each as it would be sent to Pinterest.

    Values are neither logged nor told in errors. Nothing is printed unless every line can be hashed; blank ones are
    passed over.

    \b
    Examples:
      conversions suppress-hash --kind email < erased.txt >> suppressed.txt
      conversions suppress-hash --kind phone --country DE < numbers.txt
      conversions suppress-hash --kind external-id      one customer id a line, then Ctrl-D
    """
    hash_of = _normaliser(kind, country)
    content = sys.stdin.buffer.read()
    if content.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
        raise ConfigError(["standard input is UTF-16; save it as UTF-8"])
    lines = content.decode("utf-8-sig", "surrogateescape").split("\n")  # tables that were exported begin with a mark
    found = {number: hash_of(line) for number, line in enumerate(lines, 1) if line.strip()}
    if wrong := [number for number, digest in found.items() if digest is None]:
        problems = [f"line {number}: is no {kind}{_hint(kind, country)}" for number in wrong[:_MOST_PROBLEMS]]
        more = len(wrong) - len(problems)
        raise ConfigError(problems + ([f"and {more} more such lines"] if more else []))
    for digest in found.values():
        print(digest)


def _normaliser(kind: Kind, country: str | None) -> Callable[[str], str | None]:
    if country is not None and kind is not Kind.PHONE:
        raise ConfigError(["--country: belongs to --kind phone alone; leave it out"])
    match kind:
        case Kind.EMAIL:
            return hashing.email
        case Kind.EXTERNAL_ID:
            return _external_id
        case Kind.PHONE:
            code = country_code(country)
            if country is not None and code is None:
                raise ConfigError(["--country: is no country; give its ISO 3166-1 code, as `DE`"])
            return partial(hashing.phone, country=code)


def _external_id(text: str) -> str | None:
    """An id is hashed letter by letter, so one with a character that is not seen would be another person's."""
    return hashing.external_id(text) if text.strip().isprintable() else None


def _hint(kind: Kind, country: str | None) -> str:
    match kind:
        case Kind.PHONE if country is None:
            return "; give --country for numbers without a country code"
        case Kind.EXTERNAL_ID:
            return ", or has characters that are not seen; take those out"
        case _:
            return ""
