"""`batuta loader`: the loader alone, in the foreground.

The loader takes this process's place: what loads models is never imported by the command line.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from batuta.cli.door import door
from batuta.cli.options import AsJson, DataDir, settings_for
from batuta.cli.start import Grace, ModelsDir, folders
from batuta.errors import AlreadyRunning
from batuta.loader.lock import holder

if TYPE_CHECKING:
    from batuta.settings import Settings

app = typer.Typer(add_completion=False)
Model = Annotated[
    Path | None, typer.Option("--model", metavar="FILE", help="Model file to load at once.", show_default=False)
]


@app.command()
def loader(
    *,
    data_dir: DataDir = None,
    models_dir: ModelsDir = None,
    model: Model = None,
    grace: Grace = None,
    as_json: AsJson = False,
) -> None:
    """Run the loader alone, in the foreground, until Ctrl-C or `batuta down`. A gateway that starts will use it.

    Its log goes to stderr, one JSON object a line, with or without --json.
    """
    with door(as_json=as_json):
        said = {"models_dirs": folders(models_dir), "loader.grace_s": grace}
        settings = settings_for(data_dir, {name: value for name, value in said.items() if value is not None})
        if (pid := holder(settings.run_dir)) is not None:
            text = f"another loader (pid {pid}) holds {settings.data_dir}: use that one, or stop it with: batuta down"
            raise AlreadyRunning(text)
        become([sys.executable, "-m", "batuta.loader", *arguments(settings, model)])


def arguments(settings: Settings, model: Path | None) -> list[str]:
    """Return the loader's command line."""
    words = [f"--data-dir={settings.data_dir}", *(f"--models-dir={folder}" for folder in settings.models_dirs)]
    words += [f"--grace={settings.loader.grace_s}", f"--heartbeat={settings.loader.heartbeat_s}"]
    if model is not None:
        path = model.expanduser().absolute()
        words += [f"--model={path}", f"--allow={path}"]
    return words


def become(words: list[str]) -> NoReturn:
    """Run `words` in the place of this process."""
    if os.name == "posix":
        os.execv(words[0], words)  # noqa: S606  # a list, no shell: signals and exit code are the loader's own
    raise typer.Exit(subprocess.run(words, check=False).returncode)  # noqa: S603  # a list, no shell
