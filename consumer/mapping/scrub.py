"""Takes personal data out of what is sent in clear: page URLs, free text, addresses that are nobody's.

E-mail addresses and telephone numbers are known by their look, other personal data in a URL by the name of its
parameter. What is in doubt is left out: a shorter URL costs nothing, a leaked address does.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Network
from socket import AF_INET, AF_INET6, inet_ntop, inet_pton
from urllib.parse import unquote, unquote_plus, urlsplit

CLICK_ID_PARAMETER = "epik"  # API v5: ConversionEventsUserDataProperties.click_id
_EMAIL = re.compile(r"[^\s@]@[^\s@]")
_ADDRESS = re.compile(r"[^\s@]@[^\s@.]+\.[^\s@.]")
_PHONE = re.compile(
    r"""
      (?:\+|00)[\s\d()./-]{7,}      # international
    | \(?0\d[\s\d()./-]{7,11}       # national, with its trunk zero
    | \(?\d{3}\)?[\s.-]+\d{3}[\s.-]*\d{4}   # North American, written in groups
    """,
    re.VERBOSE,
)
_INTERNATIONAL_PHONE = re.compile(r"(?<![\w+])\+\d[\d\s()./-]{6,}\d(?!\w)")
_TOKEN = re.compile(r"eyJ[\w-]{8,}\.[\w-]+")  # RFC 7519: a JWT begins with an encoded `{"`
_PATH_PARAMETERS = re.compile(r";[^/]*")  # `;jsessionid=...`
_MOST_WRAPPINGS = 6
_PERSONAL_PARTS = re.compile(
    r"mail|phone|mobile|msisdn|token|passw|secret|session|auth|firstname|lastname|surname|fullname|givenname"
    r"|familyname|username|birth|address|street|postal|postcode|jwt|signature|apikey|customer"
    r"|vorname|nachname|familienname|geburt|strasse|telefon|postleitzahl|prenom|courriel|adresse|naissance"
    r"|apellido|correo|direccion|nascimento|cognome|indirizzo|nascita|voornaam|achternaam|telefoon"
)
_PERSONAL_NAMES = frozenset({
    "name", "fname", "lname", "fn", "ln", "tel", "cell", "zip", "zipcode", "dob", "gender", "ssn", "iban", "card",
    "cvv", "cvc", "user", "uid", "userid", "login", "code", "otp", "pin", "pwd", "key", "sig", "sid", "state",
    "nom", "nombre", "nome", "naam", "plz", "cap", "ort", "ville", "ciudad", "citta", "stadt", "geslacht",
})  # fmt: skip
_NOT_IN_NAMES = re.compile(r"[^a-z0-9]+")

# IANA special-purpose address registries: what no shopper on the internet calls from, as (network, mask). The ranges
# reserved for documentation are let through: nobody calls from them either, and rehearsals need an address.
_NOT_PUBLIC_4 = tuple(
    (int(network.network_address), int(network.netmask))
    for network in map(
        IPv4Network,
        (
            "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
            "192.0.0.0/24", "192.168.0.0/16", "198.18.0.0/15", "224.0.0.0/3",
        ),
    )
)  # fmt: skip
_MAPPED_4 = bytes(10) + b"\xff\xff"  # RFC 4291, section 2.5.5.2: an IPv4 address written as IPv6


def looks_personal(text: str) -> bool:
    """Does `text` hold an e-mail address, an international telephone number or a token, or is it a national number?

    National numbers within a text look like article numbers, dates and prices.
    """
    return (
        ("@" in text and _EMAIL.search(text) is not None)
        or ("+" in text and _INTERNATIONAL_PHONE.search(text) is not None)
        or ("eyJ" in text and _TOKEN.search(text) is not None)
        or _PHONE.fullmatch(text.strip()) is not None
    )


def holds_contact(text: str) -> bool:
    """The same of an id, in which an `@` alone, as in `A-1001@de`, is no address, and digits alone are no telephone
    number."""
    return (
        ("@" in text and _ADDRESS.search(text) is not None)
        or ("+" in text and _INTERNATIONAL_PHONE.search(text) is not None)
        or ("eyJ" in text and _TOKEN.search(text) is not None)
    )


def public_address(text: str) -> str | None:
    """An IPv4 or IPv6 address in its usual form, or None if it is none or not reachable from the internet."""
    # Not the module ipaddress: it takes ten times as long, on every event.
    try:
        if ":" not in text:
            return text if _is_public_4(inet_pton(AF_INET, text)) else None
        address = inet_pton(AF_INET6, text)
    except (OSError, ValueError):
        return None
    if address.startswith(_MAPPED_4):
        last = address[-4:]
        return inet_ntop(AF_INET, last) if _is_public_4(last) else None
    # 2000::/3 is global unicast; all else is loopback, local, multicast or unassigned.
    return inet_ntop(AF_INET6, address) if address[0] >> 5 == 1 else None


def _is_public_4(address: bytes) -> bool:
    number = int.from_bytes(address, "big")
    for network, mask in _NOT_PUBLIC_4:  # noqa: SIM110 - a generator would cost more than the check
        if number & mask == network:
            return False
    return True


def click_id_in(url: str) -> str | None:
    """The click id that Pinterest adds to the landing page's URL; opaque and case-sensitive."""
    _, _, query = url.partition("#")[0].partition("?")
    for pair in query.split("&"):
        name, _, value = pair.partition("=")
        if name == CLICK_ID_PARAMETER and value:
            return unquote(value)
    return None


def clean_url(url: str) -> str | None:
    """The URL of a page without user, fragment, personal parameters and personal parts of its path.

    None if it is not an absolute http or https URL.
    """
    try:
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
    except ValueError:
        return None
    if parts.scheme not in {"http", "https"} or not host or _is_personal(host):
        return None
    path = _PATH_PARAMETERS.sub("", parts.path)
    if path and any(map(_is_personal, path.split("/"))):
        path = "/".join("redacted" if _is_personal(part) else part for part in path.split("/"))
    query = "&".join(pair for pair in parts.query.split("&") if pair and not _is_personal_parameter(pair))
    return f"{parts.scheme}://{host}{path}" + (f"?{query}" if query else "")


def _is_personal_parameter(pair: str) -> bool:
    name, _, value = pair.partition("=")
    if name == CLICK_ID_PARAMETER:
        return False
    plain = _NOT_IN_NAMES.sub("", unquote_plus(name).lower())
    return plain in _PERSONAL_NAMES or bool(_PERSONAL_PARTS.search(plain)) or _is_personal(pair) or _is_personal(value)


def _is_personal(encoded: str) -> bool:
    """As `looks_personal`, for text that was encoded again and again, as links within links are."""
    if not encoded:
        return False
    if "%" not in encoded and "+" not in encoded:
        return looks_personal(encoded)
    texts = {encoded}
    for _ in range(_MOST_WRAPPINGS):
        if any(map(looks_personal, texts)):
            return True
        # A plus may be a blank or the plus of a telephone number.
        decoded = {decode(text) for text in texts for decode in (unquote, unquote_plus)}
        if decoded == texts:
            return False
        texts = decoded
    return True  # no link is wrapped so often
