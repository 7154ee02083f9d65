"""`batuta pin`: keep a model in memory."""

from __future__ import annotations

from pathlib import Path
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
def pin(model: Model, *, data_dir: DataDir = None, url: Url = None, as_json: AsJson = False) -> None:
    """Keep a model in memory: nothing evicts it, and it does not leave when it is idle. Kept over restarts."""
    words = "{0} is pinned: it stays in memory once it is there, until `batuta unpin {0}`."
    set_pinned(model, pinned=True, words=words, data_dir=data_dir, url=url, as_json=as_json)


def set_pinned(model: str, *, pinned: bool, words: str, data_dir: Path | None, url: str | None, as_json: bool) -> None:
    """Pin a model or let it go, and say so in `words`, in which {0} is the model."""
    with door(as_json=as_json):
        client = connect(salvaged(data_dir), url)
        with in_our_words(client, model):
            view = client.patch(model_path(model), {"pinned": pinned})
        if as_json:
            print_json(view)
        else:
            print(words.format(one_line(model)))
