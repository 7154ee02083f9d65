"""`batuta unpin`: let a model go when room is needed."""

from __future__ import annotations

from typing import Annotated

import typer

from batuta.cli.client import connect, model_path
from batuta.cli.door import door
from batuta.cli.escapes import one_line
from batuta.cli.options import AsJson, DataDir, Url, salvaged
from batuta.cli.terminal import print_json
from batuta.cli.words import in_our_words

app = typer.Typer(add_completion=False)
Model = Annotated[
    str, typer.Argument(metavar="MODEL", help="Id of the model, as `batuta models` lists it.", show_default=False)
]


@app.command()
def unpin(model: Model, *, data_dir: DataDir = None, url: Url = None, as_json: AsJson = False) -> None:
    """Let a model leave memory again when room is needed. Kept over restarts."""
    with door(as_json=as_json):
        client = connect(salvaged(data_dir), url)
        with in_our_words(client, model):
            view = client.patch(model_path(model), {"pinned": False})
        if as_json:
            print_json(view)
        else:
            shown = one_line(model)
            print(f"{shown} is pinned no longer: it leaves memory when room is needed.")
