"""`conversions emulator`: Pinterest's events endpoint on a local port, for tests and rehearsals."""

import asyncio
import re
import signal
from pathlib import Path
from typing import Annotated

import orjson
import typer

from consumer.emulator import Emulator, Fault, FaultError, Settings, parse_faults
from consumer.emulator.settings import CALLS_PER_MINUTE

_RANGE = re.compile(r"(\d+(?:\.\d+)?)-(\d+(?:\.\d+)?)", re.ASCII)


def emulator(
    port: Annotated[int, typer.Option(min=0, max=65_535, help="Port to listen on; 0 takes a free one.")] = 8089,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    record: Annotated[
        Path | None, typer.Option(dir_okay=False, help="Append one JSON line per accepted event to this file.")
    ] = None,
    faults: Annotated[
        Path | None, typer.Option(dir_okay=False, exists=True, help="Faults to start with: a JSON list.")
    ] = None,
    latency_ms: Annotated[
        str, typer.Option(metavar="A-B", help="Time to answer, drawn evenly from A to B milliseconds.")
    ] = "0-0",
    token: Annotated[
        list[str] | None, typer.Option(help="A good access token; repeatable. Without any, all are good.")
    ] = None,
    forbid: Annotated[
        list[str] | None, typer.Option(metavar="ACCOUNT", help="An ad account nobody may use; repeatable.")
    ] = None,
    rate_limit: Annotated[int, typer.Option(min=1, help="Calls per minute and ad account.")] = CALLS_PER_MINUTE,
    seed: Annotated[int, typer.Option(help="Makes the drawn latencies repeatable.")] = 0,
) -> None:
    """Stand in for Pinterest's events endpoint until SIGTERM or SIGINT.

    Prints one line once it listens: `emulator listening on http://HOST:PORT/v5`.
    """
    settings = Settings(
        host=host,
        port=port,
        record=record,
        faults=_read_faults(faults) if faults is not None else [],
        latency_ms=_read_range(latency_ms),
        tokens=frozenset(token or ()),
        forbidden=frozenset(forbid or ()),
        calls_per_minute=rate_limit,
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


def _read_range(text: str) -> tuple[float, float]:
    found = _RANGE.fullmatch(text)
    if found is None or float(found[1]) > float(found[2]):
        raise typer.BadParameter("must be two numbers, the lower first, as in 200-2000", param_hint="--latency-ms")
    return float(found[1]), float(found[2])
