"""`batuta unpin`: let a model go when room is needed."""

from __future__ import annotations

import typer

from batuta.cli.options import AsJson, DataDir, Url
from batuta.cli.pin import Model, set_pinned

app = typer.Typer(add_completion=False)


@app.command()
def unpin(model: Model, *, data_dir: DataDir = None, url: Url = None, as_json: AsJson = False) -> None:
    """Let a model leave memory again when room is needed. Kept over restarts."""
    words = "{0} is pinned no longer: it leaves memory when room is needed."
    set_pinned(model, pinned=False, words=words, data_dir=data_dir, url=url, as_json=as_json)
