"""The runner: what happens between a decision and its end, in every order that the event loop allows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from batuta.catalog.entities import ModelSpec
from batuta.engines.base import LOST, LoadReport, ProgressListener, Resident
from batuta.errors import BatutaError, Cause, HostError, LoaderDown, ModelFailed, ModelNotFound, UpstreamUnreachable
from batuta.lifecycle import events as ev
from batuta.lifecycle.events import Priority
from batuta.lifecycle.ledger import MemoryLedger
from batuta.lifecycle.machine import Lifecycle
from batuta.lifecycle.runner import Lease, Runner
from batuta.lifecycle.states import ModelState
from batuta.observe.bus import Bus
from batuta.testing.clock import ManualClock
from batuta.testing.fake_engine import FakeEngine, FakeRemoteEngine
from batuta.testing.playbook import GB, remote, spec

BRAIN, CODER = spec("brain", 13 * GB), spec("coder", 9 * GB)


class Loads(FakeEngine):
    """A FakeEngine whose loads end when and how the test says, each by itself."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__(clock)
        self.begun: list[asyncio.Future[LoadReport]] = []
        self.held: set[str] = set()
        self.stopped: list[str] = []

    async def load(self, spec: ModelSpec, on_progress: ProgressListener) -> LoadReport:  # nobody asks
        self.begun.append(asyncio.get_running_loop().create_future())
        report = await self.begun[-1]
        self.held.add(spec.id)
        return report

    async def unload(self, spec: ModelSpec) -> None:
        self.stopped.append(spec.id)
        self.held.discard(spec.id)

    async def resident(self) -> Sequence[Resident]:
        return [Resident(model, GB) for model in self.held]


class Stage:
    """A runner over one engine."""

    def __init__(self, engine: FakeEngine | None = None) -> None:
        self.clock = ManualClock()
        self.loads = Loads(self.clock)
        self.engine = engine or self.loads
        self.lifecycle = Lifecycle({"host": MemoryLedger("host", 16 * GB)}, load_timeout_s=180.0)
        self.errors: list[tuple[str, BaseException]] = []
        self.reached: list[tuple[str, str]] = []
        self.runner = Runner(
            self.lifecycle,
            clock=self.clock,
            bus=Bus(),
            on_error=lambda *error: self.errors.append(error),
            reached=lambda provider, message="": self.reached.append((provider, message)),
        )

    def want(self, model: str, *, seconds: float = 500.0) -> asyncio.Task[Lease]:
        deadline = self.clock.monotonic() + seconds
        wait = self.runner.acquire(model, deadline=deadline, priority=Priority.NORMAL)
        return asyncio.get_running_loop().create_task(wait)

    def state(self, model: str) -> ModelState:
        return self.lifecycle.residencies[model].state


@asynccontextmanager
async def stage(engine: FakeEngine | None = None) -> AsyncIterator[Stage]:
    it = Stage(engine)
    await it.runner.start()
    for each in (BRAIN, CODER):
        it.runner.register(each, it.engine)
    try:
        yield it
        await it.clock.settle()
        it.lifecycle.check()
        assert it.errors == []
    finally:
        await it.runner.aclose()
        await it.engine.aclose()


async def test_a_load_that_is_cancelled_before_its_first_step_ends_all_the_same() -> None:
    """Wanted and unloaded in one turn of the loop: no model stays LOADING for ever, and its memory comes back."""
    async with stage() as s:
        s.runner.post(ev.Wanted("r", "brain", Priority.NORMAL, s.clock.monotonic() + 100))
        s.runner.unload("brain")
        assert s.state("brain") is ModelState.LOADING
        await s.clock.settle()
        assert s.state("brain") is ModelState.ABSENT
        assert s.loads.begun == []
        assert s.lifecycle.ledgers["host"].reserved == 0


@pytest.mark.parametrize("is_good", [True, False])
async def test_the_end_of_a_load_whose_loader_was_lost_says_nothing_about_the_next_load(is_good: bool) -> None:
    """The loader dies just as the load ends; its waiter's next load is another one."""
    async with stage() as s:
        waiter = s.want("brain")
        await s.clock.settle()
        s.runner._gone("brain", f"{LOST}the loader was killed")
        await s.clock.settle()
        first, second = s.loads.begun
        if is_good:
            first.set_result(LoadReport(0, 1.0))
        else:
            first.set_exception(LoaderDown("lost", cause=Cause.ENGINE_OFFLINE))
        await s.clock.settle()
        assert s.state("brain") is ModelState.LOADING
        assert not waiter.done()
        second.set_result(LoadReport(0, 1.0))
        (await waiter).release()
        assert s.state("brain") is ModelState.READY


