"""Invented people for sample traffic, at example.com and at network addresses that lead nowhere."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, date, datetime
from hashlib import sha256
from typing import Any

Fields = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Country:
    """Where people live: `places` are (city, region, postal code), `phone` a prefix that nobody answers or None."""

    code: str
    in_eea: bool
    """Does only GRANTED consent send? True for the UK and Switzerland as well."""
    language: str
    phone: str | None
    places: tuple[tuple[str, str | None, str], ...]


# Telephone prefixes are those that the countries' regulators set aside for drama, where they do.
COUNTRIES = (
    Country("DE", True, "de", "+49 30 23125 0", (("Berlin", "BE", "10115"), ("München", "BY", "80331"))),
    Country("FR", True, "fr", "+33 1 99 00 00 ", (("Paris", None, "75001"), ("Saint-Étienne", None, "42000"))),
    Country("NL", True, "nl", None, (("'s-Hertogenbosch", "NB", "5211 AA"),)),
    Country("SE", True, "sv", "+46 8 465 004 ", (("Malmö", None, "211 20"),)),
    Country("GB", True, "en", "+44 20 7946 00", (("London", None, "SW1A 1AA"), ("Leeds", None, "LS1 1AA"))),
    Country("CH", True, "de-CH", None, (("Zürich", "ZH", "8001"),)),
    Country("US", False, "en-US", "(202) 555-01", (("Sacramento", "CA", "95814-0001"), ("Denver", "CO", "80202"))),
    Country("CA", False, "en-CA", "+1 613 555 01", (("Ottawa", "ON", "K1P 1J1"),)),
    Country("AU", False, "en-AU", "+61 2 5550 00", (("Sydney", "NSW", "2000"),)),
    Country("JP", False, "ja", None, (("Tokyo", "13", "100-0001"),)),
    Country("KW", False, "ar", None, (("Kuwait City", None, "13001"),)),
)

_FIRST_NAMES = ("Åsa", "Béatrice", "Chidi", "Dana", "Emre", "Fatima", "Goran", "Haruka", "Inés", "Jo", "Zoë")
_LAST_NAMES = ("Berg", "van der Meer", "Example", "Sample", "O'Malley", "Müller", "Tanaka", "Al-Sabah", "Núñez")
_BROWSERS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5",
    "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148",
)
# RFC 5737 and RFC 3849: addresses for documentation, routed nowhere.
_NETWORKS = ("203.0.113.{}", "198.51.100.{}", "192.0.2.{}", "2001:db8::{:x}")


@dataclass(frozen=True, slots=True)
class Shopper:
    """One person as records show them. The dictionaries are shared between records: copy before changing."""

    country: Country
    customer: Fields
    client: Fields
    consent: Fields
    """Lets the event go out wherever the person lives."""
    is_logged_in: bool
    """Do visits carry the customer? If not, the consent names the jurisdiction."""
    app: Fields
    device: Fields
    app_channel: str


def invent_shoppers(count: int, chance: random.Random) -> list[Shopper]:
    """`count` people, the countries in turn, so that a few dozen cover all of them."""
    return [_invent(number, COUNTRIES[number % len(COUNTRIES)], chance) for number in range(count)]


def _invent(number: int, country: Country, chance: random.Random) -> Shopper:
    first_name, last_name = chance.choice(_FIRST_NAMES), chance.choice(_LAST_NAMES)
    city, region, postal_code = chance.choice(country.places)
    is_logged_in = chance.random() < 0.5
    names_jurisdiction = not is_logged_in or chance.random() < 0.5
    is_iphone = chance.random() < 0.5
    app, device = _app_and_device(country, chance, is_iphone=is_iphone)
    return Shopper(
        country=country,
        customer={
            "customer_id": f"customer-{number}",
            "emails": [_written_email(f"shopper.{number}@example.com", chance)],
            "phones": [f"{country.phone}{number % 100:02d}"] if country.phone is not None else [],
            "first_name": first_name,
            "last_name": last_name,
            "birth_date": date(1950 + number % 50, 1 + number % 12, 1 + number % 28) if number % 3 else None,
            "gender": chance.choice(("f", "m", "n", "female", "male", None)),
            "address": {"city": city, "region": region, "postal_code": postal_code, "country": country.code},
        },
        client={
            "ip_address": chance.choice(_NETWORKS).format(chance.randrange(1, 255)),
            "user_agent": chance.choice(_BROWSERS),
            "click_id": f"dj0yJnU9{chance.getrandbits(96):024x}" if chance.random() < 0.4 else None,
            "anonymous_id": f"{chance.getrandbits(128):032x}",
            "language": country.language,
        },
        consent={
            **_consent(country, chance),
            "jurisdiction": _jurisdiction(country, region) if names_jurisdiction else None,
            "recorded_at": datetime(2026, 1, 1 + number % 28, tzinfo=UTC),
            "source": "sample-consent-platform",
        },
        is_logged_in=is_logged_in,
        app=app,
        device=device,
        app_channel="APP_IOS" if is_iphone else "APP_ANDROID",
    )


def _written_email(email: str, chance: random.Random) -> str:
    """As people and shops write it: plain, carelessly, or hashed before it came onto the bus."""
    manner = chance.random()
    if manner < 0.8:
        return email
    return f" {email.title()} " if manner < 0.9 else sha256(email.encode()).hexdigest()


def _consent(country: Country, chance: random.Random) -> Fields:
    """Where consent is not asked for, some say no: their events go out for limited processing."""
    if country.code != "US" or chance.random() < 0.7:
        return {"advertising": "GRANTED", "gpc": None, "limited_data_processing": None}
    if chance.random() < 0.5:
        return {"advertising": "DENIED", "gpc": None, "limited_data_processing": True}
    return {"advertising": "GRANTED", "gpc": True, "limited_data_processing": None}


def _jurisdiction(country: Country, region: str | None) -> str:
    return f"US-{region}" if country.code == "US" else country.code


def _app_and_device(country: Country, chance: random.Random, *, is_iphone: bool) -> tuple[Fields, Fields]:
    bits = f"{chance.getrandbits(128):032x}"
    advertising_id = "-".join((bits[:8], bits[8:12], bits[12:16], bits[16:20], bits[20:]))
    app = {
        "app_id": "1234567890" if is_iphone else "com.example.shop",
        "app_name": "Example Shop",
        "app_package_name": "com.example.shop",
        "app_store": "Apple App Store" if is_iphone else "Google Play Store",
        "app_version": f"7.{chance.randrange(10)}",
        "install_time": 1_760_000_000 + chance.randrange(10_000_000),
    }
    device = {
        "advertising_id": advertising_id.upper() if is_iphone else advertising_id,
        "limit_ad_tracking": False,
        "brand": "Apple" if is_iphone else "Example",
        "model": "iPhone" if is_iphone else "Model 1",
        "os_family": "ios" if is_iphone else "android",
        "os_version": "18.5" if is_iphone else "16",
        "form_factor": "cellphone",
        "network_type": chance.choice(("wifi", "cellular_4g", "cellular_5g")),
        "locale": country.language,
        "screen_height": 2_532,
        "screen_width": 1_170,
    }
    return app, device
