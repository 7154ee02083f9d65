"""The engine over the loader, with a real model: what the gateway and the lifecycle see of it."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import orjson
import pytest

from batuta.catalog.entities import ModelSpec
from batuta.chat.types import ChatRequest, FinishReason, Message, Sampling
from batuta.engines.base import EngineHealth, LoadableEngine, LoadProgress, PassThroughEngine, RawCall
from batuta.engines.local_worker import LocalWorker
from batuta.engines.transport import Transport
from batuta.errors import BadModelFile, BatutaError, LoaderDown, StreamBroken, UpstreamUnreachable
from batuta.settings import EngineSettings
from tests.acceptance.loader_play import Stage, send, stage, until

pytestmark = pytest.mark.acceptance


class Play:
    """A loader, a worker on it, and what the worker reported as gone."""

    def __init__(self, loader: Stage, worker: LocalWorker) -> None:
        self.loader = loader
        self.worker = worker
        self.gone: list[tuple[str, str]] = []
        worker.watch(lambda model, reason: self.gone.append((model, reason)))
        self.spec = ModelSpec("brain", "local", str(loader.small), context_length=1024, slots=2)

    async def load(self) -> list[LoadProgress]:
        progress: list[LoadProgress] = []
        await self.worker.load(self.spec, progress.append)
        return progress

    async def pid(self) -> int:
        [record] = (await self.loader.client.status())["models"]
        return int(record["pid"])


@asynccontextmanager
async def play(data: Path, *options: str) -> AsyncIterator[Play]:
    """A running loader with a worker."""
    transport = Transport()
    async with stage(data, *options) as loader:
        try:
            worker = LocalWorker(loader.client, transport, settings=EngineSettings(), loader_patience_s=0.2)
            yield Play(loader, worker)
        finally:
            await transport.aclose()


def ask(tokens: int = 8, *, stream: bool = True) -> ChatRequest:
    return ChatRequest("brain", (Message("user", "Hello"),), sampling=Sampling(max_tokens=tokens), stream=stream)


def raw(tokens: int = 8, *, stream: bool = True) -> RawCall:
    body = {
        "model": "brain",
        "messages": [{"role": "user", "content": "Hello"}],
        "max_tokens": tokens,
        "stream": stream,
    }
    return RawCall("chat/completions", orjson.dumps(body), stream, asyncio.get_running_loop().time() + 10)


async def test_it_keeps_both_protocols(data_dir: Path) -> None:
    """The lifecycle can load it and the gateway can pass bytes through it."""
    async with play(data_dir) as on:
        assert isinstance(on.worker, LoadableEngine)
        assert isinstance(on.worker, PassThroughEngine)


async def test_load_answer_unload(data_dir: Path) -> None:
    """The whole life of a model through the engine: progress, deltas, bytes, vectors, and gone again."""
    async with play(data_dir) as on:
        assert (await on.worker.probe(on.spec)).health is EngineHealth.ABSENT
        stages = [each.stage for each in await on.load()]
        assert stages[0] == "starting"
        assert "reading" in stages
        assert (await on.worker.probe(on.spec)).health is EngineHealth.READY
        [resident] = await on.worker.resident()
        assert resident.model_id == "brain"
        assert resident.memory_bytes > 10_000_000
        deltas = [delta async for delta in on.worker.chat(on.spec, ask())]
        assert "".join(delta.text for delta in deltas).isprintable()
        assert [delta.finish for delta in deltas if delta.finish] == [FinishReason.LENGTH]
        reply = await on.worker.forward(on.spec, raw(stream=False))
        assert orjson.loads(await reply.read())["model"] == "brain"
        vectors = (await on.worker.embed(on.spec, ["one", "two"])).vectors
        assert [len(vector) for vector in vectors] == [128, 128]
        await on.worker.unload(on.spec)
        assert await on.worker.resident() == ()
        assert on.gone == []


async def test_a_resident_model_is_joined_not_loaded(data_dir: Path) -> None:
    """A worker made on a loader that has the model already uses it, and load returns at once."""
    async with play(data_dir) as on:
        await on.load()
        transport = Transport()
        second = LocalWorker(on.loader.client, transport, settings=EngineSettings())
        await on.loader.client.aclose()
        await on.loader.connect()
        assert (await second.probe(on.spec)).health is EngineHealth.READY
        assert (await second.load(on.spec, lambda _progress: None)).was_resident
        await transport.aclose()


async def test_a_cancelled_load_goes_on(data_dir: Path) -> None:
    """The load belongs to the loader: the caller leaves, the model becomes ready."""
    async with play(data_dir) as on:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(on.load(), 0.03)
        await until(lambda: "brain" in repr(on.worker), patience=5)


async def test_a_killed_loader_breaks_the_stream_and_reports_its_models(data_dir: Path) -> None:
    """SIGKILL of the loader mid-stream: the stream ends with StreamBroken within a second, the model is gone."""
    async with play(data_dir) as on:
        on.spec = replace(on.spec, context_length=1 << 16)  # seconds of an answer, at ten thousand tokens a second
        await on.load()
        deltas = on.worker.chat(on.spec, ask(100_000))
        await anext(aiter(deltas))
        process = on.loader.process
        assert process is not None
        process.kill()
        began = asyncio.get_running_loop().time()
        with pytest.raises(StreamBroken):
            async for _ in deltas:
                pass
        assert asyncio.get_running_loop().time() - began < 1
        await until(lambda: bool(on.gone), patience=1)
        assert on.gone[0][0] == "brain"
        assert (await on.worker.probe(on.spec)).health is EngineHealth.OFFLINE
        assert await on.worker.resident() == ()
        with pytest.raises(LoaderDown):
            await on.load()
        with pytest.raises(UpstreamUnreachable):
            await on.worker.forward(on.spec, raw())
        await on.worker.unload(on.spec)


async def test_a_killed_model_is_reported_and_can_come_back(data_dir: Path) -> None:
    """SIGKILL of a model's process: gone is reported with the reason; a new load works."""
    async with play(data_dir) as on:
        await on.load()
        send(await on.pid(), signal.SIGKILL)
        await until(lambda: bool(on.gone), patience=0.5)
        assert "SIGKILL" in on.gone[0][1]
        with pytest.raises(BatutaError):
            await on.worker.forward(on.spec, raw())
        await on.load()
        assert [delta async for delta in on.worker.chat(on.spec, ask())]


async def test_a_bad_file_keeps_its_type(data_dir: Path) -> None:
    """The loader's typed error reaches the lifecycle as it was raised."""
    async with play(data_dir) as on:
        (data_dir / "models" / "bad.gguf").write_text("nothing")
        spec = ModelSpec("bad", "local", str(data_dir / "models" / "bad.gguf"))
        with pytest.raises(BadModelFile):
            await on.worker.load(spec, lambda _progress: None)
        listed = await on.worker.list_models()
        assert [model.is_resident for model in listed] == [False]
