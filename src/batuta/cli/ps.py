"""`batuta ps`: what is in memory."""

from __future__ import annotations

import typer

from batuta.cli.client import connect
from batuta.cli.door import door
from batuta.cli.options import AsJson, DataDir, Url, salvaged
from batuta.cli.terminal import print_json, print_table
from batuta.cli.views import listed, ps_row, resident

app = typer.Typer(add_completion=False)


@app.command()
def ps(*, data_dir: DataDir = None, url: Url = None, as_json: AsJson = False) -> None:
    """List the models in memory: what each takes, who uses it, how long it stays."""
    with door(as_json=as_json):
        models = resident(listed(connect(salvaged(data_dir), url).get("/manage/models"), "models"))
        if as_json:
            print_json(models)
        else:
            columns = ["MODEL", "STATE", "MEMORY", "IN FLIGHT", "WAITING", "UNTIL"]
            print_table(columns, [ps_row(model) for model in models], empty="No model is in memory.")
