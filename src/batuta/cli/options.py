"""The options that several commands share, and the settings they lead to."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from batuta.settings import Settings

DataDir = Annotated[
    Path | None,
    typer.Option(
        "--data-dir",
        metavar="FOLDER",
        help="Folder of this installation: database, records, logs, models (or BATUTA_DATA_DIR).",
        show_default=False,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", metavar="", help="Write JSON for scripts.")]
Url = Annotated[
    str | None,
    typer.Option(
        "--url",
        metavar="URL",
        help="Address of a gateway, instead of the one of the data folder.",
        show_default=False,
    ),
]


def settings_for(data_dir: Path | None, more: dict[str, Any] | None = None) -> Settings:
    """Return the settings with what the command line says. Raises BadSettings."""
    from batuta.settings import load_settings

    tell_unknown_variables(os.environ)
    return load_settings({**place(data_dir), **(more or {})})[0]


def salvaged(data_dir: Path | None) -> Settings:
    """Return the settings for a command that has to reach what runs already: what is wrong is told and left out."""
    from batuta.cli.terminal import warn
    from batuta.settings import salvage_settings

    tell_unknown_variables(os.environ)
    settings, problem = salvage_settings(place(data_dir))
    if problem:
        warn(f"batuta: {problem}\nbatuta: going on without what is wrong; `batuta up` would not start with it")
    return settings


def place(data_dir: Path | None) -> dict[str, str | None]:
    """Return what the command line says of the data folder, as a setting."""
    return {"data_dir": None if data_dir is None else str(data_dir)}


def tell_unknown_variables(environ: Mapping[str, str]) -> None:
    """Say on stderr which variables look like ours and set nothing."""
    from batuta.cli.terminal import warn
    from batuta.settings import unknown_variables

    for name, meant in unknown_variables(environ):
        warn(f"batuta: the environment variable {name} sets nothing{f'; did you mean {meant}?' if meant else ''}")
