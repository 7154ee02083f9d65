"""llama-server under the lifecycle: what is wanted is in memory, whatever others do meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import pytest

from batuta.catalog.entities import MemoryNeed, ModelSpec
from batuta.clock import SystemClock
from batuta.engines.llama_server.engine import LlamaServerEngine
from batuta.engines.transport import Transport
from batuta.errors import BatutaError, CannotUnload, Cause, NoFit
from batuta.lifecycle.events import Priority
from batuta.lifecycle.ledger import MemoryLedger
from batuta.lifecycle.machine import Lifecycle
from batuta.lifecycle.runner import Runner
from batuta.lifecycle.states import ModelState
from batuta.observe.bus import Bus
from batuta.testing.fake_engine import FakeEngine
from batuta.testing.llama_server.server import FakeLlamaServer
from batuta.testing.local_server import GIB, FakeModel, MemoryPool
from tests.unit.engines.llama_server_play import ask, provider, spec, until

BRAIN, CODER = (
    spec(name, memory=MemoryNeed(weights=size * GIB)) for name, size in (("org/brain-12b", 12), ("coder-9b", 9))
)


@dataclass
class Stage:
    """A runner over an engine over the fake."""

    runner: Runner
    server: FakeLlamaServer

    async def ask(self, model: ModelSpec, *, within_s: float = 5.0) -> str:
        """Lease the model and chat."""
        deadline = SystemClock().monotonic() + within_s
        async with self.runner.lease(model.id, deadline=deadline, priority=Priority.INTERACTIVE) as lease:
            return "".join([delta.text async for delta in lease.engine.chat(lease.spec, ask("one two"))])

    def state(self, model: ModelSpec) -> ModelState:
        return self.runner.lifecycle.residencies[model.id].state


@asynccontextmanager
async def stage(**how: Any) -> AsyncIterator[Stage]:
    models = [FakeModel(each.address, size=each.memory.weights, load_s=0.004) for each in (BRAIN, CODER)]
    died: list[tuple[str, BaseException]] = []
    how = {"is_router": True, "memory": MemoryPool(14 * GIB, late_s=0.02), **how}
    async with FakeLlamaServer(models, **how) as server:
        transport = Transport()
        engine = LlamaServerEngine(provider(server.url), transport, poll_s=0.002, retry_s=0.002)
        lifecycle = Lifecycle({"host": MemoryLedger("host", 14 * GIB)})
        runner = Runner(lifecycle, clock=SystemClock(), bus=Bus(), on_error=lambda *error: died.append(error))
        for model in (BRAIN, CODER) if server.is_router else (BRAIN,):
            runner.register(model, engine)
        await runner.start()
        try:
            yield Stage(runner, server)
        finally:
            await runner.aclose()
            await engine.aclose()
            await transport.aclose()
        lifecycle.check()
        assert not died


async def test_ten_who_want_a_cold_model_share_one_load() -> None:
    """Everybody is answered by the one process there is."""
    async with stage() as play:
        assert await asyncio.gather(*(play.ask(BRAIN) for _ in range(10))) == ["two one"] * 10
        assert play.server.children.loads == 1


async def test_two_models_take_turns_in_memory_for_one() -> None:
    """One goes before the other comes, also when the device gives its bytes back late."""
    async with stage() as play:
        for model in (BRAIN, CODER, BRAIN):
            assert await play.ask(model) == "two one"
            held = [child.name for child in play.server.children.all.values() if child.is_running]
            assert held == [model.address]


async def test_what_others_load_and_unload_is_known_at_once() -> None:
    """The events tell: ready without a load of ours, and absent again, within a moment."""
    async with stage() as play:
        await until(lambda: play.server.listeners == 1)
        child = play.server.children.all[BRAIN.address]
        await play.server.children.start(child)
        await until(lambda: play.state(BRAIN) is ModelState.READY)
        assert play.server.seen.count(("POST", "/models/load")) == 0
        play.server.children.stop(child)
        await until(lambda: play.state(BRAIN) is ModelState.ABSENT)


async def test_a_model_that_crashed_rests_and_is_loaded_again() -> None:
    """A crash counts against the model, and its rest is short."""
    async with stage() as play:
        await play.ask(CODER)
        await until(lambda: play.server.listeners == 1)
        play.server.crash(CODER.address)
        await until(lambda: play.state(CODER) is ModelState.FAILED)
        assert await play.ask(CODER) == "two one"


async def test_a_model_that_fell_asleep_is_woken_for_a_request() -> None:
    """Asleep it holds no memory in our books; a request has it booked and woken."""
    async with stage() as play:
        await play.ask(BRAIN)
        await until(lambda: play.server.listeners == 1)
        play.server.children.sleep(play.server.children.all[BRAIN.address])
        await until(lambda: play.state(BRAIN) is ModelState.ASLEEP)
        assert await play.ask(BRAIN) == "two one"
        assert play.state(BRAIN) is ModelState.READY


async def test_a_router_that_is_gone_is_the_cause() -> None:
    """Its models are absent, and who wants one hears why."""
    async with stage() as play:
        await play.ask(CODER)
        await until(lambda: play.server.listeners == 1)
        await play.server.stop()
        await until(lambda: play.state(CODER) is ModelState.ABSENT)
        with pytest.raises(BatutaError) as caught:
            await play.ask(CODER)
        assert caught.value.cause is Cause.ENGINE_OFFLINE


async def test_a_server_of_one_model_is_ready_and_stays() -> None:
    """It is found ready without a load, answers, and nobody has it unloaded for another: who could is told at once."""
    async with stage(is_router=False) as play:
        assert await play.ask(BRAIN) == "two one"
        with pytest.raises(CannotUnload, match="stop it where it was started"):
            play.runner.unload(BRAIN.id)
        elsewhere = FakeEngine(SystemClock())
        play.runner.register(replace(CODER, id="coder", provider_id="local"), elsewhere)
        with pytest.raises(NoFit, match="held by a server that Batuta cannot stop: stop it yourself"):
            await play.runner.wait_ready("coder", deadline=SystemClock().monotonic() + 5.0)
        assert play.state(BRAIN) is ModelState.READY
        assert await play.ask(BRAIN) == "two one"
