"""`conversions emulator`: Pinterest's endpoints for conversions on a local port, for tests and rehearsals."""

import asyncio
import re
import signal
from pathlib import Path
from typing import Annotated

import orjson
import typer

from consumer.emulator import Emulator, Fault, FaultError, Settings, parse_faults
from consumer.emulator.settings import ACCESS_TOKEN_EXPIRES_S, CALLS_PER_MINUTE, TEST_CALLS_PER_S

_RANGE = re.compile(r"(\d+(?:\.\d+)?)-(\d+(?:\.\d+)?)", re.ASCII)


def emulator(
    port: Annotated[int, typer.Option(min=0, max=65_535, help="Port to listen on; 0 takes a free one.")] = 8089,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    record: Annotated[
        Path | None, typer.Option(dir_okay=False, help="Append one JSON line per accepted event to this file.")
    ] = None,
    answers: Annotated[
        Path | None,
        typer.Option(dir_okay=False, help="Append one JSON line per answered call of the events endpoint here."),
    ] = None,
    faults: Annotated[
        Path | None, typer.Option(dir_okay=False, exists=True, help="Faults to start with: a JSON list.")
    ] = None,
    latency_ms: Annotated[
        str, typer.Option(metavar="A-B", help="Time to answer, drawn evenly from A to B milliseconds.")
    ] = "0-0",
    token: Annotated[
        list[str] | None,
        typer.Option(
            help="A good access token; repeatable. Without any, all are good. "
            "Made-up ones: they show in the process list."
        ),
    ] = None,
    oauth_app: Annotated[
        str | None,
        typer.Option(
            metavar="APP_ID:SECRET",
            help="The good credentials for new tokens. Without any, all are good. "
            "Made-up ones: they show in the process list.",
        ),
    ] = None,
    refresh_token: Annotated[
        str | None,
        typer.Option(
            help="The first good refresh token. Without one, any is good once. "
            "A made-up one: it shows in the process list."
        ),
    ] = None,
    access_token_expires_s: Annotated[
        int, typer.Option(min=1, help="Seconds for which the access tokens issued here are good.")
    ] = ACCESS_TOKEN_EXPIRES_S,
    forbid: Annotated[
        list[str] | None, typer.Option(metavar="ACCOUNT", help="An ad account nobody may use; repeatable.")
    ] = None,
    rate_limit: Annotated[int, typer.Option(min=1, help="Calls per minute and ad account.")] = CALLS_PER_MINUTE,
    test_calls_per_second: Annotated[
        int, typer.Option(min=1, help="Calls per second and token with test=true.")
    ] = TEST_CALLS_PER_S,
    newer: Annotated[  # noqa: FBT002 - a flag of the command line
        bool,
        typer.Option("--newer", help="Take also the newer event names and fields that the description does not have."),
    ] = False,
    seed: Annotated[int, typer.Option(help="Makes the drawn latencies repeatable.")] = 0,
) -> None:
    """Stand in for Pinterest's endpoints for conversions until SIGTERM or SIGINT.

    Prints one line once it listens: `emulator listening on http://HOST:PORT/v5`.
    """
    settings = Settings(
        host=host,
        port=port,
        record=record,
        answers=answers,
        faults=_read_faults(faults) if faults is not None else [],
        latency_ms=_read_range(latency_ms),
        tokens=frozenset(token or ()),
        oauth_app=_read_app(oauth_app) if oauth_app is not None else None,
        refresh_token=refresh_token,
        access_token_expires_s=access_token_expires_s,
        forbidden=frozenset(forbid or ()),
        calls_per_minute=rate_limit,
        test_calls_per_s=test_calls_per_second,
        newer=newer,
        seed=seed,
    )
    try:
        asyncio.run(_serve(settings))
    except (OSError, ValueError) as problem:
        typer.echo(f"the emulator cannot run: {problem}", err=True)
        raise typer.Exit(1) from None


async def _serve(settings: Settings) -> None:
    stopped = asyncio.Event()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signal_number, stopped.set)
    async with Emulator(settings) as running:
        print(f"emulator listening on {running.base_url}", flush=True)
        await stopped.wait()


def _read_faults(path: Path) -> list[Fault]:
    try:
        return parse_faults(orjson.loads(path.read_bytes()))
    except orjson.JSONDecodeError:
        raise typer.BadParameter("the file is not valid JSON", param_hint="--faults") from None
    except FaultError as error:
        raise typer.BadParameter("; ".join(error.problems), param_hint="--faults") from None


def _read_app(text: str) -> str:
    app_id, _, secret = text.partition(":")
    if not (app_id and secret):
        raise typer.BadParameter("must be two words joined by a colon, as in 1234567:secret", param_hint="--oauth-app")
    return text


def _read_range(text: str) -> tuple[float, float]:
    found = _RANGE.fullmatch(text)
    if found is None or float(found[1]) > float(found[2]):
        raise typer.BadParameter("must be two numbers, the lower first, as in 200-2000", param_hint="--latency-ms")
    return float(found[1]), float(found[2])
