"""The emulator as a whole: its port, its paths, and the pages by which faults are ordered and counts are read."""

from __future__ import annotations

from collections import Counter
from types import TracebackType
from typing import Self

import orjson

from consumer.emulator import answers
from consumer.emulator.answer_log import AnswerLog
from consumer.emulator.answers import Answer
from consumer.emulator.description import JsonObject
from consumer.emulator.endpoint import EventsEndpoint
from consumer.emulator.faults import FaultBoard, FaultError, parse_faults
from consumer.emulator.oauth import OAuth
from consumer.emulator.quality import QualityEndpoint
from consumer.emulator.record import Record
from consumer.emulator.settings import Settings
from consumer.emulator.tokens import Tokens
from consumer.emulator.wire import HttpServer, Request

NO_ANSWER = "no_answer"


class Emulator:
    """`async with Emulator(settings) as emulator:` serves `emulator.base_url` until the block ends.

    Raises:
        OSError: On entering: the port or the record file cannot be had.
        ValueError: On entering: the record file is not one.
    """

    def __init__(self, settings: Settings | None = None) -> None:
        self._settings = settings or Settings()
        self._server = HttpServer(self._answer, self._settings.sleep)
        self._record = Record(self._settings.record)
        self._answer_log = AnswerLog(self._settings.answers)
        self._faults = FaultBoard(self._settings.faults)
        tokens = Tokens(self._settings.tokens)
        self._oauth = OAuth(
            tokens,
            app=self._settings.oauth_app,
            refresh_token=self._settings.refresh_token,
            access_token_expires_s=self._settings.access_token_expires_s,
            wall_s=self._settings.wall_s,
        )
        self._quality = QualityEndpoint(tokens, forbidden=self._settings.forbidden, wall_s=self._settings.wall_s)
        self._events = EventsEndpoint(
            self._settings, self._record, self._answer_log, self._faults, tokens, self._quality
        )
        self._requests: Counter[str] = Counter()
        self.base_url = ""
        """Up to and with `/v5`; known once it serves."""

    async def __aenter__(self) -> Self:
        try:
            self._record.open()
            self._answer_log.open()
            port = await self._server.start(self._settings.host, self._settings.port)
        except (OSError, ValueError):
            self._close_files()
            raise
        self.base_url = f"http://{self._settings.host}:{port}/v5"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._server.close()
        self._close_files()

    def _close_files(self) -> None:
        self._record.close()
        self._answer_log.close()

    def set_faults(self, faults: list[JsonObject]) -> None:
        """Replace all faults, each worded as in README.md.

        Raises:
            FaultError: Nothing was changed.
        """
        self._faults.replace(parse_faults(faults))

    def stats(self) -> JsonObject:
        """What `GET /_emulator/stats` answers: calls of the API by status, accepted events by ad account."""
        return {
            "requests": dict(self._requests),
            "accepted": dict(self._events.accepted),
            "accepted_in_test": dict(self._events.accepted_in_test),
            "in_flight": self._events.in_flight,
            "max_in_flight": self._events.max_in_flight,
        }

    async def _answer(self, request: Request) -> Answer | None:
        path, _, query = request.target.partition("?")
        match path:
            case "/healthz":
                return answers.as_json({"status": "ok"})
            case "/_emulator/stats":
                return answers.as_json(self.stats()) if request.method == "GET" else _not_allowed("GET")
            case "/_emulator/faults":
                return self._faults_page(request)
        answer = await self._api(request, path, query)
        self._requests[NO_ANSWER if answer is None else str(answer.status)] += 1
        return answer

    async def _api(self, request: Request, path: str, query: str) -> Answer | None:
        authorization = request.headers.get("authorization", "")
        content_type = request.headers.get("content-type", "")
        match path.split("/"):
            case ["", "v5", "ad_accounts", account, "events"] if account:
                if request.method != "POST":
                    return _not_allowed("POST")
                return await self._events.post(
                    account, query=query, authorization=authorization, content_type=content_type, body=request.body
                )
            case ["", "v5", "ad_accounts", account, "conversion_eqs"] if account:
                if request.method != "GET":
                    return _not_allowed("GET")
                return self._quality.get(account, query=query, authorization=authorization)
            case ["", "v5", "oauth", "token" | "conversion_token" as kind]:
                if request.method != "POST":
                    return _not_allowed("POST")
                if kind == "conversion_token":
                    return self._oauth.conversion_token(authorization=authorization)
                return self._oauth.refresh(authorization=authorization, content_type=content_type, body=request.body)
        return answers.error(404, "There is nothing at this path.")

    def _faults_page(self, request: Request) -> Answer:
        if request.method in ("PUT", "POST"):
            try:
                faults = parse_faults(orjson.loads(request.body))
            except orjson.JSONDecodeError:
                return answers.as_json({"problems": ["the body is not valid JSON"]}, 400)
            except FaultError as error:
                return answers.as_json({"problems": error.problems}, 400)
            if request.method == "PUT":
                self._faults.replace(faults)
            else:
                self._faults.extend(faults)
        elif request.method == "DELETE":
            self._faults.replace([])
        elif request.method != "GET":
            return _not_allowed("GET, PUT, POST, DELETE")
        return answers.as_json(self._faults.listed())


def _not_allowed(methods: str) -> Answer:
    return answers.error(405, f"Only {methods} here.", headers=(("allow", methods),))
