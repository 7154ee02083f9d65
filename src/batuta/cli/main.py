"""The command `batuta`. Knows the commands by name only: a command's file is imported when it runs."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

import batuta

COMMANDS: dict[str, str] = {
    "up": "Start everything: the loader, the default model, the gateway and its pages.",
    "serve": "Start the gateway alone; it starts a loader when there is none.",
    "loader": "Run the loader alone, in the foreground.",
    "down": "Stop the gateway and the loader.",
    "status": "Tell how the gateway, the loader and the default model are.",
    "ps": "List the models in memory.",
    "models": "List all models: state, size, whether they fit, where they are.",
    "load": "Load a model into memory.",
    "unload": "Take a model out of memory.",
    "plan": "Say what loading a model would do: what would go, how long it takes.",
    "story": "Tell why a model is where it is.",
    "pin": "Keep a model in memory, whatever else wants the room.",
    "unpin": "Let a model leave memory again when room is needed.",
    "pull": "Download a model, or list those on offer.",
    "run": "Ask a model one thing.",
    "chat": "Talk to a model.",
    "keys": "Add, list, test, rotate and delete the keys of external providers.",
    "doctor": "Examine this machine and this installation.",
    "config": "Show the settings; with --origin, where each comes from.",
}
"""Name -> the line of `batuta --help`. The command is `app` in the file `batuta/cli/NAME.py`."""


class LazyGroup(TyperGroup):
    """Lists commands by stand-ins; imports the file of the one that is called."""

    def __init__(self, **rest: Any) -> None:
        super().__init__(**rest)
        self.commands = {name: TyperCommand(name, help=text) for name, text in COMMANDS.items()}

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names in the order in which a newcomer needs them."""
        del ctx
        return list(COMMANDS)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the name, the command itself and its arguments; a name with a typo gets a suggestion."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, (load_command(name) if name in COMMANDS else command), rest


def load_command(name: str) -> Any:
    """Import the file of command `name` and return the command."""
    command = typer.main.get_command(import_module(f"batuta.cli.{name}").app)
    command.name = name
    for each in (command, *getattr(command, "commands", {}).values()):
        each.get_help_option = _without_type(each.get_help_option)
    return command


def _without_type(find: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Have `--help` shown as the switch it is, like the others."""

    def found(ctx: Any) -> Any:
        option = find(ctx)
        if option is not None:
            option.metavar = ""
        return option

    return found


def _version(asked: bool) -> None:
    if asked:
        print(f"batuta {batuta.__version__}")
        raise typer.Exit


app = typer.Typer(
    cls=LazyGroup,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def root(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and leave.")
    ] = False,
) -> None:
    """Batuta stands in front of every model you have and makes each of them simply answer."""
    del version


def main() -> None:
    """Run the command line of this process."""
    app(prog_name="batuta")
