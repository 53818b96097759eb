"""Amounts as the API takes them."""

from __future__ import annotations

from decimal import Decimal

import pytest

from consumer.pinterest.currencies import is_currency, money


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        pytest.param("12.3", "EUR", "12.30", id="two digits"),
        pytest.param("12.3000", "USD", "12.30", id="scale of the schema"),
        pytest.param("1999.5", "JPY", "2000", id="no digits"),
        pytest.param("1.23456", "KWD", "1.235", id="three digits"),
        pytest.param("1.23456", "CLF", "1.2346", id="four digits"),
        pytest.param("0.005", "EUR", "0.01", id="half goes up"),
        pytest.param("0.004999", "EUR", "0.00", id="below half goes down"),
        pytest.param("1E+3", "EUR", "1000.00", id="no exponent"),
        pytest.param("0", "EUR", "0.00", id="nought"),
        pytest.param("-0.001", "EUR", "0.00", id="no negative nought"),
        pytest.param("0.1", "XYZ", "0.10", id="two digits where nothing is known"),
    ],
)
def test_money_is_written_in_the_currencys_minor_units(amount: str, currency: str, text: str) -> None:
    assert money(Decimal(amount), currency) == text


@pytest.mark.parametrize(
    ("code", "is_one"),
    [("EUR", True), ("XYZ", True), ("eur", False), ("EURO", False), ("E1R", False), ("", False), ("ÄÖÜ", False)],
)
def test_a_currency_has_three_letters(code: str, *, is_one: bool) -> None:
    assert is_currency(code) is is_one
