"""`batuta story`: why a model is where it is."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from batuta.cli.client import connect, model_path
from batuta.cli.door import door
from batuta.cli.escapes import one_line
from batuta.cli.options import AsJson, DataDir, Url, salvaged
from batuta.cli.terminal import print_json, warn
from batuta.cli.views import listed
from batuta.cli.words import in_our_words

app = typer.Typer(add_completion=False)
Model = Annotated[
    str, typer.Argument(metavar="MODEL", help="Id of the model, as `batuta models` lists it.", show_default=False)
]
Lines = Annotated[int, typer.Option("--lines", "-n", metavar="LINES", help="How many of the last lines.", min=1)]


@app.command()
def story(
    model: Model, *, lines: Lines = 200, data_dir: DataDir = None, url: Url = None, as_json: AsJson = False
) -> None:
    """Tell what happened to a model and why, oldest first: who wanted it, what it waited for, who left for it."""
    with door(as_json=as_json):
        client = connect(salvaged(data_dir), url)
        with in_our_words(client, model):
            answer = client.get(model_path(model, "story"))
        entries = listed(answer, "story")[-lines:]
        if as_json:
            print_json({"model": answer.get("model"), "story": entries})
            return
        if not entries:
            warn(f"Nothing has happened to {one_line(model)} yet.")
        for entry in entries:
            print(line(entry))


def line(entry: Mapping[str, Any]) -> str:
    """Return a line of a story: `14:02:31.4  absent -> loading  wanted and room reserved: ...`."""
    at = float(entry.get("at") or 0.0)
    clock = f"{time.strftime('%H:%M:%S', time.localtime(at))}.{int(at % 1 * 10)}"
    old, new = entry.get("old"), entry.get("new")
    move = f"{old} -> {new}: " if old and new else ""
    text = move + str(entry.get("text", ""))
    return f"{clock}  {one_line(text)}"
