"""One bounded HTTP request at a time, for whoever has few to make: tokens, scores, a consumer's pages.

Each runs on an event loop and a connection of its own and returns when it is over. What may go wrong is in the answer;
no exception of the HTTP library leaves this module, as its requests hold tokens.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import quote_plus

import httpx

from consumer.pinterest.answers import scrub
from consumer.pinterest.connections import HEADERS, Transport, deadline_s


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer, whatever its status. Redirections are not followed: they would take a token elsewhere."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    """By lower-case name."""
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class NotSent:
    """Nothing happened."""

    detail: str


@dataclass(frozen=True, slots=True)
class NoReply:
    """The request was sent, and may have been heeded; no whole answer came."""

    detail: str


Outcome = Reply | NotSent | NoReply


@dataclass(frozen=True, slots=True)
class Requests:
    """How requests are made: what verifies certificates, and the limits of each.

    Args:
        context: As of `connections.ssl_context`.
        timeout_s: Of a request as a whole.
        max_answer_bytes: A larger answer is not read to its end.
    """

    context: ssl.SSLContext
    timeout_s: float
    max_answer_bytes: int

    def get(self, url: str, headers: Mapping[str, str]) -> Outcome:
        """Ask for something."""
        return asyncio.run(self._send("GET", url, headers, None))

    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Outcome:
        """Have something done."""
        return asyncio.run(self._send("POST", url, headers, body))

    async def _send(
        self, method: Literal["GET", "POST"], url: str, headers: Mapping[str, str], body: bytes | None
    ) -> Outcome:
        deadline_s.set(time.monotonic() + self.timeout_s)
        content = bytearray()
        try:
            async with (
                httpx.AsyncClient(transport=Transport(self.context, 1), trust_env=False, headers=HEADERS) as client,
                client.stream(method, url, headers=headers, content=body, timeout=self.timeout_s) as response,
            ):
                async for chunk in response.aiter_raw():
                    content += chunk
                    if len(content) > self.max_answer_bytes:
                        return NoReply(f"the answer is larger than {self.max_answer_bytes} bytes")
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.WriteError, httpx.WriteTimeout) as error:
            return NotSent(f"not sent: {type(error).__name__}")
        except (httpx.TransportError, ssl.SSLError) as error:
            return NoReply(f"no answer: {type(error).__name__}")
        return Reply(response.status_code, dict(response.headers), bytes(content))


def error_text(status: int, error: object, secrets: Sequence[str]) -> str:
    """What an answer with an error says, by its decoded body, in which none of the `secrets` is shown.

    Source: Pinterest API v5 description, schema `Pinterest.Lib.Error`.
    """
    if not isinstance(error, dict):
        return f"HTTP {status}"
    code, message = error.get("code"), error.get("message")
    text = message if isinstance(message, str) else ""
    for secret in secrets:
        text = text.replace(secret, "<secret>").replace(quote_plus(secret), "<secret>")
    text = scrub(text)
    return f"HTTP {status}" + (f", code {code}" if type(code) is int else "") + (f": {text}" if text else "")
