"""`batuta models`: everything there is to answer with."""

from __future__ import annotations

from typing import Annotated

import typer

from batuta.cli.client import connect
from batuta.cli.door import door
from batuta.cli.options import AsJson, DataDir, Url, salvaged
from batuta.cli.terminal import print_json, print_table
from batuta.cli.views import listed, models_row

app = typer.Typer(add_completion=False)
_COLUMNS = ["MODEL", "STATE", "SIZE", "FITS", "SOURCE", "NOTES", "PROBLEM"]
Refresh = Annotated[bool, typer.Option("--refresh", metavar="", help="Ask every engine and disk again first.")]


@app.command()
def models(*, refresh: Refresh = False, data_dir: DataDir = None, url: Url = None, as_json: AsJson = False) -> None:
    """List all models: state, size, whether they fit in memory, and who serves them."""
    with door(as_json=as_json):
        client = connect(salvaged(data_dir), url)
        found = listed(client.get(f"/manage/models{'?refresh=1' if refresh else ''}"), "models")
        if as_json:
            print_json(found)
            return
        empty = "No model was found. `batuta doctor` tells where Batuta looks."
        print_table(*_without_empty(_COLUMNS, [models_row(model) for model in found]), empty=empty)


def _without_empty(columns: list[str], rows: list[list[str]]) -> tuple[list[str], list[list[str]]]:
    """Leave out the columns in which no row says anything."""
    kept = [place for place in range(len(columns)) if any(row[place] for row in rows)]
    return [columns[place] for place in kept], [[row[place] for place in kept] for row in rows]
