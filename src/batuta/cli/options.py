"""The options that several commands share, and the settings they lead to."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from batuta.settings import Settings

DataDir = Annotated[
    Path | None,
    typer.Option(
        "--data-dir",
        help="Folder of this installation: database, records, logs, models (or BATUTA_DATA_DIR).",
        show_default=False,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Write JSON for scripts.")]
Url = Annotated[
    str | None,
    typer.Option("--url", help="Address of a gateway, instead of the one of the data folder.", show_default=False),
]


def settings_for(data_dir: Path | None, more: dict[str, Any] | None = None) -> Settings:
    """Return the settings with what the command line says. Raises BadSettings."""
    from batuta.settings import load_settings

    return load_settings({"data_dir": None if data_dir is None else str(data_dir), **(more or {})})[0]
