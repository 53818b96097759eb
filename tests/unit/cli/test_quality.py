"""`conversions quality` against the emulator and consumers' health ports: which figures stand side by side."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import os
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock
from urllib.request import Request, urlopen

import pytest

from consumer import cli
from consumer.cli.quality_coverage import added, percent, read_page
from consumer.cli.quality_report import as_json, as_text, compare
from consumer.config import Config
from consumer.emulator import Settings
from consumer.errors import ContractError
from consumer.health import HealthServer
from consumer.pinterest.components import COMPONENTS, components_of
from consumer.pinterest.quality import Detail, Issue, NotScored, Score, Scored
from consumer.tallies import Snapshot, Tallies
from tests.harness.one_answer import OneAnswer, http
from tests.unit.cli.test_check_accounts import an_emulator
from tests.unit.emulator.builders import NOW_S, event_of, hashed

ACCOUNT, OTHER, THIRD = "549700000001", "549700000002", "549700000003"
ACCESS_TOKEN = "pina_planted"
EVERYTHING: dict[str, Any] = {
    "user_data": {
        "em": [hashed("ada@example.com")],
        "hashed_maids": [hashed("made-up")],
        "external_id": [hashed("K-1")],
        "client_ip_address": "203.0.113.7",
        "client_user_agent": "Mozilla/5.0",
        "click_id": "c",
    },
    "custom_data": {"order_id": "A-1", "value": "1.00", "content_ids": ["P-1"]},
    "event_source_url": "https://shop.example.com/thanks",
}
VISIT: dict[str, Any] = {"event_name": "page_visit", "custom_data": None}


@dataclass
class Done:
    code: int
    out: str
    err: str


def quality(*arguments: str, environ: Mapping[str, str] | None = None, stdin: str = "") -> Done:
    """Run it to its end. Whatever it says, the token is not in it."""
    out, err = io.StringIO(), io.StringIO()
    settings = {f"CONVERSIONS_{name}": value for name, value in (environ or {}).items()}
    with (
        mock.patch.dict(os.environ, settings),
        mock.patch("sys.stdin", io.TextIOWrapper(io.BytesIO(stdin.encode()))),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        pytest.raises(SystemExit) as end,
    ):
        cli.main(["quality", *arguments])
    assert isinstance(end.value.code, int)
    assert "planted" not in out.getvalue() + err.getvalue()
    assert "Traceback" not in err.getvalue()
    return Done(end.value.code, out.getvalue(), err.getvalue())


@dataclass
class Setup:
    """An emulator, and a file with a token for it."""

    base_url: str
    token_file: Path

    def send(self, account: str, *events: dict[str, Any]) -> None:
        body = json.dumps({"data": list(events)}).encode()
        headers = {"Authorization": "Bearer any", "Content-Type": "application/json"}
        with urlopen(Request(f"{self.base_url}/ad_accounts/{account}/events", body, headers)) as answer:  # noqa: S310
            assert answer.status == 200

    def quality(self, *arguments: str, **environ: str) -> Done:
        return quality(
            "--access-token-file",
            str(self.token_file),
            *arguments,
            environ={"PINTEREST__BASE_URL": self.base_url, "ROUTING__DEFAULT_AD_ACCOUNT_ID": ACCOUNT, **environ},
        )


@pytest.fixture
def setup(tmp_path: Path) -> Iterator[Setup]:
    token_file = tmp_path / "token"
    token_file.write_text(f"{ACCESS_TOKEN}\n")
    with an_emulator(Settings(forbidden=frozenset({OTHER}), wall_s=lambda: NOW_S)) as base_url:
        yield Setup(base_url, token_file)


@contextmanager
def a_consumer(*accepted: tuple[str, dict[str, Any], int]) -> Iterator[str]:
    """The health port of one that had accepted so many events like these."""
    coverage: Counter[tuple[str, str, int]] = Counter()
    for account, event, count in accepted:
        coverage[account, event["event_name"], components_of(event)] += count
    config = Config.model_validate(
        {
            "kafka": {"bootstrap_servers": "127.0.0.1:9"},
            "schema_registry": {"url": "http://127.0.0.1:9"},
            "health": {"host": "127.0.0.1", "port": 0},
        }
    )
    snapshot = Snapshot(tallies=Tallies(coverage=coverage))
    server = HealthServer(config, snapshot=lambda: snapshot, metrics=lambda: b"", stall=lambda: None)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{asyncio.run_coroutine_threadsafe(server.start(), loop).result(10)}"
        asyncio.run_coroutine_threadsafe(server.aclose(), loop).result(10)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


# --- side by side -------------------------------------------------------------------------------------------------


def test_what_pinterest_has_stands_beside_what_we_sent(setup: Setup) -> None:
    full, bare = event_of(**EVERYTHING), event_of(custom_data=None)
    setup.send(ACCOUNT, full, bare, bare, bare, event_of(**VISIT))

    with a_consumer((ACCOUNT, full, 7), (ACCOUNT, bare, 13), (ACCOUNT, event_of(**VISIT), 4)) as url:
        done = setup.quality("--consumer", url)

    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines()[:8] == [
        f"{ACCOUNT}  WEB  CONVERSIONS_API  14d  FAIR",
        "",
        "                        checkout          page_visit",
        "                        Pinterest  ours   Pinterest  ours",
        "hashed_email                100.0 100.0       100.0 100.0",
        "hashed_maid                  25.0  35.0         0.0   0.0",
        "ip_address                   25.0  35.0         0.0   0.0",
        "user_agent                   25.0  35.0         0.0   0.0",
    ]
    assert "  of these by tag too         0.0               0.0" in done.out.splitlines()
    assert "*: more than 10 points apart" in done.out


@pytest.mark.parametrize(("bare", "is_marked"), [(65, False), (64, True)])
def test_more_than_ten_points_apart_is_marked(bare: int, is_marked: bool, setup: Setup) -> None:  # noqa: FBT001
    setup.send(ACCOUNT, event_of(**EVERYTHING), *[event_of(custom_data=None)] * 3)

    with a_consumer((ACCOUNT, event_of(**EVERYTHING), 35), (ACCOUNT, event_of(custom_data=None), bare)) as url:
        done = setup.quality("--consumer", url)

    (line,) = (line for line in done.out.splitlines() if line.startswith("click_id_epik"))
    assert line.endswith("*") is is_marked


def test_replicas_are_added_up_and_each_counts_once(setup: Setup) -> None:
    full, bare = event_of(**EVERYTHING), event_of(custom_data=None)

    with a_consumer((ACCOUNT, full, 1), (THIRD, full, 9)) as one, a_consumer((ACCOUNT, bare, 3)) as two:
        named = (one, f"{one}/", f"{one}/coverage", two)
        done = setup.quality("--json", *(word for url in named for word in ("--consumer", url)))

    (account,) = json.loads(done.out)["ad_accounts"]
    assert done.code == 0
    assert account["own"]["checkout"]["events"] == 4
    assert account["own"]["checkout"]["percent"]["click_id_epik"] == 25


def test_without_consumers_there_is_no_column_of_ours(setup: Setup) -> None:
    setup.send(ACCOUNT, event_of())

    done = setup.quality()

    assert done.code == 0
    assert "ours" not in done.out.replace("of our own", "")
    assert "--consumer http://HOST:8080" in done.out


def test_without_a_score_our_own_coverage_stands_alone(setup: Setup) -> None:
    with a_consumer((ACCOUNT, event_of(), 2)) as url:
        done = setup.quality("--consumer", url)

    assert done.code == 0
    assert done.out.startswith(f"{ACCOUNT}  our own coverage alone: no score yet\n")
    assert "in none of the scores" not in done.out
    assert "hashed_email                    - 100.0" in done.out


def test_nothing_at_all_is_told_as_such(setup: Setup) -> None:
    with a_consumer() as url:
        done = setup.quality("--consumer", url)

    assert (done.code, done.out.splitlines()[0]) == (0, f"{ACCOUNT}  no score yet")


def test_platforms_stand_apart_and_one_may_be_chosen(setup: Setup) -> None:
    setup.send(ACCOUNT, event_of(), event_of(action_source="app_ios"))

    both, one = setup.quality(), setup.quality("--source-platform", "mobile_ios", "--lookback", "1d")

    assert [line.split()[1:4] for line in both.out.splitlines() if line.startswith(ACCOUNT)] == [
        ["WEB", "CONVERSIONS_API", "14d"],
        ["MOBILE_IOS", "CONVERSIONS_API", "14d"],
    ]
    assert [line.split()[1:4] for line in one.out.splitlines() if line.startswith(ACCOUNT)] == [
        ["MOBILE_IOS", "CONVERSIONS_API", "1d"]
    ]


# --- which accounts -----------------------------------------------------------------------------------------------


def test_all_accounts_that_records_can_reach_are_asked(setup: Setup) -> None:
    table = json.dumps({"merchant-1": ACCOUNT, "merchant-2": THIRD, "merchant-3": "none"})

    done = setup.quality("--json", ROUTING__TABLE=table, ROUTING__DEFAULT_AD_ACCOUNT_ID="")

    assert [told["ad_account_id"] for told in json.loads(done.out)["ad_accounts"]] == [ACCOUNT, THIRD]


def test_chosen_accounts_are_asked_alone_and_once(setup: Setup) -> None:
    done = setup.quality("--json", *("--ad-account", THIRD) * 2)

    assert [told["ad_account_id"] for told in json.loads(done.out)["ad_accounts"]] == [THIRD]


def test_an_account_that_cannot_be_asked_keeps_none_from_being_shown(setup: Setup) -> None:
    setup.send(ACCOUNT, event_of())

    done = setup.quality("--ad-account", OTHER, "--ad-account", ACCOUNT)

    assert done.code == 1
    assert f"{OTHER}  cannot be told" in done.out
    assert f"{ACCOUNT}  WEB" in done.out
    assert f"conversions: {OTHER}: HTTP 403" in done.err
    assert "needs the scope ads:read" in done.err


# --- consumers that do not answer --------------------------------------------------------------------------------


def test_a_consumer_that_cannot_be_asked_keeps_no_other_from_being_counted(setup: Setup) -> None:
    with a_consumer((ACCOUNT, event_of(), 5)) as url:
        done = setup.quality("--consumer", "http://127.0.0.1:9", "--consumer", url, "--json")

    document = json.loads(done.out)
    assert done.code == 1
    assert [consumer["url"] for consumer in document["consumers"]] == ["http://127.0.0.1:9", url]
    assert document["consumers"][1]["error"] is None
    assert "does the consumer run" in document["consumers"][0]["error"]
    assert document["ad_accounts"][0]["own"]["checkout"]["events"] == 5
    assert "conversions: http://127.0.0.1:9: not sent: ConnectError" in done.err


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(http(404, b"nothing here"), id="404"),
        pytest.param(http(302, b"", Location="http://127.0.0.1:9/"), id="elsewhere"),
        pytest.param(http(200, b"<html>"), id="a page"),
        pytest.param(http(200, []), id="a list"),
        pytest.param(http(200, {ACCOUNT: {"checkout": {"events": 1}}}), id="other counts"),
    ],
)
def test_what_is_no_consumer_is_told(answer: bytes, setup: Setup) -> None:
    with OneAnswer(answer) as server:
        done = setup.quality("--consumer", server.base_url)

    assert done.code == 1
    assert "is it the health port of a consumer?" in done.err
    assert server.request.startswith(b"GET /v5/coverage HTTP/1.1\r\n")
    assert b"authorization" not in server.request.lower()


@pytest.mark.parametrize(
    "counts", [{"events": "2"}, {"hashed_email": -1}, {"hashed_email": True}, {"hashed_email": 3}, []]
)
def test_counts_that_are_none_are_refused(counts: Any) -> None:
    whole = dict.fromkeys(("events", *COMPONENTS), 2) | counts if isinstance(counts, dict) else counts

    with pytest.raises(ContractError, match="/coverage"):
        read_page(json.dumps({ACCOUNT: {"checkout": whole}}).encode())


@pytest.mark.parametrize("names", [("1\x1b[2J", "checkout"), ("1", "checkout\n")])
def test_a_name_that_commands_a_terminal_is_refused(names: tuple[str, str]) -> None:
    account, event_name = names

    with pytest.raises(ContractError, match="a name that is none"):
        read_page(json.dumps({account: {event_name: dict.fromkeys(("events", *COMPONENTS), 2)}}).encode())


# --- tokens -------------------------------------------------------------------------------------------------------


def test_the_token_that_is_kept_fresh_is_taken(tmp_path: Path) -> None:
    (tmp_path / "access_token").write_text("pina_planted_in_the_directory")
    environ = {"PINTEREST__OAUTH__DIRECTORY": str(tmp_path), "ROUTING__DEFAULT_AD_ACCOUNT_ID": ACCOUNT}

    with OneAnswer(http(200, [])) as server:
        done = quality(environ={"PINTEREST__BASE_URL": server.base_url, **environ})

    assert done.code == 0
    assert b"\r\nAuthorization: Bearer pina_planted_in_the_directory\r\n" in server.request


def test_the_token_may_come_from_standard_input() -> None:
    with OneAnswer(http(200, [])) as server:
        done = quality(
            *("--access-token-file", "-", "--ad-account", ACCOUNT),
            environ={"PINTEREST__BASE_URL": server.base_url},
            stdin=f"{ACCESS_TOKEN}\n",
        )

    assert done.code == 0
    assert f"\r\nAuthorization: Bearer {ACCESS_TOKEN}\r\n".encode() in server.request


def test_without_a_token_it_says_which_is_needed() -> None:
    done = quality("--ad-account", ACCOUNT, environ={"PINTEREST__ACCESS_TOKEN": "a-planted-conversion-token"})

    assert (done.code, done.out) == (2, "")
    assert "--access-token-file is needed, or pinterest.oauth.directory" in done.err
    assert "a conversion token is good for sending alone" in done.err


@pytest.mark.parametrize("content", ["", "planted words", None])
def test_a_file_without_a_token_is_told_before_anything_is_asked(content: str | None, setup: Setup) -> None:
    setup.token_file.unlink() if content is None else setup.token_file.write_text(content)

    done = setup.quality()

    assert (done.code, done.out) == (2, "")
    assert f"conversions: --access-token-file: {setup.token_file} " in done.err


def test_a_conversion_token_is_told_for_what_it_is(setup: Setup) -> None:
    request = Request(f"{setup.base_url}/oauth/conversion_token", b"", {"Authorization": "Bearer any"})  # noqa: S310
    with urlopen(request) as answer:  # noqa: S310
        setup.token_file.write_text(json.load(answer)["access_token"])

    done = setup.quality()

    assert done.code == 1
    assert f"conversions: {ACCOUNT}: HTTP 401, code 2: Authentication failed." in done.err
    assert "a conversion token is none" in done.err


def test_a_limit_is_told_with_its_wait(setup: Setup) -> None:
    with OneAnswer(http(429, {"code": 8, "message": "Slow down."}, X_RateLimit_Reset="67")) as server:
        done = setup.quality(PINTEREST__BASE_URL=server.base_url)

    assert done.code == 1
    assert f"conversions: {ACCOUNT}: HTTP 429, code 8: Slow down.; try again in 67 s" in done.err


# --- usage --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--ad-account", "549/../x"], "--ad-account: must be an ad account's id"),
        (["--ad-account", "1" * 19], "--ad-account: must be an ad account's id"),
        (["--source-platform", "the web"], "--source-platform: must be a word"),
        (["--lookback", "7d"], "--lookback"),
        *(
            (["--consumer", url], "--consumer: must be a plain URL")
            for url in (
                *("10.0.0.7:8080", "ftp://10.0.0.7", "http://", "http://a b/", "http://u:p@host", "http://h:99999"),
                *("http://h?x", "http://[::1", "http://a..b", "http://h/\x1b"),
            )
        ),
    ],
)
def test_what_is_no_value_is_refused_before_anything_is_asked(arguments: list[str], problem: str, setup: Setup) -> None:
    done = setup.quality(*arguments)

    assert (done.code, done.out) == (2, "")
    assert problem in done.err


def test_without_any_account_it_says_so(setup: Setup) -> None:
    done = setup.quality(ROUTING__DEFAULT_AD_ACCOUNT_ID="")

    assert (done.code, done.err) == (2, "conversions: --ad-account is needed, or a configuration that routes to one\n")


def test_kafkas_client_is_not_loaded() -> None:
    script = "import sys, consumer.cli.quality; print('confluent_kafka' in sys.modules)"

    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert run.stdout == "False\n"


# --- the page -----------------------------------------------------------------------------------------------------


def a_score(**components: dict[str, Detail]) -> Score:
    return Score("GOOD", "WEB", "CONVERSIONS_API", "14d", components)


def counts(events: int, **carried: int) -> dict[str, int]:
    return dict.fromkeys(COMPONENTS, 0) | {"events": events, **carried}


def test_nothing_is_wider_than_a_hundred_columns() -> None:
    names = [
        *("page_visit", "initiate_checkout", "customize_product", "submit_application", "add_payment_info", "signup"),
        *("checkout", "add_to_cart", "lead", "search", "a_partners_event_with_a_name_that_nobody_reads_to_its_end"),
    ]
    issue = Issue("1", "Low coverage", "Far fewer events carry it than those of comparable advertisers do. " * 5)
    score = a_score(**{name: dict.fromkeys(names, Detail(100.0, 100.0, (issue,))) for name in COMPONENTS})
    own = {name: counts(3) for name in [*names, *(f"an_event_in_no_score_{number}" for number in range(9))]}

    text = as_text(compare(ACCOUNT, Scored((score,)), own))

    assert max(map(len, text.splitlines())) <= 100
    assert [name for name in own if name not in text] == []


def test_issues_stand_below_with_their_reason() -> None:
    issue = Issue("low_email", "Low coverage", "Few events have it.")
    score = a_score(hashed_email={"checkout": Detail(12, issues=(issue, Issue("bare", "", "")))})

    text = as_text(compare(ACCOUNT, Scored((score,)), None))

    assert text.splitlines()[-3:] == [
        "Issues",
        "  checkout, hashed_email: Low coverage: Few events have it.",
        "  checkout, hashed_email: bare",
    ]


@pytest.mark.parametrize("spelling", ["add_to_cart", "ADD_TO_CART", "AddToCart", "Add to cart"])
def test_an_event_is_known_however_it_is_spelt(spelling: str) -> None:
    score = a_score(hashed_email={spelling: Detail(50)})

    report = compare(ACCOUNT, Scored((score,)), {"add_to_cart": counts(4, hashed_email=1), "lead": counts(1)})

    assert report.sheets[0].events[spelling]["hashed_email"].own_percent == 25
    assert report.unscored == ("lead",)


def test_what_pinterest_adds_is_shown_as_it_is() -> None:
    score = Score("", "", "", "", {"shoe_size": {"TRY_ON": Detail(None, 3)}})

    text = as_text(compare(ACCOUNT, Scored((score,)), {"try_on": counts(2)}))

    assert text.splitlines()[0] == f"{ACCOUNT}  no status"
    assert "shoe_size                      -     -" in text
    assert "  of these by tag too        3.0" in text


def test_where_pinterest_is_silent_ours_is_still_shown() -> None:
    text = as_text(compare(ACCOUNT, NotScored("HTTP 500"), {"checkout": counts(2, order_id=1)}))

    assert text.startswith(f"{ACCOUNT}  our own coverage alone: the score cannot be told\n")
    assert "order_id                        -  50.0" in text


def test_an_event_that_was_never_accepted_has_no_share() -> None:
    assert percent(counts(0), "hashed_email") is None


def test_the_json_has_all_of_it_under_the_keys_that_others_rely_on() -> None:
    issue = Issue("1", "Low coverage", "Few have it.")
    score = a_score(
        hashed_email={"checkout": Detail(80, issues=(issue,))}, external_event_id={"checkout": Detail(100, 60)}
    )
    own = {"checkout": counts(3, hashed_email=2, external_event_id=3), "lead": counts(0)}
    reports = [compare(ACCOUNT, Scored((score,)), own), compare(OTHER, NotScored("HTTP 403"), None)]

    document = as_json(reports, lookback_period="14d", consumers=[{"url": "http://h:8080", "error": None}])

    assert document == {
        "lookback_period": "14d",
        "consumers": [{"url": "http://h:8080", "error": None}],
        "ad_accounts": [
            {
                "ad_account_id": ACCOUNT,
                "error": None,
                "scores": [
                    {
                        "overall_status": "GOOD",
                        "source_platform": "WEB",
                        "ingestion_source": "CONVERSIONS_API",
                        "lookback_period": "14d",
                        "events": {
                            "checkout": {
                                "hashed_email": {
                                    "coverage_percent": 80,
                                    "own_percent": 66.67,
                                    "is_apart": True,
                                    "overlap_percent": None,
                                    "issues": [{"id": "1", "name": "Low coverage", "reason": "Few have it."}],
                                },
                                "external_event_id": {
                                    "coverage_percent": 100,
                                    "own_percent": 100,
                                    "is_apart": False,
                                    "overlap_percent": 60,
                                    "issues": [],
                                },
                            }
                        },
                    }
                ],
                "own": {
                    "checkout": {
                        "events": 3,
                        "percent": dict.fromkeys(COMPONENTS, 0) | {"hashed_email": 66.67, "external_event_id": 100.0},
                    },
                    "lead": {"events": 0, "percent": dict.fromkeys(COMPONENTS)},
                },
                "own_in_no_score": ["lead"],
            },
            {"ad_account_id": OTHER, "error": "HTTP 403", "scores": [], "own": None, "own_in_no_score": []},
        ],
    }


def test_adding_up_changes_no_page() -> None:
    page = {ACCOUNT: {"checkout": counts(2, hashed_email=1)}}

    total = added([page, page])

    assert total[ACCOUNT]["checkout"] == counts(4, hashed_email=2)
    assert page[ACCOUNT]["checkout"] == counts(2, hashed_email=1)
