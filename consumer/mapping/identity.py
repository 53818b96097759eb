"""Who it was, as `user_data`: hashed what the API wants hashed, in clear what it wants in clear."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from consumer.mapping.fields import Fields
from consumer.mapping.rules import Terms, limits_tracking
from consumer.mapping.scrub import click_id_in, looks_personal, public_address
from consumer.pinterest import hashing
from consumer.pinterest.countries import country_code


def user_data_of(
    customer: Fields, client: Fields, device: Fields, page_url: str | None, terms: Terms, clipped: list[str]
) -> dict[str, Any]:
    """`user_data` of one event; `clipped` gets the names of what was there and could not be used.

    Offline, address, user agent, click id, browser id and device are the till's or the agent's, not the shopper's, and
    left out. A device that limits ad tracking lends no advertising id.
    """
    data: dict[str, Any] = {}
    address = customer.part("address")
    home = address.text("country")
    residence = country_code(home) or terms.permission.country
    # Neither read nor hashed if it may not leave: what nobody asked for cannot be wrong.
    may = terms.allowed
    if "em" in may:
        _put(data, clipped, "em", [hashing.email(text) for text in customer.texts("emails")])
    if "ph" in may:
        _put(data, clipped, "ph", [hashing.phone(text, residence) for text in customer.texts("phones")])
    if "fn" in may and (text := customer.text("first_name")) is not None:
        _put(data, clipped, "fn", [hashing.name(text)])
    if "ln" in may and (text := customer.text("last_name")) is not None:
        _put(data, clipped, "ln", [hashing.name(text)])
    if "db" in may and (day := customer.day("birth_date")) is not None:
        today = datetime.fromtimestamp(terms.event_time_s, UTC).date()
        _put(data, clipped, "db", [hashing.birth_date(day, today)])
    if "ge" in may and (text := customer.text("gender")) is not None:
        _put(data, clipped, "ge", [hashing.gender(text)])
    if "ct" in may and (text := address.text("city")) is not None:
        _put(data, clipped, "ct", [hashing.city(text)])
    if "zp" in may and (text := address.text("postal_code")) is not None:
        _put(data, clipped, "zp", [hashing.postal_code(text, residence)])
    if "country" in may and home is not None:
        _put(data, clipped, "country", [hashing.country(home)])
    if "st" in may and (text := address.text("region")) is not None:
        _put(data, clipped, "st", [hashing.state(text, residence)])
    if (text := customer.text("partner_id")) is not None:
        if looks_personal(text):  # it goes in clear
            clipped.append("partner_id")
        else:
            data["partner_id"] = text
    people = [customer.text("customer_id")]
    if not terms.is_offline:
        people += (client.text("anonymous_id"), client.text("unauth_id"))
        _add_client(data, client, page_url, clipped)
        if (
            "hashed_maids" in may
            and (text := device.text("advertising_id")) is not None
            and not limits_tracking(device)
        ):
            _put(data, clipped, "hashed_maids", [hashing.advertising_id(text)])
    if "external_id" in may:
        _put(data, clipped, "external_id", [hashing.external_id(text) for text in people if text is not None])
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


def _add_client(data: dict[str, Any], client: Fields, page_url: str | None, clipped: list[str]) -> None:
    if (text := client.text("ip_address")) is not None:
        if (address := public_address(text)) is not None:
            data["client_ip_address"] = address
        else:
            clipped.append("client_ip_address")
    if (user_agent := client.text("user_agent")) is not None:
        data["client_user_agent"] = user_agent
    click_id = client.text("click_id")
    for url in (page_url, client.text("page_url")):
        click_id = click_id or (click_id_in(url) if url is not None else None)
    if click_id:
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
