"""What `conversions check` can tell from the configuration and this machine alone."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from consumer.by_topic import PATTERN_MARK
from consumer.cli.check_mappings import mapping_findings
from consumer.cli.findings import Finding, fail, ok, warn
from consumer.config import NOT_ADVERTISED, Config
from consumer.config_sources import ignored_names
from consumer.errors import ConfigError
from consumer.pinterest.auth import shared_token_file, token_problem
from consumer.pinterest.events import has_identity
from consumer.pinterest.token_store import ACCESS_TOKEN
from consumer.stages.decoder import Decoder


def settings_findings(config: Config, environ: Mapping[str, str]) -> list[Finding]:
    """Every check that needs no connection."""
    return [
        *(warn("environment", f"{name} is ignored; did you mean {meant}?") for name, meant in ignored_names(environ)),
        *_dedup(config),
        *_routing(config),
        *_tokens(config),
        *_files(config),
        *_topics(config),
        *_privacy(config),
        *_stopping(config),
        *_pinterest(config),
        *_kafka(config),
    ]


def accounts_of(config: Config) -> list[str]:
    """Every ad account that a record can be routed to."""
    routing = config.routing
    routed = {account for account in routing.table.values() if account != NOT_ADVERTISED} | set(routing.accounts)
    return sorted(routed | ({routing.default_ad_account_id} if routing.default_ad_account_id else set()))


def _dedup(config: Config) -> Iterator[Finding]:
    tag = config.dedup.browser_tag
    if tag is None:
        yield fail(
            "dedup",
            "dedup.browser_tag must be said before the first run: `present` if the Pinterest tag is on the site as "
            "well, else `absent` (CONVERSIONS_DEDUP__BROWSER_TAG)",
        )
    elif tag == "present":
        yield ok("dedup", "tag on the site: web events without an id shared with it are skipped, not counted twice")
    else:
        yield ok("dedup", "no tag on the site: nothing but this consumer reports conversions")


def _routing(config: Config) -> Iterator[Finding]:
    accounts, merchants = accounts_of(config), len(config.routing.table)
    if not accounts:
        yield fail(
            "routing",
            "no record could find an ad account: set routing.default_ad_account_id, or routing.table, or "
            "routing.accounts for records that name theirs",
        )
        return
    yield ok("routing", f"{_count(merchants, 'merchant')} in the table, {_count(len(accounts), 'ad account')} in all")
    for account in sorted(config.ad_accounts.keys() - set(accounts)):
        # Its mode and cut-over window would hold for nothing, and the account that was meant be sent as it always was.
        yield warn("routing", f"ad_accounts.{account}: no record can be routed to it; is its id right?")


def _tokens(config: Config) -> Iterator[Finding]:
    given, directory = config.pinterest.access_token, config.pinterest.tokens_dir
    file = shared_token_file(config.pinterest)
    has_shared = given is not None or file is not None
    if not has_shared and directory is None:
        yield fail("tokens", "no token: set pinterest.access_token (or its file), or pinterest.tokens_dir")
        return
    wrong = []
    if given is not None and (problem := token_problem(given.get_secret_value().strip())):
        wrong.append(fail("tokens", f"pinterest.access_token {problem}"))
    if file is not None and (problem := _token_file_problem(file)):
        wrong.append(fail("tokens", problem))
    if directory is not None:
        for account in accounts_of(config):
            problem = _token_file_problem(directory / account)
            if problem and not has_shared:
                wrong.append(fail("tokens", problem))
            elif problem:
                wrong.append(warn("tokens", f"{problem}; the token for all accounts is used instead"))
    yield from wrong or [ok("tokens", "one for every account" if directory is None else "a file for every account")]


def _token_file_problem(path: Path) -> str | None:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        if path.name == ACCESS_TOKEN:
            return f"{path} is missing: `conversions token refresh` puts the access token there"
        return f"{path} is missing: put the token there"
    except PermissionError:
        hint = "in Kubernetes set securityContext.fsGroup, or the secret's defaultMode to 0440"
        return f"{path} may not be read by user {os.getuid()}; {hint}"
    except (OSError, UnicodeDecodeError) as error:
        return f"{path} cannot be read ({type(error).__name__})"
    problem = token_problem(text.strip())
    return None if problem is None else f"{path} {problem}"


def _files(config: Config) -> Iterator[Finding]:
    named = {
        "kafka.ssl_ca_file": config.kafka.ssl_ca_file,
        "schema_registry.ssl_ca_file": config.schema_registry.ssl_ca_file,
        "schema_registry.ssl_certificate_file": config.schema_registry.ssl_certificate_file,
        "schema_registry.ssl_key_file": config.schema_registry.ssl_key_file,
        "pinterest.ssl_ca_file": config.pinterest.ssl_ca_file,
    }
    for key, path in named.items():
        if path is not None and not (path.is_file() and os.access(path, os.R_OK)):
            yield fail("certificates", f"{key}: {path} is missing or may not be read")
        elif path is not None:
            yield ok("certificates", f"{key} can be read")


def _topics(config: Config) -> Iterator[Finding]:
    try:
        Decoder(config.topics)
        found = list(mapping_findings(config))
    except ConfigError as error:
        yield from (fail("topics", problem) for problem in error.problems)
        return
    chosen = (f"{name} by {', '.join(topic.mappings) or 'no mapping'}" for name, topic in config.topics.items())
    yield ok("topics", "; ".join(chosen))
    yield from found


def _privacy(config: Config) -> Iterator[Finding]:
    if not has_identity(dict.fromkeys(config.privacy.fields, True)):
        yield fail(
            "privacy",
            "privacy.fields lets nothing through by which Pinterest could know a person, so every event would be "
            "skipped as no_identity: add em, or hashed_maids, or both client_ip_address and client_user_agent",
        )


def _stopping(config: Config) -> Iterator[Finding]:
    request_s, drain_s = config.delivery.request_timeout_s, config.shutdown.drain_s
    yield ok(
        "stopping",
        f"a request ends within {request_s:g} s, the drain within {drain_s:g} s; "
        f"let terminationGracePeriodSeconds be {drain_s + 10:g} or more",
    )


def _pinterest(config: Config) -> Iterator[Finding]:
    url = urlsplit(config.pinterest.base_url)
    if url.scheme != "https" and url.hostname not in {"127.0.0.1", "localhost", "::1"}:
        yield warn("pinterest", "pinterest.base_url is not https: tokens and addresses travel in clear")
    if config.pinterest.test:
        yield warn("pinterest", f"a rehearsal (pinterest.test): nothing is recorded; the group is {config.group_id}")


def _kafka(config: Config) -> Iterator[Finding]:
    verification = config.kafka.properties.get("enable.ssl.certificate.verification", "true")
    if str(verification).lower() == "false":
        yield warn("kafka", "enable.ssl.certificate.verification is off: anybody in between can read and answer")
    if config.kafka.start_at == "latest" and any(name.startswith(PATTERN_MARK) for name in config.topics):
        yield warn("kafka", "with start_at `latest`, of a topic that comes later the first minutes are not read")
    if config.kafka.instance_id is None and config.kafka.assignment_strategy != "cooperative-sticky":
        yield warn("kafka", "every rebalance stops every replica; cooperative-sticky would move only what must move")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
