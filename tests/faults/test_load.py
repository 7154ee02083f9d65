"""Many at once: ten thousand who wait, two thousand files to look at, and no more file descriptors to be had."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import os
import resource
import socket
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest

from batuta.errors import Cause
from batuta.lifecycle.events import Priority
from batuta.testing.gguf import tiny_gguf
from tests.support.running import Batuta, installation, until
from tests.unit.gateway.stage import stage

CROWD = 10_000
EACH = 20 * 1024  # bytes for one who waits
FILES = 2000
LAG_S = 0.25  # on a busy machine of two cores; a blocking call of the kind looked for takes a second and more
FEW = 64


async def test_ten_thousand_who_wait_are_cheap_and_all_are_served() -> None:
    """They wait for one load at some kilobytes each; half of them leave at no cost; one load serves the rest."""
    async with stage(limit=CROWD + 1) as it:
        loop = asyncio.get_running_loop()

        async def wait() -> None:
            async with it.runner.lease("brain", deadline=it.clock.monotonic() + 180, priority=Priority.NORMAL):
                return

        tracemalloc.start()
        try:
            before, _ = tracemalloc.get_traced_memory()
            waiting = [loop.create_task(wait()) for _ in range(CROWD)]
            await asyncio.sleep(0)
            after, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert (after - before) / CROWD < EACH
        assert len(it.lifecycle.waiting) == CROWD
        began = time.monotonic()
        for task in waiting[::2]:
            task.cancel()
        await asyncio.gather(*waiting[::2], return_exceptions=True)
        assert time.monotonic() - began < 5.0
        assert len(it.lifecycle.waiting) == CROWD // 2
        await it.clock.advance(30.0)
        await asyncio.gather(*waiting[1::2])
        assert it.engine.loads["brain"] == 1


async def test_ten_thousand_who_wait_for_a_load_that_fails_are_all_told() -> None:
    """One failure, the same cause for each, and nobody is forgotten."""
    async with stage(limit=CROWD + 1) as it:
        it.engine.fail_load("brain", Cause.CORRUPT_FILE)
        calls = [it.call("brain") for _ in range(CROWD)]
        tasks = [asyncio.get_running_loop().create_task(it.ask(call)) for call in calls]
        await it.clock.advance(30.0)
        ends = await asyncio.gather(*tasks, return_exceptions=True)
        assert {getattr(end, "cause", end) for end in ends} == {Cause.CORRUPT_FILE}


LAG_PROBE = """
import asyncio, sys, time
from pathlib import Path
from batuta.catalog.files import reader
from batuta.catalog.service import Catalog
from batuta.catalog.store import Store
from batuta.clock import SystemClock
from batuta.loader.gguf import inspect
from batuta.loader.memory import estimate
from batuta.settings import Settings

async def nobody(provider):
    return ()

async def main(folder):
    settings = Settings(data_dir=folder)
    catalog = Catalog(Store.in_folder(folder), settings=settings, clock=SystemClock(),
                      read_file=reader(inspect, estimate), list_models=nobody, on_error=print)
    longest = 0.0

    async def probe():
        nonlocal longest
        while True:
            asked = time.perf_counter()
            await asyncio.sleep(0.001)
            longest = max(longest, time.perf_counter() - asked - 0.001)

    task = asyncio.create_task(probe())
    await catalog.start()
    await catalog.refresh()
    task.cancel()
    print(len(catalog.specs()), longest)
    await catalog.aclose()

asyncio.run(main(Path(sys.argv[1])))
"""


@pytest.mark.acceptance
def test_looking_at_two_thousand_files_does_not_stop_the_loop(data_dir: Path) -> None:
    """Found, merged, written into a new database, SQLAlchemy loaded for it: streams would go on all the while."""
    (data_dir / "models").mkdir()
    content = tiny_gguf(data_dir / "one.gguf").read_bytes()
    for number in range(FILES):
        path = data_dir / "models" / f"model-{number}.gguf"
        path.write_bytes(content[:32_768])  # the header; what follows is never read, and takes no room
        os.truncate(path, len(content))
    done = subprocess.run(
        [sys.executable, "-c", LAG_PROBE, str(data_dir)], capture_output=True, text=True, check=False, timeout=60
    )
    found, lag = done.stdout.split() or (0, 0)
    assert int(found) == FILES, done.stderr
    assert float(lag) < LAG_S


@pytest.mark.acceptance
def test_without_file_descriptors_it_refuses_and_recovers(data_dir: Path) -> None:
    """No more than 64: who is connected is served, the rest wait or are refused; when they leave all is as before."""
    (data_dir / "models").mkdir()
    tiny_gguf(data_dir / "models" / "small.gguf")
    with installation(data_dir, "--set", "engine.threads=1") as batuta:
        until(lambda: batuta.chat("small").status == 200, what="the first answer")
        hard = resource.prlimit(batuta.pid, resource.RLIMIT_NOFILE)[1]
        resource.prlimit(batuta.pid, resource.RLIMIT_NOFILE, (FEW, hard))
        parts = urlsplit(batuta.url)
        kept = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=10)
        assert _health(kept) == "healthy"
        crowd: list[socket.socket] = []
        try:
            crowd.extend(_connections(2 * FEW, str(parts.hostname), int(parts.port or 0)))
            assert _health(kept) == "healthy", "who is connected is served"
            until(lambda: psutil.Process(batuta.pid).num_fds() >= FEW - 2, what="it has no more")
            busy = _processor_s(batuta)
            time.sleep(0.5)
            assert _processor_s(batuta) - busy < 0.4, "it waits for better times; it does not spin"
            assert _health(kept) == "healthy"
        finally:
            for each in crowd:
                each.close()
        reply = until(lambda: _try(batuta), within=15.0, what="all is as before")
        assert reply == 200
        kept.close()
        assert psutil.Process(batuta.pid).num_fds() < FEW
        log = (data_dir / "logs" / "gateway.log").read_bytes()
        assert len(log) < 256 * 1024, "a shortage is told, not screamed"


def _connections(count: int, host: str, port: int) -> Iterator[socket.socket]:
    for _ in range(count):
        yield socket.create_connection((host, port), timeout=5)


def _health(connection: http.client.HTTPConnection) -> str:
    connection.request("GET", "/health")
    return str(json.loads(connection.getresponse().read())["status"])


def _processor_s(batuta: Batuta) -> float:
    times = psutil.Process(batuta.pid).cpu_times()
    return float(times.user + times.system)


def _try(batuta: Batuta) -> int | None:
    with contextlib.suppress(OSError, http.client.HTTPException):
        if (status := batuta.chat("small").status) == 200:
            return status
    return None
