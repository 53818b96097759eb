"""`conversions token`: keeps OAuth's rotating tokens fresh, and has conversion tokens made."""

from __future__ import annotations

import re
import sys
import time
from pathlib import Path
from typing import Annotated, Any, assert_never

import orjson
import typer
from pydantic import SecretStr

from consumer.cli.access_token import access_token_of, token_in
from consumer.config import Config, OAuth
from consumer.config_sources import load_config
from consumer.errors import ConfigError
from consumer.logs import configure_logs
from consumer.pinterest.oauth import (
    ConversionToken,
    Denied,
    NotNow,
    Unanswered,
    request_conversion_token,
    token_requests,
)
from consumer.pinterest.secret_file import Replacement
from consumer.pinterest.token_refresh import (
    Failed,
    NotDue,
    Outcome,
    Refreshed,
    Wish,
    next_refresh_s,
    refresh,
    utc,
)
from consumer.pinterest.token_store import Grant, TokenDirectory

group = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

ConfigFile = Annotated[
    Path | None, typer.Option(help="YAML file; without it CONVERSIONS_CONFIG names one.", show_default=False)
]


@group.callback()
def tokens() -> None:
    """Keep the tokens that Pinterest is asked with: refresh those of OAuth, make conversion tokens.

    \b
    Examples:
      conversions token refresh --initial-refresh-token-file first.txt   the first time
      conversions token refresh                     from then on, by a timer: every day will do
      conversions token create --out conversion-token
    """


@group.command("refresh")
def refresh_command(
    *,
    config: ConfigFile = None,
    initial_refresh_token_file: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Holds a refresh token from an authorisation by hand, `-` for standard input. It is used once: the "
            "same one is passed over from then on, so the option may stay.",
            show_default=False,
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Refresh although half of the life is left.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the outcome as one JSON object.")] = False,
) -> None:
    """Get a new access token when less than half of the life of the present one is left, else do nothing.

    Needs pinterest.oauth.directory, app_id and app_secret of the configuration, and nothing else of it. In the
    directory the access token is put into `access_token`, where consumers read it at each request. The refresh token,
    which Pinterest replaces each time, is kept in `state.json`: let nothing else write there, and keep no older copy.

    Two runs at once do no harm: the second waits, and finds it done. A run that was killed, or whose answer was lost,
    is mended by the next one, which says so if it cannot.

    \b
    Examples:
      conversions token refresh --config prod.yaml
      conversions token refresh --initial-refresh-token-file /run/secrets/refresh-token
      vault read -field=refresh_token secret/pinterest | conversions token refresh --initial-refresh-token-file -

    Exit codes: 0 refreshed, or not due; 1 no new token, try again or do as it says; 2 bad usage or configuration.
    """
    settings = load_config(config, offline=True)
    directory = _directory(settings.pinterest.oauth)
    initial = None if initial_refresh_token_file is None else token_in(initial_refresh_token_file, _INITIAL)
    configure_logs("warning", settings.log.format)
    outcome = refresh(
        directory,
        token_requests(settings.pinterest, timeout_s=settings.delivery.request_timeout_s),
        Wish(is_forced=force, initial_refresh_token=initial),
        wall_s=time.time,
    )
    if as_json:
        print(orjson.dumps(_as_json(outcome, directory)).decode())
    elif not isinstance(outcome, Failed):
        print(_as_text(outcome, directory))
    if isinstance(outcome, Failed):
        print(f"conversions: no new token: {outcome.detail}", file=sys.stderr)
        if outcome.grant is not None:
            expires = utc(outcome.grant.access_token_expires_at)
            print(f"conversions: the present access token is good until {expires}", file=sys.stderr)
        raise typer.Exit(1)


