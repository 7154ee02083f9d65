"""A process that is killed while it writes the catalog leaves a sound database behind: the old state or the new one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from batuta.catalog import sqlite_file
from batuta.catalog.rows import contents_of
from batuta.catalog.store import FILE, SCHEMA

pytestmark = pytest.mark.acceptance

KILLS = 40
# One parent loads SQLAlchemy and forks; each child writes as fast as it can until it is killed. Every other one is
# killed at a random instant from its start on, the rest once they have written, so that a slow machine writes as well.
# Every transaction gives two models the same TTL, so a half one shows.
NURSERY = """
import asyncio, os, random, signal, sys, time
from pathlib import Path
from batuta.catalog import sql
from batuta.catalog.records import LOCAL, Choices, Found, ModelRecord
from batuta.catalog.store import Store

async def write(folder, pipe):
    store = Store.in_folder(folder)
    await store.open()
    await store.save_providers([(LOCAL, "builtin")])
    number = 0
    while True:
        number += 1
        choices = Choices(ttl_s=float(number))
        await store.save_models(ModelRecord(i, "local", Found(f"/{i}"), choices) for i in ("a", "b"))
        if number == 2:
            os.write(pipe, b"w")

chance = random.Random(7)
for kill in range(int(sys.argv[2])):
    out, into = os.pipe()
    child = os.fork()
    if child == 0:
        asyncio.run(write(Path(sys.argv[1]), into))
    os.close(into)
    if kill % 2:
        assert os.read(out, 1) == b"w"
    time.sleep(chance.uniform(0.0, 0.06))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    os.close(out)
"""


def test_no_kill_breaks_the_catalog(data_dir: Path) -> None:
    """After forty kills the file is sound, has our version, and no transaction is in it by half."""
    subprocess.run([sys.executable, "-c", NURSERY, str(data_dir), str(KILLS)], check=True, timeout=120)
    found = sqlite_file.look(data_dir / FILE, schema=SCHEMA)
    assert (found.damage, found.version) == (None, SCHEMA)
    assert found.rows is not None
    models = contents_of(found.rows).models
    assert [record.id for record in models] == ["a", "b"]
    assert len({record.choices.ttl_s for record in models}) == 1
    assert models[0].choices.ttl_s
    assert models[0].choices.ttl_s > 1
