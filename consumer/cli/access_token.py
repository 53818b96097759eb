"""The OAuth access token that commands ask Pinterest with, other than that for sending."""

from __future__ import annotations

import sys
from pathlib import Path

from consumer.config import OAuth
from consumer.errors import ConfigError
from consumer.pinterest.auth import token_problem
from consumer.pinterest.token_store import TokenDirectory

_OPTION = "--access-token-file"


def access_token_of(oauth: OAuth, file: str | None) -> str:
    """The token in the file that the option names, else the one that is kept fresh in the directory.

    Raises:
        ConfigError: There is none.
    """
    if file is not None:
        return token_in(file, _OPTION)
    if oauth.directory is None:
        problem = (
            f"{_OPTION} is needed, or pinterest.oauth.directory, in which it is looked for: an OAuth access token, as "
            "a conversion token is good for sending alone"
        )
        raise ConfigError([problem])
    return token_in(str(TokenDirectory(oauth.directory).access_token_file), "pinterest.oauth.directory")


def token_in(file: str, option: str) -> str:
    """The token that stands alone in a file, `-` for standard input.

    Raises:
        ConfigError: Naming the option, as the file holds none.
    """
    try:
        token = (sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()).decode("ascii", "replace").strip()
    except OSError as error:
        raise ConfigError([f"{option}: {file} cannot be read: {error.strerror}"]) from None
    if problem := token_problem(token):
        raise ConfigError([f"{option}: {'standard input' if file == '-' else file} {problem}"])
    return token
