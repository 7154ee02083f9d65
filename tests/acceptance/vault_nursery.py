"""Rotates a vault in child processes that are killed at every step they take, and looks at what each left.

Run as a program by `test_vault_kill`: it prints one line a move, `name: kills of steps`, and fails with the first state
that is not whole. A parent that has everything imported forks the children, so that one costs some milliseconds.
"""

from __future__ import annotations

import asyncio
import base64
import functools
import hashlib
import json
import os
import shutil
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Coroutine
from pathlib import Path
from types import FrameType
from typing import Any

import cryptography.hazmat.primitives.ciphers.aead
import cryptography.hazmat.primitives.kdf.scrypt

from batuta.catalog import sql
from batuta.catalog.store import Store
from batuta.clock import SystemClock
from batuta.errors import VaultTampered
from batuta.vault import key_sql, opened
from batuta.vault.given import EnvironmentSource, Hardness, PassphraseSource
from batuta.vault.keysource import Kind
from batuta.vault.keystore import KeyStore
from batuta.vault.sealed import name_of
from batuta.vault.secret import Secret
from batuta.vault.sources import Sources
from batuta.vault.vault import Vault

LOADED = (sql, key_sql, cryptography)  # once, in the parent
WATCHED = ("/batuta/vault/", "/batuta/catalog/", "/aiosqlite/")
KEYS = {f"sk-test-not-a-key-{number:02d}-abcdefghij" for number in range(5)}
PHRASE = Secret("correct horse battery staple")
MASTERS = (
    "QmF0dXRhJ3MgdGVzdHMgdXNlIHRoaXMgYXMgYSBrZXk=",
    "4261747574612773207465737473206d6179207573652074686973206f6e6521",
)
ENVIRON = {"BATUTA_MASTER_KEY": MASTERS[0]}
NEXT = {"BATUTA_MASTER_KEY": MASTERS[1], "BATUTA_MASTER_KEY_PREVIOUS": MASTERS[0]}
# name -> where the master key is, where it goes, the environment meanwhile
MOVES: dict[str, tuple[str, str, dict[str, str]]] = {
    "file to file": ("file", "file", {}),
    "file to passphrase": ("file", "passphrase", {}),
    "environment to file": ("environment", "file", ENVIRON),
    "environment to the next": ("environment", "environment", NEXT),
}


class Watch:
    """Counts the steps of the vault and its database on all threads, once armed, and kills the process at one of them.

    Args:
        kill_at: the step, from 1; 0: never.
    """

    def __init__(self, kill_at: int = 0) -> None:
        self.steps = 0
        self._kill_at = kill_at

    def arm(self) -> None:
        """Begin. Threads that run already are not watched."""
        threading.setprofile(self._step)
        sys.setprofile(self._step)

    def disarm(self) -> None:
        """End."""
        sys.setprofile(None)
        threading.setprofile(None)

    def _step(self, frame: FrameType, _event: str, _argument: object) -> None:
        if any(part in frame.f_code.co_filename for part in WATCHED):
            self.steps += 1
            if self.steps == self._kill_at:
                os.kill(os.getpid(), signal.SIGKILL)


