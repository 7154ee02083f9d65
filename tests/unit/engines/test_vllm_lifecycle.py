"""Two vLLMs under the lifecycle, on a device with room for one: the warm tier, whatever else is done to them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import pytest

from batuta.catalog.entities import MemoryNeed, ModelSpec, Provider
from batuta.chat.types import ChatRequest, Message
from batuta.clock import SystemClock
from batuta.engines.transport import Transport
from batuta.engines.vllm.engine import VLLMEngine
from batuta.errors import BatutaError, CannotUnload
from batuta.lifecycle.events import Priority
from batuta.lifecycle.ledger import MemoryLedger
from batuta.lifecycle.machine import Lifecycle
from batuta.lifecycle.runner import Runner
from batuta.lifecycle.states import ModelState as S
from batuta.observe.bus import Bus
from batuta.testing.local_server import GIB, FakeModel, MemoryPool
from batuta.testing.vllm.server import FakeVLLM

ROOM = 16 * GIB
NAMES = ("brain", "coder")
SPECS = {
    name: ModelSpec(f"{name}/{name}", name, name, memory=MemoryNeed(weights=13 * GIB), is_local=True, is_loadable=True)
    for name in NAMES
}


@dataclass
class Stage:
    """A runner over an engine for each of two servers that share a device."""

    runner: Runner
    servers: dict[str, FakeVLLM]

    async def ask(self, name: str, *, within_s: float = 5.0) -> str:
        """Lease the model and chat."""
        deadline = SystemClock().monotonic() + within_s
        spec = SPECS[name]
        async with self.runner.lease(spec.id, deadline=deadline, priority=Priority.INTERACTIVE) as lease:
            chat = lease.engine.chat(lease.spec, ChatRequest("m", (Message("user", "one two"),), stream=True))
            return "".join([delta.text async for delta in chat])

    def states(self) -> list[S]:
        return [self.runner.lifecycle.residencies[SPECS[name].id].state for name in NAMES]

    def booked(self) -> int:
        return self.runner.lifecycle.ledgers["host"].reserved


@asynccontextmanager
async def stage(*, has_sleep_routes: bool = True, sleep_level: int = 1) -> AsyncIterator[Stage]:
    """Start `brain`, put it to sleep, start `coder`: as a person does who wants both on one device."""
    memory = MemoryPool(ROOM, late_s=0.01)
    died: list[tuple[str, BaseException]] = []
    async with AsyncExitStack() as stack:
        servers = {}
        for name in NAMES:
            model = FakeModel(name, size=13 * GIB)
            room = memory if has_sleep_routes else MemoryPool(ROOM)
            servers[name] = await stack.enter_async_context(
                FakeVLLM([model], memory=room, has_sleep_routes=has_sleep_routes, wake_s=0.002)
            )
            if name == NAMES[0] and has_sleep_routes:
                await servers[name].core.sleep(2, "abort")
                await asyncio.sleep(0.02)
        transport = Transport()
        lifecycle = Lifecycle({"host": MemoryLedger("host", ROOM)})
        runner = Runner(lifecycle, clock=SystemClock(), bus=Bus(), on_error=lambda *error: died.append(error))
        engines = []
        for name, server in servers.items():
            provider = Provider(name, "vllm", base_url=server.url, is_local=True)
            engines.append(VLLMEngine(provider, transport, poll_s=0.002, fresh_s=0.0, sleep_level=sleep_level))
            runner.register(SPECS[name], engines[-1])
        try:
            yield Stage(runner, servers)
        finally:
            await runner.aclose()
            for engine in engines:
                await engine.aclose()
            await transport.aclose()
        lifecycle.check()
        assert not died
        assert not [why for server in servers.values() for why in server.core.crashes if "asleep" in why]


async def test_what_a_person_started_is_seen_as_it_is() -> None:
    """One asleep, one awake; only the one that is awake is booked."""
    async with stage() as play:
        await play.runner.observe()
        assert play.states() == [S.ASLEEP, S.READY]
        assert play.booked() == 13 * GIB


@pytest.mark.parametrize("sleep_level", [1, 2])
async def test_two_models_take_turns_by_sleeping(sleep_level: int) -> None:
    """One sleeps before the other wakes, back and forth; never garbage, never a request to a sleeper."""
    async with stage(sleep_level=sleep_level) as play:
        await play.runner.observe()
        for _ in range(2):
            assert await play.ask("brain") == "two one"
            assert play.states() == [S.READY, S.ASLEEP]
            assert await play.ask("coder") == "two one"
            assert play.states() == [S.ASLEEP, S.READY]
            assert play.booked() == 13 * GIB
        assert play.servers["brain"].core.sleeps[1:] == [(sleep_level, "wait")] * 2


async def test_ten_who_want_a_sleeper_wake_it_once() -> None:
    """All are answered after one wake-up."""
    async with stage() as play:
        await play.runner.observe()
        assert await asyncio.gather(*(play.ask("brain") for _ in range(10))) == ["two one"] * 10
        assert play.servers["brain"].core.awakenings == 1


async def test_a_model_that_somebody_else_puts_to_sleep_is_woken_for_whoever_wants_it() -> None:
    """The request that met it asleep is not sent; the next lease wakes it."""
    async with stage() as play:
        await play.runner.observe()
        await play.servers["coder"].core.sleep(1, "abort")
        with pytest.raises(BatutaError, match="is asleep"):
            await play.ask("coder")
        await play.runner.await_notice(SPECS["coder"].id)
        assert play.states() == [S.ASLEEP, S.ASLEEP]
        assert play.booked() == 0
        assert await play.ask("coder") == "two one"


async def test_a_person_who_unloads_one_has_its_memory_back() -> None:
    """The server goes on, asleep; loading it again is waking it."""
    async with stage() as play:
        await play.runner.observe()
        play.runner.unload(SPECS["coder"].id)
        async with asyncio.timeout(5):
            while play.states()[1] is not S.ABSENT:  # noqa: ASYNC110  # the runner tells the bus, not this test
                await asyncio.sleep(0.002)
        await play.runner.observe()
        assert play.states() == [S.ASLEEP, S.ASLEEP]
        await play.runner.wait_ready(SPECS["coder"].id, deadline=SystemClock().monotonic() + 5)
        assert play.states() == [S.ASLEEP, S.READY]


async def test_a_server_that_ends_is_gone_without_blame() -> None:
    """Awake or asleep, what it held is absent; the other has the room."""
    async with stage() as play:
        await play.runner.observe()
        await play.servers["coder"].stop()
        await play.runner.observe()
        assert play.states() == [S.ASLEEP, S.ABSENT]
        assert await play.ask("brain") == "two one"
        with pytest.raises(BatutaError, match="running"):
            await play.ask("coder")


async def test_without_sleep_nothing_leaves_and_nothing_breaks() -> None:
    """What cannot be put to sleep stays ready, whatever a person asks for, and answers."""
    async with stage(has_sleep_routes=False) as play:
        await play.runner.observe()
        assert play.states() == [S.READY, S.READY]
        with pytest.raises(CannotUnload, match="--enable-sleep-mode"):
            play.runner.unload(SPECS["brain"].id)
        assert play.states() == [S.READY, S.READY]
        assert [await play.ask(name) for name in NAMES] == ["two one"] * 2
        assert not [path for server in play.servers.values() for _, path in server.seen if path == "/sleep"]
