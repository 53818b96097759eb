"""May an event be sent, by the law of where the person lives.

- EEA, United Kingdom, Switzerland: only with consent GRANTED. An unknown country counts as one of these, unless
  `privacy.consent_unknown_countries` is `other`. Sending with `opt_out` is no substitute for consent there.
- United States: sent. DENIED, Global Privacy Control or limited data processing make it `opt_out_type: LDP`,
  which tells Pinterest to act as a service provider; the hashed state and country beside it say which law it is.
- Elsewhere: sent unless DENIED; with `privacy.denied: opt_out` then sent with `opt_out`, if the country is known.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from consumer.mapping.facts import Circumstances
from consumer.pinterest.countries import country_code
from consumer.records import Skipped, SkipReason


class Rule(StrEnum):
    """What a country's law makes of consent."""

    GRANTED_ONLY = "granted_only"
    LIMITED_IF_OPTED_OUT = "limited_if_opted_out"
    UNLESS_DENIED = "unless_denied"


# The 27 members of the European Union, Iceland, Liechtenstein, Norway; the Union's territories with a code of their own
# where its law holds (TFEU, article 355 (1) and (4)); the United Kingdom and Switzerland, whose laws ask the same.
ASKING_FOR_CONSENT = frozenset({
    "AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE", "IT", "LT", "LU", "LV",
    "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK", "IS", "LI", "NO",
    "AX", "GF", "GP", "MF", "MQ", "RE", "YT", "GB", "CH",
})  # fmt: skip
_AREAS = frozenset({"EEA", "EU"})
_LONGEST_CODE = 3  # ISO 3166-1 alpha-3


@dataclass(frozen=True, slots=True)
class Permission:
    """The event may be sent."""

    rule: Rule
    country: str | None
    """ISO 3166-1 code of where the person lives, if known."""
    region: str | None
    """The state, where the jurisdiction named one."""
    is_limited: bool
    """Only with limited data processing."""
    is_opted_out: bool = False
    """Only with `opt_out`."""


def permission(said: Circumstances, *, unknown_is_eea: bool, sends_denied: bool = False) -> Permission | Skipped:
    """The recorded jurisdiction decides; without one the address does."""
    has_signalled = bool(said.global_privacy_control or said.limited_data_processing)
    is_denied = said.consent == "denied"
    rule, country, region = _residence(said.jurisdiction, said.country, unknown_is_eea=unknown_is_eea)
    if rule is Rule.GRANTED_ONLY:
        is_sent, is_limited = said.consent == "granted", False
    elif rule is Rule.LIMITED_IF_OPTED_OUT:
        is_sent, is_limited = True, has_signalled or is_denied
    elif is_denied and sends_denied and country is not None:
        return Permission(rule, country, region, is_limited=False, is_opted_out=True)
    else:
        # Only where the country is unknown may the signals be those of a US resident.
        is_sent, is_limited = not is_denied, country is None and has_signalled
    return Permission(rule, country, region, is_limited) if is_sent else Skipped(SkipReason.NO_CONSENT)


def not_asked(said: Circumstances) -> Permission:
    """Of a mapping whose author wrote down why nobody needs to be asked."""
    return Permission(Rule.UNLESS_DENIED, country_code(said.country), None, is_limited=False)


def _residence(
    jurisdiction: str | None, home: str | None, *, unknown_is_eea: bool
) -> tuple[Rule, str | None, str | None]:
    if jurisdiction is None:
        country, region = country_code(home), ""
    else:
        first, _, region = jurisdiction.upper().replace("_", "-").partition("-")
        if first in _AREAS:
            return Rule.GRANTED_ONLY, None, None
        # One that cannot be read is unknown, whatever the address says: somebody meant to state a law.
        if len(first) > _LONGEST_CODE:
            first, region = jurisdiction, ""  # a name, of which a hyphen may be part
        country = country_code(first)
    if country is None:
        return (Rule.GRANTED_ONLY if unknown_is_eea else Rule.UNLESS_DENIED), None, None
    if country == "US":
        return Rule.LIMITED_IF_OPTED_OUT, country, region or None
    return (Rule.GRANTED_ONLY if country in ASKING_FOR_CONSENT else Rule.UNLESS_DENIED), country, None
