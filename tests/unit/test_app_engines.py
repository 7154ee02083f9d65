"""Programs that a person runs, behind the whole of Batuta but its loader and its port: found, told, followed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from batuta.app import App
from batuta.engines import registry
from batuta.errors import CannotUnload
from batuta.lifecycle.states import ModelState
from batuta.settings import ProviderSettings, Settings
from batuta.testing.llama_server.server import FakeLlamaServer
from batuta.testing.lmstudio.server import FakeLMStudio
from batuta.testing.local_server import GIB, FakeModel, LocalServer, MemoryPool
from batuta.testing.ollama.server import FakeOllama
from batuta.testing.vllm.server import FakeVLLM

S = ModelState
MODELS = (FakeModel("qwen3:8b", size=GIB), FakeModel("org/my model", size=GIB))
WITHIN_S = 1.0  # the promise to whoever looks


@asynccontextmanager
async def gateway(data_dir: Path, kind: str, server: LocalServer) -> AsyncIterator[App]:
    settings = Settings(
        data_dir=data_dir,
        models_dirs=(data_dir,),
        discover=False,
        memory={"budget": 16 * GIB},  # type: ignore[arg-type]  # as a settings file has it
        providers=(ProviderSettings(id=kind, kind=kind, base_url=server.url),),
    )

    def make() -> App:  # in a thread: it reads folders, templates and what packages offer
        registry.kinds()
        registry.engine_of(f"batuta.engines.{kind}.engine", kind)
        return App(settings)

    app = await asyncio.to_thread(make)
    await app.runner.start()
    await app.catalog.start()
    await app.catalog.refresh()
    try:
        yield app
    finally:
        for part in (app.tasks, app.runner, app.catalog, app.engines):
            await part.aclose()


async def until(holds: Callable[[], bool], *, within_s: float = WITHIN_S) -> None:
    async with asyncio.timeout(within_s):
        while not holds():  # noqa: ASYNC110  # what is waited for is a state, as a page shows it
            await asyncio.sleep(0.005)


async def post(server: LocalServer, path: str, body: dict[str, object]) -> None:
    async with aiohttp.ClientSession() as session, session.post(f"{server.url}{path}", json=body) as answer:
        assert answer.status == 200, await answer.text()


LOAD = {"ollama": ("/api/generate", {"keep_alive": -1}), "lmstudio": ("/api/v1/models/load", {})}
UNLOAD = {"ollama": ("/api/generate", {"keep_alive": 0}), "lmstudio": ("/api/v1/models/unload", {})}
NAME = {"ollama": "model", "lmstudio": "instance_id"}


@pytest.fixture(params=["ollama", "lmstudio"])
async def server(request: pytest.FixtureRequest) -> AsyncIterator[LocalServer]:
    kinds: dict[str, type[FakeOllama | FakeLMStudio]] = {"ollama": FakeOllama, "lmstudio": FakeLMStudio}
    async with kinds[request.param](MODELS, memory=MemoryPool(8 * GIB)) as made:
        made.name = request.param
        yield made


async def test_what_happens_behind_our_back_is_told_within_a_second(data_dir: Path, server: LocalServer) -> None:
    """Loaded and unloaded by somebody else: whoever looks sees it, and the books follow."""
    kind = server.name
    async with gateway(data_dir, kind, server) as app:
        model = next(m for m in app.catalog.specs() if "qwen3" in m)
        spec, known = app.catalog.specs()[model], app.runner.lifecycle.residencies
        state = app.catalog.provider(kind)
        assert state is not None
        assert (state.is_online, spec.is_loadable, known[model].state) == (True, True, S.ABSENT)
        with app.bus.subscribe():
            path, body = LOAD[kind]
            await post(server, path, {"model": spec.address, **body})
            await until(lambda: known[model].state is S.READY)
            ledger = app.runner.lifecycle.ledgers[known[model].spec.device]
            assert ledger.holds(model) >= GIB
            path, body = UNLOAD[kind]
            await post(server, path, {NAME[kind]: spec.address, **body})
            await until(lambda: known[model].state is S.ABSENT)
            assert ledger.reserved == 0


async def test_a_program_that_ends_and_comes_back_is_followed(data_dir: Path) -> None:
    """Offline within a second, with nothing in the books; back by itself, and its models load again."""
    first = await FakeOllama(MODELS, memory=MemoryPool(8 * GIB)).start()
    async with gateway(data_dir, "ollama", first) as app:
        model, known = "ollama/qwen3:8b", app.runner.lifecycle.residencies
        with app.bus.subscribe():
            await app.runner.wait_ready(model, deadline=app.clock.monotonic() + 5)
            await first.stop()
            await until(lambda: app.catalog.is_offline("ollama") and known[model].state is S.ABSENT)
            assert not any(ledger.reserved for ledger in app.runner.lifecycle.ledgers.values())
            async with FakeOllama(MODELS, port=first.port, memory=MemoryPool(8 * GIB)):
                await until(lambda: not app.catalog.is_offline("ollama"), within_s=3.0)
                await app.runner.wait_ready(model, deadline=app.clock.monotonic() + 5)


@pytest.mark.parametrize("kind", ["llama_server", "vllm"])
async def test_a_server_that_holds_one_model_is_never_told_to_let_it_go(data_dir: Path, kind: str) -> None:
    """It is ready with the context it was started with, answers an unload with how to stop it, and stays."""
    model = FakeModel("m", size=GIB, context=32_768)
    server: LocalServer = (
        FakeLlamaServer([model]) if kind == "llama_server" else FakeVLLM([model], has_sleep_routes=False)
    )
    async with server:
        async with gateway(data_dir, kind, server) as app:
            await until(lambda: app.runner.view(f"{kind}/m").fixed != "")
            assert app.catalog.specs()[f"{kind}/m"].context_length == 32_768
            with pytest.raises(CannotUnload, match="stop it yourself"):
                app.runner.unload(f"{kind}/m")
            assert app.runner.view(f"{kind}/m").state is S.READY
        assert not [path for method, path in server.seen if method == "POST"]
