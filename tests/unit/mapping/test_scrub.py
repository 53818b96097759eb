"""Personal data is taken out of what is sent in clear."""

from __future__ import annotations

import pytest

from consumer.mapping.scrub import clean_url, looks_personal, public_address

PAGE = "https://www.example.com/thanks"


@pytest.mark.parametrize(
    "query",
    [
        "email=x",
        "customer%5Bemail%5D=x",
        "billing_first_name=Zoe",
        "contact-phone=1",
        "access_token=abc",
        "Password=abc",
        "sid=abc",
        "code=abc",
        "q=shopper%40example.com",
        "q=shopper@example.com",
        "q=shopper%2540example.com",
        "shopper%40example.com",
        "next=%2Faccount%3Fmail%3Dshopper%40example.com",
        "n=%2B61255500143",
        "n=+61255500143",
        "n=0061%202%205550%200143",
        "n=0255500143",
        "n=(202)+555-0143",
        "n=202-555-0143",
        "q=shopper%252540example.com",
        "q=shopper%2525252540example.com",
        "q=call+%2B61+2+5550+0143+now",
        "q=%252525252525252525",
        "Vorname=Anna",
        "billing_nachname=Meyer",
        "plz=10115",
        "courriel=x",
        "next=eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln",
    ],
)
def test_personal_parameters_are_left_out(query: str) -> None:
    assert clean_url(f"{PAGE}?a=1&{query}&b=2") == f"{PAGE}?a=1&b=2"
    assert clean_url(f"{PAGE}?{query}") == PAGE


@pytest.mark.parametrize(
    "query",
    [
        "epik=dj0yJnU9b2JDcFFH",
        "utm_source=pinterest&utm_campaign=summer-2026",
        "variant=44123456789012",
        "ean=4006381333931",
        "date=2026-11-01",
        "price=12.30&size=10.5",
        "q=linen+shirt",
        "order=1001",
        "flag",
        "empty=",
    ],
)
def test_other_parameters_stay_as_they_are(query: str) -> None:
    assert clean_url(f"{PAGE}?{query}") == f"{PAGE}?{query}"


@pytest.mark.parametrize(
    ("url", "cleaned"),
    [
        pytest.param("https://shopper:secret@www.example.com/a", "https://www.example.com/a", id="user and password"),
        pytest.param(f"{PAGE}#token=abc", PAGE, id="fragment"),
        pytest.param(
            "https://www.example.com/u/shopper%40example.com/orders",
            "https://www.example.com/u/redacted/orders",
            id="e-mail in the path",
        ),
        pytest.param(
            "https://www.example.com/call/+61255500143",
            "https://www.example.com/call/redacted",
            id="number in the path",
        ),
        pytest.param(f"{PAGE};jsessionid=1A2B?a=1", f"{PAGE}?a=1", id="session in the path"),
        pytest.param(
            "https://www.example.com/reset/eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln",
            "https://www.example.com/reset/redacted",
            id="token in the path",
        ),
        pytest.param("https://shopper%40example.com.shop.example/", None, id="e-mail in the host"),
        pytest.param(
            "https://www.example.com/u-+61255500143/orders",
            "https://www.example.com/redacted/orders",
            id="number within a part of the path",
        ),
        pytest.param("https://www.example.com", "https://www.example.com", id="no path"),
        pytest.param("HTTPS://www.Example.com/A?b=C", "https://www.Example.com/A?b=C", id="scheme in upper case"),
        pytest.param("/thanks?order=1", None, id="no host"),
        pytest.param("app://www.example.com/a", None, id="no web page"),
        pytest.param("https://[203.0.113.7", None, id="broken"),
        pytest.param("", None, id="empty"),
    ],
)
def test_urls_are_cleaned(url: str, cleaned: str | None) -> None:
    assert clean_url(url) == cleaned


@pytest.mark.parametrize(
    ("text", "is_public"),
    [
        ("203.0.113.7", True),
        ("8.8.8.8", True),
        ("2001:db8::7", True),
        ("172.32.0.1", True),
        ("10.1.2.3", False),
        ("172.16.0.1", False),
        ("172.31.255.255", False),
        ("192.168.1.1", False),
        ("127.0.0.1", False),
        ("169.254.1.1", False),
        ("100.64.0.1", False),
        ("0.0.0.0", False),  # noqa: S104 - nothing is bound here
        ("224.0.0.1", False),
        ("255.255.255.255", False),
        ("::1", False),
        ("::", False),
        ("fe80::1", False),
        ("fe80::1%eth0", False),
        ("fd00::1", False),
        ("ff02::1", False),
        ("::ffff:10.0.0.1", False),
        ("203.0.113.7:443", False),
        ("203.0.113", False),
        ("203.0.113.7, 10.0.0.1", False),
        ("unknown", False),
        ("", False),
        ("\0", False),
        ("ü", False),
    ],
)
def test_only_addresses_on_the_internet_are_sent(text: str, *, is_public: bool) -> None:
    assert public_address(text) == (text if is_public else None)


@pytest.mark.parametrize(
    ("text", "usual"), [("::ffff:203.0.113.7", "203.0.113.7"), ("2001:DB8:0:0:0:0:0:7", "2001:db8::7")]
)
def test_addresses_are_written_the_usual_way(text: str, usual: str) -> None:
    assert public_address(text) == usual


@pytest.mark.parametrize("text", ["linen shirt", "12345678", "size 10", "@home", "a @ b", "50% off", "2026-11-01", ""])
def test_ordinary_words_are_not_personal(text: str) -> None:
    assert not looks_personal(text)


@pytest.mark.parametrize(
    ("text", "is_personal"),
    [
        pytest.param("shirt for shopper@example.com", True, id="e-mail within"),
        pytest.param("+61 2 5550 0143", True, id="international number"),
        pytest.param("call +61 2 5550 0143 now", True, id="international number within"),
        pytest.param("(02) 5550-0143", True, id="national number alone"),
        pytest.param("Bolt 02 5550 0143", False, id="an article number looks like a national one"),
        pytest.param("C++ 2026", False, id="language"),
        pytest.param("1+1 12345678 free", False, id="sum"),
        pytest.param("linen shirt @ 20 %", False, id="at a price"),
        pytest.param("", False, id="empty"),
    ],
)
def test_personal_texts_are_known_by_their_look(text: str, *, is_personal: bool) -> None:
    assert looks_personal(text) is is_personal