@group.command("create")
def create_command(
    *,
    out: Annotated[Path, typer.Option(help="Where the conversion token is put, with mode 0600.")],
    config: ConfigFile = None,
    access_token_file: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Holds an OAuth access token with ads:write, `-` for standard input. Without it the one in "
            "pinterest.oauth.directory is taken.",
            show_default=False,
        ),
    ] = None,
    ad_account: Annotated[
        str | None,
        typer.Option(
            metavar="ID",
            help="Try the new token on this ad account, with one event of nobody's that is checked and not recorded.",
            show_default=False,
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the file if there is one.")] = False,
) -> None:
    """Have Pinterest make a conversion token: long-lived, and good for sending conversions alone.

    It works for every ad account on which the user behind the access token has a role. It is written to a file and
    never shown; give that file to pinterest.access_token_file, or put it into pinterest.tokens_dir under the ad
    account's id.

    \b
    Examples:
      conversions token create --out /run/secrets/pinterest/token
      conversions token create --out tokens/549755885175 --ad-account 549755885175
      conversions token create --out token --access-token-file oauth-token --force

    Exit codes: 0 written; 1 no token was made, or it does not work for that ad account; 2 bad usage or configuration.
    """
    settings = load_config(config, offline=True)
    access_token = access_token_of(settings.pinterest.oauth, access_token_file)
    if ad_account is not None and not _AD_ACCOUNT_ID.fullmatch(ad_account):
        raise ConfigError(["--ad-account: an ad account id is digits only, at most 18"])
    if out.exists() and not out.is_file():
        raise ConfigError([f"--out: {out} is no regular file; name one that is not there yet"])
    if out.exists() and not force:
        raise ConfigError([f"--out: {out} is there already; name another file, or replace it with --force"])
    configure_logs("warning", settings.log.format)
    timeout_s = settings.delivery.request_timeout_s
    try:
        with Replacement(out) as place:
            answer = request_conversion_token(settings.pinterest, access_token, timeout_s=timeout_s)
            if isinstance(answer, ConversionToken):
                place.commit(answer.token.encode())
    except OSError as error:
        raise ConfigError([f"--out: {out} cannot be written: {error.strerror or error}"]) from None
    match answer:
        case ConversionToken(token):
            print(f"wrote a conversion token to {out}")
            if ad_account is not None:
                _try(token, ad_account, settings)
        case Denied(detail):
            _give_up(f"{detail}; the access token must be good still, and have the scope ads:write")
        case NotNow(detail):
            _give_up(f"{detail}; try again later")
        case Unanswered(detail):
            _give_up(f"{detail}; one may have been made all the same, which does no harm: try again")
        case _:
            assert_never(answer)


def _try(token: str, ad_account: str, settings: Config) -> None:
    from consumer.cli.check_accounts import account_findings  # noqa: PLC0415 - only this needs the whole client
    from consumer.cli.findings import Grade, table  # noqa: PLC0415

    tokens = {"access_token": SecretStr(token), "access_token_file": None, "tokens_dir": None}
    config = settings.model_copy(update={"pinterest": settings.pinterest.model_copy(update=tokens)})
    findings = account_findings(config, [ad_account])
    print(table(findings))
    if any(finding.grade is Grade.FAIL for finding in findings):
        raise typer.Exit(1)


def _give_up(problem: str) -> None:
    print(f"conversions: no conversion token: {problem}", file=sys.stderr)
    raise typer.Exit(1)


# --- what is needed ----------------------------------------------------------------------------------------------

_AD_ACCOUNT_ID = re.compile(r"[0-9]{1,18}")  # API v5 description, parameter `path_ad_account_id`
_INITIAL = "--initial-refresh-token-file"


def _directory(oauth: OAuth) -> TokenDirectory:
    problems = []
    if oauth.directory is None:
        problems.append("pinterest.oauth.directory is needed: a directory on a volume, where the tokens are kept")
    if oauth.app_id is None:
        problems.append("pinterest.oauth.app_id is needed: it stands beside the app at developers.pinterest.com")
    if oauth.app_secret is None and oauth.app_secret_file is None:
        problems.append("pinterest.oauth.app_secret is needed, or app_secret_file")
    if problems or oauth.directory is None:
        raise ConfigError(problems)
    return TokenDirectory(oauth.directory)


# --- what is told ------------------------------------------------------------------------------------------------


def _as_text(outcome: Refreshed | NotDue, directory: TokenDirectory) -> str:
    done = "refreshed" if isinstance(outcome, Refreshed) else "nothing to do"
    grant = outcome.grant
    lines = [
        f"{done}: {directory.access_token_file} is good until {utc(grant.access_token_expires_at)}",
        f"next refresh from {utc(next_refresh_s(grant))} on"
        + (
            f"; the refresh token is good until {utc(grant.refresh_token_expires_at)}"
            if grant.refresh_token_expires_at is not None
            else ""
        ),
    ]
    if isinstance(outcome, Refreshed) and outcome.remark:
        lines.append(f"note: {outcome.remark}")
    return "\n".join(lines)


def _as_json(outcome: Outcome, directory: TokenDirectory) -> dict[str, Any]:
    about = {"access_token_file": str(directory.access_token_file), **_times(outcome.grant)}
    match outcome:
        case Refreshed(_, remark):
            return {"outcome": "refreshed", "remark": remark or None, **about}
        case NotDue():
            return {"outcome": "not_due", **about}
        case Failed(cause, detail):
            return {"outcome": "failed", "cause": cause, "detail": detail, **about}
        case _:
            assert_never(outcome)


def _times(grant: Grant | None) -> dict[str, int | None]:
    """Unix seconds, as in the state file."""
    return {
        "access_token_expires_at": None if grant is None else grant.access_token_expires_at,
        "refresh_token_expires_at": None if grant is None else grant.refresh_token_expires_at,
        "next_refresh_at": None if grant is None else next_refresh_s(grant),
    }