async def test_a_load_that_finds_nobody_there_tells_so() -> None:
    """Who is known to be away can be known to be back, and is forgiven then; any other failure says nothing of that."""
    async with stage() as s:
        for error in (
            ModelFailed("no room", cause=Cause.OUT_OF_MEMORY),
            UpstreamUnreachable("the engine refused the connection", cause=Cause.ENGINE_OFFLINE),
        ):
            assert not any(message for _, message in s.reached)
            waiter = s.want("brain")
            await s.clock.settle()
            s.loads.begun[-1].set_exception(error)
            with pytest.raises(BatutaError):
                await waiter
            s.runner.reset_failed()
        assert s.reached[-1] == (BRAIN.provider_id, "the engine refused the connection")


async def test_an_engines_unexpected_error_fails_the_load_and_is_reported() -> None:
    """A bug of an adapter is no reason to wait for ever."""
    async with stage() as s:
        waiter = s.want("brain")
        await s.clock.settle()
        s.loads.begun[0].set_exception(KeyError("memory_bytes"))
        await s.clock.settle()
        with pytest.raises(ModelFailed) as caught:
            await waiter
        assert caught.value.cause is Cause.UNKNOWN
        assert s.state("brain") is ModelState.FAILED
        assert [type(error) for _, error in s.errors] == [KeyError]
        s.errors.clear()


async def test_a_waiter_cancelled_in_the_moment_of_its_grant_gives_the_lease_back() -> None:
    """Both orders: granted then cancelled, and cancelled then granted."""
    async with stage() as s:
        for cancel_first in (False, True):
            waiter = s.want("brain")
            await s.clock.settle()
            if cancel_first:
                waiter.cancel()
                s.runner.post(ev.Loaded("brain", 0, 1.0))
            else:
                s.runner.post(ev.Loaded("brain", 0, 1.0))
                waiter.cancel()
            await s.clock.settle()
            assert waiter.cancelled()
            assert s.lifecycle.leases == {}
            assert s.lifecycle.residencies["brain"].in_flight == 0
            s.runner.unload("brain")
            s.runner._loads.clear()
            await s.clock.settle()


async def test_a_waiter_cancelled_in_the_moment_of_its_refusal_leaves_nothing() -> None:
    """The error that nobody reads is not reported as forgotten."""
    async with stage() as s:
        waiter = s.want("brain")
        await s.clock.settle()
        s.loads.begun[0].set_exception(ModelFailed("x", cause=Cause.TIMEOUT))
        await asyncio.sleep(0)
        waiter.cancel()
        await s.clock.settle()
        assert len(s.lifecycle.waiting) == 0
        assert s.runner._futures == {}


async def test_a_lease_of_a_model_that_crashed_and_left_the_catalog_since_its_grant_is_refused() -> None:
    """In words, not with a KeyError, and nothing is left over."""
    async with stage() as s:
        waiter = s.want("brain")
        await s.clock.settle()
        s.runner.post(ev.Loaded("brain", 0, 1.0))
        s.runner.forget("brain")
        s.runner._gone("brain", "signal 9")
        with pytest.raises(ModelNotFound, match="has left the catalog"):
            await waiter
        assert s.lifecycle.leases == {}


async def test_what_was_forgotten_is_let_go_with_its_engine() -> None:
    """Providers come and go; their engines are not kept."""
    async with stage() as s:
        far = FakeRemoteEngine(s.clock)
        s.runner.register(remote("api/x"), far)
        s.runner.forget("api/x")
        assert "api/x" not in s.runner._engines
        assert "api/x" not in s.lifecycle.residencies


async def test_an_engine_is_watched_once_however_many_models_it_holds() -> None:
    """A death is told once."""
    async with stage() as s:
        s.runner.register(BRAIN, s.engine)
        assert len(s.engine._listeners) == 1


async def test_after_the_end_nothing_is_started_and_everybody_who_waits_is_told() -> None:
    """A loader that is lost while Batuta ends starts no load for those who waited."""
    async with stage() as s:
        waiter = s.want("brain")
        await s.clock.settle()
        await s.runner.aclose()
        with pytest.raises(HostError, match="shutting down"):
            await waiter
        s.runner._gone("brain", f"{LOST}it ended too")
        with pytest.raises(HostError, match="shutting down"):
            await s.want("coder")
        assert len(s.loads.begun) == 1


async def test_a_ready_model_is_ready_although_all_its_slots_are_in_use() -> None:
    """`wait` asks for the model, not for a turn."""
    async with stage() as s:
        first = s.want("brain")
        await s.clock.settle()
        s.loads.begun[0].set_result(LoadReport(0, 1.0))
        leases = [await first, *[await s.want("brain") for _ in range(3)]]
        assert s.runner.would_wait("brain")
        assert s.runner.would_wait("coder")
        await s.runner.wait_ready("brain", deadline=s.clock.monotonic())
        leases.pop().release()
        assert not s.runner.would_wait("brain")
        for lease in leases:
            lease.release()


