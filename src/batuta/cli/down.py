"""`batuta down`: stop what runs on a data folder. Fine when nothing does."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from batuta.cli.door import FAILED, door
from batuta.cli.options import AsJson, DataDir, salvaged
from batuta.cli.record import GatewayRecord, is_running, process_of, read_record
from batuta.cli.terminal import print_json, warn
from batuta.errors import LoaderDown

if TYPE_CHECKING:
    from batuta.cli.loader_end import LoaderEnd
    from batuta.settings import Settings

app = typer.Typer(add_completion=False)
Timeout = Annotated[
    float, typer.Option(metavar="SECONDS", help="Seconds to let the gateway finish what it is answering.", min=0)
]
KeepLoader = Annotated[
    bool, typer.Option("--keep-loader", metavar="", help="Stop the gateway only; the loader keeps its grace time.")
]
DRAIN_S = 40.0  # the gateway drains for at most 30
_LOOK_EVERY_S = 0.05


@dataclass(frozen=True, slots=True)
class GatewayEnd:
    """A gateway that was asked to end."""

    record: GatewayRecord
    is_gone: bool


@app.command()
def down(
    *, timeout: Timeout = DRAIN_S, keep_loader: KeepLoader = False, data_dir: DataDir = None, as_json: AsJson = False
) -> None:
    """Stop the gateway, after the requests it is answering, and then the loader."""
    with door(as_json=as_json):
        settings = salvaged(data_dir)
        gateway = end_gateway(settings, timeout)
        loader, problem = (None, "") if keep_loader or (gateway and not gateway.is_gone) else _end_loader(settings)
        if as_json:
            print_json(report(gateway, loader, problem))
        else:
            _tell(gateway, loader, settings)
        if problem:
            warn(f"batuta: {problem}")
        if problem or (gateway and not gateway.is_gone) or (loader and not loader.is_gone):
            raise typer.Exit(FAILED)


def end_gateway(settings: Settings, timeout_s: float) -> GatewayEnd | None:
    """Ask the gateway to end, and wait; None when there is none."""
    import psutil

    record = read_record(settings.run_dir)
    process = None if record is None else process_of(record)
    if record is None or process is None:
        return None
    with suppress(psutil.NoSuchProcess):
        process.terminate()  # psutil compares start times first: a number given away meanwhile is safe
    deadline = time.monotonic() + timeout_s
    while is_running(process) and time.monotonic() < deadline:
        time.sleep(_LOOK_EVERY_S)
    return GatewayEnd(record, is_gone=not is_running(process))


def _end_loader(settings: Settings) -> tuple[LoaderEnd | None, str]:
    from batuta.cli.loader_end import end_loader

    try:
        return end_loader(settings.run_dir), ""
    except LoaderDown as error:
        return None, error.message


def report(gateway: GatewayEnd | None, loader: LoaderEnd | None, problem: str) -> dict[str, Any]:
    """Return what was done, for a script."""
    return {
        "gateway": None if gateway is None else {"pid": gateway.record.pid, "stopped": gateway.is_gone},
        "loader": None
        if loader is None
        else {"pid": loader.pid, "stopped": loader.is_gone, "unloaded": list(loader.models)},
        "problem": problem or None,
    }


def _tell(gateway: GatewayEnd | None, loader: LoaderEnd | None, settings: Settings) -> None:
    if gateway is None and loader is None:
        print(f"Nothing runs on the data folder {settings.data_dir}.")
    if gateway is not None:
        done = "has stopped" if gateway.is_gone else "is still answering requests; ask again, or give it more --timeout"
        print(f"The gateway (pid {gateway.record.pid}) {done}.")
    if loader is not None:
        freed = f" and unloaded {', '.join(loader.models)}" if loader.models else ""
        done = f"has stopped{freed}" if loader.is_gone else "is still unloading its models"
        print(f"The loader (pid {loader.pid}) {done}.")
