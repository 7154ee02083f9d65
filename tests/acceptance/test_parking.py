"""Parking through a real loader: the worker, the process of the model, and what is told of its memory."""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from batuta.catalog.entities import ModelSpec, Tier
from batuta.engines.base import EngineHealth, LoadReport, Resident
from batuta.engines.local_worker import LocalWorker
from batuta.engines.transport import Transport
from batuta.errors import Cause, ModelFailed, UpstreamUnreachable
from batuta.settings import EngineSettings
from batuta.testing.safetensors import tiny_safetensors
from tests.acceptance.loader_play import Stage, post, stage, until

MISSING = [name for name in ("torch", "transformers") if importlib.util.find_spec(name) is None]
pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.skipif(bool(MISSING), reason=f"the extra `transformers` is not installed: {', '.join(MISSING)}"),
]
LOAD_S = 120.0  # PyTorch alone takes seconds to import, and many more on a busy machine
ASK = {"prompt": "abc", "max_tokens": 16, "temperature": 0}


class Play:
    """A loader, a worker on it, and a model that can be parked where the test asks for it."""

    def __init__(self, loader: Stage, worker: LocalWorker, **shape: int) -> None:
        self.loader = loader
        self.worker = worker
        self.gone: list[tuple[str, str]] = []
        worker.watch(lambda model, reason: self.gone.append((model, reason)))
        folder = tiny_safetensors(loader.models / "talker", context=2048, **shape)  # type: ignore[arg-type]
        self.weights = (folder / "model.safetensors").stat().st_size
        self.spec = ModelSpec(
            "talker", "local", str(folder), context_length=1024, options={"parking": "on", "device": "cpu"}
        )

    async def load(self) -> LoadReport:
        return await self.worker.load(self.spec, lambda _progress: None)

    async def record(self) -> dict[str, Any]:
        [record] = (await self.loader.client.status())["models"]
        return dict(record)

    async def resident(self) -> Resident:
        [resident] = await self.worker.resident()
        return resident

    async def says(self) -> str:
        status, body = await post(await self.record(), "completions", ASK)
        assert status == 200, body
        return str(body["choices"][0]["text"])


@asynccontextmanager
async def play(data: Path, **shape: int) -> AsyncIterator[Play]:
    transport = Transport()
    async with stage(data) as loader:
        try:
            worker = LocalWorker(loader.client, transport, settings=EngineSettings(), load_timeout_s=LOAD_S)
            yield Play(loader, worker, **shape)
        finally:
            await transport.aclose()


async def test_a_parked_model_comes_back_in_its_own_process(data_dir: Path) -> None:
    """Asleep it is told of with what it holds in RAM, answers nobody, and wakes with the same words."""
    async with play(data_dir, hidden=1024, layers=6) as on:
        first = await on.load()
        assert (first.tier is not Tier.PARKED, first.was_resident) == (True, False)
        words, awake = await on.says(), await on.record()
        assert not (await on.resident()).is_asleep

        await on.worker.sleep(on.spec)
        asleep = await on.resident()
        assert (asleep.is_asleep, asleep.is_loading) == (True, False)
        weights = on.weights
        assert asleep.memory_bytes < awake["memory_bytes"] - 0.9 * weights  # the arena is back with the system
        assert asleep.memory_bytes > weights
        assert (await on.worker.probe(on.spec)).health is EngineHealth.ABSENT
        with pytest.raises(UpstreamUnreachable):
            await on.worker.embed(on.spec, ["x"])
        status, body = await post(await on.record(), "completions", ASK)
        assert (status, body["error"]["type"]) == (503, "unavailable_error")
        status, body = await post(await on.record(), "embeddings", {"input": "x"})
        assert (status, "parked" in body["error"]["message"]) == (503, True)
        await on.worker.sleep(on.spec)  # asked twice, it sleeps on

        report = await on.load()
        assert (report.tier, report.was_resident) == (Tier.PARKED, False)
        assert report.seconds < first.seconds / 4
        again = await on.record()
        assert (again["pid"], again["state"]) == (awake["pid"], "ready")
        assert (await on.worker.probe(on.spec)).health is EngineHealth.READY
        assert await on.says() == words
        assert (await on.load()).tier is Tier.RESIDENT
        assert on.gone == []


async def test_parking_waits_for_the_answer_under_way(data_dir: Path) -> None:
    """Nothing is cut: it ends as it would have, and a load that comes meanwhile wakes the model afterwards."""
    async with play(data_dir) as on:
        await on.load()
        record = await on.record()
        ask = {**ASK, "max_tokens": 200}
        _, whole = await post(record, "completions", ask)
        running = asyncio.get_running_loop().create_task(post(record, "completions", ask))
        await asyncio.sleep(0.05)
        parking = asyncio.get_running_loop().create_task(on.worker.sleep(on.spec))
        await until(lambda: any(e.get("model", {}).get("state") == "parking" for e in states(on)), patience=5)
        reports = await asyncio.gather(on.load(), on.load())
        await parking
        status, cut = await running
        assert (status, cut["choices"][0]["text"]) == (200, whole["choices"][0]["text"])
        assert Tier.PARKED in {report.tier for report in reports}
        assert (await on.record())["state"] == "ready"


def states(on: Play) -> list[dict[str, Any]]:
    return [event for event in on.loader.events if event.get("event") == "state"]


async def test_a_parked_model_can_be_unloaded_and_its_end_is_told(data_dir: Path) -> None:
    """Unloading ends its process; a process that dies asleep is gone as any other, and a load begins it anew."""
    async with play(data_dir) as on:
        await on.load()
        await on.worker.sleep(on.spec)
        pid = (await on.record())["pid"]
        await on.worker.unload(on.spec)
        assert not psutil.pid_exists(pid)
        assert await on.worker.resident() == ()
        assert on.gone == []

        await on.load()
        await on.worker.sleep(on.spec)
        psutil.Process((await on.record())["pid"]).kill()
        await until(lambda: bool(on.gone), patience=5)
        assert (await on.load()).tier is not Tier.PARKED
        await on.says()


async def test_too_little_memory_leaves_it_parked(data_dir: Path) -> None:
    """The load that should wake it fails as out of memory, and the model sleeps on."""
    async with play(data_dir, hidden=1024, layers=6) as on:
        await on.load()
        words = await on.says()
        await on.worker.sleep(on.spec)
        process = psutil.Process((await on.record())["pid"])
        limits = process.rlimit(psutil.RLIMIT_AS)
        process.rlimit(psutil.RLIMIT_AS, (process.memory_info().vms + (4 << 20), limits[1]))
        with pytest.raises(ModelFailed, match="stays parked: out of memory") as caught:
            await on.load()
        assert caught.value.cause is Cause.OUT_OF_MEMORY
        assert (await on.resident()).is_asleep
        process.rlimit(psutil.RLIMIT_AS, limits)
        assert (await on.load()).tier is Tier.PARKED
        assert await on.says() == words
