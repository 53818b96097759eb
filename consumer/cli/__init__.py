"""The command `conversions`. Each command is a module beside this one, loaded when it is called for.

So `--help` answers at once, and a command pays for no library but its own.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

from consumer import __version__
from consumer.errors import ConfigError, ConsumerError

COMMANDS = {
    "run": "Carry conversions until told to stop.",
    "demo": "See the whole way at work, with sample traffic.",
    "check": "Find what is wrong before anything is run.",
    "init": "Draft a configuration and a mapping for a schema.",
    "map": "Show what records would become; send nothing.",
    "preview": "Show what real records would become; send nothing.",
    "datasheet": "Print which field goes where, hashed or in clear.",
    "produce": "Write orders or visits to Kafka as Avro.",
    "emulator": "Serve Pinterest's conversions API, for rehearsals.",
    "token": "Refresh OAuth tokens, and make conversion tokens.",
    "quality": "Show Pinterest's quality score beside our own.",
    "dlq": "Count dead letters, look at them, replay them.",
    "receipts": "Find and add up what Pinterest acknowledged.",
    "suppress-hash": "Print lines for the list of people who are never sent.",
    "tag-snippet": "Print page code that gives tag and API the same ids.",
}

EXIT_FAILED = 1
EXIT_CONFIGURATION = 2


class _OnDemand(TyperGroup):
    """Knows every command by name and sentence; the chosen one is loaded for its options and for its run."""

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        name, command, rest = super().resolve_command(ctx, args)
        return name, command if name is None else _load(name), rest


app = typer.Typer(
    cls=_OnDemand,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,  # they would print local variables: people's data, tokens
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Settings: docs/configuration.md. Exit codes: 0 done, 1 failed, 2 bad usage or configuration.",
)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run one command and exit: 0 done, 1 failed, 2 bad usage or configuration."""
    try:
        app(args=arguments, prog_name="conversions")
    except ConfigError as error:
        _complain(error.problems)
        sys.exit(EXIT_CONFIGURATION)
    except ConsumerError as error:
        _complain([str(error)])
        sys.exit(EXIT_FAILED)
    sys.exit(0)


def _say_version(asked: bool) -> None:  # noqa: FBT001 - typer passes it so
    if asked:
        print(f"conversions {__version__}")
        raise typer.Exit


@app.callback()
def conversions(
    *,
    version: Annotated[
        bool, typer.Option("--version", help="Say which version this is.", is_eager=True, callback=_say_version)
    ] = False,
) -> None:
    """Carry orders and visits from Kafka to the Pinterest Conversions API.

    \b
    Examples:
      conversions demo                          the whole way, on this machine
      conversions check --config prod.yaml      is everything said, and sound?
      conversions map --topic orders order.json what would be sent?
      conversions preview --topic orders        what would be sent of the last hour?
      conversions run --config prod.yaml        the consumer
      conversions token refresh                 OAuth's tokens, by a timer
    """


def _complain(problems: list[str]) -> None:
    for problem in problems:
        print(f"conversions: {problem}", file=sys.stderr)


def _load(name: str) -> Any:
    """The command's own module, as typer makes a command of its function."""
    module = import_module(f"{__name__}.{name.replace('-', '_')}")
    if hasattr(module, "group"):  # a command that has commands of its own
        return typer.main.get_command(module.group)
    function: Callable[..., Any] = next(
        getattr(module, known) for known in ("command", name, f"{name}_command") if hasattr(module, known)
    )
    alone = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
    alone.command(name, context_settings={"help_option_names": ["-h", "--help"]})(function)
    return typer.main.get_command(alone)


def _announce(name: str, sentence: str) -> None:
    @app.command(name, help=sentence)
    def announced() -> None:
        """Stands for the command in the list; `_OnDemand` puts the real one in its place."""


for _name, _sentence in COMMANDS.items():
    _announce(_name, _sentence)
