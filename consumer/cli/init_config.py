"""The text of a configuration that `conversions init` drafts: the keys that its questions decide, and no secret."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from consumer.cli.init_answers import Answers, OneAccount
from consumer.cli.init_mapping import scalar
from consumer.config import NOT_ADVERTISED

_TAG = {
    "present": "the Pinterest tag is on the site as well: web events without an id shared with it are skipped",
    "absent": "nothing but this consumer reports conversions",
}


def drafted_configuration(answers: Answers, topic: str, mapping: str) -> str:
    """YAML, as people write it.

    Args:
        answers: To the questions.
        topic: Where the records are.
        mapping: The mapping's file, from the directory that the program will run in.
    """
    return "\n".join(_lines(answers, topic, mapping)) + "\n"


def _lines(answers: Answers, topic: str, mapping: str) -> Iterator[str]:
    yield "# Drafted by `conversions init`. All keys with their defaults: docs/configuration.md."
    yield "# No secret belongs in this file: CONVERSIONS_PINTEREST__ACCESS_TOKEN says the token for Pinterest, or"
    yield "# CONVERSIONS_PINTEREST__ACCESS_TOKEN_FILE names a file with it."
    yield "kafka:"
    yield "  bootstrap_servers: localhost:9092 # put yours here; security_protocol and sasl_mechanism say how to log in"
    yield ""
    yield "schema_registry:"
    yield "  url: http://localhost:8081 # put yours here"
    yield ""
    yield "topics:"
    yield f"  {scalar(topic)}: {{mapping: {scalar(mapping)}}} # from the directory that the program runs in"
    yield ""
    yield "dedup:"
    yield f"  browser_tag: {answers.browser_tag} # {_TAG[answers.browser_tag]}"
    yield ""
    yield "events:"
    yield f"  value_basis: {answers.value_basis} # {_taxed(answers.value_basis)} tax; must agree with the tag"
    if answers.integer_amounts is not None:
        yield f"  integer_amounts: {answers.integer_amounts} # what whole numbers count, where the mapping does not say"
    yield ""
    yield "routing:"
    yield from _routing(answers)
    if answers.cut_over is not None:
        yield from ("", *_cut_over(_accounts(answers), answers.cut_over))


def _taxed(basis: str) -> str:
    return "without" if basis == "net" else "with"


def _routing(answers: Answers) -> Iterator[str]:
    if isinstance(answers.accounts, OneAccount):
        yield f"  default_ad_account_id: {scalar(answers.accounts.ad_account_id)}"
        return
    yield "  table: # merchants that are not here: dead letters, or with `unknown_merchant: skip` skipped"
    for merchant, account in answers.accounts.accounts.items():
        yield f"    {scalar(merchant)}: {scalar(account)}"


def _accounts(answers: Answers) -> list[str]:
    if isinstance(answers.accounts, OneAccount):
        return [answers.accounts.ad_account_id]
    return sorted(set(answers.accounts.accounts.values()) - {NOT_ADVERTISED})


def _cut_over(accounts: list[str], at: datetime) -> Iterator[str]:
    yield "# Until then another integration reports; what happened before is left to it:"
    yield "ad_accounts:"
    yield from (f"  {scalar(account)}: {{active_from: {at.isoformat()}}}" for account in accounts)
