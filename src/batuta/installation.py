"""One installation on this machine: its folders, the lock that keeps it to one gateway, its port and its record.

Knows nothing of what the gateway does.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from batuta.errors import AddressInUse, AlreadyRunning, BadSettings
from batuta.settings import Settings
from batuta.vault.secret import Secret

LOCK_FILE = "gateway.lock"
RECORD_FILE = "gateway.json"
BACKLOG = 2048


def make_folders(settings: Settings) -> None:
    """Make the data folder and what belongs in it, for its owner only. Raises BadSettings."""
    try:
        for folder in (settings.data_dir, settings.run_dir, settings.log_dir):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not settings.models_dirs:
            settings.model_roots[0].mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise BadSettings(f"the data folder {settings.data_dir} cannot be used: {error.strerror}") from None


@contextmanager
def only_one(settings: Settings) -> Iterator[None]:
    """Hold the data folder: one gateway each."""
    import fcntl  # not on Windows; imported here so that the module is

    path = settings.run_dir / LOCK_FILE
    with path.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise AlreadyRunning(
                f"a gateway already uses the data folder {settings.data_dir}{_first(settings)}"
            ) from None
        yield


def _first(settings: Settings) -> str:
    try:
        record = json.loads((settings.run_dir / RECORD_FILE).read_text())
        return f": {record['url']}, pid {record['pid']}"
    except (OSError, ValueError, KeyError, TypeError):  # it is just starting, or the record is torn
        return ""


@contextmanager
def listening_socket(settings: Settings) -> Iterator[socket.socket]:
    """Take the port before anything else is made, so that a taken one is told at once."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((settings.host, settings.port))
        except OSError as error:
            raise AddressInUse(
                f"cannot listen on {settings.host}:{settings.port}: {error.strerror}; stop what uses the port, or "
                "choose another with --port (0 picks a free one)"
            ) from None
        sock.listen(BACKLOG)
        sock.setblocking(False)
        yield sock


def write_record(settings: Settings, url: str, token: Secret) -> None:
    """Leave word for the command line: who runs, where, and the token of this run. Only the owner can read it."""
    path = settings.run_dir / RECORD_FILE
    draft = path.with_suffix(".tmp")
    record = {"pid": os.getpid(), "started": process_started(), "url": url, "token": token.reveal()}
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(record, file)
    draft.replace(path)


def process_started() -> float:
    """Return when this process began, in wall seconds."""
    import psutil

    return psutil.Process().create_time()


def remove_record(settings: Settings) -> None:
    """Take the record away; fine if it is gone."""
    with suppress(FileNotFoundError):
        (settings.run_dir / RECORD_FILE).unlink()