def in_child(work: Callable[[], Coroutine[Any, Any, None]]) -> int:
    """Run a coroutine in a child; return how it ended."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            asyncio.run(work())
            code = 0
        except BaseException:
            traceback.print_exc()
            raise
        finally:
            sys.stderr.flush()
            os._exit(code)
    return os.waitpid(child, 0)[1]


def sources(folder: Path, environ: dict[str, str]) -> Sources:
    """Return the sources of the installation; where a passphrase is needed it is known."""
    found = Sources("file", folder, environ, hardness=Hardness(n=2**4))
    found.passphrase = PassphraseSource(PHRASE, Hardness(n=2**4))
    return found


def died(name: str, error: BaseException) -> None:
    """Let no background task die unseen."""
    raise AssertionError(f"{name}: {error!r}")


async def fill(folder: Path, kind: str) -> None:
    """Leave a vault with the keys behind."""
    store = Store.in_folder(folder)
    await store.open()
    vault = Vault(store, Sources(kind, folder, ENVIRON), clock=SystemClock(), on_error=died)
    await vault.open()
    for key in sorted(KEYS):
        await vault.add("openai", Secret(key))
    await vault.aclose()
    await store.aclose()


async def rotate(folder: Path, kind: str, environ: dict[str, str], watch: Watch, count: Path | None = None) -> None:
    """Rotate once, watched; write the number of steps to `count`."""
    store = Store.in_folder(folder)
    await store.open()
    vault = Vault(store, sources(folder, environ), clock=SystemClock(), on_error=died)
    await vault.open()
    watch.arm()
    await vault.rotate(kind, passphrase=PHRASE if kind == Kind.PASSPHRASE else None)
    watch.disarm()
    if count is not None:
        await asyncio.to_thread(count.write_text, str(watch.steps))
    await vault.aclose()
    await store.aclose()


async def look(folder: Path, environ: dict[str, str]) -> None:
    """Insist that what is left opens with exactly one master key, whole, and that a start tidies up."""
    store = Store.in_folder(folder)
    await store.open()
    everything = await KeyStore(store).read()
    (header,) = everything.headers
    fitting = []
    for key in available(folder, header.derivation, environ):
        try:
            head = opened.opened(header, key)
            found = {head.reveal(each).reveal() for each in everything.stored.values()}
        except VaultTampered:
            continue
        assert found == KEYS, found
        fitting.append(name_of(key))
    assert fitting == [header.master_id], (fitting, header.master_id)
    vault = Vault(store, sources(folder, environ), clock=SystemClock(), on_error=died)
    await vault.open()
    assert vault.sealed is None, vault.sealed
    assert vault.problems == (), vault.problems
    assert {vault.reveal(record.id).reveal() for record in vault.keys(None)} == KEYS
    await vault.aclose()
    await store.aclose()
    left = [name_of(key) for key in in_file(folder)]
    assert left == ([header.master_id] if header.source == Kind.FILE else []), (header.source, left)


def in_file(folder: Path) -> list[bytes]:
    """Return the master keys in the key file."""
    file = folder / "vault.key"
    lines = file.read_text().splitlines() if file.exists() else []
    return [base64.b64decode(line.split()[1]) for line in lines if not line.startswith("#")]


def available(folder: Path, derivation: str, environ: dict[str, str]) -> list[bytes]:
    """Return every master key that somebody who has everything could try, each once."""
    keys = in_file(folder)
    for value in environ.values():
        keys.append(EnvironmentSource({"BATUTA_MASTER_KEY": value}).create("v").key)
    if derivation:
        keys.append(_derived(derivation))
    return list(dict.fromkeys(keys))


def _derived(derivation: str) -> bytes:
    given = json.loads(derivation)
    salt = bytes.fromhex(given["salt"])
    return hashlib.scrypt(PHRASE.reveal().encode(), salt=salt, n=given["n"], r=given["r"], p=given["p"], dklen=32)


def sweep(folder: Path, name: str, kills: int) -> None:
    """Kill one move at `kills` steps, evenly from its first to its last."""
    kind, to, environ = MOVES[name]
    start, here, steps = folder / "start", folder / "here", folder / "steps"
    start.mkdir(mode=0o700)
    assert in_child(lambda: fill(start, kind)) == 0
    shutil.copytree(start, here)
    assert in_child(lambda: rotate(here, to, environ, Watch(), steps)) == 0, "it does not rotate"
    total, killed = int(steps.read_text()), 0
    for number in range(kills):
        watch = Watch(1 + number * total // kills)
        shutil.rmtree(here)
        shutil.copytree(start, here)
        killed += os.WIFSIGNALED(in_child(functools.partial(rotate, here, to, environ, watch)))
        assert in_child(lambda: look(here, environ)) == 0, f"{name}: killed at step {number} of {kills}"
    shutil.rmtree(start)
    shutil.rmtree(here)
    print(f"{name}: {killed} kills of {total} steps", flush=True)  # noqa: T201  # read by the test


if __name__ == "__main__":
    for each in MOVES:
        sweep(Path(sys.argv[1]), each, int(sys.argv[2]))
