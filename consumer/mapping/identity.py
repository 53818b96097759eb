"""Who it was, as `user_data`: hashed what the API wants hashed, in clear what it wants in clear."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from consumer.mapping.facts import Circumstances, Person, Surroundings
from consumer.mapping.rules import Terms
from consumer.mapping.scrub import click_id_in, holds_contact, looks_personal, public_address
from consumer.pinterest import hashing
from consumer.pinterest.countries import country_code


def user_data_of(
    person: Person, surroundings: Surroundings | None, said: Circumstances, terms: Terms, clipped: list[str]
) -> dict[str, Any]:
    """`user_data` of one event; `clipped` gets the names of what was there and could not be used.

    Offline there are no surroundings: address, user agent, click id, browser id and device are the till's or the
    agent's, not the shopper's. A device that limits ad tracking lends no advertising id.
    """
    data: dict[str, Any] = {}
    residence = country_code(said.country) or terms.permission.country
    # What may not leave was not even read: what nobody asked for cannot be wrong.
    _put(data, clipped, "em", [hashing.email(text) for text in person.emails])
    _put(data, clipped, "ph", [hashing.phone(text, residence) for text in person.phones])
    if (text := person.first_name) is not None:
        _put(data, clipped, "fn", [hashing.name(text)])
    if (text := person.last_name) is not None:
        _put(data, clipped, "ln", [hashing.name(text)])
    if (day := person.birth_date) is not None:
        today = datetime.fromtimestamp(terms.event_time_s, UTC).date()
        _put(data, clipped, "db", [hashing.birth_date(day, today)])
    if (text := person.gender) is not None:
        _put(data, clipped, "ge", [hashing.gender(text)])
    if (text := person.city) is not None:
        _put(data, clipped, "ct", [hashing.city(text)])
    if (text := person.postal_code) is not None:
        _put(data, clipped, "zp", [hashing.postal_code(text, residence)])
    if said.country is not None and "country" in terms.allowed:
        _put(data, clipped, "country", [hashing.country(said.country)])
    if (text := person.region) is not None:
        _put(data, clipped, "st", [hashing.state(text, residence)])
    if (text := person.partner_id) is not None:
        if looks_personal(text):  # it goes in clear
            clipped.append("partner_id")
        else:
            data["partner_id"] = text
    people = person.external_ids
    if surroundings is not None:
        people = people + surroundings.browser_ids
        _add_client(data, surroundings, said.user_agent, clipped)
        if surroundings.advertising_id is not None and terms.lends_advertising_id:
            _put(data, clipped, "hashed_maids", [hashing.advertising_id(surroundings.advertising_id)])
    _put(data, clipped, "external_id", [hashing.external_id(text) for text in people])
    if terms.permission.is_limited:
        _state_residency(data, terms)
    return data


def _put(data: dict[str, Any], clipped: list[str], name: str, digests: list[str | None]) -> None:
    """Those that there are, once each; None stands for one that was no such identifier."""
    found = dict.fromkeys(digests)
    if None in found:
        clipped.append(name)
        del found[None]
    if found:
        data[name] = list(found)


def _add_client(data: dict[str, Any], surroundings: Surroundings, user_agent: str | None, clipped: list[str]) -> None:
    if (text := surroundings.ip_address) is not None:
        if (address := public_address(text)) is not None:
            data["client_ip_address"] = address
        else:
            clipped.append("client_ip_address")
    if user_agent is not None:
        if holds_contact(user_agent):
            clipped.append("client_user_agent")
        else:
            data["client_user_agent"] = user_agent
    click_id = surroundings.click_id
    for url in (surroundings.page_url, surroundings.landing_url):
        click_id = click_id or (click_id_in(url) if url is not None else None)
    if click_id:
        if holds_contact(click_id):
            clipped.append("click_id")
        else:
            data["click_id"] = click_id


def _state_residency(data: dict[str, Any], terms: Terms) -> None:
    """Beside `opt_out_type`, hashed country and state say under whose law; a recorded jurisdiction knows best.

    Source: Pinterest's guide to the limited data processing flag.
    """
    permission = terms.permission
    if permission.country is not None and (digest := hashing.country(permission.country)):
        if data.get("country") not in (None, [digest]):
            data.pop("st", None)  # a state of some other country
        data["country"] = [digest]
    if permission.region is not None and (digest := hashing.state(permission.region, permission.country)):
        data["st"] = [digest]
