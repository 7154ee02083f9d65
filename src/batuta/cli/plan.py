"""`batuta plan`: what loading a model would do, without doing it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from batuta.cli.client import connect
from batuta.cli.door import door
from batuta.cli.options import AsJson, DataDir, Url, salvaged
from batuta.cli.terminal import duration, memory_text, print_json, print_pairs
from batuta.cli.views import fits
from batuta.cli.words import in_our_words

app = typer.Typer(add_completion=False)
Model = Annotated[
    str, typer.Argument(metavar="MODEL", help="Id of the model, as `batuta models` lists it.", show_default=False)
]
PLACES = {
    "resident": "memory already",
    "parked": "host memory, beside the device",
    "page cache": "the file cache of this machine",
    "disk": "the disk",
    "remote": "another machine",
}
"""Where a model's bytes are -> how people say it."""


@app.command()
def plan(model: Model, *, data_dir: DataDir = None, url: Url = None, as_json: AsJson = False) -> None:
    """Say whether a model would fit, what would leave for it, and how long a request would wait. Nothing is loaded."""
    with door(as_json=as_json):
        client = connect(salvaged(data_dir), url)
        with in_our_words(client, model):
            answer = client.post("/manage/plan", {"model": model})
        if as_json:
            print_json(answer)
        else:
            print_pairs(lines(answer))


def lines(plan: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return a plan as name and value, for a person."""
    found = plan.get("wait")
    wait = found if isinstance(found, Mapping) else {}
    tier = str(plan.get("tier") or "")
    load = duration(plan.get("seconds"))
    return [
        ("model", str(plan.get("model"))),
        ("fits", f"{fits(plan)} ({plan.get('reason')})"),
        ("leaves", ", ".join(map(str, plan.get("evict") or ())) or "nobody"),
        ("needs", f"{memory_text(plan.get('need'))} of {memory_text(plan.get('budget'))}"),
        ("load", f"{load}, from {PLACES.get(tier, tier)}" if tier else load),
        ("wait", _wait_text(wait)),
    ]


def _wait_text(wait: Mapping[str, Any]) -> str:
    said, seconds = str(wait.get("sentence") or ""), wait.get("seconds")
    if not said:
        return "none" if seconds == 0 else "waiting does not help"
    return f"{duration(seconds)}: {said}" if seconds is not None else said
