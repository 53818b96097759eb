"""Quality scores: what Pinterest is asked, what each answer comes to, and that nothing in one does harm."""

from __future__ import annotations

import logging
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.config import Pinterest
from consumer.emulator import quality as emulated
from consumer.errors import ConfigError, ContractError
from consumer.pinterest.components import COMPONENTS
from consumer.pinterest.quality import (
    MAX_ANSWER_BYTES,
    MAX_TEXT_CHARS,
    OWN_SOURCE,
    SOURCE_PLATFORMS,
    Detail,
    Issue,
    LookbackPeriod,
    NotScored,
    QualityScores,
    Scored,
    read_scores,
)
from tests.harness.one_answer import OneAnswer, http

ACCOUNT, ACCESS_TOKEN = "549755885175", "pina_planted"


def a_score(**changes: Any) -> dict[str, Any]:
    return {
        "overall_status": "FAIR",
        "quality_components": {
            "external_event_id": {"checkout": {"coverage": 100, "overlap": 62.5}},
            "hashed_email": {
                "checkout": {
                    "coverage": 41.25,
                    "issues": [{"id": "low", "name": "Low coverage", "reason": "Few events have it."}],
                }
            },
        },
        "ingestion_source": "CONVERSIONS_API",
        "source_platform": "WEB",
        "lookback_period": "14d",
        **changes,
    }


def asked(raw: bytes, **changes: Any) -> tuple[Scored | NotScored, str]:
    """The answer to a request, and its head."""
    options: Any = {"timeout_s": 10.0, "lookback_period": "14d", **changes}
    with OneAnswer(raw) as server:
        scores = QualityScores(Pinterest(base_url=server.base_url), ACCESS_TOKEN, **options)
        return scores.of(ACCOUNT), server.request.decode()


# --- the request -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("platform", "query"),
    [
        (None, "lookback_period=1d&ingestion_source=CONVERSIONS_API"),
        ("MOBILE_IOS", "lookback_period=1d&ingestion_source=CONVERSIONS_API&source_platform=MOBILE_IOS"),
    ],
)
def test_is_asked_for_as_described(platform: str | None, query: str) -> None:
    _, head = asked(http(200, []), lookback_period="1d", source_platform=platform)

    lines = head.split("\r\n")
    assert lines[0] == f"GET /v5/ad_accounts/{ACCOUNT}/conversion_eqs?{query} HTTP/1.1"
    assert f"Authorization: Bearer {ACCESS_TOKEN}" in lines


def test_an_address_that_is_none_is_told_before_anything_is_sent() -> None:
    with pytest.raises(ConfigError, match=r"pinterest\.base_url"):
        QualityScores(Pinterest(base_url="api"), ACCESS_TOKEN, timeout_s=1, lookback_period="1d")


# --- the reading ------------------------------------------------------------------------------------------------


def test_a_score_is_read_whole() -> None:
    answer, _ = asked(http(200, [a_score(), a_score(source_platform="OFFLINE")]))

    assert isinstance(answer, Scored)
    score, other = answer.scores
    assert (score.overall_status, score.source_platform, score.ingestion_source, score.lookback_period) == (
        "FAIR",
        "WEB",
        "CONVERSIONS_API",
        "14d",
    )
    assert score.components == {
        "hashed_email": {"checkout": Detail(41.25, issues=(Issue("low", "Low coverage", "Few events have it."),))},
        "external_event_id": {"checkout": Detail(100, 62.5)},
    }
    assert other.source_platform == "OFFLINE"


def test_names_of_another_day_are_kept_and_come_last() -> None:
    components = {"shoe_size": {"TRY_ON": {"coverage": 7}}, **a_score()["quality_components"]}

    (score,) = read_scores([a_score(overall_status="SUPERB", source_platform="TV", quality_components=components)])

    assert (score.overall_status, score.source_platform) == ("SUPERB", "TV")
    assert list(score.components) == ["hashed_email", "external_event_id", "shoe_size"]
    assert score.components["shoe_size"] == {"TRY_ON": Detail(7)}


@pytest.mark.parametrize("absent", ["overall_status", "source_platform", "ingestion_source", "lookback_period"])
def test_a_text_that_is_not_told_is_empty(absent: str) -> None:
    without = {key: value for key, value in a_score().items() if key != absent}

    (missing,), (null,) = read_scores([without]), read_scores([a_score(**{absent: None})])

    assert getattr(missing, absent) == getattr(null, absent) == ""


