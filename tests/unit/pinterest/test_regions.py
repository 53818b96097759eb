"""Which state or province two letters or a name mean."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.pinterest.regions import _REGIONS, _codes, region_code

COUNTRIES = ("US", "CA", "AU", "BR", "IN", "IT", "DE", "NL", "CH")


@pytest.mark.parametrize(
    ("country", "code", "spellings"),
    [
        ("US", "ca", ["CA", " Ca ", "C.A.", "US-CA", "us_ca", "California", "CALIFORNIA", "Calif.", "US-California"]),
        ("US", "ny", ["NY", "N.Y.", "N. Y.", "New York", "new  york", "New York State"]),
        ("US", "dc", ["DC", "D.C.", "District of Columbia", "Washington, D.C.", "Washington DC"]),
        ("US", "wa", ["Washington", "Wash."]),
        ("US", "wv", ["West Virginia", "W.Va."]),
        ("US", "pr", ["PR", "Puerto Rico"]),
        ("US", "vi", ["VI", "Virgin Islands, U.S.", "U.S. Virgin Islands"]),
        ("US", "ae", ["AE", "Armed Forces Europe"]),
        ("US", "aa", ["AA"]),
        ("US", "ap", ["AP"]),
        ("CA", "on", ["ON", "CA-ON", "Ontario"]),
        ("CA", "qc", ["QC", "PQ", "Québec", "Que\u0301bec", "QUEBEC"]),
        ("CA", "nl", ["NL", "NF", "Newfoundland & Labrador", "Newfoundland and Labrador"]),
        ("AU", "nt", ["NT", "AU-NT", "Northern Territory"]),
        ("BR", "sp", ["SP", "São Paulo", "Sao Paulo"]),
        ("IN", "od", ["OD", "OR", "Odisha", "Orissa"]),
        ("IT", "mi", ["MI", "IT-MI", "Milano", "Milan"]),
        ("IT", "aq", ["AQ", "L'Aquila", "L\u2019Aquila"]),
        ("DE", "bw", ["BW", "DE-BW", "Baden-Württemberg", "Baden-Wuerttemberg", "baden württemberg"]),
        ("NL", "fr", ["FR", "Fryslân", "Friesland"]),
        ("CH", "sg", ["SG", "St. Gallen", "Sankt Gallen"]),
        ("ES", "md", ["MD", "ES-MD"]),
        (None, "ca", ["CA", "US-CA", "us_ca", "US-California"]),
        (None, "zz", ["ZZ"]),
    ],
)
def test_a_region_may_be_a_code_or_a_name(country: str | None, code: str, spellings: list[str]) -> None:
    assert {text: region_code(text, country) for text in spellings} == dict.fromkeys(spellings, code)


@pytest.mark.parametrize(
    ("text", "country"),
    [
        pytest.param("ZZ", "US", id="two letters that the country does not have"),
        pytest.param("ON", "US", id="of its neighbour"),
        pytest.param("US-ZZ", "US", id="the same in the form of ISO 3166-2"),
        pytest.param("US-CA", "AU", id="of another country than the address"),
        pytest.param("US-ZZ", None, id="of a country that has none such"),
        pytest.param("California", "CA", id="name of a state elsewhere"),
        pytest.param("California", None, id="name, the country unknown"),
        pytest.param("NSW", "AU", id="three letters"),
        pytest.param("New South Wales", "AU", id="name of one with three letters"),
        pytest.param("AU-NSW", "AU", id="three letters in the form of ISO 3166-2"),
        pytest.param("ENG", "GB", id="nation"),
        pytest.param("75C", "FR", id="letters and digits"),
        pytest.param("13", "JP", id="digits"),
        pytest.param("CMX", "MX", id="three letters in Mexico"),
        pytest.param("Lombardia", "IT", id="region whose code has digits"),
        pytest.param("Californa", "US", id="misspelt"),
        pytest.param("", "US", id="blank"),
        pytest.param("-", "US", id="no letter"),
        pytest.param("C", "US", id="one letter"),
        pytest.param("California" * 50, "US", id="endless"),
    ],
)
def test_what_says_no_two_letters_is_no_region(text: str, country: str | None) -> None:
    assert region_code(text, country) is None


@pytest.mark.parametrize(
    ("country", "count"),
    # ISO 3166-2; US: and the 6 codes of USPS Publication 28 that ISO lacks; AU: of 8 those with two letters; IT: and
    # Aosta; NL: and its three countries overseas.
    list(zip(COUNTRIES, (57 + 6, 13, 3, 27, 36, 106 + 1, 16, 12 + 3, 26), strict=True)),
)
def test_the_tables_are_complete(country: str, count: int) -> None:
    assert len(set(_codes(country).values())) == count


@pytest.mark.parametrize("country", COUNTRIES)
def test_no_name_means_two_regions(country: str) -> None:
    for entry in _REGIONS[country].split(";"):
        codes, _, names = entry.strip().partition(" ")
        for known in (*codes.split("="), *names.split("|")):
            assert region_code(known, country) == codes[:2].lower(), known


@given(text=st.text(st.characters(exclude_categories=())), country=st.sampled_from((None, *COUNTRIES, "GB")))
def test_no_text_is_an_error(text: str, country: str | None) -> None:
    code = region_code(text, country)

    assert code is None or re.fullmatch("[a-z]{2}", code)