async def test_a_look_at_an_engine_does_not_judge_what_changed_meanwhile() -> None:
    """A model that was loaded while the engine answered is not taken for vanished."""

    class Slow(Loads):
        async def resident(self) -> Sequence[Resident]:
            held = await super().resident()
            await self.clock.sleep(1.0)
            return held

    clock_owner = Slow(ManualClock())
    async with stage(clock_owner) as s:
        clock_owner.clock = s.clock
        waiter = s.want("brain")
        look = asyncio.get_running_loop().create_task(s.runner.observe())
        await s.clock.settle()
        clock_owner.begun[0].set_result(LoadReport(0, 1.0))
        (await waiter).release()
        await s.clock.advance(1.0)
        await look
        assert s.state("brain") is ModelState.READY
        clock_owner.held.clear()
        look = asyncio.get_running_loop().create_task(s.runner.observe())
        await s.clock.advance(1.0)
        await look
        assert s.state("brain") is ModelState.ABSENT


async def test_an_engine_that_cannot_be_asked_is_believed_to_hold_what_it_held() -> None:
    """Its silence is no word about its models."""

    class Mute(Loads):
        async def resident(self) -> Sequence[Resident]:
            raise LoaderDown("no answer")

    async with stage(Mute(ManualClock())) as s:
        s.runner.post(ev.Wanted("r", "brain", Priority.NORMAL, s.clock.monotonic() + 100))
        s.runner.post(ev.Loaded("brain", 0, 1.0))
        await s.runner.observe()
        assert s.state("brain") is ModelState.READY
        s.runner._loads.clear()


async def test_word_of_a_death_that_has_come_already_is_not_waited_for() -> None:
    """The retry of a crashed request loses no second."""
    async with stage() as s:
        waiter = s.want("brain")
        await s.clock.settle()
        s.loads.begun[0].set_result(LoadReport(0, 1.0))
        lease = await waiter
        notice = asyncio.get_running_loop().create_task(s.runner.await_notice("brain"))
        await s.clock.advance(0.2)
        assert not notice.done()
        s.runner._gone("brain", "signal 9")
        await s.clock.advance(0.1)
        assert notice.done()
        started = s.clock.monotonic()
        await s.runner.await_notice("brain")
        assert s.clock.monotonic() == started
        lease.release()


async def test_an_unload_that_the_engine_refuses_leaves_the_model_where_it_is() -> None:
    """And its words are in the story."""

    class Stubborn(Loads):
        async def unload(self, spec: ModelSpec) -> None:
            raise BatutaError(f"{spec.id} is busy")

    async with stage(Stubborn(ManualClock())) as s:
        waiter = s.want("brain")
        await s.clock.settle()
        s.engine.begun[0].set_result(LoadReport(0, 1.0))  # type: ignore[attr-defined]  # it is a Loads
        (await waiter).release()
        s.runner.unload("brain")
        await s.clock.settle()
        assert s.state("brain") is ModelState.READY
        assert any("is busy" in line.text for line in s.runner.story("brain"))


async def test_an_aborted_load_is_stopped_at_its_engine_before_its_memory_counts_as_free() -> None:
    """Cancelling the wait for a load does not abort the load."""
    async with stage() as s:
        waiter = s.want("brain")
        await s.clock.settle()
        s.runner.unload("brain")
        with pytest.raises(ModelFailed, match="cancelled"):
            await waiter
        await s.clock.settle()
        assert s.loads.stopped == ["brain"]
        assert s.state("brain") is ModelState.ABSENT


async def test_a_model_that_its_engine_is_loading_again_is_not_taken_for_vanished() -> None:
    """Its watch tells what became of it."""

    class Busy(Loads):
        async def resident(self) -> Sequence[Resident]:
            return [Resident("brain", 0, is_loading=True)]

    async with stage(Busy(ManualClock())) as s:
        s.runner.post(ev.Wanted("r", "brain", Priority.NORMAL, s.clock.monotonic() + 100))
        s.runner.post(ev.Loaded("brain", 0, 1.0))
        await s.runner.observe()
        assert s.state("brain") is ModelState.READY
        s.runner._loads.clear()


async def test_those_who_waited_for_the_same_load_get_an_error_each() -> None:
    """The same words, not the same object: tracebacks do not pile up."""
    async with stage() as s:
        waiters = [s.want("brain") for _ in range(3)]
        await s.clock.settle()
        s.loads.begun[0].set_exception(ModelFailed("no memory", cause=Cause.CRASH))
        errors = await asyncio.gather(*waiters, return_exceptions=True)
        assert len({id(error) for error in errors}) == 3
        assert len({str(error) for error in errors}) == 1
