"""Which country a code or a name means; consent hangs on it, so what is in doubt is none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.pinterest.countries import country_code
from consumer.pinterest.country_names import COUNTRIES
from consumer.pinterest.place_names import key_of

LINES = [line.split(" ", 2) for line in COUNTRIES.strip().splitlines()]


@pytest.mark.parametrize(
    ("text", "code"),
    [("DE", "DE"), (" de ", "DE"), ("UK", "GB"), ("EL", "GR"), ("DEU", "DE"), ("usa", "US"), ("\uff24\uff25", "DE")],
)
def test_a_country_may_be_a_code(text: str, code: str) -> None:
    assert country_code(text) == code


@pytest.mark.parametrize(
    ("code", "names"),
    [
        ("US", ["U.S.", "U.S.A.", "United States", "The United States of America", "UNITED STATES OF AMERICA"]),
        ("GB", ["U.K.", "United Kingdom", "Great Britain", "England", "Scotland", "Wales", "Northern Ireland"]),
        ("DE", ["Germany", "GERMANY", " germany ", "Deutschland", "Federal Republic of Germany"]),
        ("KR", ["South Korea", "Republic of Korea", "Korea, Republic of"]),
        ("VN", ["Viet Nam", "Vietnam"]),
        ("TR", ["Türkiye", "TÜRKİYE", "Turkiye", "Tu\u0308rkiye", "Turkey"]),
        ("CZ", ["Czech Republic", "Czechia"]),
        ("CI", ["Ivory Coast", "Côte d'Ivoire", "Cote d\u2019Ivoire", "COTE D'IVOIRE"]),
        ("NL", ["Netherlands", "The Netherlands", "Holland"]),
        ("BA", ["Bosnia & Herzegovina", "Bosnia and Herzegovina", "Bosnia-and-Herzegovina"]),
        ("LC", ["St. Lucia", "Saint Lucia", "St Lucia"]),
        ("GW", ["Guinea-Bissau", "Guinea Bissau"]),
        ("GN", ["Guinea"]),
        ("AX", ["Åland Islands", "Aland Islands"]),
        ("AE", ["United Arab Emirates", "UAE"]),
        ("GR", ["Greece", "Ελλάδα", "ΕΛΛΑΔΑ"]),
    ],
)
def test_a_country_may_be_a_name_in_any_spelling(code: str, names: list[str]) -> None:
    assert {name: country_code(name) for name in names} == dict.fromkeys(names, code)


@pytest.mark.parametrize(
    "text",
    [
        None, "", " ", "ZZ", "EU", "Narnia", "Germny", "Germany 2", "West Germany", "Korea", "Congo", "Virgin Islands",
        "DE-BY", "US-CA", "California", "D", "12", "\x00", "\ud800", "Germany" * 100,
    ],
)  # fmt: skip
def test_what_is_in_doubt_is_no_country(text: str | None) -> None:
    assert country_code(text) is None


def test_every_country_has_a_code_of_three_letters_and_a_name() -> None:
    for alpha_2, alpha_3, names in LINES:
        assert country_code(alpha_2) == alpha_2
        assert country_code(alpha_3) == alpha_2
        assert {country_code(name) for name in names.split(" | ")} == {alpha_2}
    assert len({alpha_2 for alpha_2, _, _ in LINES}) == 250  # 249 of ISO 3166-1, and XK


def test_no_name_means_two_countries() -> None:
    meant: dict[str, set[str]] = {}
    for alpha_2, alpha_3, names in LINES:
        for known in (alpha_2, alpha_3, *names.split(" | ")):
            meant.setdefault(key_of(known), set()).add(alpha_2)

    assert {key: codes for key, codes in meant.items() if len(codes) > 1} == {}


@given(st.text(st.characters(exclude_categories=())))
def test_no_text_is_an_error(text: str) -> None:
    code = country_code(text)

    assert code is None or country_code(code) == code
