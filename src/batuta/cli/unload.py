"""`batuta unload`: give a model's memory back."""

from __future__ import annotations

from typing import Annotated

import typer

from batuta.cli.client import connect, model_path
from batuta.cli.door import door
from batuta.cli.escapes import one_line
from batuta.cli.options import AsJson, DataDir, Url, settings_for
from batuta.cli.terminal import print_json

app = typer.Typer(add_completion=False)
Model = Annotated[str, typer.Argument(help="Id of the model, as `batuta ps` lists it.", show_default=False)]
_DRAIN_S = 300.0  # seconds; requests in flight are answered first


@app.command()
def unload(model: Model, *, data_dir: DataDir = None, url: Url = None, as_json: AsJson = False) -> None:
    """Take a model out of memory, after the requests it is answering."""
    with door(as_json=as_json):
        answer = connect(settings_for(data_dir), url).post(model_path(model, "unload"), timeout_s=_DRAIN_S)
        if as_json:
            print_json(answer)
        else:
            print(f"{one_line(model)} is out of memory.")
