"""`batuta pull`: download a model, by the running gateway, or by this very command where none runs."""

from __future__ import annotations

import sys
import time
from typing import Annotated, Any

import typer

from batuta.cli.client import GatewayClient, Refused, connect
from batuta.cli.door import INTERRUPTED, NoGateway, door
from batuta.cli.escapes import one_line
from batuta.cli.options import AsJson, DataDir, Url, salvaged
from batuta.cli.pulling import Shown, pull_here, starters_here, title
from batuta.cli.terminal import memory_text, print_json, print_table, warn
from batuta.cli.views import listed
from batuta.errors import BadSettings, BatutaError

app = typer.Typer(add_completion=False)
ASK_EVERY_S = 0.25
_ENDED = {"done", "failed", "cancelled"}
_COLUMNS = ["NAME", "MODEL", "SIZE", "FITS HERE", "FOR", "LICENCE"]

Name = Annotated[
    str | None,
    typer.Argument(
        metavar="[NAME]",
        help="A name of the catalogue, hf:org/repo, hf:org/repo:QUANT or hf:org/repo/FILE.gguf.",
        show_default=False,
    ),
]
List = Annotated[bool, typer.Option("--list", metavar="", help="Show the catalogue, with what fits this machine.")]
Discard = Annotated[
    bool, typer.Option("--discard", metavar="", help="Remove what a cut download of NAME left; download nothing.")
]


@app.command()
def pull(
    name: Name = None,
    *,
    show_list: List = False,
    discard: Discard = False,
    data_dir: DataDir = None,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Download a model: verified by its SHA-256, and going on where an earlier try was cut.

    Nothing is ever downloaded without being asked for. The token for models that want one is HF_TOKEN.
    """
    with door(as_json=as_json):
        settings = salvaged(data_dir)
        if (name is None) is not show_list:
            raise BadSettings("name one model to download, or say --list to see what is on offer")
        try:
            client: GatewayClient | None = connect(settings, url)
        except NoGateway:
            if url:
                raise
            client = None
        if name is None:
            _show_list(client.get("/manage/starters") if client else starters_here(settings), as_json=as_json)
        elif discard:
            _discard(client, settings, name, as_json=as_json)
        else:
            _report(_pull(client, settings, name), as_json=as_json)


def _show_list(answer: Any, *, as_json: bool) -> None:
    if as_json:
        print_json(answer)
        return
    if answer.get("problem"):
        warn(f"batuta: {answer['problem']}")
    rows = [
        [
            each["name"],
            each["title"],
            memory_text(each["size"]),
            "yes" if each["fits"] else "no",
            each["use"],
            each["licence"],
        ]
        for each in listed(answer, "starters")
    ]
    print_table(_COLUMNS, rows, empty="The catalogue is empty.")
    print(f"As of {one_line(answer.get('date'))}. Any other GGUF of Hugging Face: batuta pull hf:org/repo")


def _discard(client: GatewayClient | None, settings: Any, name: str, *, as_json: bool) -> None:
    if client is not None:
        answer = client.post("/manage/pulls/discard", {"name": name})
    else:
        from batuta.cli.pulling import discard_here

        answer = {"bytes": discard_here(settings, name)}
    if as_json:
        print_json(answer)
    else:
        freed = answer["bytes"]
        print(
            f"Removed {memory_text(freed)} of {one_line(name)}." if freed else f"Nothing was left of {one_line(name)}."
        )


def _pull(client: GatewayClient | None, settings: Any, name: str) -> dict[str, Any]:
    with Shown(name) as shown:
        try:
            return _pull_there(client, name, shown) if client else pull_here(settings, name, shown)
        except KeyboardInterrupt:
            shown.close()
            warn(f"batuta: stopped. `batuta pull {one_line(name)}` goes on from there, --discard removes what came")
            raise typer.Exit(INTERRUPTED) from None


def _pull_there(client: GatewayClient, name: str, shown: Shown) -> dict[str, Any]:
    """Have the gateway download it, and follow; Ctrl-C calls it off there too."""
    view: dict[str, Any] = client.post("/manage/pulls", {"name": name})
    path = f"/manage/pulls/{view['id']}"
    try:
        while view["state"] not in _ENDED:
            shown.show(view)
            time.sleep(ASK_EVERY_S)
            view = client.get(path)
    except KeyboardInterrupt:
        client.delete(path)
        raise
    if error := view.get("error"):
        raise Refused(error["message"], status=502, code=error["code"], suggestion=error.get("suggestion"))
    if view["state"] == "cancelled":
        raise BatutaError(f"the download of {name} was called off elsewhere", details={"code": "cancelled"})
    return view


def _report(view: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(view)
        return
    files = view["files"]
    where = files[0] if len(files) == 1 else f"{files[0]} and {len(files) - 1} more"
    if view["is_new"]:
        print(f"{title(view)}: {memory_text(view['total'])}, verified, in {one_line(where)}")
    else:
        print(f"{title(view)} is there already, verified: {one_line(where)}")
    if view.get("model"):
        print(f"Its id is {one_line(view['model'])}.")
    sys.stdout.flush()