@pytest.mark.parametrize(
    ("detail", "read"),
    [
        ({}, Detail(None)),
        ({"coverage": None, "overlap": None, "issues": None}, Detail(None)),
        ({"coverage": 0, "overlap": 0, "issues": []}, Detail(0, 0)),
        ({"coverage": 0.5}, Detail(0.5)),  # half a percent, not a half: it is called a percentage
        (None, Detail(None)),
    ],
)
def test_a_figure_that_is_not_told_is_not_made_up(detail: Any, read: Detail) -> None:
    (score,) = read_scores([a_score(quality_components={"hashed_email": {"checkout": detail}})])

    assert score.components["hashed_email"]["checkout"] == read


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        pytest.param({"items": []}, "the answer is no list", id="an object"),
        pytest.param(None, "the answer is no list", id="null"),
        pytest.param(["GOOD"], r"\[0\] is no object", id="a text"),
        pytest.param([a_score(overall_status=3)], r"\[0\]\.overall_status is no text", id="status"),
        pytest.param([a_score(quality_components=[])], r"quality_components is no object", id="components"),
        pytest.param([a_score(quality_components={"x": []})], r"quality_components\.x is no object", id="component"),
        *(
            pytest.param(
                [a_score(), a_score(quality_components={"x": {"checkout": {"coverage": 1, **detail}}})],
                rf"\[1\]\.quality_components\.x\.{problem}",
                id=problem,
            )
            for detail, problem in (
                ({"coverage": "97"}, "coverage is no number"),
                ({"coverage": True}, "coverage is no number"),
                ({"overlap": []}, "overlap is no number"),
                ({"issues": {"id": "1"}}, "issues is no list"),
                ({"issues": ["bad"]}, "issues is no object"),
                ({"issues": [{"reason": 1}]}, "issues.reason is no text"),
            )
        ),
    ],
)
def test_another_form_is_refused_with_its_place(answer: Any, problem: str) -> None:
    with pytest.raises(ContractError, match=problem):
        read_scores(answer)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.sampled_from([*a_score(), *COMPONENTS, "coverage", "issues", "id"]), inner)
    ),
    max_leaves=12,
)


@given(st.lists(st.dictionaries(st.sampled_from([*a_score()]), ANYTHING)) | ANYTHING)
def test_any_answer_at_all_is_read_or_refused(answer: Any) -> None:
    try:
        scores = read_scores(answer)
    except ContractError:
        return

    assert len(scores) == len(answer)


def test_no_text_commands_a_terminal() -> None:
    evil = "a\x1b[31m\r\n\u202eb\x00\x9b" + "c" * (2 * MAX_TEXT_CHARS)
    issue = {"id": evil, "name": evil, "reason": evil}
    components = {evil: {evil: {"coverage": 1, "issues": [issue]}}}

    (score,) = read_scores([a_score(overall_status=evil, source_platform=evil, quality_components=components)])

    ((component, by_event),) = score.components.items()
    ((event_name, detail),) = by_event.items()
    texts = [score.overall_status, score.source_platform, component, event_name]
    texts += [detail.issues[0].id, detail.issues[0].name, detail.issues[0].reason]
    assert all(text.startswith("a [31m b c") and text.isprintable() for text in texts)
    assert all(len(text) <= MAX_TEXT_CHARS for text in texts)


# --- trouble ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        pytest.param(http(400, {"code": 1, "message": "no"}), "HTTP 400, code 1: no; does Pinterest know", id="400"),
        pytest.param(http(401, {"code": 2, "message": "Failed."}), "a conversion token is none", id="401"),
        pytest.param(http(403, {"code": 29, "message": "no"}), "needs the scope ads:read", id="403"),
        pytest.param(http(404, b""), "HTTP 404; is the ad account's id right?", id="404"),
        pytest.param(http(429, {"code": 8, "message": "no"}, Retry_After="42"), "try again in 42 s", id="429"),
        pytest.param(http(429, b"", X_RateLimit_Reset="67150"), "try again in 67150 s", id="429, Pinterest's header"),
        pytest.param(http(429, b""), "HTTP 429; try again later", id="429 without a wait"),
        pytest.param(http(302, b"", Location="http://127.0.0.1:9/"), "HTTP 302; try again later", id="elsewhere"),
        pytest.param(http(500, b"<html>"), "HTTP 500; try again later", id="500"),
        pytest.param(http(200, b"<html>"), "cannot be read: the answer is no list; does a proxy", id="a page"),
        pytest.param(http(200, [a_score(overall_status=1)]), r"cannot be read: [0].overall_status", id="another form"),
        pytest.param(http(200, b" " * (MAX_ANSWER_BYTES + 1)), "the answer is larger than 1048576 bytes", id="large"),
        pytest.param(http(200, [])[:-1], "no answer: RemoteProtocolError; check pinterest.base_url", id="cut off"),
        pytest.param(b"", "no answer: RemoteProtocolError", id="hung up"),
    ],
)
def test_each_trouble_says_what_to_do(raw: bytes, told: str) -> None:
    answer, _ = asked(raw)

    assert isinstance(answer, NotScored)
    assert told in answer.detail


def test_the_token_is_told_to_nobody(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)  # of the HTTP libraries as well

    answer, _ = asked(http(401, {"code": 2, "message": f"bad token {ACCESS_TOKEN} of ada@example.com"}))

    told = repr(answer) + caplog.text
    assert "<secret>" in told
    assert not [secret for secret in ("planted", "ada@") if secret in told]


# --- names -----------------------------------------------------------------------------------------------------------


def test_what_may_be_asked_for_is_what_the_emulator_read_in_the_description() -> None:
    assert set(get_args(LookbackPeriod)) == set(emulated.LOOKBACK_HOURS)
    assert set(SOURCE_PLATFORMS) == set(emulated.SOURCE_PLATFORMS)
    assert OWN_SOURCE in emulated.INGESTION_SOURCES
