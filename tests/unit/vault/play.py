"""A vault over a data folder, as one start of Batuta after the other meets it."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

from batuta.catalog.store import FILE, Store
from batuta.testing.clock import ManualClock
from batuta.vault.desktop import Backend, KeyringSource
from batuta.vault.given import Hardness
from batuta.vault.records import KeyRecord
from batuta.vault.secret import Secret
from batuta.vault.sources import FILE as KEY_FILE
from batuta.vault.sources import Sources
from batuta.vault.vault import Vault
from tests import canary

KEY = canary.STORED["a vault's key"]  # so that the whole run is searched for it
OTHER = "sk-test-not-a-key-second-9876543210"
QUICK = Hardness(n=2**4)
MASTER = "QmF0dXRhJ3MgdGVzdHMgdXNlIHRoaXMgYXMgYSBrZXk="  # 32 bytes that are no secret
MASTER_2 = "4261747574612773207465737473206d6179207573652074686973206f6e6521"


class FakeKeyring:
    """A keyring in memory: `entries` by (service, username)."""

    def __init__(self) -> None:
        self.entries: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.entries.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.entries[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.entries[service, username]


def sources(
    folder: Path, wanted: str = "file", environ: Mapping[str, str] | None = None, keyring: Backend | None = None
) -> Sources:
    """Return the sources of an installation; without a keyring the machine has none."""

    def desktop() -> KeyringSource:
        return KeyringSource(keyring or no_keyring())

    return Sources(wanted, folder, environ or {}, keyring=desktop, hardness=QUICK)


def no_keyring() -> Backend:
    """Raise what a machine without a desktop raises."""
    from batuta.errors import VaultSealed

    raise VaultSealed("there is no keyring here")


def fail(name: str, error: BaseException) -> None:
    """Let no background task die unseen."""
    raise AssertionError(f"{name}: {error!r}")


@asynccontextmanager
async def started(
    folder: Path,
    wanted: str = "file",
    *,
    environ: Mapping[str, str] | None = None,
    keyring: Backend | None = None,
    clock: ManualClock | None = None,
) -> AsyncIterator[Vault]:
    """Run a vault for the block, over the database of the folder."""
    store = Store.in_folder(folder)
    await store.open()
    vault = Vault(store, sources(folder, wanted, environ, keyring), clock=clock or ManualClock(), on_error=fail)
    try:
        await vault.open()
        yield vault
    finally:
        await vault.aclose()
        await store.aclose()


def listed(vault: Vault) -> list[KeyRecord]:
    """Return all records."""
    return list(vault.keys())


def why(vault: Vault) -> str:
    """Return why it is sealed; empty if it is not."""
    return vault.sealed or ""


_made: dict[str, bytes] = {}  # the files of a filled vault: made once, then copied


async def filled(folder: Path, wanted: str = "file", **more: Any) -> None:
    """Leave a vault with two keys of `openai` and one of `mistral` behind."""
    if wanted == "file" and _made:
        _copy(folder)
        return
    await _fill(folder, wanted, more)
    if wanted == "file":
        _made.update({name: (folder / name).read_bytes() for name in (FILE, KEY_FILE)})


def _copy(folder: Path) -> None:
    for name, data in _made.items():
        (folder / name).write_bytes(data)
        (folder / name).chmod(0o600)


async def _fill(folder: Path, wanted: str, more: dict[str, Any]) -> None:
    async with started(folder, wanted, **more) as vault:
        await vault.add("openai", Secret(KEY), label="first")
        await vault.add("openai", Secret(OTHER), label="second")
        await vault.add("mistral", Secret(KEY))


def execute(folder: Path, statement: str, *values: Any) -> list[Any]:
    """Run a statement as somebody with access to the database file would."""
    with closing(sqlite3.connect(folder / FILE)) as base, base:
        return base.execute(statement, values).fetchall()
