"""`batuta load`: bring a model into memory and wait until it can answer."""

from __future__ import annotations

import time
from typing import Annotated, Any

import typer

from batuta.cli.client import GatewayClient, connect, model_path
from batuta.cli.door import door
from batuta.cli.escapes import one_line
from batuta.cli.loading import Loading
from batuta.cli.options import AsJson, DataDir, Url, salvaged
from batuta.cli.terminal import duration, print_json
from batuta.cli.words import in_our_words

app = typer.Typer(add_completion=False)
Model = Annotated[
    str, typer.Argument(metavar="MODEL", help="Id of the model, as `batuta models` lists it.", show_default=False)
]
NoWait = Annotated[bool, typer.Option("--no-wait", metavar="", help="Return at once; the load goes on.")]
Timeout = Annotated[float, typer.Option(metavar="SECONDS", help="Seconds to wait for it.", min=1, max=3600)]


@app.command()
def load(
    model: Model,
    *,
    no_wait: NoWait = False,
    timeout: Timeout = 180.0,
    data_dir: DataDir = None,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Load a model into memory and wait until it can answer. What has to leave for it leaves when it is idle."""
    with door(as_json=as_json):
        client = connect(salvaged(data_dir), url)
        began = time.monotonic()
        with in_our_words(client, model):
            answer = client.post(model_path(model, "load"))
            if not no_wait:
                answer = _wait(client, model, timeout)
        if as_json:
            print_json(answer)
        elif no_wait:
            print(f"{one_line(model)} is being loaded; `batuta ps` tells how far it is.")
        else:
            print(f"{one_line(model)} is ready after {duration(time.monotonic() - began)}.")


def _wait(client: GatewayClient, model: str, timeout_s: float) -> Any:
    with Loading(client, model):
        return client.post(model_path(model, "wait"), {"timeout_s": timeout_s}, timeout_s=timeout_s + 10)
