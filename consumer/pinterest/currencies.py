"""ISO 4217 as far as amounts need it: the shape of a code, its minor digits, amounts as the API takes them."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

# ISO 4217, "Table A.1 - Current currency & funds code list": every code that has not two minor digits.
_MINOR_DIGITS = {
    "BIF": 0, "CLP": 0, "DJF": 0, "GNF": 0, "ISK": 0, "JPY": 0, "KMF": 0, "KRW": 0, "PYG": 0, "RWF": 0, "UGX": 0,
    "UYI": 0, "VND": 0, "VUV": 0, "XAF": 0, "XOF": 0, "XPF": 0,
    "BHD": 3, "IQD": 3, "JOD": 3, "KWD": 3, "LYD": 3, "OMR": 3, "TND": 3,
    "CLF": 4, "UYW": 4,
}  # fmt: skip
_STEPS = {code: Decimal(1).scaleb(-digits) for code, digits in _MINOR_DIGITS.items()}
_CENT = Decimal("0.01")


def currency_code(text: str | None) -> str | None:
    """As ISO 4217 writes it: without blanks around it, in capitals; `usd` means nothing else."""
    return None if text is None else text.strip().upper()


def is_currency(code: str) -> bool:
    """Has `code` the shape of ISO 4217: three letters A to Z? Which are in use changes; Pinterest decides that."""
    return len(code) == 3 and code.isascii() and code.isalpha() and code.isupper()


def minor_digits(code: str) -> int:
    """How many digits its amounts have behind the point; two unless ISO 4217 says otherwise."""
    return _MINOR_DIGITS.get(code, 2)


def money(amount: Decimal, currency: str) -> str:
    """A finite amount below 10**20, not negative, rounded half up to the currency's minor unit: `"12.30"`, JPY `"12"`.

    A string without an exponent, since the API takes money as strings and a float would bend it.
    """
    return format(amount.quantize(_STEPS.get(currency, _CENT), ROUND_HALF_UP).copy_abs(), "f")
