"""Tokens: how they are refreshed and made, for what they are good and for how long."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.unit.emulator.builders import ACCOUNT, DAY_S, NOW_S, Rig, event_of

APP = "1234567:app-secret"
FIRST = "pinr_first"
LISTED = frozenset({"listed"})


def basic(app: str = APP) -> str:
    return f"Basic {base64.b64encode(app.encode()).decode()}"


def refresh(rig: Rig, refresh_token: str = FIRST, *, authorization: str = basic(), **form: str) -> httpx.Response:
    whole = {"grant_type": "refresh_token", "refresh_token": refresh_token, **form}
    return rig.call("POST", "/oauth/token", data=whole, headers={"Authorization": authorization})


def make_conversion_token(rig: Rig, access_token: str) -> httpx.Response:
    return rig.call("POST", "/oauth/conversion_token", headers={"Authorization": f"Bearer {access_token}"})


def statuses_of(rig: Rig, token: str) -> dict[str, int]:
    """What each of the three paths says to this token."""
    authorization = {"Authorization": f"Bearer {token}"}
    return {
        "events": rig.call(
            "POST", f"/ad_accounts/{ACCOUNT}/events", json={"data": [event_of()]}, headers=authorization
        ).status_code,
        "quality": rig.call(
            "GET", f"/ad_accounts/{ACCOUNT}/conversion_eqs?lookback_period=1d", headers=authorization
        ).status_code,
        "conversion_token": make_conversion_token(rig, token).status_code,
    }


@pytest.fixture
def strict(rig_with: Callable[..., Rig]) -> Rig:
    """Checks tokens, credentials and refresh tokens."""
    return rig_with(tokens=LISTED, oauth_app=APP, refresh_token=FIRST)


def test_answers_a_refresh_as_described(strict: Rig) -> None:
    answer = refresh(strict).json()

    assert answer.pop("access_token").startswith("pina_")
    assert answer.pop("refresh_token").startswith("pinr_")
    assert answer == {
        "token_type": "bearer",
        "expires_in": 30 * DAY_S,
        "scope": "ads:read ads:write",
        "response_type": "refresh_token",
        "refresh_token_expires_in": 60 * DAY_S,
        "refresh_token_expires_at": NOW_S + 60 * DAY_S,
    }


def test_a_refresh_token_is_good_once_and_its_successor_after_it(strict: Rig) -> None:
    second = refresh(strict).json()["refresh_token"]

    answers = [refresh(strict, FIRST), refresh(strict, second), refresh(strict, second)]

    assert [answer.status_code for answer in answers] == [401, 200, 401]
    assert answers[0].json() == {"code": 283, "message": "The authorization grant is invalid"}


def test_where_the_first_refresh_token_is_known_no_other_is_good(strict: Rig) -> None:
    assert refresh(strict, "pinr_another").status_code == 401
    assert refresh(strict).status_code == 200


def test_without_a_first_refresh_token_any_is_good_once(rig: Rig) -> None:
    statuses = [refresh(rig, token).status_code for token in ("pinr_a", "pinr_a", "pinr_b")]

    assert statuses == [200, 401, 200]


def test_a_refresh_token_ends_after_sixty_days(rig: Rig) -> None:
    early, late = (refresh(rig, token).json()["refresh_token"] for token in ("pinr_a", "pinr_b"))

    rig.time.now_s += 60 * DAY_S - 1
    assert refresh(rig, early).status_code == 200
    rig.time.now_s += 1
    assert refresh(rig, late).status_code == 401
    assert refresh(rig, late).status_code == 401


@pytest.mark.parametrize(
    "authorization",
    [
        pytest.param("", id="none"),
        pytest.param(basic("1234567:wrong"), id="wrong secret"),
        pytest.param(basic("7654321:app-secret"), id="wrong app"),
        pytest.param(APP, id="not encoded"),
        pytest.param(basic().replace("Basic", "Bearer"), id="another scheme"),
        pytest.param("Basic 1234567:app-secret", id="no base64"),
    ],
)
def test_asks_for_the_credentials_of_the_app_and_spends_nothing_without(strict: Rig, authorization: str) -> None:
    assert refresh(strict, authorization=authorization).status_code == 401
    assert refresh(strict).status_code == 200


@pytest.mark.parametrize(
    ("authorization", "status"),
    [(basic("any:pair"), 200), (basic("only-an-id"), 401), (basic(":"), 401), ("", 401)],
)
def test_without_an_app_any_credentials_are_good(rig: Rig, authorization: str, status: int) -> None:
    assert refresh(rig, authorization=authorization).status_code == status


@pytest.mark.parametrize(
    ("request_of", "named"),
    [
        pytest.param({"json": {"grant_type": "refresh_token", "refresh_token": FIRST}}, "content type", id="JSON"),
        pytest.param({"data": {"refresh_token": FIRST}}, "'grant_type'", id="no grant"),
        pytest.param({"data": {"grant_type": "password", "refresh_token": FIRST}}, "'grant_type'", id="unknown grant"),
        pytest.param({"data": {"grant_type": "authorization_code"}}, "'grant_type'", id="grant not served here"),
        pytest.param({"data": {"grant_type": "refresh_token"}}, "'refresh_token'", id="no token"),
        pytest.param(
            {"data": {"grant_type": "refresh_token", "refresh_token": FIRST, "scope": "boards:read"}},
            "'scope'",
            id="scope never granted",
        ),
        pytest.param(
            {"data": {"grant_type": "refresh_token", "refresh_token": FIRST, "continuous_refresh": "yes"}},
            "'continuous_refresh'",
            id="not a boolean",
        ),
    ],
)
def test_refuses_another_form_and_spends_nothing(strict: Rig, request_of: dict[str, Any], named: str) -> None:
    answer = strict.call("POST", "/oauth/token", headers={"Authorization": basic()}, **request_of)

    assert (answer.status_code, answer.json()["code"]) == (400, 4196)
    assert named in answer.json()["message"]
    assert FIRST not in answer.text
    assert refresh(strict, continuous_refresh="true").status_code == 200


@pytest.mark.parametrize("tokens", [LISTED, frozenset[str]()])
def test_an_access_token_is_good_everywhere_until_it_ends(rig_with: Callable[..., Rig], tokens: frozenset[str]) -> None:
    rig = rig_with(tokens=tokens, access_token_expires_s=100)
    issued = refresh(rig).json()
    assert issued["expires_in"] == 100

    rig.time.now_s += 99
    assert set(statuses_of(rig, issued["access_token"]).values()) == {200}
    rig.time.now_s += 1
    assert set(statuses_of(rig, issued["access_token"]).values()) == {401}


@pytest.mark.parametrize("tokens", [LISTED, frozenset[str]()])
def test_a_conversion_token_is_good_for_events_alone_and_has_no_end(
    rig_with: Callable[..., Rig], tokens: frozenset[str]
) -> None:
    rig = rig_with(tokens=tokens)
    answer = make_conversion_token(rig, "listed").json()
    assert answer.keys() == {"access_token", "token_type"}
    assert answer["token_type"] == "conversion"

    rig.time.now_s += 1_000 * DAY_S

    assert statuses_of(rig, answer["access_token"]) == {
        "events": 422,  # the token is good, the event has grown old
        "quality": 401,
        "conversion_token": 401,
    }


@pytest.mark.parametrize(
    ("scope", "statuses"),
    [
        ("ads:read", {"events": 403, "quality": 200, "conversion_token": 403}),
        ("ads:write", {"events": 200, "quality": 403, "conversion_token": 200}),
        ("ads:read,ads:write", {"events": 200, "quality": 200, "conversion_token": 200}),
    ],
)
def test_a_token_is_good_for_what_its_scope_says(strict: Rig, scope: str, statuses: dict[str, int]) -> None:
    answer = refresh(strict, scope=scope).json()

    assert answer["scope"] == scope.replace(",", " ")
    assert statuses_of(strict, answer["access_token"]) == statuses


@pytest.mark.parametrize("token", ["pina_never-issued", "conversion", ""])
def test_where_tokens_are_checked_others_are_good_for_nothing(strict: Rig, token: str) -> None:
    assert set(statuses_of(strict, token or "x").values()) == {401}


def test_a_listed_token_is_good_for_everything(strict: Rig) -> None:
    assert set(statuses_of(strict, "listed").values()) == {200}


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/oauth/token"), ("GET", "/oauth/conversion_token"), ("POST", f"/ad_accounts/{ACCOUNT}/conversion_eqs")],
)
def test_each_path_has_one_method(rig: Rig, method: str, path: str) -> None:
    answer = rig.call(method, path)

    assert answer.status_code == 405
    assert answer.headers["Allow"] == {"GET": "POST", "POST": "GET"}[method]
