"""People planted in records: invented, and each fact about them can be found again wherever it turns up.

Their letters and digits stand in every personal field, and as an e-mail address or a telephone number in what people
type and in what shops put into URLs.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from datetime import date
from typing import Any
from urllib.parse import quote, unquote

from hypothesis import strategies as st

from consumer.config import BundledName
from tests.harness.arbitrary import Record, likely_record, sent_record


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who is in no other text: no word, hash, amount or time holds these letters or digits by chance."""

    letters: str
    """Twelve consonants, lower case."""
    digits: str
    """The nine digits but nought, in some order."""
    born: date

    @property
    def email(self) -> str:
        return f"{self.letters}@example.com"

    @property
    def phone(self) -> str:
        return f"+61{self.digits}"

    def traces_in(self, text: str) -> list[str]:
        """What can be read of them, however often it is encoded as in URLs."""
        layers = [text.lower()]
        while (inner := unquote(layers[-1])) != layers[-1]:
            layers.append(inner)
        facts = (self.letters, self.digits, self.born.isoformat(), f"{self.born:%Y%m%d}")
        return [fact for fact in facts if any(fact in layer for layer in layers)]


def people() -> st.SearchStrategy[Person]:
    return st.builds(
        Person,
        letters=st.permutations("bcdfghjklmnp").map("".join),
        digits=st.permutations("123456789").map("".join),
        born=st.dates(date(1920, 1, 1), date(1989, 12, 31)),
    )


def urls_about(person: Person) -> list[str]:
    """A page's URL, as careless shops make them."""
    shop, email, phone = "https://shop.example.com", person.email, person.phone
    once, twice = quote(email, safe=""), quote(quote(email, safe=""), safe="")
    return [
        f"{shop}/?email={email}",
        f"{shop}/?q=shoes&e={once}",
        f"{shop}/?next={twice}",
        f"{shop}/?{email}=1",
        f"{shop}/u/{email}/orders?page=2",
        f"{shop}/u/{once}/orders",
        f"{shop}/?next=https%3A%2F%2Fwww.example.com%2F%3Femail%3D{twice}",
        f"{shop}/thanks#{email}",
        f"https://{person.letters}:{person.digits}@shop.example.com/thanks",
        f"{shop}/?tel={phone}",
        f"{shop}/?q={quote(phone, safe='')}",
        f"{shop}/call/{phone}",
        *(
            f"{shop}/?a=1&{name}={person.letters}"
            for name in ("firstname", "last_name", "customer-id", "street", "Token")
        ),
    ]


@st.composite
def records_about(draw: st.DrawFn, name: BundledName, person: Person, *, is_sent: bool = False) -> Record:
    """A likely record with the person in every personal field, and their address or number where people type.

    With `is_sent`, one that becomes an event if only the configuration lets it.
    """
    sent = sent_record(name)
    record = deepcopy(draw(sent if is_sent else likely_record(name) | sent))
    letters, digits = person.letters, person.digits
    customer: Record = {
        "customer_id": draw(st.sampled_from([letters, f" {letters.upper()} ", f"customer-{digits}"])),
        "emails": draw(st.permutations([person.email, f" {person.email.upper()} ", f"mailto:{person.email}"])),
        "phones": draw(st.permutations([person.phone, f"0{digits}", f"0061 {digits}", f"tel:{digits}x"])),
        "first_name": draw(st.sampled_from([letters.title(), f"Ada {letters}"])),
        "last_name": draw(st.sampled_from([letters, f"von {letters.upper()}", person.email])),
        "birth_date": person.born,
        "gender": draw(st.sampled_from(["f", letters])),
    }
    address: Record = {
        "city": draw(st.sampled_from([letters, f"{letters} upon Example"])),
        "region": draw(st.sampled_from([letters, "CA"])),
        "postal_code": draw(st.sampled_from([digits, letters])),
        "country": draw(st.sampled_from(["AU", "US", letters])),
    }
    record["customer"] |= customer
    record["customer"]["address"] |= address
    record["client"] |= {
        "anonymous_id": letters,
        "unauth_id": f"{letters}=",
        "page_url": draw(st.sampled_from(urls_about(person))),
        "referrer": draw(st.sampled_from(urls_about(person))),
    }
    record["device"]["advertising_id"] = draw(st.sampled_from([f"CDDA802E-FB9C-47AD-9866-{digits}ABC", letters]))
    record["consent"] |= {"source": letters, "jurisdiction": draw(st.sampled_from([None, "AU", "US-CA", letters]))}
    typed: dict[str, Any] = {"page": "title", "search": "term", "video": "title", "lead": "type", "category": "path"}
    for part_name, field in typed.items():
        if part_name in record:
            record[part_name][field] = draw(
                st.sampled_from([person.email, f"to {person.email}!", person.phone, "shoes"])
            )
    if "page" in record:
        record["page"]["url"] = draw(st.sampled_from([None, *urls_about(person)]))
    return record


def values_about(person: Person) -> st.SearchStrategy[Any]:
    """The person where they do not belong: as text where a number is meant, inside of parts, as names of fields."""
    texts: list[Any] = [person.letters, person.digits, person.email, person.phone, person.born.isoformat()]
    return st.sampled_from(
        [
            *texts,
            *([text] for text in texts),
            *({text: text} for text in texts),
            *([{text: [text]}, text] for text in texts),
            *(text.encode() for text in texts),
            *(
                int(person.digits),
                -int(person.digits) * 10**40,
                float(person.digits),
                person.born,
                "\ud800" + person.email,
            ),
        ]
    )
