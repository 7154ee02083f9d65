"""One installation on this machine: its folders, the lock that keeps it to one gateway, its port and its record.

Knows nothing of what the gateway does.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

from batuta.errors import AddressInUse, AlreadyRunning, BadSettings
from batuta.settings import Settings
from batuta.vault.secret import Secret

LOCK_FILE = "gateway.lock"
RECORD_FILE = "gateway.json"
BACKLOG = 2048


def usable_url(url: str) -> str:
    """Return the address that can be opened on this machine, for one that listens on all of its addresses."""
    return url.replace("//0.0.0.0", "//127.0.0.1").replace("//[::]", "//[::1]")


def make_folders(settings: Settings) -> None:
    """Make the data folder and what belongs in it, for its owner only.

    Raises:
        BadSettings: a folder cannot be made, or others could exchange what is in the data folder.
    """
    try:
        for folder in (settings.data_dir, settings.run_dir, settings.log_dir):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not settings.models_dirs:
            settings.model_roots[0].mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise BadSettings(f"the data folder {settings.data_dir} cannot be used: {error.strerror}") from None
    _insist_on_ours(settings.data_dir)


def _insist_on_ours(folder: Path) -> None:
    """Refuse a folder that belongs to another user or that others may write to: they could exchange what we read."""
    if not hasattr(os, "getuid"):  # Windows: its own rights decide
        return
    facts = folder.stat()
    if facts.st_uid != os.getuid():
        raise BadSettings(f"the data folder {folder} belongs to another user; choose another one with --data-dir")
    if facts.st_mode & 0o022:
        raise BadSettings(f"others may write to the data folder {folder}; forbid it with: chmod go-w {folder}")


@contextmanager
def only_one(settings: Settings) -> Iterator[None]:
    """Hold the data folder: one gateway each."""
    import fcntl  # not on Windows; imported here so that the module is

    handle = os.open(settings.run_dir / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = os.pread(handle, 20, 0).decode("ascii", "replace").strip()
            raise AlreadyRunning(
                f"a gateway already uses the data folder {settings.data_dir}{_first(settings, holder)}"
            ) from None
        os.ftruncate(handle, 0)
        os.pwrite(handle, b"%d" % os.getpid(), 0)
        yield
    finally:
        os.close(handle)


def _first(settings: Settings, holder: str) -> str:
    """Name the holder of the lock: by its address, if the record is its own and not one that a dead one left."""
    if not holder.isdigit():  # it has the lock since this very moment
        return ""
    try:
        record = json.loads((settings.run_dir / RECORD_FILE).read_text())
        if record["pid"] == int(holder):
            return f": {usable_url(record['url'])}, pid {holder}"
    except (OSError, ValueError, KeyError, TypeError):  # it is just starting, or the record is torn
        pass
    return f": pid {holder}, which is just starting"


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


@cache
def process_started() -> float:
    """Return when this process began, in wall seconds. Read once: later there may be no file descriptor to read it."""
    import psutil

    return psutil.Process().create_time()


def remove_record(settings: Settings) -> None:
    """Take the record away; fine if it is gone."""
    with suppress(FileNotFoundError):
        (settings.run_dir / RECORD_FILE).unlink()
