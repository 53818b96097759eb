"""Valid requests for the emulator, and an emulator on a real port to send them to."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

import httpx

from consumer.emulator import Emulator, Settings

NOW_S = 1_750_000_000
ACCOUNT = "549000000001"
DAY_S = 86_400

Json = dict[str, Any]
Result = TypeVar("Result")


def hashed(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def event_of(order_id: str = "A-1", **changes: Any) -> Json:
    """A checkout that the API would process; a change to None leaves the key out."""
    event = {
        "event_name": "checkout",
        "action_source": "web",
        "event_time": NOW_S - 60,
        "event_id": f"merchant-1:{order_id}:checkout",
        "user_data": {"em": [hashed("ada@example.com")]},
        "custom_data": {"value": "72.39", "currency": "EUR", "order_id": order_id},
        **changes,
    }
    return {key: value for key, value in event.items() if value is not None}


class ManualTime:
    """A wall clock that stands still until told; sleeping takes no time and is written down."""

    def __init__(self) -> None:
        self.now_s = float(NOW_S)
        self.slept: list[float] = []

    def wall_s(self) -> float:
        return self.now_s

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await asyncio.sleep(0)


class Rig:
    """An emulator that serves while `run` runs, its clock, its record and a client."""

    def __init__(self, runner: asyncio.Runner, record: Path, changes: Json) -> None:
        self.time = ManualTime()
        self.record = record
        self._runner = runner
        self._client = httpx.AsyncClient()
        settings: Json = {"record": record, "wall_s": self.time.wall_s, "sleep": self.time.sleep, **changes}
        self.emulator = Emulator(Settings(**settings))
        self.run(self.emulator.__aenter__())

    def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        return self._runner.run(work)

    def close(self) -> None:
        self.run(self._client.aclose())
        self.run(self.emulator.__aexit__(None, None, None))

    def events_url(self, account: str = ACCOUNT, query: str = "") -> str:
        return f"{self.emulator.base_url}/ad_accounts/{account}/events{query}"

    def post(self, *events: Json, account: str = ACCOUNT, query: str = "") -> httpx.Response:
        return self.post_body(json.dumps({"data": events}).encode(), account=account, query=query)

    def post_body(
        self,
        body: bytes,
        *,
        account: str = ACCOUNT,
        query: str = "",
        authorization: str | None = "Bearer secret",
        content_type: str | None = "application/json",
    ) -> httpx.Response:
        headers = {"Content-Type": content_type} if content_type is not None else {}
        if authorization is not None:
            headers["Authorization"] = authorization
        return self.run(self._client.post(self.events_url(account, query), content=body, headers=headers))

    def call(self, method: str, path: str, **request: Any) -> httpx.Response:
        """One call of the API, below `/v5`."""
        return self.run(self._client.request(method, self.emulator.base_url + path, **request))

    def page(self, method: str, path: str, body: Any = None) -> httpx.Response:
        url = self.emulator.base_url.removesuffix("/v5") + path
        return self.run(self._client.request(method, url, content=None if body is None else json.dumps(body)))

    def recorded(self) -> list[Json]:
        return [json.loads(line) for line in self.record.read_text().splitlines()]

    def recorded_orders(self) -> list[str]:
        return [line["event"]["custom_data"]["order_id"] for line in self.recorded()]
