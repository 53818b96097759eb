"""What `conversions init` must be told, as no schema says it: six questions, each answered by a flag or by a person."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

import typer

from consumer.cli.init_answers import CHECKOUT, AccountTable, Answers, Consent, Counting, NotRequired, OneAccount
from consumer.cli.init_reading import Refused, accounts, in_words, nearest, one_of, time_or_no, words
from consumer.cli.init_targets import amounts, chosen
from consumer.config import NOT_ADVERTISED
from consumer.errors import ConfigError
from consumer.mapping.known_names import NEWSLETTER, STATE
from consumer.mapping.paths import Path, parse_path
from consumer.mapping.recognition import Candidate, Recognised, shape_at
from consumer.mapping.shapes import Kind, Shape
from consumer.pinterest.events import EVENT_NAMES

NOT_REQUIRED = "not_required"
_ALWAYS = "always"
_WORDS = frozenset({Kind.TEXT, Kind.FLAG, Kind.INTEGER, Kind.UUID})


@dataclass(frozen=True, slots=True)
class Given:
    """What the command line said, as it was typed; None is not said."""

    tag: str | None
    event: str | None
    counts_when: str | None
    value_basis: str | None
    tax_included: str | None
    integer_amounts: str | None
    consent: str | None
    granted: str | None
    denied: str | None
    consent_basis: str | None
    accounts: tuple[str, ...]
    merchant_field: str | None
    cut_over: str | None


def answers_to(given: Given, found: Recognised, top: Shape, *, is_asking: bool) -> Answers:
    """Ask what was not said.

    Args:
        given: What the command line said.
        found: What was recognised in the records; it decides what needs to be asked, and is suggested.
        top: The whole of a record.
        is_asking: Is there somebody to ask? Else what is not said takes its default.

    Raises:
        ConfigError: Every flag that makes no sense, or that is missing and has no safe default.
    """
    return _Interview(given, found, top, is_asking=is_asking).answers()


_Answer = TypeVar("_Answer")
Places = Mapping[str, tuple[Candidate, ...]]


class _Interview:
    def __init__(self, given: Given, found: Recognised, top: Shape, *, is_asking: bool) -> None:
        self._given, self._found, self._top, self._is_asking = given, found, top, is_asking
        self._problems: list[str] = []

    def answers(self) -> Answers:
        tag = self._ask("--tag", self._given.tag, _TAG, one_of("present", "absent"))
        event = self._ask("--event", self._given.event, _EVENT, one_of(*sorted(EVENT_NAMES)), default=self._event)
        counting = self._counting()
        basis = self._ask("--value-basis", self._given.value_basis, _VALUE_BASIS, one_of("net", "gross"), default="net")
        tax_included = integers = None
        if event is not None:  # else nobody can say what the next two rest on
            places = chosen(event, self._found)
            tax_included, integers = self._tax_included(places), self._integer_amounts(places)
        consent = self._consent()
        routed = self._accounts()
        cut_over = self._ask("--cut-over", self._given.cut_over, _CUT_OVER, time_or_no)
        if self._problems or tag is None or event is None or basis is None or consent is None or routed is None:
            raise ConfigError(self._problems)
        until = cut_over if isinstance(cut_over, datetime) else None
        is_nobodys = isinstance(routed, AccountTable) and set(routed.accounts.values()) == {NOT_ADVERTISED}
        if until is not None and is_nobodys:
            raise ConfigError(["--cut-over: is of an ad account, and every merchant is `none`; say `no`"])
        return Answers(tag, event, counting, basis, tax_included, integers, consent, routed, until)

    @property
    def _event(self) -> str | None:
        """What the records look like: nothing but an order has a number and a currency."""
        looks_like_order = {"custom_data.order_id", "custom_data.currency"} <= self._found.targets.keys()
        return CHECKOUT if looks_like_order else None

    def _counting(self) -> Counting | None:
        fields = self._found.hints.get(STATE, ())
        if not fields and self._given.counts_when is None:
            return None
        said = self._ask("--counts-when", self._given.counts_when, _COUNTS_WHEN + _seen(fields), self._counted)
        return said if isinstance(said, Counting) else None

    def _counted(self, text: str) -> Counting | str:
        if text == _ALWAYS:
            return text
        path, _, counting = text.rpartition("=")
        if not path:
            raise Refused("must be FIELD=WORD, FIELD=WORD,WORD or always")
        where = self._path_of_words(path)
        return Counting(where, self._words_of(where)(counting))

    def _tax_included(self, places: Places) -> str | None:
        is_summed = any(key.startswith("totals.") for key in places)
        if not is_summed or "totals.tax_included" in places or not {"totals.tax", "lines.tax"} & places.keys():
            if self._given.tax_included is not None:
                self._problems.append("--tax-included: nothing rests on it, or a field says it; leave it out")
            return None
        said = self._ask("--tax-included", self._given.tax_included, _TAX_INCLUDED, one_of("yes", "no"))
        return {"yes": "true", "no": "false"}.get(said or "")

    def _integer_amounts(self, places: Places) -> str | None:
        doubtful = [amount for amount in amounts(places) if amount.needs_unit]
        if not doubtful and self._given.integer_amounts is None:
            return None
        question = _INTEGERS + _seen(doubtful)
        return self._ask("--integer-amounts", self._given.integer_amounts, question, one_of("minor", "major"))

    # --- consent -------------------------------------------------------------------------------------------

    def _consent(self) -> Consent | NotRequired | None:
        fields = self._found.targets.get("consent.advertising", ())
        newsletters = self._found.hints.get(NEWSLETTER, ())
        question = _CONSENT + _seen(fields) + (_NEWSLETTER + _seen(newsletters) if newsletters else "")
        said = self._ask("--consent", self._given.consent, question, self._consenting)
        if said is None:
            return None
        if said == NOT_REQUIRED:
            basis = self._ask("--consent-basis", self._given.consent_basis, _BASIS, in_words)
            return None if basis is None else NotRequired(basis)
        path = said if isinstance(said, Path) else Path(())
        # Of a name that is not known, as `opted_out`, `true` may mean no.
        is_plain = any(field.path == path and Kind.FLAG in field.shape.kinds for field in fields)
        yes, no = ("true", "false") if is_plain else (None, None)
        granted = self._ask("--granted", self._given.granted, _GRANTED.format(path), self._words_of(path), default=yes)
        denied = self._ask("--denied", self._given.denied, _DENIED.format(path), self._words_of(path), default=no)
        if granted is None or denied is None:
            return None
        if both := sorted(set(granted) & set(denied)):
            self._problems.append(f"--granted and --denied both have {', '.join(both)}; keep it in one")
        return Consent(path, granted, denied)

    def _consenting(self, text: str) -> Path | str:
        return text if text == NOT_REQUIRED else self._path_of_words(text)

    # --- accounts ------------------------------------------------------------------------------------------

    def _accounts(self) -> OneAccount | AccountTable | None:
        given = ",".join(self._given.accounts) or None
        said = self._ask("--account", given, _ACCOUNT, accounts)
        if said is None or isinstance(said, OneAccount):
            return said
        fields = self._found.targets.get("routing.merchant_id", ())
        default = str(fields[0].path) if fields else None
        merchant = self._ask(
            "--merchant-field", self._given.merchant_field, _MERCHANT, self._path_of_words, default=default
        )
        return None if merchant is None else AccountTable(merchant, said)

    # --- asking --------------------------------------------------------------------------------------------

    def _ask(
        self,
        flag: str,
        given: str | None,
        question: str,
        read: Callable[[str], _Answer],
        *,
        default: str | None = None,
    ) -> _Answer | None:
        """The answer of the flag, of a person, or by default; None and a problem more if there is none."""
        if given is None and not self._is_asking:
            given = default
            if given is None:
                self._problems.append(f"{flag}: must be said, as there is no safe default. {question}")
                return None
        while True:
            text = self._typed(question, default) if given is None else given
            try:
                return read(text.strip())
            except Refused as refused:
                if given is not None:
                    self._problems.append(f"{flag}: {refused}")
                    return None
                typer.echo(f"  {refused}", err=True)

    @staticmethod
    def _typed(question: str, default: str | None) -> str:
        typed: str = typer.prompt(f"\n{question}\n", default=default, prompt_suffix="> ", err=True)
        return typed

    def _words_of(self, path: Path) -> Callable[[str], tuple[str, ...]]:
        """Reads words that this field may have: any, unless its type lists them."""
        shape = shape_at(path, self._top, self._found.shape)
        known = () if shape is None else ("true", "false") if Kind.FLAG in shape.kinds else shape.symbols

        def read(text: str) -> tuple[str, ...]:
            found = words(text)
            for word in found:
                if known and word not in known:
                    raise Refused(f"the field has no such word; {nearest(word, known)}")
            return found

        return read

    def _path_of_words(self, text: str) -> Path:
        """The path of a field with text, or yes and no."""
        path = parse_path(text)
        if isinstance(path, str):
            raise Refused(path)
        shape = shape_at(path, self._top, self._found.shape)
        if shape is None:
            raise Refused(f"the schema has no such field; {nearest(text, self._found.shape.names)}")
        if not shape.kinds & _WORDS:
            raise Refused("holds neither text nor yes and no; name a field of words, and write others into the mapping")
        return path


def _seen(candidates: Iterable[Candidate]) -> str:
    """What was recognised, to choose from."""
    paths = [str(candidate.path) for candidate in candidates]
    return f" Seen: {', '.join(paths)}." if paths else ""


_TAG = (
    "1 Is the Pinterest tag on the site as well? present: events need an id shared with it, else they count twice. "
    "absent: nothing else reports."
)
_EVENT = "2 Which event is a record? checkout, page_visit, view_content, search, add_to_cart, lead, signup..."
_COUNTS_WHEN = "2 Which records count? FIELD=WORD, such as status=PAID; several words with commas; or always."
_VALUE_BASIS = "3 Is the value to be told without tax (net) or with it (gross)? It must agree with the tag."
_TAX_INCLUDED = "3 Do the amounts of the records include tax? yes or no."
_INTEGERS = "3 What do whole numbers in amounts count? minor: 1999 is 19.99 EUR. major: 1999 is 1999.00 EUR."
_CONSENT = (
    "4 Which field holds the consent to advertising? A path, or not_required if the law asks for none (you will be "
    "asked for the basis)."
)
_NEWSLETTER = " Agreement to a newsletter is not consent to advertising:"
_BASIS = "4 Why does nobody need to be asked? In words, for an auditor."
_GRANTED = "4 Which words of {} mean granted? With commas."
_DENIED = "4 Which words of {} mean denied? With commas."
_ACCOUNT = (
    "5 Which ad account? Its number; or MERCHANT=NUMBER for each merchant, with commas (none: does not advertise)."
)
_MERCHANT = "5 Which field says whose record it is?"
_CUT_OVER = (
    "6 Does another integration (a shop's app, another vendor) report these conversions until some time? That time, "
    "as in 2026-11-01T00:00:00Z, or no."
)
