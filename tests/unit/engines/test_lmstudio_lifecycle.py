"""LM Studio under the lifecycle: what is wanted is in memory, whatever LM Studio and its other users do meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from batuta.catalog.entities import MemoryNeed, ModelSpec, Provider
from batuta.chat.types import ChatRequest, Message
from batuta.clock import SystemClock
from batuta.engines.lmstudio.engine import LMStudioEngine
from batuta.engines.transport import Transport
from batuta.errors import BatutaError, Cause, ModelFailed, UpstreamUnreachable
from batuta.lifecycle.events import Priority
from batuta.lifecycle.ledger import MemoryLedger
from batuta.lifecycle.machine import Lifecycle
from batuta.lifecycle.runner import Runner
from batuta.lifecycle.states import ModelState
from batuta.observe.bus import Bus
from batuta.testing.lmstudio.server import FakeLMStudio
from batuta.testing.local_server import GIB, FakeModel, MemoryPool

BRAIN, CODER = (
    ModelSpec(
        f"lmstudio/{name}",
        "lmstudio",
        name,
        memory=MemoryNeed(weights=size * GIB),
        is_local=True,
        is_loadable=True,
    )
    for name, size in (("brain-13b", 13), ("coder-9b", 9))
)


@dataclass
class Stage:
    """A runner over an engine over the fake."""

    runner: Runner
    server: FakeLMStudio

    async def ask(self, spec: ModelSpec) -> str:
        """Lease the model and chat."""
        deadline = SystemClock().monotonic() + 5
        async with self.runner.lease(spec.id, deadline=deadline, priority=Priority.INTERACTIVE) as lease:
            chat = lease.engine.chat(lease.spec, ChatRequest("m", (Message("user", "one two"),), stream=True))
            return "".join([delta.text async for delta in chat])

    def state(self, spec: ModelSpec) -> ModelState:
        return self.runner.lifecycle.residencies[spec.id].state


@asynccontextmanager
async def stage() -> AsyncIterator[Stage]:
    models = [FakeModel(spec.address, size=spec.memory.weights, load_s=0.01) for spec in (BRAIN, CODER)]
    died: list[tuple[str, BaseException]] = []
    async with FakeLMStudio(models, memory=MemoryPool(16 * GIB, late_s=0.02)) as server:
        transport = Transport()
        engine = LMStudioEngine(
            Provider("lmstudio", "lmstudio", base_url=server.url, is_local=True), transport, poll_s=0.002
        )
        lifecycle = Lifecycle({"host": MemoryLedger("host", 16 * GIB)})
        runner = Runner(lifecycle, clock=SystemClock(), bus=Bus(), on_error=lambda *error: died.append(error))
        for spec in (BRAIN, CODER):
            runner.register(spec, engine)
        try:
            yield Stage(runner, server)
        finally:
            await runner.aclose()
            await engine.aclose()
            await transport.aclose()
        lifecycle.check()
        assert not died


async def test_ten_who_want_a_cold_model_share_one_load() -> None:
    """Everybody is answered by the one copy there is."""
    async with stage() as play:
        assert await asyncio.gather(*(play.ask(BRAIN) for _ in range(10))) == ["two one"] * 10
        assert play.server.seen.count(("POST", "/api/v1/models/load")) == 1


async def test_two_models_take_turns_in_memory_for_one() -> None:
    """One goes before the other comes, also when the device gives its bytes back late."""
    async with stage() as play:
        for spec in (BRAIN, CODER, BRAIN):
            assert await play.ask(spec) == "two one"
            assert list(play.server.shelf.instances) == [spec.address]


async def test_a_model_that_was_ejected_is_loaded_again() -> None:
    """The first request finds out, none of it is answered by another, and the next is answered after a load."""
    async with stage() as play:
        await play.ask(CODER)
        play.server.crash(CODER.address)
        with pytest.raises((UpstreamUnreachable, ModelFailed)):
            await play.ask(CODER)
        assert play.state(CODER) is ModelState.ABSENT
        assert await play.ask(CODER) == "two one"


async def test_an_engine_that_is_gone_is_the_cause() -> None:
    """With LM Studio ended, its models are absent, and who wants one hears why."""
    async with stage() as play:
        await play.ask(CODER)
        await play.server.stop()
        with pytest.raises(UpstreamUnreachable):
            await play.ask(CODER)
        assert play.state(CODER) is ModelState.ABSENT
        with pytest.raises(BatutaError) as caught:
            await play.ask(CODER)
        assert caught.value.cause is Cause.ENGINE_OFFLINE
