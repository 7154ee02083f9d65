"""The page cache as a real loader and its engine see it: told, filled ahead of a load, and reported with the load."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

from batuta.catalog.entities import ModelSpec, Tier
from batuta.engines.base import WarmingEngine
from batuta.engines.local_worker import LocalWorker
from batuta.engines.transport import Transport
from batuta.errors import BadModelFile, LoaderDown
from batuta.loader.client import LoaderClient
from batuta.settings import EngineSettings
from tests.acceptance.loader_play import Stage, stage, until

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what its page cache holds"),
]


def drop(path: Path) -> None:
    """Ask the system to take a file out of its page cache."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


async def test_what_is_cached_is_told_and_what_is_not_is_read_ahead(data_dir: Path) -> None:
    """Dropped, a model's share falls; warmed, all of it is there, and the bytes that were read are said."""
    async with stage(data_dir) as play:
        path = str(play.large())
        assert await play.client.cached(path) == 1.0
        drop(play.large())
        before = await play.client.cached(path)
        assert before is not None
        told = await play.client.warm(path)
        assert await play.client.cached(path) == 1.0
        assert told["stopped"] == ""
        assert (told["read"] > 0) == (before < 1.0)
        assert (await play.client.warm(path)) == {"read": 0, "stopped": ""}


async def test_only_model_files_are_read(data_dir: Path) -> None:
    """Neither question is a way to have other files read."""
    (data_dir / "secret.gguf").write_bytes(b"x" * 1000)
    async with stage(data_dir) as play:
        for question in (play.client.cached, play.client.warm):
            with pytest.raises(BadModelFile):
                await question(str(data_dir / "secret.gguf"))


async def test_a_warming_ends_with_the_client_that_wanted_it(data_dir: Path) -> None:
    """The gateway goes: nothing is read for it any more, and the next one's turn comes at once."""
    async with stage(data_dir) as play:
        path = vast(play)
        gateway = LoaderClient()
        await play.connect(gateway)
        async with asyncio.TaskGroup() as group:
            group.create_task(_is_cut_off(gateway, path))
            await until(lambda: read_bytes(play) > 16 << 20, patience=5)
            await gateway.aclose()
        await play.client.ask("ping")
        read = read_bytes(play)
        await asyncio.sleep(0.3)
        assert read_bytes(play) - read <= 16 << 20
        assert (await asyncio.wait_for(play.client.warm(str(play.small)), 5))["stopped"] == ""


async def _is_cut_off(gateway: LoaderClient, path: Path) -> None:
    with pytest.raises(LoaderDown, match="went away"):
        await gateway.warm(str(path))


def vast(play: Stage) -> Path:
    """Return a model file that takes seconds to read ahead: a sound one with a gigabyte of nothing behind it."""
    path = play.large()
    with path.open("rb+") as file:
        file.truncate(path.stat().st_size + (1 << 30))
    return path


def read_bytes(play: Stage) -> int:
    """Return what the loader has read by calls since it was started."""
    assert play.process is not None
    fields = dict(line.split(": ") for line in Path(f"/proc/{play.process.pid}/io").read_text().splitlines())
    return int(fields["rchar"])


async def test_the_engine_reports_where_the_bytes_came_from(data_dir: Path) -> None:
    """A load says from which tier it came; a model that was there already came from nowhere."""
    transport = Transport()
    try:
        async with stage(data_dir) as play:
            worker = LocalWorker(play.client, transport, settings=EngineSettings())
            assert isinstance(worker, WarmingEngine)
            spec = ModelSpec("large", "local", str(play.large()), context_length=1024, slots=1)
            assert await worker.cached_share(spec) == 1.0
            assert (await worker.load(spec, lambda _progress: None)).tier is Tier.CACHED
            assert (await worker.load(spec, lambda _progress: None)).tier is Tier.RESIDENT
            await worker.unload(spec)
            drop(play.large())
            share = await worker.cached_share(spec)
            assert share is not None
            tier = (await worker.load(spec, lambda _progress: None)).tier
            assert tier is (Tier.CACHED if share >= 0.9 else Tier.DISK)
            await worker.warm(spec)
            gone = ModelSpec("gone", "local", str(data_dir / "models" / "gone.gguf"))
            assert await worker.cached_share(gone) is None
            await worker.warm(gone)
    finally:
        await transport.aclose()


async def test_an_unload_says_how_long_it_took(data_dir: Path) -> None:
    """Seconds until the process was gone, seconds until its memory was seen to be back, and nothing to note."""
    async with stage(data_dir) as play:
        await play.load()
        told = await play.client.unload("small")
        assert 0 < told["stop_s"] < 5
        assert told["note"] == ""
        event, _ = await play.event("unloaded")
        assert event == {"event": "unloaded", "model": "small", **told}
        assert await play.client.unload("small") == {}
