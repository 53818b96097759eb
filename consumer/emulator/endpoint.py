"""The events endpoint: permissions, limits and verdicts of one call, bent by the faults in force."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, replace
from typing import assert_never
from urllib.parse import parse_qs

from consumer.emulator import answers
from consumer.emulator.answer_log import AnswerLog
from consumer.emulator.answers import Answer, Drip
from consumer.emulator.description import AD_ACCOUNT_ID, NEWER, PUBLISHED, JsonObject
from consumer.emulator.faults import Before, Disconnect, FaultBoard, Garbage, Oversized, Status
from consumer.emulator.ignored import event_warning
from consumer.emulator.quality import QualityEndpoint
from consumer.emulator.record import Record
from consumer.emulator.rules import Refused, event_error, read_events
from consumer.emulator.settings import Settings
from consumer.emulator.throttle import Throttle
from consumer.emulator.tokens import Need, Tokens


@dataclass(frozen=True, slots=True)
class Call:
    """One physical request to the endpoint, read but not judged."""

    ad_account_id: str
    number: int
    received_at: float
    authorization: str
    test: str
    """The query parameter as sent, in lower case; `false` without it."""
    events: list[JsonObject]
    """Empty if the request is refused."""
    refused: Refused | None

    @property
    def is_test(self) -> bool:
        return self.test == "true"


@dataclass(frozen=True, slots=True)
class Decision:
    """What one call comes to; no answer hangs up."""

    answer: Answer | None
    accepted: int = 0
    is_true: bool = True
    """False if a fault took the answer's place, or its time."""


class EventsEndpoint:
    """`POST /v5/ad_accounts/{ad_account_id}/events`."""

    def __init__(
        self,
        settings: Settings,
        record: Record,
        answer_log: AnswerLog,
        faults: FaultBoard,
        tokens: Tokens,
        quality: QualityEndpoint,
    ) -> None:
        self._settings = settings
        self._record = record
        self._answer_log = answer_log
        self._faults = faults
        self._tokens = tokens
        self._quality = quality
        self._chance = random.Random(settings.seed)
        self._edition = NEWER if settings.newer else PUBLISHED
        self._throttle = Throttle(settings.calls_per_minute, window_s=60)
        self._test_throttle = Throttle(settings.test_calls_per_s, window_s=1)
        self.accepted: Counter[str] = Counter()
        """Events recorded so far by ad account, without those of test requests."""
        self.accepted_in_test: Counter[str] = Counter()
        self.in_flight = 0
        self.max_in_flight = 0

    async def post(
        self, ad_account_id: str, *, query: str, authorization: str, content_type: str, body: bytes | bytearray
    ) -> Answer | None:
        """Answer one call after its latency; None hangs up. What is accepted has been recorded by then."""
        found = read_events(body, content_type, self._edition)
        call = Call(
            ad_account_id=ad_account_id,
            number=self._record.next_request(),
            received_at=round(self._settings.wall_s(), 3),
            authorization=authorization,
            test=parse_qs(query, keep_blank_values=True).get("test", ["false"])[-1].lower(),
            events=found if isinstance(found, list) else [],
            refused=found if isinstance(found, Refused) else None,
        )
        self.in_flight += 1
        self.max_in_flight = max(self.max_in_flight, self.in_flight)
        try:
            latency_s = self._chance.uniform(*self._settings.latency_ms) / 1_000
            latency_s += self._faults.delay_s(call.ad_account_id, call.events)
            await self._pause(latency_s / 2)
            decision = self._decide(call)
            await self._pause(latency_s / 2)
        finally:
            self.in_flight -= 1
        answer = decision.answer
        self._answer_log.write(
            call.number,
            received_at=call.received_at,
            answered_at=round(self._settings.wall_s(), 3),
            status=None if answer is None else answer.status,
            accepted=decision.accepted,
            is_true=decision.is_true,
        )
        return answer

    async def _pause(self, seconds: float) -> None:
        if seconds > 0:
            await self._settings.sleep(seconds)

    def _decide(self, call: Call) -> Decision:
        """What the API would say, unless a fault has its place; what is accepted is recorded here."""
        refusal = self._refusal(call)
        fault = self._faults.answering(call.ad_account_id, call.events, is_refused=refusal is not None)
        if isinstance(fault, Before):
            return Decision(_spoilt(fault.outcome, len(call.events)), is_true=False)
        if refusal is not None:
            return Decision(refusal)
        errors, status_if_any = self._errors(call)
        judged = list(zip(call.events, errors, strict=True))
        good = [event for event, error in judged if not error]
        self._accept(call, good)
        warnings = ["" if error else event_warning(event) for event, error in judged]
        answer = answers.verdicts(errors, warnings, status_if_any=status_if_any)
        if fault is None:
            return Decision(answer, accepted=len(good))
        match fault.outcome:
            case Drip() as drip:
                spoilt: Answer | None = replace(answer, drip=drip)
            case Oversized(mib):
                spoilt = replace(answer, blanks=mib * 1024 * 1024)
            case outcome:
                spoilt = _spoilt(outcome, len(call.events))
        return Decision(spoilt, accepted=len(good), is_true=False)

    def _refusal(self, call: Call) -> Answer | None:
        """What refuses the call as a whole; None lets its events be judged."""
        if unauthorised := self._tokens.refusal(call.authorization, Need.EVENTS, self._settings.wall_s()):
            return unauthorised
        if AD_ACCOUNT_ID.fullmatch(call.ad_account_id) is None:
            return answers.no_account_id()
        if call.ad_account_id in self._settings.forbidden:
            return answers.error(403)
        if wait_s := self._wait_s(call):
            # Seconds left, both: https://github.com/airbytehq/airbyte/pull/16161 shows the second on v5.
            return answers.error(429, headers=(("retry-after", str(wait_s)), ("x-ratelimit-reset", str(wait_s))))
        if call.test not in ("true", "false"):
            return answers.invalid_request("'test' is not of type 'boolean'")
        if call.refused is not None:
            return answers.invalid_request(call.refused.breach)
        return None

    def _wait_s(self, call: Call) -> int:
        """Count the call; how long it would have to wait for its turn."""
        now_s = self._settings.wall_s()
        wait_s = self._throttle.wait_s(call.ad_account_id, now_s)
        return max(wait_s, self._test_throttle.wait_s(call.authorization, now_s) if call.is_test else 0)

    def _errors(self, call: Call) -> tuple[list[str], int]:
        """Why each event fails, "" for those that do not; and the status of an answer with failed ones."""
        now_s = int(self._settings.wall_s())
        ordered, status = self._faults.rejections(call.ad_account_id, call.events)
        errors = [
            message or event_error(event, now_s, self._edition)
            for message, event in zip(ordered, call.events, strict=True)
        ]
        return errors, status

    def _accept(self, call: Call, events: list[JsonObject]) -> None:
        self._record.write(call.ad_account_id, call.number, call.received_at, events, is_test=call.is_test)
        counter = self.accepted_in_test if call.is_test else self.accepted
        counter[call.ad_account_id] += len(events)
        if events and not call.is_test:
            self._quality.count(call.ad_account_id, events)


def _spoilt(outcome: Status | Disconnect | Garbage, events: int) -> Answer | None:
    match outcome:
        case Status(html=True) as page:
            return answers.error_page(page.status, headers=page.headers)
        case Status(status, code, message, headers):
            return answers.error(status, message, code=code, headers=headers)
        case Disconnect():
            return None
        case Garbage(status, too_few_events):
            return answers.one_short(events, status) if too_few_events else answers.unreadable(events, status)
        case _:
            assert_never(outcome)
