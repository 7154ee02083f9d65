"""The vault on PostgreSQL: the same promises as on SQLite, on a server of the test's own."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

from batuta.catalog.migrations.versions import m0005_learned
from batuta.catalog.rows import TABLES
from batuta.catalog.store import SCHEMA, Store
from batuta.catalog.tables import metadata
from batuta.clock import SystemClock
from batuta.errors import VaultTampered
from batuta.vault.secret import Secret
from batuta.vault.sources import Sources
from batuta.vault.vault import Vault
from tests import canary
from tests.support.running import until

pytestmark = pytest.mark.acceptance

KEY = canary.STORED["a vault's key"]
OTHER = "sk-test-not-a-key-other-0123456789"


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """Run a PostgreSQL for the tests of this file, or skip where there is none."""
    pytest.importorskip("asyncpg", reason="PostgreSQL's driver is not installed: batuta[postgres]")
    programs = [shutil.which(name) for name in ("initdb", "postgres")]
    if None in programs:
        pytest.skip("there is no PostgreSQL on this machine")
    initdb, postgres = (str(program) for program in programs)
    user = "nobody" if os.getuid() == 0 else None  # it refuses to run as root
    base = Path(tempfile.mkdtemp(prefix="batuta-pg-"))
    if user:
        shutil.chown(base, user)
    port = free_port()
    subprocess.run(
        [initdb, "-D", str(base / "data"), "-U", "batuta", "-A", "trust", "-N", "--no-locale", "-E", "UTF8"],
        check=True,
        capture_output=True,
        user=user,
        cwd=base,
        timeout=120,
    )
    words = [postgres, "-D", str(base / "data"), "-p", str(port), "-h", "127.0.0.1", "-k", str(base), "-F"]
    server = subprocess.Popen(words, user=user, cwd=base, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until(lambda: answers(port), within=30, what="PostgreSQL listens")
        yield f"postgresql://batuta@127.0.0.1:{port}/postgres"
    finally:
        server.terminate()
        server.wait(timeout=30)
        shutil.rmtree(base, ignore_errors=True)


def answers(port: int) -> bool:
    """Say whether somebody listens there."""
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


def died(name: str, error: BaseException) -> None:
    """Let no background task die unseen."""
    raise AssertionError(f"{name}: {error!r}")


@asynccontextmanager
async def started(url: str, folder: Path) -> AsyncIterator[tuple[Store, Vault]]:
    """Run a vault over the server for the block."""
    store = await connected(url)
    vault = Vault(store, Sources("file", folder, {}), clock=SystemClock(), on_error=died)
    try:
        await vault.open()
        yield store, vault
    finally:
        await vault.aclose()
        await store.aclose()


async def connected(url: str) -> Store:
    """Open the store; a server that is just starting refuses for some moments."""
    store = Store(url)
    await store.open()
    return store


async def execute(store: Store, statement: str) -> None:
    """Run a statement as somebody with access to the database would."""
    await store.run(lambda connection: connection.execute(sa.text(statement)))


async def test_the_vault_keeps_its_promises_on_a_server(url: str, data_dir: Path) -> None:
    """Keys come back, changes and notes are kept, two gateways do not undo each other, what is swapped is found."""
    async with started(url, data_dir) as (_, vault):
        one = await vault.add("openai", Secret(KEY), label="one")
        two = await vault.add("openai", Secret(OTHER), label="two")
        await vault.edit(two.id, position=0, enabled=False)
        vault.note_outcome(one.id, "invalid", "no")
    async with started(url, data_dir) as (_, first), started(url, data_dir) as (store, second):
        assert [(each.label, each.enabled, each.last_outcome) for each in first.keys(None)] == [
            ("two", False, ""),
            ("one", True, "invalid"),
        ]
        await first.add("mistral", Secret(OTHER))
        await second.rotate()
        await first.add("groq", Secret(KEY))
        assert {first.reveal(each.id).reveal() for each in first.keys(None)} == {KEY, OTHER}
        swap = "UPDATE keys SET sealed = (SELECT sealed FROM keys WHERE label = 'two') WHERE label = 'one'"
        await execute(store, swap)
        version = await store.run(lambda connection: connection.execute(sa.text("SELECT * FROM alembic_version")))
        assert version.scalar() == SCHEMA
    async with started(url, data_dir) as (_, vault):
        with pytest.raises(VaultTampered):
            vault.reveal(one.id)
        assert vault.reveal(two.id).matches(OTHER)
        for each in vault.keys(None):
            await vault.remove(each.id)


async def test_an_older_server_database_gets_the_tables(url: str, data_dir: Path) -> None:
    """A database of the version before the vault is brought up to date and used."""
    store = await connected(url)
    try:
        for name in set(metadata.tables) - set(TABLES):  # all that came later
            await execute(store, f'DROP TABLE "{name}"')
        for column in m0005_learned.COLUMNS:
            await execute(store, f'ALTER TABLE models DROP COLUMN "{column}"')
        await execute(store, "UPDATE alembic_version SET version_num = '0002'")
    finally:
        await store.aclose()
    async with started(url, data_dir) as (_, vault):
        record = await vault.add("openai", Secret(KEY))
        assert vault.reveal(record.id).matches(KEY)
        await vault.remove(record.id)
