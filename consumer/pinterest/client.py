"""Sends one request to the Conversions API and reads its answer. No retries: whoever calls decides on those.

Only a refused token that was replaced meanwhile is a reason to ask once more at once. Runs on the asyncio loop.
"""

from __future__ import annotations

import ssl
import time
from collections import Counter
from collections.abc import Sequence

import httpx

from consumer.config import Pinterest
from consumer.pinterest.answers import Ambiguous, Answer, Unauthorized, Unavailable, read_answer
from consumer.pinterest.auth import Tokens, token_problem
from consumer.pinterest.connections import HEADERS, Transport, checked_url, deadline_s, ssl_context

MAX_ANSWER_BYTES = 4 * 1024 * 1024


class ConversionsClient:
    """One pool of connections to `POST /ad_accounts/{ad_account_id}/events`.

    Args:
        settings: Base URL, authorities to trust, whether everything is sent as a test.
        tokens: Asked for the account's token at each request.
        timeout_s: Of a request as a whole, from connecting to the last byte of its answer.
        max_in_flight: The most calls of `send` at once. The pool has twice as many places, so that nobody queues in it.
        accounts_in_test: Ad accounts whose events are sent as a test even where others' are not.

    Raises:
        ConfigError: The base URL or the file of authorities cannot be used.
    """

    def __init__(
        self,
        settings: Pinterest,
        tokens: Tokens,
        *,
        timeout_s: float,
        max_in_flight: int,
        accounts_in_test: frozenset[str] = frozenset(),
    ) -> None:
        self._base_url = checked_url(settings.base_url)
        self._is_test = settings.test
        self._in_test = accounts_in_test
        self._tokens = tokens
        self._timeout_s = timeout_s
        self._connections = 2 * max_in_flight
        self._ssl = ssl_context(settings)
        self._pool = self._new_pool()
        self._retired: httpx.AsyncClient | None = None
        self.requests: Counter[str] = Counter()
        """Made so far, by the HTTP status of their answer; `none` where none came."""

    def _new_pool(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            base_url=self._base_url,
            transport=Transport(self._ssl, self._connections),
            trust_env=False,
            timeout=httpx.Timeout(self._timeout_s),
            headers={**HEADERS, "Content-Type": "application/json"},
        )

    async def send(self, ad_account_id: str, events: Sequence[bytes]) -> Answer:
        """Send events, already serialised, in one request; in two, if the first token was refused and is another now.

        Returns:
            What the API answered. `Unavailable` if the request surely did not arrive as a whole, `Ambiguous` if it
            may have.
        """
        deadline_s.set(time.monotonic() + self._timeout_s)
        token = self._tokens.token_for(ad_account_id)
        if not token:
            return Unauthorized(f"no token for ad account {ad_account_id}", was_asked=False)
        if token_problem(token) is not None:
            problem = f"the token for ad account {ad_account_id} holds characters that no token has"
            return Unauthorized(problem, was_asked=False)
        body = b'{"data":[' + b",".join(events) + b"]}"
        answer = await self._post(ad_account_id, token, body, len(events))
        if isinstance(answer, Unauthorized):
            self._tokens.refused(token)
            renewed = self._tokens.token_for(ad_account_id)
            if renewed and renewed != token and token_problem(renewed) is None:
                answer = await self._post(ad_account_id, renewed, body, len(events))
        return answer

    async def _post(self, ad_account_id: str, token: str, body: bytes, sent: int) -> Answer:
        pool = self._pool
        code = "none"
        try:
            async with pool.stream(
                "POST",
                f"/ad_accounts/{ad_account_id}/events",
                params={"test": "true"} if self._is_test or ad_account_id in self._in_test else None,
                content=body,
                headers={"Authorization": f"Bearer {token}"},
            ) as response:
                code = str(response.status_code)
                answer = bytearray()
                async for chunk in response.aiter_raw():
                    answer += chunk
                    if len(answer) > MAX_ANSWER_BYTES:
                        return Ambiguous(f"the answer is larger than {MAX_ANSWER_BYTES} bytes", is_unreadable=True)
            told = bytes(answer)
            for written in (token, token.replace("/", "\\/")):  # as some encoders of JSON have it
                told = told.replace(written.encode(), b"<token>")  # its messages go to logs and letters
            return read_answer(response.status_code, response.headers, told, sent, time.time())
        except httpx.PoolTimeout:
            await self._replace(pool)
            return Unavailable("no connection was free")
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.WriteError, httpx.WriteTimeout) as error:
            return Unavailable(f"not sent: {type(error).__name__}")
        # httpx lets OpenSSL's own error through, as where a server refuses us after the TLS 1.3 handshake.
        except (httpx.TransportError, ssl.SSLError) as error:
            return Ambiguous(f"no answer: {type(error).__name__}", is_unreadable=False)
        finally:
            self.requests[code] += 1

    async def _replace(self, pool: httpx.AsyncClient) -> None:
        """Go on with a new pool: the places of this one are gone.

        Requests may still be under way in the old one, so it is closed only when the next is replaced; all of its
        requests have met their deadline by then.
        """
        if pool is self._pool:
            retired, self._retired, self._pool = self._retired, pool, self._new_pool()
            if retired is not None:
                await retired.aclose()

    async def aclose(self) -> None:
        """Close every connection. Requests still under way fail as `Ambiguous`."""
        await self._pool.aclose()
        if self._retired is not None:
            await self._retired.aclose()
