"""`batuta unload`: give a model's memory back."""

from __future__ import annotations

import time
from typing import Annotated, Any

import typer

from batuta.cli.client import GatewayClient, connect, model_path
from batuta.cli.door import FAILED, door
from batuta.cli.escapes import one_line
from batuta.cli.options import AsJson, DataDir, Url, salvaged
from batuta.cli.terminal import print_json, warn
from batuta.cli.views import is_fixed, is_in_memory
from batuta.cli.words import in_our_words

app = typer.Typer(add_completion=False)
Model = Annotated[
    str, typer.Argument(metavar="MODEL", help="Id of the model, as `batuta ps` lists it.", show_default=False)
]
NoWait = Annotated[
    bool, typer.Option("--no-wait", metavar="", help="Return at once; it goes when its answers have ended.")
]
Timeout = Annotated[float, typer.Option(metavar="SECONDS", help="Seconds to wait for the answers it is giving.", min=0)]
_ASK_EVERY_S = 0.1


@app.command()
def unload(
    model: Model,
    *,
    no_wait: NoWait = False,
    timeout: Timeout = 180.0,
    data_dir: DataDir = None,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Take a model out of memory, after the requests it is answering."""
    with door(as_json=as_json):
        client = connect(salvaged(data_dir), url)
        with in_our_words(client, model):
            view = client.post(model_path(model, "unload"))
        if not no_wait:
            _tell_who_is_waited_for(model, view)
            view = _wait(client, model, view, time.monotonic() + timeout)
        is_there = is_in_memory(view)
        if as_json:
            print_json(view)
        elif not is_there:
            print(f"{one_line(model)} is out of memory.")
        elif no_wait:
            print(f"{one_line(model)} leaves memory when its answers have ended.")
        if is_there and not no_wait:
            why = (
                "its server holds it; stop that yourself"
                if is_fixed(view)
                else "it answers requests, or is wanted again"
            )
            warn(f"batuta: {one_line(model)} is still in memory: {why}")
            raise typer.Exit(FAILED)


def _tell_who_is_waited_for(model: str, view: Any) -> None:
    running = view.get("in_flight") if isinstance(view, dict) else 0
    if is_in_memory(view) and running:
        answers = "an answer" if running == 1 else f"{running} answers"
        warn(f"{one_line(model)} is still giving {answers}; it leaves memory after that (Ctrl-C stops waiting)")


def _wait(client: GatewayClient, model: str, view: Any, deadline: float) -> Any:
    while is_in_memory(view) and not is_fixed(view) and time.monotonic() < deadline:
        time.sleep(_ASK_EVERY_S)
        view = client.get(model_path(model, "status"))
    return view
