"""Which token an account's request is made with, whatever becomes of the files meanwhile."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from consumer.config import Pinterest
from consumer.errors import ConfigError
from consumer.pinterest.auth import ConfiguredTokens, token_problem
from consumer.pinterest.token_store import Grant, TokenDirectory

ACCOUNT = "549700000001"


class Places:
    """Each place where a token may be, with a token of that name in it."""

    def __init__(self, folder: Path) -> None:
        self.own, self.shared, self.oauth = folder / "tokens", folder / "shared", folder / "oauth"
        self.own.mkdir()
        self.oauth.mkdir()
        (self.own / ACCOUNT).write_text("own\n")
        self.shared.write_text("shared\n")
        TokenDirectory(self.oauth).publish(Grant("oauth", "pinr_1", 0, 1, None))

    def tokens(self, *keys: str, **more: Any) -> ConfiguredTokens:
        known = {
            "access_token": "given",
            "access_token_file": self.shared,
            "tokens_dir": self.own,
            "oauth": {"directory": self.oauth},
        }
        return ConfiguredTokens(Pinterest.model_validate({key: known[key] for key in keys}), **more)


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places(tmp_path)


@pytest.mark.parametrize(
    ("keys", "token"),
    [
        (["access_token"], "given"),
        (["access_token_file"], "shared"),
        (["oauth"], "oauth"),
        (["tokens_dir"], "own"),
        (["tokens_dir", "access_token", "oauth"], "own"),
        (["access_token", "oauth"], "given"),
        (["access_token_file", "oauth"], "shared"),
        ([], None),
    ],
)
def test_the_nearest_token_is_taken(places: Places, keys: list[str], token: str | None) -> None:
    assert places.tokens(*keys).token_for(ACCOUNT) == token


@pytest.mark.parametrize(
    ("keys", "token"),
    [
        (["tokens_dir"], None),
        (["tokens_dir", "access_token"], "given"),
        (["tokens_dir", "access_token_file"], "shared"),
        (["tokens_dir", "oauth"], "oauth"),
    ],
)
def test_an_account_without_its_own_takes_the_one_for_all(places: Places, keys: list[str], token: str | None) -> None:
    assert places.tokens(*keys).token_for("549700000009") == token


@pytest.mark.parametrize("key", ["access_token_file", "tokens_dir", "oauth"])
def test_a_file_is_read_again_at_each_request(places: Places, key: str) -> None:
    file = {"access_token_file": places.shared, "tokens_dir": places.own / ACCOUNT}.get(
        key, places.oauth / "access_token"
    )
    tokens = places.tokens(key)

    found = []
    for content in ("first\n", "", "second", None, "third"):
        file.unlink() if content is None else file.write_text(content)
        found.append(tokens.token_for(ACCOUNT))

    assert found == ["first", None, "second", None, "third"]


def test_a_secret_that_kubernetes_swaps_by_a_link_is_followed(tmp_path: Path) -> None:
    for version in ("first", "second"):
        (tmp_path / version).mkdir()
        (tmp_path / version / "token").write_text(version)
    (tmp_path / "..data").symlink_to("first")
    (tmp_path / "token").symlink_to("..data/token")
    tokens = ConfiguredTokens(Pinterest(access_token_file=tmp_path / "token"))
    before = tokens.token_for(ACCOUNT)

    (tmp_path / "..data_tmp").symlink_to("second")
    (tmp_path / "..data_tmp").replace(tmp_path / "..data")

    assert (before, tokens.token_for(ACCOUNT)) == ("first", "second")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, "cannot be read: No such file or directory"),
        (b" \n", "is empty"),
        (b"\xff\xfe", "is not UTF-8 text"),
        (b"planted token", "holds more than a token"),
    ],
)
def test_a_file_that_holds_no_token_at_the_start_is_a_mistake(
    content: bytes | None, problem: str, tmp_path: Path
) -> None:
    file = tmp_path / "token"
    if content is not None:
        file.write_bytes(content)

    with pytest.raises(ConfigError, match=rf"pinterest\.access_token_file: the file it names {problem}") as refused:
        ConfiguredTokens(Pinterest(access_token_file=file))

    assert "planted" not in str(refused.value)


def test_a_directory_into_which_nothing_was_put_yet_is_none(tmp_path: Path) -> None:
    settings = Pinterest.model_validate({"oauth": {"directory": tmp_path}})

    assert ConfiguredTokens(settings).token_for(ACCOUNT) is None


def test_only_the_refusal_of_the_token_for_all_is_passed_on(places: Places) -> None:
    refused: list[str] = []
    tokens = places.tokens("tokens_dir", "oauth", on_refused=refused.append)

    for token in ("own", "oauth", "one before it"):
        tokens.refused(token)

    assert refused == ["oauth"]


def test_no_token_is_in_a_repr() -> None:
    settings = Pinterest.model_validate({"access_token": "planted", "oauth": {"app_id": "1", "app_secret": "planted"}})

    assert "planted" not in repr(ConfiguredTokens(settings)) + repr(settings) + str(settings)


@pytest.mark.parametrize("text", ["", "two words", "two\nlines", "tökén", "tab\there", "nul\0"])
def test_what_is_no_token_is_told_without_showing_it(text: str) -> None:
    problem = token_problem(text)

    assert problem is not None
    assert not re.search(r"tökén|nul", problem)


@pytest.mark.parametrize("text", ["pina_AEA-._~+/=", "x"])
def test_what_may_be_a_token_passes(text: str) -> None:
    assert token_problem(text) is None
