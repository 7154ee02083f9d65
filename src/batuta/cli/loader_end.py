"""Asks the loader of a data folder to end. Knows its control wire, nothing of models."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from batuta.errors import BatutaError, LoaderDown
from batuta.loader import control

ANSWER_S = 5.0  # seconds for one answer; the loader does nothing else while it listens
END_S = 30.0  # seconds to unload everything


@dataclass(frozen=True, slots=True)
class LoaderEnd:
    """A loader that was asked to end: its pid, the models it held, whether it is gone."""

    pid: int | None
    models: tuple[str, ...]
    is_gone: bool


def end_loader(run_dir: Path, *, wait_s: float = END_S) -> LoaderEnd | None:
    """Ask the loader to end and wait for it; None when there is none.

    Raises:
        LoaderDown: one is there, but refuses or does not answer as a loader does.
    """
    address = control.find(run_dir)
    if address is None:
        return None
    try:
        with _connected(address) as connection:
            state = _ask(
                connection, {"op": "hello", "role": "client", "protocol": control.PROTOCOL, "token": address.token}
            )
            models = tuple(str(model.get("id")) for model in state.get("models", ()))
            _ask(connection, {"op": "shutdown"})
            is_gone = _hangs_up(connection, wait_s)
    except (ConnectionRefusedError, FileNotFoundError):
        return None  # a socket that its loader left behind
    except (OSError, control.FrameError, BatutaError) as error:
        raise LoaderDown(f"the loader in {run_dir} would not end: {error}; {_by_hand(run_dir)}") from None
    pid = state.get("pid")
    return LoaderEnd(pid=pid if isinstance(pid, int) else None, models=models, is_gone=is_gone)


@contextmanager
def _connected(address: control.Address) -> Iterator[socket.socket]:
    family = socket.AF_UNIX if address.path else socket.AF_INET
    with closing(socket.socket(family, socket.SOCK_STREAM)) as connection:
        connection.settimeout(ANSWER_S)
        connection.connect(str(address.path) if address.path else ("127.0.0.1", address.port))
        yield connection


def _ask(connection: socket.socket, message: dict[str, Any]) -> dict[str, Any]:
    connection.sendall(control.encode({"id": 1, **message}))
    reader = control.FrameReader()
    while data := connection.recv(65536):
        for answer in reader.feed(data):
            if "event" in answer:
                continue  # what the loader tells everybody
            if not answer.get("ok"):
                raise control.error_from_wire(answer.get("error"))
            result = answer.get("result")
            return result if isinstance(result, dict) else {}
    raise ConnectionResetError("it hung up")


def _hangs_up(connection: socket.socket, wait_s: float) -> bool:
    connection.settimeout(wait_s)
    with suppress(OSError):
        while connection.recv(65536):
            pass  # events of models being unloaded
        return True
    return False


def _by_hand(run_dir: Path) -> str:
    try:
        pid = json.loads((run_dir / "loader.lock").read_text(encoding="utf-8"))["pid"]
    except (OSError, ValueError, KeyError, TypeError):
        return "end its process by hand"
    return f"end process {pid} by hand"
